import pytest

from graph.imports.csv.lines import (
    SEPARATORS,
    HeaderRefused,
    measure_chunk,
    measure_header,
    read_header,
    split_lines,
    split_pieces,
)
from graph.imports.csv.rejection import RejectionCode, RowRejected

COLUMNS = ("NMI", "DATE", "ENERGY")
EXPECTED = "expected the columns NMI,DATE,ENERGY"


@pytest.mark.parametrize(
    ("text", "size", "chunk"),
    [
        (b"", 4, b""),
        (b"a", 4, b""),
        (b"a\n", 4, b"a\n"),
        (b"a" * 40 + b"\n" + b"b" * 22 + b"\nc\n", 64, b"a" * 40 + b"\n" + b"b" * 22 + b"\n"),
        (b"a" * 40 + b"\n" + b"b" * 23 + b"\n", 64, b"a" * 40 + b"\n"),
        (b"a" * 40 + b"\r\nb\r", 64, b"a" * 40 + b"\r\n"),
        (b'"a\nb"', 64, b'"a\n'),
        (b"a" * 65 + b"\nh\n", 64, b"a" * 65 + b"\n"),
        (b"abcdef", 4, b""),
        (b"a\rb\r", 4, b""),
        (b"\n" * 99, 64, b"\n" * 2),
        (b"a\n" + b"b" * 62, 64, b"a\n"),
        (b"a" * 33 + b"\n" * 30, 64, b"a" * 33 + b"\n"),
    ],
)
def test_chunk_consists_of_whole_lines(text: bytes, size: int, chunk: bytes) -> None:
    assert text[: measure_chunk(text, size)] == chunk


@pytest.mark.parametrize(
    ("lines", "size", "pieces"),
    [
        (b"", 4, [b""]),
        (b"a", 4, [b"a"]),
        (b"a\nb\n", 4, [b"a\nb\n"]),
        (b"a\nb\nc\n", 4, [b"a\nb\n", b"c\n"]),
        (b"a\nbcd\ne", 4, [b"a\n", b"bcd\n", b"e"]),
        (b"abcdefg\nh\n", 4, [b"abcdefg\n", b"h\n"]),
        (b"abc\ndefghi", 4, [b"abc\n", b"defghi"]),
        (b"\n" * 6, 4, [b"\n" * 4, b"\n" * 2]),
    ],
)
def test_lines_are_split_into_pieces_of_whole_lines(lines: bytes, size: int, pieces: list[bytes]) -> None:
    assert list(split_pieces(lines, size)) == pieces


@pytest.mark.parametrize(
    ("line", "positions", "column_count"),
    [
        (b"NMI,DATE,ENERGY", (0, 1, 2), 3),
        (b"NMI,DATE,ENERGY\n", (0, 1, 2), 3),
        (b"NMI,DATE,ENERGY\r\n", (0, 1, 2), 3),
        (b"\xef\xbb\xbfNMI,DATE,ENERGY", (0, 1, 2), 3),
        (b"energy,Nmi,dAtE", (1, 2, 0), 3),
        (b' NMI ,\t"DATE",\t" ENERGY\t" ', (0, 1, 2), 3),
        (b"ADDRESS,NMI,DATE,NOTE,ENERGY,NOTE,", (1, 2, 4), 7),
        (b'"Name, ""short""",NMI,DATE,ENERGY', (1, 2, 3), 4),
        (b"Stra\xdfe,NMI,DATE,ENERGY", (1, 2, 3), 4),
        (b'="NMI","=""DATE""",\xc2\xa0ENERGY\xe2\x80\xaf', (0, 1, 2), 3),
    ],
)
def test_columns_are_found_in_any_order_and_case_and_other_columns_are_ignored(
    line: bytes, positions: tuple[int, ...], column_count: int
) -> None:
    header = read_header(line, COLUMNS)

    assert (header.columns, header.positions, header.column_count) == (COLUMNS, positions, column_count)
    assert header.separator == ","


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b" \t\r\n", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b"\xef\xbb\xbf\n", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b"N\xffMI,DATE,ENERGY", f"The header has no column NMI; {EXPECTED}, found 'N\\xffMI,DATE,ENERGY'."),
        (b"NMI,DATE", f"The header has no column ENERGY; {EXPECTED}, found 'NMI,DATE'."),
        (b"NMI;DATE;MW", f"The header has no column ENERGY; {EXPECTED}, found 'NMI;DATE;MW'."),
        (b"NMI\rDATE\rENERGY", f"The header has no column NMI; {EXPECTED}, found 'NMI\\rDATE\\rENERGY'."),
        (b"sep=,\n", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b"sep=;\nNMI,DATE,ENERGY", f"The header has no column NMI; {EXPECTED}, found 'NMI,DATE,ENERGY'."),
        (
            b"sep=:\nNMI:DATE:ENERGY",
            "The line above the header declares the separator ':'; expected a comma, a semicolon, a tab or a vertical"
            " bar.",
        ),
        (b"9876543210,2025-09-01,5", f"The header has no column NMI; {EXPECTED}, found '9876543210,2025-09-01,5'."),
        (
            b"NMI,DATE,ENERGY,date",
            f"The header has more than one column DATE; {EXPECTED}, found 'NMI,DATE,ENERGY,date'.",
        ),
        (b"NMI,DATE,\0", f"The header has no column ENERGY; {EXPECTED}, found 'NMI,DATE,\\x00'."),
        (b"x" * 300, f"The header has no column NMI; {EXPECTED}, found '{'x' * 200}…'."),
    ],
)
def test_invalid_header_is_refused_with_the_expected_columns(line: bytes, message: str) -> None:
    with pytest.raises(HeaderRefused) as refusal:
        read_header(line, COLUMNS)

    assert str(refusal.value) == message


