"""
The scope of a caller: filters in the statements and, as a second check, row-level security in Postgres.

A caller scoped to VPPs sees them and their sites, events and reports. A caller scoped to sites sees only them, and in
reports only their line items. A statement for a scoped caller runs as one of the roles below. The row-level security
policies of these roles admit the rows that the filters admit, or a few more: if a statement lacks its filter, the
caller still sees no row outside the scope. Statements for an unrestricted caller run as the database owner, without
filters or a role change, so scope has no overhead there.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Date,
    Select,
    Uuid,
    any_,
    bindparam,
    column,
    false,
    func,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE
from sqlalchemy.ext.asyncio import AsyncSession

# Roles of the whole Postgres cluster; migration 0010 creates them with their policies.
READER, OPERATOR = "vpp_held_reader", "vpp_held_operator"

Condition: TypeAlias = tuple[ColumnElement[bool], ...]
# A column of any type: SQLModel and SQLAlchemy declare different types for the same column.
Column: TypeAlias = Any

# The tables with only the columns that are needed here: the modules that define the tables import this module.
MEMBERSHIPS = table("memberships", column("site_id", Uuid), column("vpp_id", Uuid), column("effective", DATERANGE))
REPORTS = table("revenue_reports", column("id", Uuid), column("vpp_id", Uuid), column("status"))
LINE_ITEMS = table("site_line_items", column("report_id", Uuid), column("site_id", Uuid))

# The names of the bind parameters that hold the ids of a scope.
VPP_IDS, SITE_IDS = "scope_vpp_ids", "scope_site_ids"

# The current settlement date: NEM time is UTC+10 all year.
TODAY = func.timezone(text("interval '10 hours'"), func.now()).cast(Date)


@dataclass(frozen=True)
class Scope:
    """
    The VPPs or the sites that a caller may see; None for both means all.

    Only with `may_change` may the caller also change them. Each method returns the conditions for the rows of a table
    that the caller may see, given the columns of the table.
    """

    vpp_ids: frozenset[UUID] | None = None
    site_ids: frozenset[UUID] | None = None
    may_change: bool = False

    @property
    def is_restricted(self) -> bool:
        return self.vpp_ids is not None or self.site_ids is not None

    def vpps(self, id: Column) -> Condition:
        """VPPs of the scope; for a scope of sites the VPPs that a site was ever a member of or was settled with."""
        if self.site_ids is not None:
            belonged = select(MEMBERSHIPS.c.vpp_id).where(_among(MEMBERSHIPS.c.site_id, SITE_IDS, self.site_ids))
            settled = select(REPORTS.c.vpp_id).where(*self.reports(REPORTS.c))
            return (id.in_(belonged) | id.in_(settled),)
        return () if self.vpp_ids is None else (_among(id, VPP_IDS, self.vpp_ids),)

    def sites(self, id: Column) -> Condition:
        """Sites and their batteries: sites of the scope, or sites that were ever members of its VPPs."""
        if self.site_ids is not None:
            return (_among(id, SITE_IDS, self.site_ids),)
        return () if self.vpp_ids is None else (id.in_(self._members()),)

    def sites_to_change(self, id: Column) -> Condition:
        """Sites that are members of the scope's VPPs today or later, not those that have left."""
        if self.site_ids is not None:
            return (false(),)
        until = func.upper(MEMBERSHIPS.c.effective)
        members = self._members().where(until.is_(None) | (until > TODAY))
        return () if self.vpp_ids is None else (id.in_(members),)

    def memberships(self, site_id: Column, vpp_id: Column) -> Condition:
        """Memberships in the scope's VPPs, or of its sites."""
        if self.site_ids is not None:
            return (_among(site_id, SITE_IDS, self.site_ids),)
        return () if self.vpp_ids is None else (_among(vpp_id, VPP_IDS, self.vpp_ids),)

    def events(self, site_id: Column, settlement_date: Column) -> Condition:
        """Events of the scope's sites, or of days on which a site was a member of its VPPs."""
        if self.site_ids is not None:
            return (_among(site_id, SITE_IDS, self.site_ids),)
        on_the_day = self._members().where(
            MEMBERSHIPS.c.site_id == site_id, MEMBERSHIPS.c.effective.contains(settlement_date)
        )
        return () if self.vpp_ids is None else (on_the_day.exists(),)

    def reports(self, report: Any) -> Condition:
        """Reports of the scope's VPPs, or READY reports with a line item of its sites."""
        if self.site_ids is not None:
            lines = select(LINE_ITEMS.c.report_id).where(_among(LINE_ITEMS.c.site_id, SITE_IDS, self.site_ids))
            return (report.status == "READY", report.id.in_(lines))
        return () if self.vpp_ids is None else (_among(report.vpp_id, VPP_IDS, self.vpp_ids),)

    def line_items(self, report_id: Column, site_id: Column) -> Condition:
        """Line items in reports of the scope's VPPs, or of its sites."""
        if self.site_ids is not None:
            return (_among(site_id, SITE_IDS, self.site_ids),)
        return () if self.vpp_ids is None else (report_id.in_(select(REPORTS.c.id).where(*self.reports(REPORTS.c))),)

    def imports(self, vpp_ids: Column) -> Condition:
        """Imports that are restricted to VPPs of the scope."""
        if self.site_ids is not None:
            return (false(),)
        return () if self.vpp_ids is None else (vpp_ids.contained_by(_ids_parameter(VPP_IDS, self.vpp_ids)),)

    def parks(self) -> Condition:
        """Parks and their readings: they belong to no VPP, so only an unrestricted caller sees them."""
        return (false(),) if self.is_restricted else ()

    def bind_values(self) -> dict[str, object]:
        """Return the values of the conditions' bind parameters. The SQL text is the same for all scopes of one kind."""
        return {
            name: sorted(ids) for name, ids in ((VPP_IDS, self.vpp_ids), (SITE_IDS, self.site_ids)) if ids is not None
        }

    def set_local_role(self) -> Select[Any]:
        """Return the statement that switches its transaction to the role and the ids of this scope."""
        return select(*(func.set_config(name, value, True) for name, value in self._settings().items()))

    def begin_with_local_role(self) -> str:
        """Return a script that begins a transaction with the role and the ids of this scope, in one round trip."""
        return "begin; " + "; ".join(f"set local {name} = '{value}'" for name, value in self._settings().items())

    def _settings(self) -> dict[str, str]:
        return {
            "vpp.vpp_ids": _comma_separated(self.vpp_ids),
            "vpp.site_ids": _comma_separated(self.site_ids),
            "role": OPERATOR if self.may_change else READER,
        }

    def _members(self) -> Select[Any]:
        return select(MEMBERSHIPS.c.site_id).where(_among(MEMBERSHIPS.c.vpp_id, VPP_IDS, self.vpp_ids or ()))


