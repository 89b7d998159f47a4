"""The behaviour that both WebSocket protocols share."""

import asyncio
import gc
from typing import Any, cast

from starlette.websockets import WebSocket
from uvicorn.protocols.utils import ClientDisconnected

from graph.protocols.admission import Admission
from graph.protocols.subscriptions import Subscriptions
from graph.protocols.websocket import Socket, SocketTimeouts


class EchoSocket(Socket):
    subprotocol = "echo"

    async def handle_message(self, message: Any) -> None:
        self.reply(message)

    def handle_invalid(self) -> None:
        pass


class LostConnection:
    """Stands in for a WebSocket whose connection is lost: uvicorn notices it in the middle of a message."""

    def __init__(self) -> None:
        self.scope = {"type": "websocket"}
        self.was_sent_to = asyncio.Event()
        self._messages: list[dict[str, Any]] = [{"type": "websocket.receive", "text": "{}"}]

    async def accept(self, _subprotocol: str) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        await self.was_sent_to.wait()
        return {"type": "websocket.disconnect"}

    async def _send(self, _message: dict[str, Any]) -> None:
        self.was_sent_to.set()
        raise ClientDisconnected


async def test_a_connection_lost_while_sending_ends_the_socket_without_an_unhandled_error() -> None:
    unhandled: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: unhandled.append(context))
    try:
        websocket = cast(WebSocket, LostConnection())
        socket = EchoSocket(websocket, cast(Admission, None), cast(Subscriptions, None), SocketTimeouts())

        await socket.run()
        del socket
        await asyncio.sleep(0)
        gc.collect()
    finally:
        loop.set_exception_handler(None)

    assert unhandled == []
