"""VPPs and their price schedules."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, UniqueConstraint, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine import timelines
from db.engine.database import ReadStatement, take_advisory_lock
from db.engine.names import escaped, normalised_name
from db.engine.refusals import Conflict, NotFound, Unauthorized, ValidationFailed, translate_violations
from db.engine.scope import Scope, scope_of
from db.engine.statements import equals_any
from db.engine.tables import (
    Table,
    covers_day,
    created_at_column,
    nfc_check,
    no_overlap,
    not_empty_check,
    period_column,
    text_length_check,
    updated_at_column,
)
from db.engine.timelines import Timeline
from db.retroactive_changes import check_day_or_for_all_time, check_rewrites_nothing


class Vpp(Table, table=True):
    __tablename__ = "vpps"
    __table_args__ = (
        UniqueConstraint("name", name="vpps_name_once"),
        text_length_check("vpps", "name", max_length=200),
        nfc_check("vpps", "name"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    created_at: datetime = created_at_column()
    updated_at: datetime = updated_at_column()


class PriceSchedule(Table, table=True):
    __tablename__ = "price_schedules"
    __table_args__ = (
        no_overlap("price_schedules", "vpp_id", name="one_at_a_time"),
        not_empty_check("price_schedules"),
        CheckConstraint("revenue_percentage between 0 and 100", name="price_schedules_percentage_is_0_to_100"),
        CheckConstraint("daily_fee_aud between 0 and 1000000", name="price_schedules_fee_is_0_to_1000000"),
    )

    vpp_id: UUID = Field(foreign_key="vpps.id", ondelete="CASCADE", primary_key=True)
    effective: Range[date] = period_column(primary_key=True)
    revenue_percentage: Decimal
    daily_fee_aud: Decimal


class VppNotFound(NotFound):
    """There is no VPP with the id {id}."""

    field = ("input", "id")


class VppNameTaken(Conflict):
    """There is a VPP named "{name}" already."""

    constraint = "vpps_name_once"
    field = ("input", "name")


class VppNameRefused(ValidationFailed):
    """A VPP's name has 1 to 200 characters."""

    constraint = "vpps_name_is_text"
    field = ("input", "name")


class PercentageOutOfRange(ValidationFailed):
    """A revenue percentage is from 0 to 100, not {revenue_percentage}."""

    constraint = "price_schedules_percentage_is_0_to_100"
    field = ("input", "revenuePercentage")


class DailyFeeOutOfRange(ValidationFailed):
    """A daily fee is from 0 to 1,000,000 dollars, not {daily_fee_aud}."""

    constraint = "price_schedules_fee_is_0_to_1000000"
    field = ("input", "dailyFeeAud")


class NameWithEffectiveFrom(ValidationFailed):
    """effectiveFrom applies only to revenuePercentage and dailyFeeAud: leave it out, or send name in another call."""

    field = ("input", "effectiveFrom")


class VppIdTaken(Conflict):
    """The id {id} already belongs to another VPP."""

    field = ("input", "id")


class VppOutOfScope(Unauthorized):
    """Your access is limited to some VPPs, so you cannot create a VPP; ask an operator with access to all VPPs."""


class VppHasSites(Conflict):
    """This VPP has sites, or has had them; a VPP that never had any can be deleted."""

    constraint = "memberships_vpp_id_fkey"
    field = ("input", "id")


class VppHasReports(Conflict):
    """This VPP has revenue reports; a VPP without any can be deleted."""

    constraint = "revenue_reports_vpp_id_fkey"
    field = ("input", "id")


@dataclass(frozen=True)
class Terms:
    """The terms of a VPP: its share of the revenue in %, and its daily fee in AUD, charged for 28 days a month."""

    revenue_percentage: Decimal
    daily_fee_aud: Decimal


def vpps(scope: Scope, *, today: date) -> ReadStatement:
    """Select VPPs with the terms of today."""
    in_force = covers_day(col(PriceSchedule.effective), today)
    return (
        select(
            *(col(Vpp.id), col(Vpp.name), col(Vpp.created_at), col(Vpp.updated_at)),
            *(col(PriceSchedule.revenue_percentage), col(PriceSchedule.daily_fee_aud)),
        )
        .join(PriceSchedule, (col(PriceSchedule.vpp_id) == Vpp.id) & in_force)
        .where(*scope.vpps(col(Vpp.id)))
    )


def price_schedules(scope: Scope, vpp_ids: Sequence[UUID]) -> ReadStatement:
    """Select all price schedules of some VPPs, earliest first."""
    return (
        select(
            *(col(PriceSchedule.vpp_id), col(PriceSchedule.effective)),
            *(col(PriceSchedule.revenue_percentage), col(PriceSchedule.daily_fee_aud)),
        )
        .where(equals_any(col(PriceSchedule.vpp_id), vpp_ids), *scope.vpps(col(PriceSchedule.vpp_id)))
        .order_by(col(PriceSchedule.effective))
    )


