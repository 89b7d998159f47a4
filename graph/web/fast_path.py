"""
The fast path for operations that have a plan: it bypasses uvicorn's request cycle and Starlette.

Uvicorn and Starlette take several times as long for a small query as the query itself. A request takes the fast path if
it is one JSON body, comes from no page of another origin, and its operation has a plan. It passes the same `Admission`,
limits and headers as on the standard path. All other requests take the standard path. It also processes, from the
start, a request that the fast path does not admit or cannot run by a plan.
"""

import asyncio
import gzip
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import orjson
import structlog
from cachetools import FIFOCache
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from db.engine.refusals import Refusal
from graph.auth.authentication import Credentials, MissingApiKey, read_credentials
from graph.auth.callers import Caller
from graph.auth.signatures import ALGORITHM
from graph.operations.operation import Operation
from graph.plans.run import planned_response
from graph.protocols import server_sent_events
from graph.protocols.endpoint import Endpoint
from graph.protocols.http import HttpRefusal, operation_of, refused
from graph.protocols.request_rate import Client
from graph.resolvers.errors import internal_failure
from graph.web.origins import is_at, is_of_this_machine
from graph.web.request_id import new_request_id
from graph.web.security_headers import headers_for

GZIP_MIN_BYTES, GZIP_LEVEL = 1000, 6
# A longer body is compressed in a thread, because that takes long enough to delay other requests.
GZIP_IN_THREAD_MIN_BYTES = 128 * 1024
REQUEST_LINE = b"POST /graphql HTTP/1.1\r\n"
JSON = ("application/json", "application/json; charset=utf-8", "application/json;charset=utf-8")
MAX_CACHED_HEAD_BYTES = 4096
MAX_CACHED_HEADS = 1_000

log = structlog.get_logger()


class Head(NamedTuple):
    """A parsed request head, and the headers of every response to it."""

    body_bytes: int
    client: Client
    credentials: Credentials
    accepts_gzip: bool
    response_headers: bytes


class Answer(NamedTuple):
    """A response: its status, and the bytes after the status line and the server's default headers."""

    status: int
    rest: bytes


