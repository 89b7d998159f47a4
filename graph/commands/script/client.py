"""A client of the API: GraphQL over HTTP and WebSocket, and file transfer through presigned links."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

CHUNK_BYTES = 1024 * 1024
# startImport may read the whole file before it responds.
TIMEOUT = httpx.Timeout(300, connect=10)
# A connection without a message for this long may be dead without having been closed, so the state is queried.
IDLE_TIMEOUT_S = 30
MAX_FAILED_QUERIES = 30
# HTTP statuses after which the same request may succeed: too many requests, and too many at the same time.
RETRY_STATUSES = (429, 503)
MAX_ATTEMPTS = 30

# A JSON object of a response, with the field names of the schema.
JsonObject = dict[str, Any]


class Refused(Exception):
    """The API or the object store rejected a request. The message is the server's own."""

    def __init__(self, message: str, *, error_type: str | None = None, error_info: JsonObject | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.error_info = error_info or {}


class NoResponse(Refused):
    """A request received no response from the API, or none in GraphQL's format."""


@dataclass(frozen=True)
class Client:
    """A client of the API: GraphQL over HTTP, and subscriptions over graphql-transport-ws."""

    url: str
    api_key: str
    http: httpx.AsyncClient
    tls: ssl.SSLContext | None = None
    retry_pause_s: float = 1

    async def execute(self, document: str, **variables: object) -> Any:
        """
        Send a query or mutation, and return the value of its only root field.

        The statuses in RETRY_STATUSES are retried. Raises Refused if the response has errors, and NoResponse if there
        is none.
        """
        request = {"query": document, "variables": variables}
        for _ in range(MAX_ATTEMPTS):
            try:
                response = await self.http.post(self.url, json=request, headers={"x-api-key": self.api_key})
            except httpx.RequestError as error:
                raise NoResponse(f"{self.url} did not respond: {describe_http_error(error)}") from error
            if response.status_code not in RETRY_STATUSES:
                break
            # The API rejects with these statuses before it runs the operation, so mutations may be sent again too.
            await asyncio.sleep(_parse_retry_after(response.headers.get("retry-after")) or self.retry_pause_s)
        try:
            body = response.json()
        except ValueError:
            body = None

        match body:
            case {"errors": [dict(first), *_]}:
                raise Refused(first["message"], error_type=first.get("errorType"), error_info=first.get("errorInfo"))
            case {"data": dict(data)}:
                (value,) = data.values()
                return value
        raise NoResponse(f"{self.url} responded with HTTP {response.status_code} and no GraphQL response.")

    async def follow(
        self,
        subscription: str,
        query: str,
        id: str,
        *,
        until: Callable[[JsonObject], bool],
        on_state: Callable[[JsonObject], None] = lambda state: None,
    ) -> JsonObject:
        """
        Call `on_state` with each state of an object, and return the first state for which `until` returns true.

        Both documents take the object's id. When the WebSocket connection is lost or refused, the query reads the
        current state, and the subscription is opened again.

        Raises Refused if the query is rejected, and NoResponse after MAX_FAILED_QUERIES queries without a response.
        """
        failed_queries = 0
        while True:
            with suppress(OSError, WebSocketException):
                final_state = await self._subscribe(subscription, id, until, on_state)
                if final_state is not None:
                    return final_state

            # The subscription has ended for an unknown reason: query the current state over HTTP, which also reports
            # errors.
            try:
                state: JsonObject = await self.execute(query, id=id)
            except NoResponse:
                failed_queries += 1
                if failed_queries == MAX_FAILED_QUERIES:
                    raise
            else:
                failed_queries = 0
                on_state(state)
                if until(state):
                    return state
            await asyncio.sleep(self.retry_pause_s)

    async def _subscribe(
        self, subscription: str, id: str, until: Callable[[JsonObject], bool], on_state: Callable[[JsonObject], None]
    ) -> JsonObject | None:
        """
        Subscribe, and return the first state for which `until` returns true; None if the subscription ends before.

        Raises OSError or WebSocketException if the connection is refused, idle or lost.
        """
        # Turns http into ws, and https into wss.
        url = self.url.replace("http", "ws", 1)
        initialise = {"type": "connection_init", "payload": {"x-api-key": self.api_key}}
        subscribe = {"type": "subscribe", "id": "1", "payload": {"query": subscription, "variables": {"id": id}}}

        options: JsonObject = {"ssl": self.tls} if self.tls else {}
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], **options) as socket:
            await socket.send(json.dumps(initialise))
            while True:
                async with asyncio.timeout(IDLE_TIMEOUT_S):
                    message = json.loads(await socket.recv())
                match message:
                    case {"type": "connection_ack"}:
                        await socket.send(json.dumps(subscribe))
                    case {"type": "ping"}:
                        await socket.send(json.dumps({"type": "pong"}))
                    case {"type": "error" | "complete"} | {"type": "next", "payload": {"errors": _}}:
                        return None
                    case {"type": "next", "payload": {"data": dict(data)}}:
                        state: JsonObject
                        (state,) = data.values()
                        on_state(state)
                        if until(state):
                            return state

    async def upload(self, url: str, file: BinaryIO) -> None:
        """
        PUT a file in chunks, with its Content-Length, which S3 requires.

        Raises Refused if the object store rejects it or does not respond.
        """

        async def chunks() -> AsyncIterator[bytes]:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk

        # S3's default content type. SeaweedFS compresses objects of other types and decompresses them at each read.
        headers = {"Content-Length": str(os.fstat(file.fileno()).st_size), "Content-Type": "binary/octet-stream"}
        try:
            response = await self.http.put(url, content=chunks(), headers=headers)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise Refused(f"The upload failed: {describe_http_error(error)}") from error

    async def download(self, url: str) -> bytes:
        """
        Return the content of a file by its presigned link.

        Raises Refused if the object store rejects the request or does not respond.
        """
        try:
            response = await self.http.get(url)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise Refused(f"The download failed: {describe_http_error(error)}") from error
        return response.content


def _parse_retry_after(retry_after: str | None) -> float | None:
    # Returns None if the header is missing or is a date: the caller then waits for its own pause.
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def describe_http_error(error: httpx.HTTPError) -> str:
    """
    Return a message for an error of httpx.

    httpx's own message of a status error contains the URL with its signature, and its message of a timeout is empty.
    """
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code} {error.response.text[:500]}"
    return str(error) or type(error).__name__
