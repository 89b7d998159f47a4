"""
How many requests a caller, and an address, makes in a minute.

A minute slides: of what was counted in the last one, as much counts as of it lies within the last sixty seconds.
"""

import time
from collections.abc import Callable, MutableMapping
from ipaddress import IPv6Network
from math import ceil
from typing import Any, Protocol

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from db.engine.refusals import LimitExceeded
from graph.auth.callers import Caller
from graph.settings import Limits, StartupError

MINUTE_S = 60
# Redis is in the way of every request, so it is not waited for, and left alone for a while when it is away.
REDIS_WITHIN_S = 0.5
LEAVE_REDIS_ALONE_S = 5.0

log = structlog.get_logger()


class TooManyRequests(LimitExceeded):
    """There were more than {maximum} requests a minute from this {kind}; try again in {retry_after_s} s."""

    def __init__(self, *, kind: str, maximum: int, retry_after_s: int) -> None:
        info = {"limit": f"{kind}Requests", "maximum": maximum, "retryAfterSeconds": retry_after_s}
        super().__init__(kind=kind, maximum=maximum, retry_after_s=retry_after_s, info=info)
        self.retry_after_s = retry_after_s


class Count(Protocol):
    """Where requests are counted."""

    async def close(self) -> None:
        """Have done with it."""

    async def hit(self, who: str, at_most: int) -> float:
        """Count a request and return 0; or count nothing, and return in how many seconds one would be counted."""


class RequestRate:
    """Counts requests, and refuses those that are too many with `TooManyRequests`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        url = limits.redis_url.get_secret_value() if limits.redis_url else None
        self._count: Count = CountInRedis(url) if url else CountHere()

    async def close(self) -> None:
        """Have done with where requests are counted."""
        await self._count.close()

    async def count_address(self, scope: MutableMapping[str, Any]) -> None:
        """Count a request by where it came from; to be done before it is looked up who makes it."""
        client, at_most = scope.get("client"), self._limits.address_requests_per_minute
        if client and at_most:
            wait_s = await self._count.hit(f"address {_site(client[0])}", at_most)
            if wait_s:
                raise _too_many("address", at_most, wait_s)

    async def count_caller(self, caller: Caller) -> None:
        """Count a request by who makes it."""
        at_most = self._limits.caller_requests_per_minute
        if at_most:
            wait_s = await self._count.hit(f"caller {caller.rate_limit_key}", at_most)
            if wait_s:
                raise _too_many("caller", at_most, wait_s)


class CountHere:
    """
    Counts in this process.

    Not by the memory of `limits`, which goes through all it holds at every request: with ten thousand callers that
    takes 1.4 ms, and this a microsecond.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = 0
        self._before: dict[str, int] = {}
        self._now: dict[str, int] = {}

    async def close(self) -> None:
        pass

    async def hit(self, who: str, at_most: int) -> float:
        minute, into = divmod(self._clock(), MINUTE_S)
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else {}
            self._minute, self._now = int(minute), {}
        before, now = self._before.get(who, 0), self._now.get(who, 0)
        if now + before * (1 - into / MINUTE_S) <= at_most - 1:
            self._now[who] = now + 1
            return 0
        if now < at_most:
            return MINUTE_S * (1 - (at_most - 1 - now) / before) - into
        return MINUTE_S - into + MINUTE_S * (1 - (at_most - 1) / now)


class CountInRedis:
    """Counts in a Redis, for all processes that do."""

    def __init__(self, url: str) -> None:
        waiting = {"socket_timeout": REDIS_WITHIN_S, "socket_connect_timeout": REDIS_WITHIN_S}
        try:
            storage: Any = storage_from_string(
                f"async+{url}", implementation="redispy", wrap_exceptions=True, **waiting
            )
        except ConfigurationError as fault:
            message = f"VPP_LIMIT_REDIS_URL cannot be used: {fault}. It wants redis://, and pip install 'vpp[redis]'."
            raise StartupError(message) from None
        self._client = storage.bridge.get_connection()
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._not_before = 0.0

    async def close(self) -> None:
        await self._client.aclose()

    async def hit(self, who: str, at_most: int) -> float:
        if time.monotonic() < self._not_before:
            return 0
        item = RateLimitItemPerMinute(at_most, namespace="vpp")
        try:
            if await self._limiter.hit(item, who):
                return 0
            resets_at, _ = await self._limiter.get_window_stats(item, who)
            return max(resets_at - time.time(), 1)
        except StorageError as fault:
            # Without it we answer all the same: a Redis that is away must not keep everyone from settling, and what
            # one request may cost is bounded here.
            self._not_before = time.monotonic() + LEAVE_REDIS_ALONE_S
            log.warning("Requests are not counted: Redis does not answer", reason=str(fault))
            return 0


def _too_many(kind: str, at_most: int, wait_s: float) -> TooManyRequests:
    return TooManyRequests(kind=kind, maximum=at_most, retry_after_s=max(1, ceil(wait_s)))


def _site(address: str) -> str:
    # Who has one IPv6 address has 2^64 of them.
    if ":" not in address:
        return address
    return str(IPv6Network((address.partition("%")[0], 64), strict=False).network_address)
