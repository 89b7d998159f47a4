"""The vectorised reader and the check of single rows accept and reject the same rows, for any file."""

from datetime import date
from unittest.mock import patch
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from graph.imports import battery_events
from graph.imports.battery_event_row import COLUMNS, BatteryEvent, check_row
from graph.imports.battery_events import BatteryEventChunk, BatteryEventReader
from graph.imports.csv.fields import BARE_DAY
from graph.imports.csv.lines import read_header, split_lines
from graph.imports.csv.pieces import PIECE_BYTES
from graph.imports.csv.rejection import Rejection, RowRejected

SITE_IDS = {"9876543210": UUID(int=3), "NAAAMYS582": UUID(int=1), "2001985732": UUID(int=2)}
COLUMN_NAMES = ",".join(COLUMNS).encode()
HEADERS = [
    COLUMN_NAMES,
    b"tariff,Energy,Event_Type,Date,Nmi",
    b"NOTE," + COLUMN_NAMES + b",",
    COLUMN_NAMES + b",NOTE,,",
]

# Values as people and programs write them, valid and invalid.
VALUES = {
    "NMI": """
        98765432108 2001985733 20019857328 naaamys582 987654321O 987654321 987654321000 \uff19876543210 \ufeff9876543210
        1111111111""",
    "DATE": """
        2024-02-29 2025-02-29 2100-02-28 2000-02-29 2099-12-31 1999-12-31 2100-01-01 2025-13-01 2025-00-10 2025-01-00
        2025-01-32 2025-1-1 20250901 2025/09/01 2025:09:01 2025-09-0a 2025-09-01T14:00Z 2025-08-31T13:59:59.9Z
        2025-09-01T00:00 1999-12-31T14:00Z 2099-12-31T14:00Z 2025-09-02T24:00
        2025-09-02T00:59+11:00 \uff12025-09-01 2025-09-01T00:00:00 2025-09-01T00:00:00+10:00 2025-08-31T14:00:00Z
        2000-01-01T00:00 2099-12-31T23:59:59 2025-10-01T00:00+24:00 2025-10-01T08:00-00:60 2025-09-01T08:00:00.0015
        2025-09-01T8:00 2025-09-01T08:00:00+1000 2025-09-01T08:00-03:30 2024-03-01T00:30+11:00 2025-09-01T08:00:60Z""",
    "EVENT_TYPE": """
        CHARGED DISCHARG ISCHARGE XISCHARGE DISCHARGX CHARG di\u017fcharge CH@RGE #HARGE CHARGE\0 \uff23HARGE""",
    "ENERGY": """
        1e3 +1 1. .5 -0 -.5 +.5 + - . +. -. -+1 --1 1..2 1.2.3 1_0 1/2 1:2 nan inf 0x1 1.1234567 1.1000000 0.123456
        1.12345600 1.12345601 1.1234560 1.123456000 .00000000 -1.00000000
        999999999999999999999999999999 000000000000000000000000000000000.1 00000001 0000000.000000 1000000
        1000000.000000 1000000.000001 -1000000 -1000000.000001 999999.999999 9999999 12345678 1234567.123456
        \uff15 \u22125 1\0""",
}
VALUES["TARIFF"] = VALUES["ENERGY"]
WRAPPINGS = [
    '"{}"',
    ' "{}" ',
    '" {}\t"',
    " {}",
    "{}\t",
    "{} ",
    '"{}',
    '{}"',
    '""{}""',
    '"{}""',
    "{},",
    '"{},"',
    "{}\u00a0",
    '="{}"',
    '="{}',
    '"=""{}"""',
    '="{}" ',
    '=" {}"',
    "={}",
]
INSERTIONS = [
    b"\xff",
    b"\xe2\x82",
    b"\xef\xbb\xbf",
    b"\0",
    b"\n",
    b"\r\n",
    b"\r",
    b'"',
    b'""',
    b",",
    b" ",
    b"9",
    b"-",
    b".",
    b";",
    b"\t",
    b",,",
    b",,,",
]


def decimal_text(millionths: int, places: int) -> str:
    """Write an integer of 10^-6 as a decimal number, truncated to some decimal places."""
    whole, fraction = divmod(abs(millionths), 10**6)
    return f"{'-' if millionths < 0 else ''}{whole}.{f'{fraction:06}'[:places]}"


