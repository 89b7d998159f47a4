"""One row of a park's readings, checked exactly: what is good and what is not is decided here."""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from graph.imports.csv.fields import FIRST_YEAR, LAST_YEAR, read_millionths
from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import RejectionCode, rejected_value

COLUMNS = ("datetime", "MW")
LOWEST_POWER, HIGHEST_POWER = -100_000, 100_000

LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
OFFSET = re.compile(r"Z|[+-]\d\d(:?\d\d){0,2}", re.ASCII)


class ParkReading(NamedTuple):
    """What a good row says: the instant, the later one where its time has meant the earlier, and power in 10^-6 MW."""

    earlier: datetime
    later: datetime
    local_date: date
    power: int


def check_row(line: bytes, header: Header, zone: ZoneInfo) -> ParkReading:
    """
    Read a line, without its line end, as a reading; RowRejected gives its first fault in column order.

    A local time that clocks show but once means the same instant as the earlier and as the later.
    """
    time_text, power_text = header.fields_of(line)
    local = _read_local_time("datetime", time_text)
    earlier, later = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier.astimezone(zone).replace(tzinfo=None) != local:
        fault = f"does not exist in {zone}, whose clocks were put forward past it"
        expected = "a time that they showed"
        raise rejected_value(RejectionCode.NONEXISTENT_LOCAL_TIME, "datetime", time_text, fault, expected)
    power = read_millionths("MW", power_text, "MW", at_least=LOWEST_POWER, at_most=HIGHEST_POWER)
    return ParkReading(earlier, later, local.date(), power)


def _read_local_time(column: str, text: str) -> datetime:
    spelling = LOCAL_TIME.match(text)
    expected = "YYYY-MM-DD hh:mm or YYYY-MM-DD hh:mm:ss in the park's local time, such as 2025-09-01 18:30:00"
    if spelling is None or spelling.end() < len(text):
        is_instant = spelling is not None and OFFSET.fullmatch(text[spelling.end() :])
        fault = "has an offset, where readings are dated by the park's own clocks" if is_instant else "is no local time"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected)
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        fault, expected = "is not in the calendar", "a day that is"
        raise rejected_value(RejectionCode.MALFORMED_DATE, column, text, fault, expected) from None
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        expected = f"a day in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, column, text, "is out of range", expected)
    return local
