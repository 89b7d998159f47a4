"""
An import's way in: the file is streamed from the object store in chunks, and each chunk's rows, rejections and
checkpoint are kept together, or not at all. Whoever takes the import up again goes on behind the last one kept.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

import db.import_runs
from db.engine.database import Database
from db.engine.refusals import Refusal
from db.import_runs import Claim, LeaseLost, Progress
from graph.imports.battery_event_intake import BatteryEventIntake
from graph.imports.csv.chunks import Chunk, FileRefused, TextFile
from graph.imports.csv.lines import HeaderRefused
from graph.imports.kind_intake import KindIntake
from graph.imports.park_intake import ParkIntake
from graph.imports.park_reading_intake import ParkReadingIntake
from graph.imports.rejected_rows import write_rejected_rows
from graph.object_store import ObjectChanged, ObjectMissing, ObjectStore, ObjectStoreAway

# One is fetched, one is checked and one is kept at the same time.
CHUNKS_AT_ONCE = 3
# Lines are counted in four bytes.
LAST_LINE = 2**31 - 1

# A file is given up where more rows than these, and most of them all, are rejected: nobody would correct them by hand.
REJECTED_AT_MOST = 100_000
# An import is given up when it was taken up so often without getting any further.
ATTEMPTS_AT_MOST = 8

# Of each kind, made from what is known of the import and from the file's first line.
KINDS: Mapping[str, Callable[[Database, Claim, bytes], Awaitable[KindIntake]]] = {
    "BATTERY_EVENTS": BatteryEventIntake.open,
    "PARKS": ParkIntake.open,
    "PARK_READINGS": ParkReadingIntake.open,
}

FAULTS: Mapping[type[Exception], str] = {
    ObjectMissing: "The file is no longer where it was uploaded.",
    ObjectChanged: "The file was changed after its import had begun; create another import for it.",
}

log = structlog.get_logger()


class WorkerStopping(Exception):
    """The worker lets go of its jobs; the import goes on from its checkpoint when it is taken up again."""


class Interrupted(Exception):
    """Something went wrong that may go well another time; the import has been taken up `attempt` times in vain."""

    def __init__(self, attempt: int) -> None:
        super().__init__(attempt)
        self.attempt = attempt


def upload_key(import_id: UUID) -> str:
    """Return where an import's file lies in the object store."""
    return f"imports/{import_id}/upload.csv"


def rejections_key(import_id: UUID) -> str:
    """Return where the rows an import left out lie in the object store."""
    return f"imports/{import_id}/rejections.csv"


class Intake:
    """Brings imports in, any number at once, with no more than CHUNKS_AT_ONCE of their chunks in memory."""

    def __init__(self, database: Database, object_store: ObjectStore, *, chunk_bytes: int, lease_s: float) -> None:
        self.database = database
        self.object_store = object_store
        self.chunk_bytes = chunk_bytes
        self.lease_s = lease_s
        # Whoever waits for room gets it in turn, and so no import waits for another to end.
        self.room = asyncio.Semaphore(CHUNKS_AT_ONCE)

    async def run(self, import_id: UUID, *, stopping: asyncio.Event) -> None:
        """
        Bring an import in, from its last checkpoint to its end; nothing happens when there is nothing left to do.

        What is wrong with the file fails the import with the reason, and so does what goes wrong again and again
        without the import getting any further. Raises WorkerStopping when told to, and Interrupted.
        """
        async with self.database.transaction() as session:
            claim = await db.import_runs.claim(session, id=import_id)
        if claim is None:
            return
        try:
            if claim.attempts > ATTEMPTS_AT_MOST:
                await self._fail(
                    claim, f"{ATTEMPTS_AT_MOST} workers in a row ended before they got any further with it."
                )
            else:
                await self._take_in(claim, stopping)
        except LeaseLost:
            log.warning("An import went on without this worker", import_id=str(import_id))

    async def _take_in(self, claim: Claim, stopping: asyncio.Event) -> None:
        run = _Run(self, claim, stopping)
        try:
            await run.bring_in()
        except (HeaderRefused, FileRefused, ObjectMissing, ObjectChanged, Refusal) as fault:
            await self._fail(claim, FAULTS.get(type(fault), str(fault)))
        except (WorkerStopping, LeaseLost):
            raise
        except Exception as fault:
            # Whoever overtakes a worker ends what it was about.
            async with self.database.transaction() as session:
                if await db.import_runs.has_lost_lease(session, claim):
                    raise LeaseLost from fault
            attempt = 0 if run.has_got_on else claim.attempts
            if attempt < ATTEMPTS_AT_MOST:
                raise Interrupted(attempt) from fault
            log.exception("An import is given up", import_id=str(claim.import_id))
            await self._fail(claim, f"{_reason(fault)} Start the import again to go on from where it is.")

    async def _fail(self, claim: Claim, reason: str) -> None:
        async with self.database.transaction() as session:
            await db.import_runs.fail(session, claim, reason=reason)


