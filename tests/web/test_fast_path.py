"""Tests of the fast path: which requests take it, and that its responses equal those of the standard path."""

import asyncio
import gc
import json
import random
import socket
import struct
import weakref
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx import Response
from starlette.types import Receive, Scope, Send

import graph.web.fast_path
import graph.web.server
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.plans.run import planned_response
from graph.protocols.endpoint import Endpoint
from graph.protocols.request_rate import ProcessCounter
from graph.web.connection import HttpProtocol
from graph.web.server import Serving, serving
from tests.fixtures.api import API_KEY, WAIT_S, Api
from tests.fixtures.connections import Connection, open_connection

VPPS = "{ listVpps { items { id name } nextToken } }"
NO_VPP = '{ getVpp(id: "6f9619ff-8b86-4d01-b42d-00c04fc964ff") { name } }'
CALLER = "{ getCaller { name } }"
HEADERS = {"x-api-key": API_KEY, "content-type": "application/json"}
# A header that makes a request take the standard path, and changes nothing else.
USUAL = {"content-encoding": "identity"}


@pytest.fixture
def went_usual_way(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the requests that took the standard path."""
    went: list[str] = []
    usual = Endpoint.__call__

    async def noted(self: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        went.append(scope["method"])
        await usual(self, scope, receive, send)

    monkeypatch.setattr(Endpoint, "__call__", noted)
    return went


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that requests were counted under."""
    counted: list[str] = []
    hit = ProcessCounter.hit

    async def noted(self: ProcessCounter, who: str, at_most: int) -> float:
        counted.append(who)
        return await hit(self, who, at_most)

    monkeypatch.setattr(ProcessCounter, "hit", noted)
    return counted


@pytest.fixture
def answered_when_we_stop(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The arguments of requests on the fast path, none of which is answered before shutdown begins."""
    asked: list[object] = []
    is_stopping, shutdown = asyncio.Event(), HttpProtocol.shutdown

    async def slow(*given: Any) -> bytes | None:
        asked.append(given)
        await is_stopping.wait()
        return await planned_response(*given)

    def noted(self: HttpProtocol) -> None:
        is_stopping.set()
        shutdown(self)

    monkeypatch.setattr(graph.web.fast_path, "planned_response", slow)
    monkeypatch.setattr(HttpProtocol, "shutdown", noted)
    return asked


@pytest.fixture
async def connection(api_server: Serving) -> AsyncIterator[Connection]:
    """A connection to `api_server`."""
    connection = await open_connection(port_of(api_server))
    yield connection
    connection.writer.close()


def port_of(api_server: Serving) -> int:
    return urlsplit(api_server.url).port or 0


async def sent(api: Api, query: str = VPPS, *, variables: Any = None, **headers: str) -> Response:
    """Send a query. An underscore in a header's name stands for a hyphen."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"query": query, "variables": variables})
    return await api.client.post("/graphql", content=body, headers=HEADERS | more)


def request(query: str, *lines: str, first: str = "POST /graphql HTTP/1.1") -> bytes:
    """Return the bytes of a request, with additional header lines."""
    body = json.dumps({"query": query})
    all_lines = [first, "host: 127.0.0.1", *(f"{name}: {value}" for name, value in HEADERS.items()), *lines]
    return "\r\n".join([*all_lines, f"content-length: {len(body)}", "", body]).encode()


@pytest.mark.parametrize(
    "query",
    [
        VPPS,
        NO_VPP,
        'mutation { createVpp(input: {name: "Short", revenuePercentage: 20}) { id name } }',
        'mutation { deleteVpp(input: {id: "6f9619ff-8b86-4d01-b42d-00c04fc964ff"}) { id } }',
    ],
)
async def test_operation_with_a_plan_takes_the_fast_path(
    served_api: Api, went_usual_way: list[str], query: str
) -> None:
    answers = [await sent(served_api, query) for _ in range(2)]

    assert went_usual_way == []
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (CALLER, {}),
        ("{ __schema { queryType { name } } }", {}),
        ("{ listVpps { nothing } }", {}),
        ("{ listVpps(limit: 0) { nextToken } }", {}),
        (VPPS, {"content_type": "text/plain"}),
        (VPPS, {"x_api_key": "wrong"}),
        (VPPS, {"x_api_key": ""}),
        (VPPS, {"accept": "text/event-stream"}),
        (VPPS, {"content_encoding": "identity"}),
        (VPPS, {"connection": "close"}),
        (VPPS, {"origin": "http://localhost:3000"}),
        (VPPS, {"authorization": "AWS4-HMAC-SHA256 Credential=A/20251122/ap-southeast-2/appsync/aws4_request"}),
    ],
)
async def test_unusual_request_takes_the_standard_path(
    served_api: Api, went_usual_way: list[str], query: str, headers: dict[str, str]
) -> None:
    await sent(served_api, query, **headers)

    assert went_usual_way == ["POST"]


