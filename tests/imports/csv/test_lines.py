import pytest

from graph.imports.csv.lines import Header, HeaderRefused, measure_chunk, read_header, split_pieces

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
    ],
)
def test_columns_are_found_in_any_order_and_case_and_other_columns_are_ignored(
    line: bytes, positions: tuple[int, ...], column_count: int
) -> None:
    assert read_header(line, COLUMNS) == Header(positions, column_count)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b" \t\r\n", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b"\xef\xbb\xbf\n", f"The file has no header: its first line is empty; {EXPECTED}."),
        (b"\xff\xfeN\0M\0I\0", f"The header is not UTF-8; {EXPECTED}."),
        (b"NMI,DATE", f"The header has no column ENERGY; {EXPECTED}, found 'NMI,DATE'."),
        (b"NMI;DATE;ENERGY", f"The header has no column NMI; {EXPECTED}, found 'NMI;DATE;ENERGY'."),
        (b"9876543210,2025-09-01,5", f"The header has no column NMI; {EXPECTED}, found '9876543210,2025-09-01,5'."),
        (
            b"NMI,DATE,ENERGY,date",
            f"The header has more than one column DATE; {EXPECTED}, found 'NMI,DATE,ENERGY,date'.",
        ),
        (b"NMI,DATE,\0", f"The header has no column ENERGY; {EXPECTED}, found 'NMI,DATE,\ufffd'."),
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
