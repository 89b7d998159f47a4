"""The keys of an issuer."""

from collections.abc import Sequence
from typing import Any

import jwt

from graph.auth.authentication import WrongToken
from graph.auth.cached_fetch import CachedFetch

# A public JSON Web Key, RFC 7517.
Jwk = dict[str, Any]


class JwksCache(CachedFetch[Sequence[Jwk]]):
    """Finds the key a token says it is signed with. Whoever asks for one that is not there waits for a fetch."""

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """Return the key of an id; without one, the only key that an algorithm could be used with."""
        found = _found(self.kept(), kid, algorithm)
        if found is not None:
            return found
        keys = await self.anew()
        found = _found(keys, kid, algorithm)
        if found is not None:
            return found
        if self.failed or keys is None:
            raise WrongToken(reason="cannot be checked: the keys of its issuer cannot be fetched at present")
        raise WrongToken(reason="is not signed with a key that its issuer has published")


def _found(keys: Sequence[Jwk] | None, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    named = [key for key in keys or () if kid is None or key.get("kid") == kid]
    fitting = [key for key in (_usable(each, algorithm) for each in named) if key is not None]
    return fitting[0] if len(fitting) == 1 else None


def _usable(key: Jwk, algorithm: str) -> jwt.PyJWK | None:
    # A key is used with one algorithm only: its own, or any that fits its kind where it names none.
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return None
    try:
        return jwt.PyJWK(key, algorithm)
    except jwt.PyJWTError:
        return None
