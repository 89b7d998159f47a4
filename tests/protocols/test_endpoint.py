import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from graph.web.server import Serving
from tests.fixtures.api import API_KEY, COST, new_name
from tests.fixtures.graphql_transport_ws import Socket

CALLER = "{ getCaller { name } }"
INIT = {"type": "connection_init", "payload": {"x-api-key": API_KEY}}
ACK = {"type": "connection_ack"}


@asynccontextmanager
async def open_connection(api_server: Serving, **more: Any) -> AsyncIterator[ClientConnection]:
    """Open a socket for graphql-transport-ws, without sending a message."""
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(
        f"{api_server.url.replace('http', 'ws', 1)}/graphql", subprotocols=protocols, **more
    ) as connection:
        yield connection


async def close_frame(connection: ClientConnection) -> tuple[int, str]:
    """Return the close code and the reason with which the server closes a socket, without another message."""
    with pytest.raises(ConnectionClosed) as end:
        await connection.recv()
    assert end.value.rcvd is not None
    return end.value.rcvd.code, end.value.rcvd.reason


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({}, {"x-api-key": API_KEY}),
        ({}, {"X-API-Key": API_KEY}),
        ({}, {"Authorization": f"Bearer {API_KEY}"}),
        ({"x-api-key": API_KEY}, {}),
        ({"x-api-key": "da2-wrong"}, {"x-api-key": API_KEY}),
    ],
)
async def test_socket_with_a_valid_key_is_acknowledged(
    api_server: Serving, headers: dict[str, str], payload: dict[str, str]
) -> None:
    async with open_connection(api_server, additional_headers=headers) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": payload}))

        assert json.loads(await connection.recv()) == ACK


@pytest.mark.parametrize("payload", [{}, {"x-api-key": "da2-wrong"}, {"x-api-key": 5}, {"x-api-key": "\ud83d"}])
async def test_socket_without_a_valid_key_is_closed(api_server: Serving, payload: dict[str, Any]) -> None:
    async with open_connection(api_server) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": payload}))

        assert await close_frame(connection) == (4403, "Forbidden")


async def test_operation_before_connection_init_closes_the_socket(api_server: Serving) -> None:
    async with open_connection(api_server) as connection:
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": CALLER}}))

        assert await close_frame(connection) == (4401, "Unauthorized")


@pytest.mark.parametrize(
    "message",
    [
        *("{", "5", "[]", "{}", '{"type": "hello"}', '{"type": "complete"}', '{"type": "complete", "id": []}'),
        *('{"type": "subscribe", "id": "1"}', '{"type": "subscribe", "payload": {"query": "{a}"}}'),
        *('{"type": "subscribe", "id": "1", "payload": 5}', '{"type": "subscribe", "id": "1", "payload": {}}'),
        '{"type": "subscribe", "id": [], "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 5}}',
    ],
)
async def test_invalid_message_closes_the_socket(api_server: Serving, message: str) -> None:
    async with open_connection(api_server) as connection:
        await connection.send(json.dumps(INIT))
        await connection.recv()

        await connection.send(message)

        code, _ = await close_frame(connection)
        assert code == 4400


async def test_queries_and_mutations_are_executed_over_a_socket(socket: Socket) -> None:
    name = new_name()
    create = "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { name } }"

    created = [answer async for answer in socket.subscribe(create, name=name)]
    again = [answer async for answer in socket.subscribe(create, name=name)]

    error = {
        "message": f'There is a VPP named "{name}" already.',
        "locations": [{"line": 1, "column": 29}],
        "path": ["createVpp"],
        "errorType": "Conflict",
        "errorInfo": {"field": ["input", "name"]},
        "data": None,
    }
    assert created == [{"data": {"createVpp": {"name": name}}, "extensions": COST}]
    assert again == [{"data": {"createVpp": None}, "errors": [error], "extensions": COST}]


@pytest.mark.parametrize(
    ("payload", "message", "at"),
    [
        ({"query": "{ getCaller { nme } }"}, "Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?", 15),
        ({"query": "{ getCaller {"}, "Syntax Error: Expected Name, found <EOF>.", 14),
        ({"query": "query A { getCaller { name } }", "operationName": "B"}, 'Unknown operation named "B".', None),
        ({"query": ""}, 'Request data is missing a "query" value', None),
    ],
)
async def test_invalid_operation_receives_an_error_over_a_socket(
    socket: Socket, payload: dict[str, Any], message: str, at: int | None
) -> None:
    await socket.send({"id": "wrong", "type": "subscribe", "payload": payload})

    error = {
        "message": message,
        "locations": None if at is None else [{"line": 1, "column": at}],
        "path": None,
        "errorType": "ValidationFailed",
        "errorInfo": None,
        "data": None,
    }
    assert await socket.receive() == {"id": "wrong", "type": "error", "payload": [error]}


async def test_rejected_subscription_receives_an_error_and_ends(socket: Socket) -> None:
    unknown = str(uuid4())

    answers = [
        [answer async for answer in socket.subscribe(f"subscription {{ {field} {{ id }} }}")]
        for field in (
            f'onImportProgress(id: "{unknown}")',
            'onImportProgress(id: "1")',
            'onRevenueReport(month: "May")',
        )
    ]

    ((unknown_import,), (no_id,), (no_month,)) = answers
    error = {"locations": None, "path": None, "data": None, "errorInfo": {"field": ["id"]}}
    assert unknown_import == {
        "data": None,
        "errors": [error | {"message": f"There is no import with the id {unknown}.", "errorType": "NotFound"}],
    }
    assert [(answer["errors"][0]["errorType"], answer["errors"][0]["errorInfo"]) for answer in (no_id, no_month)] == [
        ("ValidationFailed", {"field": ["id"]}),
        ("ValidationFailed", {"field": ["month"]}),
    ]
