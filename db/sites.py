"""Sites and their memberships in VPPs."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, UniqueConstraint, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.audit_entries import Kind, SingleStatementWrite, insert_created_entries
from db.engine import timelines
from db.engine.database import ADVISORY_LOCK, AnyRow, ReadStatement, lock_name
from db.engine.names import normalised
from db.engine.refusals import Conflict, NotFound, ValidationFailed, translate_violations
from db.engine.scope import TODAY, Condition, Scope, as_database_owner, scope_of
from db.engine.statements import CompiledStatement, equals_any
from db.engine.tables import (
    Table,
    covers_day,
    created_at_column,
    no_overlap,
    not_empty_check,
    period_column,
    text_length_check,
    updated_at_column,
)
from db.engine.timelines import Timeline
from db.retroactive_changes import check_day_or_for_all_time, check_rewrites_nothing
from db.vpps import Vpp, VppNotFound, vpps

# Inserts a site under an advisory lock on its NMI; returns no row if the id exists.
SITE = f"""
    insert into sites (id, nmi, address)
    select :id, :nmi, :address
    from {ADVISORY_LOCK}
    on conflict (id) do nothing
    returning *
"""  # noqa: S608 Only constants.
# Inserts the first membership of a site.
MEMBERSHIP = """
    insert into memberships (site_id, effective, vpp_id)
    select :id, daterange(:effective_from, null), :vpp_id
"""
INSERT_SITE, INSERT_MEMBERSHIP = text(SITE), text(MEMBERSHIP)
# The same jsonb as audited_sites(), built from the inserted rows without reading them again.
AUDITED_SITE = """
    select
        id,
        jsonb_build_object(
            'nmi', nmi,
            'address', address,
            'memberships', jsonb_build_array(
                jsonb_build_object(
                    'vppId', vpp_id, 'effectiveFrom', lower(effective), 'effectiveUntil', upper(effective)
                )
            )
        )
    from site, membership
