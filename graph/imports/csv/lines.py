"""
Splits CSV text into chunks, pieces and lines, parses the header, and splits a line into fields.

A row is one line, ended by LF or CRLF, even inside quotes: so a stray quote invalidates only its own line. A lone CR is
content, not a line end. A field either contains no quotes, or is enclosed in quotes, with "" for a quote inside, and
an equals sign before the quotes (="0123") is ignored. Blanks, tabs and no-break spaces around a field, outside or
inside its quotes, are ignored. The header decides which separator the fields have.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from graph.imports.csv.rejection import RejectionCode, RowRejected, excerpt, rejected_value

# Blanks around a field: blank, tab and the no-break spaces.
ASCII_BLANKS = b" \t"
BLANKS = " \t\u00a0\u2007\u202f"
# The longest quotation of a header in a message.
MAX_HEADER_CHARACTERS = 200
# Longer lines are rejected.
MAX_LINE_BYTES = 2**20
# No valid event is shorter. A chunk of shorter lines has fewer bytes, because a chunk of 16 MiB could otherwise contain
# millions of rejections, each stored with its reason.
MIN_ROW_BYTES = 32

# The separators of fields, the most frequent first, and their names in messages.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Excel reads the separator from such a line above the header.
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

# Possessive quantifiers never backtrack, so matching takes linear time for every line.
FIELDS = {
    separator: re.compile(
        r'[{blanks}]*+=?+"([^"]*+(?:""[^"]*+)*+)"[{blanks}]*+({separator}|\Z)|([^"{separator}]*+)({separator}|\Z)'.format(
            blanks=" " if separator == "\t" else r" \t", separator=re.escape(separator)
        )
    )
    for separator in SEPARATORS
}
FORMULA_OF_TEXT = re.compile(r'="([^"]*)"')


class HeaderRefused(Exception):
    """The file's first line is not a valid header; the message states the expected columns."""


@dataclass(frozen=True, slots=True)
class Header:
    """
    A file's header line, with the expected columns, their positions, and the number of all columns.

    `named_count` excludes the columns without a name at the end of the line. `separator` is one of SEPARATORS.
    """

    line: str

    columns: tuple[str, ...]
    positions: tuple[int, ...]
    column_count: int
    named_count: int
    separator: str

    def is_blank(self, line: bytes) -> bool:
        """Return whether a line is empty, or consists of blanks and separators, as spreadsheets write empty rows."""
        return not line.strip(ASCII_BLANKS + self.separator.encode())

    def read_fields(self, line: bytes) -> list[str]:
        """
        Return the fields of a line in the order of the expected columns, without surrounding blanks.

        Fields at the end of the line may be left out if their columns have no name, and there may be further fields
        that are empty. Raises RowRejected with NOT_UTF8 or WRONG_COLUMN_COUNT.
        """
        # Bytes that are not UTF-8 become surrogates. They matter only in the expected columns.
        text = line.decode(errors="surrogateescape")
        fields = split_fields(text, self.column_count, self.separator)
        has_more = len(fields) > self.column_count and fields[-1].strip(BLANKS + self.separator)
        if len(fields) < self.named_count or has_more:
            raise RowRejected(RejectionCode.WRONG_COLUMN_COUNT, None, self._describe_wrong_count(text, len(fields)))

        values = [_strip(fields[position]) for position in self.positions]
        if not line.isascii():
            for column, value in zip(self.columns, values, strict=True):
                _check_utf8(column, value)
        return values

    def _describe_wrong_count(self, text: str, count: int) -> str:
        found = f"more than {self.column_count}" if count > self.column_count else str(count)
        plural = "" if count == 1 else "s"
        message = f"The row has {found} field{plural}; expected {self.named_count}, as in the header."
        for other, name in SEPARATORS.items():
            if other != self.separator and text.count(other) >= self.named_count - 1 > 0 and count < self.named_count:
                return f"{message} The row has {name} between its fields, the header has {SEPARATORS[self.separator]}."
        return message


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


def measure_header(text: bytes) -> int:
    """Return the length in bytes of the lines before the first row: the header, and Excel's line `sep=` above it."""
    end = _end_of_line(text, 0)
    return _end_of_line(text, end) if _declared_separator(_decode_header(text[:end])[0]) else end


