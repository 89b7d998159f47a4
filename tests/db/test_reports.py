"""The revision that a request for a month returns while an earlier one is being settled."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job as QueuedJob
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.reports
import db.vpps
from db.engine.database import Database
from db.engine.scope import UNRESTRICTED
from db.jobs import Job, LeasedQueries
from db.reports import RevenueReport, Status
from db.vpps import Terms
from graph import settlement_run
from tests.fixtures.api import new_name

JULY = date(2025, 7, 1)
LEASE = timedelta(minutes=1)


@pytest.fixture
async def vpp_id(database: Database) -> UUID:
    async with database.transaction() as session:
        return await db.vpps.create(session, id=None, name=new_name(), terms=Terms(Decimal(20), Decimal(0)))


@pytest.fixture
async def queue(database_url: str) -> AsyncIterator[LeasedQueries]:
    """The queue as a worker reads it, without jobs of other tests."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("truncate pgqueuer")
    yield LeasedQueries(AsyncpgDriver(connection))
    await connection.close()


async def request(database: Database, vpp_id: UUID) -> UUID:
    async with database.transaction() as session:
        return await db.reports.request(session, vpp_id=vpp_id, month=JULY)


async def pick_job(queue: LeasedQueries) -> QueuedJob:
    """Pick the only settlement job, as a worker does before it runs it."""
    (job,) = await queue.dequeue(
        batch_size=10,
        entrypoints={Job.SETTLE: EntrypointExecutionParameter(0)},  # type: ignore[dict-item]
        queue_manager_id=uuid4(),  # type: ignore[arg-type]
        global_concurrency_limit=None,
        heartbeat_timeout=LEASE,
    )
    return job


async def change_terms(database: Database, vpp_id: UUID) -> None:
    async with database.transaction() as session:
        await db.vpps.update_vpp(session, id=vpp_id, revenue_percentage=Decimal(30), for_all_time=True)


async def report(database: Database, id: UUID) -> Any:
    return await database.row(db.reports.reports(UNRESTRICTED).where(col(RevenueReport.id) == id))


async def stored(database: Database, id: UUID) -> Any:
    """Return the whole row of a READY report."""
    async with database.transaction() as session:
        row, _ = await db.reports.published(session, id=id)
    return row


class PausedStore:
    """An object store whose writes wait until they are resumed; it keeps the objects by their keys."""

    def __init__(self) -> None:
        self.is_writing, self.resumed = asyncio.Event(), asyncio.Event()
        self.objects: dict[str, bytes] = {}

    async def write(self, key: str, data: bytes, *, content_type: str) -> None:
        self.is_writing.set()
        await self.resumed.wait()
        self.objects[key] = data


async def test_a_request_returns_the_pending_report_while_its_job_is_queued(
    database: Database, vpp_id: UUID, queue: LeasedQueries
) -> None:
    first = await request(database, vpp_id)
    await change_terms(database, vpp_id)

    assert await request(database, vpp_id) == first


async def test_a_request_during_a_settlement_creates_a_revision_with_the_latest_changes(
    database: Database, vpp_id: UUID, queue: LeasedQueries
) -> None:
    first, store = await request(database, vpp_id), PausedStore()
    await pick_job(queue)
    settling = asyncio.create_task(settlement_run.run(database, store, report_id=first))  # type: ignore[arg-type]
    await store.is_writing.wait()

    # The settlement has read its snapshot.
    await change_terms(database, vpp_id)
    second = await request(database, vpp_id)
    third = await request(database, vpp_id)
    store.resumed.set()
    await settling
    await settlement_run.run(database, store, report_id=second)  # type: ignore[arg-type]

    assert third == second != first
    settled = [await report(database, id) for id in (first, second)]
    assert [(row.revision, row.status) for row in settled] == [(1, Status.READY), (2, Status.READY)]
    (identity,) = await database.rows(db.reports.identities([(vpp_id, JULY)]))
    assert [row.settled_from == identity.identity for row in settled] == [False, True]


async def test_a_request_returns_the_pending_report_if_its_job_waits_for_a_retry(
    database: Database, vpp_id: UUID, queue: LeasedQueries
) -> None:
    first = await request(database, vpp_id)
    job = await pick_job(queue)
    await queue.retry_job(job, timedelta(seconds=30), None)
    await change_terms(database, vpp_id)

    assert await request(database, vpp_id) == first


async def test_late_files_of_an_overtaken_settlement_do_not_change_those_of_the_report(
    database: Database, vpp_id: UUID, queue: LeasedQueries
) -> None:
    id, paused, store = await request(database, vpp_id), PausedStore(), PausedStore()
    await pick_job(queue)
    store.resumed.set()
    overtaken = asyncio.create_task(settlement_run.run(database, paused, report_id=id))  # type: ignore[arg-type]
    await paused.is_writing.wait()

    # Another worker takes the job over, after a change, and completes it.
    await change_terms(database, vpp_id)
    await settlement_run.run(database, store, report_id=id)  # type: ignore[arg-type]
    row = await stored(database, id)
    paused.objects = store.objects
    published = dict(store.objects)
    paused.resumed.set()
    await overtaken

    assert await stored(database, id) == row
    assert row.terms[0]["revenue_percentage"] == 30
    assert {row.json_key, row.csv_key} == published.keys()
    assert {key: store.objects[key] for key in published} == published
    assert len(store.objects) == 4
    assert sha256(published[row.json_key]).hexdigest() == row.json_sha256
    assert sha256(published[row.csv_key]).hexdigest() == row.csv_sha256


async def test_no_lock_is_held_while_files_are_written(
    database: Database, vpp_id: UUID, queue: LeasedQueries, session: AsyncSession
) -> None:
    id, paused = await request(database, vpp_id), PausedStore()
    settling = asyncio.create_task(settlement_run.run(database, paused, report_id=id))  # type: ignore[arg-type]
    await paused.is_writing.wait()

    locked = await session.scalar(text("select id from revenue_reports where id = :id for update nowait"), {"id": id})
    await session.rollback()
    paused.resumed.set()
    await settling

    assert locked == id
