"""Signing in with the issuer of the tests, as a page does it: it is to refuse what real issuers refuse."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from graph.auth.oidc import OidcIssuer
from tests.fixtures.authorization import challenge
from tests.fixtures.issuer import CLIENT_ID, LocalIssuer, local_issuer

CALLBACK = "http://127.0.0.1:8000/sign-in/callback"
# RFC 7636, appendix B.
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": CALLBACK,
    "scope": "openid email",
    "state": "a state",
    "nonce": "a nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        yield issuer


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers={"origin": "http://127.0.0.1:8000"}) as browser:
        yield browser


async def led_back(browser: httpx.AsyncClient, issuer: LocalIssuer, **changed: str) -> dict[str, str]:
    """Press the button on the page, and return what the callback is told."""
    page = await browser.get(issuer.discovered["authorization_endpoint"], params=ASKED | changed)
    (action,) = re.findall(r'<form method="post" action="([^"]*)">', page.text)
    answer = await browser.post(page.url.join(html.unescape(action)))
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def tokens(browser: httpx.AsyncClient, issuer: LocalIssuer, code: str, **changed: str) -> httpx.Response:
    given = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await browser.post(issuer.discovered["token_endpoint"], data=given | changed)


def claims(token: str) -> dict[str, Any]:
    told: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return told


def test_a_challenge_is_made_as_the_rfc_makes_it() -> None:
    assert challenge(VERIFIER) == CHALLENGE


async def test_pressing_the_button_brings_a_code_and_the_code_tokens_that_are_taken(
    issuer: LocalIssuer, browser: httpx.AsyncClient
) -> None:
    oidc = OidcIssuer(issuer.settings())

    told = await led_back(browser, issuer)
    answer = await tokens(browser, issuer, told["code"])
    given = answer.json()
    callers = [await oidc.authenticate(given[name]) for name in ("id_token", "access_token")]
    await oidc.close()

    assert (set(told), told["state"]) == ({"code", "state"}, "a state")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert set(given) == {"id_token", "access_token", "token_type", "expires_in"}
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    assert claims(given["id_token"])["nonce"] == "a nonce"
    assert "nonce" not in claims(given["access_token"])
    assert [(caller.name, caller.role) for caller in callers] == [("operator@example.com", "OPERATOR")] * 2


async def test_the_next_to_sign_in_are_whom_a_test_says(issuer: LocalIssuer, browser: httpx.AsyncClient) -> None:
    issuer.next_claims(email="<reader>@example.com", lasts_s=60, **{"cognito:groups": ["READER"]})

    page = await browser.get(issuer.discovered["authorization_endpoint"], params=ASKED)
    given = (await tokens(browser, issuer, (await led_back(browser, issuer))["code"])).json()

    id_claims = claims(given["id_token"])
    assert "<button>Sign in as &lt;reader&gt;@example.com</button>" in page.text
    assert (id_claims["email"], id_claims["cognito:groups"]) == ("<reader>@example.com", ["READER"])
    assert given["expires_in"] == 60
    assert 50 <= id_claims["exp"] - id_claims["iat"] <= 70


async def test_a_code_is_good_once(issuer: LocalIssuer, browser: httpx.AsyncClient) -> None:
    code = (await led_back(browser, issuer))["code"]

    answers = [await tokens(browser, issuer, code) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"code": "made up"}, 400, "invalid_grant"),
        ({"code_verifier": f"{VERIFIER}x"}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8001/sign-in/callback"}, 400, "invalid_grant"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "made up"}, 400, "invalid_grant"),
    ],
)
async def test_a_code_is_good_for_nobody_else(
    issuer: LocalIssuer, browser: httpx.AsyncClient, changed: dict[str, str], status: int, error: str
) -> None:
    code = (await led_back(browser, issuer))["code"]

    answer = await tokens(browser, issuer, **{"code": code} | changed)

    assert (answer.status_code, answer.json()) == (status, {"error": error})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_what_is_asked_for_wrongly_leads_back_with_the_error(
    issuer: LocalIssuer, browser: httpx.AsyncClient, changed: dict[str, str], error: str
) -> None:
    answer = await browser.get(issuer.discovered["authorization_endpoint"], params=ASKED | changed)

    assert answer.headers["location"] == f"{CALLBACK}?error={error}&state=a+state"


@pytest.mark.parametrize("changed", [{"client_id": "another"}, {"redirect_uri": "http://127.0.0.1:8000/elsewhere"}])
async def test_nobody_is_led_to_where_no_client_is(
    issuer: LocalIssuer, browser: httpx.AsyncClient, changed: dict[str, str]
) -> None:
    answer = await browser.get(issuer.discovered["authorization_endpoint"], params=ASKED | changed)

    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_who_asked_for_offline_access_gets_new_tokens_without_signing_in_again(
    issuer: LocalIssuer, browser: httpx.AsyncClient
) -> None:
    code = (await led_back(browser, issuer, scope="openid offline_access"))["code"]
    refresh_token = (await tokens(browser, issuer, code)).json()["refresh_token"]
    asked = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": refresh_token}

    answers = [await browser.post(issuer.discovered["token_endpoint"], data=asked) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    id_claims = claims(answers[1].json()["id_token"])
    assert (id_claims["email"], id_claims.get("nonce")) == ("operator@example.com", None)


async def test_signing_out_leads_to_where_the_page_says(issuer: LocalIssuer, browser: httpx.AsyncClient) -> None:
    home = {"post_logout_redirect_uri": "http://127.0.0.1:8000/", "state": "bye"}

    led = await browser.get(issuer.discovered["end_session_endpoint"], params=home)
    left = await browser.get(issuer.discovered["end_session_endpoint"])

    assert (led.status_code, led.headers["location"]) == (303, "http://127.0.0.1:8000/?state=bye")
    assert (left.status_code, left.text) == (200, "You are signed out.")


async def test_scripts_of_any_page_may_read_what_an_issuer_publishes_and_ask_for_tokens(
    issuer: LocalIssuer, browser: httpx.AsyncClient
) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}

    answers = [
        await browser.get(f"{issuer.url}/.well-known/openid-configuration"),
        await browser.get(issuer.discovered["jwks_uri"]),
        await tokens(browser, issuer, "made up"),
        await browser.options(issuer.discovered["token_endpoint"], headers=preflight),
        await browser.get(issuer.discovered["authorization_endpoint"], params=ASKED),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 200]
    allowed = [answer.headers.get("access-control-allow-origin") for answer in answers]
    assert allowed == ["*", "*", "*", "*", None]
