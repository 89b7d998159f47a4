"""The exact check of one row of a park's readings; it decides whether a row is accepted or rejected."""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from graph.imports.csv.fields import FIRST_YEAR, LAST_YEAR, find_typographic_minus, read_millionths
from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import RejectionCode, rejected_value

COLUMNS = ("datetime", "MW")
MIN_POWER_MW, MAX_POWER_MW = -100_000, 100_000

LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
OFFSET = re.compile(r"Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?", re.ASCII)


class ParkReading(NamedTuple):
    """The values of an accepted row; the two instants differ only if the local time is ambiguous."""

    earlier_instant: datetime
    later_instant: datetime
    local_date: date
    power_w: int


def check_row(line: bytes, header: Header, zone: ZoneInfo) -> ParkReading:
    """Parse a line, without its line end. Raises RowRejected for the first invalid column, in the order of COLUMNS."""
    time_text, power_text = header.read_fields(line)
    time = _read_time("datetime", time_text)
    if time.tzinfo is None:
        earlier, later = (time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        local = earlier.astimezone(zone)
        if local.replace(tzinfo=None) != time:
            fault = f"does not exist in {zone}, because clocks were put forward past it"
            expected = "a local time that exists"
            raise rejected_value(RejectionCode.NONEXISTENT_LOCAL_TIME, "datetime", time_text, fault, expected)
    else:
        earlier = later = time.astimezone(UTC)
        local = earlier.astimezone(zone)
        _check_year("datetime", time_text, local.year)
    # 10^-6 MW are 1 W.
    power_w = read_millionths("MW", power_text, "MW", minimum=MIN_POWER_MW, maximum=MAX_POWER_MW)
    return ParkReading(earlier, later, local.date(), power_w)


def _read_time(column: str, text: str) -> datetime:
    """Parse a local time, or an instant with its UTC offset. Raises RowRejected."""
    match = LOCAL_TIME.match(text)
    if match is None or not (match.end() == len(text) or OFFSET.fullmatch(text, match.end())):
        fault = find_typographic_minus(text) or "is not a date and time"
        expected = (
            "YYYY-MM-DD hh:mm or YYYY-MM-DD hh:mm:ss in the park's local time, such as 2025-09-01 18:30:00, or with a"
            " UTC offset, such as 2025-09-01T18:30:00+10:00"
        )
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        fault, expected = "is not a calendar date", "a date that exists, such as 2025-09-30"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected) from None
    _check_year(column, text, time.year)
    return time


def _check_year(column: str, text: str, year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        expected = f"a date in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