"""
# Creates a site, its membership and its audit entry, and returns the site; no row if the id exists.
CREATE_IN_ONE_STATEMENT = CompiledStatement(
    text(f"""
        with site as ({SITE}),
        membership as ({MEMBERSHIP} from site returning *),
        entry as ({insert_created_entries(Kind.SITE, AUDITED_SITE)})
        select site.* from site, membership
    """)  # noqa: S608 Only constants.
)


class Site(Table, table=True):
    __tablename__ = "sites"
    __table_args__ = (
        UniqueConstraint("nmi", name="sites_nmi_once"),
        CheckConstraint("nmi ~ '^[0-9A-HJ-NP-Z]{10}$'", name="sites_nmi_is_nmi"),
        text_length_check("sites", "address", max_length=500),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    nmi: str
    address: str
    created_at: datetime = created_at_column()
    updated_at: datetime = updated_at_column()


class Membership(Table, table=True):
    __tablename__ = "memberships"
    __table_args__ = (
        no_overlap("memberships", "site_id", name="one_vpp_at_a_time"),
        not_empty_check("memberships"),
    )

    site_id: UUID = Field(foreign_key="sites.id", ondelete="CASCADE", primary_key=True)
    effective: Range[date] = period_column(primary_key=True)
    vpp_id: UUID = Field(foreign_key="vpps.id", ondelete="RESTRICT", index=True)


class SiteNotFound(NotFound):
    """There is no site with the id {id}."""

    field = ("input", "id")


class MembershipVppNotFound(VppNotFound):
    """There is no VPP with the id {id}."""

    constraint = "memberships_vpp_id_fkey"
    field = ("input", "vppId")


class NmiTaken(Conflict):
    """There is a site with the NMI {nmi} already."""

    constraint = "sites_nmi_once"
    field = ("input", "nmi")


class AddressRefused(ValidationFailed):
    """An address has 1 to 500 characters."""

    constraint = "sites_address_is_text"
    field = ("input", "address")


class SiteIdTaken(Conflict):
    """The id {id} already belongs to another site."""

    field = ("input", "id")


class DaysOutOfScope(Conflict):
    """On some of these days the site belonged to a VPP outside your access; send an effectiveFrom after them."""

    constraint = "memberships_one_vpp_at_a_time"
    field = ("input", "effectiveFrom")


class SiteLeftAlready(Conflict):
    """This site belongs to no VPP on {effective_from} or later; there is no membership to end."""

    field = ("input", "effectiveFrom")


class SiteHasEvents(Conflict):
    """This site has events; a site that has none can be deleted."""

    constraint = "site_months_site_id_fkey"
    field = ("input", "id")


def sites(scope: Scope) -> ReadStatement:
    """Select sites."""
    columns = (col(Site.id), col(Site.nmi), col(Site.address), col(Site.created_at), col(Site.updated_at))
    return select(*columns).where(*scope.sites(col(Site.id)))


def memberships(scope: Scope, site_ids: Sequence[UUID]) -> ReadStatement:
    """Select all memberships of some sites, earliest first."""
    return (
        select(col(Membership.site_id), col(Membership.vpp_id), col(Membership.effective))
        .where(equals_any(col(Membership.site_id), site_ids), *_scoped(scope))
        .order_by(col(Membership.effective))
    )


def vpps_of_sites(scope: Scope, site_ids: Sequence[UUID], *, on: date, today: date) -> ReadStatement:
    """Select the VPP of each of some sites on a settlement date, with the terms of today."""
    return (
        vpps(scope, today=today)
        .add_columns(col(Membership.site_id))
        .join(Membership, col(Membership.vpp_id) == Vpp.id)
        .where(
            equals_any(col(Membership.site_id), site_ids), covers_day(col(Membership.effective), on), *_scoped(scope)
        )
    )


def member_days(scope: Scope) -> ReadStatement:
    """Select the NMI, site id and period of each membership in VPPs of the scope."""
    return (
        select(col(Site.nmi), col(Site.id), col(Membership.effective))
        .join(Membership, col(Membership.site_id) == Site.id)
        .where(*_scoped(scope))
    )


def sites_of_vpps(scope: Scope, vpp_ids: Sequence[UUID], on: date) -> ReadStatement:
    """Select the sites that are members of some VPPs on a settlement date."""
    return (
        sites(scope)
        .join(Membership, col(Membership.site_id) == Site.id)
        .where(equals_any(col(Membership.vpp_id), vpp_ids), covers_day(col(Membership.effective), on), *_scoped(scope))
    )


async def create(
    session: AsyncSession | SingleStatementWrite,
    *,
    id: UUID | None,
    vpp_id: UUID,
    nmi: str,
    address: str,
    effective_from: date | None = None,
) -> UUID:
    """
    Create a site that is a member of a VPP from a day on or for all days, and return its id.

    The same call sent again returns the same id. Raises NmiTaken, AddressRefused, MembershipVppNotFound, SiteIdTaken;
    as a SingleStatementWrite, AlreadyExists if the id exists.
    """
    id, address = id or uuid4(), normalised(address)
    site = {
        "id": id,
        "vpp_id": vpp_id,
        "nmi": nmi,
        "address": address,
        "effective_from": effective_from,
        "lock_name": lock_name("site", nmi),
    }
    with translate_violations(NmiTaken(nmi=nmi), AddressRefused(), MembershipVppNotFound(id=vpp_id)):
        if isinstance(session, SingleStatementWrite):
            await session.create(CREATE_IN_ONE_STATEMENT, site)
            return id
        await _check_vpp(session, id=vpp_id)
        # The site comes into the caller's scope only by the membership that is inserted next.
        async with as_database_owner(session):
            is_new = await session.scalar(INSERT_SITE, site)
        if is_new:
            await session.execute(INSERT_MEMBERSHIP, site)
            return id
    await _check_same_as_existing(session, id=id, new=(nmi, address, [(vpp_id, Range(effective_from, None))]))
    return id


async def update_site(session: AsyncSession, *, id: UUID, nmi: str | None = None, address: str | None = None) -> UUID:
    """
    Change the NMI or the address of a site; arguments that are None change nothing.

    Raises SiteNotFound, NmiTaken, AddressRefused.
    """
    changes: dict[str, Any] = {} if nmi is None else {"nmi": nmi}
    changes |= {} if address is None else {"address": normalised(address)}
    with translate_violations(NmiTaken(nmi=nmi), AddressRefused()):
        await lock_and_update(session, id=id, **changes)
    return id


async def assign(
    session: AsyncSession,
    *,
    site_id: UUID,
    vpp_id: UUID,
    effective_from: date | None = None,
    for_all_time: bool = False,
) -> UUID:
    """
    Move a site to a VPP, from a day on or for all days.

    Raises DayWithForAllTime, SiteNotFound, MembershipVppNotFound, DaysOutOfScope; without `effective_from` and
    `for_all_time` RewritesHistory.
    """
    check_day_or_for_all_time(effective_from, for_all_time=for_all_time)
    await _check_vpp(session, id=vpp_id)
    await lock_and_update(session, id=site_id, field=("input", "siteId"))
    old = await _memberships(session, site_id=site_id)
    new = old.replaced(vpp_id, effective_from=effective_from)
    with translate_violations(MembershipVppNotFound(id=vpp_id), DaysOutOfScope()):
        await _replace_memberships(session, site_id=site_id, memberships=new)
    # After the change, so that days out of scope are refused first.
    if effective_from is None and not for_all_time:
        differences = old.differences(new)
        changed_days = ((id, days) for days, *vpp_ids in differences for id in vpp_ids if id is not None)
        await check_rewrites_nothing(session, old, new, noun="membership", changed_days=changed_days)
    return site_id


async def unassign(session: AsyncSession, *, site_id: UUID, effective_from: date) -> UUID:
    """
    End the membership of a site, so that from a day on it belongs to no VPP.

    The same call sent again changes nothing. Raises SiteNotFound, DaysOutOfScope, SiteLeftAlready.
    """
    await lock_and_update(session, id=site_id, field=("input", "siteId"))
    await check_past_in_scope(session, site_id=site_id, effective_from=effective_from)
    old = await _memberships(session, site_id=site_id)
    new = old.ended(effective_from=effective_from)
    if new == old and not (old.periods and old.periods[-1][0].upper == effective_from):
        raise SiteLeftAlready(effective_from=effective_from)
    await _replace_memberships(session, site_id=site_id, memberships=new)
    return site_id


async def delete_site(session: AsyncSession, *, id: UUID) -> AnyRow:
    """
    Delete a site that never had an event, and return the deleted row.

    Raises SiteNotFound, DaysOutOfScope, SiteHasEvents.
    """
    await lock_and_update(session, id=id)
    await check_past_in_scope(session, site_id=id, effective_from=None)
    site = sites(scope_of(session)).selected_columns
    with translate_violations(SiteHasEvents()):
        deleted = await session.execute(delete(Site).where(col(Site.id) == id).returning(*site))
    return deleted.one()


async def lock_and_update(
    session: AsyncSession, *, id: UUID, field: tuple[str, ...] = ("input", "id"), **changes: Any
) -> None:
    """
    Update columns of a site, and lock it until the transaction ends, so that concurrent changes are serialised.

    Raises SiteNotFound at the given input field.
    """
    updated_id = await session.scalar(
        update(Site).where(*_to_change(session, id)).values(updated_at=func.now(), **changes).returning(col(Site.id))
    )
    if updated_id is None:
        raise SiteNotFound(id=id, field=field)


async def check_past_in_scope(session: AsyncSession, *, site_id: UUID, effective_from: date | None) -> None:
    """
    Check that a change from a day on, or for all days, affects no past day in a VPP outside the caller's scope.

    Raises DaysOutOfScope.
    """
    vpp_ids = scope_of(session).vpp_ids
    if vpp_ids is None:
        return
    other_vpps = select(col(Membership.site_id)).where(
        *(col(Membership.site_id) == site_id, col(Membership.vpp_id).not_in(vpp_ids)),
        col(Membership.effective).op("&&")(func.daterange(effective_from, func.greatest(effective_from, TODAY), "[]")),
    )
    # Memberships outside the scope are invisible to the caller's role.
    async with as_database_owner(session):
        is_out_of_scope = await session.scalar(select(other_vpps.exists()))
    if is_out_of_scope:
        raise DaysOutOfScope


def _scoped(scope: Scope) -> Condition:
    return scope.memberships(col(Membership.site_id), col(Membership.vpp_id))


def _to_change(session: AsyncSession, id: UUID) -> Condition:
    return (col(Site.id) == id, *scope_of(session).sites_to_change(col(Site.id)))


async def _check_vpp(session: AsyncSession, *, id: UUID) -> None:
    vpp_ids = scope_of(session).vpp_ids
    if vpp_ids is not None and id not in vpp_ids:
        raise MembershipVppNotFound(id=id)


async def _check_same_as_existing(
    session: AsyncSession, *, id: UUID, new: tuple[str, str, list[tuple[UUID, Range[date]]]]
) -> None:
    scope = scope_of(session)
    site = (await session.execute(sites(scope).where(col(Site.id) == id))).one_or_none()
    periods = [(row.vpp_id, row.effective) for row in await session.execute(memberships(scope, [id]))]
    if site is None or (site.nmi, site.address, periods) != new:
        raise SiteIdTaken(id=id)


async def _memberships(session: AsyncSession, *, site_id: UUID) -> Timeline[UUID]:
    rows = await session.execute(memberships(scope_of(session), [site_id]))
    return timelines.timeline([(row.effective, row.vpp_id) for row in rows])


async def _replace_memberships(session: AsyncSession, *, site_id: UUID, memberships: Timeline[UUID]) -> None:
    await session.execute(delete(Membership).where(col(Membership.site_id) == site_id))
    rows = [{"site_id": site_id, "effective": days, "vpp_id": vpp_id} for days, vpp_id in memberships.periods]
    if rows:
        await session.execute(insert(Membership), rows)
