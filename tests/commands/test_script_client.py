"""
The script's client where the network fails it: HTTP is answered by a function, sockets by a server of this test.
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

from graph.commands.script.client import MOST_PUT_OFF, Client, Object, Refused, Unanswered
from graph.commands.script.instructions import ImportReadings
from graph.commands.script.run import carry_out

SUBSCRIPTION = "subscription ($id: ID!) { onImportProgress(id: $id) { status rowsRead } }"
QUERY = "query ($id: ID!) { getImport(id: $id) { status rowsRead } }"
RUNNING: Object = {"status": "RUNNING", "rowsRead": 1}
COMPLETED: Object = {"status": "COMPLETED", "rowsRead": 2}


def is_completed(state: Object) -> bool:
    return bool(state["status"] == "COMPLETED")


def answering(*answers: Object) -> httpx.AsyncClient:
    """
    Make an HTTP client that is given these answers to its questions, and no more.
    """
    left = iter(answers)
    return httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=next(left))))


@asynccontextmanager
async def listening(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """
    Serve sockets that each get a talk, on a port of their own, and return the address as the script is told it.
    """
    async with serve(talk, "127.0.0.1", 0, subprotocols=[Subprotocol("graphql-transport-ws")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/graphql"


@asynccontextmanager
async def not_listening() -> AsyncIterator[str]:
    async def answer_no_one(socket: ServerConnection) -> None:
        raise AssertionError

    # A port that was free a moment ago.
    async with listening(answer_no_one) as url:
        pass
    yield url


async def open_subscription(socket: ServerConnection) -> tuple[Object, Object]:
    """
    Take the client's two first messages, with a ping between them.
    """
    initialised: Object = json.loads(await socket.recv())
    await socket.send('{"type": "ping"}')
    assert json.loads(await socket.recv()) == {"type": "pong"}
    await socket.send('{"type": "connection_ack"}')
    subscribed: Object = json.loads(await socket.recv())
    return initialised, subscribed


async def tell(socket: ServerConnection, state: Object) -> None:
    await socket.send(json.dumps({"type": "next", "id": "1", "payload": {"data": {"onImportProgress": state}}}))


async def test_each_state_is_seen_until_the_last() -> None:
    told: list[Object] = []
    seen: list[Object] = []

    async def talk(socket: ServerConnection) -> None:
        told.extend(await open_subscription(socket))
        await tell(socket, RUNNING)
        await tell(socket, COMPLETED)
        await socket.wait_closed()

    async with listening(talk) as url, answering() as http:
        client = Client(url, "da2-key", http)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed, seen=seen.append)

    assert last == COMPLETED
    assert seen == [RUNNING, COMPLETED]
    assert told == [
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
async def test_a_subscription_that_ends_early_is_opened_again_and_the_state_read_between(ending: Object | None) -> None:
    talks: list[int] = []
    seen: list[Object] = []
    between: Object = {"status": "RUNNING", "rowsRead": 1_000}

    async def talk(socket: ServerConnection) -> None:
        talks.append(1)
        await open_subscription(socket)
        if len(talks) == 2:
            await tell(socket, COMPLETED)
            await socket.wait_closed()
            return
        await tell(socket, RUNNING)
        if ending is not None:
            await socket.send(json.dumps(ending))
            await socket.wait_closed()
        else:
            socket.transport.abort()

    async with listening(talk) as url, answering({"data": {"getImport": between}}) as http:
        client = Client(url, "da2-key", http, pause_s=0)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed, seen=seen.append)

    assert last == COMPLETED
    assert seen == [RUNNING, between, COMPLETED]
    assert len(talks) == 2


async def test_where_there_are_no_sockets_the_state_is_asked_for() -> None:
    seen: list[Object] = []

    async with (
        not_listening() as url,
        answering({"data": {"getImport": RUNNING}}, {"data": {"getImport": COMPLETED}}) as http,
    ):
        client = Client(url, "da2-key", http, pause_s=0)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed, seen=seen.append)

    assert last == COMPLETED
    assert seen == [RUNNING, COMPLETED]


async def test_a_server_that_starts_again_is_waited_for() -> None:
    attempts: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        attempts.append(1)
        if len(attempts) == 1:
            raise httpx.ConnectError("refused")
        if len(attempts) == 2:
            return httpx.Response(502, text="Bad Gateway")
        return httpx.Response(200, json={"data": {"getImport": COMPLETED}})

    async with not_listening() as url, httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = Client(url, "da2-key", http, pause_s=0)
        last = await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed)

    assert last == COMPLETED
    assert len(attempts) == 3


async def test_a_server_that_stays_away_is_given_up() -> None:
    attempts: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        attempts.append(1)
        raise httpx.ConnectError("refused")

    async with not_listening() as url, httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = Client(url, "da2-key", http, pause_s=0)
        with pytest.raises(Unanswered) as refused:
            await client.follow(SUBSCRIPTION, QUERY, "7", until=is_completed)

    assert str(refused.value) == f"{url} did not answer: refused"
    assert len(attempts) == 30


async def test_a_refusal_keeps_its_type_and_what_a_program_needs() -> None:
    error = {"message": "Imported before.", "errorType": "Conflict", "errorInfo": {"importId": "7"}, "data": None}

    async with answering({"data": {"startImport": None}, "errors": [error]}) as http:
        with pytest.raises(Refused) as refused:
            await Client("http://127.0.0.1/graphql", "da2-key", http).ask("mutation { startImport }")

    assert str(refused.value) == "Imported before."
    assert refused.value.error_type == "Conflict"
    assert refused.value.error_info == {"importId": "7"}


async def test_a_question_carries_the_key_and_its_variables() -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, str(request.url), request.headers["x-api-key"], json.loads(request.content)))
        return httpx.Response(200, json={"data": {"getImport": RUNNING}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        state = await Client("http://127.0.0.1/graphql", "da2-key", http).ask(QUERY, id="7")

    assert state == RUNNING
    assert asked == [("POST", "http://127.0.0.1/graphql", "da2-key", {"query": QUERY, "variables": {"id": "7"}})]


async def test_readings_go_up_as_those_of_the_park_that_was_found(tmp_path: Path) -> None:
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
    asked: list[Object] = []
    put: list[bytes] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            put.append(await request.aread())
            return httpx.Response(200)
        asked.append(json.loads(request.content)["variables"])
        return httpx.Response(200, json={"data": next(answers)})

    async with not_listening() as url, httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        done = await carry_out(
            ImportReadings("Lot 1, North", "readings.csv"),
            Client(url, "da2-key", http, pause_s=0),
            tmp_path,
            Console(file=StringIO()),
            tmp_path / "vpp_report.json",
        )

    assert done == "Imported readings.csv: 1 row read, 0 imported, 1 duplicated, 0 rejected."
    assert asked == [
        {"name": "Lot 1, North"},
        {"input": {"kind": "PARK_READINGS", "fileName": "readings.csv", "parkId": "7"}},
        {"input": {"id": "9"}},
        {"id": "9"},
    ]
    assert put == [b"datetime,MW\n2020-06-01 12:00:00,1.5\n"]


async def test_an_upload_tells_its_length_and_keeps_the_key_to_itself(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    put: list[httpx.Request] = []

    async def take(request: httpx.Request) -> httpx.Response:
        assert await request.aread() == content
        put.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(take)) as http:
        with path.open("rb") as file:
            await Client("http://127.0.0.1/graphql", "da2-key", http).upload("http://127.0.0.1/s3/7", file)

    assert put[0].method == "PUT"
    assert put[0].headers["content-length"] == "2097152"
    assert "transfer-encoding" not in put[0].headers
    assert "x-api-key" not in put[0].headers


async def test_a_refused_upload_is_told_without_its_signed_link(tmp_path: Path) -> None:
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
async def test_who_is_told_to_come_again_waits_and_does(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], waited_s: float
) -> None:
    waits: list[float] = []
    put_off = httpx.Response(status, headers=headers, json={"errors": [{"message": "Later."}]})
    answers = iter([put_off, put_off, httpx.Response(200, json={"data": {"getImport": COMPLETED}})])

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    # The client's alone: a server of other tests may be sleeping in this very loop.
    monkeypatch.setattr("graph.commands.script.client.asyncio", SimpleNamespace(sleep=wait))
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: next(answers))) as http:
        state = await Client("http://127.0.0.1/graphql", "da2-key", http, pause_s=3).ask(QUERY, id="7")

    assert state == COMPLETED
    assert waits == [waited_s, waited_s]


async def test_who_is_told_to_come_again_too_often_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Request] = []

    def put_off(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(429, json={"errors": [{"message": "Later.", "errorType": "ThrottlingException"}]})

    async def wait(seconds: float) -> None:
        pass

    # The client's alone: a server of other tests may be sleeping in this very loop.
    monkeypatch.setattr("graph.commands.script.client.asyncio", SimpleNamespace(sleep=wait))
    async with httpx.AsyncClient(transport=httpx.MockTransport(put_off)) as http:
        with pytest.raises(Refused, match="Later"):
            await Client("http://127.0.0.1/graphql", "da2-key", http).ask(QUERY, id="7")

    assert len(asked) == MOST_PUT_OFF
