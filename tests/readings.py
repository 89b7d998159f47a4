"""Readings of parks as a test keeps them: quarters of an hour of local days, without a file."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import db.readings
from db.engine import Database
from db.readings import Readings

QUARTER = timedelta(minutes=15)


def readings(timezone: str, day: str, powers_mw: Sequence[float | str]) -> Readings:
    """Return readings from a local midnight on, a quarter of an hour each."""
    zone = ZoneInfo(timezone)
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    instants = [midnight + place * QUARTER for place in range(len(powers_mw))]
    return Readings(
        instants=instants,
        local_dates=[instant.astimezone(zone).date() for instant in instants],
        powers=[int(Decimal(power) * 10**6) for power in powers_mw],
    )


async def kept(database: Database, park_id: str, *each: Readings) -> UUID:
    """Keep readings of a park as an import brings them, and return whose they are said to be."""
    import_id = uuid4()
    async with database.transaction() as session:
        await db.readings.take_turns_at(session, park_id=UUID(park_id))
        for some in each:
            await db.readings.keep(session, some, park_id=UUID(park_id), import_id=import_id)
    return import_id
