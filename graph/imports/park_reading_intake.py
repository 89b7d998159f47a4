"""The intake of readings: each reading replaces the stored one of the same park and instant."""

import asyncio
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.import_runs
import db.parks
from db.engine.database import Database
from db.engine.scope import UNRESTRICTED
from db.import_runs import Claim
from db.parks import Park
from graph.imports.csv.chunks import TextFile
from graph.imports.park_readings import ParkReadingChunk, ParkReadingReader


class ParkReadingIntake:
    """The intake of one file of readings of one park."""

    def __init__(self, claim: Claim, reader: ParkReadingReader) -> None:
        self._claim = claim
        self._reader = reader
        self.header = reader.header

    @classmethod
    async def open(cls, database: Database, claim: Claim, file: TextFile) -> Self:
        """Read the park's timezone. Raises HeaderRefused."""
        assert claim.park_id is not None  # noqa: S101
        park = await database.row(db.parks.parks(UNRESTRICTED).where(col(Park.id) == claim.park_id))
        assert park is not None  # noqa: S101
        reader = await asyncio.to_thread(
            ParkReadingReader,
            file.header,
            ZoneInfo(park.timezone),
            park_id=claim.park_id,
            import_id=claim.import_id,
            first_lines=file.first_lines,
        )
        return cls(claim, reader)

    async def check(self, lines: bytearray, *, number: int, first_line_number: int) -> ParkReadingChunk:
        return await asyncio.to_thread(self._reader.read, lines, first_line_number=first_line_number)

    async def complete(self, session: AsyncSession) -> None:
        await db.import_runs.complete(session, self._claim)
