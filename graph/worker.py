"""
A worker takes jobs from the queue and runs them. Any number of workers may run, on any machine.

A worker keeps no state of its own: if it is killed at any moment, another worker takes over its jobs once its lease on
them has expired. A job whose row is missing from the queue is not lost either: it is enqueued again, because the status
of the import or report shows that a job is due.
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

import db.jobs
import db.reports
from db.engine.database import Database
from db.jobs import Job, LeasedQueries
from graph import settlement_run
from graph.imports.intake import ImportInterrupted, Intake, WorkerStopping
from graph.object_store import ObjectStore, ObjectStoreAddress, ObjectStoreUnavailable, open_object_store
from graph.settings import DatabaseSettings, WorkerSettings

# Imports can take hours; those beyond this number wait for a worker with a free slot.
MAX_CONCURRENT_IMPORTS = 10
MAX_CONCURRENT_OTHER_JOBS = 20
MAX_SETTLE_ATTEMPTS = 8
MAX_RETRY_DELAY_S = 30.0
RESTORE_INTERVAL_S = 60.0
CLOSE_TIMEOUT_S = 5.0
M_ARENA_MAX = -8  # The value in glibc's malloc.h.

# Runs the job for the import or report of the given id; the second argument counts the attempts from 1.
JobHandler = Callable[[UUID, int], Awaitable[None]]

log = structlog.get_logger()


def use_single_malloc_arena() -> None:
    """
    Make glibc's malloc use one arena for all threads; call it before any thread starts.

    By default glibc gives each thread its own arena, and an arena keeps its peak size: the threads of a worker take
    turns with large chunks, so its memory is a third larger with many arenas. With other C
    libraries, which have no mallopt, it does nothing.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


