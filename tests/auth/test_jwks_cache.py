"""How an issuer's keys are fetched and kept, from an issuer on this machine."""

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
LOGGED = "Cannot fetch the keys or the metadata of a token issuer"


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


def of_key(issuer: LocalIssuer, kid: str) -> str:
    return signed(issuer.claims(), rsa_key(kid), kid=kid)


async def refusal(oidc: OidcIssuer, token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        await oidc.authenticate(token)
    return str(refused.value).removeprefix("You are not authorized to make this call: the token ").removesuffix(".")


async def until(issuer: LocalIssuer, fetched: int) -> None:
    """Wait until keys have been asked for so often."""
    async with asyncio.timeout(WAIT_S), issuer.was_asked:
        await issuer.was_asked.wait_for(lambda: issuer.fetched >= fetched)


async def test_keys_are_fetched_once_and_kept(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    await oidc.authenticate(issuer.token())
    clock.now += REFRESH_AFTER_S - 1

    await oidc.authenticate(issuer.token())

    assert issuer.fetched == 1


async def test_nothing_is_fetched_before_a_token_is_to_be_checked(issuer: LocalIssuer, oidc: OidcIssuer) -> None:
    assert issuer.fetched == 0


async def test_callers_that_come_at_once_share_one_fetch(issuer: LocalIssuer, oidc: OidcIssuer) -> None:
    issuer.may_answer.clear()
    calling = [asyncio.create_task(oidc.authenticate(issuer.token())) for _ in range(20)]
    await until(issuer, fetched=1)
    issuer.may_answer.set()

    callers = await asyncio.gather(*calling)

    assert len(callers) == 20
    assert issuer.fetched == 1


async def test_a_caller_that_leaves_takes_the_fetch_from_nobody(issuer: LocalIssuer, oidc: OidcIssuer) -> None:
    issuer.may_answer.clear()
    leaving, staying = [asyncio.create_task(oidc.authenticate(issuer.token())) for _ in range(2)]
    await until(issuer, fetched=1)

    leaving.cancel()
    issuer.may_answer.set()

    assert (await staying).role == "OPERATOR"
    assert issuer.fetched == 1


async def test_a_new_key_is_fetched_when_a_token_names_it(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    await oidc.authenticate(of_key(issuer, "one"))
    issuer.keys = [public_jwk(rsa_key("next"), kid="next")]
    clock.now += MIN_FETCH_INTERVAL_S

    caller = await oidc.authenticate(of_key(issuer, "next"))

    assert caller.role == "OPERATOR"
    assert await refusal(oidc, of_key(issuer, "one")) == NOT_PUBLISHED
    assert issuer.fetched == 2


async def test_made_up_keys_do_not_flood_the_issuer(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    await oidc.authenticate(issuer.token())
    made_up = [signed(issuer.claims(), rsa_key("mine"), kid=f"{number}") for number in range(50)]

    reasons = [await refusal(oidc, token) for token in made_up]
    fetched_at_once = issuer.fetched
    clock.now += MIN_FETCH_INTERVAL_S
    reasons += await asyncio.gather(*(refusal(oidc, token) for token in made_up))

    assert reasons == [NOT_PUBLISHED] * 100
    assert (fetched_at_once, issuer.fetched) == (1, 2)


async def test_stale_keys_are_fetched_beside_the_request(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    await oidc.authenticate(issuer.token())
    clock.now += REFRESH_AFTER_S
    issuer.may_answer.clear()

    caller = await oidc.authenticate(issuer.token())

    await until(issuer, fetched=2)
    issuer.may_answer.set()
    assert caller.role == "OPERATOR"


async def test_keys_are_good_for_a_while_when_none_can_be_fetched_and_then_no_longer(
    issuer: LocalIssuer, clock: Clock
) -> None:
    oidc = OidcIssuer(issuer.settings(max_jwks_age_s=7200), clock=clock)
    await oidc.authenticate(issuer.token())
    issuer.is_down = True

    with structlog.testing.capture_logs() as logs:
        clock.now += 7199
        caller = await oidc.authenticate(issuer.token())
        await until(issuer, fetched=2)
        clock.now += 1
        reason = await refusal(oidc, issuer.token())

    assert caller.role == "OPERATOR"
    assert reason == CANNOT_FETCH
    assert {line["event"] for line in logs} == {LOGGED}
    assert logs[0]["reason"] == f"{issuer.url}/keys responded with HTTP 503"
    await oidc.close()


async def test_an_issuer_that_is_back_is_believed_again(issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock) -> None:
    issuer.is_down = True
    reasons = [await refusal(oidc, issuer.token()) for _ in range(3)]
    fetched_while_down = issuer.fetched
    issuer.is_down = False
    clock.now += MIN_FETCH_INTERVAL_S

    caller = await oidc.authenticate(issuer.token())

    assert reasons == [CANNOT_FETCH] * 3
    assert fetched_while_down == 1
    assert caller.role == "OPERATOR"


async def test_an_issuer_that_is_gone_refuses_its_tokens_and_nobody_waits(issuer: LocalIssuer) -> None:
    oidc = OidcIssuer(issuer.settings(jwks_url="http://127.0.0.1:1/keys"))

    assert await refusal(oidc, issuer.token()) == CANNOT_FETCH
    await oidc.close()


async def test_a_token_that_names_no_key_is_checked_with_the_only_one_that_fits(
    issuer: LocalIssuer, oidc: OidcIssuer, clock: Clock
) -> None:
    issuer.keys.append(public_jwk(ec_key("two"), kid="two"))
    unnamed = signed(issuer.claims(), rsa_key("one"))
    caller = await oidc.authenticate(unnamed)
    issuer.keys.append(public_jwk(rsa_key("other"), kid="other"))
    clock.now += MIN_FETCH_INTERVAL_S
    await refusal(oidc, of_key(issuer, "made up"))

    assert caller.role == "OPERATOR"
    assert await refusal(oidc, unnamed) == NOT_PUBLISHED


@pytest.mark.parametrize(
    "changed", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": "c2VjcmV0"}, {"n": 5}, {"kty": None}]
)
async def test_a_key_for_anything_else_checks_no_token(
    issuer: LocalIssuer, oidc: OidcIssuer, changed: dict[str, Any]
) -> None:
    issuer.keys = [issuer.keys[0] | changed]

    assert await refusal(oidc, issuer.token()) == NOT_PUBLISHED


async def test_a_key_that_names_no_algorithm_is_used_with_any_that_fits(issuer: LocalIssuer) -> None:
    issuer.keys = [public_jwk(rsa_key("one"), kid="one")]
    oidc = OidcIssuer(issuer.settings(algorithms=("PS256",)))

    caller = await oidc.authenticate(signed(issuer.claims(), rsa_key("one"), algorithm="PS256", kid="one"))

    assert caller.role == "OPERATOR"


@pytest.mark.parametrize(
    ("discovered", "reason"),
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
async def test_an_issuer_that_tells_its_keys_wrongly_is_not_believed(
    issuer: LocalIssuer, oidc: OidcIssuer, discovered: dict[str, Any], reason: str
) -> None:
    issuer.discovered |= discovered

    with structlog.testing.capture_logs() as logs:
        refused = await refusal(oidc, issuer.token())

    assert refused == CANNOT_FETCH
    assert [line["reason"] for line in logs] == [reason.format(issuer.url)]
    assert issuer.fetched == 0


async def test_keys_may_be_told_by_the_settings_alone(issuer: LocalIssuer) -> None:
    oidc = OidcIssuer(issuer.settings(issuer="my issuer", jwks_url=f"{issuer.url}/keys"))

    caller = await oidc.authenticate(issuer.token(iss="my issuer"))

    assert caller.role == "OPERATOR"
