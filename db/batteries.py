"""Batteries: the period in which each is installed at a site, and its capacities."""

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
from db.engine.names import escaped, normalised_name
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
from db.retroactive_changes import check_day_or_for_all_time, check_rewrites_nothing
from db.sites import Site, SiteNotFound, check_past_in_scope, memberships

# Inserts a battery under an advisory lock on its serial; returns no row if the id exists.
BATTERY = f"""
    insert into batteries (id, site_id, manufacturer, serial, installed)
    select :id, :site_id, :manufacturer, :serial, daterange(:effective_from, null)
    from {ADVISORY_LOCK}
    on conflict (id) do nothing
    returning *
"""  # noqa: S608 Only constants.
# Inserts the first capacity of a battery.
CAPACITY = """
    insert into battery_capacities (battery_id, effective, capacity_kwh)
    select :id, daterange(:effective_from, null), :capacity_kwh
"""
INSERT_BATTERY, INSERT_CAPACITY = text(BATTERY), text(CAPACITY)
# The same jsonb as audited_batteries(), built from the inserted rows without reading them again.
AUDITED_BATTERY = """
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
# Creates a battery, its capacity and its audit entry, and returns them; no row if the id exists.
ADD_IN_ONE_STATEMENT = CompiledStatement(
    text(f"""
        with battery as ({BATTERY}),
        capacity as ({CAPACITY} from battery returning *),
        entry as ({insert_created_entries(Kind.BATTERY, AUDITED_BATTERY)})
        select battery.*, capacity_kwh from battery, capacity
    """)  # noqa: S608 Only constants.
)


class Battery(Table, table=True):
    """One installation of a battery at a site: a battery that is moved to another site gets a new row there."""

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


class NameplateWithEffectiveFrom(ValidationFailed):
    """effectiveFrom applies only to capacityKwh: leave it out, or send manufacturer and serial in another call."""

    field = ("input", "effectiveFrom")


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
    """Select batteries, each with its capacity on a settlement date, or its latest capacity if it has none then."""
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
    """Select the batteries that are installed at some sites on a settlement date."""
    return (
        select(*COLUMNS, col(BatteryCapacity.capacity_kwh))
        # A battery has exactly one capacity on each day of its installation.
        .join(BatteryCapacity, col(BatteryCapacity.battery_id) == Battery.id)
        .where(equals_any(col(Battery.site_id), site_ids), *scope.sites(col(Battery.site_id)))
        .where(covers_day(col(Battery.installed), on), covers_day(col(BatteryCapacity.effective), on))
        .order_by(col(Battery.manufacturer), col(Battery.serial), col(Battery.id))
    )


def capacities(scope: Scope, battery_ids: Sequence[UUID]) -> ReadStatement:
    """Select all capacities of some batteries, earliest first."""
    return (
        select(col(BatteryCapacity.battery_id), col(BatteryCapacity.effective), col(BatteryCapacity.capacity_kwh))
        .join(Battery, col(Battery.id) == BatteryCapacity.battery_id)
        .where(equals_any(col(BatteryCapacity.battery_id), battery_ids), *scope.sites(col(Battery.site_id)))
        .order_by(col(BatteryCapacity.effective))
    )


def capacities_of_sites(scope: Scope, site_ids: Sequence[UUID], *, on: date) -> ReadStatement:
    """Select the total capacity in kWh of each site that has batteries on a settlement date."""
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
    Install a battery at a site, from a day on or for all days, and return its id.

    The same call sent again returns the same id. Raises BatterySiteNotFound, InvisibleName, ManufacturerRefused,
    SerialRefused, BatteryTaken, CapacityOutOfRange, DaysOutOfScope, BatteryIdTaken; as a SingleStatementWrite,
    AlreadyExists if the id exists.
    """
    id = id or uuid4()
    manufacturer = normalised_name(manufacturer, "input", "manufacturer")
    serial = normalised_name(serial, "input", "serial")
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
        *(
            _taken(manufacturer=manufacturer, serial=serial),
            CapacityOutOfRange(capacity_kwh=capacity_kwh),
        ),
    ):
        if isinstance(session, SingleStatementWrite):
            await session.create(ADD_IN_ONE_STATEMENT, battery)
            return id
        await _check_site(session, id=site_id)
        await check_past_in_scope(session, site_id=site_id, effective_from=effective_from)
        if await session.scalar(INSERT_BATTERY, battery):
            await session.execute(INSERT_CAPACITY, battery)
            return id
    capacities = [(Range(effective_from, None), capacity_kwh)]
    await _check_same_as_existing(session, id=id, new=(site_id, manufacturer, serial, capacities))
    return id


