"""The API as a script speaks to it: GraphQL over HTTP and WebSocket, and files to and from S3."""

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
# Starting an import may read the whole file before it answers.
TIMEOUT = httpx.Timeout(300, connect=10)
# A socket quiet for so long may be one that died unseen, so the state is asked for.
QUIET_S = 30
MOST_UNANSWERED = 30
# How the API answers who is to come again: too many requests, and too many at once.
PUT_OFF = (429, 503)
MOST_PUT_OFF = 30

# An object of an answer, its keys as the contract spells them.
Object = dict[str, Any]


class Refused(Exception):
    """A call that the API refused, in the API's own words."""

    def __init__(self, message: str, *, error_type: str | None = None, error_info: Object | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.error_info = error_info or {}


class Unanswered(Refused):
    """A call that got no answer from the API."""


@dataclass(frozen=True)
class Client:
    """A client of the API: GraphQL over HTTP, and graphql-transport-ws for what takes time."""

    url: str
    api_key: str
    http: httpx.AsyncClient
    tls: ssl.SSLContext | None = None
    pause_s: float = 1

    async def ask(self, document: str, **variables: object) -> Any:
        """
        Send a query or mutation and return the value of its only root field.

        Raises Refused for an answer with errors, and Unanswered for none.
        """
        request = {"query": document, "variables": variables}
        for _ in range(MOST_PUT_OFF):
            try:
                response = await self.http.post(self.url, json=request, headers={"x-api-key": self.api_key})
            except httpx.RequestError as error:
                raise Unanswered(f"{self.url} did not answer: {described(error)}") from error
            if response.status_code not in PUT_OFF:
                break
            # Nothing was done yet, so that even a mutation may be sent again.
            await asyncio.sleep(_seconds(response.headers.get("retry-after")) or self.pause_s)
        try:
            answer = response.json()
        except ValueError:
            answer = None

        match answer:
            case {"errors": [dict(first), *_]}:
                raise Refused(first["message"], error_type=first.get("errorType"), error_info=first.get("errorInfo"))
            case {"data": dict(data)}:
                (value,) = data.values()
                return value
        raise Unanswered(f"{self.url} answered HTTP {response.status_code}, but not in GraphQL.")

    async def follow(
        self,
        subscription: str,
        query: str,
        id: str,
        *,
        until: Callable[[Object], bool],
        seen: Callable[[Object], None] = lambda state: None,
    ) -> Object:
        """
        Show each state of an object to `seen` as it comes, and return the one that `until` holds for.

        Both documents take the object's id. Where the socket drops, or none can be had, the query
        gives the present state, and the subscription is tried again.

        Raises Refused when the query is refused, and Unanswered when it goes unanswered too often.
        """
        unanswered = 0
        while True:
            with suppress(OSError, WebSocketException):
                heard = await self._hear(subscription, id, until, seen)
                if heard is not None:
                    return heard

            # Whatever ended the subscription, asking over HTTP either goes on from there or says why not.
            try:
                state: Object = await self.ask(query, id=id)
            except Unanswered:
                unanswered += 1
                if unanswered == MOST_UNANSWERED:
                    raise
            else:
                unanswered = 0
                seen(state)
                if until(state):
                    return state
            await asyncio.sleep(self.pause_s)

    async def _hear(
        self, subscription: str, id: str, until: Callable[[Object], bool], seen: Callable[[Object], None]
    ) -> Object | None:
        """
        Subscribe, and return the state that `until` holds for, or None if the subscription ends before it.

        Raises OSError or WebSocketException where there is no socket, or no longer one.
        """
        # http becomes ws, and https wss.
        url = self.url.replace("http", "ws", 1)
        initialise = {"type": "connection_init", "payload": {"x-api-key": self.api_key}}
        subscribe = {"type": "subscribe", "id": "1", "payload": {"query": subscription, "variables": {"id": id}}}

        known: Object = {"ssl": self.tls} if self.tls else {}
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], **known) as socket:
            await socket.send(json.dumps(initialise))
            while True:
                async with asyncio.timeout(QUIET_S):
                    message = json.loads(await socket.recv())
                match message:
                    case {"type": "connection_ack"}:
                        await socket.send(json.dumps(subscribe))
                    case {"type": "ping"}:
                        await socket.send(json.dumps({"type": "pong"}))
                    case {"type": "error" | "complete"} | {"type": "next", "payload": {"errors": _}}:
                        return None
                    case {"type": "next", "payload": {"data": dict(data)}}:
                        state: Object
                        (state,) = data.values()
                        seen(state)
                        if until(state):
                            return state

    async def upload(self, url: str, file: BinaryIO) -> None:
        """
        PUT a file a chunk at a time, with its length, which S3 asks for.

        Raises Refused where the object store does not take it.
        """

        async def chunks() -> AsyncIterator[bytes]:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk

        # S3's own type for what is given none. SeaweedFS would pack any other, to unpack it whenever it is read.
        headers = {"Content-Length": str(os.fstat(file.fileno()).st_size), "Content-Type": "binary/octet-stream"}
        try:
            response = await self.http.put(url, content=chunks(), headers=headers)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise Refused(f"The upload failed: {described(error)}") from error

    async def download(self, url: str) -> bytes:
        """
        Fetch a file the API has given a link to.

        Raises Refused where the object store does not give it.
        """
        try:
            response = await self.http.get(url)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise Refused(f"The download failed: {described(error)}") from error
        return response.content


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def described(error: httpx.HTTPError) -> str:
    """
    Say what went wrong; a timeout has no words of its own, and a status error's tell the whole signed link.
    """
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code} {error.response.text[:500]}"
    return str(error) or type(error).__name__
