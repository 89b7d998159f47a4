"""
GraphQL over HTTP in AppSync's format: reading the operation of a request, and rejecting a request that does not run.

Source: AWS AppSync Developer Guide, and the behaviour of the clients of aws-amplify: they read an error's type from the
header `x-amzn-errortype` and its text from `message` at the top of the body. GraphQL errors have HTTP status 200.
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
from graph.operations.json import JsonDecodeError, decode, encode
from graph.operations.operation import Operation
from graph.operations.persisted import operation_text

BODY_TIMEOUT_S = 30.0

# Other codecs of Python are not allowed: some of them take minutes for a MiB. UTF-8 may begin with a byte order mark.
CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii"), "utf-8-sig"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "iso-8859-1", "latin-1")},
}

# The methods and headers that pages of other origins may send, and the response headers that they may read.
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
    A request that does not run.

    The docstring of each subclass, formatted with the details, is its message.
    """

    status: ClassVar[int] = 400
    error_type: ClassVar[str] = "MalformedHttpRequestException"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **details: Any) -> None:
        super().__init__((getdoc(type(self)) or "").format(**details))

    def answer(self) -> Response:
        """Return the response."""
        return refused(self.status, self.error_type, str(self), self.headers)


class MethodNotAllowed(HttpRefusal):
    """{method} is not supported here: send the operation as a POST."""

    status = 405
    error_type = "MethodNotAllowedException"
    headers: ClassVar[Mapping[str, str]] = {"allow": "GET, POST"}


class TooLarge(HttpRefusal):
    """The request body is {size} bytes long; at most {limit} are allowed."""

    status = 413
    error_type = "RequestEntityTooLargeException"


class BodyTimeout(HttpRefusal):
    """The request body did not arrive within {seconds:g} seconds."""

    status = 408
    error_type = "RequestTimeoutException"
    # The rest of the body, if it arrives later, must not be parsed as the next request.
    headers: ClassVar[Mapping[str, str]] = {"connection": "close"}


class ClientDisconnected(HttpRefusal):
    """The client closed the connection before the request body was complete."""


class UnknownEncoding(HttpRefusal):
    """The content encoding is {encoding}; expected gzip, or no Content-Encoding header."""

    status = 415
    error_type = "UnsupportedMediaTypeException"
    headers: ClassVar[Mapping[str, str]] = {"accept-encoding": "gzip, identity"}


class DamagedGzip(HttpRefusal):
    """The request body is not valid gzip, although its Content-Encoding is gzip."""


class EmptyBody(HttpRefusal):
    """Request body is empty."""


class UnknownContentType(HttpRefusal):
    """The content type is {given}; expected application/json or application/graphql."""


class UnknownCharset(HttpRefusal):
    """The charset is {given}; expected UTF-8, UTF-16 or ISO-8859-1."""


class WrongCharset(HttpRefusal):
    """The request body is not valid {charset}: the first invalid byte is at {at}."""


class InvalidJson(HttpRefusal):
    """The request body is not valid JSON: {reason}."""


class InvalidOperation(HttpRefusal):
    """{part} must be {expected}."""


def refused(status: int, error_type: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to a request that does not run, in the format of AppSync's errors."""
    body = {"message": message, "errors": [{"errorType": error_type, "message": message}]}
    return Response(encode(body), status, {**(headers or {}), "x-amzn-errortype": error_type}, "application/json")


def subscription_not_supported() -> Response:
    """Return the response to a subscription over plain HTTP, which carries one result only."""
    error = {
        "message": "A subscription has many results: open a WebSocket, or send the header Accept: text/event-stream.",
        "locations": None,
        "path": None,
        "errorType": "OperationNotSupported",
        "errorInfo": None,
        "data": None,
    }
    return answered(encode({"data": None, "errors": [error]}))


def answered(payload: str | bytes) -> Response:
    """Return the response to a request that ran, with or without GraphQL errors."""
    return Response(payload, media_type="application/json")


async def read_operation(request: Request, documents: Documents) -> Operation:
    """Read the operation of a request. Raises HttpRefusal and PersistedQueryRefusal."""
    max_bytes = documents.limits.body_bytes
    body = _decompressed(await read_body(request, max_bytes), request.headers.get("content-encoding", ""), max_bytes)
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
    """Return the operation in the JSON of a request. Raises HttpRefusal and PersistedQueryRefusal."""
    if not isinstance(given, dict):
        raise InvalidOperation(
            part="The request body", expected='one object, such as {"query": "{ getCaller { name } }"}'
        )
    query = operation_text(given, documents.manifest)
    variables, name = given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise InvalidOperation(part="`query`", expected="the text of an operation")
    if not isinstance(variables, dict | None):
        raise InvalidOperation(part="`variables`", expected="an object or null, if provided")
    if not isinstance(name, str | None):
        raise InvalidOperation(part="`operationName`", expected="a string or null, if provided")
    # Some clients send an empty name where they have none.
    return Operation(query, variables or {}, name or None)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the raw body of a request; later calls return the same bytes. Raises HttpRefusal."""
    if not hasattr(request.state, "body"):
        request.state.body = await _receive_body(request, max_bytes)
    body: bytes = request.state.body
    return body


async def _receive_body(request: Request, max_bytes: int) -> bytes:
    content_length = request.headers.get("content-length")
    if content_length is not None and int(content_length) > max_bytes:
        raise TooLarge(size=content_length, limit=max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S), aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                _check_length(body, max_bytes)
    except TimeoutError:
        raise BodyTimeout(seconds=BODY_TIMEOUT_S) from None
    except ClientDisconnect:
        raise ClientDisconnected from None
    return bytes(body)


def _decompressed(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() != "gzip":
        raise UnknownEncoding(encoding=encoding)
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        # A MiB of gzip can hold a GiB of zeros: decompression stops at the first byte above the limit.
        decompressed = decompressor.decompress(body, max_bytes + 1)
    except zlib.error:
        raise DamagedGzip from None
    _check_length(decompressed, max_bytes)
    if not decompressor.eof or decompressor.unused_data:
        raise DamagedGzip
    return decompressed


def _check_length(body: bytes | bytearray, max_bytes: int) -> None:
    if len(body) > max_bytes:
        raise TooLarge(size=f"more than {max_bytes}", limit=max_bytes)


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
    except JsonDecodeError as error:
        if isinstance(error.__cause__, json.JSONDecodeError):
            raise InvalidJson(reason=error) from None
        raise InvalidJson(reason="nested too deeply, or with a number of too many digits") from None
