"""How many operations run at once, and who waits for a turn."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar

from starlette.requests import Request

from graph.protocols.http import HttpRefusal
from graph.settings import Limits


class Busy(HttpRefusal):
    """As many operations run as may at once, and {why}; try again in a moment."""

    status = 503
    error_type = "ServiceUnavailableException"
    headers: ClassVar[Mapping[str, str]] = {"retry-after": "1"}


class ClientGone(HttpRefusal):
    """The connection was closed before the operation had its turn."""


class ConcurrencyLimiter:
    """Lets so many operations run at once; the next wait, in a queue that is bounded in length and time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._semaphore = asyncio.Semaphore(limits.concurrent_operations)
        self._waiting = 0

    @asynccontextmanager
    async def slot(self, request: Request) -> AsyncIterator[None]:
        """Hold a turn for as long as the block runs. Raises Busy, and ClientGone, before it does."""
        if not await self.try_acquire():
            await self._wait(request)
        try:
            yield
        finally:
            self._semaphore.release()

    async def try_acquire(self) -> bool:
        """Take a free slot without waiting; return False if there is none."""
        if self._semaphore.locked():
            return False
        await self._semaphore.acquire()
        return True

    def release(self) -> None:
        """Give back a slot that was acquired."""
        self._semaphore.release()

    async def _wait(self, request: Request) -> None:
        if self._waiting >= self._limits.queued_operations:
            raise Busy(why=f"{self._waiting} more wait for their turn")
        self._waiting += 1
        mine, gone = asyncio.create_task(self._semaphore.acquire()), asyncio.create_task(_is_gone(request))
        has_turn = False
        try:
            await asyncio.wait({mine, gone}, timeout=self._limits.queue_timeout_s, return_when=asyncio.FIRST_COMPLETED)
            has_turn = mine.done()
        finally:
            # Where this request is cancelled it may have been given a turn just now, which is then given back.
            if not has_turn and not mine.cancel():
                self._semaphore.release()
            is_gone = not gone.cancel()
            self._waiting -= 1
        if not has_turn:
            raise ClientGone if is_gone else Busy(why=f"none had ended after {self._limits.queue_timeout_s:g} s")


async def _is_gone(request: Request) -> None:
    # The body has been read: nothing else is received any more.
    while (await request.receive())["type"] != "http.disconnect":
        pass
