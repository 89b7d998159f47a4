import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from httpx import Response
from starlette.requests import Request
from starlette.types import Message

from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.operations.documents import Documents
from graph.protocols import http
from graph.protocols.http import ClientDisconnected, read_operation
from graph.web.server import Serving, serving
from tests.fixtures.api import API_KEY, COST, WAIT_S, Api

CALLER = "{ getCaller { name } }"
BODY = json.dumps({"query": CALLER}).encode()
BOOTSTRAP = {"data": {"getCaller": {"name": "bootstrap"}}, "extensions": COST}
HEADERS = {"x-api-key": API_KEY, "content-type": "application/json"}
MALFORMED = "MalformedHttpRequestException"
TWO_OPERATIONS = "query A { a: getCaller { name } } query B { b: getCaller { name } }"
MIB = 2**20


async def send(api: Api, body: Any = BODY, **headers: str) -> Response:
    """POST a body unchanged. An underscore in a header's name stands for a hyphen."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.post("/graphql", content=body, headers=HEADERS | more)


def rejection_of(answer: Response) -> tuple[int, str, str]:
    """Return a rejection's status, type and message, which headers and body must state equally."""
    body = json.loads(answer.content)
    kind, message = answer.headers["x-amzn-errortype"], body["message"]
    assert body == {"message": message, "errors": [{"errorType": kind, "message": message}]}
    assert UUID(answer.headers["x-amzn-requestid"])
    return answer.status_code, kind, message


# Reading the request body