valid_fields = {
    "NMI": st.sampled_from(["9876543210", "98765432107", "NAAAMYS582", "NAAAMYS5826", "2001985732"]),
    "DATE": st.dates(date(2000, 1, 1), date(2099, 12, 31)).map(str)
    | st.builds(
        "{}{}{}{}".format,
        st.dates(date(2000, 1, 2), date(2099, 12, 30)),
        st.sampled_from("T "),
        st.sampled_from(["00:00", "08:00", "17:05:59", "23:59:59", "00:00:00", "14:00:00"]),
        st.sampled_from(["", "", "Z", "+10:00", "+11:00", "-03:30", "+00:00"]),
    ),
    "EVENT_TYPE": st.sampled_from(["CHARGE", "DISCHARGE", "charge", "Discharge"]),
    "ENERGY": st.builds(decimal_text, st.integers(0, 10**12), st.integers(0, 6)),
    "TARIFF": st.builds(decimal_text, st.integers(-(10**12), 10**12), st.integers(0, 6)),
}
any_text = st.text(st.sampled_from('059.,+-"\0\r\t eETZ:\u00e9\ufeff\uff15'), max_size=12)
unusual_fields = {
    column: st.one_of(
        st.sampled_from(VALUES[column].split()),
        st.builds(str.format, st.sampled_from(WRAPPINGS), valid),
        any_text,
    )
    for column, valid in valid_fields.items()
}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, str]:
    """Generate a valid row, or one with an unusual field."""
    row = {column: draw(valid) for column, valid in valid_fields.items()}
    if draw(st.booleans()):
        column = draw(st.sampled_from(COLUMNS))
        row[column] = draw(unusual_fields[column])
    return row


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Generate a header, and lines that are mostly rows with the columns in the order of the header."""
    header, separator = draw(st.sampled_from(HEADERS)), draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    quoting = draw(st.sampled_from(["{}", "{}", '"{}"']))
    lines = b""
    for row in draw(st.lists(rows(), max_size=6)):
        others = {"NOTE": draw(st.sampled_from(["", "caf\u00e9", '"a,b"', '"', "\0"])), "": ""}
        fields = {**others, **{column: quoting.format(text) for column, text in row.items()}}
        line = separator.join(fields[name] for name in header.decode().upper().split(",")).encode()
        line += draw(st.sampled_from(["", "", separator, separator * 2])).encode()
        if draw(st.integers(0, 9)) == 0:
            position = draw(st.integers(0, len(line)))
            line = line[:position] + draw(st.sampled_from(INSERTIONS)) + line[position:]
        lines += line + draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"\n \r\n", b"\n,;,\n"]))
    return header.replace(b",", separator.encode()), lines[: len(lines) - draw(st.integers(0, 3))]


def check_single_rows(
    header: bytes, lines: bytes, *, charge_tariff_earns: bool, is_interval_end: bool
) -> tuple[dict[int, BatteryEvent], list[Rejection], int]:
    """Check each line of a file by itself, and count the lines."""
    events, rejections = {}, []
    cut, parsed_header = list(split_lines(lines)), read_header(header, COLUMNS)
    for number, line in enumerate(cut, start=2):
        if parsed_header.is_blank(line):
            continue
        try:
            events[number] = check_row(
                line,
                parsed_header,
                SITE_IDS,
                charge_tariff_earns=charge_tariff_earns,
                is_interval_end=is_interval_end,
                member_days={},
            )
        except RowRejected as reason:
            rejections.append(Rejection.from_line(number, line, reason))
    return events, rejections, len(cut)


def events_of(chunk: BatteryEventChunk) -> dict[int, BatteryEvent]:
    nmis = {site_id: nmi for nmi, site_id in SITE_IDS.items()}
    return {
        line_number: BatteryEvent(
            nmis[block.site_id],
            block.month.replace(day=block.days[index]),
            BARE_DAY if block.times_ms is None else block.times_ms[index],
            block.discharges[index],
            block.energies_microkwh[index],
            block.tariffs_microcents_per_kwh[index],
        )
        for block in chunk.blocks()
        for index, line_number in enumerate(block.line_numbers)
    }


@given(files(), st.booleans(), st.booleans(), st.sampled_from([20, 100, PIECE_BYTES]))
def test_reader_returns_the_same_events_and_rejections_as_the_check_of_single_rows(
    file: tuple[bytes, bytes], earns: bool, is_interval_end: bool, piece_bytes: int
) -> None:
    header, lines = file
    events, rejections, line_count = check_single_rows(
        header, lines, charge_tariff_earns=earns, is_interval_end=is_interval_end
    )
    reader = BatteryEventReader(
        header, import_id=uuid4(), charge_tariff_earns=earns, is_interval_end=is_interval_end, site_ids=SITE_IDS
    )

    with patch.object(battery_events, "PIECE_BYTES", piece_bytes):
        chunk = reader.read(lines, chunk_number=1, first_line_number=2)

    assert events_of(chunk) == events
    assert chunk.rejections == rejections
    assert (chunk.lines_read, chunk.rows_read) == (line_count, len(events) + len(rejections))
