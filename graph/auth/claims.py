"""What a token says, once it is known to be its issuer's."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from graph.auth.authentication import WrongToken
from graph.auth.jwks_cache import JwksCache

# The last second a datetime can hold.
LAST_SECOND = 253402300799

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "has expired",
    jwt.ImmatureSignatureError: "is not valid yet",
    jwt.InvalidSignatureError: "is not signed with the key it names",
    jwt.InvalidIssuerError: "is not of an issuer whose tokens are taken here",
    jwt.InvalidAlgorithmError: "is signed in a way that is not taken here",
    jwt.InvalidKeyError: "is signed with a key that is too short",
}


async def claims_of(
    token: str,
    keys: JwksCache,
    *,
    issuer: str,
    audiences: Collection[str],
    algorithms: Collection[str],
    leeway_s: float,
) -> dict[str, Any]:
    """Return the claims of a token that is an issuer's, is for us, and is in its time; refuse with `WrongToken`."""
    try:
        # Only these two are read of a header: it may say where its key is to be found, or hold one, in vain.
        header = jwt.get_unverified_header(token)
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in algorithms:
            raise jwt.InvalidAlgorithmError
        claims = jwt.decode(
            token,
            await keys.key(kid, algorithm),
            algorithms=list(algorithms),
            issuer=issuer,
            leeway=leeway_s,
            options={"require": ["exp", "iss"], "verify_aud": False, "enforce_minimum_key_length": True},
        )
    except jwt.MissingRequiredClaimError as fault:
        raise WrongToken(reason=f"lacks the claim {fault.claim}") from None
    except (jwt.PyJWTError, RecursionError) as fault:
        raise WrongToken(reason=REASONS.get(type(fault), "is damaged: it cannot be read")) from None
    # Cognito's access tokens name the client they were issued to, and no audience.
    meant_for = claims.get("aud", claims.get("client_id"))
    if not set(audiences).intersection(texts(meant_for)):
        raise WrongToken(reason="is for another audience")
    return claims


def expiry(claims: dict[str, Any], *, leeway_s: float) -> datetime:
    """Return when a token is over: one that is taken after its time, within the leeway, when that is."""
    expires_at = _instant(int(claims["exp"]))
    return expires_at if expires_at > datetime.now(UTC) else expires_at + timedelta(seconds=leeway_s)


def texts(claim: object) -> list[str]:
    """Return a claim that is one text or a list of them as a list; nothing of any other."""
    several = claim if isinstance(claim, list) else [claim]
    return [each for each in several if isinstance(each, str)]


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(min(second, LAST_SECOND), UTC)
