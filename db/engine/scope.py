"""
What a caller is held to: filters for the statements themselves, and behind them a role of Postgres's.

Whoever is held to VPPs sees these and what is theirs; whoever is held to sites sees these alone, and of reports their
own lines. A statement that is run for a held caller is run as one of the roles below, for which row-level security
lets through what these filters let through, or a little more: a filter that was forgotten shows nothing to the wrong
one. A caller held to nothing runs statements as ourselves, and pays for none of this.
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

READER, OPERATOR = "vpp_held_reader", "vpp_held_operator"

Condition: TypeAlias = tuple[ColumnElement[bool], ...]
# A column, of whatever type it is said to be.
Column: TypeAlias = Any

# Of the tables no more than it takes: those who own them import this.
MEMBERSHIPS = table("memberships", column("site_id", Uuid), column("vpp_id", Uuid), column("effective", DATERANGE))
REPORTS = table("revenue_reports", column("id", Uuid), column("vpp_id", Uuid), column("status"))
LINE_ITEMS = table("site_line_items", column("report_id", Uuid), column("site_id", Uuid))

# What the values are called by which conditions know what a caller is held to.
VPP_IDS, SITE_IDS = "scope_vpp_ids", "scope_site_ids"

# In NEM time, as all settlement dates.
TODAY = func.timezone(text("interval '10 hours'"), func.now()).cast(Date)


@dataclass(frozen=True)
class Scope:
    """The VPPs or the sites a caller is held to, None for all; `may_change` says whether it may change what it sees."""

    vpp_ids: frozenset[UUID] | None = None
    site_ids: frozenset[UUID] | None = None
    may_change: bool = False

    @property
    def is_restricted(self) -> bool:
        return self.vpp_ids is not None or self.site_ids is not None

    def vpps(self, id: Column) -> Condition:
        """VPPs: those it is held to, or those its sites ever belonged to, or were settled with."""
        if self.site_ids is not None:
            belonged = select(MEMBERSHIPS.c.vpp_id).where(_among(MEMBERSHIPS.c.site_id, SITE_IDS, self.site_ids))
            settled = select(REPORTS.c.vpp_id).where(*self.reports(REPORTS.c))
            return (id.in_(belonged) | id.in_(settled),)
        return () if self.vpp_ids is None else (_among(id, VPP_IDS, self.vpp_ids),)

    def sites(self, id: Column) -> Condition:
        """Sites, with their batteries: those it is held to, or those that ever belonged to its VPPs."""
        if self.site_ids is not None:
            return (_among(id, SITE_IDS, self.site_ids),)
        return () if self.vpp_ids is None else (id.in_(self._members()),)

    def sites_to_change(self, id: Column) -> Condition:
        """Sites that belong to its VPPs today, or will: not those that have left them."""
        if self.site_ids is not None:
            return (false(),)
        until = func.upper(MEMBERSHIPS.c.effective)
        still = self._members().where(until.is_(None) | (until > TODAY))
        return () if self.vpp_ids is None else (id.in_(still),)

    def memberships(self, site_id: Column, vpp_id: Column) -> Condition:
        """Memberships in its VPPs, or of its sites."""
        if self.site_ids is not None:
            return (_among(site_id, SITE_IDS, self.site_ids),)
        return () if self.vpp_ids is None else (_among(vpp_id, VPP_IDS, self.vpp_ids),)

    def events(self, site_id: Column, settlement_date: Column) -> Condition:
        """Events of its sites, or of the days on which a site belonged to its VPPs."""
        if self.site_ids is not None:
            return (_among(site_id, SITE_IDS, self.site_ids),)
        on_the_day = self._members().where(
            MEMBERSHIPS.c.site_id == site_id, MEMBERSHIPS.c.effective.contains(settlement_date)
        )
        return () if self.vpp_ids is None else (on_the_day.exists(),)

    def reports(self, report: Any) -> Condition:
        """Reports, given their table's columns: of its VPPs, or those that are ready and have a line of its sites."""
        if self.site_ids is not None:
            lines = select(LINE_ITEMS.c.report_id).where(_among(LINE_ITEMS.c.site_id, SITE_IDS, self.site_ids))
            return (report.status == "READY", report.id.in_(lines))
        return () if self.vpp_ids is None else (_among(report.vpp_id, VPP_IDS, self.vpp_ids),)

    def line_items(self, report_id: Column, site_id: Column) -> Condition:
        """Line items of its VPPs' reports, or of its sites."""
        if self.site_ids is not None:
            return (_among(site_id, SITE_IDS, self.site_ids),)
        return () if self.vpp_ids is None else (report_id.in_(select(REPORTS.c.id).where(*self.reports(REPORTS.c))),)

    def imports(self, vpp_ids: Column) -> Condition:
        """Imports that could speak of no other VPP than its own."""
        if self.site_ids is not None:
            return (false(),)
        return () if self.vpp_ids is None else (vpp_ids.contained_by(_given(VPP_IDS, self.vpp_ids)),)

    def parks(self) -> Condition:
        """Parks, with all that is of them: they belong to no VPP, so nobody who is held to any has to do with them."""
        return (false(),) if self.is_restricted else ()

    def bind_values(self) -> dict[str, object]:
        """Return the values by which its conditions know what it is held to: what else they say is the same for all."""
        return {
            name: sorted(ids) for name, ids in ((VPP_IDS, self.vpp_ids), (SITE_IDS, self.site_ids)) if ids is not None
        }

    def set_local_role(self) -> Select[Any]:
        """Return the statement that holds the transaction it is run in to this."""
        return select(*(func.set_config(name, value, True) for name, value in self._settings().items()))

    def begin_with_local_role(self) -> str:
        """Return what begins a transaction that is held to this, in one go."""
        return "begin; " + "; ".join(f"set local {name} = '{value}'" for name, value in self._settings().items())

    def _settings(self) -> dict[str, str]:
        return {
            "vpp.vpp_ids": _written(self.vpp_ids),
            "vpp.site_ids": _written(self.site_ids),
            "role": OPERATOR if self.may_change else READER,
        }

    def _members(self) -> Select[Any]:
        return select(MEMBERSHIPS.c.site_id).where(_among(MEMBERSHIPS.c.vpp_id, VPP_IDS, self.vpp_ids or ()))


UNRESTRICTED = Scope(may_change=True)


def scope_of(session: AsyncSession) -> Scope:
    """Return what a session's transaction is held to."""
    scope: Scope = session.info.get("scope", UNRESTRICTED)
    return scope


@asynccontextmanager
async def as_database_owner(session: AsyncSession) -> AsyncIterator[None]:
    """Let what the block does reach everything: for what follows from a change that its caller was allowed to make."""
    scope = scope_of(session)
    if not scope.is_restricted:
        yield
        return
    await session.flush()
    await session.execute(select(_as_role("none")))
    session.info["scope"] = UNRESTRICTED
    # Whatever goes wrong in here undoes the transaction, and its role with it.
    yield
    await session.flush()
    session.info["scope"] = scope
    await session.execute(scope.set_local_role())


def _as_role(name: str) -> Any:
    return func.set_config("role", name, True)


def _among(id: Column, name: str, ids: Collection[UUID]) -> ColumnElement[bool]:
    return id == any_(_given(name, ids))  # type: ignore[no-any-return]


def _given(name: str, ids: Collection[UUID]) -> BindParameter[Any]:
    # One value, of one name, so that the statement is the same for all callers.
    return bindparam(name, sorted(ids), ARRAY(Uuid))


def _written(ids: frozenset[UUID] | None) -> str:
    return ",".join(str(id) for id in sorted(ids or ()))
