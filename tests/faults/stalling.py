"""Imports that stand still where a test wants them to."""

from graph.imports.chunks import HEADER_BYTES
from tests.faults.event_file import EventFile, chunk_ends
from tests.faults.proxy import Proxy
from tests.faults.worker_process import CHUNK_BYTES


def stall_behind(s3: Proxy, file: EventFile, chunk_number: int) -> int:
    """Let S3 stall when half of the chunk behind this one was read, and return where this one ends."""
    end = chunk_ends(file.content, CHUNK_BYTES)[chunk_number - 1]
    # The beginning is read first, for the header; half a chunk is more than the two answers' own headers.
    s3.fail("stall", after_bytes=HEADER_BYTES + end + CHUNK_BYTES // 2)
    return end
