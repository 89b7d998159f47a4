"""When an import is given up, and how it goes on once it is started again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

import db.import_runs
from db.engine.database import Database
from graph.imports.intake import MAX_ATTEMPTS, ImportInterrupted, Intake
from graph.object_store import ObjectStore, ObjectStoreAway
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.watching import START, assert_counted_once, started, until
from tests.fixtures.worker_process import LEASE_S, Workers

DISK_FULL = 'could not extend file "base/16384/16385": No space left on device'


class NoStore(ObjectStore):
    """An object store that never answers."""

    def __init__(self) -> None:
        pass

    async def stream(
        self, key: str, *, etag: str, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        raise ObjectStoreAway
        yield b""


@pytest_asyncio.fixture
async def full_disk(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database that keeps ten chunks of an import, and has no room for more until it is given some."""
    # A disk cannot be filled without disturbing others. The error is Postgres's own, if not its cause.
    connection = await asyncpg.connect(database_url)
    await connection.execute("""
        create function have_no_room() returns trigger language plpgsql as $$
        begin
            if (select count(distinct chunk_number) from event_blocks) >= 10 then
                raise exception '%', tg_argv[0] using errcode = 'disk_full';
            end if;
            return null;
        end
        $$
    """)
    no_room = "create trigger no_room before insert on event_blocks for each statement execute function"
    await connection.execute(f"{no_room} have_no_room('{DISK_FULL}')")
    yield connection
    await connection.execute("drop function have_no_room cascade")
    await connection.close()


async def test_a_full_disk_is_told_and_the_import_goes_on_where_it_was_when_started_again(
    api: Api, database: Database, workers: Workers, nmis: list[str], full_disk: asyncpg.Connection
) -> None:
    file = event_file(nmis, rows=10_000, seed=1)
    await workers.start()

    import_id = await started(api, file)
    failed = await api.wait_for_import(import_id)
    kept = await full_disk.fetch("select * from import_checkpoints order by chunk_number")
    await full_disk.execute("drop trigger no_room on event_blocks")
    await api.execute(START, id=import_id)

    assert failed["status"] == "FAILED"
    assert failed["failureReason"] == (
        f"The database would not keep it: {DISK_FULL}. Start the import again to go on from where it is."
    )
    assert len(kept) == 10
    await assert_counted_once(api, database, import_id, file)
    assert await full_disk.fetch("select * from import_checkpoints order by chunk_number limit 10") == kept


async def test_an_object_store_that_stays_away_is_told(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=1_000, seed=2)
    import_id = await started(api, file)
    intake = Intake(database, NoStore(), chunk_bytes=1_024, lease_s=LEASE_S)

    attempts = []
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(ImportInterrupted) as interrupted:
            await intake.run(UUID(import_id), stopping=asyncio.Event())
        attempts.append(interrupted.value.attempt)
    waiting = await until(api, database, import_id, lambda _: True)
    await intake.run(UUID(import_id), stopping=asyncio.Event())
    failed = await api.wait_for_import(import_id)
    await api.execute(START, id=import_id)
    await workers.start()

    assert attempts == list(range(1, MAX_ATTEMPTS))
    assert waiting.status == "RUNNING"
    assert failed["failureReason"] == (
        "The object store was out of reach, time and again. Start the import again to go on from where it is."
    )
    await assert_counted_once(api, database, import_id, file)


async def test_an_import_that_ends_every_worker_is_given_up(api: Api, database: Database, nmis: list[str]) -> None:
    import_id = await started(api, event_file(nmis, rows=1_000, seed=3))
    for _ in range(MAX_ATTEMPTS):
        async with database.transaction() as session:
            await db.import_runs.claim(session, id=UUID(import_id))

    await Intake(database, NoStore(), chunk_bytes=1_024, lease_s=LEASE_S).run(UUID(import_id), stopping=asyncio.Event())

    failed = await api.wait_for_import(import_id)
    assert failed["failureReason"] == "8 workers in a row ended before they got any further with it."
