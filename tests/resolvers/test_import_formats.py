"""Files as spreadsheets and utilities write them: they are imported, or the cause is named with the way out."""

import csv
import gzip
from io import StringIO
from typing import Any

import pytest

from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
NOTHING_IMPORTED = (
    "Nothing was imported. Correct the file and upload it as a new import, or correct the cause elsewhere and start"
    " this import again."
)
COUNTS = """query ($id: ID!) { getImport(id: $id) { rejectionCounts {
    code column count example { lineNumber column code message row }
} } }"""
EVENTS = """query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { events { items {
    lineNumber settlementDate energyKwh tariffCentsPerKwh
} } } }"""


@pytest.fixture
async def nmi(api: Api) -> str:
    """The NMI of a site that belongs to a VPP and has no events."""
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi)
    return nmi


async def event_rows(api: Api, nmi: str) -> list[tuple[Any, ...]]:
    site = await api.execute(EVENTS, nmi=nmi)
    return [tuple(event.values()) for event in site["events"]["items"]]


def encoded(text: str, encoding: str) -> bytes:
    return gzip.compress(text.encode()) if encoding == "gzip" else text.encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gzip"])
@pytest.mark.parametrize(
    ("header", "row", "line_number"),
    [
        ("NMI;DATE;EVENT_TYPE;ENERGY;TARIFF\n", "{};2025-09-02;DISCHARGE;5.5;22\n", 2),
        ("NMI\tDATE\tEVENT_TYPE\tENERGY\tTARIFF\n", "{}\t2025-09-02\tDISCHARGE\t5.5\t22\n", 2),
        ("sep=,\r\nNMI,DATE,EVENT_TYPE,ENERGY,TARIFF\r\n", "{},2025-09-02,DISCHARGE,5.5,22\r\n", 3),
        ("sep=;\nNMI;DATE;EVENT_TYPE;ENERGY;TARIFF\n", "{};2025-09-02;DISCHARGE;5.5;22\n", 3),
        ("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\r", "{},2025-09-02,DISCHARGE,5.5,22\r", 2),
        ("sep=;\rNMI;DATE;EVENT_TYPE;ENERGY;TARIFF\r", "{};2025-09-02;DISCHARGE;5.5;22", 3),
        (HEADER, '="{}",2025-09-02,DISCHARGE,5.5,22\n', 2),
        (HEADER, "{},2025-09-02,DISCHARGE,5.5\u00a0,22\n", 2),
        (HEADER, "{},2025-09-02,DISCHARGE,5.50000000,22.0000000000\n", 2),
        (HEADER, "{},2025-09-02,DISCHARGE,5.5,22,,\n", 2),
        ("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF,,\n", "{},2025-09-02,DISCHARGE,5.5,22\n", 2),
        (HEADER + ",,,,\n" * 20_000, "{},2025-09-02,DISCHARGE,5.5,22\n" + ",,,,\r\n" * 20_000, 20_002),
    ],
)
async def test_file_that_cannot_be_misread_is_imported(
    api: Api, worker: None, nmi: str, header: str, row: str, line_number: int, encoding: str
) -> None:
    imported = await api.import_file(encoded(header + row.format(nmi), encoding))

    assert (imported["status"], imported["failureReason"]) == ("COMPLETED", None)
    assert (imported["rowsRead"], imported["rowsImported"]) == (1, 1)
    assert await event_rows(api, nmi) == [(line_number, "2025-09-02", 5.5, 22.0)]


async def test_bytes_of_windows_1252_in_a_column_that_is_not_read_are_ignored(api: Api, worker: None, nmi: str) -> None:
    header, row = HEADER.replace("\n", ",STRASSE \u2013 NOTE\n"), f"{nmi},2025-09-02,DISCHARGE,5,22,4 \u2013 8 pm\n"

    imported = await api.import_file((header + row).encode("cp1252"))

    assert (imported["status"], imported["rowsImported"], imported["rowsRejected"]) == ("COMPLETED", 1, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEADER.encode("utf-16"), "The file is UTF-16, which Excel calls Unicode Text; save it as"),
        (
            gzip.compress(HEADER.encode("utf-16"), mtime=0),
            "The file is UTF-16, which Excel calls Unicode Text; save it as",
        ),
        (b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "The file is an Excel workbook or another spreadsheet; save"),
        (b"PK\x03\x04" + bytes(26) + b"events.csv", "The file is a zip archive; upload the CSV file itself"),
        ("sep=:\nNMI:DATE\n1:2\n", "The line above the header declares the separator ':'; expected a comma,"),
    ],
)
async def test_file_that_cannot_be_read_fails_with_its_format_and_the_way_out(
    api: Api, worker: None, content: str | bytes, reason: str
) -> None:
    imported = await api.import_file(content)

    assert imported["status"] == "FAILED"
    assert imported["failureReason"].startswith(reason)


