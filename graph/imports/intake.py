"""
Runs an import: streams the file from the object store in chunks, checks the rows, and stores them.

The rows, rejections and checkpoint of a chunk are committed in one transaction. A worker that resumes an import
continues after its last checkpoint.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

import db.import_runs
import db.imports
from db.engine.database import Database
from db.engine.refusals import Refusal
from db.import_runs import Claim, LeaseLost, Progress
from db.imports import Status
from graph.imports.battery_event_intake import BatteryEventIntake
from graph.imports.csv.chunks import TextChunk, TextFile
from graph.imports.csv.file_format import FileRefused
from graph.imports.csv.lines import HeaderRefused
from graph.imports.kind_intake import KindIntake
from graph.imports.park_intake import ParkIntake
from graph.imports.park_reading_intake import ParkReadingIntake
from graph.imports.rejected_rows import write_rejected_rows
from graph.imports.rejection_counts import RejectionCounts, describe_rows
from graph.object_store import ObjectChanged, ObjectMissing, ObjectStore, ObjectStoreUnavailable, StoredObject

# One chunk is fetched, one is checked and one is stored at the same time.
MAX_CHUNKS_IN_MEMORY = 3
# Line numbers are 32-bit integers in Postgres.
MAX_LINE_NUMBER = 2**31 - 1

# An import fails if more rows than this are rejected and they are the majority: they are too many to correct by hand.
MAX_REJECTED_ROWS = 100_000
# An import fails if this many rows or more have been read and all of them are rejected.
HOPELESS_ROWS = 10_000
# An import fails after this many attempts in a row that stored no chunk.
MAX_ATTEMPTS = 8

# Creates the intake of each kind of import from the claim and the start of the file.
INTAKE_BY_KIND: Mapping[str, Callable[[Database, Claim, TextFile], Awaitable[KindIntake]]] = {
    "BATTERY_EVENTS": BatteryEventIntake.open,
    "PARKS": ParkIntake.open,
    "PARK_READINGS": ParkReadingIntake.open,
}

FAILURE_REASONS: Mapping[type[Exception], str] = {
    ObjectMissing: "The uploaded file was deleted from the object store; upload it again as a new import.",
    ObjectChanged: "The uploaded file was replaced after its import had started; upload it as a new import.",
}
RESTART_HINT = (
    "Correct the file and upload it as a new import, or correct the cause elsewhere and start this import again."
)
RESUME_HINT = "Start the import again to resume it from its last checkpoint."

log = structlog.get_logger()


class WorkerStopping(Exception):
    """The worker is shutting down; another worker resumes the import from its last checkpoint."""


class ImportInterrupted(Exception):
    """An error that a retry may overcome; `attempt` is the number of attempts in a row that stored no chunk."""

    def __init__(self, attempt: int) -> None:
        super().__init__(attempt)
        self.attempt = attempt


def upload_key(import_id: UUID) -> str:
    """Return the object key that the upload link of an import writes."""
    return f"imports/{import_id}/upload.csv"


def imported_key(import_id: UUID, etag: str) -> str:
    """Return the object key to which a worker moves an import's file; no link writes it."""
    return f"imports/{import_id}/" + etag.strip('"') + ".csv"


def rejections_key(import_id: UUID) -> str:
    """Return the object key of the file of an import's rejected rows."""
    return f"imports/{import_id}/rejections.csv"


class Intake:
    """Runs any number of imports concurrently, with at most MAX_CHUNKS_IN_MEMORY chunks of them in memory."""

    def __init__(self, database: Database, object_store: ObjectStore, *, chunk_bytes: int, lease_s: float) -> None:
        self.database = database
        self.object_store = object_store
        self.chunk_bytes = chunk_bytes
        self.lease_s = lease_s
        # The semaphore is fair (first in, first out), so imports share it chunk by chunk, and none waits for another
        # to complete.
        self.chunk_slots = asyncio.Semaphore(MAX_CHUNKS_IN_MEMORY)

    async def run(self, import_id: UUID, *, stopping: asyncio.Event) -> None:
        """
        Run an import from its last checkpoint to its end; do nothing if it has ended already.

        The import fails with a reason if the file is invalid, or after MAX_ATTEMPTS attempts in a row that stored no
        chunk. Raises WorkerStopping once `stopping` is set, and ImportInterrupted for errors that a retry may overcome.
        """
        async with self.database.transaction() as session:
            claim = await db.import_runs.claim(session, id=import_id, idle_timeout_s=self.lease_s)
        if claim is None:
            return
        try:
            if claim.attempts > MAX_ATTEMPTS:
                reason = (
                    f"In each of the last {MAX_ATTEMPTS} attempts, the worker process ended before it stored a chunk."
                )
                await self._fail(claim, f"{reason} {RESUME_HINT}")
            else:
                await self._run_claimed(claim, stopping)
        except LeaseLost:
            log.warning("The import was cancelled or claimed by another worker", import_id=str(import_id))

    async def _run_claimed(self, claim: Claim, stopping: asyncio.Event) -> None:
        run = _Run(self, claim, stopping)
        try:
            await run.import_file()
        except (HeaderRefused, FileRefused, ObjectMissing, ObjectChanged, Refusal) as fault:
            await self._fail(claim, FAILURE_REASONS.get(type(fault), str(fault)))
        except (WorkerStopping, LeaseLost):
            raise
        except Exception as fault:
            # If another worker claims the import, it terminates this worker's database session, which can cause any
            # error.
            async with self.database.transaction() as session:
                if await db.import_runs.has_lost_lease(session, claim):
                    raise LeaseLost from fault
            attempt = 0 if run.has_stored_chunks else claim.attempts
            if attempt < MAX_ATTEMPTS:
                raise ImportInterrupted(attempt) from fault
            log.exception("The import has failed in every attempt", import_id=str(claim.import_id))
            await self._fail(claim, f"{_failure_reason(fault)} {RESUME_HINT}")

    async def sweep(self, import_id: UUID) -> None:
        """Delete the blocks of a cancelled or reverted import, and the file of a cancelled one, which never counted."""
        async with self.database.transaction() as session:
            closed = await db.imports.sweep(session, id=import_id)
        if closed is not None and closed.status == Status.CANCELLED:
            await self.object_store.delete(upload_key(import_id))
            if closed.etag is not None:
                await self.object_store.delete(imported_key(import_id, closed.etag))

    async def _fail(self, claim: Claim, reason: str) -> None:
        async with self.database.transaction() as session:
            await db.import_runs.fail(session, claim, reason=reason)


