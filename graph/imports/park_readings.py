"""The reader of files of readings: it turns whole lines into readings and rejections."""

from collections.abc import Iterator, Mapping, Sequence
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
from graph.imports.csv.arrays import BoolArray, Int64Array
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import read_header, split_pieces
from graph.imports.csv.pieces import PIECE_BYTES, read_pieces
from graph.imports.csv.rejection import Rejection
from graph.imports.csv.vectorised_fields import read_local_time_column, read_millionths_column
from graph.imports.kind_intake import KeepResult
from graph.imports.local_times import DAY_S, LocalTimes
from graph.imports.park_reading_row import COLUMNS, MAX_POWER_MW, MIN_POWER_MW, check_row

EPOCH_DAY = date(1970, 1, 1).toordinal()
# Building the parameters of a statement blocks the event loop; larger batches would delay the worker's other imports.
READINGS_PER_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class ReadingColumns:
    """
    Readings as columns in file order, with one element per reading.

    The earlier and the later instant, in seconds since 1970-01-01 00:00 UTC, differ only for an ambiguous local time,
    which occurs twice because clocks are put back.
    """

    earlier_s: Int64Array
    later_s: Int64Array
    # The local date, in days since 1970-01-01.
    local_days: Int64Array
    powers_w: Int64Array

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the readings of several parts, in the order of the parts."""
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))

    def take(self, indexes: Int64Array) -> Self:
        """Return the readings at the given indexes."""
        return type(self)(*(getattr(self, column.name)[indexes] for column in fields(self)))


@dataclass(frozen=True)
class FileOrder:
    """What the first lines of a file tell about ambiguous local times."""

    is_newest_first: bool = False
    has_only_ambiguous_times: bool = False

    @classmethod
    def of(cls, readings: ReadingColumns) -> Self:
        """Return the order of readings, by the majority of the steps from one to the next."""
        steps = np.sign(np.diff(readings.earlier_s))
        return cls(bool(steps.sum() < 0), _has_only_ambiguous_times(readings))


@dataclass(frozen=True)
class ParkReadingChunk:
    """The readings and rejections of one chunk; `lines_read` includes empty lines, `rows_read` does not."""

    import_id: UUID
    park_id: UUID
    timezone: str
    lines_read: int
    rejections: list[Rejection]
    readings: ReadingColumns
    order: "FileOrder"

    @property
    def rows_read(self) -> int:
        return len(self.readings.powers_w) + len(self.rejections)

    def encode(self) -> None:
        """Readings are passed to Postgres as parameters, so there is nothing to encode."""

    async def keep(self, session: AsyncSession) -> KeepResult:
        """Store the readings; each replaces the stored reading of the same park and instant."""
        readings, of_import = self.readings, {"park_id": self.park_id, "import_id": self.import_id}
        await db.parks.lock_timezone(session, id=self.park_id, timezone=self.timezone)
        await db.readings.lock_park_readings(session, park_id=self.park_id)

        instants_s = await self._instants(session)
        # Of several readings of one instant in the file, only the last is stored and counted.
        order = np.argsort(instants_s, kind="stable")
        is_replaced = np.append(np.diff(instants_s[order]) == 0, False)[: len(order)]
        rows_duplicated = int(np.count_nonzero(is_replaced))
        for batch in _batches(order[~is_replaced]):
            new = Readings(
                _to_datetimes(instants_s[batch]),
                [date.fromordinal(EPOCH_DAY + day) for day in readings.local_days[batch].tolist()],
                readings.powers_w[batch].tolist(),
            )
            rows_duplicated += await db.readings.store(session, new, **of_import)
        return KeepResult(rows_duplicated=rows_duplicated)

    async def _instants(self, session: AsyncSession) -> Int64Array:
        """
        Return the instant of each reading. The order of the file tells which of its two instants an ambiguous one has.

        A file that has nothing but ambiguous local times, each once, is the second of two files of an hour each if the
        park has other readings at the earlier instants and none at the later ones.
        """
        order = self.order
        readings = self.readings
        ambiguous = np.flatnonzero(readings.earlier_s != readings.later_s)
        if not len(ambiguous):
            return readings.earlier_s
        first_s = readings.later_s if order.is_newest_first else readings.earlier_s
        stored = await db.readings.instants_of_import(
            session,
            park_id=self.park_id,
            import_id=self.import_id,
            instants=_to_datetimes(np.unique(first_s[ambiguous])),
        )
        if order.has_only_ambiguous_times and not stored and _has_only_ambiguous_times(readings):
            powers_w = await db.readings.powers_at(
                session,
                park_id=self.park_id,
                instants=_to_datetimes(np.concatenate([readings.earlier_s, readings.later_s])),
            )
            return readings.later_s if _are_second_pass(readings, powers_w) else readings.earlier_s
        second_s = readings.earlier_s if order.is_newest_first else readings.later_s
        return _resolve_ambiguous(first_s, second_s, ambiguous, {int(instant.timestamp()) for instant in stored})


class ParkReadingReader:
    """Reads the chunks of one file, in any order. Creating it raises HeaderRefused."""

    def __init__(
        self, header: bytes, zone: ZoneInfo, *, park_id: UUID, import_id: UUID, first_lines: bytes = b""
    ) -> None:
        self.header = read_header(header, COLUMNS)
        self._zone = zone
        self._park_id = park_id
        self._import_id = import_id
        self._local_times = LocalTimes(zone)
        self._order = FileOrder()
        if first_lines:
            self._order = FileOrder.of(self.read(first_lines, first_line_number=2).readings)

    def read(self, lines: bytes | bytearray, *, first_line_number: int) -> ParkReadingChunk:
        """Read whole lines; only the file's last line may lack its newline."""
        parts, rejections, lines_read = read_pieces(
            split_pieces(lines, PIECE_BYTES),
            self.header,
            first_line_number=first_line_number,
            read_rows=self._read_rows,
            check_row=self._check_row,
        )
        return ParkReadingChunk(
            import_id=self._import_id,
            park_id=self._park_id,
            timezone=self._zone.key,
            lines_read=lines_read,
            rejections=rejections,
            readings=ReadingColumns.concatenate(parts),
            order=self._order,
        )

    def _read_rows(self, positions: LinePositions, _first_line_number: int) -> tuple[ReadingColumns, BoolArray]:
        """Parse all lines as readings, and return a mask of the valid ones; the others are placeholders."""
        time, power = map(positions.column, self.header.positions)
        local_s, are_times = read_local_time_column(time)
        earlier_s, later_s, exist = self._local_times.to_instants(local_s)
        # 10^-6 MW are 1 W.
        powers_w, are_powers = read_millionths_column(power, minimum=MIN_POWER_MW, maximum=MAX_POWER_MW)
        readings = ReadingColumns(earlier_s, later_s, local_s // DAY_S, powers_w)
        return readings, positions.have_all_fields & are_times & exist & are_powers

    def _check_row(self, line: bytes, index: int, readings: ReadingColumns) -> None:
        """Check a line by itself, and replace its placeholder by the reading. Raises RowRejected."""
        reading = check_row(line, self.header, self._zone)
        readings.earlier_s[index] = int(reading.earlier_instant.timestamp())
        readings.later_s[index] = int(reading.later_instant.timestamp())
        readings.local_days[index] = reading.local_date.toordinal() - EPOCH_DAY
        readings.powers_w[index] = reading.power_w


def _resolve_ambiguous(
    first_s: Int64Array, second_s: Int64Array, ambiguous: Int64Array, stored_s: set[int]
) -> Int64Array:
    """
    Return the instant of each reading: `first_s` for the first reading in the file of an ambiguous local time, and
    `second_s` for the others.

    `stored_s` are the instants of first readings that a previous chunk of this import has stored.
    """
    instants_s, used_s = first_s.copy(), set(stored_s)
    for index in ambiguous.tolist():
        if int(first_s[index]) in used_s:
            instants_s[index] = second_s[index]
        used_s.add(int(first_s[index]))
    return instants_s


def _has_only_ambiguous_times(readings: ReadingColumns) -> bool:
    """Return whether all local times of readings are ambiguous, and each occurs once."""
    are_ambiguous = readings.earlier_s != readings.later_s
    return bool(are_ambiguous.all()) and len(np.unique(readings.earlier_s)) == len(are_ambiguous)


def _are_second_pass(readings: ReadingColumns, stored_powers_w: Mapping[datetime, int]) -> bool:
    """Return whether readings of ambiguous local times follow those that are stored at their earlier instants."""
    earlier = _to_datetimes(readings.earlier_s)
    later = _to_datetimes(readings.later_s)
    if not all(instant in stored_powers_w for instant in earlier) or any(at in stored_powers_w for at in later):
        return False
    # The same readings again are a file that was sent twice.
    stored_w = [stored_powers_w[instant] for instant in earlier]
    return stored_w != list(map(int, readings.powers_w))


def _batches(indexes: Int64Array) -> Iterator[Int64Array]:
    for start in range(0, len(indexes), READINGS_PER_BATCH):
        yield indexes[start : start + READINGS_PER_BATCH]


def _to_datetimes(instants_s: Int64Array) -> list[datetime]:
    return [datetime.fromtimestamp(instant_s, UTC) for instant_s in instants_s.tolist()]
