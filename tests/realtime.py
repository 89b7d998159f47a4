"""A WebSocket that speaks AppSync's real-time protocol, one message at a time, as its clients do."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.api import API_KEY

HEADERS = {"host": "127.0.0.1", "x-amz-date": "20250901T000000Z", "x-api-key": API_KEY}
ACK = {"type": "connection_ack", "payload": {"connectionTimeoutMs": 300_000}}
KEEP_ALIVE = {"type": "ka"}


def encoded(headers: Mapping[str, Any]) -> str:
    """Encode headers as Amplify does."""
    return base64.urlsafe_b64encode(json.dumps(headers).encode()).decode().rstrip("=")


@asynccontextmanager
async def realtime(
    url: str, *, path: str = "/graphql/realtime", headers: Mapping[str, Any] = HEADERS
) -> AsyncIterator["RealtimeSocket"]:
    """Open a socket at a server's http address, and send nothing yet."""
    protocols = [Subprotocol("graphql-ws"), Subprotocol(f"header-{encoded(headers)}")]
    async with connect(f"{url.replace('http', 'ws', 1)}{path}", subprotocols=protocols) as connection:
        yield RealtimeSocket(connection)


@asynccontextmanager
async def acknowledged(url: str) -> AsyncIterator["RealtimeSocket"]:
    """Open a socket, and be acknowledged."""
    async with realtime(url) as socket:
        await socket.send({"type": "connection_init"})
        assert [await socket.receive(), await socket.receive()] == [ACK, KEEP_ALIVE]
        yield socket


class RealtimeSocket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = count(1)

    async def send(self, message: object) -> None:
        await self.connection.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    async def receive(self) -> Any:
        return json.loads(await self.connection.recv())

    async def start(
        self, document: str, *, known_as: str | None = None, headers: Mapping[str, Any] = HEADERS, **variables: Any
    ) -> str:
        """Start a subscription, and return the id it is known as."""
        id = known_as or f"subscription {next(self._ids)}"
        data = json.dumps({"query": document, "variables": variables})
        payload = {"data": data, "extensions": {"authorization": dict(headers)}}
        await self.send({"id": id, "type": "start", "payload": payload})
        return id

    async def closed(self) -> tuple[int, str]:
        """Wait for the server to close, whatever it says before, and return the code and the reason."""
        with suppress(ConnectionClosed):
            while True:
                await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""
