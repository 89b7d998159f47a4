"""Postgres that is stopped, and comes back, under workers and an API that go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

import db.migrations
from db.engine.database import Database
from graph.embedded.postgres import running_postgres
from graph.embedded.process import servers_account
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.proxy import Proxy, proxy_before
from tests.fixtures.watching import assert_counted_once, started, until_read
from tests.fixtures.worker_process import Workers

OUT_OF_REACH = "Lost the connection to the job queue; reconnecting"


class Postgres:
    """A server of the module's own, found at the same address however often it is started."""

    def __init__(self, data_dir: Path, way: Proxy) -> None:
        self._data_dir = data_dir
        self._way = way
        self._running = AsyncExitStack()

    async def start(self) -> str:
        url = await self._running.enter_async_context(running_postgres(self._data_dir, servers_account(self._data_dir)))
        port = urlsplit(url).port
        assert port
        self._way.target_port = port
        return url.replace(f":{port}/", f":{self._way.port}/")

    async def stop(self) -> None:
        await self._running.aclose()


@pytest_asyncio.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    async with proxy_before(0) as way:
        postgres = Postgres(tmp_path_factory.mktemp("postgres"), way)
        yield postgres
        await postgres.stop()


@pytest_asyncio.fixture(scope="module")
async def database_url(postgres: Postgres) -> str:
    """The address of the database that this module's API and workers use."""
    url = await postgres.start()
    await asyncio.to_thread(db.migrations.upgrade, url)
    return url


async def test_an_import_goes_on_when_postgres_is_back(
    api: Api, database: Database, postgres: Postgres, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=20_000, seed=1)
    worker = await workers.start()
    import_id = await started(api, file)
    await until_read(api, database, import_id, len(file.content) / 4)

    await postgres.stop()
    await worker.says(OUT_OF_REACH)
    await postgres.start()

    await assert_counted_once(api, database, import_id, file)


async def test_a_worker_that_is_idle_or_only_starting_waits_for_postgres(
    api: Api, database: Database, postgres: Postgres, workers: Workers, nmis: list[str]
) -> None:
    first, second = event_file(nmis, rows=1_000, seed=2), event_file(nmis, rows=1_000, seed=3)
    idle = await workers.start()
    await assert_counted_once(api, database, await started(api, first), first)
    await postgres.stop()
    starting = await workers.start()
    await idle.says(OUT_OF_REACH)
    await starting.says(OUT_OF_REACH)
    await postgres.start()

    await idle.kill()
    await assert_counted_once(api, database, await started(api, second), second)
    report = await api.settle_month(await api.create_vpp(), "2025-09")

    assert report["status"] == "READY"
