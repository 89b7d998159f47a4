"""Tokens that this API issues for API keys: short-lived, and valid for no longer than their key."""

import time
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

import db.signing_keys
from db.engine.database import AnyRow, Database
from graph.auth.authentication import InvalidToken
from graph.auth.callers import Caller
from graph.auth.claims import expires_at, verify_token
from graph.auth.jwks_cache import Jwk, JwksCache
from graph.auth.key_cache import KeyCache
from graph.settings import OwnTokenSettings

ALGORITHM = "ES256"
AUDIENCE = "vpp"
# The largest accepted difference between the clocks of two processes of this API.
LEEWAY_S = 5.0
REFRESH_AFTER_S = 60.0
MAX_AGE_S = 300.0


class IssuedToken(NamedTuple):
    """A signed token and its lifetime."""

    token: str
    lifetime_s: int


class OwnTokens:
    """
    Issues tokens for API keys and authenticates callers by them.

    A token contains only the id of its API key. Name, role and scope are read from the API key at each request, so
    revoking or changing a key affects its tokens immediately.
    """

    def __init__(self, database: Database, keys: KeyCache, settings: OwnTokenSettings) -> None:
        self.name = settings.issuer
        self._database = database
        self._keys = keys
        self._lifetime_s = settings.lifetime_s
        # No minimum interval: a key that another process has just created must be found, and a query is cheap.
        self._signing_keys = JwksCache(
            self.public_keys, refresh_after_s=REFRESH_AFTER_S, min_interval_s=0, max_age_s=MAX_AGE_S
        )

    async def issue(self, *, client_id: UUID | str, secret: str) -> IssuedToken | None:
        """Return a token for an API key; None unless a valid key has both this secret and this id or prefix."""
        cached = await self._keys.by_secret(secret)
        if cached is None:
            return None
        key = cached.key
        if client_id not in (key.id, key.prefix):
            return None
        signing_key = await self._current_signing_key()
        now = int(time.time())
        expiry = now + self._lifetime_s
        if key.expires_at is not None:
            expiry = min(expiry, int(key.expires_at.timestamp()))
        claims = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": str(key.id),
            "iat": now,
            "exp": expiry,
            "jti": str(uuid4()),
        }
        headers = {"kid": str(signing_key.id)}
        return IssuedToken(jwt.encode(claims, signing_key.private_key_pem, ALGORITHM, headers=headers), expiry - now)

    async def authenticate(self, token: str) -> Caller:
        """Return the caller for whose API key a token was issued. Raises InvalidToken."""
        claims = await verify_token(
            token,
            self._signing_keys,
            issuer=self.name,
            audiences=(AUDIENCE,),
            algorithms=(ALGORITHM,),
            leeway_s=LEEWAY_S,
        )
        cached = await self._keys.by_id(UUID(claims["sub"]))
        if cached is None:
            raise InvalidToken(reason="belongs to an API key that has expired or was revoked")
        token_expires_at, key_expires_at = expires_at(claims, leeway_s=LEEWAY_S), cached.caller.expires_at
        expiry = token_expires_at if key_expires_at is None else min(token_expires_at, key_expires_at)
        return replace(cached.caller, expires_at=expiry)

    async def public_keys(self) -> list[Jwk]:
        """Return the public keys of all signing keys that a valid token may be signed with."""
        return [_public_jwk(row) for row in await self._database.rows(db.signing_keys.valid_signing_keys())]

    async def close(self) -> None:
        """Cancel the fetch of signing keys that is running, if any."""
        await self._signing_keys.close()

    async def _current_signing_key(self) -> AnyRow:
        # The signing key is not cached: after `vpp key rotate` no token may be signed with the previous key.
        statement = db.signing_keys.valid_signing_keys()
        key = await self._database.row(statement)
        if key is None or key.good_until is not None:
            async with self._database.transaction() as session:
                await db.signing_keys.create_first(session)
            key = await self._database.row(statement)
        assert key is not None  # noqa: S101
        return key


def _public_jwk(row: AnyRow) -> Jwk:
    private_key = load_pem_private_key(row.private_key_pem.encode(), password=None)
    assert isinstance(private_key, ec.EllipticCurvePrivateKey)  # noqa: S101
    public: dict[str, Any] = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    return public | {"kid": str(row.id), "use": "sig", "alg": ALGORITHM}