class _Run:
    """
    One worker's hold on one import.

    A chunk is carried the whole way by one of CHUNKS_AT_ONCE carriers. Carriers take turns at each station, in the
    order in which they fetched.
    """

    def __init__(self, intake: Intake, claim: Claim, stopping: asyncio.Event) -> None:
        self._database = intake.database
        self._object_store = intake.object_store
        self._chunk_bytes = intake.chunk_bytes
        self._lease_s = intake.lease_s
        self._room = intake.room
        self._claim = claim
        self._letting_go = stopping
        self._fetching, self._checking, self._encoding, self._keeping = (asyncio.Lock() for _ in range(4))
        self._next_to_fetch = self._next_to_keep = claim.next_chunk_number
        self._lines_read = max(claim.lines_read, 1)
        self._rows_read, self._rows_rejected = claim.rows_read, claim.rows_rejected

    @property
    def has_got_on(self) -> bool:
        """Whether any chunk was kept."""
        return self._next_to_keep > self._claim.next_chunk_number

    async def bring_in(self) -> None:
        """Keep chunk after chunk of the file, and complete the import."""
        claim, key = self._claim, upload_key(self._claim.import_id)
        file = await TextFile.open(self._object_store, key, etag=claim.etag, size=claim.bytes_total)
        # The first chunk is fetched in the meantime.
        kind = asyncio.create_task(self._open(file.header))
        starts_at = max(claim.text_bytes_read, len(file.header))
        async with aclosing(file.chunks(starts_at=starts_at, chunk_bytes=self._chunk_bytes)) as chunks:
            carriers = [self._carry_on(chunks, kind) for _ in range(CHUNKS_AT_ONCE)]
            for outcome in await asyncio.gather(kind, *carriers, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        if self._next_to_keep != self._next_to_fetch:
            raise RuntimeError("A chunk that was fetched was not kept.")

        await write_rejected_rows(
            self._database,
            self._object_store,
            rejections_key(claim.import_id),
            import_id=claim.import_id,
            header=file.header,
        )
        async with self._database.transaction() as session:
            await db.import_runs.bound_transaction(session, id=claim.import_id, idle_timeout_s=self._lease_s)
            await kind.result().complete(session)

    async def _open(self, header: bytes) -> KindIntake:
        return await KINDS[self._claim.kind](self._database, self._claim, header)

    async def _carry_on(self, chunks: AsyncIterator[Chunk], kind: asyncio.Task[KindIntake]) -> None:
        is_there_more = True
        while is_there_more:
            async with self._room:
                is_there_more = await self._carry(chunks, kind)

    async def _carry(self, chunks: AsyncIterator[Chunk], kind: asyncio.Task[KindIntake]) -> bool:
        """Carry the next chunk all the way; False when there is none, or one before it was not kept."""
        async with self._fetching:
            if self._letting_go.is_set():
                raise WorkerStopping
            chunk = await anext(chunks, None)
            if chunk is None:
                return False
            number = self._next_to_fetch
            self._next_to_fetch += 1
        async with self._checking:
            if self._lines_read > LAST_LINE - self._chunk_bytes:
                raise FileRefused(f"The file has more than {self._lines_read:,} lines; cut it up.")
            first_line_number = self._lines_read + 1
            checked = await (await kind).check(chunk.lines, number=number, first_line_number=first_line_number)
            self._lines_read += checked.lines_read
            progress = Progress(
                chunk_number=number,
                bytes_read=chunk.bytes_read,
                text_bytes_read=chunk.ends_at,
                lines_read=self._lines_read,
                rows_read=checked.rows_read,
                rows_imported=checked.rows_read - len(checked.rejections),
                rows_rejected=len(checked.rejections),
            )
        del chunk  # Releases the chunk's lines before the next stages run.
        async with self._encoding:
            await asyncio.to_thread(checked.encode)
        async with self._keeping:
            if number != self._next_to_keep:
                return False
            async with self._database.transaction() as session:
                await db.import_runs.bound_transaction(session, id=self._claim.import_id, idle_timeout_s=self._lease_s)
                await db.import_runs.advance(session, self._claim, progress)
                kept = await checked.keep(session)
                await db.import_runs.recount_chunk(
                    session,
                    self._claim,
                    rows_duplicated=kept.rows_duplicated,
                    rows_rejected=len(kept.rejections),
                )
                await db.import_runs.keep_rejections(
                    session,
                    import_id=self._claim.import_id,
                    rejections=[
                        (rejection.line_number, rejection.column, rejection.code, rejection.message, rejection.row)
                        for rejection in (*checked.rejections, *kept.rejections)
                    ],
                )
            self._look_at_rejections(progress.rows_read, progress.rows_rejected + len(kept.rejections))
            self._next_to_keep += 1
        return True

    def _look_at_rejections(self, rows_read: int, rows_rejected: int) -> None:
        self._rows_read += rows_read
        self._rows_rejected += rows_rejected
        if self._rows_rejected > REJECTED_AT_MOST and self._rows_rejected * 2 > self._rows_read:
            raise FileRefused(
                f"{self._rows_rejected:,} of its first {self._rows_read:,} rows were rejected, for the reasons listed;"
                " correct the file and import it anew."
            )


def _reason(fault: BaseException) -> str:
    """Say why an import is given up though there may be nothing wrong with its file."""
    if isinstance(fault, ObjectStoreAway):
        return "The object store was out of reach, time and again."
    while isinstance(fault, DBAPIError) and fault.orig and fault.orig.__cause__:
        fault = fault.orig.__cause__
    if isinstance(fault, asyncpg.PostgresError):
        return f"The database would not keep it: {fault.args[0]}."
    return "Something went wrong on our side, time and again; it is logged with the import's id."