@pytest.mark.parametrize(
    "whole",
    [
        request(VPPS, "host: 127.0.0.1"),
        request(VPPS, "connection: keep-alive", first="POST /graphql HTTP/1.0"),
        request(VPPS, first="POST /graphql?a=b HTTP/1.1"),
    ],
)
async def test_request_with_an_unusual_head_takes_the_standard_path(
    connection: Connection, went_usual_way: list[str], whole: bytes
) -> None:
    await connection.send(whole)

    assert (await connection.receive())[0] == "HTTP/1.1 200 OK"
    assert went_usual_way == ["POST"]


async def test_expect_100_continue_is_answered(connection: Connection, went_usual_way: list[str]) -> None:
    await connection.send(request(VPPS, "expect: 100-continue"))

    assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await connection.receive())[0] == "HTTP/1.1 200 OK"
    assert went_usual_way == ["POST"]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip, deflate, br"])
@pytest.mark.parametrize("is_long", [False, True])
async def test_both_paths_give_the_same_response(
    served_api: Api, went_usual_way: list[str], encoding: str, is_long: bool
) -> None:
    names = ", ".join(f"a{number}: name" for number in range(20))
    await served_api.create_vpp(name=f"Long way {encoding} {is_long}", percentage=20)
    went_usual_way.clear()
    query = f"{{ listVpps(limit: 1) {{ items {{ id {names if is_long else ''} }} }} }}"

    short = await sent(served_api, query, accept_encoding=encoding)
    usual = await sent(served_api, query, accept_encoding=encoding, **USUAL)

    assert went_usual_way == ["POST"]
    # Request id and time differ between responses, and so does the length of separately compressed bodies.
    of_each = {"x-amzn-requestid", "date", *(("content-length",) if "gzip" in encoding and is_long else ())}
    assert short.headers.keys() == usual.headers.keys()
    assert {name for name in short.headers if short.headers[name] != usual.headers[name]} <= of_each
    assert short.content == usual.content


async def test_both_paths_give_the_same_errors_of_a_mutation(served_api: Api, went_usual_way: list[str]) -> None:
    document = """mutation ($input: AddBatteryInput!) {
        one: addBattery(input: $input) { id }
        two: createVpp(input: {name: "", revenuePercentage: 20}) { id }
    }"""
    input = {"siteId": "6f9619ff-8b86-4d01-b42d-00c04fc964ff", "manufacturer": "T", "serial": "1", "capacityKwh": 1}

    short = await sent(served_api, document, variables={"input": input})
    usual = await sent(served_api, document, variables={"input": input}, **USUAL)

    assert went_usual_way == ["POST"]
    assert [error["path"] for error in short.json()["errors"]] == [["one"], ["two"]]
    assert short.json() == usual.json()