async def test_decimal_comma_is_rejected_and_named(api: Api, worker: None, nmi: str) -> None:
    header, good = HEADER.replace(",", ";"), f"{nmi};2025-09-02;DISCHARGE;5;22\n"

    imported = await api.import_file(header + good + f"{nmi};2025-09-02;DISCHARGE;5,0;22,5\n")

    assert (imported["rowsImported"], imported["rowsRejected"]) == (1, 1)
    assert imported["rejections"]["items"][0]["message"] == (
        "'5,0' has a decimal comma or a thousands separator; expected kWh with a decimal point and no commas, such as"
        " 12.345678."
    )


async def test_rejections_are_counted_by_code_and_column(api: Api, worker: None, nmi: str) -> None:
    rows = [
        f"{nmi},2025-09-02,DISCHARGE,5,22",
        *(f"{nmi},{day}/09/2025,DISCHARGE,5,22" for day in (13, 14, 15)),
        f"{nmi},2025-09-02,DISCHARGE,five,22",
        "1111111111,2025-09-02,DISCHARGE,5,22",
        f"{nmi},2025-09-02,DISCHARGE,5,six",
        f"{nmi},2025-09-02,DISCHARGE,six,22",
        f"{nmi},2025-09-02",
    ]
    imported = await api.import_file(HEADER + "\n".join(rows))
    counts = (await api.execute(COUNTS, id=imported["id"]))["rejectionCounts"]

    assert [(count["count"], count["column"], count["code"], count["example"]["lineNumber"]) for count in counts] == [
        (3, "DATE", "MALFORMED_DATE", 3),
        (2, "ENERGY", "MALFORMED_NUMBER", 6),
        (1, "NMI", "UNKNOWN_NMI", 7),
        (1, "TARIFF", "MALFORMED_NUMBER", 8),
        (1, None, "WRONG_COLUMN_COUNT", 10),
    ]
    assert [count["example"] for count in counts] == [
        imported["rejections"]["items"][index] for index in (0, 3, 4, 5, 7)
    ]


async def test_import_without_rejections_has_no_counts(api: Api, worker: None, nmi: str) -> None:
    imported = await api.import_file(HEADER + f"{nmi},2025-09-02,DISCHARGE,5,22\n")

    assert await api.execute(COUNTS, id=imported["id"]) == {"rejectionCounts": []}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            "{},13/09/2025,DISCHARGE,5,22\n",
            "DATE: all 12,345 rows: '13/09/2025' is not a date; expected YYYY-MM-DD: write 2025-09-13.",
        ),
        (
            "{};2025-09-02;DISCHARGE;5;22\n",
            "All 12,345 rows: The row has 1 field; expected 5, as in the header. The row has semicolons between its"
            " fields, the header has commas.",
        ),
    ],
)
async def test_file_of_rows_that_are_all_rejected_fails_with_the_cause(
    api: Api, worker: None, nmi: str, row: str, reason: str
) -> None:
    imported = await api.import_file(HEADER + row.format(nmi) * 12_345)

    assert (imported["status"], imported["rowsRead"], imported["rowsRejected"]) == ("FAILED", 12_345, 12_345)
    assert imported["failureReason"] == f"{reason} {NOTHING_IMPORTED}"


async def test_failed_file_of_rejected_rows_is_not_completed_by_starting_it_again(
    api: Api, worker: None, nmi: str
) -> None:
    failed = await api.import_file(HEADER + f"{nmi},13/09/2025,DISCHARGE,5,22\n" * 10_000)

    await api.execute("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=failed["id"])

    assert await api.wait_for_import(failed["id"]) == failed


async def test_most_frequent_cause_is_named_with_its_share(api: Api, worker: None, nmi: str) -> None:
    rows = f"{nmi},13/09/2025,DISCHARGE,5,22\n" * 6_000 + "1111111111,2025-09-02,DISCHARGE,5,22\n" * 7_000

    imported = await api.import_file(HEADER + rows)

    assert imported["failureReason"].startswith(
        "NMI: 7,000 of 13,000 rows, such as line 6002: '1111111111' is not the NMI of a site;"
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
async def test_file_of_rejected_rows_has_the_separator_of_the_file_and_each_reason_in_its_column(
    api: Api, worker: None, nmi: str, separator: str
) -> None:
    rows = [
        "sep=,",
        "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF,",
        f"{nmi},2025-09-31,DISCHARGE,5,22",
        f"{nmi},2025-09-31,DISCHARGE,5,22,,",
        f"{nmi},2025-09-02",
        f'{nmi},2025-09-02,DISCHARGE,5,"',
        f"{nmi},2025-09-02,DISCHARGE,5,22",
    ]
    imported = await api.import_file("\n".join(rows).replace(",", separator))
    link = await api.execute("query ($id: ID!) { getImport(id: $id) { rejectionsUrl } }", id=imported["id"])
    text = (await api.s3.get(link["rejectionsUrl"])).text.replace("\r", "")

    read = list(csv.DictReader(StringIO("\n".join(text.splitlines()[:4])), delimiter=separator))
    assert [len(row) for row in read] == [7] * 3
    assert [row["REASON"] for row in read] == [row["message"] for row in imported["rejections"]["items"][:3]]
    assert text.splitlines()[4].startswith(rows[5].replace(",", separator) + separator)
