"""Fixtures for tests of failing workers; each module has a database of its own."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest_asyncio

from graph.embedded.servers import EmbeddedServers
from tests.fixtures.api import Api, new_nmi
from tests.fixtures.proxy import Proxy, open_proxy
from tests.fixtures.worker_process import Workers, open_workers


@pytest_asyncio.fixture
async def workers(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Workers]:
    async with open_workers(database_url, servers.object_store) as workers:
        yield workers


@pytest_asyncio.fixture
async def s3(servers: EmbeddedServers) -> AsyncIterator[Proxy]:
    """A proxy to S3 that simulates network faults."""
    async with open_proxy(_s3_port(servers)) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def other_s3(servers: EmbeddedServers) -> AsyncIterator[Proxy]:
    """A second proxy to S3, for a worker whose network fails at another time."""
    async with open_proxy(_s3_port(servers)) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def nmis(api: Api) -> list[str]:
    """The NMIs of three new sites without events."""
    nmis = [new_nmi() for _ in range(3)]
    vpp_id = await api.create_vpp()
    for nmi in nmis:
        await api.create_site(vpp_id, nmi=nmi)
    return nmis


def _s3_port(servers: EmbeddedServers) -> int:
    port = urlsplit(servers.object_store.endpoint_url or "").port
    assert port
    return port
