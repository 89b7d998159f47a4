"""
HTTP as AppSync answers it: how a request is read, and in what form one that is not run is refused.

Source: AWS AppSync Developer Guide, and what the clients of aws-amplify make of an answer: they look for the type of an
error in `x-amzn-errortype`, and for its text in a `message` at the top. GraphQL's own errors are answered with 200.
"""

import asyncio
import json
import zlib
from collections.abc import Mapping
from contextlib import aclosing
from email.message import Message
from inspect import getdoc
from typing import Any, ClassVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graph.operations.documents import Documents
from graph.operations.json import NotJson, decode, encode
from graph.operations.operation import Operation
from graph.operations.persisted import operation_text

BODY_WITHIN_S = 30.0

# UTF-8 may begin with a byte order mark. Any name of Python's would do, but some of its codecs take minutes for a MiB.
CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii"), "utf-8-sig"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "iso-8859-1", "latin-1")},
}

# What a page of another origin may send, where it may call at all, and what it may read of an answer beside its body.
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": [
        *("content-type", "x-api-key", "authorization"),
        *("x-amz-user-agent", "x-amz-date", "x-amz-security-token"),
    ],
    "expose_headers": ["x-amzn-requestid", "x-amzn-errortype", "retry-after", "date"],
}


class HttpRefusal(Exception):
    """
    A request that is not run.

    The docstring of its class, filled with its details, is its message.
    """

    status: ClassVar[int] = 400
    error_type: ClassVar[str] = "MalformedHttpRequestException"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **details: Any) -> None:
        super().__init__((getdoc(type(self)) or "").format(**details))

    def answer(self) -> Response:
        """Answer the request."""
        return refused(self.status, self.error_type, str(self), self.headers)


class MethodNotAllowed(HttpRefusal):
    """{method} is not answered here: send the operation as a POST."""

    status = 405
    error_type = "MethodNotAllowedException"
    headers: ClassVar[Mapping[str, str]] = {"allow": "GET, POST"}


class TooLarge(HttpRefusal):
    """The request body is {size} bytes long; at most {limit} are read."""

    status = 413
    error_type = "RequestEntityTooLargeException"


class TooLate(HttpRefusal):
    """The request body did not arrive within {seconds:g} seconds."""

    status = 408
    error_type = "RequestTimeoutException"
    # Whatever arrives later must not be taken for the next request.
    headers: ClassVar[Mapping[str, str]] = {"connection": "close"}


class BrokenOff(HttpRefusal):
    """The connection was closed before the request body had arrived."""


class UnknownEncoding(HttpRefusal):
    """The request body is encoded as {encoding}; expected gzip, or nothing of the kind."""

    status = 415
    error_type = "UnsupportedMediaTypeException"
    headers: ClassVar[Mapping[str, str]] = {"accept-encoding": "gzip, identity"}


class DamagedGzip(HttpRefusal):
    """The request body is said to be gzip, but is not, or not from its first byte to its last."""


class EmptyBody(HttpRefusal):
    """Request body is empty."""


class UnknownContentType(HttpRefusal):
    """The content type is {given}; expected application/json or application/graphql."""


class UnknownCharset(HttpRefusal):
    """The charset is {given}; expected UTF-8, UTF-16 or ISO-8859-1."""


class WrongCharset(HttpRefusal):
    """The request body is not {charset} from its byte {at} on."""


class NoJson(HttpRefusal):
    """The request body is not JSON: {reason}."""


class NoOperation(HttpRefusal):
    """{part} must be {expected}."""


