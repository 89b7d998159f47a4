"""
Change notices by LISTEN and NOTIFY, from triggers in Postgres to subscribers in this process.

A notice contains only the name of a table and the id of a row. A subscriber then reads the current state, so a notice
that was lost while the connection was down does no harm: all subscribers are woken when it is restored.
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
# A connection whose packets are dropped silently is detected by a ping that times out.
PING_INTERVAL_S = 10.0
PING_TIMEOUT_S = 5.0

log = structlog.get_logger()


class Notices:
    """The one LISTEN connection of a process. It wakes the subscribers of a row or of a table when a notice arrives."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._subscribers: dict[str, set[asyncio.Event]] = {}
        self._is_listening = False
        self._notice_counts: Counter[str] = Counter()
        # A new connection makes a new version of every table: notices may have been missed before it.
        self._connection_count = 0

    def version(self, table: str) -> Hashable | None:
        """
        Return a table's version, which changes with each notice for the table; None while the connection is down.

        Rows that were read after the version was taken are up to date as long as the version is the same.
        """
        return (self._connection_count, self._notice_counts[table]) if self._is_listening else None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen until the block ends, and reconnect after each lost connection."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def subscribe(self, table: str, id: object | None = None) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set when a row of a table changes, or any of its rows if no id is given."""
        topic = table if id is None else f"{table} {id}"
        changed = asyncio.Event()
        self._subscribers.setdefault(topic, set()).add(changed)
        try:
            yield changed
        finally:
            self._subscribers[topic].discard(changed)
            if not self._subscribers[topic]:
                del self._subscribers[topic]

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_until_lost()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("Cannot listen for change notices; connecting again", reason=str(error))
            await asyncio.sleep(RETRY_S)

    async def _listen_until_lost(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            lost = asyncio.Event()

            def on_termination(_connection: object) -> None:
                self._is_listening = False
                lost.set()

            connection.add_termination_listener(on_termination)
            await connection.add_listener(CHANNEL, self._on_notice)
            self._connection_count += 1
            self._is_listening = True
            self._wake_all()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), PING_INTERVAL_S)
                    break
                # The ping. LISTEN has no effect on a connection that listens already.
                await connection.execute(f"LISTEN {CHANNEL}", timeout=PING_TIMEOUT_S)
        finally:
            self._is_listening = False
            connection.terminate()

    def _on_notice(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        topic = str(payload)
        table = topic.split()[0]
        self._notice_counts[table] += 1
        for changed in (*self._subscribers.get(topic, ()), *self._subscribers.get(table, ())):
            changed.set()

    def _wake_all(self) -> None:
        # Notices that were sent before this connection listened were missed.
        for subscribers in self._subscribers.values():
            for changed in subscribers:
                changed.set()
