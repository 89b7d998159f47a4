"""
Subscriptions over HTTP, for clients without WebSockets: an operation a request, its results as server-sent events.

Source: the GraphQL over Server-Sent Events Protocol of the graphql-sse project, in its distinct connections mode.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.operations.json import encode
from graph.operations.operation import Operation
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import MAX_PENDING_RESULTS

MEDIA_TYPE = "text/event-stream"
# Something in between closes connections on which it sees nothing for a minute.
SILENT_AT_MOST_S = 20.0
# Neither kept anywhere nor held back until there is more.
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
LOCKED_OUT = {"message": "The API key or token has expired or was revoked.", "errorType": "UnauthorizedException"}


def is_wanted(request: Request, *, for_many: bool) -> bool:
    """Tell whether a client asks for events: a client that takes JSON too wants them for what has many results."""
    accepted = request.headers.get("accept", "")
    return MEDIA_TYPE in accepted and (for_many or "application/json" not in accepted)


def event_stream(operation: Operation, caller: Caller, *, access: Authenticator, streams: Subscriptions) -> Response:
    """Answer a subscription with its results, as they come."""
    return StreamingResponse(_events(operation, caller, access, streams), media_type=MEDIA_TYPE, headers=HEADERS)


def events_of_one(payload: str) -> Response:
    """Answer an operation that has one result, with that."""
    return Response(_event("next", payload) + _event("complete"), media_type=MEDIA_TYPE, headers=HEADERS)


async def _events(
    operation: Operation, caller: Caller, access: Authenticator, streams: Subscriptions
) -> AsyncIterator[str]:
    listener = _Listener()
    leave = streams.listen(operation, caller, listener)
    let_go = access.on_access_lost(caller, lambda: listener.refuse([LOCKED_OUT]))
    try:
        while True:
            while listener.told:
                yield listener.told.popleft()
            if listener.is_over:
                yield _event("complete")
                return
            listener.is_there_more.clear()
            try:
                await asyncio.wait_for(listener.is_there_more.wait(), SILENT_AT_MOST_S)
            except TimeoutError:
                yield ":\n\n"
    finally:
        let_go()
        leave()


class _Listener:
    def __init__(self) -> None:
        self.told: deque[str] = deque(maxlen=MAX_PENDING_RESULTS)
        self.is_over = False
        self.is_there_more = asyncio.Event()

    def tell(self, result: Result) -> None:
        self.told.append(_event("next", result.payload))
        self.is_there_more.set()

    def refuse(self, errors: list[Any]) -> None:
        self.told.append(_event("next", encode({"errors": errors})))
        self.end()

    def end(self) -> None:
        self.is_over = True
        self.is_there_more.set()


def _event(name: str, data: str = "") -> str:
    return f"event: {name}\ndata: {data}\n\n"