def refused(status: int, error_type: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a request that is not run, in the form in which AppSync's clients find the type and the message."""
    body = {"message": message, "errors": [{"errorType": error_type, "message": message}]}
    return Response(encode(body), status, {**(headers or {}), "x-amzn-errortype": error_type}, "application/json")


def subscription_not_supported() -> Response:
    """Answer a subscription to which there is one answer only."""
    error = {
        "message": "A subscription has more than one answer: open a WebSocket, or accept text/event-stream.",
        "locations": None,
        "path": None,
        "errorType": "OperationNotSupported",
        "errorInfo": None,
        "data": None,
    }
    return answered(encode({"data": None, "errors": [error]}))


def answered(payload: str | bytes) -> Response:
    """Answer a request that was run, well or not."""
    return Response(payload, media_type="application/json")


async def read_operation(request: Request, documents: Documents) -> Operation:
    """Read what a request asks to be run. Raises HttpRefusal, and PersistedQueryRefusal."""
    at_most = documents.limits.body_bytes
    body = _unpacked(await read_body(request, at_most), request.headers.get("content-encoding", ""), at_most)
    if not body.strip():
        raise EmptyBody
    content_type = Message()
    content_type["content-type"] = request.headers.get("content-type", "")
    kind, charset = content_type.get_content_type(), content_type.get_content_charset("utf-8")
    if kind not in ("application/json", "application/graphql"):
        raise UnknownContentType(given=request.headers.get("content-type") or "missing")
    text = _text(body, charset)
    return operation_of(_json(text) if kind == "application/json" else {"query": text}, documents)


def operation_of(given: Any, documents: Documents) -> Operation:
    """Read an operation from the JSON of a request. Raises HttpRefusal, and PersistedQueryRefusal."""
    if not isinstance(given, dict):
        raise NoOperation(part="The request body", expected='one object, such as {"query": "{ getCaller { name } }"}')
    query = operation_text(given, documents.manifest)
    variables, name = given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise NoOperation(part="`query`", expected="the text of an operation")
    if not isinstance(variables, dict | None):
        raise NoOperation(part="`variables`", expected="an object or null, if provided")
    if not isinstance(name, str | None):
        raise NoOperation(part="`operationName`", expected="a string or null, if provided")
    # Some clients send an empty name where they have none.
    return Operation(query, variables or {}, name or None)


async def read_body(request: Request, at_most: int) -> bytes:
    """Read the body of a request as it was sent, once, however often it is asked for. Raises HttpRefusal."""
    if not hasattr(request.state, "body"):
        request.state.body = await _arriving_body(request, at_most)
    body: bytes = request.state.body
    return body


async def _arriving_body(request: Request, at_most: int) -> bytes:
    announced = request.headers.get("content-length")
    if announced is not None and int(announced) > at_most:
        raise TooLarge(size=announced, limit=at_most)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S), aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                _check_length(body, at_most)
    except TimeoutError:
        raise TooLate(seconds=BODY_WITHIN_S) from None
    except ClientDisconnect:
        raise BrokenOff from None
    return bytes(body)


def _unpacked(body: bytes, encoding: str, at_most: int) -> bytes:
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() != "gzip":
        raise UnknownEncoding(encoding=encoding)
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        # A MiB can hold a GiB of zeros: no more of it is unpacked than it takes to know that it is too large.
        unpacked = unpacker.decompress(body, at_most + 1)
    except zlib.error:
        raise DamagedGzip from None
    _check_length(unpacked, at_most)
    if not unpacker.eof or unpacker.unused_data:
        raise DamagedGzip
    return unpacked


def _check_length(body: bytes | bytearray, at_most: int) -> None:
    if len(body) > at_most:
        raise TooLarge(size=f"more than {at_most}", limit=at_most)


def _text(body: bytes, charset: str) -> str:
    if charset not in CHARSETS:
        raise UnknownCharset(given=charset)
    try:
        return body.decode(CHARSETS[charset])
    except UnicodeDecodeError as error:
        raise WrongCharset(charset=charset.upper(), at=error.start) from None


def _json(text: str) -> Any:
    try:
        return decode(text)
    except NotJson as error:
        if isinstance(error.__cause__, json.JSONDecodeError):
            raise NoJson(reason=error) from None
        raise NoJson(reason="nested too deeply, or with a number of too many digits") from None