async def test_failure_on_the_fast_path_is_not_retried(
    served_api: Api, went_usual_way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_given: object) -> bytes:
        raise RuntimeError("after something was changed")

    monkeypatch.setattr(graph.web.fast_path, "planned_response", fails)

    answer = await sent(served_api, VPPS)

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (500, "InternalFailure")
    assert went_usual_way == []


async def test_request_is_counted_once_on_either_path(served_api: Api, counted: list[str]) -> None:
    await sent(served_api)
    await sent(served_api, CALLER)

    assert [who.partition(" ")[0] for who in counted] == ["address", "caller", "address", "caller"]


async def test_request_through_a_proxy_is_counted_by_its_forwarded_address(
    served_api: Api, counted: list[str], went_usual_way: list[str]
) -> None:
    for address in ("203.0.113.7", "203.0.113.8"):
        await sent(served_api, x_forwarded_for=address, x_forwarded_proto="https")

    assert [who for who in counted if "address" in who] == ["address 203.0.113.7", "address 203.0.113.8"]
    assert went_usual_way == []


async def test_body_in_a_separate_segment_takes_the_fast_path(
    connection: Connection, went_usual_way: list[str]
) -> None:
    head, _, body = request(NO_VPP).partition(b"\r\n\r\n")

    await connection.send(head + b"\r\n\r\n", body)

    assert (await connection.receive())[1].startswith('{"data":{"getVpp":null}')
    assert went_usual_way == []


@pytest.mark.parametrize("cuts", [(5,), (60, 70), (-20, -10)])
async def test_request_in_other_segments_is_answered(
    connection: Connection, went_usual_way: list[str], cuts: tuple[int, ...]
) -> None:
    whole = request(NO_VPP)
    split_arguments = [0, *(cut % len(whole) for cut in cuts), len(whole)]

    await connection.send(*(whole[from_:to] for from_, to in pairwise(split_arguments)))

    assert (await connection.receive())[1].startswith('{"data":{"getVpp":null}')
    assert went_usual_way == ["POST"]


async def test_late_body_takes_the_standard_path(
    connection: Connection, went_usual_way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpProtocol, "fast_path_body_timeout_s", 0.01)
    head, _, body = request(NO_VPP).partition(b"\r\n\r\n")

    await connection.send(head + b"\r\n\r\n")
    async with asyncio.timeout(WAIT_S):
        while not went_usual_way:  # noqa: ASYNC110 There is no event to wait for.
            await asyncio.sleep(0.01)
    await connection.send(body)

    assert (await connection.receive())[1].startswith('{"data":{"getVpp":null}')


@pytest.mark.parametrize("at_once", [True, False])
async def test_pipelined_requests_are_answered_in_order(connection: Connection, at_once: bool) -> None:
    queries = [f"{{ a{number}: {query[2:]}" for number, query in enumerate([NO_VPP, CALLER, NO_VPP, NO_VPP, CALLER])]
    requests = [request(query) for query in queries]

    connection.writer.write(b"".join(requests) if at_once else requests[0])
    for each in [] if at_once else requests[1:]:
        await asyncio.sleep(0)
        connection.writer.write(each)
    answers = [json.loads((await connection.receive())[1]) for _ in requests]

    assert [list(answer["data"]) for answer in answers] == [["a0"], ["a1"], ["a2"], ["a3"], ["a4"]]


