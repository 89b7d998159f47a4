"""Tests of AppSync's real-time protocol over a WebSocket, message by message."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
import uvicorn
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graph.embedded.servers import EmbeddedServers
from graph.protocols.websocket import MAX_SUBSCRIPTIONS, SocketTimeouts
from graph.web.app import application
from graph.web.server import Serving, listening_on
from tests.fixtures.api import API_KEY, Api
from tests.fixtures.appsync_realtime import (
    ACK,
    HEADERS,
    KEEP_ALIVE,
    RealtimeSocket,
    connect_realtime,
    encode_headers,
    open_realtime_socket,
)

IMPORT = "subscription ($id: ID!) { onImportProgress(id: $id) { id status } }"
REPORTS = "subscription { onRevenueReport { id } }"
CREATE_KEY = """
    mutation ($expiresAt: AWSDateTime) {
        createApiKey(input: {name: "a dashboard", role: READER, expiresAt: $expiresAt}) { secret apiKey { id } }
    }
"""
REVOKED = {
    "errorType": "UnauthorizedException",
    "message": "The API key or token has expired or was revoked.",
    "errorCode": 401,
}


@pytest_asyncio.fixture
async def realtime_socket(api_server: Serving) -> AsyncIterator[RealtimeSocket]:
    async with open_realtime_socket(api_server.url) as socket:
        yield socket


@pytest_asyncio.fixture(scope="module")
async def short_timeouts_url(servers: EmbeddedServers) -> AsyncIterator[str]:
    """The URL of a server with short timeouts of its sockets."""
    app = application(
        database_url=servers.database_url,
        object_store=servers.object_store,
        bootstrap_api_key=API_KEY,
        embedded=True,
        timeouts=SocketTimeouts(to_initialise_s=1, idle_s=1, keep_alive_s=0.01),
    )
    with listening_on("127.0.0.1", 0, any_port=False) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio", lifespan="on"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


async def create_import(api: Api) -> str:
    create = """
        mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "events.csv"}) { import { id } } }
    """
    id: str = (await api.execute(create))["import"]["id"]
    return id


def error_of(id: str, error_type: str, message: str, code: int = 400) -> dict[str, Any]:
    error = {"errorType": error_type, "message": message, "errorCode": code}
    return {"type": "error", "id": id, "payload": {"errors": [error]}}


@pytest.mark.parametrize("path", ["/graphql", "/graphql/realtime"])
@pytest.mark.parametrize(
    ("protocols", "query", "headers"),
    [
        ([f"header-{encode_headers(HEADERS)}"], "", {}),
        ([f"header-{encode_headers({'X-API-KEY': API_KEY})}"], "", {}),
        ([f"header-{encode_headers({'Authorization': API_KEY})}"], "?x-extra=1", {}),
        ([], f"?header={encode_headers(HEADERS)}&payload=e30=", {}),
        ([], f"?header={base64.b64encode(json.dumps(HEADERS).encode()).decode()}&payload=e30=", {}),
        ([], "", {"x-api-key": API_KEY}),
    ],
)
async def test_credentials_are_accepted_in_a_subprotocol_the_url_or_a_header(
    api_server: Serving, path: str, protocols: list[str], query: str, headers: dict[str, str]
) -> None:
    offered = [Subprotocol(each) for each in ["graphql-ws", *protocols]]
    url = f"{api_server.url.replace('http', 'ws', 1)}{path}{query}"

    async with connect(url, subprotocols=offered, additional_headers=headers) as connection:
        await connection.send('{"type": "connection_init"}')

        assert connection.subprotocol == "graphql-ws"
        assert [json.loads(await connection.recv()), json.loads(await connection.recv())] == [ACK, KEEP_ALIVE]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing API key: send it as the header x-api-key."),
        (
            {"x-api-key": "da2-wrong"},
            "You are not authorized to make this call: the API key is unknown, expired or revoked.",
        ),
    ],
)
async def test_unknown_caller_receives_connection_error_and_the_socket_is_closed(
    api_server: Serving, headers: dict[str, str], message: str
) -> None:
    async with connect_realtime(api_server.url, headers=headers) as socket:
        await socket.send({"type": "connection_init"})

        error = {"errorType": "UnauthorizedException", "message": message, "errorCode": 401}
        assert await socket.receive() == {"type": "connection_error", "payload": {"errors": [error]}}
        assert await socket.wait_closed() == (4401, "Unauthorized")


@pytest.mark.parametrize("header", ["header-", "header-5", "header-e30", "header-!!", "header-W10"])
async def test_malformed_header_subprotocol_counts_as_no_credentials(api_server: Serving, header: str) -> None:
    offered = [Subprotocol("graphql-ws"), Subprotocol(header)]
    async with connect(
        f"{api_server.url.replace('http', 'ws', 1)}/graphql/realtime", subprotocols=offered
    ) as connection:
        await connection.send('{"type": "connection_init"}')

        assert json.loads(await connection.recv())["type"] == "connection_error"


async def test_messages_before_connection_init_are_ignored(api_server: Serving, served_api: Api) -> None:
    async with connect_realtime(api_server.url) as socket:
        await socket.start(IMPORT, id=await create_import(served_api))
        await socket.send({"type": "stop", "id": "1"})
        await socket.send({"type": "connection_init"})

        assert await socket.receive() == ACK


async def test_subscription_is_acknowledged_receives_states_and_ends_on_stop(
    served_api: Api, realtime_socket: RealtimeSocket
) -> None:
    import_id = await create_import(served_api)

    id = await realtime_socket.start(IMPORT, id=import_id)
    began = [await realtime_socket.receive(), await realtime_socket.receive()]
    await served_api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=import_id)
    cancelled = await realtime_socket.receive()
    await realtime_socket.send({"type": "stop", "id": id})
    ended = await realtime_socket.receive()

    def data(status: str) -> dict[str, Any]:
        progress = {"onImportProgress": {"id": import_id, "status": status}}
        return {"type": "data", "id": id, "payload": {"data": progress}}

    assert began == [{"type": "start_ack", "id": id}, data("AWAITING_UPLOAD")]
    assert cancelled == data("CANCELLED")
    assert ended == {"type": "complete", "id": id}


async def test_second_subscriber_receives_the_same_first_state(
    api_server: Serving, served_api: Api, realtime_socket: RealtimeSocket
) -> None:
    import_id = await create_import(served_api)
    await realtime_socket.start(IMPORT, id=import_id)
    first = [await realtime_socket.receive(), await realtime_socket.receive()]

    async with open_realtime_socket(api_server.url) as other:
        await other.start(IMPORT, id=import_id)
        second = [await other.receive(), await other.receive()]

    assert first == second


async def test_repeated_start_is_acknowledged_again_but_its_id_cannot_be_reused(
    served_api: Api, realtime_socket: RealtimeSocket
) -> None:
    import_id = await create_import(served_api)
    id = await realtime_socket.start(IMPORT, id=import_id)
    began = [await realtime_socket.receive(), await realtime_socket.receive()]

    later = HEADERS | {"x-amz-date": "20250901T000020Z"}
    await realtime_socket.start(IMPORT, subscription_id=id, headers=later, id=import_id)
    again = await realtime_socket.receive()
    await realtime_socket.start(REPORTS, subscription_id=id)
    refused = await realtime_socket.receive()

    assert [each["type"] for each in began] == ["start_ack", "data"]
    assert again == began[0]
    assert refused == error_of(id, "DuplicatedOperationError", f"The id {id} is already in use.")


@pytest.mark.parametrize(
    ("document", "error_type", "message"),
    [
        (
            "{ getCaller { name } }",
            "UnsupportedOperation",
            "Queries and mutations are not supported through the realtime channel; send them over HTTP.",
        ),
        (
            'mutation { deleteVpp(input: {id: "1"}) { id } }',
            "UnsupportedOperation",
            "Queries and mutations are not supported through the realtime channel; send them over HTTP.",
        ),
    ],
)
async def test_queries_and_mutations_are_rejected(
    realtime_socket: RealtimeSocket, document: str, error_type: str, message: str
) -> None:
    id = await realtime_socket.start(document)

    assert await realtime_socket.receive() == error_of(id, error_type, message)


@pytest.mark.parametrize(
    ("document", "error_type", "message"),
    [
        (
            f'subscription {{ onImportProgress(id: "{uuid4()}") {{ id }} onRevenueReport {{ id }} }}',
            "ValidationFailed",
            "Anonymous Subscription must select only one top level field.",
        ),
        (
            "subscription { onNothing { id } }",
            "ValidationFailed",
            "Cannot query field 'onNothing' on type 'Subscription'.",
        ),
        ("subscription {", "ValidationFailed", "Syntax Error: Expected Name, found <EOF>."),
        ("", "ValidationFailed", None),
        ("fragment A on Caller { name }", "ValidationFailed", None),
        ('subscription { onImportProgress(id: "1") { id } }', "ValidationFailed", None),
        (
            'subscription { onImportProgress(id: "00000000-0000-0000-0000-000000000000") { id } }',
            "NotFound",
            "There is no import with the id 00000000-0000-0000-0000-000000000000.",
        ),
    ],
)
async def test_invalid_subscription_receives_an_error_with_the_reason(
    realtime_socket: RealtimeSocket, document: str, error_type: str, message: str | None
) -> None:
    id = await realtime_socket.start(document)

    acknowledged, received = await realtime_socket.receive(), await realtime_socket.receive()
    (error,) = received["payload"]["errors"]
    assert acknowledged == {"type": "start_ack", "id": id}
    assert (received["type"], received["id"]) == ("error", id)
    assert (error["errorType"], error["errorCode"]) == (error_type, 400)
    assert message is None or error["message"].startswith(message)


@pytest.mark.parametrize(
    "data", [None, 5, "{", "5", "{}", '{"query": 5}', '{"query": "{a}", "variables": [1]}', "[" * 9999]
)
async def test_start_with_malformed_data_is_rejected(realtime_socket: RealtimeSocket, data: object) -> None:
    await realtime_socket.send({"type": "start", "id": "1", "payload": {"data": data}})

    received = await realtime_socket.receive()
    assert (received["type"], received["id"]) == ("error", "1")
    assert received["payload"]["errors"][0]["errorType"] == "BadRequestException"


async def test_each_start_is_authenticated_by_its_own_headers(realtime_socket: RealtimeSocket) -> None:
    id = await realtime_socket.start(REPORTS, headers={"x-api-key": "da2-wrong"})
    refused = await realtime_socket.receive()
    await realtime_socket.start(REPORTS, subscription_id="right")
    taken = await realtime_socket.receive()

    message = "You are not authorized to make this call: the API key is unknown, expired or revoked."
    assert refused == error_of(id, "UnauthorizedException", message, 401)
    assert taken == {"type": "start_ack", "id": "right"}


async def test_revoking_a_key_ends_its_subscriptions_only(served_api: Api, realtime_socket: RealtimeSocket) -> None:
    key = await served_api.execute(CREATE_KEY)
    id = await realtime_socket.start(REPORTS, headers={"x-api-key": key["secret"]})
    await realtime_socket.start(REPORTS, subscription_id="another's")
    acknowledged = [await realtime_socket.receive(), await realtime_socket.receive()]

    await served_api.execute("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=key["apiKey"]["id"])
    received = await realtime_socket.receive()
    await realtime_socket.send({"type": "stop", "id": id})
    await realtime_socket.send({"type": "stop", "id": "another's"})

    assert [each["type"] for each in acknowledged] == ["start_ack", "start_ack"]
    assert received == {"type": "error", "id": id, "payload": {"errors": [REVOKED]}}
    assert await realtime_socket.receive() == {"type": "complete", "id": "another's"}


async def test_subscription_ends_when_its_key_expires(served_api: Api, realtime_socket: RealtimeSocket) -> None:
    # Long enough to subscribe on a busy machine.
    expires_at = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    key = await served_api.execute(CREATE_KEY, expiresAt=expires_at)

    id = await realtime_socket.start(REPORTS, headers={"x-api-key": key["secret"]})

    assert await realtime_socket.receive() == {"type": "start_ack", "id": id}
    assert await realtime_socket.receive() == {"type": "error", "id": id, "payload": {"errors": [REVOKED]}}


@pytest.mark.parametrize(
    ("frame", "error_type"),
    [
        ("{", "BadRequestException"),
        (b"{}", "BadRequestException"),
        ("x" * 1_000_000, "BadRequestException"),
        ("5", "UnsupportedOperation"),
        ("[]", "UnsupportedOperation"),
        ('{"type": "subscribe", "id": "1"}', "UnsupportedOperation"),
        ('{"type": "start"}', "BadRequestException"),
        ('{"type": "start", "id": 5}', "BadRequestException"),
    ],
)
async def test_invalid_frame_receives_an_error_and_the_socket_stays_open(
    realtime_socket: RealtimeSocket, frame: str | bytes, error_type: str
) -> None:
    await realtime_socket.send(frame)
    received = await realtime_socket.receive()
    await realtime_socket.start(REPORTS, subscription_id="next")

    assert "id" not in received
    assert received["payload"]["errors"][0]["errorType"] == error_type
    assert await realtime_socket.receive() == {"type": "start_ack", "id": "next"}


async def test_frame_that_is_too_large_closes_the_socket(realtime_socket: RealtimeSocket) -> None:
    await realtime_socket.send("x" * (2**20 + 1))

    code, _ = await realtime_socket.wait_closed()
    assert code == 1009


async def test_subscriptions_of_a_socket_are_limited(realtime_socket: RealtimeSocket) -> None:
    async def start_many() -> None:
        for number in range(10_000):
            await realtime_socket.start(REPORTS, subscription_id=str(number))

    starting = asyncio.create_task(start_many())
    received: list[Any] = []
    while len(received) < 10_000:
        message = await realtime_socket.receive()
        # On a slow machine this takes so long that keep-alives arrive meanwhile.
        received += [message] if message != KEEP_ALIVE else []
    await starting

    assert [each["type"] for each in received] == ["start_ack"] * MAX_SUBSCRIPTIONS + ["error"] * 9_900
    assert received[-1] == error_of("9999", "MaxSubscriptionsReachedError", "Max number of 100 subscriptions reached")


async def test_socket_without_connection_init_is_closed_after_a_timeout(short_timeouts_url: str) -> None:
    async with connect_realtime(short_timeouts_url) as socket:
        assert await socket.wait_closed() == (4408, "Connection initialisation timeout")


async def test_socket_receives_keep_alives_and_is_closed_when_idle_without_subscriptions(
    short_timeouts_url: str,
) -> None:
    async with open_realtime_socket(short_timeouts_url) as socket:
        await socket.start(REPORTS, subscription_id="1")
        received = [await socket.receive() for _ in range(50)]
        await socket.send({"type": "stop", "id": "1"})

        assert received.count(KEEP_ALIVE) == 49
        assert await socket.wait_closed() == (1000, "Nothing is subscribed to")


async def test_socket_without_a_known_subprotocol_is_closed_with_the_expected_ones(api_server: Serving) -> None:
    async with connect(f"{api_server.url.replace('http', 'ws', 1)}/graphql") as connection:
        code, reason = await RealtimeSocket(connection).wait_closed()

    expected = "Subprotocol not acceptable; expected graphql-transport-ws or graphql-ws"
    assert (code, reason) == (4406, expected)


async def test_client_that_does_not_read_does_not_delay_other_clients(api_server: Serving, served_api: Api) -> None:
    import_id = await create_import(served_api)
    async with connect_realtime(api_server.url) as stalled, open_realtime_socket(api_server.url) as other:
        stalled.connection.transport.pause_reading()
        await stalled.send({"type": "connection_init"})
        for number in range(MAX_SUBSCRIPTIONS):
            await stalled.start(IMPORT, subscription_id="x" * 1_000 + str(number), id=import_id)
        await other.start(IMPORT, id=import_id)
        began = [await other.receive(), await other.receive()]

        await served_api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=import_id)
        received = await other.receive()

    assert [each["type"] for each in began] == ["start_ack", "data"]
    assert received["payload"]["data"]["onImportProgress"]["status"] == "CANCELLED"


async def test_unfinished_handshakes_do_not_delay_other_clients(api_server: Serving) -> None:
    at = urlsplit(api_server.url)
    hanging = [await asyncio.open_connection(at.hostname, at.port) for _ in range(200)]
    for _, writer in hanging:
        writer.write(b"GET /graphql/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n")
        await writer.drain()

    async with open_realtime_socket(api_server.url) as socket:
        await socket.start(REPORTS, subscription_id="1")
        received = await socket.receive()

    for _, writer in hanging:
        writer.close()
    assert received == {"type": "start_ack", "id": "1"}
