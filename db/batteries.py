"""Batteries, from when to when each stands at a site, and their capacities."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.audit_entries import Kind, SingleStatementWrite, insert_created_entries
from db.engine import timelines
from db.engine.database import ADVISORY_LOCK, ReadStatement, lock_name, take_advisory_lock
from db.engine.refusals import Conflict, NotFound, ValidationFailed, translate_violations
from db.engine.scope import Scope, scope_of
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
from db.sites import Site, SiteNotFound, check_past_in_scope

# Nothing where the id is there already.
BATTERY = f"""
    insert into batteries (id, site_id, manufacturer, serial, installed)
    select :id, :site_id, :manufacturer, :serial, daterange(:effective_from, null)
    from {ADVISORY_LOCK}
    on conflict (id) do nothing
    returning *
"""  # noqa: S608 It is ours.
CAPACITY = """
    insert into battery_capacities (battery_id, effective, capacity_kwh)
    select :id, daterange(:effective_from, null), :capacity_kwh
"""
ADD_BATTERY, ADD_CAPACITY = text(BATTERY), text(CAPACITY)
# What audited_batteries() returns, which would have to look for what is at hand here.
NEW = """
    select
        id,
        jsonb_build_object(
            'siteId', site_id,
            'manufacturer', manufacturer,
            'serial', serial,
            'effectiveFrom', lower(installed),
            'effectiveUntil', upper(installed),
            'capacities', jsonb_build_array(
                jsonb_build_object(
                    'capacityKwh', trim_scale(capacity_kwh),
                    'effectiveFrom', lower(effective),
                    'effectiveUntil', upper(effective)
                )
            )
        )
    from battery, capacity
