"""The keys of an issuer, fetched when they are needed and kept for as long as they may be."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
import structlog

from graph.access import WrongToken

# A public JSON Web Key, RFC 7517.
Jwk = dict[str, Any]

log = structlog.get_logger()


@dataclass
class KeySet:
    """
    Finds the key a token says it is signed with. Times are in seconds.

    Whoever asks for a key that is not there waits for one fetch, which all share.
    """

    fetch: Callable[[], Awaitable[Sequence[Jwk]]]
    # After which the keys are fetched anew, beside the requests that need them.
    fresh_for_s: float
    # Without which no two fetches follow each other, however many unknown keys are asked for.
    pause_s: float
    # For which the keys are good when none can be fetched.
    good_for_s: float
    clock: Callable[[], float] = time.monotonic
    _keys: Sequence[Jwk] = ()
    _fetched_at: float = float("-inf")
    _tried_at: float = float("-inf")
    _failed: bool = False
    _fetching: asyncio.Task[None] | None = field(default=None, repr=False)

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """Return the key of an id; without one, the only key that an algorithm could be used with."""
        if self._age() >= self.fresh_for_s:
            self._fetch()
        found = self._find(kid, algorithm)
        if found is None and (fetching := self._fetch()):
            # Shielded: who leaves must not take it from the others.
            await asyncio.shield(fetching)
            found = self._find(kid, algorithm)
        if found is not None:
            return found
        if self._failed or self._age() >= self.good_for_s:
            raise WrongToken(reason="cannot be checked: the keys of its issuer cannot be fetched at present")
        raise WrongToken(reason="is not signed with a key that its issuer has published")

    async def close(self) -> None:
        """Give up what is being fetched."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _age(self) -> float:
        return self.clock() - self._fetched_at

    def _find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        if self._age() >= self.good_for_s:
            return None
        named = [key for key in self._keys if kid is None or key.get("kid") == kid]
        fitting = [key for key in (_usable(each, algorithm) for each in named) if key is not None]
        return fitting[0] if len(fitting) == 1 else None

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
            self._keys = await self.fetch()
            self._fetched_at, self._failed = self.clock(), False
        # Whatever it was: those who wait are told, and the keys there are go on being used.
        except Exception as fault:
            self._failed = True
            log.warning("Cannot fetch the keys of an issuer of tokens", reason=str(fault) or type(fault).__name__)


def _usable(key: Jwk, algorithm: str) -> jwt.PyJWK | None:
    # A key is used with one algorithm only: its own, or any that fits its kind where it names none.
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return None
    try:
        return jwt.PyJWK(key, algorithm)
    except jwt.PyJWTError:
        return None