async def test_requests_in_random_segments_are_answered_in_order(api_server: Serving) -> None:
    chance = random.Random(8)
    # A request for the fast path, one for the standard path, a declined upgrade, and one that is not GraphQL.
    kinds = [NO_VPP, CALLER, NO_VPP, None]

    async def talk(pieces: int, picked: list[int]) -> list[str]:
        whole = b""
        for place, kind in enumerate(picked):
            more = ("connection: upgrade", "upgrade: h2c") if kind == 2 else ()
            query = kinds[kind]
            alive = b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
            whole += alive if query is None else request(f"{{ a{place}: {query[2:]}", *more)
        cuts = [0, *sorted(chance.randrange(len(whole)) for _ in range(pieces)), len(whole)]
        connection = await open_connection(port_of(api_server))
        saying = asyncio.create_task(connection.send(*(whole[from_:to] for from_, to in pairwise(cuts))))
        answers = [(await connection.receive())[1] for _ in picked]
        await saying
        connection.writer.close()
        return answers

    for _ in range(10):
        picks = [chance.choices(range(4), k=chance.randint(1, 8)) for _ in range(10)]
        answers = await asyncio.gather(*(talk(chance.choice([0, 1, 2, 5, 20]), picked) for picked in picks))

        told = [["alive" if "alive" in body else next(iter(json.loads(body)["data"])) for body in of] for of in answers]
        assert told == [["alive" if kind == 3 else f"a{place}" for place, kind in enumerate(each)] for each in picks]


async def test_client_that_disconnects_before_the_response_does_no_harm(api_server: Serving, served_api: Api) -> None:
    for _ in range(20):
        gone = await open_connection(port_of(api_server))
        gone.writer.write(request(NO_VPP))
        gone.writer.close()

    assert (await sent(served_api)).status_code == 200


async def test_more_clients_than_cached_heads_are_answered(
    servers: EmbeddedServers, database_url: str, went_usual_way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph.web.fast_path, "MAX_CACHED_HEADS", 2)
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as ours:
        connection = await open_connection(port_of(ours))
        answers = []
        for number in (1, 2, 3, 1, 2, 3):
            await connection.send(request(NO_VPP, f"x-forwarded-for: 203.0.113.{number}"))
            answers.append((await connection.receive())[0])
        connection.writer.close()

    assert answers == ["HTTP/1.1 200 OK"] * 6
    assert went_usual_way == []


async def test_request_in_flight_is_answered_before_shutdown(
    servers: EmbeddedServers, database_url: str, answered_when_we_stop: list[object]
) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as ours:
        connection = await open_connection(port_of(ours))
        await connection.send(request(NO_VPP))
        async with asyncio.timeout(WAIT_S):
            while not answered_when_we_stop:  # noqa: ASYNC110 There is no event to wait for.
                await asyncio.sleep(0.01)
        # The server is shutting down and could not send the response, so it does not execute this request.
        await connection.send(request(NO_VPP))
    head, body = await connection.receive_all()

    assert "connection: close" in head
    assert body.startswith('{"data":{"getVpp":null}')
    assert await connection.receive_until_closed() == b""
    assert len(answered_when_we_stop) == 1
    connection.writer.close()


async def test_idle_connection_is_closed(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph.web.server, "KEEP_ALIVE_TIMEOUT_S", 1)
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as ours:
        connection = await open_connection(port_of(ours))
        answers = []
        for _ in range(3):
            await connection.send(request(NO_VPP))
            answers.append((await connection.receive())[0])

        assert await connection.receive_until_closed() == b""
        connection.writer.close()

    assert answers == ["HTTP/1.1 200 OK"] * 3


async def test_connection_reset_within_a_request_leaves_no_object_behind(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph.web.server, "KEEP_ALIVE_TIMEOUT_S", 0.1)
    protocols: list[weakref.ref[HttpProtocol]] = []
    made = HttpProtocol.connection_made

    def noted(self: HttpProtocol, transport: asyncio.Transport) -> None:
        protocols.append(weakref.ref(self))
        made(self, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", noted)
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as ours:
        connection = await open_connection(port_of(ours))
        await connection.send(request(NO_VPP))
        await connection.receive()
        await connection.send(request(NO_VPP).partition(b"{")[0])
        # SO_LINGER with a timeout of 0 resets the connection instead of closing it.
        linger = struct.pack("ii", 1, 0)
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.writer.transport.abort()

        async with asyncio.timeout(WAIT_S):
            while protocols[0]() is not None:
                gc.collect()
                await asyncio.sleep(0.01)
