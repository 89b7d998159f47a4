"""Fetching and caching of an issuer's keys, from an issuer on this machine."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from graph.auth.authentication import InvalidToken
from graph.auth.oidc import MAX_DOCUMENT_BYTES, MIN_FETCH_INTERVAL_S, REFRESH_AFTER_S, OidcIssuer
from tests.fixtures.api import WAIT_S
from tests.fixtures.issuer import LocalIssuer, ec_key, local_issuer, public_jwk, rsa_key, signed

CANNOT_FETCH = "cannot be checked: the keys of its issuer cannot be fetched at present"
NOT_PUBLISHED = "is not signed with a key that its issuer has published"
LOG_MESSAGE = "Cannot fetch the keys or the metadata of a token issuer"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        yield issuer


@pytest.fixture
async def oidc(issuer: LocalIssuer, clock: Clock) -> AsyncIterator[OidcIssuer]:
    oidc = OidcIssuer(issuer.settings(), clock=clock)
    yield oidc
    await oidc.close()


def token_signed_by(issuer: LocalIssuer, kid: str) -> str:
    return signed(issuer.claims(), rsa_key(kid), kid=kid)


async def rejection(oidc: OidcIssuer, token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        await oidc.authenticate(token)
    return str(refused.value).removeprefix("You are not authorized to make this call: the token ").removesuffix(".")


async def wait_for_requests(issuer: LocalIssuer, count: int) -> None:
    """Wait until the issuer has received this number of requests for its keys."""
    async with asyncio.timeout(WAIT_S), issuer.request_received:
        await issuer.request_received.wait_for(lambda: issuer.jwks_requests >= count)


async def test_fresh_keys_are_not_fetched_again(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    await oidc.authenticate(issuer.token())
    clock.now += REFRESH_AFTER_S - 1

    await oidc.authenticate(issuer.token())

    assert issuer.jwks_requests == 1


async def test_keys_are_not_fetched_before_the_first_token(issuer: LocalIssuer, oidc: OidcIssuer) -> None:
    assert issuer.jwks_requests == 0


async def test_concurrent_callers_share_one_fetch(issuer: LocalIssuer, oidc: OidcIssuer) -> None:
    issuer.may_respond.clear()
    tasks = [asyncio.create_task(oidc.authenticate(issuer.token())) for _ in range(20)]
    await wait_for_requests(issuer, count=1)
    issuer.may_respond.set()

    callers = await asyncio.gather(*tasks)

    assert len(callers) == 20
    assert issuer.jwks_requests == 1


async def test_cancelled_caller_does_not_cancel_the_fetch_of_others(issuer: LocalIssuer, oidc: OidcIssuer) -> None:
    issuer.may_respond.clear()
    cancelled, waiting = [asyncio.create_task(oidc.authenticate(issuer.token())) for _ in range(2)]
    await wait_for_requests(issuer, count=1)

    cancelled.cancel()
    issuer.may_respond.set()

    assert (await waiting).role == "OPERATOR"
    assert issuer.jwks_requests == 1


async def test_key_that_is_not_cached_is_fetched(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    await oidc.authenticate(token_signed_by(issuer, "one"))
    issuer.keys = [public_jwk(rsa_key("next"), kid="next")]
    clock.now += MIN_FETCH_INTERVAL_S

    caller = await oidc.authenticate(token_signed_by(issuer, "next"))

    assert caller.role == "OPERATOR"
    assert await rejection(oidc, token_signed_by(issuer, "one")) == NOT_PUBLISHED
    assert issuer.jwks_requests == 2


async def test_tokens_with_unknown_keys_cause_one_fetch_per_interval(
    issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock
) -> None:
    await oidc.authenticate(issuer.token())
    unknown = [signed(issuer.claims(), rsa_key("attacker"), kid=f"{number}") for number in range(50)]

    reasons = [await rejection(oidc, token) for token in unknown]
    requests_at_first = issuer.jwks_requests
    clock.now += MIN_FETCH_INTERVAL_S
    reasons += await asyncio.gather(*(rejection(oidc, token) for token in unknown))

    assert reasons == [NOT_PUBLISHED] * 100
    assert (requests_at_first, issuer.jwks_requests) == (1, 2)


async def test_stale_keys_are_used_while_they_are_refreshed(
    issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock
) -> None:
    await oidc.authenticate(issuer.token())
    clock.now += REFRESH_AFTER_S
    issuer.may_respond.clear()

    caller = await oidc.authenticate(issuer.token())

    await wait_for_requests(issuer, count=2)
    issuer.may_respond.set()
    assert caller.role == "OPERATOR"


async def test_keys_are_used_until_their_maximum_age_while_the_issuer_is_down(
    issuer: LocalIssuer, clock: Clock
) -> None:
    oidc = OidcIssuer(issuer.settings(max_jwks_age_s=7200), clock=clock)
    await oidc.authenticate(issuer.token())
    issuer.is_down = True

    with structlog.testing.capture_logs() as logs:
        clock.now += 7199
        caller = await oidc.authenticate(issuer.token())
        await wait_for_requests(issuer, count=2)
        clock.now += 1
        reason = await rejection(oidc, issuer.token())

    assert caller.role == "OPERATOR"
    assert reason == CANNOT_FETCH
    assert {line["event"] for line in logs} == {LOG_MESSAGE}
    assert logs[0]["reason"] == f"{issuer.url}/keys responded with HTTP 503"
    await oidc.close()


async def test_tokens_are_accepted_again_once_the_issuer_is_back(
    issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock
) -> None:
    issuer.is_down = True
    reasons = [await rejection(oidc, issuer.token()) for _ in range(3)]
    requests_while_down = issuer.jwks_requests
    issuer.is_down = False
    clock.now += MIN_FETCH_INTERVAL_S

    caller = await oidc.authenticate(issuer.token())

    assert reasons == [CANNOT_FETCH] * 3
    assert requests_while_down == 1
    assert caller.role == "OPERATOR"


async def test_tokens_of_an_unreachable_issuer_are_rejected(issuer: LocalIssuer) -> None:
    oidc = OidcIssuer(issuer.settings(jwks_url="http://127.0.0.1:1/keys"))

    assert await rejection(oidc, issuer.token()) == CANNOT_FETCH
    await oidc.close()


async def test_token_without_kid_is_verified_by_the_only_key_that_fits(
    issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock
) -> None:
    issuer.keys.append(public_jwk(ec_key("two"), kid="two"))
    without_kid = signed(issuer.claims(), rsa_key("one"))
    caller = await oidc.authenticate(without_kid)
    issuer.keys.append(public_jwk(rsa_key("other"), kid="other"))
    clock.now += MIN_FETCH_INTERVAL_S
    await rejection(oidc, token_signed_by(issuer, "unknown"))

    assert caller.role == "OPERATOR"
    assert await rejection(oidc, without_kid) == NOT_PUBLISHED


@pytest.mark.parametrize(
    "changed", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": "c2VjcmV0"}, {"n": 5}, {"kty": None}]
)
async def test_key_for_another_use_or_algorithm_verifies_no_token(
    issuer: LocalIssuer, oidc: OidcIssuer, changed: dict[str, Any]
) -> None:
    issuer.keys = [issuer.keys[0] | changed]

    assert await rejection(oidc, issuer.token()) == NOT_PUBLISHED


async def test_key_without_alg_is_used_with_every_algorithm_of_its_type(issuer: LocalIssuer) -> None:
    issuer.keys = [public_jwk(rsa_key("one"), kid="one")]
    oidc = OidcIssuer(issuer.settings(algorithms=("PS256",)))

    caller = await oidc.authenticate(signed(issuer.claims(), rsa_key("one"), algorithm="PS256", kid="one"))

    assert caller.role == "OPERATOR"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"issuer": "https://issuer.example.com"}, "{}/.well-known/openid-configuration names another issuer"),
        (
            {"jwks_uri": "http://issuer.example.com/keys"},
            "{}/.well-known/openid-configuration has no jwks_uri with an https URL",
        ),
        ({"jwks_uri": None}, "{}/.well-known/openid-configuration has no jwks_uri with an https URL"),
        (
            {"padding": "x" * MAX_DOCUMENT_BYTES},
            "{}/.well-known/openid-configuration has more than 524288 bytes",
        ),
    ],
)
async def test_invalid_discovery_document_is_rejected(
    issuer: LocalIssuer, oidc: OidcIssuer, changed: dict[str, Any], reason: str
) -> None:
    issuer.discovery_document |= changed

    with structlog.testing.capture_logs() as logs:
        reason_for_caller = await rejection(oidc, issuer.token())

    assert reason_for_caller == CANNOT_FETCH
    assert [line["reason"] for line in logs] == [reason.format(issuer.url)]
    assert issuer.jwks_requests == 0


async def test_jwks_url_in_the_settings_makes_discovery_unnecessary(issuer: LocalIssuer) -> None:
    oidc = OidcIssuer(issuer.settings(issuer="my issuer", jwks_url=f"{issuer.url}/keys"))

    caller = await oidc.authenticate(issuer.token(iss="my issuer"))

    assert caller.role == "OPERATOR"
