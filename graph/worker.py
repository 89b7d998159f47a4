"""
A worker: takes jobs from the queue and does them, any number at once. Any number of workers may run, anywhere.

A worker holds nothing: killed at any moment, its jobs are taken up by another once its heartbeat has lapsed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

import db.imports
import db.reports
from db.engine import Database
from db.jobs import Job
from graph import settlement_run
from graph.imports import intake
from graph.object_store import ObjectStore, ObjectStoreAddress, open_object_store

HEARTBEAT_LAPSES = timedelta(seconds=10)
LOOK_FOR_JOBS_EVERY = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=1)
MOST_ATTEMPTS = 6
CLOSE_S = 5.0

log = structlog.get_logger()


class Worker:
    """Does the jobs of one process until it is stopped."""

    def __init__(self, *, database_url: str, object_store: ObjectStoreAddress) -> None:
        self._database_url = database_url
        self._object_store = object_store
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let go of every job at its next checkpoint, for another worker to go on, and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped, coming back whenever Postgres does."""
        database = Database(self._database_url)
        try:
            async with open_object_store(self._object_store) as object_store:
                while not self._stopping.is_set():
                    try:
                        await self._work(database, object_store)
                    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                        log.warning("The queue is out of reach; trying again", reason=str(error))
                        await self._pause()
        finally:
            await database.close()

    async def _work(self, database: Database, object_store: ObjectStore) -> None:
        connection = await asyncpg.connect(self._database_url)
        queue = QueueManager(Queries(AsyncpgDriver(connection)))

        # One event for all: who stops the worker stops the queue with it.
        queue.shutdown = self._stopping

        def does(
            job: Job, do: Callable[[UUID], Awaitable[None]], give_up: Callable[[UUID, str], Awaitable[None]]
        ) -> None:
            queue.entrypoint(job, on_failure="hold")(_attempts(do, give_up))

        async def bring_in(id: UUID) -> None:
            await intake.run(database, object_store, import_id=id, stopping=self._stopping)

        async def sweep(id: UUID) -> None:
            async with database.transaction() as session:
                await db.imports.sweep(session, id=id)

        async def settle(id: UUID) -> None:
            await settlement_run.run(database, object_store, report_id=id)

        async def fail_import(id: UUID, reason: str) -> None:
            async with database.transaction() as session:
                await db.imports.give_up(session, id=id, reason=reason)

        async def fail_report(id: UUID, reason: str) -> None:
            async with database.transaction() as session:
                await db.reports.fail(session, id=id, reason=reason)

        async def leave(id: UUID, reason: str) -> None:
            log.error("An import was not swept away", import_id=str(id), reason=reason)

        does(Job.IMPORT, bring_in, fail_import)
        does(Job.SWEEP_IMPORT, sweep, leave)
        does(Job.SETTLE, settle, fail_report)
        try:
            await queue.run(dequeue_timeout=LOOK_FOR_JOBS_EVERY, heartbeat_timeout=HEARTBEAT_LAPSES)
        finally:
            await connection.close(timeout=CLOSE_S)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RETRY_AFTER.total_seconds())


def _attempts(
    do: Callable[[UUID], Awaitable[None]], give_up: Callable[[UUID, str], Awaitable[None]]
) -> Callable[[QueuedJob], Awaitable[None]]:
    """Do a job, and again when it goes wrong, as it does while Postgres or S3 are away; then give it up."""

    async def attempt(job: QueuedJob) -> None:
        id = UUID((job.payload or b"").decode())
        try:
            await do(id)
        except intake.Stopped:
            raise RetryRequested from None
        except Exception as error:
            log.exception("A job went wrong", job=job.entrypoint, id=str(id), attempt=job.attempts + 1)
            if job.attempts + 1 < MOST_ATTEMPTS:
                raise RetryRequested(RETRY_AFTER * 2**job.attempts, reason=str(error)) from error
            await give_up(id, f"Something went wrong on our side, {MOST_ATTEMPTS} times; it is logged with this id.")

    return attempt
