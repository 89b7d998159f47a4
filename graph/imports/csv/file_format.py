"""Recognises, from a file's first bytes, formats that cannot be imported, so that the failure can name them."""

CSV_UTF8 = 'save it as "CSV UTF-8 (Comma delimited)" and upload that file as a new import'
ZIP_MAGIC = b"PK\x03\x04"
# Names of files in the zip archive that an .xlsx or .ods workbook is.
WORKBOOK_PARTS = (b"[Content_Types].xml", b"xl/", b"opendocument.spreadsheet")
UTF16_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
# The number of bytes whose zeros show that a text without a byte order mark is UTF-16.
UTF16_SAMPLE_BYTES = 8

# What a file is by its first bytes, and what to do.
FORMATS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel workbook", CSV_UTF8),
    b"%PDF-": ("a PDF", "export the data as CSV and upload that file as a new import"),
    b"\x1f\x8b": ("a gzip within a gzip", "compress the CSV file once and upload it as a new import"),
    **dict.fromkeys(
        (b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!"),
        ("compressed, but not by gzip", "upload the CSV file itself, or compressed by gzip, as a new import"),
    ),
}


class FileRefused(Exception):
    """The file cannot be read to its end; the message states the reason."""


def check_format(start: bytes) -> None:
    """Raise FileRefused if the first bytes of a file, decompressed if it is a gzip, are not the start of a CSV file."""
    if start.startswith(ZIP_MAGIC):
        if any(part in start for part in WORKBOOK_PARTS):
            raise FileRefused(f"The file is an Excel workbook or another spreadsheet; {CSV_UTF8}.")
        raise FileRefused(
            "The file is a zip archive; upload the CSV file itself, or compressed by gzip, as a new import."
        )
    if start.startswith(UTF16_BYTE_ORDER_MARKS) or _has_zeros_of_utf16(start[:UTF16_SAMPLE_BYTES]):
        raise FileRefused(f"The file is UTF-16, which Excel calls Unicode Text; {CSV_UTF8}.")
    for magic, (name, way_out) in FORMATS.items():
        if start.startswith(magic):
            raise FileRefused(f"The file is {name}; {way_out}.")


def _has_zeros_of_utf16(sample: bytes) -> bool:
    """Return whether every other byte is zero, and the others are not, as in a UTF-16 text of ASCII characters."""
    halves = (sample[::2], sample[1::2])
    return any(zeros and not any(zeros) and all(others) for zeros, others in (halves, halves[::-1]))
