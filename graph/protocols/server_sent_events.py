"""
Operations over HTTP whose results are server-sent events, for clients without WebSockets.

Source: the GraphQL over Server-Sent Events Protocol of the graphql-sse project, in its distinct connections mode.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from graph.auth.authentication import Authenticator
from graph.operations.json import encode
from graph.protocols.admission import Admitted
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import MAX_PENDING_RESULTS, SocketTimeouts

MEDIA_TYPE = "text/event-stream"
# Proxies close a connection on which nothing was sent for a minute, so a comment is sent more often.
COMMENT_EVERY_S = 20.0
# No cache may store the stream, and nginx must not buffer it.
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
LOCKED_OUT = {"message": "The API key or token has expired or was revoked.", "errorType": "UnauthorizedException"}


def is_accepted(request: Request, *, is_subscription: bool) -> bool:
    """Return whether a client wants events: a client that also accepts JSON wants them for subscriptions only."""
    accepted = request.headers.get("accept", "")
    return MEDIA_TYPE in accepted and (is_subscription or "application/json" not in accepted)


class EventStream(StreamingResponse):
    """A response that sends each result of a subscription as soon as it arrives, for at most `timeouts.open_s`."""

    def __init__(
        self,
        admitted: Admitted,
        authenticator: Authenticator,
        subscriptions: Subscriptions,
        timeouts: SocketTimeouts,
        open_streams: "OpenStreams",
    ) -> None:
        events = _events(admitted, authenticator, subscriptions, timeouts.open_s, open_streams)
        super().__init__(events, media_type=MEDIA_TYPE, headers=HEADERS)
        self._release = admitted.release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Released here and not in the generator, which never starts if the client disconnects before the first byte.
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


def single_result(payload: str) -> Response:
    """Respond with the result of a query or a mutation as one event."""
    return Response(_event("next", payload) + _event("complete"), media_type=MEDIA_TYPE, headers=HEADERS)


async def _events(
    admitted: Admitted,
    authenticator: Authenticator,
    subscriptions: Subscriptions,
    open_s: float,
    open_streams: "OpenStreams",
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    close_at = loop.time() + open_s
    listener = _Listener()
    unsubscribe = subscriptions.subscribe(admitted.operation, admitted.caller, listener)
    open_streams.listeners.add(listener)
    stop_watching = authenticator.on_access_lost(admitted.caller, lambda: listener.reject([LOCKED_OUT]))
    try:
        while True:
            while listener.events:
                yield listener.events.popleft()
            if listener.is_complete:
                yield _event("complete")
                return
            left_s = close_at - loop.time()
            if left_s <= 0 or open_streams.have_ended:
                return  # No event `complete` is sent, so the client connects again.
            listener.has_more.clear()
            try:
                await asyncio.wait_for(listener.has_more.wait(), min(COMMENT_EVERY_S, left_s))
            except TimeoutError:
                yield ":\n\n"
    finally:
        stop_watching()
        open_streams.listeners.discard(listener)
        unsubscribe()


class _Listener:
    def __init__(self) -> None:
        # If the client reads slowly, the oldest results are dropped.
        self.events: deque[str] = deque(maxlen=MAX_PENDING_RESULTS)
        self.is_complete = False
        self.has_more = asyncio.Event()

    def deliver(self, result: Result) -> None:
        self.events.append(_event("next", result.payload))
        self.has_more.set()

    def reject(self, errors: list[Any]) -> None:
        self.events.append(_event("next", encode({"errors": errors})))
        self.complete()

    def complete(self) -> None:
        self.is_complete = True
        self.has_more.set()


class OpenStreams:
    """The open streams of a process. The server waits for its responses when it stops, so it must end them."""

    def __init__(self) -> None:
        self.listeners: set[_Listener] = set()
        self.have_ended = False

    def end(self) -> None:
        """End all streams, and each later one after its first results."""
        self.have_ended = True
        for listener in self.listeners:
            listener.has_more.set()


def _event(name: str, data: str = "") -> str:
    return f"event: {name}\ndata: {data}\n\n"