"""
ADD_IN_ONE_STATEMENT = CompiledStatement(
    text(f"""
        with battery as ({BATTERY}),
        capacity as ({CAPACITY} from battery returning *),
        entry as ({insert_created_entries(Kind.BATTERY, NEW)})
        select battery.*, capacity_kwh from battery, capacity
    """)  # noqa: S608 It is ours.
)


class Battery(Table, table=True):
    """One stay of a battery at a site: moved elsewhere, it is another battery there."""

    __tablename__ = "batteries"
    __table_args__ = (
        no_overlap("batteries", "manufacturer", "serial", period="installed", name="one_place_at_a_time"),
        not_empty_check("batteries", period="installed"),
        text_length_check("batteries", "manufacturer", max_length=200),
        text_length_check("batteries", "serial", max_length=200),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    site_id: UUID = Field(foreign_key="sites.id", ondelete="CASCADE", index=True)
    manufacturer: str
    serial: str
    installed: Range[date] = period_column()
    created_at: datetime = created_at_column()
    updated_at: datetime = updated_at_column()


class BatteryCapacity(Table, table=True):
    __tablename__ = "battery_capacities"
    __table_args__ = (
        no_overlap("battery_capacities", "battery_id", name="one_at_a_time"),
        not_empty_check("battery_capacities"),
        CheckConstraint("capacity_kwh between 0 and 1000000", name="battery_capacities_kwh_is_0_to_1000000"),
    )

    battery_id: UUID = Field(foreign_key="batteries.id", ondelete="CASCADE", primary_key=True)
    effective: Range[date] = period_column(primary_key=True)
    capacity_kwh: Decimal


class BatteryNotFound(NotFound):
    """There is no battery with the id {id}."""

    field = ("input", "id")


class BatterySiteNotFound(SiteNotFound):
    """There is no site with the id {id}."""

    constraint = "batteries_site_id_fkey"
    field = ("input", "siteId")


class BatteryTaken(Conflict):
    """The {manufacturer} battery {serial} is already installed at a site on some of these days; remove it first."""

    constraint = "batteries_one_place_at_a_time"
    field = ("input", "serial")


class ManufacturerRefused(ValidationFailed):
    """A manufacturer has 1 to 200 characters."""

    constraint = "batteries_manufacturer_is_text"
    field = ("input", "manufacturer")


class SerialRefused(ValidationFailed):
    """A serial has 1 to 200 characters."""

    constraint = "batteries_serial_is_text"
    field = ("input", "serial")


class CapacityOutOfRange(ValidationFailed):
    """A capacity is from 0 to 1,000,000 kWh, not {capacity_kwh}."""

    constraint = "battery_capacities_kwh_is_0_to_1000000"
    field = ("input", "capacityKwh")


class BatteryIdTaken(Conflict):
    """The id {id} already belongs to another battery."""

    field = ("input", "id")


class CapacityChangeAfterRemoval(ValidationFailed):
    """This battery was removed from its site on {until}, so its capacity cannot change from {effective_from} on."""

    field = ("input", "effectiveFrom")


class BatteryRemovedAlready(Conflict):
    """This battery was removed from its site on {until} already."""

    field = ("input", "id")


class RemovedBeforeInstalled(ValidationFailed):
    """Installed on {installed}, the battery cannot leave on {removed}; omit effectiveFrom to remove it entirely."""

    field = ("input", "effectiveFrom")


COLUMNS = (
    *(col(Battery.id), col(Battery.site_id), col(Battery.manufacturer), col(Battery.serial)),
    *(col(Battery.installed), col(Battery.created_at), col(Battery.updated_at)),
)


def batteries(scope: Scope, *, on: date) -> ReadStatement:
    """Read batteries with their capacities on a settlement date, or else the last they had."""
    capacity_kwh = (
        select(col(BatteryCapacity.capacity_kwh))
        .where(col(BatteryCapacity.battery_id) == Battery.id)
        .order_by(col(BatteryCapacity.effective).contains(on).desc(), col(BatteryCapacity.effective).desc())
        .limit(1)
        .scalar_subquery()
        .label("capacity_kwh")
    )
    return select(*COLUMNS, capacity_kwh).where(*scope.sites(col(Battery.site_id)))


def batteries_of_sites(scope: Scope, site_ids: Sequence[UUID], *, on: date) -> ReadStatement:
    """Read the batteries that stand at some sites on a settlement date."""
    return (
        select(*COLUMNS, col(BatteryCapacity.capacity_kwh))
        # There is one on each day on which it stands there.
        .join(BatteryCapacity, col(BatteryCapacity.battery_id) == Battery.id)
        .where(equals_any(col(Battery.site_id), site_ids), *scope.sites(col(Battery.site_id)))
        .where(covers_day(col(Battery.installed), on), covers_day(col(BatteryCapacity.effective), on))
        .order_by(col(Battery.manufacturer), col(Battery.serial), col(Battery.id))
    )


def capacities_of_sites(scope: Scope, site_ids: Sequence[UUID], *, on: date) -> ReadStatement:
    """Read the capacity of each site that has any on a settlement date, in kWh."""
    return (
        select(col(Battery.site_id), func.sum(col(BatteryCapacity.capacity_kwh)).label("capacity_kwh"))
        .join(BatteryCapacity, col(BatteryCapacity.battery_id) == Battery.id)
        .where(equals_any(col(Battery.site_id), site_ids), *scope.sites(col(Battery.site_id)))
        .where(covers_day(col(BatteryCapacity.effective), on))
        .group_by(col(Battery.site_id))
    )


async def add(
    session: AsyncSession | SingleStatementWrite,
    *,
    id: UUID | None,
    site_id: UUID,
    manufacturer: str,
    serial: str,
    capacity_kwh: Decimal,
    effective_from: date | None = None,
) -> UUID:
    """
    Put a battery at a site, from a day on or for all time; sent again, find the one that was put there.

    Raises AlreadyExists where it is to be put there at once, and was already.
    """
    id, manufacturer, serial = id or uuid4(), manufacturer.strip(), serial.strip()
    battery = {
        "id": id,
        "site_id": site_id,
        "manufacturer": manufacturer,
        "serial": serial,
        "capacity_kwh": capacity_kwh,
        "effective_from": effective_from,
        "lock_name": lock_name("battery", manufacturer, serial),
    }
    with translate_violations(
        *(BatterySiteNotFound(id=site_id), ManufacturerRefused(), SerialRefused()),
        *(BatteryTaken(manufacturer=manufacturer, serial=serial), CapacityOutOfRange(capacity_kwh=capacity_kwh)),
    ):
        if isinstance(session, SingleStatementWrite):
            await session.create(ADD_IN_ONE_STATEMENT, battery)
            return id
        await _check_site(session, id=site_id)
        await check_past_in_scope(session, site_id=site_id, effective_from=effective_from)
        if await session.scalar(ADD_BATTERY, battery):
            await session.execute(ADD_CAPACITY, battery)
            return id
    capacities = [(Range(effective_from, None), capacity_kwh)]
    await _check_same_as_existing(session, id=id, there=(site_id, manufacturer, serial, capacities))
    return id


async def update_battery(
    session: AsyncSession,
    *,
    id: UUID,
    manufacturer: str | None = None,
    serial: str | None = None,
    capacity_kwh: Decimal | None = None,
    effective_from: date | None = None,
) -> UUID:
    """Change what is written on a battery, or its capacity from a day on or for all time; what is None stays."""
    there = await _lock_battery(session, id=id)
    battery: dict[str, Any] = {
        "manufacturer": there.manufacturer if manufacturer is None else manufacturer.strip(),
        "serial": there.serial if serial is None else serial.strip(),
    }
    await take_advisory_lock(session, "battery", battery["manufacturer"], battery["serial"])
    with translate_violations(ManufacturerRefused(), SerialRefused(), BatteryTaken(**battery)):
        await session.execute(update(Battery).where(col(Battery.id) == id).values(**battery))
    if capacity_kwh is not None:
        await check_past_in_scope(session, site_id=there.site_id, effective_from=effective_from)
        until = there.installed.upper
        if effective_from is not None and until is not None and effective_from >= until:
            raise CapacityChangeAfterRemoval(until=until, effective_from=effective_from)
        before = await _capacities(session, battery_id=id)
        after = before.changed(lambda _: capacity_kwh, effective_from=effective_from)
        await _keep_capacities(session, battery_id=id, capacities=after)
    return id


async def remove(session: AsyncSession, *, id: UUID, effective_from: date) -> UUID:
    """Take a battery out of its site from a day on."""
    there = await _lock_battery(session, id=id)
    await check_past_in_scope(session, site_id=there.site_id, effective_from=effective_from)
    installed = there.installed
    if installed.upper is not None:
        raise BatteryRemovedAlready(until=installed.upper)
    if installed.lower is not None and effective_from <= installed.lower:
        raise RemovedBeforeInstalled(installed=installed.lower, removed=effective_from)
    left = update(Battery).where(col(Battery.id) == id).values(installed=Range(installed.lower, effective_from))
    await session.execute(left)
    before = await _capacities(session, battery_id=id)
    await _keep_capacities(session, battery_id=id, capacities=before.ended(effective_from=effective_from))
    return id


async def remove_for_all_time(session: AsyncSession, *, id: UUID) -> None:
    """Take a battery out of its site as if it had never been there."""
    there = await _lock_battery(session, id=id)
    await check_past_in_scope(session, site_id=there.site_id, effective_from=None)
    await session.execute(delete(Battery).where(col(Battery.id) == id))


async def lock_batteries_of_site(session: AsyncSession, *, site_id: UUID) -> Sequence[UUID]:
    """Return which batteries stand or ever stood at a site, and let none be added until the transaction ends."""
    await session.execute(select(col(Site.id)).where(col(Site.id) == site_id).with_for_update())
    there = await session.scalars(select(col(Battery.id)).where(col(Battery.site_id) == site_id))
    return there.all()


async def _lock_battery(session: AsyncSession, *, id: UUID) -> Battery:
    # Until the transaction ends, so that two changes of one battery come one after the other.
    of_these = (col(Battery.id) == id, *scope_of(session).sites_to_change(col(Battery.site_id)))
    there = (await session.scalars(select(Battery).where(*of_these).with_for_update())).one_or_none()
    if there is None:
        raise BatteryNotFound(id=id)
    return there


async def _check_site(session: AsyncSession, *, id: UUID) -> None:
    scope = scope_of(session)
    if not scope.is_restricted:
        return  # A constraint looks after it.
    site = select(col(Site.id)).where(col(Site.id) == id, *scope.sites_to_change(col(Site.id)))
    if await session.scalar(site) is None:
        raise BatterySiteNotFound(id=id)


async def _check_same_as_existing(session: AsyncSession, *, id: UUID, there: tuple[object, ...]) -> None:
    of_these = (col(Battery.id) == id, *scope_of(session).sites(col(Battery.site_id)))
    columns = (col(Battery.site_id), col(Battery.manufacturer), col(Battery.serial))
    battery = (await session.execute(select(*columns).where(*of_these))).one_or_none()
    capacities = await _capacities(session, battery_id=id)
    if battery is None or (*battery, list(capacities.periods)) != there:
        raise BatteryIdTaken(id=id)


async def _capacities(session: AsyncSession, *, battery_id: UUID) -> Timeline[Decimal]:
    columns = (col(BatteryCapacity.effective), col(BatteryCapacity.capacity_kwh))
    rows = await session.execute(select(*columns).where(col(BatteryCapacity.battery_id) == battery_id))
    return timelines.timeline([(row.effective, row.capacity_kwh) for row in rows])


async def _keep_capacities(session: AsyncSession, *, battery_id: UUID, capacities: Timeline[Decimal]) -> None:
    await session.execute(delete(BatteryCapacity).where(col(BatteryCapacity.battery_id) == battery_id))
    rows = [
        {"battery_id": battery_id, "effective": days, "capacity_kwh": capacity_kwh}
        for days, capacity_kwh in capacities.periods
    ]
    with translate_violations(CapacityOutOfRange(capacity_kwh=rows[-1]["capacity_kwh"])):
        await session.execute(insert(BatteryCapacity), rows)
