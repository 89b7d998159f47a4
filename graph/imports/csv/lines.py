"""
Splits CSV text into chunks, pieces and lines, parses the header, and splits a line into fields.

A row is one line, ended by LF or CRLF, even inside quotes: so a stray quote invalidates only its own line. A lone CR is
content, not a line end. A field either contains no quotes, or is enclosed in quotes, with "" for a quote inside. Blanks
and tabs around a field, outside or inside its quotes, are ignored.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.imports.csv.rejection import RejectionCode, RowRejected, excerpt

BLANKS = " \t"
# The longest quotation of a header in a message.
MAX_HEADER_CHARACTERS = 200
# Longer lines are rejected.
MAX_LINE_BYTES = 2**20
# No valid event is shorter. A chunk of shorter lines has fewer bytes, because a chunk of 16 MiB could otherwise contain
# millions of rejections, each stored with its reason.
MIN_ROW_BYTES = 32

# Possessive quantifiers never backtrack, so matching takes linear time for every line.
FIELD = re.compile(r'[ \t]*+"([^"]*+(?:""[^"]*+)*+)"[ \t]*+(,|\Z)|([^",]*+)(,|\Z)')


class HeaderRefused(Exception):
    """The file's first line is not a valid header; the message states the expected columns."""


@dataclass(frozen=True, slots=True)
class Header:
    """The positions of the expected columns in a file, and the file's number of columns."""

    positions: tuple[int, ...]
    column_count: int

    def read_fields(self, line: bytes) -> list[str]:
        """
        Return the fields of a line in the order of the expected columns, without surrounding blanks.

        Raises RowRejected with NOT_UTF8 or WRONG_COLUMN_COUNT.
        """
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            fault = f"Byte {error.start + 1} of the row is not UTF-8; expected UTF-8 throughout."
            raise RowRejected(RejectionCode.NOT_UTF8, None, fault) from None

        fields = split_fields(text, self.column_count)
        if len(fields) != self.column_count:
            found = len(fields) if len(fields) < self.column_count else f"more than {self.column_count}"
            fault = f"The row has {found} fields; expected {self.column_count}, as in the header."
            raise RowRejected(RejectionCode.WRONG_COLUMN_COUNT, None, fault)
        return [fields[position].strip(BLANKS) for position in self.positions]


def measure_chunk(text: bytes | bytearray, size: int) -> int:
    """
    Return the length in bytes of the next chunk: the whole lines at the start of `text` that fit `size` bytes.

    It is longer than `size` if the first line is, and 0 if the first line has no line end. A chunk is shortened if it
    has more lines than rows of MIN_ROW_BYTES could fit into `size` bytes.
    """
    end = _end_of_lines(text, size)
    max_lines = size // MIN_ROW_BYTES
    return end if text.count(b"\n", 0, end) <= max_lines else _end_of_lines(text, max_lines)


def _end_of_lines(text: bytes | bytearray, size: int) -> int:
    return text.rfind(b"\n", 0, size) + 1 or text.find(b"\n", size) + 1


def split_pieces(lines: bytes | bytearray, size: int) -> Iterator[bytes]:
    """
    Split lines into pieces of whole lines of at most `size` bytes; a longer line is a piece of its own.

    Empty input yields one empty piece.
    """
    view = memoryview(lines)
    end = 0
    while True:
        start = end
        end = lines.rfind(b"\n", start, start + size) + 1 or lines.find(b"\n", start + size) + 1 or len(lines)
        yield bytes(view[start:end])
        if end == len(lines):
            return


def split_lines(lines: bytes | bytearray) -> Iterator[bytes]:
    """Split text into lines without their line ends; if the last line has no newline, its trailing CR is content."""
    *ended, unended = bytes(lines).split(b"\n")
    yield from (line.removesuffix(b"\r") for line in ended)
    if unended:
        yield unended


def read_header(line: bytes, columns: Sequence[str]) -> Header:
    """
    Find the given columns in a file's first line, in any order and case; a byte order mark is optional.

    Other columns are ignored, in the header and in every row. Raises HeaderRefused if a column is missing or occurs
    more than once.
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
    # Only ASCII is converted: Unicode case conversion turns some other letters into ASCII, such as U+212A into k.
    names = [name.lower() if name.isascii() else name for name in names]
    for column in columns:
        if (count := names.count(column.lower())) != 1:
            fault = "has no column" if count == 0 else "has more than one column"
            raise HeaderRefused(
                f"The header {fault} {column}; {expected}, found '{excerpt(text, MAX_HEADER_CHARACTERS)}'."
            )
    return Header(tuple(names.index(column.lower()) for column in columns), len(names))


def split_fields(line: str, max_fields: int) -> list[str]:
    """Split a line into at most `max_fields` + 1 fields. Raises RowRejected for misplaced quotes."""
    if '"' not in line:
        return line.split(",", max_fields)

    fields: list[str] = []
    start = 0
    while len(fields) <= max_fields:
        field = FIELD.match(line, start)
        if field is None:
            fault = f"Field {len(fields) + 1} has a missing or misplaced quote"
            expected = 'expected a field without quotes, or enclosed in quotes on one line with "" for a quote inside'
            raise RowRejected(RejectionCode.WRONG_COLUMN_COUNT, None, f"{fault}; {expected}.")
        quoted, comma_after_quoted, bare, comma_after_bare = field.groups()
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
        if not (comma_after_quoted or comma_after_bare):
            break
        start = field.end()
    return fields
