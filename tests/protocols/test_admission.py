"""One admission for all protocols: rates, documents, concurrency and open subscriptions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.operations.documents import Documents
from graph.protocols.request_rate import RequestRate, TooManyRequests
from graph.protocols.websocket import SocketTimeouts
from graph.settings import Limits
from graph.web.server import serving
from tests.fixtures.api import API_KEY, WAIT_S, new_name
from tests.fixtures.appsync_realtime import open_realtime_socket
from tests.fixtures.graphql_transport_ws import open_socket

HEADERS = {"x-api-key": API_KEY}
CALLER = "{ getCaller { name } }"
REPORTS = "subscription { onRevenueReport { id } }"
CREATE_VPP = "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { name } }"
TOO_MANY_SUBSCRIPTIONS = "The caller has 1 open subscriptions on this server, and may have no more; end some of them."


@asynccontextmanager
async def server_with(
    servers: EmbeddedServers, database_url: str, *, timeouts: SocketTimeouts | None = None, **limits: Any
) -> AsyncIterator[str]:
    """Serve the API with other limits, and return its address."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with (
        asyncio.timeout(WAIT_S),
        serving(
            infrastructure,
            host="127.0.0.1",
            port=0,
            any_port=True,
            worker=False,
            documents=Documents(Limits(**limits)),
            timeouts=timeouts,
        ) as server,
    ):
        yield server.url


@asynccontextmanager
async def event_stream(url: str, document: str) -> AsyncIterator[httpx.Response]:
    """Send an operation whose results are server-sent events."""
    headers = HEADERS | {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=url, timeout=WAIT_S) as client,
        client.stream("POST", "/graphql", json={"query": document}, headers=headers) as response,
    ):
        yield response


@pytest_asyncio.fixture
async def locked_vpps(database: Database) -> AsyncIterator[asyncio.Event]:
    """Lock the table of VPPs, so that a create waits, until the event is set."""
    locked, unlock = asyncio.Event(), asyncio.Event()

    async def lock() -> None:
        async with database.transaction() as session:
            await session.execute(text("lock table vpps in access exclusive mode"))
            locked.set()
            await unlock.wait()

    task = asyncio.create_task(lock())
    await locked.wait()
    yield unlock
    unlock.set()
    await task


async def test_queries_over_a_websocket_count_among_concurrent_operations(
    servers: EmbeddedServers, database_url: str, locked_vpps: asyncio.Event
) -> None:
    async with (
        server_with(servers, database_url, concurrent_operations=1, queued_operations=0) as url,
        open_socket(url, HEADERS) as socket,
    ):
        payload = {"query": CREATE_VPP, "variables": {"name": new_name()}}
        await socket.send({"id": "slow", "type": "subscribe", "payload": payload})
        await socket.send({"id": "refused", "type": "subscribe", "payload": {"query": CALLER}})
        refused = await socket.receive()
        locked_vpps.set()
        created, completed = await socket.receive(), await socket.receive()
        again = [result async for result in socket.subscribe(CALLER)]

    message = (
        "The server is running its maximum number of concurrent operations, and 0 more are waiting;"
        " try again in a moment."
    )
    error = {"message": message, "errorType": "ServiceUnavailableException"}
    assert refused == {"id": "refused", "type": "error", "payload": [error]}
    assert [created["id"], created["type"], completed["type"]] == ["slow", "next", "complete"]
    assert [result["data"] for result in again] == [{"getCaller": {"name": "bootstrap"}}]


async def test_a_cancelled_query_over_a_websocket_gives_its_slot_back(
    servers: EmbeddedServers, database_url: str, locked_vpps: asyncio.Event
) -> None:
    async with (
        server_with(servers, database_url, concurrent_operations=1, queued_operations=1) as url,
        open_socket(url, HEADERS) as socket,
    ):
        payload = {"query": CREATE_VPP, "variables": {"name": new_name()}}
        await socket.send({"id": "cancelled", "type": "subscribe", "payload": payload})
        await socket.send({"id": "cancelled", "type": "complete"})
        results = [result async for result in socket.subscribe(CALLER)]

    assert [result["data"] for result in results] == [{"getCaller": {"name": "bootstrap"}}]


async def test_open_subscriptions_are_limited_over_all_protocols(servers: EmbeddedServers, database_url: str) -> None:
    async with server_with(servers, database_url, subscriptions=1) as url:
        async with open_socket(url, HEADERS) as socket, open_realtime_socket(url) as realtime:
            await socket.send({"id": "first", "type": "subscribe", "payload": {"query": REPORTS}})
            await socket.send({"type": "ping"})
            await socket.receive()

            await realtime.start(REPORTS)
            over_appsync = await realtime.receive()
            async with event_stream(url, REPORTS) as response:
                over_http = response.status_code, (await response.aread(), response.json()["message"])[1]

            await socket.send({"id": "first", "type": "complete"})
            await socket.send({"type": "ping"})
            await socket.receive()
            async with event_stream(url, REPORTS) as response:
                after_the_first_ended = response.status_code
        async with open_socket(url, HEADERS) as socket:
            await socket.send({"id": "second", "type": "subscribe", "payload": {"query": REPORTS}})
            await socket.send({"type": "ping"})
            after_the_stream_was_closed = await socket.receive()

    (error,) = over_appsync["payload"]["errors"]
    assert (error["errorType"], error["message"]) == ("MaxSubscriptionsReachedError", TOO_MANY_SUBSCRIPTIONS)
    assert over_http == (429, TOO_MANY_SUBSCRIPTIONS)
    assert after_the_first_ended == 200
    assert after_the_stream_was_closed == {"type": "pong"}


async def test_an_event_stream_ends_after_its_maximum_age_without_complete(
    servers: EmbeddedServers, database_url: str
) -> None:
    timeouts = SocketTimeouts(open_s=0.2)
    async with (
        server_with(servers, database_url, timeouts=timeouts) as url,
        event_stream(url, REPORTS) as response,
    ):
        text_of_stream = (await response.aread()).decode()

    assert response.status_code == 200
    assert "complete" not in text_of_stream


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:db8::1", "2001:db8:0:0:ffff::1"),
        ("2001:db8::1%eth0", "2001:db8::2"),
        ("a:b:c", "not an address"),
    ],
)
async def test_notations_and_neighbours_of_an_address_share_its_rate_limit(first: str, second: str) -> None:
    rate = RequestRate(Limits(address_requests_per_minute=1))
    await rate.count_address((first, 1))

    with pytest.raises(TooManyRequests):
        await rate.count_address((second, 1))


async def test_ipv4_clients_behind_a_dual_stack_proxy_have_rate_limits_of_their_own() -> None:
    rate = RequestRate(Limits(address_requests_per_minute=1))
    await rate.count_address(("::ffff:192.0.2.1", 1))

    await rate.count_address(("::ffff:192.0.2.2", 1))
