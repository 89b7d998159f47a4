"""The reader of a park's readings: bytes of whole lines in, readings and rejections out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

import db.parks
import db.readings
from db.readings import Readings
from graph.imports.csv.arrays import Flags, Integers
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import cut_pieces, read_header
from graph.imports.csv.pieces import PIECE_BYTES, read_pieces
from graph.imports.csv.plain_fields import plain_local_times, plain_millionths
from graph.imports.csv.rejection import Rejection
from graph.imports.kind_intake import KeepResult
from graph.imports.local_times import DAY_S, LocalTimes
from graph.imports.park_reading_row import COLUMNS, HIGHEST_POWER, LOWEST_POWER, check_row

EPOCH_DAY = date(1970, 1, 1).toordinal()
# More would keep other imports of the same worker waiting while they are made ready.
READINGS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class ReadingColumns:
    """
    Readings in file order, an element each: instants in seconds and local days since 1970, powers in 10^-6 MW.

    The later instant is another than the earlier where clocks showed the same time twice.
    """

    earlier: Integers
    later: Integers
    local_days: Integers
    powers: Integers

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """
        Put readings behind each other.
        """
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))

    def taken(self, indexes: Integers) -> Self:
        """
        Take some of the readings.
        """
        return type(self)(*(getattr(self, column.name)[indexes] for column in fields(self)))


@dataclass(frozen=True)
class ParkReadingChunk:
    """The readings and rejections of one chunk; `lines_read` includes empty lines, `rows_read` does not."""

    import_id: UUID
    park_id: UUID
    timezone: str
    lines_read: int
    rejections: list[Rejection]
    readings: ReadingColumns

    @property
    def rows_read(self) -> int:
        return len(self.readings.powers) + len(self.rejections)

    def encode(self) -> None:
        """Readings are passed to Postgres as parameters, so there is nothing to encode."""

    async def keep(self, session: AsyncSession) -> KeepResult:
        """Insert the readings; each replaces the stored reading of the same park and instant."""
        readings, of_import = self.readings, {"park_id": self.park_id, "import_id": self.import_id}
        await db.parks.lock_timezone(session, id=self.park_id, timezone=self.timezone)
        await db.readings.lock_park_readings(session, park_id=self.park_id)

        doubled = np.flatnonzero(readings.earlier != readings.later)
        first_of_doubled = _instants(np.unique(readings.earlier[doubled]))
        brought = (
            await db.readings.instants_of_import(session, instants=first_of_doubled, **of_import)
            if len(doubled)
            else set()
        )
        instants = _told_apart(readings, doubled, {int(instant.timestamp()) for instant in brought})

        # Of several of one instant the last stays.
        order = np.argsort(instants, kind="stable")
        is_replaced = np.append(np.diff(instants[order]) == 0, False)[: len(order)]
        says_the_same = np.append(np.diff(readings.powers[order]) == 0, False)[: len(order)]
        rows_duplicated = int(np.count_nonzero(is_replaced & says_the_same))
        for batch in _batches(order[~is_replaced]):
            new = Readings(
                _instants(instants[batch]),
                [date.fromordinal(EPOCH_DAY + day) for day in readings.local_days[batch].tolist()],
                readings.powers[batch].tolist(),
            )
            rows_duplicated += await db.readings.store(session, new, **of_import)
        return KeepResult(rows_duplicated=rows_duplicated)


class ParkReadingReader:
    """Reads the chunks of one file, in any order; HeaderRefused says what is wrong with its header."""

    def __init__(self, header: bytes, zone: ZoneInfo, *, park_id: UUID, import_id: UUID) -> None:
        self._header = read_header(header, COLUMNS)
        self._zone = zone
        self._park_id = park_id
        self._import_id = import_id
        self._local_times = LocalTimes(zone)

    def read(self, lines: bytes | bytearray, *, first_line_number: int) -> ParkReadingChunk:
        """
        Read whole lines; only the file's last line may lack its newline.
        """
        parts, rejections, lines_read = read_pieces(
            cut_pieces(lines, PIECE_BYTES),
            self._header,
            first_line_number=first_line_number,
            plain_rows=self._plain_readings,
            check=self._check,
        )
        return ParkReadingChunk(
            import_id=self._import_id,
            park_id=self._park_id,
            timezone=self._zone.key,
            lines_read=lines_read,
            rejections=rejections,
            readings=ReadingColumns.joined(parts),
        )

    def _plain_readings(self, positions: LinePositions, _first_line_number: int) -> tuple[ReadingColumns, Flags]:
        time, power = map(positions.column, self._header.positions)
        local, are_times = plain_local_times(time)
        earlier, later, exist = self._local_times.instants(local)
        powers, are_powers = plain_millionths(power, at_least=LOWEST_POWER, at_most=HIGHEST_POWER)
        readings = ReadingColumns(earlier, later, local // DAY_S, powers)
        return readings, positions.are_whole & are_times & exist & are_powers

    def _check(self, line: bytes, index: int, readings: ReadingColumns) -> None:
        reading = check_row(line, self._header, self._zone)
        readings.earlier[index] = int(reading.earlier.timestamp())
        readings.later[index] = int(reading.later.timestamp())
        readings.local_days[index] = reading.local_date.toordinal() - EPOCH_DAY
        readings.powers[index] = reading.power


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