async def update_battery(
    session: AsyncSession,
    *,
    id: UUID,
    manufacturer: str | None = None,
    serial: str | None = None,
    capacity_kwh: Decimal | None = None,
    effective_from: date | None = None,
    for_all_time: bool = False,
) -> UUID:
    """
    Change the manufacturer or serial of a battery, or its capacity from a day on or for all days.

    Arguments that are None change nothing.

    Raises NameplateWithEffectiveFrom, DayWithForAllTime, BatteryNotFound, InvisibleName, ManufacturerRefused,
    SerialRefused, BatteryTaken, CapacityOutOfRange, DaysOutOfScope, CapacityChangeAfterRemoval; without
    `effective_from` and `for_all_time` RewritesHistory.
    """
    check_day_or_for_all_time(effective_from, for_all_time=for_all_time)
    if effective_from is not None and (manufacturer is not None or serial is not None):
        raise NameplateWithEffectiveFrom
    existing = await _lock_battery(session, id=id)
    given = {"manufacturer": manufacturer, "serial": serial}
    battery: dict[str, Any] = {
        field: getattr(existing, field) if name is None else normalised_name(name, "input", field)
        for field, name in given.items()
    }
    await take_advisory_lock(session, "battery", battery["manufacturer"], battery["serial"])
    with translate_violations(ManufacturerRefused(), SerialRefused(), _taken(**battery)):
        await session.execute(update(Battery).where(col(Battery.id) == id).values(**battery))
    if capacity_kwh is not None:
        await check_past_in_scope(session, site_id=existing.site_id, effective_from=effective_from)
        until = existing.installed.upper
        if effective_from is not None and until is not None and effective_from >= until:
            raise CapacityChangeAfterRemoval(until=until, effective_from=effective_from)
        old = await _capacities(session, battery_id=id)
        new = old.changed(lambda _: capacity_kwh, effective_from=effective_from)
        await _replace_capacities(session, battery_id=id, capacities=new)
        # After the change, so that a capacity out of range is refused first.
        if effective_from is None and not for_all_time:
            await _check_rewrites_nothing(session, existing, old, new)
    return id


async def remove(session: AsyncSession, *, id: UUID, effective_from: date) -> UUID:
    """
    Remove a battery from its site from a day on.

    Raises BatteryNotFound, DaysOutOfScope, BatteryRemovedAlready, RemovedBeforeInstalled.
    """
    existing = await _lock_battery(session, id=id)
    await check_past_in_scope(session, site_id=existing.site_id, effective_from=effective_from)
    installed = existing.installed
    if installed.upper is not None:
        raise BatteryRemovedAlready(until=installed.upper)
    if installed.lower is not None and effective_from <= installed.lower:
        raise RemovedBeforeInstalled(installed=installed.lower, removed=effective_from)
    until_removed = Range(installed.lower, effective_from)
    await session.execute(update(Battery).where(col(Battery.id) == id).values(installed=until_removed))
    capacities = await _capacities(session, battery_id=id)
    await _replace_capacities(session, battery_id=id, capacities=capacities.ended(effective_from=effective_from))
    return id


