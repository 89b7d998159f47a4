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
OFFSET = re.compile(r"Z|[+-]\d\d(:?\d\d){0,2}", re.ASCII)


class ParkReading(NamedTuple):
    """The values of an accepted row; the two instants differ only if the local time is ambiguous."""

    earlier_instant: datetime
    later_instant: datetime
    local_date: date
    power_w: int


def check_row(line: bytes, header: Header, zone: ZoneInfo) -> ParkReading:
    """Parse a line, without its line end. Raises RowRejected for the first invalid column, in the order of COLUMNS."""
    time_text, power_text = header.read_fields(line)
    local = _read_local_time("datetime", time_text)
    earlier, later = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier.astimezone(zone).replace(tzinfo=None) != local:
        fault = f"does not exist in {zone}, because clocks were put forward past it"
        expected = "a local time that exists"
        raise rejected_value(RejectionCode.NONEXISTENT_LOCAL_TIME, "datetime", time_text, fault, expected)
    # 10^-6 MW are 1 W.
    power_w = read_millionths("MW", power_text, "MW", minimum=MIN_POWER_MW, maximum=MAX_POWER_MW)
    return ParkReading(earlier, later, local.date(), power_w)


def _read_local_time(column: str, text: str) -> datetime:
    match = LOCAL_TIME.match(text)
    expected = "YYYY-MM-DD hh:mm or YYYY-MM-DD hh:mm:ss in the park's local time, such as 2025-09-01 18:30:00"
    if match is None or match.end() < len(text):
        has_offset = match is not None and OFFSET.fullmatch(text[match.end() :])
        fault = "has a UTC offset" if has_offset else "is not a local date and time"
        fault = find_typographic_minus(text) or fault
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected)
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        fault, expected = "is not a calendar date", "a date that exists, such as 2025-09-30"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected) from None
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        expected = f"a date in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
    return local