class FastPath:
    """Answers requests that have a plan; returns None for all others."""

    def __init__(self, endpoint: Endpoint, *, for_this_machine: bool) -> None:
        self._endpoint = endpoint
        self._for_this_machine = for_this_machine
        self._heads: FIFOCache[object, Head | None] = FIFOCache(MAX_CACHED_HEADS)

    def head(self, raw: bytes, client: Client, scheme: str | None, trusted_proxies: Any) -> Head | None:
        """
        Parse the head of a request; None if it must take the standard path.

        A client sends equal heads, so they are cached by their bytes. The forwarding headers of `trusted_proxies` are
        applied.
        """
        if not raw.startswith(REQUEST_LINE):
            return None
        key = (raw, client and client[0], scheme)
        try:
            return self._heads[key]
        except KeyError:
            pass
        scope = {"type": "http", "path": "/graphql", "client": client, "scheme": scheme}
        head = self._parse_head(raw, scope, trusted_proxies)
        if len(raw) <= MAX_CACHED_HEAD_BYTES:
            self._heads[key] = head
        return head

    async def answer(self, head: Head, body: bytes, state: dict[str, Any]) -> Answer | None:
        """
        Answer a request; None if it must take the standard path.

        `state` receives the scope entries that the standard path needs: the request id, and the rate limit counters
        already charged.
        """
        endpoint = self._endpoint
        admission = endpoint.admission
        try:
            operation = operation_of(orjson.loads(body), admission.documents)
        except (orjson.JSONDecodeError, HttpRefusal, Refusal):
            return None
        request_id = state["request_id"] = new_request_id()
        state["counted"] = set()

        async def identify() -> Caller:
            return await admission.authenticator.authenticate_credentials(head.credentials)

        async def read() -> Operation:
            return operation

        try:
            admitted = await admission.admit(head.client, identify, read, wait=False, counted=state["counted"])
        except Exception:  # The standard path raises it again, and responds.
            return None
        try:
            if admitted.is_subscription:
                return None
            answer = await planned_response(operation, endpoint.context(admitted.caller, request_id=request_id))
        except Exception:
            # The operation may have changed something, so it must not run a second time.
            log.exception("A request failed", request_id=request_id)
            response = refused(500, "InternalFailure", internal_failure(request_id))
            return Answer(response.status_code, _lines(response.raw_headers) + b"\r\n" + bytes(response.body))
        finally:
            admitted.release()
        if answer is None:
            return None
        headers, vary = head.response_headers, b"Origin"
        if len(answer) >= GZIP_MIN_BYTES:
            vary = b"Origin, Accept-Encoding"
            if head.accepts_gzip:
                headers = b"content-encoding: gzip\r\n" + headers
                if len(answer) < GZIP_IN_THREAD_MIN_BYTES:
                    answer = gzip.compress(answer, GZIP_LEVEL)
                else:
                    answer = await asyncio.to_thread(gzip.compress, answer, GZIP_LEVEL)
        return Answer(
            200,
            b"content-type: application/json\r\ncontent-length: %d\r\nx-amzn-requestid: %b\r\nvary: %b\r\n%b\r\n%b"
            % (len(answer), request_id.encode(), vary, headers, answer),
        )

    def _parse_head(self, raw: bytes, scope: Scope, trusted_proxies: Any) -> Head | None:
        headers = _parse_headers(raw)
        if headers is None or not self._is_simple(headers):
            return None
        try:
            caller_credentials = read_credentials(headers)
        except MissingApiKey:
            return None
        unused: Any = None
        forwarded_scope: Any = scope
        scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        # The middleware awaits nothing before it calls the application, so one send() runs it completely.
        with suppress(StopIteration):
            ProxyHeadersMiddleware(_no_application, trusted_proxies)(forwarded_scope, unused, unused).send(None)
        return Head(
            body_bytes=int(headers["content-length"]),
            client=scope["client"],
            credentials=caller_credentials,
            accepts_gzip="gzip" in headers.get("accept-encoding", ""),
            response_headers=_lines(headers_for(scope, headers.get("host", ""))),
        )

    def _is_simple(self, headers: Mapping[str, str]) -> bool:
        """Return whether the fast path supports a request."""
        host = headers.get("host", "")
        return (
            headers.get("content-type", "").lower() in JSON
            and "content-encoding" not in headers
            and "transfer-encoding" not in headers
            and "expect" not in headers
            and self._is_allowed_length(headers.get("content-length", ""))
            and server_sent_events.MEDIA_TYPE not in headers.get("accept", "")
            and not headers.get("authorization", "").startswith(ALGORITHM)
            and ("origin" not in headers or is_at(headers["origin"], host))
            and (not self._for_this_machine or is_of_this_machine(host))
        )

    def _is_allowed_length(self, length: str) -> bool:
        return length.isdecimal() and int(length) <= self._endpoint.admission.documents.limits.body_bytes


class _HeadParser:
    """Receives the callbacks of httptools while it parses a head."""

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


def _parse_headers(raw: bytes) -> dict[str, str] | None:
    """Return the headers of a request on a connection that stays open; None if the standard path must parse it."""
    parsed = _HeadParser()
    parser = HttpRequestParser(parsed)
    try:
        parser.feed_data(raw)
    except (HttpParserError, HttpParserUpgrade):
        return None
    headers = dict(parsed.headers)
    # Starlette defines the meaning of a repeated header, so the standard path must handle it.
    is_plain = len(headers) == len(parsed.headers) and not parsed.has_body and not parser.should_upgrade()
    return headers if is_plain and parser.should_keep_alive() else None


async def _no_application(*_arguments: object) -> None:
    pass


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
