"""
The rows of a chunk, read piece by piece.

Rows that are plainly spelled are read all at once; each of the others goes to a check of that row alone, which decides.
"""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from graph.imports.csv.arrays import Flags, Integers
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import BLANKS, LINE_LIMIT_BYTES, Header
from graph.imports.csv.rejection import Rejection, RejectionCode, RowRejected

# What is worked on at a time stays near the processor, and a chunk of nothing but newlines fits the memory.
PIECE_BYTES = 2**20
TOO_LONG = RowRejected(
    RejectionCode.WRONG_COLUMN_COUNT, None, f"The row is too long; expected at most {LINE_LIMIT_BYTES:,} bytes."
)


class Columns(Protocol):
    """Rows, an element each in every column."""

    def taken(self, indexes: Integers) -> Self: ...


ColumnsT = TypeVar("ColumnsT", bound=Columns)


class ReadPieces(NamedTuple, Generic[ColumnsT]):
    """The good rows of each piece, and the others; lines_read counts empty lines too."""

    parts: list[ColumnsT]
    rejections: list[Rejection]
    lines_read: int


def read_pieces(
    pieces: Iterable[bytes],
    header: Header,
    *,
    first_line_number: int,
    plain_rows: Callable[[LinePositions, int], tuple[ColumnsT, Flags]],
    check: Callable[[bytes, int, ColumnsT], None],
) -> ReadPieces[ColumnsT]:
    """
    Read pieces of whole lines.

    `plain_rows` reads all lines of a piece, the first of which has the number it is given, and tells which are rows;
    `check` puts what any other line says in its place among them, or raises RowRejected.
    """
    parts: list[ColumnsT] = []
    rejections: list[Rejection] = []
    line_number = first_line_number
    for piece in pieces:
        if len(piece) > LINE_LIMIT_BYTES:
            # It is one line, and the positions of its fields might take twenty times its size.
            rejections.append(Rejection.of(line_number, piece[:LINE_LIMIT_BYTES], TOO_LONG))
            line_number += 1
            piece = b""
        positions = LinePositions(piece, header)
        rows, are_rows = plain_rows(positions, line_number)
        for index in np.flatnonzero(~are_rows & (positions.starts < positions.ends)).tolist():
            line = piece[positions.starts[index] : positions.ends[index]]
            if not line.strip(BLANKS.encode()):
                continue
            try:
                check(line, index, rows)
            except RowRejected as reason:
                rejections.append(Rejection.of(line_number + index, line, reason))
            else:
                are_rows[index] = True
        parts.append(rows.taken(np.flatnonzero(are_rows)))
        line_number += len(are_rows)
    return ReadPieces(parts, rejections, line_number - first_line_number)