NO_OBJECT = 'The request body must be one object, such as {"query": "{ getCaller { name } }"}.'
NO_QUERY = "`query` must be the text of an operation."
NO_JSON = "The request body is not valid JSON"
TOO_MUCH = f"{NO_JSON}: nested too deeply, or with a number of too many digits."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Request body is empty."),
        (b" \r\n", "Request body is empty."),
        (b"{", f"{NO_JSON}: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        (b"query=5", f"{NO_JSON}: Expecting value: line 1 column 1 (char 0)."),
        (b"[" * 100_000, TOO_MUCH),
        (b'{"query": "{ getCaller { name } }", "variables": {"a": ' + b"9" * 5000 + b"}}", TOO_MUCH),
        (b'{"query": "\xff"}', "The request body is not valid UTF-8: the first invalid byte is at 11."),
        (b"null", NO_OBJECT),
        (b"5", NO_OBJECT),
        (b'"{ getCaller { name } }"', NO_OBJECT),
        (b'[{"query": "{ getCaller { name } }"}]', NO_OBJECT),
        (b"{}", NO_QUERY),
        (b'{"query": null}', NO_QUERY),
        (b'{"query": " "}', NO_QUERY),
        (b'{"query": 5}', NO_QUERY),
        (b'{"query": "{a}", "variables": []}', "`variables` must be an object or null, if provided."),
        (b'{"query": "{a}", "variables": "{}"}', "`variables` must be an object or null, if provided."),
        (b'{"query": "{a}", "operationName": 5}', "`operationName` must be a string or null, if provided."),
    ],
)
async def test_malformed_body_is_rejected_with_the_reason(api: Api, body: bytes, message: str) -> None:
    answer = await send(api, body)

    assert rejection_of(answer) == (400, MALFORMED, message)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", BODY),
        ("Application/JSON; charset=UTF-8", BODY),
        ("application/json", b"\xef\xbb\xbf" + BODY),
        ("application/json; charset=utf-16", BODY.decode().encode("utf-16")),
        ("application/json; charset=ISO-8859-1", '{"query": "{ getCaller { name } } # ü"}'.encode("latin-1")),
        ("application/graphql", CALLER.encode()),
        ("application/graphql; charset=utf-8", f"# ü\n{CALLER}".encode()),
    ],
)
async def test_json_and_graphql_bodies_are_decoded_by_their_declared_charset(
    api: Api, content_type: str, body: bytes
) -> None:
    answer = await send(api, body, content_type=content_type)

    assert (answer.status_code, answer.json()) == (200, BOOTSTRAP)


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/plain", "The content type is text/plain; expected application/json or application/graphql."),
        ("", "The content type is missing; expected application/json or application/graphql."),
        (
            "multipart/form-data; boundary=x",
            "The content type is multipart/form-data; boundary=x; expected application/json or application/graphql.",
        ),
        ("application/json; charset=punycode", "The charset is punycode; expected UTF-8, UTF-16 or ISO-8859-1."),
        ("application/json; charset*=x''y", "The charset is y; expected UTF-8, UTF-16 or ISO-8859-1."),
    ],
)
async def test_other_content_type_or_charset_is_rejected_with_the_expected_ones(
    api: Api, content_type: str, message: str
) -> None:
    answer = await send(api, content_type=content_type)

    assert rejection_of(answer) == (400, MALFORMED, message)


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body that is sent in chunks, so that its length is unknown before its end."""
    yield BODY
    yield b" " * (size - len(BODY))


async def test_body_of_one_mebibyte_is_accepted(served_api: Api) -> None:
    answers = [
        await send(served_api, BODY.ljust(MIB)),
        await send(served_api, pieces(MIB)),
        await send(served_api, gzip.compress(BODY.ljust(MIB)), content_encoding="gzip"),
    ]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, BOOTSTRAP)] * 3


async def test_longer_body_is_rejected_with_the_limit_and_its_length(served_api: Api) -> None:
    bomb = gzip.compress(bytes(100 * 2**20))
    answers = [
        await send(served_api, BODY.ljust(MIB + 1)),
        await send(served_api, pieces(MIB + 1)),
        await send(served_api, bomb, content_encoding="gzip"),
    ]

    message = "The request body is {} bytes long; at most 1048576 are allowed."
    assert [rejection_of(answer) for answer in answers] == [
        (413, "RequestEntityTooLargeException", message.format(length))
        for length in ("1048577", "more than 1048576", "more than 1048576")
    ]


async def test_gzipped_body_is_accepted(api: Api) -> None:
    answers = [await send(api, gzip.compress(BODY), content_encoding=name) for name in ("gzip", "GZIP")]

    assert [answer.json() for answer in answers] == [BOOTSTRAP] * 2


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY)[:20] + b"?" + gzip.compress(BODY)[21:],
        gzip.compress(BODY) * 2,
    ],
    ids=["not gzip", "cut short", "changed", "two in a row"],
)
async def test_damaged_gzip_is_rejected(api: Api, body: bytes) -> None:
    answer = await send(api, body, content_encoding="gzip")

    message = "The request body is not valid gzip, although its Content-Encoding is gzip."
    assert rejection_of(answer) == (400, MALFORMED, message)


async def test_other_content_encoding_is_rejected_with_the_expected_ones(api: Api) -> None:
    answer = await send(api, content_encoding="br")

    message = "The content encoding is br; expected gzip, or no Content-Encoding header."
    assert rejection_of(answer) == (415, "UnsupportedMediaTypeException", message)
    assert answer.headers["accept-encoding"] == "gzip, identity"


async def test_body_that_does_not_arrive_in_time_is_rejected(
    api_server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODY_TIMEOUT_S", 0.05)

    answer = await send_bytes(api_server, post("content-length: 100"))

    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close" in head
    assert json.loads(body)["message"] == "The request body did not arrive within 0.05 seconds."


# Selecting and executing the operation


async def test_operation_name_selects_one_of_several_operations(api: Api) -> None:
    answer = await send(api, json.dumps({"query": TWO_OPERATIONS, "operationName": "B"}))

    assert answer.json() == {"data": {"b": {"name": "bootstrap"}}, "extensions": COST}


@pytest.mark.parametrize("name", [None, ""])
async def test_single_operation_needs_no_operation_name(api: Api, name: str | None) -> None:
    answer = await send(api, json.dumps({"query": f"query A {CALLER}", "operationName": name}))

    assert answer.json() == BOOTSTRAP


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        (TWO_OPERATIONS, None, "Missing operation name."),
        (TWO_OPERATIONS, "", "Missing operation name."),
        (f"{CALLER} query B {CALLER}", None, "Missing operation name."),
        (TWO_OPERATIONS, "C", 'Unknown operation named "C".'),
        (TWO_OPERATIONS, "\ud83d", 'Unknown operation named "\ud83d".'),
    ],
)
async def test_missing_or_unknown_operation_name_is_rejected(
    api: Api, query: str, name: str | None, message: str
) -> None:
    answer = await send(api, json.dumps({"query": query, "operationName": name}))

    assert rejection_of(answer) == (400, "BadRequestException", message)


async def test_several_operations_without_a_name_change_nothing(api: Api) -> None:
    create = "createVpp(input: {name: $name, revenuePercentage: 20}) { id }"
    document = f"mutation A($name: String!) {{ {create} }} mutation B($name: String!) {{ {create} }}"
    before = await api.fleet_snapshot()

    answer = await send(api, json.dumps({"query": document, "variables": {"name": "No"}}))

    assert answer.status_code == 400
    assert await api.fleet_snapshot() == before


async def test_subscription_over_plain_http_is_rejected(api: Api) -> None:
    answer = await send(api, json.dumps({"query": "subscription { onRevenueReport { id } }"}))

    error = {
        "message": "A subscription has many results: open a WebSocket, or send the header Accept: text/event-stream.",
        "locations": None,
        "path": None,
        "errorType": "OperationNotSupported",
        "errorInfo": None,
        "data": None,
    }
    assert (answer.status_code, answer.json()) == (200, {"data": None, "errors": [error]})


DEEP = "Syntax Error: Document is nested too deeply. Parsing aborted."
LONG = "The document exceeds the limit of 10000 tokens."


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{" * 100_000, "Syntax Error: Expected Name, found '{'."),
        ("{a" * 100_000, DEEP),
        ("{ getCaller " * 3000 + "}" * 3000, DEEP),
        ("{ getVpp(id: " + "[" * 100_000, DEEP),
        ("query ($a: " + "[" * 100_000, DEEP),
        ("{" + " a" * 500_000 + "}", LONG),
        ("#\n" * 300_000 + CALLER, LONG),
        ("{" + "".join(f" a{number}: getCaller {{ name }}" for number in range(4_000)) + "}", LONG),
        ("{" + " getCaller { name }" * 2_400 + "}", "Validation aborted."),
    ],
    ids=["braces", "selections", "both ends", "lists", "types", "fields", "comments", "aliases", "comparisons"],
)
async def test_oversized_document_is_rejected_with_the_reason(api: Api, document: str, message: str) -> None:
    kind, _, actual_message = await api.refusal(document)

    assert (kind, actual_message) == ("LimitExceeded" if message == LONG else "ValidationFailed", message)


async def test_deeply_nested_variable_is_a_validation_error(api: Api) -> None:
    deep = ["end"]
    for _ in range(200):
        deep = [deep]  # type: ignore[list-item]

    kind, _, _ = await api.refusal("query ($id: ID!) { getVpp(id: $id) { id } }", id=deep)

    assert kind == "ValidationFailed"


# The response


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods_other_than_post_are_rejected(api: Api, method: str) -> None:
    answer = await api.client.request(method, "/graphql", params={"query": CALLER}, headers={"x-api-key": API_KEY})

    message = f"{method} is not supported here: send the operation as a POST."
    assert rejection_of(answer) == (405, "MethodNotAllowedException", message)
    assert answer.headers["allow"] == "GET, POST"


async def test_rejected_head_request_has_no_body(served_api: Api) -> None:
    answer = await served_api.client.head("/graphql")

    assert (answer.status_code, answer.headers["x-amzn-errortype"], answer.content) == (
        405,
        "MethodNotAllowedException",
        b"",
    )


async def test_long_response_is_gzipped_for_clients_that_accept_it(served_api: Api) -> None:
    document = json.dumps({"query": "{ __schema { types { name fields { name } } } }"})

    zipped = await send(served_api, document, accept_encoding="gzip")
    plain = await send(served_api, document, accept_encoding="identity")
    short = await send(served_api, accept_encoding="gzip")

    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(plain.content) / 3
    assert zipped.json() == plain.json()
    assert "accept-encoding" in zipped.headers["vary"].lower()
    assert "accept-encoding" in plain.headers["vary"].lower()
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in short.headers


async def test_page_of_an_allowed_origin_may_call_the_api(api: Api) -> None:
    origin = "http://localhost:5173"
    requested_headers = "authorization,content-type,x-amz-date,x-amz-security-token,x-amz-user-agent,x-api-key"

    allowed = await api.client.options(
        "/graphql",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": requested_headers,
        },
    )
    answers = [
        await send(api, origin=origin),
        await send(api, origin=origin, x_api_key="da2-wrong"),
    ]

    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origin)
    assert allowed.headers["access-control-allow-methods"] == "GET, POST"
    assert set(requested_headers.split(",")) <= set(allowed.headers["access-control-allow-headers"].lower().split(", "))
    assert [answer.status_code for answer in answers] == [200, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == origin
        assert (
            answer.headers["access-control-expose-headers"] == "x-amzn-requestid, x-amzn-errortype, retry-after, date"
        )
        assert "access-control-allow-credentials" not in answer.headers


async def test_page_of_another_origin_may_not_read_the_graphiql_page(api: Api) -> None:
    answer = await api.client.get("/graphql", headers={"accept": "text/html", "origin": "https://example.com"})

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


# Malformed HTTP


def post(
    *headers: str | bytes, host: bytes = b"host: 127.0.0.1", path: bytes = b"/graphql", body: bytes = b""
) -> bytes:
    """Return the bytes of a POST request with `Connection: close`."""
    given = [header.encode() if isinstance(header, str) else header for header in headers]
    always = [f"x-api-key: {API_KEY}".encode(), b"content-type: application/json", b"connection: close"]
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", *([host] if host else []), *always, *given, b"", body])


def whole(*headers: str | bytes, **more: bytes) -> bytes:
    return post(f"content-length: {len(BODY)}", *headers, body=BODY, **more)


def chunked(body: bytes) -> bytes:
    return post("transfer-encoding: chunked", body=body)


@pytest.fixture(scope="module")
async def any_host_server(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """A server that accepts any host name."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=False)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as any_host_server:
        yield any_host_server


