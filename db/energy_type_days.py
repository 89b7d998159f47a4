"""
Daily totals by energy type and timezone, over all parks with that energy type and timezone.

They are computed from the daily totals of the parks, in the transaction that changes the parks' totals.
"""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from db.engine.database import take_advisory_lock
from db.engine.tables import Table


class EnergyTypeDay(Table, table=True):
    """The totals of a local day for one energy type and timezone."""

    __tablename__ = "energy_type_days"

    local_date: date = Field(primary_key=True)
    energy_type: str = Field(primary_key=True)
    timezone: str = Field(primary_key=True)
    min_power_w: int = Field(sa_type=BigInteger)
    max_power_w: int = Field(sa_type=BigInteger)
    sum_power_w: Decimal
    reading_count: int = Field(sa_type=BigInteger)
    park_count: int


# Deletes the totals of some days in a park's timezone, for all energy types: the park's type may have just changed,
# while its timezone cannot change as long as it has days.
DELETE_DAYS = text("""
    delete from energy_type_days
    where local_date = any (cast(:days as date[]))
      and timezone = (select timezone from parks where id = :park_id)
""")
# Computes the totals of some days in a park's timezone again, for all energy types.
INSERT_DAYS = text("""
    insert into energy_type_days
        (local_date, energy_type, timezone, min_power_w, max_power_w, sum_power_w, reading_count, park_count)
    select
        local_date, energy_type, timezone,
        min(min_power_w), max(max_power_w), sum(sum_power_w), sum(reading_count), count(*)
    from park_days
    join parks on parks.id = park_id
    where local_date = any (cast(:days as date[]))
      and timezone = (select timezone from parks where id = :park_id)
    group by local_date, energy_type, timezone
""")
# Selects all days of a park.
SELECT_DAYS_OF_PARK = text("select local_date from park_days where park_id = :park_id")


async def recompute_days(session: AsyncSession, *, park_id: UUID, days: Collection[date]) -> None:
    """Recompute the totals of some days in a park's timezone, after the totals of the park's days have changed."""
    if not days:
        return
    # Without this lock, two concurrent transactions would each compute the totals of a day without the changes of the
    # other.
    await take_advisory_lock(session, "energy type days")
    parameters = {"park_id": park_id, "days": sorted(days)}
    await session.execute(DELETE_DAYS, parameters)
    await session.execute(INSERT_DAYS, parameters)


async def recompute_all_days(session: AsyncSession, *, park_id: UUID) -> None:
    """Recompute the totals of all days of a park whose energy type has changed."""
    days = await session.scalars(SELECT_DAYS_OF_PARK, {"park_id": park_id})
    await recompute_days(session, park_id=park_id, days=set(days))
