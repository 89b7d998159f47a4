"""Exact parsers for single fields of a row; each raises RowRejected with the reason if the field is invalid."""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from graph.imports.csv.rejection import RejectionCode, rejected_value
from graph.settlement.month import nem_time

FIRST_YEAR, LAST_YEAR = 2000, 2099
MILLION = 1_000_000
MAX_DECIMALS = 6
DAY_MS = 24 * 60 * 60 * 1000
# The `time_ms` of an event whose file gives only its day.
BARE_DAY = -1
MONTHS_PER_YEAR = 12

DAY_OR_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?)?", re.ASCII
)
DATE_CHARACTERS = len("2025-09-30")
DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?", re.ASCII)
NUMBER_WITH_COMMA = re.compile(r"[+-]?[\d.]*,[\d,.]*", re.ASCII)
# A date with its day first, which is certain only if the day is above 12.
DAY_FIRST = re.compile(r"(\d\d?)([/.-])(\d\d?)\2(\d{4})(?!\d).*", re.ASCII)
# Hyphens, dashes and minus signs other than the one on the keyboard.
TYPOGRAPHIC_MINUS = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


class EventTime(NamedTuple):
    """
    The settlement date of an event, and its time of day.

    `time_ms` is in milliseconds of NEM time since the start of the settlement date, further decimals cut off: 0 to
    DAY_MS, which is the end of the last interval of the day; or BARE_DAY.
    """

    settlement_date: date
    time_ms: int


def read_event_time(column: str, text: str, *, is_interval_end: bool = False) -> EventTime:
    """
    Parse a date, or convert an instant to its date and time in NEM time; an instant without an offset is in NEM time.

    With `is_interval_end`, instants are the ends of intervals, so midnight belongs to the day before. Raises
    RowRejected with MALFORMED_DATE, or with OUT_OF_RANGE if the settlement date is outside 2000 to 2099.
    """
    if not DAY_OR_INSTANT.fullmatch(text):
        expected = _expected_iso_date(text) or "YYYY-MM-DD, or an instant such as 2025-09-01T18:30:00+10:00"
        fault = find_typographic_minus(text) or "is not a date"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected)
    try:
        instant = nem_time(datetime.fromisoformat(text))
        midnight = datetime(instant.year, instant.month, instant.day, tzinfo=instant.tzinfo)
        if is_interval_end and len(text) > DATE_CHARACTERS and instant == midnight:
            midnight -= timedelta(days=1)
        day = midnight.date()
        time_ms = (instant - midnight) // timedelta(milliseconds=1)
    except ValueError:
        fault, expected = "is not a calendar date", "a date that exists, such as 2025-09-30"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected) from None
    except OverflowError:
        # In NEM time, the instant is outside the years 1 to 9999 of Python's dates.
        day, time_ms = date.max, BARE_DAY
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        expected = f"a settlement date in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
    return EventTime(day, time_ms if len(text) > DATE_CHARACTERS else BARE_DAY)


def read_millionths(column: str, text: str, unit: str, *, minimum: int, maximum: int) -> int:
    """
    Parse a decimal number as an exact integer of 10^-6; `minimum` and `maximum` have at most seven digits.

    A sign is optional, and so are the digits on one side of the decimal point: +1, 1. and .5 are valid; 1e3, 1,000 and
    a lone point are not. Zeros after the sixth decimal are ignored. Raises RowRejected with MALFORMED_NUMBER or
    OUT_OF_RANGE.
    """
    match = DECIMAL.fullmatch(text)
    sign, whole, fraction = match.groups(default="") if match else ("", "", "")
    if not whole and not fraction:
        fault, expected = "is not a decimal number", f"{unit} as a decimal number, such as 12.345678"
        if NUMBER_WITH_COMMA.fullmatch(text):
            fault = "has a decimal comma or a thousands separator"
            expected = f"{unit} with a decimal point and no commas, such as 12.345678"
        fault = find_typographic_minus(text) or fault
        raise rejected_value(RejectionCode.MALFORMED_NUMBER, column, text, fault, expected)
    if len(fraction) > MAX_DECIMALS:
        fraction = fraction.rstrip("0").ljust(MAX_DECIMALS, "0")
    if len(fraction) > MAX_DECIMALS:
        fault = f"has {len(fraction)} decimals"
        raise rejected_value(RejectionCode.MALFORMED_NUMBER, column, text, fault, "at most six decimals")

    # int() raises ValueError for more than 4,300 digits; eight digits are out of range already.
    number = int(whole.lstrip("0")[:8] + fraction.ljust(MAX_DECIMALS, "0"))
    number = -number if sign == "-" else number
    if not minimum * MILLION <= number <= maximum * MILLION:
        expected = f"{minimum:,} to {maximum:,} {unit}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
    return number


def find_typographic_minus(text: str) -> str | None:
    """Return the fault of a text with a minus sign or hyphen that is not the one on the keyboard, or None."""
    match = TYPOGRAPHIC_MINUS.search(text)
    return match and f"has a typographic minus, U+{ord(match[0]):04X}, in place of the hyphen on the keyboard"


def _expected_iso_date(text: str) -> str | None:
    """Return what to write in place of a date with the day first, or None if the text could be another date too."""
    match = DAY_FIRST.fullmatch(text)
    if match is None or int(match[1]) <= MONTHS_PER_YEAR:
        return None
    try:
        return f"YYYY-MM-DD: write {date(int(match[4]), int(match[3]), int(match[1]))}"
    except ValueError:
        return None
