"""
Energy readings of parks: one per park and instant, from the latest import that contains a reading for it.

Replaced readings are stored too, so that reverting an import restores them. The totals of each park and local day are
updated in the transaction that changes readings, so statistics never aggregate readings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, any_, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db import energy_type_days
from db.energy_type_days import EnergyTypeDay
from db.engine.database import ReadStatement, take_advisory_lock
from db.engine.scope import Scope
from db.engine.statements import equals_any
from db.engine.tables import Table
from db.parks import Park, ParkFilter


class EnergyReading(Table, table=True):
    """The mean power of a park over an interval, and the latest import that has a reading for it."""

    __tablename__ = "energy_readings"

    # No foreign keys to the park and the import: Postgres would check both for each reading. They are not needed,
    # because a park with readings is never deleted, nor is an import.
    park_id: UUID = Field(primary_key=True)
    interval_start: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    # The day of the interval in the park's timezone.
    local_date: date
    # Negative while the park draws power.
    power_w: int = Field(sa_type=BigInteger)
    import_id: UUID


class ReplacedReading(Table, table=True):
    """A reading that a later import replaced; it is restored if that import is cancelled or reverted."""

    __tablename__ = "replaced_readings"

    park_id: UUID = Field(primary_key=True)
    interval_start: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    # The import of the replaced reading, not of the replacing one.
    import_id: UUID = Field(primary_key=True)
    local_date: date
    power_w: int = Field(sa_type=BigInteger)
    # The order in which readings were replaced.
    place: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))


class ParkDay(Table, table=True):
    """The totals of a park's local day, which has 92, 96 or 100 quarters of an hour."""

    __tablename__ = "park_days"
    __table_args__ = (Index("park_days_local_date_park_id", "local_date", "park_id"),)

    park_id: UUID = Field(foreign_key="parks.id", ondelete="CASCADE", primary_key=True)
    local_date: date = Field(primary_key=True)
    min_power_w: int = Field(sa_type=BigInteger)
    max_power_w: int = Field(sa_type=BigInteger)
    sum_power_w: int = Field(sa_type=BigInteger)
    reading_count: int


@dataclass(frozen=True)
class Readings:
    """Readings of one park as parallel sequences, with distinct instants."""

    instants: Sequence[datetime]
    local_dates: Sequence[date]
    powers_w: Sequence[int]


