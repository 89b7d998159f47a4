"""What an issuer publishes, fetched when it is needed and kept for as long as it may be."""

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
    """What was fetched last. Times are in seconds."""

    fetch: Callable[[], Awaitable[T]]
    # After which it is fetched anew, beside the requests that need it.
    fresh_for_s: float
    # Without which no two fetches follow each other, whatever is asked for.
    pause_s: float
    # For which it is good when it cannot be fetched.
    good_for_s: float
    clock: Callable[[], float] = time.monotonic
    failed: bool = False
    _last: T | None = None
    _fetched_at: float = float("-inf")
    _tried_at: float = float("-inf")
    _fetching: asyncio.Task[None] | None = field(default=None, repr=False)

    def kept(self) -> T | None:
        """Return what there is, unless it is too old, and begin to fetch it anew where it is no longer fresh."""
        if self._age() >= self.fresh_for_s:
            self._fetch()
        return self._good()

    async def anew(self) -> T | None:
        """Return what there is after a fetch, which all who wait share; without one where there was one just now."""
        if fetching := self._fetch():
            # Shielded: who leaves must not take it from the others.
            await asyncio.shield(fetching)
        return self._good()

    async def close(self) -> None:
        """Give up what is being fetched."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _good(self) -> T | None:
        return self._last if self._age() < self.good_for_s else None

    def _age(self) -> float:
        return self.clock() - self._fetched_at

    def _fetch(self) -> asyncio.Task[None] | None:
        """Begin to fetch, unless that is being done or was done just now; return what is under way."""
        if self._fetching is None or self._fetching.done():
            if self.clock() - self._tried_at < self.pause_s:
                return None
            self._tried_at = self.clock()
            self._fetching = asyncio.create_task(self._fetch_once())
        return self._fetching

    async def _fetch_once(self) -> None:
        try:
            self._last = await self.fetch()
            self._fetched_at, self.failed = self.clock(), False
        # Whatever it was: those who wait are told, and what there is goes on being used.
        except Exception as fault:
            self.failed = True
            log.warning("Cannot fetch what an issuer of tokens publishes", reason=str(fault) or type(fault).__name__)
