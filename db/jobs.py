"""Jobs for the workers. A job is a row of pgqueuer's table, inserted by the transaction that made the job necessary."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job as QueuedJob
from pgqueuer.models import TracebackRecord
from pgqueuer.queries import Queries
from pgqueuer.types import JOB_STATUS, JobId
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine.database import driver_connection


class Job(StrEnum):
    """The kinds of jobs; the payload of a job is the id of an import or a report."""

    IMPORT = "import"
    SWEEP_IMPORT = "sweep_import"
    SETTLE = "settle"


# Selects whether a job waits to be picked: it is new, or waits for a retry.
IS_QUEUED = text("""
    select exists (
        select from pgqueuer
        where entrypoint = :job and payload = convert_to(:payload, 'UTF8') and status = 'queued'
    )
""")

# Selects the jobs, among the given ones, that are still leased to the queue manager that picked them.
SELECT_LEASED = (
    "select id from pgqueuer where (id, queue_manager_id) in (select * from unnest($1::bigint[], $2::uuid[]))"
)

# Inserts a job for each import or report whose status requires one and that has none.
RESTORE_LOST = """
    with to_do (job, id) as (
        select 'import', id from imports where status in ('QUEUED', 'RUNNING')
        union all
        select 'settle', id from revenue_reports where status = 'PENDING'
        union all
        select 'sweep_import', id from imports
        where status in ('CANCELLED', 'REVERTED')
          and exists (select from event_blocks where event_blocks.import_id = imports.id)
    )
    insert into pgqueuer (entrypoint, payload, priority, status)
    select job, convert_to(id::text, 'UTF8'), 0, 'queued'
    from to_do
    where not exists (
        select from pgqueuer
        where (pgqueuer.entrypoint, pgqueuer.payload) = (to_do.job, convert_to(to_do.id::text, 'UTF8'))
          and pgqueuer.status in ('queued', 'picked')
    )
"""


async def enqueue(session: AsyncSession, job: Job, *, id: UUID) -> None:
    """Enqueue a job; workers see it once the session's transaction commits."""
    await Queries(AsyncpgDriver(await driver_connection(session))).enqueue(job, str(id).encode())


async def is_queued(session: AsyncSession, job: Job, *, id: UUID) -> bool:
    """Return whether a job waits in the queue and no worker has picked it."""
    return bool(await session.scalar(IS_QUEUED, {"job": job, "payload": str(id)}))


class LeasedQueries(Queries):
    """
    pgqueuer's queries, restricted to jobs whose lease this worker still has.

    Without the restriction, a worker that was suspended past its lease would mark a job as finished while another
    worker runs it.
    """

    async def log_jobs(self, job_status: list[tuple[QueuedJob, JOB_STATUS, TracebackRecord | None]]) -> None:
        leased = await self._still_leased([job for job, _, _ in job_status])
        await super().log_jobs([outcome for outcome in job_status if outcome[0].id in leased])

    async def retry_job(self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        if await self._still_leased([job]):
            await super().retry_job(job, delay, traceback_record)

    async def restore_lost_jobs(self) -> None:
        """Enqueue a job for each import or report that waits for one but has none in the queue."""
        await self.driver.execute(RESTORE_LOST)

    async def _still_leased(self, jobs: Sequence[QueuedJob]) -> set[JobId]:
        rows = await self.driver.fetch(SELECT_LEASED, [job.id for job in jobs], [job.queue_manager_id for job in jobs])
        return {job.id for job in jobs if {"id": job.id} in rows}