# The readings that are to be stored, as a common table expression `new`.
NEW = """
    with new as (
        select * from unnest(
            cast(:instants as timestamptz[]), cast(:local_dates as date[]), cast(:powers_w as bigint[])
        ) as new (interval_start, local_date, power_w)
    )
"""
# Counts the stored readings that new ones replace (`total`), and how many rows do not count therefore (`duplicated`):
# the new one, if it has the same power, or the one before it of the same import.
COUNT_EXISTING = text(
    NEW
    + """
    select
        count(*) as total,
        count(*) filter (
            where existing.power_w = new.power_w or existing.import_id = cast(:import_id as uuid)
        ) as duplicated
    from new
    join energy_readings existing on (existing.park_id, existing.interval_start) = (:park_id, new.interval_start)
"""
)
# Saves the readings of other imports that the new ones replace.
SAVE_REPLACED = text(
    NEW  # noqa: S608 Only constants.
    + """
    insert into replaced_readings (park_id, interval_start, import_id, local_date, power_w)
    select existing.park_id, existing.interval_start, existing.import_id, existing.local_date, existing.power_w
    from new
    join energy_readings existing on (existing.park_id, existing.interval_start) = (:park_id, new.interval_start)
    where existing.import_id <> :import_id
"""
)
# Deletes replaced readings of an import at the instants for which the import now has a current reading again.
DELETE_OWN_REPLACED = text("""
    delete from replaced_readings
    where (park_id, import_id) = (:park_id, :import_id) and interval_start = any (cast(:instants as timestamptz[]))
""")
# Inserts the new readings, or updates the existing ones at their instants.
UPSERT = text(
    NEW  # noqa: S608 Only constants.
    + """
    insert into energy_readings (park_id, interval_start, local_date, power_w, import_id)
    select cast(:park_id as uuid), interval_start, local_date, power_w, cast(:import_id as uuid)
    from new
    on conflict (park_id, interval_start) do update
    set local_date = excluded.local_date, power_w = excluded.power_w, import_id = excluded.import_id
"""
)
# Selects the instants, among the given ones, for which an import has a reading, current or replaced.
SELECT_INSTANTS = text("""
    select interval_start
    from energy_readings
    where (park_id, import_id) = (:park_id, :import_id) and interval_start = any (cast(:instants as timestamptz[]))
    union
    select interval_start
    from replaced_readings
    where (park_id, import_id) = (:park_id, :import_id) and interval_start = any (cast(:instants as timestamptz[]))
""")
# Selects the powers of a park's current readings at the given instants.
SELECT_POWERS = text("""
    select interval_start, power_w
    from energy_readings
    where park_id = :park_id and interval_start = any (cast(:instants as timestamptz[]))
""")
# Selects the local days of the current readings of an import.
SELECT_DAYS_OF_IMPORT = text("""
    select distinct local_date from energy_readings where (park_id, import_id) = (:park_id, :import_id)
""")
# Restores the readings that the current readings of an import replaced. Several readings of one instant may have been
# replaced one after the other; the last of them is restored.
RESTORE_REPLACED = text("""
    with restored as (
        select distinct on (interval_start) replaced.*
        from replaced_readings replaced
        join energy_readings undone using (park_id, interval_start)
        where (undone.park_id, undone.import_id) = (:park_id, :import_id)
        order by interval_start, place desc
    ),
    deleted as (
        delete from replaced_readings
        using restored
        where (replaced_readings.park_id, replaced_readings.interval_start, replaced_readings.import_id)
            = (restored.park_id, restored.interval_start, restored.import_id)
    )
    update energy_readings
    set local_date = restored.local_date, power_w = restored.power_w, import_id = restored.import_id
    from restored
    where (energy_readings.park_id, energy_readings.interval_start) = (restored.park_id, restored.interval_start)
""")
# Deletes the remaining current readings of an import: those that replaced no reading.
DELETE_READINGS = text("delete from energy_readings where (park_id, import_id) = (:park_id, :import_id)")
# Deletes the replaced readings of an import.
DELETE_REPLACED = text("delete from replaced_readings where (park_id, import_id) = (:park_id, :import_id)")
# Computes the totals of some local days of a park again, and deletes days without readings.
RECOMPUTE_DAYS = text("""
    with days as (select unnest(cast(:days as date[])) as local_date),
    deleted as (
        delete from park_days
        where park_id = :park_id
          and local_date in (select local_date from days)
          and not exists (
              select from energy_readings
              where energy_readings.park_id = :park_id
                and energy_readings.local_date = park_days.local_date
                and interval_start between park_days.local_date - interval '2 days'
                                       and park_days.local_date + interval '3 days'
          )
    )
    insert into park_days (park_id, local_date, min_power_w, max_power_w, sum_power_w, reading_count)
    select cast(:park_id as uuid), readings.local_date, min(power_w), max(power_w), sum(power_w), count(*)
    from days
    join energy_readings readings
      on readings.park_id = :park_id
     and readings.local_date = days.local_date
     -- No timezone is more than a day from UTC, so this range of the primary key holds all readings of the day.
     and readings.interval_start between days.local_date - interval '2 days' and days.local_date + interval '3 days'
    group by readings.local_date
    on conflict (park_id, local_date) do update
    set min_power_w = excluded.min_power_w,
        max_power_w = excluded.max_power_w,
        sum_power_w = excluded.sum_power_w,
        reading_count = excluded.reading_count
""")


async def lock_park_readings(session: AsyncSession, *, park_id: UUID) -> None:
    """Take the advisory lock under which a park's readings are changed."""
    await take_advisory_lock(session, "readings", str(park_id))


async def instants_of_import(
    session: AsyncSession, *, park_id: UUID, import_id: UUID, instants: Sequence[datetime]
) -> set[datetime]:
    """Return the instants, among the given ones, for which an import has a reading, current or replaced."""
    rows = await session.execute(
        SELECT_INSTANTS, {"park_id": park_id, "import_id": import_id, "instants": list(instants)}
    )
    return set(rows.scalars())


async def powers_at(session: AsyncSession, *, park_id: UUID, instants: Sequence[datetime]) -> dict[datetime, int]:
    """Return the power in W of each reading that a park has at the given instants."""
    rows = await session.execute(SELECT_POWERS, {"park_id": park_id, "instants": list(instants)})
    return {row.interval_start: row.power_w for row in rows}


async def store(session: AsyncSession, readings: Readings, *, park_id: UUID, import_id: UUID) -> int:
    """
    Store readings in place of those at the same instants, and recompute their days.

    Return how many rows do not count: readings with the same power as the one they replace, and readings of the same
    import that are replaced. The caller holds the lock of `lock_park_readings`.
    """
    new: dict[str, Any] = {
        "park_id": park_id,
        "import_id": import_id,
        "instants": list(readings.instants),
        "local_dates": list(readings.local_dates),
        "powers_w": list(readings.powers_w),
    }
    existing = (await session.execute(COUNT_EXISTING, new)).one()
    if existing.total:
        await session.execute(DELETE_OWN_REPLACED, {name: new[name] for name in ("park_id", "import_id", "instants")})
        await session.execute(SAVE_REPLACED, new)
    await session.execute(UPSERT, new)
    await _recompute_days(session, park_id=park_id, days=set(readings.local_dates))
    return int(existing.duplicated)