async def remove_for_all_time(session: AsyncSession, *, id: UUID, rewrites_history: bool) -> None:
    """
    Delete a battery, as if it had never been installed.

    Raises BatteryNotFound, DaysOutOfScope; RewritesHistory unless `rewrites_history`.
    """
    existing = await _lock_battery(session, id=id)
    await check_past_in_scope(session, site_id=existing.site_id, effective_from=None)
    if not rewrites_history:
        old = await _capacities(session, battery_id=id)
        await _check_rewrites_nothing(session, existing, old, old.ended())
    await session.execute(delete(Battery).where(col(Battery.id) == id))


async def lock_batteries_of_site(session: AsyncSession, *, site_id: UUID) -> Sequence[UUID]:
    """Return the ids of all batteries that were ever installed at a site, and lock the site so that none is added."""
    await session.execute(select(col(Site.id)).where(col(Site.id) == site_id).with_for_update())
    return (await session.scalars(select(col(Battery.id)).where(col(Battery.site_id) == site_id))).all()


def _taken(*, manufacturer: str, serial: str) -> BatteryTaken:
    return BatteryTaken(manufacturer=escaped(manufacturer), serial=escaped(serial))


async def _lock_battery(session: AsyncSession, *, id: UUID) -> Battery:
    # The lock serialises concurrent changes of one battery.
    conditions = (col(Battery.id) == id, *scope_of(session).sites_to_change(col(Battery.site_id)))
    existing = (await session.scalars(select(Battery).where(*conditions).with_for_update())).one_or_none()
    if existing is None:
        raise BatteryNotFound(id=id)
    return existing


async def _check_rewrites_nothing(
    session: AsyncSession, battery: Battery, old: Timeline[Decimal], new: Timeline[Decimal]
) -> None:
    # A battery counts in the reports of the VPP that its site belongs to on the day.
    site_memberships = (await session.execute(memberships(scope_of(session), [battery.site_id]))).all()
    changed_days = (
        (membership.vpp_id, days.intersection(membership.effective))
        for days, _, _ in old.differences(new)
        for membership in site_memberships
        if days.overlaps(membership.effective)
    )
    await check_rewrites_nothing(session, old, new, noun="capacity", changed_days=changed_days)


async def _check_site(session: AsyncSession, *, id: UUID) -> None:
    scope = scope_of(session)
    if not scope.is_restricted:
        return  # The foreign key checks that the site exists.
    site = select(col(Site.id)).where(col(Site.id) == id, *scope.sites_to_change(col(Site.id)))
    if await session.scalar(site) is None:
        raise BatterySiteNotFound(id=id)


async def _check_same_as_existing(session: AsyncSession, *, id: UUID, new: tuple[object, ...]) -> None:
    conditions = (col(Battery.id) == id, *scope_of(session).sites(col(Battery.site_id)))
    columns = (col(Battery.site_id), col(Battery.manufacturer), col(Battery.serial))
    battery = (await session.execute(select(*columns).where(*conditions))).one_or_none()
    capacities = await _capacities(session, battery_id=id)
    if battery is None or (*battery, list(capacities.periods)) != new:
        raise BatteryIdTaken(id=id)


async def _capacities(session: AsyncSession, *, battery_id: UUID) -> Timeline[Decimal]:
    columns = (col(BatteryCapacity.effective), col(BatteryCapacity.capacity_kwh))
    rows = await session.execute(select(*columns).where(col(BatteryCapacity.battery_id) == battery_id))
    return timelines.timeline([(row.effective, row.capacity_kwh) for row in rows])


async def _replace_capacities(session: AsyncSession, *, battery_id: UUID, capacities: Timeline[Decimal]) -> None:
    await session.execute(delete(BatteryCapacity).where(col(BatteryCapacity.battery_id) == battery_id))
    rows = [
        {"battery_id": battery_id, "effective": days, "capacity_kwh": capacity_kwh}
        for days, capacity_kwh in capacities.periods
    ]
    with translate_violations(CapacityOutOfRange(capacity_kwh=rows[-1]["capacity_kwh"])):
        await session.execute(insert(BatteryCapacity), rows)
