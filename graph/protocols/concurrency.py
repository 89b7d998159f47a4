"""A limit on how many operations of a process run at the same time, with a bounded queue of waiting ones."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from graph.protocols.http import HttpRefusal
from graph.settings import Limits


class Busy(HttpRefusal):
    """The server is running its maximum number of concurrent operations, and {why}; try again in a moment."""

    status = 503
    error_type = "ServiceUnavailableException"
    headers: ClassVar[Mapping[str, str]] = {"retry-after": "1"}


class ClientGone(HttpRefusal):
    """The client closed the connection before its operation could start."""


class ConcurrencyLimiter:
    """A semaphore for operations; those that wait for it are limited in number and in time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._semaphore = asyncio.Semaphore(limits.concurrent_operations)
        self._waiting = 0

    async def acquire(self, *, wait: bool = True, disconnected: Callable[[], Awaitable[Any]] | None = None) -> None:
        """
        Take a slot; if there is none, wait for it in the queue.

        `disconnected` returns once the client has gone. Raises ClientGone, and Busy if the queue is full, if the wait
        takes too long, or if there is no slot and `wait` is False.
        """
        if not self._semaphore.locked():
            await self._semaphore.acquire()
            return
        if not wait or self._waiting >= self._limits.queued_operations:
            raise Busy(why=f"{self._waiting} more are waiting")
        self._waiting += 1
        acquired = asyncio.ensure_future(self._semaphore.acquire())
        gone = asyncio.ensure_future(disconnected()) if disconnected else asyncio.get_running_loop().create_future()
        has_slot = False
        try:
            await asyncio.wait(
                {acquired, gone}, timeout=self._limits.queue_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            has_slot = acquired.done()
        finally:
            # If this task is cancelled, the semaphore may have been acquired in the same moment: release it.
            if not has_slot and not acquired.cancel():
                self._semaphore.release()
            is_gone = not gone.cancel()
            self._waiting -= 1
        if not has_slot:
            raise ClientGone if is_gone else Busy(why=f"no slot became free within {self._limits.queue_timeout_s:g} s")

    def release(self) -> None:
        """Give back a slot that was acquired."""
        self._semaphore.release()
