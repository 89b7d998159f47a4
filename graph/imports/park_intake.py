"""The intake of parks: row by row, since there are few; each park is created or updated by its name."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

import db.import_runs
import db.parks
from db.engine.database import Database
from db.import_runs import Claim
from db.parks import ParkHasReadings
from graph.imports.csv.chunks import TextFile
from graph.imports.csv.lines import MAX_LINE_BYTES, Header, read_header, split_lines
from graph.imports.csv.pieces import LINE_TOO_LONG
from graph.imports.csv.rejection import Rejection, RejectionCode, RowRejected
from graph.imports.kind_intake import KeepResult
from graph.imports.park_row import COLUMNS, ParkRow, check_row


class ParkLine(NamedTuple):
    """An accepted row, with its line number and its line in the file."""

    number: int
    line: bytes
    park: ParkRow


@dataclass
class ParkChunk:
    """The parks and rejections of one chunk; `lines_read` includes empty lines, `rows_read` does not."""

    import_id: UUID
    lines_read: int = 0
    parks: list[ParkLine] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        return len(self.parks) + len(self.rejections)

    def encode(self) -> None:
        """Parks are written row by row, so there is nothing to encode."""

    async def keep(self, session: AsyncSession) -> KeepResult:
        """Create or update each park by its name."""
        await db.parks.lock_park_imports(session)
        rows_duplicated, rejections = 0, []
        for number, line, park in self.parks:
            try:
                is_new = await db.parks.upsert_imported(session, import_id=self.import_id, **park._asdict())
                rows_duplicated += not is_new
            except ParkHasReadings as refusal:
                # The schema has no separate rejection code for a new timezone of a park that has readings.
                reason = RowRejected(RejectionCode.UNKNOWN_TIMEZONE, "timezone", str(refusal))
                rejections.append(Rejection.from_line(number, line, reason))
        return KeepResult(rows_duplicated, rejections)


class ParkIntake:
    """The intake of one file of parks."""

    def __init__(self, claim: Claim, header: Header) -> None:
        self._claim = claim
        self.header = header

    @classmethod
    async def open(cls, _database: Database, claim: Claim, file: TextFile) -> Self:
        """Read the header. Raises HeaderRefused."""
        return cls(claim, read_header(file.header, COLUMNS))

    async def check(self, lines: bytearray, *, number: int, first_line_number: int) -> ParkChunk:
        return await asyncio.to_thread(self._check, lines, first_line_number)

    def _check(self, lines: bytearray, first_line_number: int) -> ParkChunk:
        chunk = ParkChunk(self._claim.import_id)
        for number, line in enumerate(split_lines(lines), start=first_line_number):
            chunk.lines_read += 1
            if self.header.is_blank(line):
                continue
            try:
                if len(line) > MAX_LINE_BYTES:
                    raise LINE_TOO_LONG
                chunk.parks.append(ParkLine(number, line, check_row(line, self.header)))
            except RowRejected as reason:
                chunk.rejections.append(Rejection.from_line(number, line[:MAX_LINE_BYTES], reason))
        return chunk

    async def complete(self, session: AsyncSession) -> None:
        await db.import_runs.complete(session, self._claim)
