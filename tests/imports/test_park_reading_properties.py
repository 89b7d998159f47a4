"""The vectorised reader and the check of single rows accept and reject the same readings, for any file."""

from datetime import UTC, datetime, timedelta
from functools import cache
from unittest.mock import patch
from uuid import uuid4
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.imports import park_readings
from graph.imports.csv.lines import read_header, split_lines
from graph.imports.csv.pieces import PIECE_BYTES
from graph.imports.csv.rejection import Rejection, RowRejected
from graph.imports.park_reading_row import COLUMNS, check_row
from graph.imports.park_readings import EPOCH_DAY, ParkReadingReader

HEADERS = ["datetime,MW", "mw,note,DateTime"]
# Timezones with daylight saving of an hour, of half an hour and of two hours, on both hemispheres; with a skipped day;
# with clocks put back for a month of each year; with a permanent change of offset; and without any change.
ZONES = [
    *("Europe/Amsterdam", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Europe/Volgograd"),
    *("America/St_Johns", "Asia/Pyongyang", "America/Caracas", "Antarctica/Troll", "UTC"),
]
TIMES = """
    2020-03-29T02:30 2020-10-25T02:30:00 2011-12-30T12:00 2020-12-27T01:30 2020-02-30T00:00 2100-01-01T00:00
    1999-12-31T23:59:59 2000-01-01T00:00 2099-12-31T23:59:59 2020-01-01 2020-01-01T24:00 2020-01-01T23:60
    2020-01-01T23:59:60 2020-01-01T1:00 2020-01-01T01:00:0 2020-01-01T01:00:00.5 2020-01-01T01:00Z 2020-01-01T01:00+01
    2020-01-01T01:00+01:00 2020-01-01t01:00 2020-01-01_01:00 2020-01-01T01.00 2020-01-01T0a:00 2020-1-01T01:00
    2020/01/01T01:00 20200101T0100 2020-01-01T01:00: 2020-00-01T00:00 2020-13-01T00:00 \uff12020-01-01T00:00"""
POWERS = "0 -0.008 +1 .5 1. 100000 -100000 100000.000001 -100000.000001 1e3 1.1234567 nan - 12345678 1\0"
WRAPPINGS = ["{}", "{}", "{}", '"{}"', " {}\t", '"{}', "{},", "\ufeff{}", "{}\u00a0"]


FIRST, LAST = datetime.fromisoformat("2000-01-01T15:00"), datetime.fromisoformat("2099-12-31T09:00")
CHANGES = [datetime.fromisoformat(day) for day in ("2020-03-29", "2020-10-25", "2020-04-05", "2020-12-27")]


# The first reader of a timezone computes the timezone's offsets, which can take longer than Hypothesis' 200 ms.
without_deadline = settings(deadline=None)


@cache
def reader_of(header: str, zone: str) -> ParkReadingReader:
    return ParkReadingReader(header.encode(), ZoneInfo(zone), park_id=uuid4(), import_id=uuid4())


@st.composite
def local_times(draw: st.DrawFn) -> str:
    """Generate a time in a valid format, often in an hour in which clocks change in some timezone."""
    local = draw(st.datetimes(FIRST, LAST))
    if draw(st.booleans()):
        local = draw(st.sampled_from(CHANGES)) + timedelta(minutes=draw(st.integers(0, 300)))
    return local.strftime(draw(st.sampled_from(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]))) + draw(
        st.sampled_from(["", "", "", "Z", "+01:00", "-0930", "+14"])
    )


times = st.one_of(local_times(), st.sampled_from(TIMES.split()))
powers = st.one_of(st.decimals(-100_001, 100_001, places=3).map(str), st.sampled_from(POWERS.split(" ")))


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Generate a header, and lines that are mostly rows with the columns in the order of the header."""
    header, lines = draw(st.sampled_from(HEADERS)), b""
    for time, power in draw(st.lists(st.tuples(times, powers), max_size=6)):
        wrap = draw(st.sampled_from(WRAPPINGS)).format
        row = f"{wrap(time)},{power}" if header == HEADERS[0] else f"{power},{wrap('note')},{time}"
        lines += row.encode() + draw(st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\xff\n", b"\n \n"]))
    return header, lines[: len(lines) - draw(st.integers(0, 3))]


@without_deadline
@given(files(), st.sampled_from(ZONES), st.sampled_from([20, PIECE_BYTES]))
def test_reader_returns_the_same_readings_and_rejections_as_the_check_of_single_rows(
    file: tuple[str, bytes], zone: str, piece_bytes: int
) -> None:
    header, lines = file
    readings, rejections = [], []
    split, parsed_header = list(split_lines(lines)), read_header(header.encode(), COLUMNS)
    for number, line in enumerate(split, start=2):
        if parsed_header.is_blank(line):
            continue
        try:
            readings.append(check_row(line, parsed_header, ZoneInfo(zone)))
        except RowRejected as reason:
            rejections.append(Rejection.from_line(number, line, reason))

    with patch.object(park_readings, "PIECE_BYTES", piece_bytes):
        chunk = reader_of(header, zone).read(lines, first_line_number=2)

    assert (chunk.lines_read, chunk.rejections) == (len(split), rejections)
    assert chunk.readings.earlier_s.tolist() == [reading.earlier_instant.timestamp() for reading in readings]
    assert chunk.readings.later_s.tolist() == [reading.later_instant.timestamp() for reading in readings]
    assert (chunk.readings.local_days + EPOCH_DAY).tolist() == [reading.local_date.toordinal() for reading in readings]
    assert chunk.readings.powers_w.tolist() == [reading.power_w for reading in readings]


@without_deadline
@given(st.sampled_from(ZONES), st.datetimes(FIRST, LAST))
def test_local_time_of_an_instant_is_converted_back_to_that_instant(zone: str, instant: datetime) -> None:
    exact = instant.replace(tzinfo=UTC, microsecond=0)
    line = f"{exact.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S},1".encode()

    chunk = reader_of(HEADERS[0], zone).read(line, first_line_number=2)

    assert exact.timestamp() in (chunk.readings.earlier_s[0], chunk.readings.later_s[0])
