"""How readings are brought in: each takes the place of the one there was for its park and instant."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.import_runs
import db.parks
import db.readings
from db.engine.database import Database
from db.engine.scope import UNRESTRICTED
from db.import_runs import Claim
from db.parks import Park
from db.readings import Readings
from graph.imports.csv.arrays import Integers
from graph.imports.csv.rejection import Rejection
from graph.imports.kind_intake import Found
from graph.imports.park_readings import EPOCH_DAY, ParkReadingChunk, ParkReadingReader, ReadingColumns

# More would keep other imports of the same worker waiting while they are made ready.
READINGS_AT_ONCE = 20_000


@dataclass(frozen=True)
class DatedPark:
    """A park, and the timezone by which an import's readings of it were dated."""

    id: UUID
    timezone: str


class ParkReadingIntake:
    """The intake of a file of readings."""

    def __init__(self, claim: Claim, park: DatedPark, reader: ParkReadingReader) -> None:
        self._claim = claim
        self._park = park
        self._reader = reader

    @classmethod
    async def open(cls, database: Database, claim: Claim, header: bytes) -> Self:
        """Find the park's timezone. Raises HeaderRefused."""
        assert claim.park_id is not None  # noqa: S101
        there = await database.row(db.parks.parks(UNRESTRICTED).where(col(Park.id) == claim.park_id))
        assert there is not None  # noqa: S101
        reader = await asyncio.to_thread(ParkReadingReader, header, ZoneInfo(there.timezone))
        return cls(claim, DatedPark(claim.park_id, there.timezone), reader)

    async def check(self, lines: bytearray, *, number: int, first_line_number: int) -> "CheckedReadings":
        chunk = await asyncio.to_thread(self._reader.read, lines, first_line_number=first_line_number)
        return CheckedReadings(chunk, self._park, self._claim.import_id)

    async def complete(self, session: AsyncSession) -> None:
        await db.import_runs.complete(session, self._claim)


@dataclass(frozen=True)
class CheckedReadings:
    _chunk: ParkReadingChunk
    _park: DatedPark
    _import_id: UUID

    @property
    def lines_read(self) -> int:
        return self._chunk.lines_read

    @property
    def rows_read(self) -> int:
        return self._chunk.rows_read

    @property
    def rejections(self) -> list[Rejection]:
        return self._chunk.rejections

    def ready(self) -> "ReadyReadings":
        return ReadyReadings(self._chunk.readings, self._park, self._import_id)


@dataclass(frozen=True)
class ReadyReadings:
    _readings: ReadingColumns
    _park: DatedPark
    _import_id: UUID

    async def keep(self, session: AsyncSession) -> Found:
        of_import = {"park_id": self._park.id, "import_id": self._import_id}
        await db.parks.lock_timezone(session, id=self._park.id, timezone=self._park.timezone)
        await db.readings.lock_park_readings(session, park_id=self._park.id)

        doubled = np.flatnonzero(self._readings.earlier != self._readings.later)
        first_of_doubled = _instants(np.unique(self._readings.earlier[doubled]))
        brought = await db.readings.brought(session, instants=first_of_doubled, **of_import) if len(doubled) else set()
        instants = _told_apart(self._readings, doubled, {int(instant.timestamp()) for instant in brought})

        # Of several of one instant the last stays.
        order = np.argsort(instants, kind="stable")
        is_replaced = np.append(np.diff(instants[order]) == 0, False)[: len(order)]
        says_the_same = np.append(np.diff(self._readings.powers[order]) == 0, False)[: len(order)]
        rows_duplicated = int(np.count_nonzero(is_replaced & says_the_same))
        for batch in _batches(order[~is_replaced]):
            readings = Readings(
                _instants(instants[batch]),
                [date.fromordinal(EPOCH_DAY + day) for day in self._readings.local_days[batch].tolist()],
                self._readings.powers[batch].tolist(),
            )
            rows_duplicated += await db.readings.keep(session, readings, **of_import)
        return Found(rows_duplicated=rows_duplicated)


def _told_apart(readings: ReadingColumns, doubled: Integers, brought: set[int]) -> Integers:
    """
    Give each reading its instant: of a time that clocks showed twice the earlier to its first reading in the file.

    Those that this import has brought before are given by their earlier instants.
    """
    instants, taken = readings.earlier.copy(), set(brought)
    for index in doubled.tolist():
        earlier = int(readings.earlier[index])
        if earlier in taken:
            instants[index] = readings.later[index]
        taken.add(earlier)
    return instants


def _batches(indexes: Integers) -> Iterator[Integers]:
    for start in range(0, len(indexes), READINGS_AT_ONCE):
        yield indexes[start : start + READINGS_AT_ONCE]


def _instants(seconds: Integers) -> list[datetime]:
    return [datetime.fromtimestamp(second, UTC) for second in seconds.tolist()]
