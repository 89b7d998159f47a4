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

    A line has the right field count if it has as many separators as the header; it may lack those after the header's
    last name, and have more at its end. Quoted separators need no special treatment: a field that is split at a quoted
    separator has a lone quote in both parts, which the vectorised parsers do not accept.
    """

    def __init__(self, lines: bytes, header: Header) -> None:
        is_ended = not lines or lines.endswith(b"\n")
        self._data = np.frombuffer(lines + (b"" if is_ended else b"\n") + PADDING, np.uint8)
        self._words: Uint64Array = np.ndarray(len(self._data) - 7, "<u8", self._data, strides=(1,))
        self._named_count = header.named_count
        self._has_quotes = b'"' in lines
        self._has_formulas = self._has_quotes and b'="' in lines

        separators = np.flatnonzero((self._data == ord(header.separator)) | (self._data == ord("\n")))
        # A virtual newline at position -1 precedes the first line. The last newline is repeated, because fields that
        # the last lines lack are looked up beyond it.
        self._separators = np.concatenate(([-1], separators, separators[-1:].repeat(header.column_count)))
        newlines = np.flatnonzero(self._data[separators] == ord("\n")) + 1
        # For each line, the index in `_separators` of the newline before it.
        self._newlines_before = np.concatenate(([0], newlines))[:-1]
        ends = self._separators[newlines]

        self.starts = self._separators[self._newlines_before] + 1
        self.ends = ends - ((self._data[ends - 1] == ord("\r")) & (ends > self.starts))
        if not is_ended:
            # The last line has no newline, so its trailing carriage return is content.
            self.ends[-1] = ends[-1]

        field_counts = newlines - self._newlines_before
        self.have_all_fields = (field_counts >= header.named_count) & (field_counts <= header.column_count)
        if (longer := np.flatnonzero(field_counts > header.column_count)).size:
            # The fields after the header's last column are empty if their separators end the line.
            last_ends = self._separators[self._newlines_before[longer] + header.column_count]
            self.have_all_fields[longer] = self.ends[longer] - last_ends == field_counts[longer] - header.column_count
        if self._has_quotes and header.column_count > len(header.positions):
            # Other columns are not parsed, so rows with a quote go to the check of single rows.
            self.have_all_fields &= ~self._lines_with(self._data == ord('"'))

    def _lines_with(self, byte_mask: BoolArray) -> BoolArray:
        lines = np.zeros(len(self.starts), np.bool_)
        lines[np.searchsorted(self.starts, np.flatnonzero(byte_mask), side="right") - 1] = True
        return lines

    def column(self, position: int) -> Fields:
        """Return the fields at a position of each line, without enclosing quotes."""
        before = self._newlines_before + position
        starts, ends = self._separators[before] + 1, self._separators[before + 1]
        if position == self._named_count - 1:
            # The field may be the last of its line, which ends before its carriage return.
            ends = np.minimum(ends, self.ends)
        if self._has_formulas:
            starts = starts + ((self._data[starts] == ord("=")) & (self._data[starts + 1] == ord('"')))
        if self._has_quotes:
            opened = (self._data[starts] == ord('"')) & (ends - starts >= 2)
            quoted = opened & (self._data[ends - 1] == ord('"'))
            starts, ends = starts + quoted, ends - quoted
        return Fields(self._data, self._words, starts, ends)
