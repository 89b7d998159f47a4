"""Fixtures for all tests: one Postgres and one S3 server per run, and one database per module."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

import db.migrations
from db.engine.database import Database
from db.engine.notices import Notices
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers, embedded_servers
from graph.object_store import ObjectStore, open_object_store
from graph.operations.documents import Documents
from graph.web.app import application
from graph.web.server import Serving, serving
from graph.worker import Worker
from tests.fixtures.api import API_KEY, WAIT_S, Api
from tests.fixtures.graphql_transport_ws import Socket, open_socket


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a browser and those that need servers, for `-m "not browser"` and `make test-unit`."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "browser" in fixtures:
            item.add_marker("browser")
        if "servers" in fixtures:
            item.add_marker("servers")


TEMPLATE = "template_vpp"
database_numbers = count(1)


@pytest.fixture(scope="session", autouse=True)
def uncached_loggers() -> Iterator[None]:
    """
    Disable structlog's caching of loggers on first use.

    Each command that a test runs configures structlog anew. A cached logger would keep the previous configuration, and
    structlog's `capture_logs` would miss its entries.
    """
    configure = structlog.configure

    def configure_uncached(**options: Any) -> None:
        configure(**options | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_uncached)
        yield


@pytest_asyncio.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServers]:
    async with embedded_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest_asyncio.fixture(scope="session")
async def object_store(servers: EmbeddedServers) -> AsyncIterator[ObjectStore]:
    async with open_object_store(servers.object_store) as store:
        yield store


@pytest_asyncio.fixture(scope="session")
async def template(servers: EmbeddedServers) -> str:
    """The name of a template database: all tables, no rows."""
    await execute(servers, f"create database {TEMPLATE}")
    await asyncio.to_thread(db.migrations.upgrade, url_of(servers, TEMPLATE))
    return TEMPLATE


@pytest_asyncio.fixture(scope="module")
async def database_url(servers: EmbeddedServers, template: str) -> AsyncIterator[str]:
    """The URL of a database that only this module uses; it has no rows at first."""
    name = f"vpp_{next(database_numbers)}"
    await execute(servers, f"create database {name} template {template}")
    yield url_of(servers, name)
    await execute(servers, f"drop database {name} with (force)")


@pytest_asyncio.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    """A transaction that is rolled back after the test."""
    async with database.transaction() as session:
        yield session
        await session.rollback()


@pytest_asyncio.fixture(scope="module")
async def api(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Api]:
    """A client of the API on this module's database, called in process; jobs stay queued unless `worker` is used."""
    async with open_api(servers, database_url, Documents()) as api:
        yield api


@asynccontextmanager
async def open_api(servers: EmbeddedServers, database_url: str, documents: Documents) -> AsyncIterator[Api]:
    """Open the API on a database, with given rules for documents: limits, introspection, a manifest."""
    app = application(
        database_url=database_url,
        object_store=servers.object_store,
        bootstrap_api_key=API_KEY,
        embedded=True,
        documents=documents,
    )
    transport = httpx.ASGITransport(app)
    notices = Notices(database_url)
    async with (
        notices.listening(),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        httpx.AsyncClient(timeout=WAIT_S) as s3,
    ):
        yield Api(client, s3, notices)


@pytest_asyncio.fixture(scope="module")
async def worker(servers: EmbeddedServers, database_url: str) -> AsyncIterator[None]:
    """A worker, in this process, that runs the jobs of this module's database."""
    running_worker = Worker(database_url=database_url, object_store=servers.object_store)
    task = asyncio.create_task(running_worker.run())
    yield
    running_worker.stop()
    await task


@pytest_asyncio.fixture(scope="session")
async def api_server(servers: EmbeddedServers) -> AsyncIterator[Serving]:
    """A server as `vpp serve` starts it: the API on a port, and a worker as a process beside it."""
    infrastructure = Infrastructure(
        servers.database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True
    )
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=True) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def served_api(api_server: Serving, servers: EmbeddedServers) -> AsyncIterator[Api]:
    """A client of `api_server`, called over the network."""
    notices = Notices(servers.database_url)
    async with (
        notices.listening(),
        httpx.AsyncClient(base_url=api_server.url, timeout=WAIT_S) as client,
        httpx.AsyncClient(timeout=WAIT_S) as s3,
    ):
        yield Api(client, s3, notices)


@pytest_asyncio.fixture
async def served_database(servers: EmbeddedServers) -> AsyncIterator[Database]:
    """The database of `api_server`."""
    database = Database(servers.database_url)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def socket(api_server: Serving) -> AsyncIterator[Socket]:
    """A WebSocket to `api_server`, for graphql-transport-ws."""
    async with open_socket(api_server.url, {"x-api-key": API_KEY}) as socket:
        yield socket


def url_of(servers: EmbeddedServers, name: str) -> str:
    return f"{servers.database_url.rsplit('/', 1)[0]}/{name}"


async def execute(servers: EmbeddedServers, statement: str) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(statement)
    await connection.close()