def _end_of_line(text: bytes, start: int) -> int:
    return text.find(b"\n", start) + 1 or len(text)


def read_header(header: bytes, columns: Sequence[str]) -> Header:
    """
    Find the given columns in a file's header, in any order and case; a byte order mark is optional.

    The separator is the one with which most columns are found, unless Excel's line `sep=` above the header declares
    it. Other columns are ignored, in the header and in every row. Raises HeaderRefused if a column is missing or occurs
    more than once, or if the declared separator is not one of SEPARATORS.
    """
    first, *others = _decode_header(header)
    separator = _declared_separator(first)
    line = first if separator is None else (others or [""])[0]
    expected = f"expected the columns {','.join(columns)}"
    if not line.strip(BLANKS):
        raise HeaderRefused(f"The file has no header: its first line is empty; {expected}.")

    lowered = [column.lower() for column in columns]
    if separator is None:
        separator = max(SEPARATORS, key=partial(_count_names, line, lowered))
    elif separator not in SEPARATORS:
        raise HeaderRefused(
            f"The line above the header declares the separator '{excerpt(separator)}'; expected a comma, a semicolon,"
            " a tab or a vertical bar."
        )
    try:
        names = _read_names(line, separator)
    except RowRejected as reason:
        raise HeaderRefused(f"The header cannot be read: {reason.message}") from None
    for column in lowered:
        if (count := names.count(column)) != 1:
            fault = "has no column" if count == 0 else "has more than one column"
            raise HeaderRefused(
                f"The header {fault} {columns[lowered.index(column)]}; {expected}, found"
                f" '{excerpt(line, MAX_HEADER_CHARACTERS)}'."
            )
    named_count = max(position for position, name in enumerate(names, start=1) if name)
    return Header(line, tuple(columns), tuple(map(names.index, lowered)), len(names), named_count, separator)


def _decode_header(header: bytes) -> list[str]:
    """Return the lines of a header; the names of columns that are not read need not be UTF-8."""
    text = header.decode("utf-8-sig", errors="surrogateescape")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _declared_separator(line: str) -> str | None:
    match = SEPARATOR_LINE.fullmatch(line)
    return match and match[1]


def _count_names(line: str, names: Sequence[str], separator: str) -> int:
    """Return how many of the names a header has if its separator is the given one."""
    try:
        return len(set(names) & set(_read_names(line, separator)))
    except RowRejected:
        return 0


def _read_names(line: str, separator: str) -> list[str]:
    names = map(_strip, split_fields(line, len(line), separator))
    # Only ASCII is converted: Unicode case conversion turns some other letters into ASCII, such as U+212A into k.
    return [name.lower() if name.isascii() else name for name in names]


def split_fields(line: str, max_fields: int, separator: str) -> list[str]:
    """
    Split a line into fields; if it has more than `max_fields`, the last element is the rest of the line.

    Raises RowRejected for misplaced quotes.
    """
    if '"' not in line:
        return line.split(separator, max_fields)

    fields: list[str] = []
    start = 0
    while len(fields) < max_fields:
        field = FIELDS[separator].match(line, start)
        if field is None:
            fault = f"Field {len(fields) + 1} has a missing or misplaced quote"
            expected = 'expected a field without quotes, or enclosed in quotes on one line with "" for a quote inside'
            raise RowRejected(RejectionCode.WRONG_COLUMN_COUNT, None, f"{fault}; {expected}.")
        quoted, separator_after_quoted, bare, separator_after_bare = field.groups()
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
        if not (separator_after_quoted or separator_after_bare):
            return fields
        start = field.end()
    return [*fields, line[start:]]


def _strip(field: str) -> str:
    """Remove the blanks around a field; a spreadsheet's formula of a text (="0123") is replaced by the text."""
    stripped = field.strip(BLANKS)
    formula = FORMULA_OF_TEXT.fullmatch(stripped)
    return formula[1].strip(BLANKS) if formula else stripped


def _check_utf8(column: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        expected = 'UTF-8: the file may be Windows-1252, so save it as "CSV UTF-8"'
        raise rejected_value(RejectionCode.NOT_UTF8, column, value, "is not UTF-8", expected) from None