class _Run:
    """
    One worker's run of one import, as a pipeline: fetch, check, encode, keep.

    MAX_CHUNKS_IN_MEMORY tasks each take one chunk through the whole pipeline. A lock per stage lets one chunk into a
    stage at a time; asyncio's locks are first in, first out, so chunks stay in file order.
    """

    def __init__(self, intake: Intake, claim: Claim, stopping: asyncio.Event) -> None:
        self._database = intake.database
        self._object_store = intake.object_store
        self._chunk_bytes = intake.chunk_bytes
        self._lease_s = intake.lease_s
        self._chunk_slots = intake.chunk_slots
        self._claim = claim
        self._stopping = stopping
        self._fetch_lock, self._check_lock, self._encode_lock, self._keep_lock = (asyncio.Lock() for _ in range(4))
        self._next_number_to_fetch = self._next_number_to_keep = claim.next_chunk_number
        self._lines_read = claim.lines_read
        self._rows_read, self._rows_rejected = claim.rows_read, claim.rows_rejected
        self._rejection_counts = RejectionCounts(claim.rejection_counts)

    @property
    def has_stored_chunks(self) -> bool:
        return self._next_number_to_keep > self._claim.next_chunk_number

    async def import_file(self) -> None:
        """Store the file chunk by chunk, and complete the import."""
        claim = self._claim
        self._check_rejection_limits(is_whole_file=claim.bytes_read == claim.bytes_total)
        key = imported_key(claim.import_id, claim.etag)
        stored = await self._move_upload(key)
        file = await TextFile.open(self._object_store, key, etag=stored.etag, size_bytes=stored.size_bytes)
        self._lines_read = self._lines_read or max(file.header.count(b"\n"), 1)
        # The intake is opened in a task, so that the first chunk is fetched meanwhile.
        kind_intake = asyncio.create_task(self._open(file))
        start_offset_bytes = max(claim.text_bytes_read, len(file.header))
        async with aclosing(
            file.chunks(start_offset_bytes=start_offset_bytes, chunk_bytes=self._chunk_bytes)
        ) as chunks:
            tasks = [self._process_chunks(chunks, kind_intake) for _ in range(MAX_CHUNKS_IN_MEMORY)]
            for outcome in await asyncio.gather(kind_intake, *tasks, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        if self._next_number_to_keep != self._next_number_to_fetch:
            raise RuntimeError("A chunk was fetched but not stored.")
        if not self._rows_read:
            raise FileRefused("The file has a header and no rows; rows below the header were expected.")
        if self._rows_rejected == self._rows_read:
            raise self._refuse_rejected_rows(is_whole_file=True)

        await write_rejected_rows(
            self._database,
            self._object_store,
            rejections_key(claim.import_id),
            import_id=claim.import_id,
            header=kind_intake.result().header,
        )
        async with self._database.transaction() as session:
            await db.import_runs.bound_transaction(session, id=claim.import_id, idle_timeout_s=self._lease_s)
            await kind_intake.result().complete(session)

    async def _move_upload(self, key: str) -> StoredObject:
        """
        Move the uploaded file to a key that the upload link cannot write, unless an earlier run did.

        Raises ObjectMissing, or ObjectChanged if the uploaded file is no longer the one that was started.
        """
        claim, store, uploaded = self._claim, self._object_store, upload_key(self._claim.import_id)
        stored = await store.find(key)
        if stored is None:
            await store.copy(uploaded, key, etag=claim.etag, size_bytes=claim.bytes_total)
            stored = await store.find(key)
        if stored is None:
            raise ObjectMissing
        # A file that was uploaded since then stays, so that `startImport` can refuse it. If the file is not deleted, it
        # takes storage, but nothing reads it.
        with suppress(ObjectMissing, ObjectChanged, ObjectStoreUnavailable):
            await store.delete_unchanged(uploaded, etag=claim.etag)
        return stored

    async def _open(self, file: TextFile) -> KindIntake:
        return await INTAKE_BY_KIND[self._claim.kind](self._database, self._claim, file)

    async def _process_chunks(self, chunks: AsyncIterator[TextChunk], kind_intake: asyncio.Task[KindIntake]) -> None:
        has_more = True
        while has_more:
            async with self._chunk_slots:
                has_more = await self._process_next_chunk(chunks, kind_intake)

    async def _process_next_chunk(
        self, chunks: AsyncIterator[TextChunk], kind_intake: asyncio.Task[KindIntake]
    ) -> bool:
        """Take the next chunk through the pipeline; return False if there is none, or if an earlier one failed."""
        async with self._fetch_lock:
            if self._stopping.is_set():
                raise WorkerStopping
            text = await anext(chunks, None)
            if text is None:
                return False
            number = self._next_number_to_fetch
            self._next_number_to_fetch += 1
        async with self._check_lock:
            if self._lines_read > MAX_LINE_NUMBER - self._chunk_bytes:
                raise FileRefused(f"The file has more than {self._lines_read:,} lines; split it into several files.")
            first_line_number = self._lines_read + 1
            chunk = await (await kind_intake).check(text.lines, number=number, first_line_number=first_line_number)
            self._lines_read += chunk.lines_read
            progress = Progress(
                chunk_number=number,
                bytes_read=text.bytes_read,
                text_bytes_read=text.end_offset_bytes,
                lines_read=self._lines_read,
                rows_read=chunk.rows_read,
                rows_imported=chunk.rows_read - len(chunk.rejections),
                rows_rejected=len(chunk.rejections),
            )
        del text  # Releases the memory of the chunk's lines before the next stages.
        async with self._encode_lock:
            await asyncio.to_thread(chunk.encode)
        async with self._keep_lock:
            if number != self._next_number_to_keep:
                return False
            # Before the transaction, which Postgres ends if it is idle for too long.
            row_counts = Counter(self._rejection_counts.add(chunk.rejections))
            async with self._database.transaction() as session:
                await db.import_runs.bound_transaction(session, id=self._claim.import_id, idle_timeout_s=self._lease_s)
                await db.import_runs.advance(session, self._claim, progress)
                kept = await chunk.keep(session)
                await db.import_runs.recount_chunk(
                    session,
                    self._claim,
                    rows_duplicated=kept.rows_duplicated,
                    rows_rejected=len(kept.rejections),
                )
                rejections = [*chunk.rejections, *kept.rejections]
                await db.import_runs.keep_rejections(
                    session,
                    import_id=self._claim.import_id,
                    rejections=[
                        (rejection.line_number, rejection.column, rejection.code, rejection.message, rejection.row)
                        for rejection in rejections
                    ],
                )
                row_counts.update(self._rejection_counts.add(kept.rejections))
                await db.import_runs.count_rejections(session, import_id=self._claim.import_id, row_counts=row_counts)
            self._rows_read += progress.rows_read
            self._rows_rejected += len(rejections)
            self._check_rejection_limits(is_whole_file=progress.bytes_read == self._claim.bytes_total)
            self._next_number_to_keep += 1
        return True

    def _check_rejection_limits(self, *, is_whole_file: bool) -> None:
        is_hopeless = self._rows_rejected == self._rows_read >= HOPELESS_ROWS
        if is_hopeless or (self._rows_rejected > MAX_REJECTED_ROWS and self._rows_rejected * 2 > self._rows_read):
            raise self._refuse_rejected_rows(is_whole_file=is_whole_file)

    def _refuse_rejected_rows(self, *, is_whole_file: bool) -> FileRefused:
        cause = self._rejection_counts.describe_most_frequent(self._rows_read, is_whole_file=is_whole_file)
        if self._rows_rejected == self._rows_read:
            return FileRefused(f"{cause} Nothing was imported. {RESTART_HINT}")
        rows = f"{self._rows_rejected:,} of {describe_rows(self._rows_read, is_whole_file=is_whole_file)}"
        return FileRefused(f"{cause} In all, {rows} were rejected. Correct the file and upload it as a new import.")


def _failure_reason(fault: BaseException) -> str:
    """Return the failure reason for an import whose last attempt ended with an error other than an invalid file."""
    if isinstance(fault, ObjectStoreUnavailable):
        return f"The object store could not be reached in {MAX_ATTEMPTS} attempts."
    while isinstance(fault, DBAPIError) and fault.orig and fault.orig.__cause__:
        fault = fault.orig.__cause__
    if isinstance(fault, asyncpg.PostgresError):
        return f"The database could not store the rows: {fault.args[0]}."
    return f"An internal error occurred in {MAX_ATTEMPTS} attempts; the worker's log has it under the import's id."