async def send_bytes(api_server: Serving, request: bytes) -> bytes:
    """Send bytes, and return everything received until the server closes the connection."""
    host, port = api_server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(WAIT_S):
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def get(target: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\nhost: a\r\nconnection: close\r\n\r\n"


CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
MALFORMED_REQUESTS = {
    "no host": (whole(host=b""), 200),
    "an empty host": (whole(host=b"host:"), 200),
    "two hosts": (whole("host: another"), 200),
    "a long host": (whole(host=b"host: " + b"a" * 60_000), 200),
    "a host that is not ASCII": (whole(host="host: bücher".encode() + b"\xff"), 200),
    "a host without its closing bracket": (whole(host=b"host: [::1"), 200),
    "a redirect to a host without its closing bracket": (whole(host=b"host: [::1", path=b"/graphql/"), 307),
    "a redirect to a host that is a path": (whole(host=b"host: a/b?c#d@:99999999", path=b"/graphql/"), 307),
    "a host with a CR": (whole(host=b"host: a\rx: y"), 400),
    "a host with a LF": (whole(host=b"host: a\nx: y"), 400),
    "a host with a NUL": (whole(host=b"host: a\0b"), 400),
    "a long header": (whole(b"x-flood: " + b"a" * 100 * 1024), 200),
    "many headers": (whole(*(f"x-{number}: a" for number in range(10_000))), 200),
    "a content type that is not ASCII": (post("content-length: 5", b"content-type: \xff", body=BODY[:5]), 400),
    "two lengths": (whole("content-length: 5"), 400),
    "a negative length": (post("content-length: -5", body=BODY), 400),
    "a length that is not a number": (post("content-length: five", body=BODY), 400),
    "a length of many digits": (post("content-length: " + "9" * 5000, body=BODY), 400),
    "the longest length": (post(f"content-length: {2**64 - 1}", body=BODY), 413),
    "chunks": (chunked(CHUNK), 200),
    "a chunk whose size is not a number": (chunked(b"zz" + CHUNK), 400),
    "a chunk of a negative size": (chunked(b"-" + CHUNK), 400),
    "a chunk whose size does not fit 64 bits": (chunked(b"f" * 40 + CHUNK), 400),
    "a path that is not UTF-8": (get(b"/\xff\xfe"), 400),
    "an escaped path that is not UTF-8": (get(b"/%ff%fe%00"), 404),
    "a file whose name is not UTF-8": (get(b"/static/%ff%fe%00"), 404),
    "a file with a long name": (get(b"/static/" + b"a" * 5000), 404),
    "a target whose host lacks its closing bracket": (get(b"http://[::1/graphql"), 400),
    "an unknown version": (get(b"/graphql", b"HTTP/9.9"), 400),
    "an unknown method": (b"BREW /graphql HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
}


@pytest.mark.parametrize(("request_sent", "expected"), MALFORMED_REQUESTS.values(), ids=MALFORMED_REQUESTS)
async def test_malformed_http_is_answered_without_a_server_error(
    any_host_server: Serving, request_sent: bytes, expected: int
) -> None:
    answer = await send_bytes(any_host_server, request_sent)
    afterwards = await send_bytes(any_host_server, whole())

    assert status(answer) == expected
    assert status(afterwards) == 200


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"host:",
        b"host: a",
        b"host: " + b"a" * 60_000,
        b"host: b\xc3\xbccher\xff",
        b"host: [::1",
        b"host: a/b?c#d@",
    ],
)
async def test_malformed_host_is_rejected_as_not_of_this_machine(api_server: Serving, host: bytes) -> None:
    answer = await send_bytes(api_server, whole(host=host))

    assert status(answer) == 421


@pytest.mark.parametrize(
    "part",
    [b"POST /graph", post()[:-2], post("content-length: 100", body=BODY)],
    ids=["in its first line", "in its headers", "in its body"],
)
async def test_interrupted_request_does_not_affect_later_requests(api_server: Serving, part: bytes) -> None:
    host, port = api_server.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(part)
    await writer.drain()
    writer.transport.abort()

    afterwards = await send_bytes(api_server, whole())

    assert status(afterwards) == 200


async def test_interrupted_body_raises_no_internal_failure() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnected):
        await read_operation(Request({"type": "http", "headers": []}, receive), Documents())
