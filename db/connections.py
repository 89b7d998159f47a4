"""
Connections that reads are run on, handed out without a word to Postgres.

A pool that asks Postgres to reset a connection, or whether it is still there, takes as long for that as for a small
read. Of reads nothing is left behind to reset; that one was lost shows when it is used.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg


class Record(asyncpg.Record):
    """A row whose columns are also attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Connections:
    """So many connections at most; the one that was used last is used next, while Postgres still has it at hand."""

    def __init__(self, url: str, *, at_most: int, settings: dict[str, str]) -> None:
        self._url = url
        self._settings = settings
        self._free: list[asyncpg.Connection[Record]] = []
        self._turns = asyncio.Semaphore(at_most)

    @asynccontextmanager
    async def one(self) -> AsyncIterator["asyncpg.Connection[Record]"]:
        """Hand out a connection until the block ends. What goes wrong in it costs the connection, too."""
        async with self._turns:
            connection = await self._taken()
            try:
                yield connection
            except BaseException:
                # It may be in the middle of something.
                connection.terminate()
                raise
            self._free.append(connection)

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()

    async def _taken(self) -> "asyncpg.Connection[Record]":
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        return await asyncpg.connect(self._url, server_settings=self._settings, record_class=Record)
