import asyncio
import errno
import socket

import httpx
import pytest
import uvicorn

from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.object_store import ObjectStore
from graph.settings import StartupError
from graph.web.origins import Pages
from graph.web.server import listening_on, serving
from tests.fixtures.api import API_KEY, WAIT_S


async def test_accepted_connections_have_tcp_nodelay() -> None:
    accepted = asyncio.get_running_loop().create_future()

    with listening_on("127.0.0.1", 0, any_port=False) as listening:
        server = await asyncio.start_server(lambda _, client: accepted.set_result(client), sock=listening)
        _, ours = await asyncio.open_connection(*listening.getsockname())
        theirs = await accepted

        assert theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for each in (ours, theirs, server):
            each.close()


async def test_listed_origins_and_our_own_may_upload_files(
    servers: EmbeddedServers, database_url: str, object_store: ObjectStore
) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    link = await object_store.upload_link("listed", expires_in_s=60)
    listed = Pages(("https://app.example",))

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:

        async def allowed(*origins: str) -> list[str | None]:
            headers = {"access-control-request-method": "PUT"}
            answers = [await browser.options(link, headers={"origin": origin, **headers}) for origin in origins]
            return [answer.headers.get("access-control-allow-origin") for answer in answers]

        async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, pages=listed) as ours:
            port = ours.url.rpartition(":")[2]
            own = [f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
            welcome = await allowed("https://app.example", *own)
            foreign = await allowed("https://evil.example", "http://localhost:1")
        async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False):
            unlisted = await allowed("http://localhost:1")

    assert welcome == ["https://app.example", *own]
    assert foreign == [None, None]
    assert unlisted != [None]


def test_port_in_use_is_an_error_or_replaced_by_a_free_one() -> None:
    with listening_on("127.0.0.1", 0, any_port=False) as taken:
        host, port = taken.getsockname()

        with pytest.raises(StartupError, match=f"Another program listens on {host}:{port}"):
            listening_on(host, port, any_port=False).__enter__()
        with listening_on(host, port, any_port=True) as another:
            assert another.getsockname()[1] != port


async def test_worker_that_cannot_be_started_ends_the_server_with_the_reason(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_more_processes(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", no_more_processes)
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)

    with pytest.raises(StartupError, match=r"The worker process cannot be started: .*temporarily unavailable"):
        async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=True):
            await asyncio.Event().wait()


async def test_server_that_ends_by_itself_ends_the_block_with_the_reason(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end_at_once(_server: uvicorn.Server) -> None:
        pass

    monkeypatch.setattr(uvicorn.Server, "main_loop", end_at_once)
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)

    with pytest.raises(StartupError, match="The API server ended unexpectedly"):
        async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False):
            await asyncio.Event().wait()


async def test_exception_in_the_block_is_raised_unchanged(servers: EmbeddedServers, database_url: str) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)

    with pytest.raises(LookupError, match="of the block"):
        async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False):
            raise LookupError("of the block")
