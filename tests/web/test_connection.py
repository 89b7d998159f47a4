import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from graph.web.connection import HttpProtocol
from graph.web.server import listening_on
from tests.fixtures.api import WAIT_S
from tests.fixtures.connections import Connection, open_connection

HEAD = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


class Hasty(HttpProtocol):
    head_timeout_s = 1
    max_head_bytes = 2000


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.method} {(await request.body()).decode()}")


async def unread(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("unread")


async def speak(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())


class Server:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._clients: list[Connection] = []

    async def client(self) -> Connection:
        client = await open_connection(self._port)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    app = Starlette(
        routes=[
            Route("/echo", echo, methods=["GET", "POST"]),
            Route("/unread", unread, methods=["POST"]),
            WebSocketRoute("/speak", speak),
        ]
    )
    config = uvicorn.Config(app, http=Hasty, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False)
    serving = uvicorn.Server(config)
    with listening_on("127.0.0.1", 0, any_port=True) as listening:
        # Not serve(), which installs signal handlers in this process.
        task = asyncio.create_task(serving._serve([listening]))
        while not serving.started:  # noqa: ASYNC110 uvicorn has no event to wait for.
            await asyncio.sleep(0.01)
        server = Server(listening.getsockname()[1])
        yield server
        server.close()
        serving.should_exit = True
        await task


@pytest.mark.parametrize(
    "begun",
    [b"", b"\r\n", b"GET", b"GET /echo HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"GET /echo HTTP/1.1\r\n"],
)
async def test_connections_with_unfinished_heads_are_closed_while_others_are_served(
    server: Server, begun: bytes
) -> None:
    half_open = [await server.client() for _ in range(50)]
    for client in half_open:
        await client.send(begun)

    async with httpx.AsyncClient(timeout=WAIT_S) as http:
        answers = [await http.get(f"{server.url}/echo") for _ in range(50)]

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "GET ")}
    assert {await client.receive_until_closed() for client in half_open} == {b""}


async def test_head_timeout_applies_to_the_second_request_too(server: Server) -> None:
    client = await server.client()

    await client.send(b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
    first = await client.receive()
    await client.send(b"GET /echo HTTP/1.1\r\n")

    assert first == ("HTTP/1.1 200 OK", "GET ")
    assert await client.receive_until_closed() == b""


async def test_body_that_does_not_end_after_the_response_is_timed_out(server: Server) -> None:
    client = await server.client()

    await client.send(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
    answer = await client.receive()
    await client.send(b"a")

    assert answer == ("HTTP/1.1 200 OK", "unread")
    assert await client.receive_until_closed() == b""


async def test_body_that_ends_after_the_response_is_followed_by_the_next_request(server: Server) -> None:
    client = await server.client()
    length = 3 * Hasty.max_head_bytes

    await client.send(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length)
    first = await client.receive()
    await client.send(b"a" * (length // 2), b"a" * (length // 2), HEAD + b"Content-Length: 5\r\n\r\nhello")

    assert first == ("HTTP/1.1 200 OK", "unread")
    assert await client.receive() == ("HTTP/1.1 200 OK", "POST hello")


async def test_unfinished_head_that_is_too_long_is_rejected(server: Server) -> None:
    client = await server.client()

    await client.send(HEAD, *[b"X-Long: " + b"a" * 490 + b"\r\n"] * 4)

    assert await client.receive() == ("HTTP/1.1 400 Bad Request", "The request head is longer than 2000 bytes.")
    assert await client.receive_until_closed() == b""


async def test_bytes_that_are_not_http_are_rejected(server: Server) -> None:
    client = await server.client()

    await client.send(b"\x16\x03\x01 nonsense\r\n\r\n")

    assert await client.receive() == ("HTTP/1.1 400 Bad Request", "Invalid HTTP request received.")


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + UPGRADE + b"Content-Length: 5\r\n\r\nhello"],
        [HEAD + UPGRADE + b"Content-Length: 5\r\n\r\n", b"hello"],
        [HEAD + UPGRADE, b"Content-Length: 5\r\n\r\nhe", b"l", b"lo"],
        [HEAD + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", b"lo\r\n0\r\n\r\n"],
    ],
)
async def test_request_with_an_http_2_upgrade_is_answered_over_http_1(server: Server, pieces: list[bytes]) -> None:
    client = await server.client()

    await client.send(*pieces)
    first = await client.receive()
    await client.send(HEAD + b"Content-Length: 5\r\n\r\nagain")

    assert first == ("HTTP/1.1 200 OK", "POST hello")
    assert await client.receive() == ("HTTP/1.1 200 OK", "POST again")


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    client = await server.client()

    await client.send(b"".join(HEAD + b"Content-Length: 1\r\n\r\n%d" % number for number in range(3)))

    assert [(await client.receive())[1] for _ in range(3)] == ["POST 0", "POST 1", "POST 2"]


@pytest.mark.parametrize("more", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
async def test_connect_method_is_rejected(server: Server, more: bytes) -> None:
    client = await server.client()

    await client.send(b"CONNECT vpp.example:443 HTTP/1.1\r\nHost: vpp.example:443\r\n" + more + b"\r\n")

    assert (await client.receive())[0] == "HTTP/1.1 400 Bad Request"


async def test_websocket_outlives_the_head_timeout(server: Server) -> None:
    async with connect(f"{server.url.replace('http', 'ws')}/speak") as socket:
        waiting = await server.client()
        await waiting.receive_until_closed()
        await socket.send("still here")

        assert await socket.recv() == "still here"
