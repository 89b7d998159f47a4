"""Lines and the fields of their columns, all at once, as positions in their bytes."""

from dataclasses import dataclass

import numpy as np

from graph.imports.csv.arrays import Bytes, Flags, Integers, Words
from graph.imports.csv.lines import Header

# Words are loaded from where a field starts or goes on, which may be at the very end of the last line.
PADDING = bytes(32)


@dataclass(frozen=True, slots=True)
class Fields:
    """
    One field of each line: where it starts and ends.

    A line with more or fewer fields than the header has one too, anywhere and of any length, even below zero.
    """

    data: Bytes
    words: Words
    starts: Integers
    ends: Integers

    @property
    def lengths(self) -> Integers:
        return self.ends - self.starts

    def bytes_at(self, positions: Integers) -> Bytes:
        """
        Load the byte at each position.
        """
        return self.data[positions]

    def words_at(self, positions: Integers) -> Words:
        """
        Load the eight bytes from each position on, the first as the lowest.
        """
        return self.words[positions]


class LinePositions:
    """
    Where each line starts, where it ends before its line end, and whether it is whole.

    A whole line has as many commas as the header. Whether one of them is quoted need not be known: a field cut in two
    at a comma of its own has a lone quote in either part, which no plain field has.
    """

    def __init__(self, lines: bytes, header: Header) -> None:
        is_ended = not lines or lines.endswith(b"\n")
        self._data = np.frombuffer(lines + (b"" if is_ended else b"\n") + PADDING, np.uint8)
        self._words: Words = np.ndarray(len(self._data) - 7, "<u8", self._data, strides=(1,))
        self._width = header.width
        self._has_quotes = b'"' in lines

        cuts = np.flatnonzero((self._data == ord(",")) | (self._data == ord("\n")))
        # As if a line had ended before the first.
        self._separators = np.concatenate(([-1], cuts))
        self._newlines = np.flatnonzero(self._data[cuts] == ord("\n")) + 1
        newlines = self._separators[self._newlines]

        self.starts = np.concatenate(([0], newlines + 1))[:-1]
        self.ends = newlines - ((self._data[newlines - 1] == ord("\r")) & (newlines > self.starts))
        if not is_ended:
            # No newline follows the last line, so a carriage return there is content.
            self.ends[-1] = newlines[-1]

        self.are_whole = np.diff(self._newlines, prepend=0) == self._width
        if self._width > len(header.positions):
            # The other columns are passed over unread, so here what would spoil the row is looked for.
            self.are_whole &= ~self._have_any((self._data == ord('"')) | (self._data >= 0x80))

    def _have_any(self, marks: Flags) -> Flags:
        have_any = np.zeros(len(self.starts), np.bool_)
        have_any[np.searchsorted(self.starts, np.flatnonzero(marks), side="right") - 1] = True
        return have_any

    def column(self, position: int) -> Fields:
        """
        Find one field of each line, without the quotes it may stand in.
        """
        before = np.maximum(self._newlines - self._width + position, 0)
        starts = self._separators[before] + 1
        ends = self.ends if position == self._width - 1 else self._separators[before + 1]
        if self._has_quotes:
            opened = (self._data[starts] == ord('"')) & (ends - starts >= 2)
            quoted = opened & (self._data[ends - 1] == ord('"'))
            starts, ends = starts + quoted, ends - quoted
        return Fields(self._data, self._words, starts, ends)
