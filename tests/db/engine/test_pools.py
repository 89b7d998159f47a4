"""Each connection pool opens at most as many connections as it is configured to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import select, text

from db.engine.database import ADVISORY_LOCK, Database, take_advisory_lock
from db.engine.statements import CompiledStatement
from graph.embedded.servers import EmbeddedServers
from graph.settings import DatabaseSettings
from graph.web.app import application
from graph.worker import Worker
from tests.fixtures.api import API_KEY

SETTINGS = DatabaseSettings(pool_size=3, read_pool_size=4, write_pool_size=5, worker_pool_size=6)

PID = CompiledStatement(text("select pg_backend_pid() as pid"))
WAIT_FOR_LOCK = CompiledStatement(text(f"select pg_backend_pid() as pid from {ADVISORY_LOCK}"))  # noqa: S608 A constant.
BLOCKED = text("pid from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")


@asynccontextmanager
async def read_connection(database: Database) -> AsyncIterator[int]:
    async with database.read_connection() as connection:
        (row,) = await connection.rows(PID, {})
        yield row.pid


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[int]:
    async with database.transaction() as session:
        yield await session.scalar(text("select pg_backend_pid()"))


@pytest.mark.parametrize(
    ("sizes", "connect"), [({"read_pool_size": 2}, read_connection), ({"pool_size": 2}, transaction)]
)
async def test_a_caller_beyond_the_pool_size_waits_for_a_free_connection(
    database: Database, database_url: str, sizes: Any, connect: Any
) -> None:
    pooled = Database(database_url, **sizes)

    async def pid() -> int:
        connection: AbstractAsyncContextManager[int] = connect(pooled)
        async with connection as pid:
            return pid

    async with AsyncExitStack() as stack:
        pids = {await stack.enter_async_context(connect(pooled)) for _ in range(2)}
        third = asyncio.create_task(pid())
        # A round trip on another pool gives the third caller more time than a connection would take.
        for _ in range(10):
            await database.row(text("select 1"))
        assert not third.done()
    await third
    await pooled.close()

    assert len(pids) == 2
    assert third.result() in pids


async def test_concurrent_single_statement_writes_use_at_most_the_write_pool(
    database: Database, database_url: str
) -> None:
    pooled = Database(database_url, write_pool_size=2)
    async with database.transaction() as session:
        await take_advisory_lock(session, "a lock")
        writes = [asyncio.create_task(pooled.execute_write(WAIT_FOR_LOCK, {"lock_name": "a lock"})) for _ in range(5)]
        while len(blocked := await database.rows(select(BLOCKED))) < 2:
            assert not any(write.done() for write in writes)
        for _ in range(10):
            blocked = await database.rows(select(BLOCKED))
    pids = {row.pid for rows in await asyncio.gather(*writes) for row in rows}
    await pooled.close()

    assert pids == {row.pid for row in blocked}
    assert len(pids) == 2


async def test_the_api_uses_the_pool_sizes_of_its_settings(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Mock(wraps=Database)
    monkeypatch.setattr("graph.web.app.Database", opened)
    addresses: dict[str, Any] = {"database_url": database_url, "object_store": servers.object_store}
    app = application(**addresses, bootstrap_api_key=API_KEY, embedded=True, database_settings=SETTINGS)

    async with app.router.lifespan_context(app):
        pass

    sizes = {name: value for name, value in opened.call_args.kwargs.items() if name.endswith("pool_size")}
    assert sizes == {"pool_size": 3, "read_pool_size": 4, "write_pool_size": 5}


async def test_a_worker_uses_the_pool_size_of_its_settings(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Mock(wraps=Database)
    monkeypatch.setattr("graph.worker.Database", opened)
    worker = Worker(database_url=database_url, object_store=servers.object_store, database_settings=SETTINGS)

    worker.stop()
    await worker.run()

    assert opened.call_args.kwargs == {"pool_size": 6}
