"""
Notices that something has changed, from Postgres to whoever waits for it.

A notice carries an id and nothing else. Who hears it reads the present state, so one that was lost while the
connection was down is made up for by the next look.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

CHANNEL = "notices"
RETRY_S = 1.0
# A connection that was cut off without a word is told by asking it something.
PING_INTERVAL_S = 10.0
PING_TIMEOUT_S = 5.0

log = structlog.get_logger()


class Notices:
    """One connection that listens for a process; what waits for one thing is woken, once, however often it changes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._is_listening = False
        # How much was heard, by table. Whatever was missed while nobody listened counts as one notice of each.
        self._heard: Counter[str] = Counter()
        self._connections = 0

    def version(self, table: str) -> Hashable | None:
        """
        Return a mark of all that was heard of a table, which another notice makes another; None while not listening.

        What was read of the table after the mark was taken is still so for as long as the mark is the same.
        """
        return (self._connections, self._heard[table]) if self._is_listening else None

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
    async def subscribe(self, table: str, id: object | None = None) -> AsyncIterator[asyncio.Event]:
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

            def lose(_connection: object) -> None:
                self._is_listening = False
                lost.set()

            connection.add_termination_listener(lose)
            await connection.add_listener(CHANNEL, self._hear)
            self._connections += 1
            self._is_listening = True
            self._wake_all()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), PING_INTERVAL_S)
                    break
                # Changes nothing where it listens already.
                await connection.execute(f"LISTEN {CHANNEL}", timeout=PING_TIMEOUT_S)
        finally:
            self._is_listening = False
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, notice: object) -> None:
        topic = str(notice)
        self._heard[topic.split()[0]] += 1
        for changed in (*self._waiting.get(topic, ()), *self._waiting.get(topic.split()[0], ())):
            changed.set()

    def _wake_all(self) -> None:
        # Whatever was told before we listened went unheard.
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()
