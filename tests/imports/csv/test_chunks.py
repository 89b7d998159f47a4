"""Splitting a file into chunks, for any content and any sizes of the pieces that the object store returns."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.imports.csv.chunks import TextChunk, TextFile
from graph.imports.csv.lines import MAX_LINE_BYTES, MIN_ROW_BYTES
from graph.object_store import ObjectStore

ROW = b"4102000001,2025-09-03,CHARGE,1,1\n"


@dataclass
class PiecewiseStore(ObjectStore):
    """An object store that streams one text in pieces of a given size; S3 does not let clients choose the size."""

    text: bytes
    piece_bytes: int

    async def stream(
        self, key: str, *, etag: str, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        for start in range(offset, len(self.text), self.piece_bytes):
            yield self.text[start : start + self.piece_bytes]


def chunks_of(
    text: bytes, *, chunk_bytes: int, piece_bytes: int, start_offset_bytes: int = 0, has_cr_line_ends: bool = False
) -> list[TextChunk]:
    async def collect() -> list[TextChunk]:
        store = PiecewiseStore(text, piece_bytes)
        file = TextFile(store, "key", "etag", is_gzip=False, header=b"", has_cr_line_ends=has_cr_line_ends)
        return [chunk async for chunk in file.chunks(start_offset_bytes=start_offset_bytes, chunk_bytes=chunk_bytes)]

    return asyncio.run(collect())


@given(
    lines=st.lists(st.sampled_from([b"", b"x", b"\r", ROW[:-1], b"long" * 30])),
    ending=st.sampled_from([b"", b"\n"]),
    chunk_bytes=st.integers(MIN_ROW_BYTES, 200),
    piece_bytes=st.integers(1, 300),
)
def test_chunks_contain_the_whole_text_and_end_with_newlines(
    lines: list[bytes], ending: bytes, chunk_bytes: int, piece_bytes: int
) -> None:
    text = b"\n".join(lines) + ending

    chunks = chunks_of(text, chunk_bytes=chunk_bytes, piece_bytes=piece_bytes)

    assert b"".join(chunk.lines for chunk in chunks) == text
    assert all(chunk.lines.endswith(b"\n") for chunk in chunks[:-1])
    assert all(text[: chunk.end_offset_bytes].endswith(chunk.lines) for chunk in chunks)


@given(
    lines=st.lists(st.sampled_from([b"", b"x", ROW[:-1], b"long" * 30])),
    chunk_bytes=st.integers(MIN_ROW_BYTES, 200),
    pieces=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_chunks_read_from_the_end_of_a_chunk_equal_the_chunks_after_it(
    lines: list[bytes], chunk_bytes: int, pieces: tuple[int, int]
) -> None:
    text = b"\n".join(lines)

    chunks = chunks_of(text, chunk_bytes=chunk_bytes, piece_bytes=pieces[0])

    for number, chunk in enumerate(chunks):
        resumed = chunks_of(
            text, chunk_bytes=chunk_bytes, piece_bytes=pieces[1], start_offset_bytes=chunk.end_offset_bytes
        )
        assert resumed == chunks[number + 1 :]


@pytest.mark.parametrize("piece_bytes", [2**20, 100_000])
def test_rows_between_empty_lines_are_kept(piece_bytes: int) -> None:
    text = (ROW + b"\n") * 100_000

    chunks = chunks_of(text, chunk_bytes=2 * 2**20, piece_bytes=piece_bytes)

    assert sum(chunk.lines.count(ROW) for chunk in chunks) == 100_000


def test_too_long_line_is_truncated_but_stays_longer_than_the_limit() -> None:
    text = ROW + b"x" * (5 * 2**20) + b"\n" + ROW

    chunks = chunks_of(text, chunk_bytes=2 * 2**20, piece_bytes=2**20)

    first, *_, last = b"".join(chunk.lines for chunk in chunks).splitlines(keepends=True)
    long = b"".join(chunk.lines for chunk in chunks)[len(ROW) : -len(ROW)]
    assert (first, last) == (ROW, ROW)
    assert MAX_LINE_BYTES < len(long) < 4 * 2**20
    assert long.count(b"\n") == 1
    assert chunks[-1].end_offset_bytes == len(text)


@given(
    lines=st.lists(st.sampled_from([b"", b"x", ROW[:-1], b"long" * 30])),
    chunk_bytes=st.integers(MIN_ROW_BYTES, 200),
    piece_bytes=st.integers(1, 300),
)
def test_lines_that_end_with_cr_alone_are_chunks_of_the_same_lines(
    lines: list[bytes], chunk_bytes: int, piece_bytes: int
) -> None:
    with_lf = chunks_of(b"\n".join(lines), chunk_bytes=chunk_bytes, piece_bytes=piece_bytes)

    assert with_lf == chunks_of(
        b"\r".join(lines), chunk_bytes=chunk_bytes, piece_bytes=piece_bytes, has_cr_line_ends=True
    )
