"""A cache of one fetched value, refreshed in the background and used for a while when fetching fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


@dataclass
class CachedFetch(Generic[T]):
    """
    The cached result of `fetch`, with the semantics of RFC 5861: stale-while-revalidate and stale-if-error.

    After `refresh_after_s` a value is stale: it is still returned while a fetch runs in the background. After
    `max_age_s` it is not returned any more. Between the starts of two fetches at least `min_interval_s` pass.
    """

    fetch: Callable[[], Awaitable[T]]
    refresh_after_s: float
    min_interval_s: float
    max_age_s: float
    clock: Callable[[], float] = time.monotonic
    last_fetch_failed: bool = False
    _value: T | None = None
    _fetched_at: float = float("-inf")
    _fetch_started_at: float = float("-inf")
    _fetching: asyncio.Task[None] | None = field(default=None, repr=False)

    def get(self) -> T | None:
        """Return the cached value without waiting; None if there is none. Starts a refresh if the value is stale."""
        if self._age_s() >= self.refresh_after_s:
            self._start_fetch()
        return self._value_if_usable()

    async def refresh(self) -> T | None:
        """
        Return the cached value after a fetch that all waiting callers share; None if there is no usable value.

        If a fetch was started less than `min_interval_s` ago and has ended, the value is returned without another
        fetch.
        """
        if fetching := self._start_fetch():
            # Shielded, so that cancelling one waiting caller does not cancel the fetch of the others.
            await asyncio.shield(fetching)
        return self._value_if_usable()

    async def close(self) -> None:
        """Cancel the fetch that is running, if any."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _value_if_usable(self) -> T | None:
        return self._value if self._age_s() < self.max_age_s else None

    def _age_s(self) -> float:
        return self.clock() - self._fetched_at

    def _start_fetch(self) -> asyncio.Task[None] | None:
        """Return the running fetch, or start one; None if the last one started less than `min_interval_s` ago."""
        if self._fetching is None or self._fetching.done():
            if self.clock() - self._fetch_started_at < self.min_interval_s:
                return None
            self._fetch_started_at = self.clock()
            self._fetching = asyncio.create_task(self._fetch_once())
        return self._fetching

    async def _fetch_once(self) -> None:
        try:
            self._value = await self.fetch()
            self._fetched_at, self.last_fetch_failed = self.clock(), False
        # All errors are caught: waiting callers see last_fetch_failed, and the cached value remains in use.
        except Exception as error:
            self.last_fetch_failed = True
            reason = str(error) or type(error).__name__
            log.warning("Cannot fetch the keys or the metadata of a token issuer", reason=reason)
