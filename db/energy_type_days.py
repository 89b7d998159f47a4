"""
The sums of days by what energy is made of, and by timezone: of the days of all parks that have both in common.

They are made of the sums of the parks' own days, in the transaction that changes these.
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
    """The sums of a day, in 10^-6 MW."""

    __tablename__ = "energy_type_days"

    local_date: date = Field(primary_key=True)
    energy_type: str = Field(primary_key=True)
    timezone: str = Field(primary_key=True)
    min_power: int = Field(sa_type=BigInteger)
    max_power: int = Field(sa_type=BigInteger)
    sum_power: Decimal
    reading_count: int = Field(sa_type=BigInteger)
    park_count: int


# A park is of one timezone for as long as it has days; what it makes energy of may have changed.
FORGET = text("""
    delete from energy_type_days
    where local_date = any (cast(:days as date[]))
      and timezone = (select timezone from parks where id = :park_id)
""")
SUM_UP = text("""
    insert into energy_type_days
        (local_date, energy_type, timezone, min_power, max_power, sum_power, reading_count, park_count)
    select
        local_date, energy_type, timezone,
        min(min_power), max(max_power), sum(sum_power), sum(reading_count), count(*)
    from park_days
    join parks on parks.id = park_id
    where local_date = any (cast(:days as date[]))
      and timezone = (select timezone from parks where id = :park_id)
    group by local_date, energy_type, timezone
""")
DAYS_OF_PARK = text("select local_date from park_days where park_id = :park_id")


async def recompute_days(session: AsyncSession, *, park_id: UUID, days: Collection[date]) -> None:
    """Sum up anew the days of a park that have changed, with all that are summed up with them."""
    if not days:
        return
    # Of two transactions that sum up one day at once, neither would see what the other has changed.
    await take_advisory_lock(session, "energy type days")
    changed = {"park_id": park_id, "days": sorted(days)}
    await session.execute(FORGET, changed)
    await session.execute(SUM_UP, changed)


async def recompute_all_days(session: AsyncSession, *, park_id: UUID) -> None:
    """Sum up anew all days of a park that is no longer what it was."""
    days = await session.scalars(DAYS_OF_PARK, {"park_id": park_id})
    await recompute_days(session, park_id=park_id, days=set(days))