async def undo_import(session: AsyncSession, *, park_id: UUID, import_id: UUID) -> None:
    """Delete the readings of an import, restore those that they replaced, and recompute the days."""
    await lock_park_readings(session, park_id=park_id)
    of_import = {"park_id": park_id, "import_id": import_id}
    days = set((await session.execute(SELECT_DAYS_OF_IMPORT, of_import)).scalars())
    await session.execute(RESTORE_REPLACED, of_import)
    await session.execute(DELETE_READINGS, of_import)
    await session.execute(DELETE_REPLACED, of_import)
    await _recompute_days(session, park_id=park_id, days=days)


async def _recompute_days(session: AsyncSession, *, park_id: UUID, days: set[date]) -> None:
    await session.execute(RECOMPUTE_DAYS, {"park_id": park_id, "days": sorted(days)})
    await energy_type_days.recompute_days(session, park_id=park_id, days=days)


def readings(
    scope: Scope, filter: ParkFilter | None = None, from_: datetime | None = None, until: datetime | None = None
) -> ReadStatement:
    """Select the readings of the parks that match a filter, at instants `[from, until)`, with the park's timezone."""
    # A subquery in place of a join makes Postgres read the primary key from the start of the page.
    parks = select(col(Park.id)).where(*scope.parks(), *(filter.conditions() if filter else ()))
    return _readings_between(from_, until).where(
        col(EnergyReading.park_id) == any_(func.array(parks.scalar_subquery()))
    )


def readings_of_parks(
    scope: Scope, park_ids: Sequence[UUID], from_: datetime | None, until: datetime | None
) -> ReadStatement:
    """Select the readings of some parks at instants `[from, until)`, with the park's timezone."""
    return _readings_between(from_, until).where(equals_any(col(EnergyReading.park_id), park_ids), *scope.parks())


def park_daily_stats(scope: Scope, filter: ParkFilter, from_: date | None, until: date | None) -> ReadStatement:
    """Select the totals of the local days `[from, until)` of the parks that match a filter."""
    days = select(
        *(col(ParkDay.park_id), col(ParkDay.local_date), col(ParkDay.min_power_w), col(ParkDay.max_power_w)),
        *(col(ParkDay.sum_power_w), col(ParkDay.reading_count)),
    ).join(Park, col(Park.id) == ParkDay.park_id)
    return _days_between(days, col(ParkDay.local_date), from_, until).where(*scope.parks(), *filter.conditions())


def energy_type_daily_stats(scope: Scope, filter: ParkFilter, from_: date | None, until: date | None) -> ReadStatement:
    """Select the totals of the days `[from, until)` by energy type, for a filter without park names."""
    days = _days_between(
        select(
            *(col(EnergyTypeDay.local_date), col(EnergyTypeDay.energy_type)),
            *_totals(EnergyTypeDay, func.sum(EnergyTypeDay.park_count)),
        ),
        *(col(EnergyTypeDay.local_date), from_, until),
    )
    return days.where(*scope.parks(), *filter.conditions(EnergyTypeDay)).group_by(
        col(EnergyTypeDay.local_date), col(EnergyTypeDay.energy_type)
    )


def energy_type_daily_stats_of_parks(
    scope: Scope, filter: ParkFilter, from_: date | None, until: date | None
) -> ReadStatement:
    """Select the totals of the days `[from, until)` by energy type, from the days of the parks that match a filter."""
    days = _days_between(
        select(col(ParkDay.local_date), col(Park.energy_type), *_totals(ParkDay, func.count())),
        *(col(ParkDay.local_date), from_, until),
    )
    return (
        days.join(Park, col(Park.id) == ParkDay.park_id)
        .where(*scope.parks(), *filter.conditions())
        .group_by(col(ParkDay.local_date), col(Park.energy_type))
    )


def _totals(days: Any, park_count: Any) -> tuple[Any, ...]:
    return (
        func.min(days.min_power_w).label("min_power_w"),
        func.max(days.max_power_w).label("max_power_w"),
        func.sum(days.sum_power_w).label("sum_power_w"),
        func.sum(days.reading_count).label("reading_count"),
        park_count.label("park_count"),
    )


def _readings_between(from_: datetime | None, until: datetime | None) -> ReadStatement:
    timezone = select(col(Park.timezone)).where(col(Park.id) == EnergyReading.park_id).scalar_subquery()
    readings = select(
        *(col(EnergyReading.park_id), col(EnergyReading.interval_start), col(EnergyReading.power_w)),
        timezone.label("timezone"),
    )
    if from_ is not None:
        readings = readings.where(col(EnergyReading.interval_start) >= from_)
    if until is not None:
        readings = readings.where(col(EnergyReading.interval_start) < until)
    return readings


def _days_between(days: ReadStatement, day: Any, from_: date | None, until: date | None) -> ReadStatement:
    if from_ is not None:
        days = days.where(day >= from_)
    if until is not None:
        days = days.where(day < until)
    return days
