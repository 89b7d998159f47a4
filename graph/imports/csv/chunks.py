"""
Streams a file from the object store as text, decompressed if it is a gzip, in chunks of whole lines.

Memory use is bounded for any content. The text alone determines where chunks end, so a second attempt at an import
reads the same chunks and stores the same blocks.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

from graph.imports.csv.file_format import FileRefused, check_format
from graph.imports.csv.lines import (
    ASCII_BLANKS,
    MAX_LINE_BYTES,
    SEPARATORS,
    HeaderRefused,
    measure_chunk,
    measure_header,
)
from graph.object_store import MIB, ObjectChanged, ObjectMissing, ObjectStore, StoredObject

MAX_HEADER_BYTES = 64 * 2**10
GZIP_MAGIC = b"\x1f\x8b"
# What blank lines consist of.
BLANK_LINE_BYTES = ASCII_BLANKS + b"\r\n" + "".join(SEPARATORS).encode()
GZIP_WBITS = 31  # zlib's `wbits` for the gzip format only.


@dataclass(frozen=True)
class TextChunk:
    """
    Whole lines of a file.

    `end_offset_bytes` is the offset in the text at which they end. `bytes_read` is the number of bytes of the file read
    for them: the same number, unless the file is a gzip.
    """

    lines: bytearray
    end_offset_bytes: int
    bytes_read: int


@dataclass(frozen=True)
class TextFile:
    """
    A file in the object store and the lines before its first row.

    If all lines end with CR, each CR is read as LF. The methods also raise the errors of the object store.
    """

    object_store: ObjectStore
    key: str
    etag: str
    is_gzip: bool
    header: bytes
    has_cr_line_ends: bool = False
    # The lines below the header that are whole in the first MAX_HEADER_BYTES of the text.
    first_lines: bytes = b""

    @classmethod
    async def open(cls, object_store: ObjectStore, key: str, *, etag: str, size_bytes: int) -> Self:
        """Read the file's header. Raises HeaderRefused and FileRefused."""
        start = await object_store.read(key, etag=etag, size=MAX_HEADER_BYTES)
        if is_gzip := start.startswith(GZIP_MAGIC):
            start = _decompress(zlib.decompressobj(GZIP_WBITS), start, MAX_HEADER_BYTES)
        check_format(start)
        if has_cr_line_ends := b"\r" in start and b"\n" not in start:
            start = start.replace(b"\r", b"\n")
        header = start[: measure_header(start)]
        if not header.endswith(b"\n") and size_bytes > MAX_HEADER_BYTES:
            raise HeaderRefused(
                f"The file has no header: its first {MAX_HEADER_BYTES:,} bytes contain no line end; expected a line of"
                " column names."
            )
        first_lines = start[len(header) :]
        if len(start) == MAX_HEADER_BYTES:
            first_lines = first_lines[: first_lines.rfind(b"\n") + 1]
        return cls(object_store, key, etag, is_gzip, header, has_cr_line_ends, first_lines)

    async def chunks(self, *, start_offset_bytes: int, chunk_bytes: int) -> AsyncGenerator[TextChunk, None]:
        """
        Stream the text from an offset, which must be the start of a line, in chunks of about `chunk_bytes`.

        The last line may lack a newline. A line longer than MAX_LINE_BYTES is truncated, and stays longer than that, so
        that it is rejected. Raises FileRefused.
        """
        end_offset_bytes, bytes_read, buffer = start_offset_bytes, 0, [bytearray()]
        async with aclosing(self._text(start_offset_bytes)) as text:
            async for part, bytes_read in text:
                buffer[0] += part.replace(b"\r", b"\n") if self.has_cr_line_ends else part
                while len(buffer[0]) >= chunk_bytes and (length := measure_chunk(buffer[0], chunk_bytes)):
                    end_offset_bytes += length
                    lines = _split_off(buffer, length)
                    yield TextChunk(lines, end_offset_bytes, bytes_read if self.is_gzip else end_offset_bytes)
                if len(buffer[0]) >= chunk_bytes:
                    # The buffer is the start of one long line: keep only enough of it to detect that the line is too
                    # long.
                    end_offset_bytes += max(0, len(buffer[0]) - MAX_LINE_BYTES - 1)
                    del buffer[0][MAX_LINE_BYTES + 1 :]
        while buffer[0]:
            length = measure_chunk(buffer[0], chunk_bytes) or len(buffer[0])
            end_offset_bytes += length
            lines = _split_off(buffer, length)
            yield TextChunk(lines, end_offset_bytes, bytes_read if self.is_gzip else end_offset_bytes)

    async def _text(self, start_offset_bytes: int) -> AsyncGenerator[tuple[bytes, int], None]:
        """Stream pieces of the text, each with the number of bytes of the file that have been read so far."""
        # A gzip can be decompressed only from its start.
        bytes_read, bytes_to_skip = (0, start_offset_bytes) if self.is_gzip else (start_offset_bytes, 0)
        member = zlib.decompressobj(GZIP_WBITS)
        async with aclosing(self.object_store.stream(self.key, etag=self.etag, offset=bytes_read)) as pieces:
            async for piece in pieces:
                bytes_read += len(piece)
                if not self.is_gzip:
                    yield piece, bytes_read
                    continue
                text = b""
                while piece or len(text) == MIB:
                    if member.eof:
                        piece = piece.lstrip(b"\0")  # Some writers pad their last block with NUL.
                        if not piece:
                            break
                        member = zlib.decompressobj(GZIP_WBITS)
                    text = await asyncio.to_thread(_decompress, member, piece, MIB)
                    piece = member.unconsumed_tail or member.unused_data
                    yield text[bytes_to_skip:], bytes_read - len(piece)
                    bytes_to_skip = max(0, bytes_to_skip - len(text))
        if self.is_gzip and not member.eof:
            raise FileRefused(
                "The gzip file is truncated: it ends before its data does; upload it again as a new import."
            )


async def has_rows(object_store: ObjectStore, key: str, file: StoredObject) -> bool:
    """
    Return whether a file has rows below its header; True without reading it if it is larger than MAX_HEADER_BYTES.

    Also return True for a file that cannot be read: its import will fail with the reason.
    """
    if file.size_bytes > MAX_HEADER_BYTES:
        return True
    try:
        text_file = await TextFile.open(object_store, key, etag=file.etag, size_bytes=file.size_bytes)
        if not text_file.header.strip(BLANK_LINE_BYTES):
            return True
        start_offset_bytes = len(text_file.header)
        async with aclosing(text_file.chunks(start_offset_bytes=start_offset_bytes, chunk_bytes=MIB)) as chunks:
            async for chunk in chunks:
                if chunk.lines.strip(BLANK_LINE_BYTES):
                    return True
    except (HeaderRefused, FileRefused, ObjectMissing, ObjectChanged):
        return True
    return False


def _split_off(buffer: list[bytearray], length: int) -> bytearray:
    """
    Return the first `length` bytes of the buffer, and leave the rest in it.

    The first bytes are most of the buffer, so they keep its memory and only the rest is copied.
    """
    text = buffer.pop()
    buffer.append(text[length:])
    del text[length:]
    return text


def _decompress(member: "zlib._Decompress", compressed: bytes, max_bytes: int) -> bytes:
    try:
        return member.decompress(compressed, max_bytes)
    except zlib.error:
        message = (
            "The gzip file is corrupt and cannot be decompressed; compress it again and upload it as a new import."
        )
        raise FileRefused(message) from None
