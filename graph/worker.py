"""
A worker: takes jobs from the queue and does them. Any number of workers may run, anywhere.

A worker holds nothing: killed at any moment, its jobs are taken up by another once its lease on them has lapsed. Nor
is a job ever lost with its row in the queue, since what is to be done is seen from the tables it is to be done to.
"""

import asyncio
import ctypes
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from pgqueuer.qm import QueueManager

import db.imports
import db.jobs
import db.reports
from db.engine.database import Database
from db.jobs import Job, LeasedQueries
from graph import settlement_run
from graph.imports.intake import Intake, Interrupted, WorkerStopping
from graph.object_store import ObjectStore, ObjectStoreAddress, ObjectStoreAway, open_object_store
from graph.settings import WorkerSettings

# Of imports, which may take hours, a worker does so many at once; those beyond wait for any worker that is free.
MAX_CONCURRENT_IMPORTS = 10
MAX_CONCURRENT_OTHER_JOBS = 20
SETTLE_ATTEMPTS_AT_MOST = 8
LONGEST_PAUSE_S = 30.0
RESTORE_EVERY_S = 60.0
CLOSE_S = 5.0
GLIBC_ARENA_MAX = -8  # M_ARENA_MAX in malloc.h.
OUR_FAULT = "Something went wrong on our side, and is logged with the report's id"

# Does one job for the thing an id names; the first attempt is 1.
Do = Callable[[UUID, int], Awaitable[None]]

log = structlog.get_logger()


def share_memory() -> None:
    """
    Let all threads of this process allocate from one heap, before any does; nothing happens but with glibc.

    It gives each its own, and keeps in every one of them the most that it ever held: a third more than all need.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(GLIBC_ARENA_MAX, 1)


class Worker:
    """Does the jobs of one process until it is stopped."""

    def __init__(
        self, *, database_url: str, object_store: ObjectStoreAddress, settings: WorkerSettings | None = None
    ) -> None:
        self._database_url = database_url
        self._object_store = object_store
        self._pace = settings or WorkerSettings()
        self._stopping, self._letting_go = asyncio.Event(), asyncio.Event()

    def stop(self) -> None:
        """Let go of every job at its next checkpoint, for another worker to go on, and end."""
        self._stopping.set()
        self._letting_go.set()

    async def run(self) -> None:
        """Work until stopped, coming back whenever Postgres does."""
        database = Database(self._database_url)
        try:
            async with open_object_store(
                self._object_store, read_timeout_s=self._pace.s3_read_timeout_s
            ) as object_store:
                intake = Intake(database, object_store, chunk_bytes=self._pace.chunk_bytes, lease_s=self._pace.lease_s)
                while not self._stopping.is_set():
                    try:
                        await self._work(database, object_store, intake)
                    except* (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as faults:
                        log.warning("The queue is out of reach; trying again", reason=str(faults.exceptions[0]))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), self._pace.retry_pause_s)
        finally:
            await database.close()

    async def _work(self, database: Database, object_store: ObjectStore, intake: Intake) -> None:
        """Do jobs until stopped, or until the connection to the queue is not what it should be."""
        self._letting_go = stopping = asyncio.Event()
        if self._stopping.is_set():
            return
        connection = await asyncpg.connect(
            self._database_url, timeout=self._pace.lease_s, command_timeout=self._pace.lease_s
        )
        # Without it no lease is kept. Jobs let go, so that they need not be waited for before another is made.
        connection.add_termination_listener(lambda _: stopping.set())
        connection.add_query_logger(lambda query: stopping.set() if query.exception else None)
        queries = LeasedQueries(AsyncpgDriver(connection))

        async def bring_in(id: UUID, _attempt: int) -> None:
            await intake.run(id, stopping=stopping)

        async def sweep(id: UUID, _attempt: int) -> None:
            async with database.transaction() as session:
                await db.imports.sweep(session, id=id)

        async def settle(id: UUID, attempt: int) -> None:
            try:
                await settlement_run.run(database, object_store, report_id=id)
            except Exception as fault:
                if attempt < SETTLE_ATTEMPTS_AT_MOST:
                    raise
                log.exception("A report is given up", report_id=str(id))
                away = "The object store was out of reach" if isinstance(fault, ObjectStoreAway) else OUR_FAULT
                async with database.transaction() as session:
                    await db.reports.fail(session, id=id, reason=f"{away}, {attempt} times.")

        try:
            await queries.restore_lost_jobs()
            async with asyncio.TaskGroup() as tasks:
                # Short jobs do not wait for long ones.
                imports = self._queue(queries, {Job.IMPORT: bring_in})
                others = self._queue(queries, {Job.SWEEP_IMPORT: sweep, Job.SETTLE: settle})
                tasks.create_task(self._serve(imports, at_once=MAX_CONCURRENT_IMPORTS))
                tasks.create_task(self._serve(others, at_once=MAX_CONCURRENT_OTHER_JOBS))
                tasks.create_task(_restore_lost_jobs(queries, stopping))
        finally:
            await connection.close(timeout=CLOSE_S)

    def _queue(self, queries: LeasedQueries, does: Mapping[Job, Do]) -> QueueManager:
        queue = QueueManager(queries)
        # One event for all: where jobs are let go, no more are taken.
        queue.shutdown = self._letting_go
        for job, do in does.items():
            queue.entrypoint(job)(self._with_retry(do))
        return queue

    async def _serve(self, queue: QueueManager, *, at_once: int) -> None:
        lease = timedelta(seconds=self._pace.lease_s)
        await queue.run(
            dequeue_timeout=lease / 5,
            heartbeat_timeout=lease,
            max_concurrent_tasks=at_once,
            batch_size=at_once // 2,
        )

    def _with_retry(self, do: Do) -> Callable[[QueuedJob], Awaitable[None]]:
        """Do a job, and do it again some time after it went wrong."""

        async def attempt(job: QueuedJob) -> None:
            id = UUID((job.payload or b"").decode())
            try:
                await do(id, job.attempts + 1)
            except WorkerStopping:
                raise RetryRequested from None
            except Exception as fault:
                in_vain = fault.attempt if isinstance(fault, Interrupted) else job.attempts + 1
                pause_s = min(self._pace.retry_pause_s * 2**in_vain, LONGEST_PAUSE_S)
                log.warning(
                    "A job went wrong; trying again", job=job.entrypoint, id=str(id), pause_s=pause_s, exc_info=True
                )
                raise RetryRequested(timedelta(seconds=pause_s), reason=str(fault)) from fault

        return attempt


async def _restore_lost_jobs(queries: LeasedQueries, until: asyncio.Event) -> None:
    while not until.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(until.wait(), RESTORE_EVERY_S)
            return
        await queries.restore_lost_jobs()
