"""
Notices that something has changed, from Postgres to whoever waits for it.

A notice carries an id and nothing else. Who hears it reads the present state, so one that was lost while the
connection was down is made up for by the next look.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

CHANNEL = "notices"
RETRY_S = 1.0

log = structlog.get_logger()


class Notices:
    """One connection that listens for a process; what waits for one thing is woken, once, however often it changes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen until the block ends, connecting again as often as it takes."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def of(self, table: str, id: object | None = None) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever a row of a table has changed, or any row of it."""
        topic = table if id is None else f"{table} {id}"
        changed = asyncio.Event()
        self._waiting.setdefault(topic, set()).add(changed)
        try:
            yield changed
        finally:
            self._waiting[topic].discard(changed)
            if not self._waiting[topic]:
                del self._waiting[topic]

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_until_lost()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("Cannot listen for notices yet", reason=str(error))
            await asyncio.sleep(RETRY_S)

    async def _listen_until_lost(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(CHANNEL, self._hear)
            self._wake_all()
            await lost.wait()
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, notice: object) -> None:
        topic = str(notice)
        for changed in (*self._waiting.get(topic, ()), *self._waiting.get(topic.split()[0], ())):
            changed.set()

    def _wake_all(self) -> None:
        # Whatever was told before we listened went unheard.
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()
