"""Fixtures for the tests with published clients: a server with TLS, a signing key, and an import to follow."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure, own_certificate
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.fixtures.api import API_KEY, Api, new_nmi
from tests.fixtures.signing import SigningKey, new_signing_key


@dataclass(frozen=True)
class TlsServer:
    """A server's https URL, and the certificate authority that its certificate is signed by."""

    url: str
    authority: Path


@pytest_asyncio.fixture(scope="session")
async def tls_server(
    api_server: Serving, servers: EmbeddedServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TlsServer]:
    """A second server, as `vpp serve --tls` starts it. It has no worker: that of `api_server` runs its jobs."""
    infrastructure = Infrastructure(
        servers.database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True
    )
    certificate = own_certificate(tmp_path_factory.mktemp("tls"), host="127.0.0.1")
    assert certificate.authority_file
    async with serving(
        infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, certificate=certificate
    ) as server:
        yield TlsServer(server.url, certificate.authority_file)


@pytest_asyncio.fixture
async def signing_key(served_api: Api, served_database: Database) -> SigningKey:
    """An access key for signing requests."""
    return await new_signing_key(served_api, served_database)


@pytest_asyncio.fixture
async def import_id(served_api: Api) -> str:
    """The id of an import of one event, which is uploaded and not yet started."""
    return await uploaded_event(served_api)


async def uploaded_event(api: Api) -> str:
    """Upload a file with one event, and return the id of its import."""
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi)
    return await api.upload(f"nmi,date,event_type,energy,tariff\n{nmi},2025-09-03,DISCHARGE,5,35\n")
