from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from graph.imports import battery_events
from graph.imports.battery_events import MAX_CHUNK_BYTES, BatteryEventChunk, BatteryEventReader
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


def test_chunk_is_grouped_into_blocks_by_month_and_site_in_file_order() -> None:
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
            energies_microkwh=[2_500_000],
            tariffs_microcents_per_kwh=[-12_345_600],
            line_numbers=[1_001],
            times_ms=None,
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
            energies_microkwh=[10_000_000, 1],
            tariffs_microcents_per_kwh=[-20_000_000, 1],
            line_numbers=[1_002, 1_003],
            times_ms=None,
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
            energies_microkwh=[5_000_000, 1_000_000, 5_000_000],
            tariffs_microcents_per_kwh=[35_000_000, 3_000_000, 35_000_000],
            line_numbers=[1_000, 1_004, 1_005],
            times_ms=None,
        ),
    ]


GOOD = b"9876543210,2025-09-01,DISCHARGE,5,35"


# The lines of the file, and what is read:             lines  rows  line numbers  rejected
@pytest.mark.parametrize(
    ("lines", "lines_read", "rows_read", "imported", "rejected"),
    [
        (b"", 0, 0, [], []),
        (b"\n", 1, 0, [], []),
        (GOOD, 1, 1, [2], []),
        (GOOD + b"\n", 1, 1, [2], []),
        (GOOD + b"\r\n", 1, 1, [2], []),
        (GOOD + b"\n" + GOOD, 2, 2, [2, 3], []),
        # Empty lines count as lines, not as rows.
        (b"\n\r\n" + GOOD + b"\n \t \n\t\r\n" + GOOD + b"\n", 6, 2, [4, 7], []),
        # A lone carriage return does not end a line, not even the last line of the file.
        (GOOD + b"\r", 1, 1, [], [2]),
        (GOOD + b"\r" + GOOD + b"\n", 1, 1, [], [2]),
        (GOOD + b"\r\r\n", 1, 1, [], [2]),
        (b"\r\r\n", 1, 1, [], [2]),
        # A stray quote invalidates only its own line.
        (b'"' + GOOD + b"\n" + GOOD + b"\n" + GOOD + b'"\n', 3, 3, [3], [2, 4]),
        (b'"98765\n43210",2025-09-01,DISCHARGE,5,35\n' + GOOD, 3, 3, [4], [2, 3]),
        # A byte order mark is valid only before the header.
        (b"\xef\xbb\xbf" + GOOD + b"\n" + GOOD, 2, 2, [3], [2]),
        (b"\0\n" * 3 + GOOD, 4, 4, [5], [2, 3, 4]),
    ],
)
def test_line_numbers_are_those_of_the_file(
    lines: bytes, lines_read: int, rows_read: int, imported: list[int], rejected: list[int]
) -> None:
    chunk = read(lines)

    assert (chunk.lines_read, chunk.rows_read, chunk.rows_imported) == (lines_read, rows_read, len(imported))
    assert [number for block in chunk.blocks() for number in block.line_numbers] == imported
    assert [rejection.line_number for rejection in chunk.rejections] == rejected


def test_file_read_in_several_chunks_has_the_same_events_as_in_one_chunk() -> None:
    reader = new_reader()
    row_count = 10

    single = reader.read((GOOD + b"\n") * row_count, chunk_number=1, first_line_number=2)
    several = [reader.read(GOOD + b"\n", chunk_number=1 + row, first_line_number=2 + row) for row in range(row_count)]

    [block] = single.blocks()
    assert block.line_numbers == [
        number for chunk in several for part in chunk.blocks() for number in part.line_numbers
    ]


# Formats in which all rows of a file may be written: the vectorised reader must recognise them.
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
def test_rows_in_usual_formats_are_read_without_single_row_checks(row: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(battery_events, "check_row")

    chunk = read((row + b"\r\n") * 3 + b"\n" + row)

    [block] = chunk.blocks()
    assert block.event_count == 4
    assert (set(block.energies_microkwh), set(block.tariffs_microcents_per_kwh)) == ({5_000_000}, {35_000_000})


def test_rows_are_rejected_when_there_are_no_sites() -> None:
    chunk = read(GOOD + b"\n" + bytes(10) + GOOD[10:], {})

    assert [rejection.code for rejection in chunk.rejections] == [
        RejectionCode.UNKNOWN_NMI,
        RejectionCode.MALFORMED_NMI,
    ]
    assert chunk.blocks() == []


def test_every_one_of_many_sites_is_found_by_its_nmi() -> None:
    site_ids = {f"41020{number:05}": UUID(int=number * 7919 % 20_011 + 1) for number in range(20_000)}
    lines = b"".join(nmi.encode() + GOOD[10:] + b"\n" for nmi in site_ids)

    chunk = read(lines, site_ids)

    nmis = list(site_ids)
    found = {nmis[block.line_numbers[0] - 2]: block.site_id for block in chunk.blocks()}
    assert found == site_ids


def test_header_without_a_required_column_is_refused() -> None:
    with pytest.raises(HeaderRefused, match="The header has no column TARIFF"):
        new_reader(header=b"NMI,DATE,EVENT_TYPE,ENERGY\n")


def test_chunk_too_large_for_exact_sums_is_refused() -> None:
    with pytest.raises(ValueError, match="A chunk has at most 67108864 bytes, not 67108865"):
        read(bytes(MAX_CHUNK_BYTES + 1))


def test_line_number_above_32_bits_raises_overflow_error() -> None:
    with pytest.raises(OverflowError):
        read(GOOD, first_line_number=2**31)
