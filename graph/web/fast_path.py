"""
The short way of an operation that has a plan: past all that a request may need and this one does not.

What is between a connection and an operation, in uvicorn and in Starlette, takes several times as long as all else that
a small query does. A request goes the short way where it is one piece of JSON, from no page of another origin, and its
operation has a plan. It is held to the same as on the usual way, by the same objects. Where anything of it is unusual,
or goes wrong, it goes the usual way from its beginning, as if nothing had been tried.
"""

import asyncio
import gzip
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import orjson
import structlog
from cachetools import LRUCache
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from db.engine.refusals import Refusal
from graph.auth.authentication import Credentials, MissingApiKey, read_credentials
from graph.auth.signatures import ALGORITHM
from graph.plans.run import planned_answer
from graph.protocols import server_sent_events
from graph.protocols.endpoint import Endpoint
from graph.protocols.http import HttpRefusal, operation_of, refused
from graph.resolvers.errors import internal_failure
from graph.web.origins import is_at, is_of_this_machine
from graph.web.request_id import new_request_id
from graph.web.security_headers import headers_for

GZIP_FROM_BYTES, GZIP_LEVEL = 1000, 6
# What takes so long that others would wait for it.
GZIP_APART_FROM_BYTES = 128 * 1024
BEGINNING = b"POST /graphql HTTP/1.1\r\n"
JSON = ("application/json", "application/json; charset=utf-8", "application/json;charset=utf-8")
HEAD_BYTES_REMEMBERED_AT_MOST = 4096
HEADS_REMEMBERED = 1_000

log = structlog.get_logger()


class Head(NamedTuple):
    """What the head of a request says, and what goes with each answer."""

    body_bytes: int
    came_from: Scope
    credentials: Credentials
    takes_gzip: bool
    told: bytes


class Answer(NamedTuple):
    """An answer's status, and all of it that follows, but for what is told with every answer."""

    status: int
    rest: bytes


class FastPath:
    """Answers what it can."""

    def __init__(self, endpoint: Endpoint, *, for_this_machine: bool) -> None:
        self._endpoint = endpoint
        self._for_this_machine = for_this_machine
        self._heads: LRUCache[object, Head | None] = LRUCache(HEADS_REMEMBERED)

    def head(self, said: bytes, client: tuple[str, int] | None, scheme: str | None, proxies: Any) -> Head | None:
        """
        Read the head of a request; None where that is to go the usual way.

        Its client says the same each time, so it is read once. What `proxies` say of who calls is believed.
        """
        if not said.startswith(BEGINNING):
            return None
        key = (said, client and client[0], scheme)
        if key in self._heads:
            return self._heads[key]
        head = self._new_head(said, {"type": "http", "path": "/graphql", "client": client, "scheme": scheme}, proxies)
        if len(said) <= HEAD_BYTES_REMEMBERED_AT_MOST:
            self._heads[key] = head
        return head

    async def answer(self, head: Head, body: bytes, known: dict[str, Any]) -> Answer | None:
        """Answer a request; None where it is to go the usual way, on which is `known` what has been found out."""
        endpoint = self._endpoint
        try:
            operation = operation_of(orjson.loads(body), endpoint.documents)
        except (orjson.JSONDecodeError, HttpRefusal, Refusal):
            return None
        request_id = known["request_id"] = new_request_id()
        counted = known["counted"] = set()
        try:
            await endpoint.rate.count_address(head.came_from)
            counted.add("address")
            caller = await endpoint.access.authenticate_credentials(head.credentials)
            await endpoint.rate.count_caller(caller)
            counted.add("caller")
        # Whatever it is, there it is told.
        except Exception:
            return None
        if not await endpoint.turns.try_acquire():
            return None
        try:
            answer = await planned_answer(operation, endpoint.context(caller, request_id=request_id))
        # It has changed something, so it must not be tried again.
        except Exception:
            log.exception("A request failed", request_id=request_id)
            response = refused(500, "InternalFailure", internal_failure(request_id))
            return Answer(response.status_code, _lines(response.raw_headers) + b"\r\n" + bytes(response.body))
        finally:
            endpoint.turns.release()
        if answer is None:
            return None
        told, varies = head.told, b"Origin"
        if len(answer) >= GZIP_FROM_BYTES:
            varies = b"Origin, Accept-Encoding"
            if head.takes_gzip:
                told = b"content-encoding: gzip\r\n" + told
                if len(answer) < GZIP_APART_FROM_BYTES:
                    answer = gzip.compress(answer, GZIP_LEVEL)
                else:
                    answer = await asyncio.to_thread(gzip.compress, answer, GZIP_LEVEL)
        return Answer(
            200,
            b"content-type: application/json\r\ncontent-length: %d\r\nx-amzn-requestid: %b\r\nvary: %b\r\n%b\r\n%b"
            % (len(answer), request_id.encode(), varies, told, answer),
        )

    def _new_head(self, said: bytes, scope: Scope, proxies: Any) -> Head | None:
        read = _read(said)
        if read is None or not self._may_be_short(read):
            return None
        try:
            shown = read_credentials(read)
        except MissingApiKey:
            return None
        nothing: Any = None
        as_forwarded: Any = scope
        scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in read.items()]
        # It waits for nothing, so it has ended with its first step.
        with suppress(StopIteration):
            ProxyHeadersMiddleware(_nowhere, proxies)(as_forwarded, nothing, nothing).send(None)
        return Head(
            body_bytes=int(read["content-length"]),
            came_from={"client": scope["client"]},
            credentials=shown,
            takes_gzip="gzip" in read.get("accept-encoding", ""),
            told=_lines(headers_for(scope, read.get("host", ""))),
        )

    def _may_be_short(self, headers: Mapping[str, str]) -> bool:
        """Tell whether by its headers a request asks for nothing that only the usual way has."""
        host = headers.get("host", "")
        return (
            headers.get("content-type", "").lower() in JSON
            and "content-encoding" not in headers
            and "transfer-encoding" not in headers
            and "expect" not in headers
            and self._fits(headers.get("content-length", ""))
            and server_sent_events.MEDIA_TYPE not in headers.get("accept", "")
            and not headers.get("authorization", "").startswith(ALGORITHM)
            and ("origin" not in headers or is_at(headers["origin"], host))
            and (not self._for_this_machine or is_of_this_machine(host))
        )

    def _fits(self, length: str) -> bool:
        return length.isdecimal() and int(length) <= self._endpoint.documents.limits.body_bytes


class _HeadRead:
    """What a parser tells of a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.has_body = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, _body: bytes) -> None:
        self.has_body = True


def _read(said: bytes) -> dict[str, str] | None:
    """Read the headers of a request to be answered here, on a connection that is to be kept; None where it is not."""
    read = _HeadRead()
    parser = HttpRequestParser(read)
    try:
        parser.feed_data(said)
    except (HttpParserError, HttpParserUpgrade):
        return None
    headers = dict(read.headers)
    # What is said twice is for Starlette to make something of.
    is_plain = len(headers) == len(read.headers) and not read.has_body and not parser.should_upgrade()
    return headers if is_plain and parser.should_keep_alive() else None


async def _nowhere(*_to: object) -> None:
    pass


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
