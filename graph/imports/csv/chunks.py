"""
A file as it comes from the object store: its text, unpacked where it is a gzip, in chunks of whole lines.

What is held of it is bounded, whatever is in it. Where chunks are cut depends on the text alone, so that the same rows
make the same blocks again.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

from graph.imports.csv.lines import LINE_LIMIT_BYTES, HeaderRefused, measure_chunk
from graph.object_store import MIB, ObjectStore

HEADER_BYTES = 64 * 2**10
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 31  # zlib's word for a gzip, and nothing else.


class FileRefused(Exception):
    """The file cannot be read to its end; the message says why."""


@dataclass(frozen=True)
class Chunk:
    """Whole lines; where they end in the file's text, and in the file, or a little further where that is packed."""

    lines: bytearray
    ends_at: int
    bytes_read: int


@dataclass(frozen=True)
class TextFile:
    """A file in the object store, and its first line; what the object store raises comes through all of it."""

    object_store: ObjectStore
    key: str
    etag: str
    is_packed: bool
    header: bytes

    @classmethod
    async def open(cls, object_store: ObjectStore, key: str, *, etag: str, size: int) -> Self:
        """Read a file's first line. Raises HeaderRefused, and FileRefused."""
        beginning = await object_store.read(key, etag=etag, size=HEADER_BYTES)
        if is_packed := beginning.startswith(GZIP_MAGIC):
            beginning = _unpack(zlib.decompressobj(GZIP_WBITS), beginning, HEADER_BYTES)
        header, newline, _ = beginning.partition(b"\n")
        if not newline and size > HEADER_BYTES:
            raise HeaderRefused(f"The file has no header: its first {HEADER_BYTES:,} bytes hold no end of a line.")
        return cls(object_store, key, etag, is_packed, header + newline)

    async def chunks(self, *, starts_at: int, chunk_bytes: int) -> AsyncGenerator[Chunk, None]:
        """
        Stream the text, from the start of a line on, in chunks of about `chunk_bytes`. Raises FileRefused.

        Its last line may lack a newline. Of a line longer than LINE_LIMIT_BYTES only so much comes as shows that it is.
        """
        ends_at, bytes_read, held = starts_at, 0, [bytearray()]
        async with aclosing(self._text(starts_at)) as text:
            async for part, bytes_read in text:
                held[0] += part
                while len(held[0]) >= chunk_bytes and (length := measure_chunk(held[0], chunk_bytes)):
                    ends_at += length
                    yield Chunk(_taken(held, length), ends_at, bytes_read if self.is_packed else ends_at)
                if len(held[0]) >= chunk_bytes:
                    # All of it is one line, of which the rest is still to come.
                    ends_at += max(0, len(held[0]) - LINE_LIMIT_BYTES - 1)
                    del held[0][LINE_LIMIT_BYTES + 1 :]
        while held[0]:
            length = measure_chunk(held[0], chunk_bytes) or len(held[0])
            ends_at += length
            yield Chunk(_taken(held, length), ends_at, bytes_read if self.is_packed else ends_at)

    async def _text(self, starts_at: int) -> AsyncGenerator[tuple[bytes, int], None]:
        """Stream the pieces of the text, each with how much of the file was read by then."""
        # A gzip can only be unpacked from its start.
        bytes_read, to_skip = (0, starts_at) if self.is_packed else (starts_at, 0)
        member = zlib.decompressobj(GZIP_WBITS)
        async with aclosing(self.object_store.stream(self.key, etag=self.etag, offset=bytes_read)) as pieces:
            async for piece in pieces:
                bytes_read += len(piece)
                if not self.is_packed:
                    yield piece, bytes_read
                    continue
                text = b""
                while piece or len(text) == MIB:
                    if member.eof:
                        piece = piece.lstrip(b"\0")  # Some writers fill up their last block.
                        if not piece:
                            break
                        member = zlib.decompressobj(GZIP_WBITS)
                    text = await asyncio.to_thread(_unpack, member, piece, MIB)
                    piece = member.unconsumed_tail or member.unused_data
                    yield text[to_skip:], bytes_read - len(piece)
                    to_skip = max(0, to_skip - len(text))
        if self.is_packed and not member.eof:
            raise FileRefused("The file is a gzip that breaks off before its end; import the whole of it anew.")


def _taken(held: list[bytearray], length: int) -> bytearray:
    """Take the beginning of the text that is held, most of it, without a copy of it anywhere."""
    text = held.pop()
    held.append(text[length:])
    del text[length:]
    return text


def _unpack(member: "zlib._Decompress", packed: bytes, size: int) -> bytes:
    try:
        return member.decompress(packed, size)
    except zlib.error:
        message = "The file is a gzip that is damaged and cannot be unpacked; pack it again and import it anew."
        raise FileRefused(message) from None
