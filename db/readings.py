"""
Energy readings of parks: one for a park and an instant, the last that an import brought.

What a reading replaced is kept, so that an import that is taken back leaves what was there before it. Of each park and
local day, the sums are kept in the transaction that changes its readings: statistics never go through readings.
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
    """Mean power over the interval that starts at an instant, and the import that said so last."""

    __tablename__ = "energy_readings"

    # No foreign keys: Postgres would look both up a reading. Neither a park with readings nor an import is deleted.
    park_id: UUID = Field(primary_key=True)
    interval_start: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    # In the park's own time.
    local_date: date
    # In 10^-6 MW, below zero where the park drew power.
    power: int = Field(sa_type=BigInteger)
    import_id: UUID


class ReplacedReading(Table, table=True):
    """A reading that a later import replaced, for as long as that may be taken back."""

    __tablename__ = "replaced_readings"

    park_id: UUID = Field(primary_key=True)
    interval_start: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    # The import that had brought it.
    import_id: UUID = Field(primary_key=True)
    local_date: date
    power: int = Field(sa_type=BigInteger)
    # Which of several was replaced last.
    place: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))


class ParkDay(Table, table=True):
    """The sums of a park's local day, of 92, 96 or 100 quarters of an hour; in 10^-6 MW."""

    __tablename__ = "park_days"
    __table_args__ = (Index("park_days_local_date_park_id", "local_date", "park_id"),)

    park_id: UUID = Field(foreign_key="parks.id", ondelete="CASCADE", primary_key=True)
    local_date: date = Field(primary_key=True)
    min_power: int = Field(sa_type=BigInteger)
    max_power: int = Field(sa_type=BigInteger)
    sum_power: int = Field(sa_type=BigInteger)
    reading_count: int


@dataclass(frozen=True)
class Readings:
    """Readings of one park, an element each, no instant twice; powers are in 10^-6 MW."""

    instants: Sequence[datetime]
    local_dates: Sequence[date]
    powers: Sequence[int]


NEW = """
    with new as (
        select * from unnest(
            cast(:instants as timestamptz[]), cast(:local_dates as date[]), cast(:powers as bigint[])
        ) as new (interval_start, local_date, power)
    )
"""
COUNT_THERE = text(
    NEW  # noqa: S608 It is ours.
    + """
    select count(*) as there, count(*) filter (where there.power = new.power) as same
    from new
    join energy_readings there on (there.park_id, there.interval_start) = (:park_id, new.interval_start)
"""
)
KEEP_REPLACED = text(
    NEW  # noqa: S608 It is ours.
    + """
    insert into replaced_readings (park_id, interval_start, import_id, local_date, power)
    select there.park_id, there.interval_start, there.import_id, there.local_date, there.power
    from new
    join energy_readings there on (there.park_id, there.interval_start) = (:park_id, new.interval_start)
    where there.import_id <> :import_id
"""
)
# Of an instant that another import has taken from it since, and that it brings again.
FORGET_OWN = text("""
    delete from replaced_readings
    where (park_id, import_id) = (:park_id, :import_id) and interval_start = any (cast(:instants as timestamptz[]))
""")
KEEP = text(
    NEW  # noqa: S608 It is ours.
    + """
    insert into energy_readings (park_id, interval_start, local_date, power, import_id)
    select cast(:park_id as uuid), interval_start, local_date, power, cast(:import_id as uuid)
    from new
    on conflict (park_id, interval_start) do update
    set local_date = excluded.local_date, power = excluded.power, import_id = excluded.import_id
"""
)
# Which instants an import has brought already, replaced since or not.
BROUGHT = text("""
    select interval_start
    from energy_readings
    where (park_id, import_id) = (:park_id, :import_id) and interval_start = any (cast(:instants as timestamptz[]))
    union
    select interval_start
    from replaced_readings
    where (park_id, import_id) = (:park_id, :import_id) and interval_start = any (cast(:instants as timestamptz[]))
""")
DAYS_OF_IMPORT = text("""
    select distinct local_date from energy_readings where (park_id, import_id) = (:park_id, :import_id)
""")
# What came before it, and has not been taken back itself, takes its place again.
RESTORE = text("""
    with before as (
        select distinct on (interval_start) replaced.*
        from replaced_readings replaced
        join energy_readings mine using (park_id, interval_start)
        where (mine.park_id, mine.import_id) = (:park_id, :import_id)
        order by interval_start, place desc
    ),
    gone as (
        delete from replaced_readings
        using before
        where (replaced_readings.park_id, replaced_readings.interval_start, replaced_readings.import_id)
            = (before.park_id, before.interval_start, before.import_id)
    )
    update energy_readings
    set local_date = before.local_date, power = before.power, import_id = before.import_id
    from before
    where (energy_readings.park_id, energy_readings.interval_start) = (before.park_id, before.interval_start)
""")
TAKE_BACK = text("delete from energy_readings where (park_id, import_id) = (:park_id, :import_id)")
FORGET = text("delete from replaced_readings where (park_id, import_id) = (:park_id, :import_id)")
SUM_DAYS = text("""
    with days as (select unnest(cast(:days as date[])) as local_date),
    gone as (
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
    insert into park_days (park_id, local_date, min_power, max_power, sum_power, reading_count)
    select cast(:park_id as uuid), readings.local_date, min(power), max(power), sum(power), count(*)
    from days
    join energy_readings readings
      on readings.park_id = :park_id
     and readings.local_date = days.local_date
     -- No timezone is further than a day from UTC: of the primary key no more is read than these.
     and readings.interval_start between days.local_date - interval '2 days' and days.local_date + interval '3 days'
    group by readings.local_date
    on conflict (park_id, local_date) do update
    set min_power = excluded.min_power,
        max_power = excluded.max_power,
        sum_power = excluded.sum_power,
        reading_count = excluded.reading_count
""")


