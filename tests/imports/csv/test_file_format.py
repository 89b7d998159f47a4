"""Files that are no CSV in UTF-8 are recognised by their first bytes."""

import bz2
import io
import lzma
import zipfile

import pytest

from graph.imports.csv.file_format import FileRefused, check_format

CSV = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n9876543210,2025-09-01,DISCHARGE,5,22\n"
SAVE = 'save it as "CSV UTF-8 (Comma delimited)" and upload that file as a new import'
COMPRESSED = (
    "The file is compressed, but not by gzip; upload the CSV file itself, or compressed by gzip, as a new import."
)


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, CSV)
    return file.getvalue()


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (CSV.encode("utf-16"), f"The file is UTF-16, which Excel calls Unicode Text; {SAVE}."),
        (CSV.encode("utf-16-le"), f"The file is UTF-16, which Excel calls Unicode Text; {SAVE}."),
        (CSV.encode("utf-16-be"), f"The file is UTF-16, which Excel calls Unicode Text; {SAVE}."),
        (zipped("[Content_Types].xml"), f"The file is an Excel workbook or another spreadsheet; {SAVE}."),
        (
            zipped("events.csv"),
            "The file is a zip archive; upload the CSV file itself, or compressed by gzip, as a new import.",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", f"The file is an Excel workbook; {SAVE}."),
        (b"%PDF-1.7", "The file is a PDF; export the data as CSV and upload that file as a new import."),
        (bz2.compress(CSV.encode()), COMPRESSED),
        (lzma.compress(CSV.encode()), COMPRESSED),
    ],
)
def test_other_formats_are_named_with_the_way_out(start: bytes, message: str) -> None:
    with pytest.raises(FileRefused) as refusal:
        check_format(start)

    assert str(refusal.value) == message


@pytest.mark.parametrize("start", [b"", b"N", CSV.encode(), CSV.encode("utf-8-sig"), b"\0" * 20, b"PK,NMI,DATE\n"])
def test_any_other_start_may_be_csv(start: bytes) -> None:
    check_format(start)
