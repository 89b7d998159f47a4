"""A WebSocket that speaks graphql-transport-ws, one message at a time, as its protocol is written."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol


@asynccontextmanager
async def open_socket(url: str, payload: dict[str, Any]) -> AsyncIterator["Socket"]:
    """Open a socket at a server's http address, say who is calling, and be acknowledged."""
    address = f"{url.replace('http', 'ws', 1)}/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        socket = Socket(connection)
        await socket.send({"type": "connection_init", "payload": payload})
        assert await socket.receive() == {"type": "connection_ack"}
        yield socket


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = count(1)

    async def send(self, message: dict[str, Any]) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> Any:
        return json.loads(await self.connection.recv())

    async def subscribe(self, document: str, **variables: Any) -> AsyncIterator[Any]:
        """Yield the payload of every `next` message until the server completes or the caller has seen enough."""
        id = str(next(self._ids))
        await self.send({"id": id, "type": "subscribe", "payload": {"query": document, "variables": variables}})
        while True:
            message = await self.receive()
            # What an earlier subscription still had to say is not meant for this one.
            if message["id"] != id:
                continue
            if message["type"] == "complete":
                return
            assert message["type"] == "next", message
            yield message["payload"]