class Worker:
    """Runs jobs in this process until it is stopped."""

    def __init__(
        self,
        *,
        database_url: str,
        object_store: ObjectStoreAddress,
        settings: WorkerSettings | None = None,
        database_settings: DatabaseSettings | None = None,
    ) -> None:
        self._database_url = database_url
        self._object_store = object_store
        self._settings = settings or WorkerSettings()
        self._database_settings = database_settings or DatabaseSettings()
        # `_stopping` ends the worker; `_releasing_jobs` ends the current connection to the queue, and its jobs.
        self._stopping, self._releasing_jobs = asyncio.Event(), asyncio.Event()

    def stop(self) -> None:
        """End each job at its next checkpoint, for another worker to resume it, and then end the worker."""
        self._stopping.set()
        self._releasing_jobs.set()

    async def run(self) -> None:
        """Run jobs until stopped; reconnect to Postgres after every lost connection."""
        database = Database(self._database_url, pool_size=self._database_settings.worker_pool_size)
        try:
            async with open_object_store(
                self._object_store, read_timeout_s=self._settings.s3_read_timeout_s
            ) as object_store:
                intake = Intake(
                    database, object_store, chunk_bytes=self._settings.chunk_bytes, lease_s=self._settings.lease_s
                )
                while not self._stopping.is_set():
                    try:
                        await self._work(database, object_store, intake)
                    except* (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as faults:
                        log.warning(
                            "Lost the connection to the job queue; reconnecting", reason=str(faults.exceptions[0])
                        )
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), self._settings.retry_pause_s)
        finally:
            await database.close()

    async def _work(self, database: Database, object_store: ObjectStore, intake: Intake) -> None:
        """Run jobs until the worker is stopped or the connection to the queue fails."""
        self._releasing_jobs = releasing_jobs = asyncio.Event()
        if self._stopping.is_set():
            return
        connection = await asyncpg.connect(
            self._database_url, timeout=self._settings.lease_s, command_timeout=self._settings.lease_s
        )
        # Without this connection no heartbeat extends the leases, so the jobs end at their next checkpoint. The worker
        # reconnects when they have ended.
        connection.add_termination_listener(lambda _: releasing_jobs.set())
        connection.add_query_logger(lambda query: releasing_jobs.set() if query.exception else None)
        queries = LeasedQueries(AsyncpgDriver(connection))

        async def run_import(id: UUID, _attempt: int) -> None:
            await intake.run(id, stopping=releasing_jobs)

        async def sweep_import(id: UUID, _attempt: int) -> None:
            await intake.sweep(id)

        async def settle(id: UUID, attempt: int) -> None:
            try:
                await settlement_run.run(database, object_store, report_id=id)
            except Exception as fault:
                if attempt < MAX_SETTLE_ATTEMPTS:
                    raise
                log.exception("Settling a report has failed in every attempt", report_id=str(id))
                async with database.transaction() as session:
                    await db.reports.fail(session, id=id, reason=_settle_failure_reason(fault, attempt))

        try:
            await queries.restore_lost_jobs()
            async with asyncio.TaskGroup() as tasks:
                # Two queue managers, so that short jobs do not wait for imports.
                imports = self._queue_manager(queries, {Job.IMPORT: run_import})
                others = self._queue_manager(queries, {Job.SWEEP_IMPORT: sweep_import, Job.SETTLE: settle})
                tasks.create_task(self._run_queue(imports, max_concurrent_jobs=MAX_CONCURRENT_IMPORTS))
                tasks.create_task(self._run_queue(others, max_concurrent_jobs=MAX_CONCURRENT_OTHER_JOBS))
                tasks.create_task(_restore_lost_jobs(queries, releasing_jobs))
        finally:
            await connection.close(timeout=CLOSE_TIMEOUT_S)

    def _queue_manager(self, queries: LeasedQueries, handlers: Mapping[Job, JobHandler]) -> QueueManager:
        queue_manager = QueueManager(queries)
        # The managers share the event that ends the running jobs: once it is set, they take no more jobs.
        queue_manager.shutdown = self._releasing_jobs
        for job, handler in handlers.items():
            queue_manager.entrypoint(job)(self._with_retry(handler))
        return queue_manager

    async def _run_queue(self, queue_manager: QueueManager, *, max_concurrent_jobs: int) -> None:
        lease = timedelta(seconds=self._settings.lease_s)
        await queue_manager.run(
            dequeue_timeout=lease / 5,
            heartbeat_timeout=lease,
            max_concurrent_tasks=max_concurrent_jobs,
            batch_size=max_concurrent_jobs // 2,
        )

    def _with_retry(self, handler: JobHandler) -> Callable[[QueuedJob], Awaitable[None]]:
        """Wrap a handler so that pgqueuer retries a failed job with exponential backoff."""

        async def attempt(job: QueuedJob) -> None:
            id = UUID((job.payload or b"").decode())
            try:
                await handler(id, job.attempts + 1)
            except WorkerStopping:
                raise RetryRequested from None
            except Exception as fault:
                failed_attempts = fault.attempt if isinstance(fault, ImportInterrupted) else job.attempts + 1
                delay_s = min(self._settings.retry_pause_s * 2**failed_attempts, MAX_RETRY_DELAY_S)
                log.warning("A job failed; retrying", job=job.entrypoint, id=str(id), delay_s=delay_s, exc_info=True)
                raise RetryRequested(timedelta(seconds=delay_s), reason=str(fault)) from fault

        return attempt


def _settle_failure_reason(fault: Exception, attempts: int) -> str:
    if isinstance(fault, ObjectStoreUnavailable):
        return f"The object store could not be reached in {attempts} attempts. Generate the report again."
    return (
        f"An internal error occurred in {attempts} attempts; the worker's log has it under the report's id."
        " Generate the report again."
    )


async def _restore_lost_jobs(queries: LeasedQueries, until: asyncio.Event) -> None:
    while not until.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(until.wait(), RESTORE_INTERVAL_S)
            return
        await queries.restore_lost_jobs()
