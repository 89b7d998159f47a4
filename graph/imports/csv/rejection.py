"""Rejections: the rows that an import leaves out, and the reason for each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

# The longest quotation of a value in a message, and the longest message and row that are stored.
MAX_VALUE_CHARACTERS = 60
MAX_MESSAGE_CHARACTERS = 500
MAX_ROW_CHARACTERS = 10_000


class RejectionCode(StrEnum):
    """The reason codes of rejections, as in the schema's enum ImportRejectionCode."""

    WRONG_COLUMN_COUNT = "WRONG_COLUMN_COUNT"
    MISSING_VALUE = "MISSING_VALUE"
    MALFORMED_DATE = "MALFORMED_DATE"
    NONEXISTENT_LOCAL_TIME = "NONEXISTENT_LOCAL_TIME"
    MALFORMED_NUMBER = "MALFORMED_NUMBER"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNKNOWN_EVENT_TYPE = "UNKNOWN_EVENT_TYPE"
    MALFORMED_NMI = "MALFORMED_NMI"
    UNKNOWN_NMI = "UNKNOWN_NMI"
    UNKNOWN_ENERGY_TYPE = "UNKNOWN_ENERGY_TYPE"
    UNKNOWN_TIMEZONE = "UNKNOWN_TIMEZONE"
    NOT_UTF8 = "NOT_UTF8"


class RowRejected(Exception):
    """Raised for the first fault in a row; `column` is None if the fault concerns the row as a whole."""

    def __init__(self, code: RejectionCode, column: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.column = column
        self.message = message


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected row: its line number, its text, and the reason. All texts are limited in length and free of NUL."""

    line_number: int
    column: str | None
    code: RejectionCode
    message: str
    row: str

    @classmethod
    def from_line(cls, line_number: int, line: bytes, reason: RowRejected) -> Self:
        """Create a rejection from a line without its line end."""
        return cls(
            line_number=line_number,
            column=reason.column,
            code=reason.code,
            message=truncate(reason.message, MAX_MESSAGE_CHARACTERS),
            row=truncate(line.decode(errors="replace"), MAX_ROW_CHARACTERS),
        )


def truncate(text: str, limit: int) -> str:
    """
    Truncate untrusted text to `limit` characters and an ellipsis, for storage.

    NUL is replaced by U+FFFD, because Postgres does not store NUL in text.
    """
    truncated = text if len(text) <= limit else text[:limit] + "…"
    return truncated.replace("\0", "\ufffd")


def excerpt(text: str, limit: int = MAX_VALUE_CHARACTERS) -> str:
    """
    Truncate untrusted text to `limit` characters and an ellipsis, for a message.

    Invisible characters are escaped: a no-break space as \\xa0, a carriage return as \\r. So are bytes that are not
    UTF-8, if they were decoded with "surrogateescape".
    """
    truncated = text if len(text) <= limit else text[:limit] + "…"
    if truncated.isprintable():
        return truncated
    return "".join(each if each.isprintable() else _escape(each) for each in truncated)


def _escape(character: str) -> str:
    code = ord(character)
    # surrogateescape decodes the byte 0x80 as U+DC80, and so on to 0xFF as U+DCFF.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode()


def rejected_value(code: RejectionCode, column: str, text: str, fault: str, expected: str) -> RowRejected:
    """
    Return the rejection of an invalid value; for an empty field the code is MISSING_VALUE.

    `fault` starts with "is", "has" or "does": the console reads the value from the message `'VALUE' is ...` to count
    the most frequent invalid values.
    """
    if not text:
        return missing_value(column, expected)
    return RowRejected(code, column, f"'{excerpt(text)}' {fault}; expected {expected}.")


def missing_value(column: str, expected: str) -> RowRejected:
    """Return the rejection of an empty field."""
    return RowRejected(RejectionCode.MISSING_VALUE, column, f"{column} is empty; expected {expected}.")
