"""Connections on which HTTP is spoken byte by byte."""

import asyncio

ANSWER_S = 10


class Connection:
    """A connection on which bytes are written as they are given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            # Other tasks have their turn, the server's among them, so that pieces are read one by one.
            for _ in range(20):
                await asyncio.sleep(0)

    async def hears(self) -> tuple[str, str]:
        """Return the status line and the body of an answer."""
        head, body = await self.hears_all()
        return head.split("\r\n")[0], body

    async def hears_all(self) -> tuple[str, str]:
        """Return the whole head and the body of an answer."""
        async with asyncio.timeout(ANSWER_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
            return head, (await self.reader.readexactly(length)).decode()

    async def hears_the_end(self) -> bytes:
        async with asyncio.timeout(ANSWER_S):
            return await self.reader.read()


async def connection_to(port: int) -> Connection:
    return Connection(*await asyncio.open_connection("127.0.0.1", port))
