"""
Reads the rows of a chunk, piece by piece.

Most rows are written in a usual format, and are parsed together, vectorised with numpy. Every other row is checked by
itself, and that check alone decides whether it is accepted or rejected.
"""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from graph.imports.csv.arrays import BoolArray, Int64Array
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import MAX_LINE_BYTES, Header
from graph.imports.csv.rejection import Rejection, RejectionCode, RowRejected

# The arrays of a piece of 1 MiB fit the processor's cache. A chunk may consist of newlines only: the positions of its
# lines fit the memory because they are computed piece by piece.
PIECE_BYTES = 2**20
LINE_TOO_LONG = RowRejected(
    RejectionCode.WRONG_COLUMN_COUNT, None, f"The row is too long; expected at most {MAX_LINE_BYTES:,} bytes."
)


class Columns(Protocol):
    """Rows as columns: arrays of the same length."""

    def take(self, indexes: Int64Array) -> Self: ...


ColumnsT = TypeVar("ColumnsT", bound=Columns)


class ReadPieces(NamedTuple, Generic[ColumnsT]):
    """The accepted rows of each piece, the rejected rows, and the number of lines, including empty ones."""

    parts: list[ColumnsT]
    rejections: list[Rejection]
    lines_read: int


def read_pieces(
    pieces: Iterable[bytes],
    header: Header,
    *,
    first_line_number: int,
    read_rows: Callable[[LinePositions, int], tuple[ColumnsT, BoolArray]],
    check_row: Callable[[bytes, int, ColumnsT], None],
) -> ReadPieces[ColumnsT]:
    """
    Read pieces of whole lines.

    `read_rows` parses all lines of a piece, given the number of the first, and returns a mask of the valid rows.
    `check_row` parses any other line by itself and stores the row at the line's index, or raises RowRejected.
    """
    parts: list[ColumnsT] = []
    rejections: list[Rejection] = []
    line_number = first_line_number
    for piece in pieces:
        if len(piece) > MAX_LINE_BYTES:
            # The piece is a single line: the positions of its fields could take twenty times its size in memory.
            rejections.append(Rejection.from_line(line_number, piece[:MAX_LINE_BYTES], LINE_TOO_LONG))
            line_number += 1
            piece = b""
        positions = LinePositions(piece, header)
        rows, are_rows = read_rows(positions, line_number)
        for index in np.flatnonzero(~are_rows & (positions.starts < positions.ends)).tolist():
            line = piece[positions.starts[index] : positions.ends[index]]
            if header.is_blank(line):
                continue
            try:
                check_row(line, index, rows)
            except RowRejected as reason:
                rejections.append(Rejection.from_line(line_number + index, line, reason))
            else:
                are_rows[index] = True
        parts.append(rows.take(np.flatnonzero(are_rows)))
        line_number += len(are_rows)
    return ReadPieces(parts, rejections, line_number - first_line_number)
