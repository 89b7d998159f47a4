"""The request id: it is in the response, in the log lines and in the audit entries of a request."""

import random

import structlog
from asyncpg.pgproto import pgproto
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

VERSION, VARIANT = 0xF << 76, 0b11 << 62


def new_request_id() -> str:
    """Return a random UUID. It is not a secret, so it comes from `random` and not from a system call to os.urandom."""
    bits = random.getrandbits(128) & ~VERSION & ~VARIANT | 4 << 76 | 0b10 << 62
    return str(pgproto.UUID(bits.to_bytes(16, "big")))


class RequestId:
    """Assigns an id to every request, and adds it to the request's log lines and to its response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = scope.setdefault("request_id", new_request_id())
        if scope["type"] == "websocket":
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._app(scope, receive, send)
            return

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-amzn-requestid"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)
