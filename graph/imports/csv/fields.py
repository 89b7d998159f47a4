"""One field of a row, read exactly: what it says, or the reason why it says nothing."""

import re
from datetime import date, datetime

from graph.imports.csv.rejection import RejectionCode, rejected_value
from graph.settlement.month import settlement_date

FIRST_YEAR, LAST_YEAR = 2000, 2099
MILLION = 1_000_000
DECIMALS = 6

DAY_OR_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?)?", re.ASCII
)
DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?", re.ASCII)


def read_settlement_date(column: str, text: str) -> date:
    """
    Read a day as it stands, or the day in NEM time of an instant; an instant without an offset is in NEM time.

    Raises RowRejected: MALFORMED_DATE, or OUT_OF_RANGE unless the settlement date is in the years 2000 to 2099.
    """
    if not DAY_OR_INSTANT.fullmatch(text):
        expected = "YYYY-MM-DD, or an instant such as 2025-09-01T18:30:00+10:00"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, "is not a date", expected)
    try:
        day = settlement_date(datetime.fromisoformat(text))
    except ValueError:
        fault, expected = "is not in the calendar", "a day that is"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected) from None
    except OverflowError:
        # Its offset takes it out of the years that Python knows.
        day = date.max
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        expected = f"a settlement date in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
    return day


def read_millionths(column: str, text: str, unit: str, *, at_least: int, at_most: int) -> int:
    """
    Read a decimal number between two bounds of seven digits as an exact integer of 10^-6.

    A sign may lead it, and digits may stand on only one side of the point: +1, 1. and .5 are numbers; 1e3, 1,000 and a
    lone point are not. A seventh decimal is refused, even a zero. Raises RowRejected: MALFORMED_NUMBER, OUT_OF_RANGE.
    """
    spelling = DECIMAL.fullmatch(text)
    sign, whole, fraction = spelling.groups(default="") if spelling else ("", "", "")
    if not whole and not fraction:
        expected = f"{unit} as a decimal number, such as 12.345678"
        raise rejected_value(RejectionCode.MALFORMED_NUMBER, column, text, "is not a decimal number", expected)
    if len(fraction) > DECIMALS:
        fault = f"has {len(fraction)} decimals"
        raise rejected_value(RejectionCode.MALFORMED_NUMBER, column, text, fault, "at most six decimals")

    # Python refuses to read thousands of digits; eight of them are out of range already.
    number = int(whole.lstrip("0")[:8] + fraction.ljust(DECIMALS, "0"))
    number = -number if sign == "-" else number
    if not at_least * MILLION <= number <= at_most * MILLION:
        expected = f"{at_least:,} to {at_most:,} {unit}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
    return number
