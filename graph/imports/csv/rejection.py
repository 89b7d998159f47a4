"""Rows that are left out of an import, and why."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

# How many characters of a value a message quotes, and how many of a message and of a row are kept.
VALUE_LIMIT = 60
MESSAGE_LIMIT = 500
ROW_LIMIT = 10_000


class RejectionCode(StrEnum):
    """The kinds of fault, as the schema's ImportRejectionCode lists them."""

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
    """The first fault of a row: its kind, the column where there is one, what was wrong and what was expected."""

    def __init__(self, code: RejectionCode, column: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.column = column
        self.message = message


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row left out of an import: where it stood, why, and as it stood; its texts are bounded and free of NUL."""

    line_number: int
    column: str | None
    code: RejectionCode
    message: str
    row: str

    @classmethod
    def of(cls, line_number: int, line: bytes, reason: RowRejected) -> Self:
        """
        Keep a rejected line, without its line end, and the reason.
        """
        return cls(
            line_number=line_number,
            column=reason.column,
            code=reason.code,
            message=shown(reason.message, MESSAGE_LIMIT),
            row=shown(line.decode(errors="replace"), ROW_LIMIT),
        )


def shown(text: str, limit: int = VALUE_LIMIT) -> str:
    """
    Make a text of unknown origin fit to keep and show: its first `limit` characters, then an ellipsis, NUL as U+FFFD.
    """
    kept = text if len(text) <= limit else text[:limit] + "…"
    return kept.replace("\0", "\ufffd")


def rejected_value(code: RejectionCode, column: str, text: str, fault: str, expected: str) -> RowRejected:
    """
    Say what is wrong with a field and what was expected; an empty field is MISSING_VALUE, whatever else it is.
    """
    if not text:
        return missing_value(column, expected)
    return RowRejected(code, column, f"'{shown(text)}' {fault}; expected {expected}.")


def missing_value(column: str, expected: str) -> RowRejected:
    """
    Say that a field is empty and what was expected.
    """
    return RowRejected(RejectionCode.MISSING_VALUE, column, f"{column} is empty; expected {expected}.")
