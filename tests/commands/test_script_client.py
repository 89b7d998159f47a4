"""
The script's client when requests and connections fail.

HTTP requests go to a function of the test, WebSocket connections to a server of the test.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from graph.commands.script.client import MAX_ATTEMPTS, Client, JsonObject, NoResponse, Refused
from graph.commands.script.instructions import ImportReadings
from graph.commands.script.run import execute

SUBSCRIPTION = "subscription ($id: ID!) { onImportProgress(id: $id) { status rowsRead } }"
QUERY = "query ($id: ID!) { getImport(id: $id) { status rowsRead } }"
RUNNING: JsonObject = {"status": "RUNNING", "rowsRead": 1}
COMPLETED: JsonObject = {"status": "COMPLETED", "rowsRead": 2}


def is_completed(state: JsonObject) -> bool:
    return bool(state["status"] == "COMPLETED")


def http_client(*responses: JsonObject) -> httpx.AsyncClient:
    """Return an HTTP client that receives these responses in order."""
    remaining = iter(responses)
    return httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=next(remaining))))


@asynccontextmanager
async def websocket_server(handle: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """Run a WebSocket server, and yield the URL of the API to which it belongs."""
    async with serve(handle, "127.0.0.1", 0, subprotocols=[Subprotocol("graphql-transport-ws")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/graphql"


@asynccontextmanager
async def no_websocket_server() -> AsyncIterator[str]:
    async def never_called(socket: ServerConnection) -> None:
        raise AssertionError

    # A port on which nothing listens any more.
    async with websocket_server(never_called) as url:
        pass
    yield url


async def open_subscription(socket: ServerConnection) -> tuple[JsonObject, JsonObject]:
    """Receive the client's first two messages, with a ping between them."""
    initialised: JsonObject = json.loads(await socket.recv())
    await socket.send('{"type": "ping"}')
    assert json.loads(await socket.recv()) == {"type": "pong"}
    await socket.send('{"type": "connection_ack"}')
    subscribed: JsonObject = json.loads(await socket.recv())
    return initialised, subscribed


async def send_state(socket: ServerConnection, state: JsonObject) -> None:
    await socket.send(json.dumps({"type": "next", "id": "1", "payload": {"data": {"onImportProgress": state}}}))


async def test_each_state_is_reported_until_the_final_one() -> None:
    messages: list[JsonObject] = []
    states: list[JsonObject] = []

    async def handle(socket: ServerConnection) -> None:
        messages.extend(await open_subscription(socket))
        await send_state(socket, RUNNING)
        await send_state(socket, COMPLETED)
        await socket.wait_closed()

    async with websocket_server(handle) as url, http_client() as http:
        client = Client(url, "da2-key", http)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed, on_state=states.append)

    assert last == COMPLETED
    assert states == [RUNNING, COMPLETED]
    assert messages == [
        {"type": "connection_init", "payload": {"x-api-key": "da2-key"}},
        {"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIPTION, "variables": {"id": "7"}}},
    ]


@pytest.mark.parametrize(
    "ending",
    [
        None,
        {"type": "complete", "id": "1"},
        {"type": "error", "id": "1", "payload": [{"message": "Too many subscriptions."}]},
        {"type": "next", "id": "1", "payload": {"data": {"onImportProgress": None}, "errors": [{"message": "Gone."}]}},
    ],
)
async def test_subscription_that_ends_early_is_opened_again_after_a_query_of_the_state(
    ending: JsonObject | None,
) -> None:
    connections: list[int] = []
    states: list[JsonObject] = []
    between: JsonObject = {"status": "RUNNING", "rowsRead": 1_000}

    async def handle(socket: ServerConnection) -> None:
        connections.append(1)
        await open_subscription(socket)
        if len(connections) == 2:
            await send_state(socket, COMPLETED)
            await socket.wait_closed()
            return
        await send_state(socket, RUNNING)
        if ending is not None:
            await socket.send(json.dumps(ending))
            await socket.wait_closed()
        else:
            socket.transport.abort()

    async with websocket_server(handle) as url, http_client({"data": {"getImport": between}}) as http:
        client = Client(url, "da2-key", http, retry_pause_s=0)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed, on_state=states.append)

    assert last == COMPLETED
    assert states == [RUNNING, between, COMPLETED]
    assert len(connections) == 2


async def test_state_is_queried_when_websocket_connections_are_refused() -> None:
    states: list[JsonObject] = []

    async with (
        no_websocket_server() as url,
        http_client({"data": {"getImport": RUNNING}}, {"data": {"getImport": COMPLETED}}) as http,
    ):
        client = Client(url, "da2-key", http, retry_pause_s=0)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed, on_state=states.append)

    assert last == COMPLETED
    assert states == [RUNNING, COMPLETED]


async def test_client_waits_for_a_server_that_restarts() -> None:
    attempts: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        attempts.append(1)
        if len(attempts) == 1:
            raise httpx.ConnectError("refused")
        if len(attempts) == 2:
            return httpx.Response(502, text="Bad Gateway")
        return httpx.Response(200, json={"data": {"getImport": COMPLETED}})

    async with no_websocket_server() as url, httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        client = Client(url, "da2-key", http, retry_pause_s=0)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed)

    assert last == COMPLETED
    assert len(attempts) == 3


async def test_client_gives_up_after_thirty_queries_without_a_response() -> None:
    attempts: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        attempts.append(1)
        raise httpx.ConnectError("refused")

    async with no_websocket_server() as url, httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        client = Client(url, "da2-key", http, retry_pause_s=0)
        with pytest.raises(NoResponse) as refused:
            await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed)

    assert str(refused.value) == f"{url} did not respond: refused"
    assert len(attempts) == 30


