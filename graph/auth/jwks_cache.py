"""A cache of an issuer's JSON Web Key Set (JWKS, RFC 7517)."""

from collections.abc import Sequence
from typing import Any

import jwt

from graph.auth.authentication import InvalidToken
from graph.auth.cached_fetch import CachedFetch

# A public JSON Web Key, RFC 7517.
Jwk = dict[str, Any]


class JwksCache(CachedFetch[Sequence[Jwk]]):
    """A cached JWKS, in which a token's key is looked up. A key that is not in the cache causes a fetch."""

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """
        Return the key with an id; without an id, the only key that fits the algorithm.

        Raises InvalidToken if there is no such key, or if the keys cannot be fetched.
        """
        key = _find(self.get(), kid, algorithm)
        if key is not None:
            return key
        keys = await self.refresh()
        key = _find(keys, kid, algorithm)
        if key is not None:
            return key
        if self.last_fetch_failed or keys is None:
            raise InvalidToken(reason="cannot be checked: the keys of its issuer cannot be fetched at present")
        raise InvalidToken(reason="is not signed with a key that its issuer has published")


def _find(keys: Sequence[Jwk] | None, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    with_id = [key for key in keys or () if kid is None or key.get("kid") == kid]
    usable = [key for key in (_load(jwk, algorithm) for jwk in with_id) if key is not None]
    return usable[0] if len(usable) == 1 else None


def _load(jwk: Jwk, algorithm: str) -> jwt.PyJWK | None:
    # A key whose `alg` is missing fits every algorithm of its type. A key whose `use` is encryption fits no algorithm.
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        return jwt.PyJWK(jwk, algorithm)
    except jwt.PyJWTError:
        return None