def test_header_with_a_missing_quote_is_refused() -> None:
    with pytest.raises(HeaderRefused, match="The header cannot be read: Field 2 has a missing or misplaced quote"):
        read_header(b'NMI,"DATE,ENERGY', COLUMNS)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("line_above", ["", "sep={}\n", '"sep={}"\r\n', "\ufeffSEP={}\n"])
def test_header_decides_the_separator_of_a_file(separator: str, line_above: str) -> None:
    lines = line_above.format(separator) + separator.join(["NMI", "DATE", "NOTE, or remark; | etc.", "ENERGY"])
    lines = lines.replace("NOTE, or remark; | etc.", '"NOTE, or remark; | etc."')

    header = read_header(lines.encode(), COLUMNS)
    fields = header.read_fields(separator.join(["1", ' "2" ', '"a,b;c|d"', '="3"']).encode())

    assert header.separator == separator
    assert fields == ["1", "2", "3"]


def test_quoted_names_with_other_separators_do_not_decide_the_separator() -> None:
    assert read_header(b'"a;NMI;b",NMI,DATE,ENERGY', COLUMNS).separator == ","


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (b"", b""),
        (b"NMI", b"NMI"),
        (b"NMI\n1\n", b"NMI\n"),
        (b"sep=;\r\nNMI\r\n1\r\n", b"sep=;\r\nNMI\r\n"),
        (b"sep=\t\nNMI", b"sep=\t\nNMI"),
        (b"separator=;\nNMI\n1", b"separator=;\n"),
    ],
)
def test_header_consists_of_its_line_and_the_line_that_declares_the_separator(text: bytes, header: bytes) -> None:
    assert text[: measure_header(text)] == header


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (b"NMI,DATE,ENERGY", b"1,2,3"),
        (b"NMI,DATE,ENERGY", b"1,2,3,"),
        (b"NMI,DATE,ENERGY", b'1,2,"3",, ,'),
        (b"NMI,DATE,ENERGY,,", b"1,2,3"),
        (b"NMI,DATE,ENERGY,,", b"1,2,3,x,y"),
        (b"NMI,DATE,ENERGY,,", b"1,2,3,,,,"),
        (b"NMI;DATE;ENERGY", b"1;2;3;;"),
    ],
)
def test_separators_at_the_end_of_a_row_or_of_the_header_are_ignored(names: bytes, row: bytes) -> None:
    assert read_header(names, COLUMNS).read_fields(row) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("names", "row", "message"),
    [
        (b"NMI,DATE,ENERGY", b"1,2", "The row has 2 fields; expected 3, as in the header."),
        (b"NMI,DATE,ENERGY", b"1,2,3,,4", "The row has more than 3 fields; expected 3, as in the header."),
        (b"NMI,DATE,ENERGY,NOTE", b"1,2,3", "The row has 3 fields; expected 4, as in the header."),
        (
            b"NMI,DATE,ENERGY",
            b"1;2;3,5",
            "The row has 2 fields; expected 3, as in the header. The row has semicolons between its fields, the header"
            " has commas.",
        ),
        (
            b"NMI;DATE;ENERGY",
            b"1\t2\t3",
            "The row has 1 field; expected 3, as in the header. The row has tabs between its fields, the header has"
            " semicolons.",
        ),
    ],
)
def test_row_with_another_number_of_fields_is_rejected(names: bytes, row: bytes, message: str) -> None:
    with pytest.raises(RowRejected) as refusal:
        read_header(names, COLUMNS).read_fields(row)

    assert (refusal.value.code, refusal.value.column) == (RejectionCode.WRONG_COLUMN_COUNT, None)
    assert refusal.value.message == message


def test_empty_fields_between_tabs_keep_their_positions() -> None:
    assert read_header(b"NMI\tDATE\tENERGY", COLUMNS).read_fields(b'\t\t"3"') == ["", "", "3"]


def test_bytes_that_are_not_utf8_matter_only_in_columns_that_are_read() -> None:
    header = read_header(b"NOTE,NMI,DATE,ENERGY", COLUMNS)

    assert header.read_fields(b"caf\xe9 \x96,1,2,3") == ["1", "2", "3"]
    with pytest.raises(RowRejected) as refusal:
        header.read_fields(b"caf\xe9,1,2,\xa03")
    assert (refusal.value.code, refusal.value.column) == (RejectionCode.NOT_UTF8, "ENERGY")
    assert refusal.value.message == (
        "'\\xa03' is not UTF-8; expected UTF-8: the file may be Windows-1252, so save it as \"CSV UTF-8\"."
    )


@pytest.mark.parametrize("line", [b"", b" \t", b",,,,", b" , ,\t"])
def test_line_of_blanks_and_separators_is_blank(line: bytes) -> None:
    assert read_header(b"NMI,DATE,ENERGY", COLUMNS).is_blank(line)


@pytest.mark.parametrize("line", [b";", b"0", b",,-,"])
def test_line_with_anything_else_is_not_blank(line: bytes) -> None:
    assert not read_header(b"NMI,DATE,ENERGY", COLUMNS).is_blank(line)


@pytest.mark.parametrize(
    ("text", "lines"),
    [(b"", []), (b"a", [b"a"]), (b"a\r\nb\n", [b"a", b"b"]), (b"a\n\nb\r", [b"a", b"", b"b\r"]), (b"\n", [b""])],
)
def test_lines_are_split_without_their_line_ends(text: bytes, lines: list[bytes]) -> None:
    assert list(split_lines(text)) == lines