async def test_refusal_has_the_error_type_and_error_info() -> None:
    error = {"message": "Imported before.", "errorType": "Conflict", "errorInfo": {"importId": "7"}, "data": None}

    async with http_client({"data": {"startImport": None}, "errors": [error]}) as http:
        with pytest.raises(Refused) as refused:
            await Client("http://127.0.0.1/graphql", "da2-key", http).execute("mutation { startImport }")

    assert str(refused.value) == "Imported before."
    assert refused.value.error_type == "Conflict"
    assert refused.value.error_info == {"importId": "7"}


async def test_request_has_the_api_key_and_the_variables() -> None:
    requests: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append((request.method, str(request.url), request.headers["x-api-key"], json.loads(request.content)))
        return httpx.Response(200, json={"data": {"getImport": RUNNING}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        state = await Client("http://127.0.0.1/graphql", "da2-key", http).execute(QUERY, id="7")

    assert state == RUNNING
    assert requests == [("POST", "http://127.0.0.1/graphql", "da2-key", {"query": QUERY, "variables": {"id": "7"}})]


async def test_readings_are_imported_for_the_park_with_the_given_name(tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_bytes(b"datetime,MW\n2020-06-01 12:00:00,1.5\n")
    counts = {"rowsRead": 1, "rowsImported": 0, "rowsDuplicated": 1, "rowsRejected": 0}
    answers = iter(
        [
            {"getParkByName": {"id": "7"}},
            {"createImport": {"import": {"id": "9"}, "uploadUrl": "http://127.0.0.1/s3/9"}},
            {"startImport": {"id": "9"}},
            {"getImport": {"status": "COMPLETED", "bytesRead": 36.0, "bytesTotal": 36.0, **counts}},
        ]
    )
    requests: list[JsonObject] = []
    put: list[bytes] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            put.append(await request.aread())
            return httpx.Response(200)
        requests.append(json.loads(request.content)["variables"])
        return httpx.Response(200, json={"data": next(answers)})

    async with no_websocket_server() as url, httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        summary = await execute(
            ImportReadings("Lot 1, North", "readings.csv"),
            Client(url, "da2-key", http, retry_pause_s=0),
            tmp_path,
            Console(file=StringIO()),
            tmp_path / "vpp_report.json",
        )

    assert summary == "Imported readings.csv: 1 row read, 0 imported, 1 duplicated, 0 rejected."
    assert requests == [
        {"name": "Lot 1, North"},
        {"input": {"kind": "PARK_READINGS", "fileName": "readings.csv", "parkId": "7"}},
        {"input": {"id": "9"}},
        {"id": "9"},
    ]
    assert put == [b"datetime,MW\n2020-06-01 12:00:00,1.5\n"]


async def test_upload_has_a_content_length_and_no_api_key(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    put: list[httpx.Request] = []

    async def store(request: httpx.Request) -> httpx.Response:
        assert await request.aread() == content
        put.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(store)) as http:
        with path.open("rb") as file:
            await Client("http://127.0.0.1/graphql", "da2-key", http).upload("http://127.0.0.1/s3/7", file)

    assert put[0].method == "PUT"
    assert put[0].headers["content-length"] == "2097152"
    assert "transfer-encoding" not in put[0].headers
    assert "x-api-key" not in put[0].headers


async def test_error_of_an_upload_does_not_contain_the_signed_link(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"")

    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(403, text="Expired"))) as http:
        with path.open("rb") as file, pytest.raises(Refused) as refused:
            await Client("http://127.0.0.1/graphql", "da2-key", http).upload("http://127.0.0.1/?signature=1", file)

    assert str(refused.value) == "The upload failed: HTTP 403 Expired"


@pytest.mark.parametrize(
    ("headers", "waited_s"), [({"retry-after": "7"}, 7), ({}, 3), ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 3)]
)
@pytest.mark.parametrize("status", [429, 503])
async def test_client_retries_after_the_time_in_retry_after(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], waited_s: float
) -> None:
    waits: list[float] = []
    rejection = httpx.Response(status, headers=headers, json={"errors": [{"message": "Later."}]})
    answers = iter([rejection, rejection, httpx.Response(200, json={"data": {"getImport": COMPLETED}})])

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    # Replaced only in the client's module: a server of other tests may call asyncio.sleep in the same event loop.
    monkeypatch.setattr("graph.commands.script.client.asyncio", SimpleNamespace(sleep=wait))
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: next(answers))) as http:
        state = await Client("http://127.0.0.1/graphql", "da2-key", http, retry_pause_s=3).execute(QUERY, id="7")

    assert state == COMPLETED
    assert waits == [waited_s, waited_s]


async def test_client_gives_up_after_the_maximum_number_of_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[httpx.Request] = []

    def reject(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(429, json={"errors": [{"message": "Later.", "errorType": "ThrottlingException"}]})

    async def wait(seconds: float) -> None:
        pass

    # Replaced only in the client's module: a server of other tests may call asyncio.sleep in the same event loop.
    monkeypatch.setattr("graph.commands.script.client.asyncio", SimpleNamespace(sleep=wait))
    async with httpx.AsyncClient(transport=httpx.MockTransport(reject)) as http:
        with pytest.raises(Refused, match="Later"):
            await Client("http://127.0.0.1/graphql", "da2-key", http).execute(QUERY, id="7")

    assert len(requests) == MAX_ATTEMPTS
