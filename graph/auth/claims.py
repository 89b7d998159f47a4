"""Verification of JSON Web Tokens (RFC 7519) and reading of their claims."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from graph.auth.authentication import InvalidToken
from graph.auth.jwks_cache import JwksCache

# 9999-12-31T23:59:59Z, the greatest timestamp that a datetime can hold.
MAX_TIMESTAMP = 253402300799

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "has expired",
    jwt.ImmatureSignatureError: "is not valid yet",
    jwt.InvalidSignatureError: "is not signed with the key it names",
    jwt.InvalidIssuerError: "is from an issuer that this API does not trust",
    jwt.InvalidAlgorithmError: "is signed with an algorithm that this API does not accept",
    jwt.InvalidKeyError: "is signed with a key that is too short",
}


async def verify_token(
    token: str,
    keys: JwksCache,
    *,
    issuer: str,
    audiences: Collection[str],
    algorithms: Collection[str],
    leeway_s: float,
) -> dict[str, Any]:
    """
    Return the claims of a token after checking its signature, issuer, audience and times.

    Raises InvalidToken.
    """
    try:
        # Only `kid` and `alg` are read. The header's jku, jwk, x5u and x5c would let the sender choose the key.
        header = jwt.get_unverified_header(token)
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in algorithms:
            raise jwt.InvalidAlgorithmError
        claims = jwt.decode(
            token,
            await keys.find(kid, algorithm),
            algorithms=list(algorithms),
            issuer=issuer,
            leeway=leeway_s,
            options={"require": ["exp", "iss"], "verify_aud": False, "enforce_minimum_key_length": True},
        )
    except jwt.MissingRequiredClaimError as error:
        raise InvalidToken(reason=f"lacks the claim {error.claim}") from None
    except (jwt.PyJWTError, RecursionError) as error:
        raise InvalidToken(reason=REASONS.get(type(error), "is malformed: it cannot be decoded")) from None
    # The audience is checked here instead of by PyJWT: Cognito's access tokens have `client_id` in place of `aud`.
    token_audiences = string_list(claims.get("aud", claims.get("client_id")))
    if not set(audiences).intersection(token_audiences):
        raise InvalidToken(reason="is for another audience")
    return claims


def expires_at(claims: dict[str, Any], *, leeway_s: float) -> datetime:
    """Return until when a verified token is accepted: its `exp`, or `leeway_s` later if `exp` has passed already."""
    expiry = datetime.fromtimestamp(min(int(claims["exp"]), MAX_TIMESTAMP), UTC)
    return expiry if expiry > datetime.now(UTC) else expiry + timedelta(seconds=leeway_s)


def string_list(claim: object) -> list[str]:
    """Return the strings of a claim that is a string or a list; an empty list for any other type."""
    items = claim if isinstance(claim, list) else [claim]
    return [item for item in items if isinstance(item, str)]