async def lock_park_readings(session: AsyncSession, *, park_id: UUID) -> None:
    """Let no other transaction change a park's readings until this one ends."""
    await take_advisory_lock(session, "readings", str(park_id))


async def instants_of_import(
    session: AsyncSession, *, park_id: UUID, import_id: UUID, instants: Sequence[datetime]
) -> set[datetime]:
    """Return which of some instants an import has brought a reading for."""
    rows = await session.execute(BROUGHT, {"park_id": park_id, "import_id": import_id, "instants": list(instants)})
    return set(rows.scalars())


async def store(session: AsyncSession, readings: Readings, *, park_id: UUID, import_id: UUID) -> int:
    """
    Let readings take the place of those of the same instants, and sum up their days; return how many said the same.

    Call it under `take_turns_at`.
    """
    new: dict[str, Any] = {
        "park_id": park_id,
        "import_id": import_id,
        "instants": list(readings.instants),
        "local_dates": list(readings.local_dates),
        "powers": list(readings.powers),
    }
    without_import = {name: value for name, value in new.items() if name != "import_id"}
    counts = (await session.execute(COUNT_THERE, without_import)).one()
    if counts.there:
        await session.execute(FORGET_OWN, {name: new[name] for name in ("park_id", "import_id", "instants")})
        await session.execute(KEEP_REPLACED, new)
    await session.execute(KEEP, new)
    await _sum_days(session, park_id=park_id, days=set(readings.local_dates))
    return int(counts.same)


async def undo_import(session: AsyncSession, *, park_id: UUID, import_id: UUID) -> None:
    """Take back the readings of an import that no later one has replaced; what they had replaced is there again."""
    await lock_park_readings(session, park_id=park_id)
    of_import = {"park_id": park_id, "import_id": import_id}
    days = set((await session.execute(DAYS_OF_IMPORT, of_import)).scalars())
    await session.execute(RESTORE, of_import)
    await session.execute(TAKE_BACK, of_import)
    await session.execute(FORGET, of_import)
    await _sum_days(session, park_id=park_id, days=days)


async def _sum_days(session: AsyncSession, *, park_id: UUID, days: set[date]) -> None:
    await session.execute(SUM_DAYS, {"park_id": park_id, "days": sorted(days)})
    await energy_type_days.recompute_days(session, park_id=park_id, days=days)


