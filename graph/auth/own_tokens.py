"""Our own tokens, given for an API key, each good for a while and for no longer than its key."""

import time
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

import db.signing_keys
from db.engine.database import AnyRow, Database
from graph.auth.authentication import WrongToken
from graph.auth.callers import Caller
from graph.auth.claims import claims_of, expiry
from graph.auth.jwks_cache import Jwk, JwksCache
from graph.auth.key_cache import KeyCache
from graph.settings import OwnTokenSettings

ALGORITHM = "ES256"
AUDIENCE = "vpp"
# By how much the clocks of our own processes may differ.
LEEWAY_S = 5.0
FRESH_FOR_S = 60.0
GOOD_FOR_S = 300.0


class Issued(NamedTuple):
    """A token, and for how many seconds it is good."""

    token: str
    lasts_s: int


class OwnTokens:
    """Gives tokens for API keys, and tells callers by them: who they are, may do and see is what their key says now."""

    def __init__(self, database: Database, keys: KeyCache, settings: OwnTokenSettings) -> None:
        self.name = settings.issuer
        self._database = database
        self._keys = keys
        self._lasts_s = settings.lifetime_s
        # Without a pause: another process may have rotated the keys just now, and the database is near.
        self._signing_keys = JwksCache(self.published, fresh_for_s=FRESH_FOR_S, pause_s=0, good_for_s=GOOD_FOR_S)

    async def issue(self, *, client_id: UUID | str, secret: str) -> Issued | None:
        """Return a token for an API key; None unless the secret is that of a good key of this id or prefix."""
        known = await self._keys.by_secret(secret)
        if known is None:
            return None
        key = known.key
        if client_id not in (key.id, key.prefix):
            return None
        signing_key = await self._signing_key()
        now = int(time.time())
        until = now + self._lasts_s
        if key.expires_at is not None:
            until = min(until, int(key.expires_at.timestamp()))
        claims = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": str(key.id),
            "iat": now,
            "exp": until,
            "jti": str(uuid4()),
        }
        kid = {"kid": str(signing_key.id)}
        return Issued(jwt.encode(claims, signing_key.private_key_pem, ALGORITHM, headers=kid), until - now)

    async def caller(self, token: str) -> Caller:
        """Return the caller by whose API key a token was issued; refuse with `WrongToken`."""
        claims = await claims_of(
            token,
            self._signing_keys,
            issuer=self.name,
            audiences=(AUDIENCE,),
            algorithms=(ALGORITHM,),
            leeway_s=LEEWAY_S,
        )
        known = await self._keys.by_id(UUID(claims["sub"]))
        if known is None:
            raise WrongToken(reason="is of an API key that has expired or was revoked")
        ends: list[datetime] = [
            expiry(claims, leeway_s=LEEWAY_S),
            *([known.caller.expires_at] if known.caller.expires_at else []),
        ]
        return replace(known.caller, expires_at=min(ends))

    async def published(self) -> list[Jwk]:
        """Return the public keys of all that a token may still be signed with."""
        return [_public(row) for row in await self._database.rows(db.signing_keys.valid_signing_keys())]

    async def close(self) -> None:
        """Give up what is being fetched."""
        await self._signing_keys.close()

    async def _signing_key(self) -> AnyRow:
        # Looked up each time: who has rotated the keys expects no token to be signed with the old one.
        keys = db.signing_keys.valid_signing_keys()
        key = await self._database.row(keys)
        if key is None or key.good_until is not None:
            async with self._database.transaction() as session:
                await db.signing_keys.create_first(session)
            key = await self._database.row(keys)
        assert key is not None  # noqa: S101
        return key


def _public(row: AnyRow) -> Jwk:
    private_key = load_pem_private_key(row.private_key_pem.encode(), password=None)
    assert isinstance(private_key, ec.EllipticCurvePrivateKey)  # noqa: S101
    public: dict[str, Any] = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    return public | {"kid": str(row.id), "use": "sig", "alg": ALGORITHM}
