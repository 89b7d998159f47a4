"""The reader of a park's readings: bytes of whole lines in, readings and rejections out."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Self
from zoneinfo import ZoneInfo

import numpy as np

from graph.imports.csv.arrays import Flags, Integers
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import cut_pieces, read_header
from graph.imports.csv.pieces import PIECE_BYTES, read_pieces
from graph.imports.csv.plain_fields import plain_local_times, plain_millionths
from graph.imports.csv.rejection import Rejection
from graph.imports.local_times import DAY_S, LocalTimes
from graph.imports.park_reading_row import COLUMNS, HIGHEST_POWER, LOWEST_POWER, check_row

EPOCH_DAY = date(1970, 1, 1).toordinal()


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
    """What a chunk brought; lines_read counts empty lines too, rows_read does not."""

    lines_read: int
    rejections: list[Rejection]
    readings: ReadingColumns

    @property
    def rows_read(self) -> int:
        return len(self.readings.powers) + len(self.rejections)


class ParkReadingReader:
    """Reads the chunks of one file, in any order; HeaderRefused says what is wrong with its header."""

    def __init__(self, header: bytes, zone: ZoneInfo) -> None:
        self._header = read_header(header, COLUMNS)
        self._zone = zone
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
        return ParkReadingChunk(lines_read, rejections, ReadingColumns.joined(parts))

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
