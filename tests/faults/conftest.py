"""Workers that fail, on a database of the module's own."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest_asyncio

from graph.embedded.servers import EmbeddedServers
from tests.fixtures.api import Api, new_nmi
from tests.fixtures.proxy import Proxy, proxy_before
from tests.fixtures.worker_process import Workers, workers_on


@pytest_asyncio.fixture
async def workers(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Workers]:
    async with workers_on(database_url, servers.object_store) as workers:
        yield workers


@pytest_asyncio.fixture
async def s3(servers: EmbeddedServers) -> AsyncIterator[Proxy]:
    """A way to S3 that can be made to fail."""
    async with proxy_before(_port_of_s3(servers)) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def other_s3(servers: EmbeddedServers) -> AsyncIterator[Proxy]:
    """Another way to S3, that fails when the first one does not."""
    async with proxy_before(_port_of_s3(servers)) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def nmis(api: Api) -> list[str]:
    """The NMIs of three sites that have no events yet."""
    nmis = [new_nmi() for _ in range(3)]
    vpp_id = await api.create_vpp()
    for nmi in nmis:
        await api.create_site(vpp_id, nmi=nmi)
    return nmis


def _port_of_s3(servers: EmbeddedServers) -> int:
    port = urlsplit(servers.object_store.endpoint_url or "").port
    assert port
    return port
