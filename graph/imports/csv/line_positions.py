"""Locates all lines of a piece, and the fields of a column, as arrays of byte positions."""

from dataclasses import dataclass

import numpy as np

from graph.imports.csv.arrays import BoolArray, Int64Array, Uint8Array, Uint64Array
from graph.imports.csv.lines import Header

# A word of eight bytes may be loaded at any position of a field, up to the end of the last line.
PADDING = bytes(32)


@dataclass(frozen=True, slots=True)
class Fields:
    """
    The fields of one column: the start and end position of the field in each line.

    For a line with more or fewer fields than the header, the positions are arbitrary and the length may be negative.
    """

    data: Uint8Array
    words: Uint64Array
    starts: Int64Array
    ends: Int64Array

    @property
    def lengths(self) -> Int64Array:
        return self.ends - self.starts

    def bytes_at(self, positions: Int64Array) -> Uint8Array:
        """Return the byte at each position."""
        return self.data[positions]

    def words_at(self, positions: Int64Array) -> Uint64Array:
        """Return the eight bytes that start at each position, as a little-endian word."""
        return self.words[positions]


class LinePositions:
    """
    The start and end positions of lines, without their line ends, and a mask of the lines with the right field count.

    A line has the right field count if it has as many commas as the header. Quoted commas need no special treatment:
    a field that is split at a quoted comma has a lone quote in both parts, which the vectorised parsers do not accept.
    """

    def __init__(self, lines: bytes, header: Header) -> None:
        is_ended = not lines or lines.endswith(b"\n")
        self._data = np.frombuffer(lines + (b"" if is_ended else b"\n") + PADDING, np.uint8)
        self._words: Uint64Array = np.ndarray(len(self._data) - 7, "<u8", self._data, strides=(1,))
        self._column_count = header.column_count
        self._has_quotes = b'"' in lines

        separators = np.flatnonzero((self._data == ord(",")) | (self._data == ord("\n")))
        # A virtual newline at position -1 precedes the first line.
        self._separators = np.concatenate(([-1], separators))
        self._newlines = np.flatnonzero(self._data[separators] == ord("\n")) + 1
        newlines = self._separators[self._newlines]

        self.starts = np.concatenate(([0], newlines + 1))[:-1]
        self.ends = newlines - ((self._data[newlines - 1] == ord("\r")) & (newlines > self.starts))
        if not is_ended:
            # The last line has no newline, so its trailing carriage return is content.
            self.ends[-1] = newlines[-1]

        self.have_all_fields = np.diff(self._newlines, prepend=0) == self._column_count
        if self._column_count > len(header.positions):
            # Other columns are not parsed, so rows with a quote or a non-ASCII byte go to the check of single rows.
            self.have_all_fields &= ~self._lines_with((self._data == ord('"')) | (self._data >= 0x80))

    def _lines_with(self, byte_mask: BoolArray) -> BoolArray:
        lines = np.zeros(len(self.starts), np.bool_)
        lines[np.searchsorted(self.starts, np.flatnonzero(byte_mask), side="right") - 1] = True
        return lines

    def column(self, position: int) -> Fields:
        """Return the fields at a position of each line, without enclosing quotes."""
        before = np.maximum(self._newlines - self._column_count + position, 0)
        starts = self._separators[before] + 1
        ends = self.ends if position == self._column_count - 1 else self._separators[before + 1]
        if self._has_quotes:
            opened = (self._data[starts] == ord('"')) & (ends - starts >= 2)
            quoted = opened & (self._data[ends - 1] == ord('"'))
            starts, ends = starts + quoted, ends - quoted
        return Fields(self._data, self._words, starts, ends)
