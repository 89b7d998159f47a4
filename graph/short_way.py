"""
The short way of a query that has a plan: past all that a request may need and this one does not.

Starlette's middleware, its routing, its requests and answers take several times as long as all else that a small query
does. A request goes the short way where it is one piece of JSON, from no page of another origin, and its operation has
a plan. It is held to the same as on the usual way, by the same objects. Where anything of it is unusual, or goes wrong,
it goes the usual way from its beginning, as if nothing had been tried.
"""

import asyncio
import gzip
from collections.abc import Mapping

import orjson
from starlette.types import Message, Receive, Scope, Send

from db.refusals import Refusal
from graph import event_stream
from graph.appsync import http
from graph.appsync.http import HttpRefusal, operation_of
from graph.appsync.iam import ALGORITHM
from graph.browsers import is_at, is_of_this_machine
from graph.endpoint import Endpoint
from graph.operations import Operation
from graph.plans import planned_answer
from graph.request_id import new_request_id
from graph.security_headers import headers_for

GZIP_FROM_BYTES, GZIP_LEVEL = 1000, 6
# What takes so long that others would wait for it.
GZIP_APART_FROM_BYTES = 128 * 1024
CREDENTIALS = ("x-api-key", "authorization")
JSON = ("application/json", "application/json; charset=utf-8", "application/json;charset=utf-8")


class ShortWay:
    """Answers what it can, and hands on the rest."""

    def __init__(self, endpoint: Endpoint, *, for_this_machine: bool) -> None:
        self._endpoint = endpoint
        self._for_this_machine = for_this_machine

    async def take(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer a request, or return by what it is to be received on the usual way."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._may_be_short(headers):
            return receive
        received: list[Message | TimeoutError] = []
        body = await self._body(receive, received)
        request_id = scope["request_id"] = new_request_id()
        operation = None if body is None else self._operation(body)
        answer = None if operation is None else await self._answer(scope, headers, operation, request_id)
        if answer is None:
            return _again(received, receive)
        await _send(scope, headers, send, answer, request_id)
        return None

    async def _body(self, receive: Receive, received: list[Message | TimeoutError]) -> bytes | None:
        """Receive a body, and note what was received; None where it is not whole, or too large."""
        body, is_whole = b"", False
        try:
            async with asyncio.timeout(http.BODY_WITHIN_S):
                while not is_whole and len(body) <= self._endpoint.documents.limits.body_bytes:
                    message = await receive()
                    received.append(message)
                    if message["type"] != "http.request":
                        return None
                    body += message.get("body", b"")
                    is_whole = not message.get("more_body")
        except TimeoutError as late:
            received.append(late)
        return body if is_whole else None

    def _may_be_short(self, headers: Mapping[str, str]) -> bool:
        """Tell whether by its headers a request asks for nothing that only the usual way has."""
        host = headers.get("host", "")
        return (
            headers.get("content-type", "").lower() in JSON
            and "content-encoding" not in headers
            and self._fits(headers.get("content-length", "0"))
            and event_stream.MEDIA_TYPE not in headers.get("accept", "")
            and not headers.get("authorization", "").startswith(ALGORITHM)
            and ("origin" not in headers or is_at(headers["origin"], host))
            and (not self._for_this_machine or is_of_this_machine(host))
        )

    def _fits(self, length: str) -> bool:
        return length.isdecimal() and int(length) <= self._endpoint.documents.limits.body_bytes

    def _operation(self, body: bytes) -> Operation | None:
        documents = self._endpoint.documents
        if not 0 < len(body) <= documents.limits.body_bytes:
            return None
        try:
            return operation_of(orjson.loads(body), documents)
        except (orjson.JSONDecodeError, HttpRefusal, Refusal):
            return None

    async def _answer(
        self, scope: Scope, headers: Mapping[str, str], operation: Operation, request_id: str
    ) -> bytes | None:
        endpoint = self._endpoint
        counted = scope["counted"] = set()
        try:
            await endpoint.rate.count_address(scope)
            counted.add("address")
            caller = await endpoint.access.caller({name: headers[name] for name in CREDENTIALS if name in headers})
            await endpoint.rate.count_caller(caller)
            counted.add("caller")
        # Whatever it is, there it is told.
        except Exception:
            return None
        if not await endpoint.turns.take():
            return None
        try:
            return await planned_answer(operation, endpoint.context(caller, request_id=request_id))
        finally:
            endpoint.turns.give_back()


def _again(received: list[Message | TimeoutError], receive: Receive) -> Receive:
    """Return what receives once more what was received, and then whatever follows."""
    left = iter(received)

    async def again() -> Message:
        message = next(left, None)
        if isinstance(message, TimeoutError):
            raise message
        return await receive() if message is None else message

    return again


async def _send(scope: Scope, headers: Mapping[str, str], send: Send, answer: bytes, request_id: str) -> None:
    more, varies = [], b"Origin"
    if len(answer) >= GZIP_FROM_BYTES:
        varies = b"Origin, Accept-Encoding"
        if "gzip" in headers.get("accept-encoding", ""):
            more.append((b"content-encoding", b"gzip"))
            if len(answer) < GZIP_APART_FROM_BYTES:
                answer = gzip.compress(answer, GZIP_LEVEL)
            else:
                answer = await asyncio.to_thread(gzip.compress, answer, GZIP_LEVEL)
    told = [
        *((b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))),
        *((b"x-amzn-requestid", request_id.encode()), (b"vary", varies), *more),
        *headers_for(scope, headers.get("host", "")),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": told})
    await send({"type": "http.response.body", "body": answer})