async def create(session: AsyncSession, *, id: UUID | None, name: str, terms: Terms) -> UUID:
    """
    Create a VPP whose terms apply to all days, and return its id; the same call sent again returns the same id.

    Raises VppOutOfScope, InvisibleName, VppNameTaken, VppNameRefused, VppIdTaken, PercentageOutOfRange,
    DailyFeeOutOfRange.
    """
    if scope_of(session).is_restricted:
        raise VppOutOfScope
    id, name = id or uuid4(), normalised_name(name)
    await take_advisory_lock(session, "vpp", name)
    new = upsert(Vpp).values(id=id, name=name).on_conflict_do_nothing(index_elements=[col(Vpp.id)])
    with translate_violations(VppNameTaken(name=escaped(name)), VppNameRefused()):
        created_id = await session.scalar(new.returning(col(Vpp.id)))
    if created_id is None:
        await _check_same_as_existing(session, id=id, name=name, terms=terms)
    else:
        await _replace_schedules(session, vpp_id=id, schedules=Timeline(((Range(None, None), terms),)))
    return id


async def update_vpp(
    session: AsyncSession,
    *,
    id: UUID,
    name: str | None = None,
    revenue_percentage: Decimal | None = None,
    daily_fee_aud: Decimal | None = None,
    effective_from: date | None = None,
    for_all_time: bool = False,
) -> UUID:
    """
    Change the name of a VPP, or its terms from a day on or for all days; arguments that are None change nothing.

    Raises NameWithEffectiveFrom, DayWithForAllTime, InvisibleName, VppNotFound, VppNameTaken, VppNameRefused,
    PercentageOutOfRange, DailyFeeOutOfRange; without `effective_from` and `for_all_time` RewritesHistory.
    """
    check_day_or_for_all_time(effective_from, for_all_time=for_all_time)
    if effective_from is not None and name is not None:
        raise NameWithEffectiveFrom
    await _lock_and_rename(session, id=id, name=name)
    changes = {"revenue_percentage": revenue_percentage, "daily_fee_aud": daily_fee_aud}
    terms = {term: value for term, value in changes.items() if value is not None}
    if terms:
        old = timelines.timeline(
            [
                (row.effective, Terms(row.revenue_percentage, row.daily_fee_aud))
                for row in await session.execute(price_schedules(scope_of(session), [id]))
            ]
        )
        new = old.changed(lambda old_terms: replace(old_terms, **terms), effective_from=effective_from)
        await _replace_schedules(session, vpp_id=id, schedules=new)
        # After the change, so that values out of range are refused first.
        if effective_from is None and not for_all_time:
            changed_days = ((id, days) for days, _, _ in old.differences(new))
            await check_rewrites_nothing(session, old, new, noun="price schedule", changed_days=changed_days)
    return id


async def delete_vpp(session: AsyncSession, *, id: UUID) -> None:
    """
    Delete a VPP that never had a site or a report.

    Raises VppNotFound, VppHasSites, VppHasReports.
    """
    with translate_violations(VppHasSites(), VppHasReports()):
        conditions = (col(Vpp.id) == id, *scope_of(session).vpps(col(Vpp.id)))
        deleted = await session.scalar(delete(Vpp).where(*conditions).returning(col(Vpp.id)))
    if deleted is None:
        raise VppNotFound(id=id)


async def _lock_and_rename(session: AsyncSession, *, id: UUID, name: str | None) -> None:
    # The update locks the row until the transaction ends, so concurrent changes of one VPP's terms are serialised.
    changes = {} if name is None else {"name": normalised_name(name)}
    with translate_violations(VppNameTaken(name=escaped(name or "")), VppNameRefused()):
        updated_id = await session.scalar(
            update(Vpp)
            .where(col(Vpp.id) == id, *scope_of(session).vpps(col(Vpp.id)))
            .values(updated_at=func.now(), **changes)
            .returning(col(Vpp.id))
        )
    if updated_id is None:
        raise VppNotFound(id=id)


async def _check_same_as_existing(session: AsyncSession, *, id: UUID, name: str, terms: Terms) -> None:
    existing = (await session.execute(select(col(Vpp.name)).where(col(Vpp.id) == id))).one()
    schedules = (await session.execute(price_schedules(scope_of(session), [id]))).all()
    if existing.name != name or [Terms(row.revenue_percentage, row.daily_fee_aud) for row in schedules] != [terms]:
        raise VppIdTaken(id=id)


async def _replace_schedules(session: AsyncSession, *, vpp_id: UUID, schedules: Timeline[Terms]) -> None:
    await session.execute(delete(PriceSchedule).where(col(PriceSchedule.vpp_id) == vpp_id))
    rows = [{"vpp_id": vpp_id, "effective": days, **asdict(terms)} for days, terms in schedules.periods]
    terms = rows[-1]
    with translate_violations(
        PercentageOutOfRange(revenue_percentage=terms["revenue_percentage"]),
        DailyFeeOutOfRange(daily_fee_aud=terms["daily_fee_aud"]),
    ):
        await session.execute(insert(PriceSchedule), rows)
