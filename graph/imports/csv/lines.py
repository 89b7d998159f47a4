"""
The lines of a CSV file: where they are cut, what its header says, and the fields of one of them.

A row is a line. LF or CRLF ends it, even inside quotes, so a stray quote spoils only its own line; a lone CR ends
nothing. A field is free of quotes, or quoted from end to end with "" for a quote. Blanks and tabs around it, outside or
inside its quotes, are no part of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.imports.csv.rejection import RejectionCode, RowRejected, shown

BLANKS = " \t"
HEADER_SHOWN = 200
# No row is longer.
LINE_LIMIT_BYTES = 2**20
# No event takes fewer. Of shorter lines a chunk might hold millions, each to be kept with the reason it is no event.
LEAST_ROW_BYTES = 32

# Possessive throughout, so that no line, however odd, takes more than one pass.
FIELD = re.compile(r'[ \t]*+"([^"]*+(?:""[^"]*+)*+)"[ \t]*+(,|\Z)|([^",]*+)(,|\Z)')


class HeaderRefused(Exception):
    """The first line of the file is not the header it should be; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where the expected columns stand in a file, and how many columns it has."""

    positions: tuple[int, ...]
    width: int

    def fields_of(self, line: bytes) -> list[str]:
        """
        Read the expected columns of a line; RowRejected with NOT_UTF8 or WRONG_COLUMN_COUNT says what is wrong with it.
        """
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            fault = f"Byte {error.start + 1} of the row is not UTF-8; expected UTF-8 throughout."
            raise RowRejected(RejectionCode.NOT_UTF8, None, fault) from None

        fields = split_fields(text, self.width)
        if len(fields) != self.width:
            found = len(fields) if len(fields) < self.width else f"more than {self.width}"
            fault = f"The row has {found} fields; expected {self.width}, as in the header."
            raise RowRejected(RejectionCode.WRONG_COLUMN_COUNT, None, fault)
        return [fields[position].strip(BLANKS) for position in self.positions]


def measure_chunk(text: bytes | bytearray, size: int) -> int:
    """
    Measure the whole lines that a text begins with and `size` bytes hold, or the one line that is longer than those.

    Where they are too many to be rows, fewer will do. No bytes at all where the first line has no end.
    """
    end = _end_of_lines(text, size)
    most = size // LEAST_ROW_BYTES
    return end if text.count(b"\n", 0, end) <= most else _end_of_lines(text, most)


def _end_of_lines(text: bytes | bytearray, size: int) -> int:
    return text.rfind(b"\n", 0, size) + 1 or text.find(b"\n", size) + 1


def cut_pieces(lines: bytes | bytearray, size: int) -> Iterator[bytes]:
    """
    Cut whole lines into pieces of whole lines, none longer than `size` unless a line is; no lines are one empty piece.
    """
    view = memoryview(lines)
    end = 0
    while True:
        start = end
        end = lines.rfind(b"\n", start, start + size) + 1 or lines.find(b"\n", start + size) + 1 or len(lines)
        yield bytes(view[start:end])
        if end == len(lines):
            return


def cut_lines(lines: bytes | bytearray) -> Iterator[bytes]:
    """
    Cut whole lines into single ones without their line ends; no newline follows the last, or a carriage return there.
    """
    *ended, unended = bytes(lines).split(b"\n")
    yield from (line.removesuffix(b"\r") for line in ended)
    if unended:
        yield unended


def read_header(line: bytes, columns: Sequence[str]) -> Header:
    """
    Find the given columns in a file's first line, in any order and case, after a byte order mark or none.

    Other columns are passed over, here and in every row. Raises HeaderRefused where a column is missing, or stands
    there twice: nothing would say which of the two is meant.
    """
    expected = f"expected the columns {','.join(columns)}"
    try:
        text = line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise HeaderRefused(f"The header is not UTF-8; {expected}.") from None
    if not text.strip(BLANKS):
        raise HeaderRefused(f"The file has no header: its first line is empty; {expected}.")

    try:
        names = [name.strip(BLANKS) for name in split_fields(text, len(text))]
    except RowRejected as reason:
        raise HeaderRefused(f"The header cannot be read: {reason.message}") from None
    # ASCII letters only, since other letters may turn into these when their case is changed.
    names = [name.lower() if name.isascii() else name for name in names]
    for column in columns:
        if (count := names.count(column.lower())) != 1:
            fault = "has no column" if count == 0 else "has more than one column"
            raise HeaderRefused(f"The header {fault} {column}; {expected}, found '{shown(text, HEADER_SHOWN)}'.")
    return Header(tuple(names.index(column.lower()) for column in columns), len(names))


def split_fields(line: str, at_most: int) -> list[str]:
    """
    Split a line into its fields, no further than one more than `at_most`; RowRejected says where quotes are broken.
    """
    if '"' not in line:
        return line.split(",", at_most)

    fields: list[str] = []
    start = 0
    while len(fields) <= at_most:
        field = FIELD.match(line, start)
        if field is None:
            fault = f"The quotes of field {len(fields) + 1} are broken"
            expected = 'expected a field without quotes, or in quotes from end to end with "" for a quote, on one line'
            raise RowRejected(RejectionCode.WRONG_COLUMN_COUNT, None, f"{fault}; {expected}.")
        quoted, comma_after_quoted, bare, comma_after_bare = field.groups()
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
        if not (comma_after_quoted or comma_after_bare):
            break
        start = field.end()
    return fields
