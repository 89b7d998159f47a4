from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from graph.imports import battery_events
from graph.imports.battery_events import CHUNK_LIMIT_BYTES, BatteryEventChunk, BatteryEventReader
from graph.imports.blocks import Block
from graph.imports.csv.lines import HeaderRefused
from graph.imports.csv.rejection import RejectionCode

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\r\n"
FIRST_SITE, SECOND_SITE = UUID(int=1), UUID(int=2)
SITE_IDS = {"9876543210": SECOND_SITE, "NAAAMYS582": FIRST_SITE}


def new_reader(site_ids: Mapping[str, UUID] = SITE_IDS, *, header: bytes = HEADER) -> BatteryEventReader:
    return BatteryEventReader(header, import_id=uuid4(), charge_tariff_earns=False, site_ids=site_ids)


def read(lines: bytes, site_ids: Mapping[str, UUID] = SITE_IDS, *, first_line_number: int = 2) -> BatteryEventChunk:
    return new_reader(site_ids).read(lines, chunk_number=1, first_line_number=first_line_number)


def test_a_chunk_becomes_a_block_for_each_month_and_site_in_file_order_within() -> None:
    lines = (
        b"9876543210,2025-10-31,DISCHARGE,5,35\n"
        b"9876543210,2025-09-30,CHARGE,2.5,12.3456\n"
        b"NAAAMYS582,2025-10-01,DISCHARGE,10,-20\n"
        b"NAAAMYS582,2025-10-02,DISCHARGE,0.000001,0.000001\n"
        b"9876543210,2025-10-01,CHARGE,1,-3\n"
        b"9876543210,2025-10-31,DISCHARGE,5,35\n"
    )

    chunk = read(lines, first_line_number=1_000)

    assert chunk.blocks() == [
        Block(
            site_id=SECOND_SITE,
            month=date(2025, 9, 1),
            event_count=1,
            revenue_aud=Decimal("-0.30864"),
            cost_only_aud=Decimal(0),
            charged_kwh=Decimal("2.5"),
            discharged_kwh=Decimal(0),
            days=[30],
            discharges=[False],
            energies=[2_500_000],
            tariffs=[-12_345_600],
            line_numbers=[1_001],
        ),
        Block(
            site_id=FIRST_SITE,
            month=date(2025, 10, 1),
            event_count=2,
            revenue_aud=Decimal("0.00000000000001"),
            cost_only_aud=Decimal(-2),
            charged_kwh=Decimal(0),
            discharged_kwh=Decimal("10.000001"),
            days=[1, 2],
            discharges=[True, True],
            energies=[10_000_000, 1],
            tariffs=[-20_000_000, 1],
            line_numbers=[1_002, 1_003],
        ),
        Block(
            site_id=SECOND_SITE,
            month=date(2025, 10, 1),
            event_count=3,
            revenue_aud=Decimal("3.53"),
            cost_only_aud=Decimal(0),
            charged_kwh=Decimal(1),
            discharged_kwh=Decimal(10),
            days=[31, 1, 31],
            discharges=[True, False, True],
            energies=[5_000_000, 1_000_000, 5_000_000],
            tariffs=[35_000_000, 3_000_000, 35_000_000],
            line_numbers=[1_000, 1_004, 1_005],
        ),
    ]


GOOD = b"9876543210,2025-09-01,DISCHARGE,5,35"