def readings(
    scope: Scope, wanted: ParkFilter | None = None, from_: datetime | None = None, until: datetime | None = None
) -> ReadStatement:
    """Read the readings of the parks that are wanted, over instants `[from, until)`; each tells its park's timezone."""
    # Found beforehand, and not joined: so readings are read by their key, from where a page starts.
    parks = select(col(Park.id)).where(*scope.parks(), *(wanted.conditions() if wanted else ()))
    return _over(from_, until).where(col(EnergyReading.park_id) == any_(func.array(parks.scalar_subquery())))


def readings_of_parks(
    scope: Scope, park_ids: Sequence[UUID], from_: datetime | None, until: datetime | None
) -> ReadStatement:
    """Read the readings of some parks over instants `[from, until)`; each tells its park's timezone."""
    return _over(from_, until).where(equals_any(col(EnergyReading.park_id), park_ids), *scope.parks())


def park_daily_stats(scope: Scope, wanted: ParkFilter, from_: date | None, until: date | None) -> ReadStatement:
    """Read the sums of the local days `[from, until)` of the parks that are wanted; powers are in 10^-6 MW."""
    days = select(
        *(col(ParkDay.park_id), col(ParkDay.local_date), col(ParkDay.min_power), col(ParkDay.max_power)),
        *(col(ParkDay.sum_power), col(ParkDay.reading_count)),
    ).join(Park, col(Park.id) == ParkDay.park_id)
    return _of_days(days, col(ParkDay.local_date), from_, until).where(*scope.parks(), *wanted.conditions())


def energy_type_daily_stats(scope: Scope, wanted: ParkFilter, from_: date | None, until: date | None) -> ReadStatement:
    """Read the sums of the days `[from, until)` by energy type; of parks that are wanted by anything but their name."""
    days = _of_days(
        select(
            *(col(EnergyTypeDay.local_date), col(EnergyTypeDay.energy_type)),
            *_summed(EnergyTypeDay, func.sum(EnergyTypeDay.park_count)),
        ),
        *(col(EnergyTypeDay.local_date), from_, until),
    )
    return days.where(*scope.parks(), *wanted.conditions(EnergyTypeDay)).group_by(
        col(EnergyTypeDay.local_date), col(EnergyTypeDay.energy_type)
    )


def energy_type_daily_stats_of_parks(
    scope: Scope, wanted: ParkFilter, from_: date | None, until: date | None
) -> ReadStatement:
    """Read the sums of the days `[from, until)` by energy type, from those of each park that is wanted."""
    days = _of_days(
        select(col(ParkDay.local_date), col(Park.energy_type), *_summed(ParkDay, func.count())),
        *(col(ParkDay.local_date), from_, until),
    )
    return (
        days.join(Park, col(Park.id) == ParkDay.park_id)
        .where(*scope.parks(), *wanted.conditions())
        .group_by(col(ParkDay.local_date), col(Park.energy_type))
    )


def _summed(days: Any, park_count: Any) -> tuple[Any, ...]:
    return (
        func.min(days.min_power).label("min_power"),
        func.max(days.max_power).label("max_power"),
        func.sum(days.sum_power).label("sum_power"),
        func.sum(days.reading_count).label("reading_count"),
        park_count.label("park_count"),
    )


def _over(from_: datetime | None, until: datetime | None) -> ReadStatement:
    timezone = select(col(Park.timezone)).where(col(Park.id) == EnergyReading.park_id).scalar_subquery()
    readings = select(
        *(col(EnergyReading.park_id), col(EnergyReading.interval_start), col(EnergyReading.power)),
        timezone.label("timezone"),
    )
    if from_ is not None:
        readings = readings.where(col(EnergyReading.interval_start) >= from_)
    if until is not None:
        readings = readings.where(col(EnergyReading.interval_start) < until)
    return readings


def _of_days(days: ReadStatement, day: Any, from_: date | None, until: date | None) -> ReadStatement:
    if from_ is not None:
        days = days.where(day >= from_)
    if until is not None:
        days = days.where(day < until)
    return days
