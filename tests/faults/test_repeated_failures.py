"""Imports that fail after repeated errors, and their resumption when they are started again."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

import db.import_runs
from db.engine.database import Database
from graph.imports.intake import MAX_ATTEMPTS, ImportInterrupted, Intake
from graph.object_store import ObjectStore, ObjectStoreUnavailable, StoredObject
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.watching import START, assert_events_count_once, start_import, wait_until
from tests.fixtures.worker_process import LEASE_S, Workers

RESUME_HINT = "Start the import again to resume it from its last checkpoint."
DISK_FULL = 'could not extend file "base/16384/16385": No space left on device'


class UnreachableStore(ObjectStore):
    """An object store that cannot be reached."""

    def __init__(self) -> None:
        pass

    async def find(self, key: str) -> StoredObject | None:
        raise ObjectStoreUnavailable


@pytest_asyncio.fixture
async def full_disk(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database that stores ten chunks of an import, and then fails with disk_full until its trigger is dropped."""
    # A trigger raises the error, because filling the disk would disturb other tests.
    connection = await asyncpg.connect(database_url)
    await connection.execute("""
        create function raise_disk_full() returns trigger language plpgsql as $$
        begin
            if (select count(distinct chunk_number) from event_blocks) >= 10 then
                raise exception '%', tg_argv[0] using errcode = 'disk_full';
            end if;
            return null;
        end
        $$
    """)
    trigger = "create trigger disk_full before insert on event_blocks for each statement execute function"
    await connection.execute(f"{trigger} raise_disk_full('{DISK_FULL}')")
    yield connection
    await connection.execute("drop function raise_disk_full cascade")
    await connection.close()


async def test_full_disk_fails_the_import_which_resumes_from_its_checkpoint_when_started_again(
    api: Api, database: Database, workers: Workers, nmis: list[str], full_disk: asyncpg.Connection
) -> None:
    file = event_file(nmis, rows=10_000, seed=1)
    await workers.start()

    import_id = await start_import(api, file)
    failed = await api.wait_for_import(import_id)
    checkpoints = await full_disk.fetch("select * from import_checkpoints order by chunk_number")
    await full_disk.execute("drop trigger disk_full on event_blocks")
    await api.execute(START, id=import_id)

    assert failed["status"] == "FAILED"
    assert failed["failureReason"] == (f"The database could not store the rows: {DISK_FULL}. {RESUME_HINT}")
    assert len(checkpoints) == 10
    await assert_events_count_once(api, database, import_id, file)
    assert await full_disk.fetch("select * from import_checkpoints order by chunk_number limit 10") == checkpoints


async def test_unreachable_object_store_fails_the_import_after_eight_attempts(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=1_000, seed=2)
    import_id = await start_import(api, file)
    intake = Intake(database, UnreachableStore(), chunk_bytes=1_024, lease_s=LEASE_S)

    attempts = []
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(ImportInterrupted) as interrupted:
            await intake.run(UUID(import_id), stopping=asyncio.Event())
        attempts.append(interrupted.value.attempt)
    waiting = await wait_until(api, database, import_id, lambda _: True)
    await intake.run(UUID(import_id), stopping=asyncio.Event())
    failed = await api.wait_for_import(import_id)
    await api.execute(START, id=import_id)
    await workers.start()

    assert attempts == list(range(1, MAX_ATTEMPTS))
    assert waiting.status == "RUNNING"
    assert failed["failureReason"] == (f"The object store could not be reached in 8 attempts. {RESUME_HINT}")
    await assert_events_count_once(api, database, import_id, file)


async def test_import_that_ends_every_worker_fails_after_eight_attempts(
    api: Api, database: Database, nmis: list[str]
) -> None:
    import_id = await start_import(api, event_file(nmis, rows=1_000, seed=3))
    for _ in range(MAX_ATTEMPTS):
        async with database.transaction() as session:
            await db.import_runs.claim(session, id=UUID(import_id), idle_timeout_s=60)

    await Intake(database, UnreachableStore(), chunk_bytes=1_024, lease_s=LEASE_S).run(
        UUID(import_id), stopping=asyncio.Event()
    )

    failed = await api.wait_for_import(import_id)
    assert failed["failureReason"] == (
        f"In each of the last 8 attempts, the worker process ended before it stored a chunk. {RESUME_HINT}"
    )
