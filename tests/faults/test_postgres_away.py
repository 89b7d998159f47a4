"""Workers and an API whose Postgres stops and starts again."""

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
from tests.fixtures.proxy import Proxy, open_proxy
from tests.fixtures.watching import assert_events_count_once, start_import, wait_until_read
from tests.fixtures.worker_process import Workers

CONNECTION_LOST = "Lost the connection to the job queue; reconnecting"


class Postgres:
    """A Postgres server of this module, behind a proxy, so that its address stays the same after a restart."""

    def __init__(self, data_dir: Path, proxy: Proxy) -> None:
        self._data_dir = data_dir
        self._proxy = proxy
        self._running = AsyncExitStack()

    async def start(self) -> str:
        url = await self._running.enter_async_context(running_postgres(self._data_dir, servers_account(self._data_dir)))
        port = urlsplit(url).port
        assert port
        self._proxy.target_port = port
        return url.replace(f":{port}/", f":{self._proxy.port}/")

    async def stop(self) -> None:
        await self._running.aclose()


@pytest_asyncio.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    async with open_proxy(0) as proxy:
        postgres = Postgres(tmp_path_factory.mktemp("postgres"), proxy)
        yield postgres
        await postgres.stop()


@pytest_asyncio.fixture(scope="module")
async def database_url(postgres: Postgres) -> str:
    """The URL of the database of this module's API and workers."""
    url = await postgres.start()
    await asyncio.to_thread(db.migrations.upgrade, url)
    return url


async def test_import_resumes_when_postgres_is_back(
    api: Api, database: Database, postgres: Postgres, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=20_000, seed=1)
    worker = await workers.start()
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, len(file.content) / 4)

    await postgres.stop()
    await worker.wait_for_log(CONNECTION_LOST)
    await postgres.start()

    await assert_events_count_once(api, database, import_id, file)


async def test_idle_or_starting_worker_waits_for_postgres(
    api: Api, database: Database, postgres: Postgres, workers: Workers, nmis: list[str]
) -> None:
    first, second = event_file(nmis, rows=1_000, seed=2), event_file(nmis, rows=1_000, seed=3)
    idle = await workers.start()
    await assert_events_count_once(api, database, await start_import(api, first), first)
    await postgres.stop()
    starting = await workers.start()
    await idle.wait_for_log(CONNECTION_LOST)
    await starting.wait_for_log(CONNECTION_LOST)
    await postgres.start()

    await idle.kill()
    await assert_events_count_once(api, database, await start_import(api, second), second)
    report = await api.settle_month(await api.create_vpp(), "2025-09")

    assert report["status"] == "READY"
