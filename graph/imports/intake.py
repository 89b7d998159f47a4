"""
An import's way in: the file is streamed from the object store in chunks, and each chunk's rows, rejections and
checkpoint are kept together, or not at all. Whoever takes the import up again goes on behind the last one kept.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlmodel import col

import db.events
import db.imports
import db.sites
from db.engine import AnyRow, Database
from db.imports import Claim, ImportRejection, Overtaken, Progress
from graph.imports.battery_events import BatteryEventChunk, BatteryEventReader
from graph.imports.lines import HeaderRefused, cut_lines
from graph.object_store import ObjectChanged, ObjectMissing, ObjectStore

CHUNK_BYTES = 8 * 1024 * 1024
HEADER_BYTES = 64 * 1024
REJECTIONS_A_READ = 5_000

FAULTS: Mapping[type[Exception], str] = {
    ObjectMissing: "The file is no longer where it was uploaded.",
    ObjectChanged: "The file was changed after its import had begun; create another import for it.",
}

log = structlog.get_logger()


class Stopped(Exception):
    """The worker was asked to stop; the import goes on from its checkpoint when it is taken up again."""


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a file, and where they end in it."""

    lines: bytes
    ends_at: int


def upload_key(import_id: UUID) -> str:
    """Return where an import's file lies in the object store."""
    return f"imports/{import_id}/upload.csv"


def rejections_key(import_id: UUID) -> str:
    """Return where the rows an import left out lie in the object store."""
    return f"imports/{import_id}/rejections.csv"


async def run(database: Database, object_store: ObjectStore, *, import_id: UUID, stopping: asyncio.Event) -> None:
    """
    Bring an import in, from its last checkpoint to its end; nothing happens when there is nothing left to do.

    A fault of the file fails the import with the reason. `Stopped` is raised when the worker is stopping.
    """
    async with database.transaction() as session:
        claim = await db.imports.claim(session, id=import_id)
    if claim is None:
        return
    try:
        try:
            await _bring_in(database, object_store, claim, stopping)
        except (HeaderRefused, ObjectMissing, ObjectChanged) as fault:
            async with database.transaction() as session:
                await db.imports.fail(session, claim, reason=FAULTS.get(type(fault), str(fault)))
    except Overtaken:
        log.info("An import went on without this worker", import_id=str(import_id))


async def _bring_in(database: Database, object_store: ObjectStore, claim: Claim, stopping: asyncio.Event) -> None:
    key = upload_key(claim.import_id)
    header = await _header(object_store, key, claim)
    site_ids = {row.nmi: row.id for row in await database.rows(db.sites.sites())}
    reader = BatteryEventReader(header, charge_tariff_earns=claim.charge_tariff == "EARNING", site_ids=site_ids)

    lines_read, number = max(claim.lines_read, 1), claim.next_chunk_number
    kept: asyncio.Task[None] | None = None
    try:
        async for chunk in _chunks(object_store, key, claim, starts_at=max(claim.bytes_read, len(header))):
            # One chunk is checked while the one before it is kept.
            read = await asyncio.to_thread(reader.read, chunk.lines, first_line_number=lines_read + 1)
            lines_read += read.lines_read
            if kept is not None:
                await kept
            if stopping.is_set():
                raise Stopped
            progress = _progress(number, chunk, read, lines_read)
            kept = asyncio.create_task(_keep(database, claim, progress, read))
            number += 1
        if kept is not None:
            await kept
    finally:
        if kept is not None and not kept.done():
            await asyncio.wait([kept])

    await _write_rejections(database, object_store, claim.import_id, header)
    async with database.transaction() as session:
        await db.imports.complete(session, claim)


async def _header(object_store: ObjectStore, key: str, claim: Claim) -> bytes:
    beginning = await object_store.read(key, etag=claim.etag, size=min(HEADER_BYTES, claim.bytes_total))
    header, newline, _ = beginning.partition(b"\n")
    if not newline and claim.bytes_total > HEADER_BYTES:
        raise HeaderRefused(f"The file has no header: its first {HEADER_BYTES:,} bytes hold no end of a line.")
    return header + newline


async def _chunks(object_store: ObjectStore, key: str, claim: Claim, *, starts_at: int) -> AsyncIterator[Chunk]:
    """Stream the rest of a file as chunks of whole lines; only the last may lack its newline."""
    position, rest, parts, size = starts_at, b"", [], 0
    if starts_at >= claim.bytes_total:
        return
    async for part in object_store.stream(key, etag=claim.etag, offset=starts_at):
        parts.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            lines, rest = cut_lines(rest + b"".join(parts))
            parts, size = [], 0
            if lines:
                position += len(lines)
                yield Chunk(lines, position)
    rest += b"".join(parts)
    if rest:
        yield Chunk(rest, position + len(rest))


def _progress(number: int, chunk: Chunk, read: BatteryEventChunk, lines_read: int) -> Progress:
    return Progress(
        chunk_number=number,
        bytes_read=chunk.ends_at,
        lines_read=lines_read,
        rows_read=read.rows_read,
        rows_imported=read.rows_imported,
        rows_rejected=len(read.rejections),
    )


async def _keep(database: Database, claim: Claim, progress: Progress, read: BatteryEventChunk) -> None:
    blocks = await asyncio.to_thread(read.blocks_copy, claim.import_id, progress.chunk_number)
    async with database.transaction() as session:
        await db.imports.advance(session, claim, progress)
        await db.events.copy_blocks(session, blocks)
        await db.imports.keep_rejections(
            session,
            import_id=claim.import_id,
            rejections=[
                (rejection.line_number, rejection.column, rejection.code, rejection.message, rejection.row)
                for rejection in read.rejections
            ],
        )


async def _write_rejections(database: Database, object_store: ObjectStore, import_id: UUID, header: bytes) -> None:
    """Write the rows left out, each as it stood with the reason behind it: once corrected, a file to import."""
    first = await _rejections_behind(database, import_id, 0)
    if not first:
        return

    async def rows() -> AsyncIterator[bytes]:
        yield _csv_line(header.decode("utf-8-sig").strip(), "REASON")
        batch = first
        while batch:
            yield b"".join(_csv_line(row.row_text, row.message) for row in batch)
            batch = await _rejections_behind(database, import_id, batch[-1].line_number)

    await object_store.write_stream(rejections_key(import_id), rows(), content_type="text/csv; charset=utf-8")


async def _rejections_behind(database: Database, import_id: UUID, line_number: int) -> Sequence[AnyRow]:
    rejections = db.imports.rejections([import_id]).where(col(ImportRejection.line_number) > line_number)
    return await database.rows(rejections.order_by(col(ImportRejection.line_number)).limit(REJECTIONS_A_READ))


def _csv_line(row: str, reason: str) -> bytes:
    # The row stays as it stood, so that what was right in it need not be found again under another's quoting.
    quoted = reason.replace('"', '""')
    return f'{row},"{quoted}"\r\n'.encode()