UNRESTRICTED = Scope(may_change=True)


def scope_of(session: AsyncSession) -> Scope:
    """Return the scope of a session's transaction."""
    scope: Scope = session.info.get("scope", UNRESTRICTED)
    return scope


@asynccontextmanager
async def as_database_owner(session: AsyncSession) -> AsyncIterator[None]:
    """
    Run the statements of the block without the restrictions of the session's scope.

    It is for consequences of a change that the caller was allowed to make: a job, an audit entry, a row count.
    """
    scope = scope_of(session)
    if not scope.is_restricted:
        yield
        return
    await session.flush()
    await session.execute(select(_as_role("none")))
    session.info["scope"] = UNRESTRICTED
    # An error in the block rolls the transaction back, and the role with it.
    yield
    await session.flush()
    session.info["scope"] = scope
    await session.execute(scope.set_local_role())


def _as_role(name: str) -> Any:
    return func.set_config("role", name, True)


def _among(id: Column, name: str, ids: Collection[UUID]) -> ColumnElement[bool]:
    return id == any_(_ids_parameter(name, ids))  # type: ignore[no-any-return]


def _ids_parameter(name: str, ids: Collection[UUID]) -> BindParameter[Any]:
    # The ids are one array with a fixed name, so that the SQL text is the same for all callers.
    return bindparam(name, sorted(ids), ARRAY(Uuid))


def _comma_separated(ids: frozenset[UUID] | None) -> str:
    return ",".join(str(id) for id in sorted(ids or ()))
