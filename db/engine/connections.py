"""
A connection pool for single statements that neither pings a connection nor resets it.

A ping or a reset takes a round trip to Postgres, which takes as long as a small statement. A single statement leaves no
session state behind that would need a reset, and a lost connection raises an error when its next statement runs.
"""

import asyncio
from typing import Any

import asyncpg


class Record(asyncpg.Record):
    """A row whose columns are also attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class ConnectionPool:
    """A bounded pool of asyncpg connections. The most recently used one is handed out first: its caches are warm."""

    def __init__(self, url: str, *, size: int, settings: dict[str, str]) -> None:
        self._url = url
        self._settings = settings
        self._free: list[asyncpg.Connection[Record]] = []
        self._semaphore = asyncio.Semaphore(size)

    async def acquire(self) -> "asyncpg.Connection[Record]":
        """Return a free or a new connection, which the caller must release or discard."""
        await self._semaphore.acquire()
        try:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
            return await asyncpg.connect(self._url, server_settings=self._settings, record_class=Record)
        except BaseException:
            self._semaphore.release()
            raise

    def release(self, connection: "asyncpg.Connection[Record]") -> None:
        """Return a connection that is not inside a transaction or a statement to the pool."""
        self._free.append(connection)
        self._semaphore.release()

    def discard(self, connection: "asyncpg.Connection[Record]") -> None:
        """Close a connection that may be inside a transaction or a statement."""
        connection.terminate()
        self._semaphore.release()

    async def close(self) -> None:
        """Close the free connections."""
        while self._free:
            await self._free.pop().close()
