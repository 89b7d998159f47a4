"""
Rate limits: requests per minute of a caller and of a client address.

Both count in a sliding window: the count of the previous minute is weighted by the share of that minute which lies
within the last 60 seconds.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Any, Protocol, TypeAlias

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from db.engine.refusals import LimitExceeded
from graph.auth.callers import Caller
from graph.settings import Limits, StartupError

# The address and port of a client, as ASGI gives them; None if the server does not know them.
Client: TypeAlias = tuple[str, int] | None

MINUTE_S = 60
MAX_CACHED_ADDRESSES = 10_000
# Every request waits for Redis, so the timeout is short, and after a failed call Redis is not called for a while.
REDIS_TIMEOUT_S = 0.5
REDIS_RETRY_AFTER_S = 5.0

log = structlog.get_logger()


class TooManyRequests(LimitExceeded):
    """There were more than {maximum} requests per minute from this {kind}; try again in {retry_after_s} s."""

    def __init__(self, *, kind: str, maximum: int, retry_after_s: int) -> None:
        info = {"limit": f"{kind}Requests", "maximum": maximum, "retryAfterSeconds": retry_after_s}
        super().__init__(kind=kind, maximum=maximum, retry_after_s=retry_after_s, info=info)
        self.retry_after_s = retry_after_s


class Counter(Protocol):
    """Counts the requests of the current window by key."""

    async def close(self) -> None:
        """Close the connection to the store of the counts."""

    async def hit(self, key: str, maximum: int) -> float:
        """Count a request and return 0; above the maximum, only return the seconds until one is allowed."""


class RequestRate:
    """Counts requests, and rejects those above the limit with TooManyRequests."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        url = limits.redis_url.get_secret_value() if limits.redis_url else None
        self._counter: Counter = RedisCounter(url) if url else ProcessCounter()

    async def close(self) -> None:
        """Close the connection to Redis, if there is one."""
        await self._counter.close()

    async def count_address(self, client: Client) -> None:
        """Count a request of a client's address; call it before any look-up of the caller."""
        maximum = self._limits.address_requests_per_minute
        if client and maximum:
            wait_s = await self._counter.hit(f"address {_address_key(client[0])}", maximum)
            if wait_s:
                raise _too_many("address", maximum, wait_s)

    async def count_caller(self, caller: Caller) -> None:
        """Count a request of an authenticated caller."""
        maximum = self._limits.caller_requests_per_minute
        if maximum:
            wait_s = await self._counter.hit(f"caller {caller.rate_limit_key}", maximum)
            if wait_s:
                raise _too_many("caller", maximum, wait_s)


class ProcessCounter:
    """
    Counts in the memory of this process.

    The in-memory storage of the library `limits` iterates over all its keys at every request: with ten thousand
    callers that takes 1.4 ms, and this class a microsecond.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = 0
        self._previous: dict[str, int] = {}
        self._current: dict[str, int] = {}

    async def close(self) -> None:
        pass

    async def hit(self, key: str, maximum: int) -> float:
        minute, elapsed_s = divmod(self._clock(), MINUTE_S)
        if minute != self._minute:
            self._previous = self._current if minute == self._minute + 1 else {}
            self._minute, self._current = int(minute), {}
        previous, current = self._previous.get(key, 0), self._current.get(key, 0)
        if current + previous * (1 - elapsed_s / MINUTE_S) <= maximum - 1:
            self._current[key] = current + 1
            return 0
        if current < maximum:
            return MINUTE_S * (1 - (maximum - 1 - current) / previous) - elapsed_s
        return MINUTE_S - elapsed_s + MINUTE_S * (1 - (maximum - 1) / current)


class RedisCounter:
    """Counts in Redis, so that all processes share one limit."""

    def __init__(self, url: str) -> None:
        timeouts = {"socket_timeout": REDIS_TIMEOUT_S, "socket_connect_timeout": REDIS_TIMEOUT_S}
        try:
            storage: Any = storage_from_string(
                f"async+{url}", implementation="redispy", wrap_exceptions=True, **timeouts
            )
        except ConfigurationError as fault:
            expected = "Expected an address redis://…, and the extra: pip install 'vpp[redis]'."
            message = f"VPP_LIMIT_REDIS_URL cannot be used: {fault}. {expected}"
            raise StartupError(message) from None
        self._client = storage.bridge.get_connection()
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._retry_at = 0.0

    async def close(self) -> None:
        await self._client.aclose()

    async def hit(self, key: str, maximum: int) -> float:
        if time.monotonic() < self._retry_at:
            return 0
        item = RateLimitItemPerMinute(maximum, namespace="vpp")
        try:
            if await self._limiter.hit(item, key):
                return 0
            resets_at, _ = await self._limiter.get_window_stats(item, key)
            return max(resets_at - time.time(), 1)
        except StorageError as fault:
            # Requests are answered without a count: a Redis that is down must not stop all customers, and the cost of
            # one request is limited by other means.
            self._retry_at = time.monotonic() + REDIS_RETRY_AFTER_S
            log.warning("Requests are not counted: Redis does not answer", reason=str(fault))
            return 0


def _too_many(kind: str, maximum: int, wait_s: float) -> TooManyRequests:
    return TooManyRequests(kind=kind, maximum=maximum, retry_after_s=max(1, ceil(wait_s)))


@lru_cache(maxsize=MAX_CACHED_ADDRESSES)  # Parsing an address takes 6 µs, a tenth of a small request.
def _address_key(address: str) -> str:
    """Return the key under which an address is counted: an IPv4 address, the /64 network of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        # A trusted proxy forwarded something else. All such requests share one key, so a client cannot get a new
        # counter by sending another value.
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    # A dual-stack socket or proxy writes an IPv4 client as ::ffff:192.0.2.1 (RFC 4291, 2.5.5.2).
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    # One subscriber line usually holds a /64, which is 2^64 addresses.
    return str(IPv6Network((parsed, 64), strict=False).network_address)