# The lines, and of these:                             lines  rows  line numbers  rejected
@pytest.mark.parametrize(
    ("lines", "lines_read", "rows_read", "imported", "rejected"),
    [
        (b"", 0, 0, [], []),
        (b"\n", 1, 0, [], []),
        (GOOD, 1, 1, [2], []),
        (GOOD + b"\n", 1, 1, [2], []),
        (GOOD + b"\r\n", 1, 1, [2], []),
        (GOOD + b"\n" + GOOD, 2, 2, [2, 3], []),
        # Empty lines are no rows, but they are lines.
        (b"\n\r\n" + GOOD + b"\n \t \n\t\r\n" + GOOD + b"\n", 6, 2, [4, 7], []),
        # A lone carriage return ends no line, not even the file's last.
        (GOOD + b"\r", 1, 1, [], [2]),
        (GOOD + b"\r" + GOOD + b"\n", 1, 1, [], [2]),
        (GOOD + b"\r\r\n", 1, 1, [], [2]),
        (b"\r\r\n", 1, 1, [], [2]),
        # A stray quote spoils only its own line.
        (b'"' + GOOD + b"\n" + GOOD + b"\n" + GOOD + b'"\n', 3, 3, [3], [2, 4]),
        (b'"98765\n43210",2025-09-01,DISCHARGE,5,35\n' + GOOD, 3, 3, [4], [2, 3]),
        # A byte order mark belongs before the header only.
        (b"\xef\xbb\xbf" + GOOD + b"\n" + GOOD, 2, 2, [3], [2]),
        (b"\0\n" * 3 + GOOD, 4, 4, [5], [2, 3, 4]),
    ],
)
def test_lines_are_counted_as_they_stand_in_the_file(
    lines: bytes, lines_read: int, rows_read: int, imported: list[int], rejected: list[int]
) -> None:
    chunk = read(lines)

    assert (chunk.lines_read, chunk.rows_read, chunk.rows_imported) == (lines_read, rows_read, len(imported))
    assert [number for block in chunk.blocks() for number in block.line_numbers] == imported
    assert [rejection.line_number for rejection in chunk.rejections] == rejected


def test_a_file_read_in_chunks_brings_the_same_events_as_read_at_once() -> None:
    reader = new_reader()
    row_count = 10

    at_once = reader.read((GOOD + b"\n") * row_count, chunk_number=1, first_line_number=2)
    apart = [reader.read(GOOD + b"\n", chunk_number=1 + row, first_line_number=2 + row) for row in range(row_count)]

    [block] = at_once.blocks()
    assert block.line_numbers == [number for chunk in apart for each in chunk.blocks() for number in each.line_numbers]


# Spellings a whole file may be written in: these must not be read row by row.
@pytest.mark.parametrize(
    "row",
    [
        b"9876543210,2025-09-01,DISCHARGE,5,35",
        b"98765432107,2025-09-01,DISCHARGE,5,35",
        b"9876543210,2025-09-01,discharge,5,35",
        b"9876543210,2025-09-01,Discharge,+5.000000,35.0000",
        b"9876543210,2025-09-01,DISCHARGE,5.,+35",
        b'"9876543210","2025-09-01","DISCHARGE","5","35"',
        b'9876543210,2025-09-01,"DISCHARGE",05.0,0000035',
    ],
)
def test_plainly_spelled_rows_are_read_all_at_once(row: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(battery_events, "check_row")

    chunk = read((row + b"\r\n") * 3 + b"\n" + row)

    [block] = chunk.blocks()
    assert block.event_count == 4
    assert (set(block.energies), set(block.tariffs)) == ({5_000_000}, {35_000_000})


def test_a_file_of_no_known_site_is_rejected_row_by_row() -> None:
    chunk = read(GOOD + b"\n" + bytes(10) + GOOD[10:], {})

    assert [rejection.code for rejection in chunk.rejections] == [
        RejectionCode.UNKNOWN_NMI,
        RejectionCode.MALFORMED_NMI,
    ]
    assert chunk.blocks() == []


def test_each_of_many_sites_is_found_by_either_spelling_of_its_nmi() -> None:
    site_ids = {f"41020{number:05}": UUID(int=number * 7919 % 20_011 + 1) for number in range(20_000)}
    lines = b"".join(nmi.encode() + GOOD[10:] + b"\n" for nmi in site_ids)

    chunk = read(lines, site_ids)

    nmis = list(site_ids)
    found = {nmis[block.line_numbers[0] - 2]: block.site_id for block in chunk.blocks()}
    assert found == site_ids


def test_a_reader_refuses_a_header_without_its_columns() -> None:
    with pytest.raises(HeaderRefused, match="The header has no column TARIFF"):
        new_reader(header=b"NMI,DATE,EVENT_TYPE,ENERGY\n")


def test_a_chunk_too_large_for_exact_sums_is_not_read() -> None:
    with pytest.raises(ValueError, match="A chunk has at most 67108864 bytes, not 67108865"):
        read(bytes(CHUNK_LIMIT_BYTES + 1))


def test_a_line_number_that_cannot_be_kept_is_not_shortened() -> None:
    with pytest.raises(OverflowError):
        read(GOOD, first_line_number=2**31)
