"""Where a file is cut into chunks, whatever is in it and however it comes."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.imports.csv.chunks import Chunk, TextFile
from graph.imports.csv.lines import LEAST_ROW_BYTES, LINE_LIMIT_BYTES
from graph.object_store import ObjectStore

ROW = b"4102000001,2025-09-03,CHARGE,1,1\n"


@dataclass
class PiecewiseStore(ObjectStore):
    """An object that comes in pieces of a size of our own choosing, which S3 does not let one choose."""

    text: bytes
    piece_bytes: int

    async def stream(
        self, key: str, *, etag: str, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        for at in range(offset, len(self.text), self.piece_bytes):
            yield self.text[at : at + self.piece_bytes]


def chunks_of(text: bytes, *, chunk_bytes: int, piece_bytes: int, starts_at: int = 0) -> list[Chunk]:
    async def collect() -> list[Chunk]:
        file = TextFile(PiecewiseStore(text, piece_bytes), "key", "etag", is_packed=False, header=b"")
        return [chunk async for chunk in file.chunks(starts_at=starts_at, chunk_bytes=chunk_bytes)]

    return asyncio.run(collect())


@given(
    lines=st.lists(st.sampled_from([b"", b"x", b"\r", ROW[:-1], b"long" * 30])),
    ending=st.sampled_from([b"", b"\n"]),
    chunk_bytes=st.integers(LEAST_ROW_BYTES, 200),
    piece_bytes=st.integers(1, 300),
)
def test_chunks_are_the_whole_text_cut_behind_newlines_alone(
    lines: list[bytes], ending: bytes, chunk_bytes: int, piece_bytes: int
) -> None:
    text = b"\n".join(lines) + ending

    chunks = chunks_of(text, chunk_bytes=chunk_bytes, piece_bytes=piece_bytes)

    assert b"".join(chunk.lines for chunk in chunks) == text
    assert all(chunk.lines.endswith(b"\n") for chunk in chunks[:-1])
    assert all(text[: chunk.ends_at].endswith(chunk.lines) for chunk in chunks)


@given(
    lines=st.lists(st.sampled_from([b"", b"x", ROW[:-1], b"long" * 30])),
    chunk_bytes=st.integers(LEAST_ROW_BYTES, 200),
    pieces=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_chunks_from_the_end_of_any_one_on_are_those_that_follow_it(
    lines: list[bytes], chunk_bytes: int, pieces: tuple[int, int]
) -> None:
    text = b"\n".join(lines)

    chunks = chunks_of(text, chunk_bytes=chunk_bytes, piece_bytes=pieces[0])

    for number, chunk in enumerate(chunks):
        again = chunks_of(text, chunk_bytes=chunk_bytes, piece_bytes=pieces[1], starts_at=chunk.ends_at)
        assert again == chunks[number + 1 :]


@pytest.mark.parametrize("piece_bytes", [2**20, 100_000])
def test_no_row_is_lost_between_empty_lines(piece_bytes: int) -> None:
    text = (ROW + b"\n") * 100_000

    chunks = chunks_of(text, chunk_bytes=2 * 2**20, piece_bytes=piece_bytes)

    assert sum(chunk.lines.count(ROW) for chunk in chunks) == 100_000


def test_of_a_line_too_long_there_comes_only_so_much_as_shows_that_it_is() -> None:
    text = ROW + b"x" * (5 * 2**20) + b"\n" + ROW

    chunks = chunks_of(text, chunk_bytes=2 * 2**20, piece_bytes=2**20)

    first, *_, last = b"".join(chunk.lines for chunk in chunks).splitlines(keepends=True)
    long = b"".join(chunk.lines for chunk in chunks)[len(ROW) : -len(ROW)]
    assert (first, last) == (ROW, ROW)
    assert LINE_LIMIT_BYTES < len(long) < 4 * 2**20
    assert long.count(b"\n") == 1
    assert chunks[-1].ends_at == len(text)
