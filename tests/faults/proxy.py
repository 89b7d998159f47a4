"""A network that fails when it is told to: a TCP proxy that refuses, resets or stalls."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

Fault = Literal["refuse", "reset", "stall"]

WAIT_S = 30
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Stands before a server, on a port of its own that stays the same while the server's may change."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self._failing = asyncio.Event()
        self._fault: Fault | None = None
        self._bytes_left = 0
        self._healed = asyncio.Event()
        self._clients: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", getattr(self, "port", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def fail(self, fault: Fault, *, after_bytes: int = 0) -> None:
        """Fail, and go on failing, once the server has answered so many bytes more; `fails` says when."""
        self._failing.clear()
        self._healed.clear()
        self._fault, self._bytes_left = fault, after_bytes
        if not after_bytes:
            self._begin_to_fail()

    async def fails(self) -> None:
        """Wait until it fails as it was told to."""
        async with asyncio.timeout(WAIT_S):
            await self._failing.wait()

    async def heal(self) -> None:
        """Let everything through again; what was stalled goes on."""
        refused = self._fault == "refuse" and self._failing.is_set()
        self._fault = None
        self._failing.clear()
        self._healed.set()
        if refused:
            await self.open()

    def close(self) -> None:
        """Listen no more, and hang up."""
        self._server.close()
        self._healed.set()
        self._reset_all()

    def _begin_to_fail(self) -> None:
        self._failing.set()
        if self._fault == "refuse":
            self._server.close()
        if self._fault != "stall":
            self._reset_all()

    def _reset_all(self) -> None:
        for client in self._clients:
            client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._clients.add(client)
        with suppress(OSError):
            if self._failing.is_set() and self._fault != "stall":
                self._reset_all()
            answers, server = await asyncio.open_connection("127.0.0.1", self.target_port)
            try:
                asking = asyncio.create_task(self._ask(reader, server))
                await self._answer(answers, client)
                asking.cancel()
            finally:
                server.transport.abort()
        client.close()
        self._clients.discard(client)

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self._failing.is_set():
                    await self._healed.wait()
                server.write(data)
                await server.drain()
            server.write_eof()

    async def _answer(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await answers.read(65_536):
            if self._fault is not None:
                if not self._failing.is_set():
                    passed, data = data[: self._bytes_left], data[self._bytes_left :]
                    self._bytes_left -= len(passed)
                    client.write(passed)
                    await client.drain()
                    if not data:
                        continue
                    self._begin_to_fail()
                await self._healed.wait()
            client.write(data)
            await client.drain()


@asynccontextmanager
async def proxy_before(port: int) -> AsyncIterator[Proxy]:
    """Stand before the server on this port until the block ends."""
    proxy = Proxy(port)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
