"""Work for the workers: a job is a row, enqueued by the transaction that made it necessary."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job as QueuedJob
from pgqueuer.models import TracebackRecord
from pgqueuer.queries import Queries
from pgqueuer.types import JOB_STATUS, JobId
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine.database import driver_connection


class Job(StrEnum):
    """What a worker can be asked to do with the thing an id names."""

    IMPORT = "import"
    SWEEP_IMPORT = "sweep_import"
    SETTLE = "settle"


STILL_OURS = "select id from pgqueuer where (id, queue_manager_id) in (select * from unnest($1::bigint[], $2::uuid[]))"

# What is to be done, as the tables tell that it is to be done to.
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
    """Ask for a job; it is there for the workers once the session's transaction is kept."""
    await Queries(AsyncpgDriver(await driver_connection(session))).enqueue(job, str(id).encode())


class LeasedQueries(Queries):
    """
    pgqueuer's statements, as a worker runs them: a job that another has taken up since is left alone.

    Otherwise a worker that was stopped for a while, and overtaken, would end the other's job together with its own.
    """

    async def log_jobs(self, job_status: list[tuple[QueuedJob, JOB_STATUS, TracebackRecord | None]]) -> None:
        ours = await self._still_ours([job for job, _, _ in job_status])
        await super().log_jobs([each for each in job_status if each[0].id in ours])

    async def retry_job(self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        if await self._still_ours([job]):
            await super().retry_job(job, delay, traceback_record)

    async def restore_lost_jobs(self) -> None:
        """Enqueue what is waiting to be done without a job that would do it, however that came to pass."""
        await self.driver.execute(RESTORE_LOST)

    async def _still_ours(self, jobs: Sequence[QueuedJob]) -> set[JobId]:
        rows = await self.driver.fetch(STILL_OURS, [job.id for job in jobs], [job.queue_manager_id for job in jobs])
        return {job.id for job in jobs if {"id": job.id} in rows}
