"""The tests' own OIDC issuer: it signs a page in, and rejects the requests that real issuers reject."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from graph.auth.oidc import OidcIssuer
from tests.fixtures.api import WAIT_S
from tests.fixtures.authorization import challenge
from tests.fixtures.issuer import CLIENT_ID, LocalIssuer, local_issuer

CALLBACK = "http://127.0.0.1:8000/sign-in/callback"
# RFC 7636, appendix B.
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
AUTHORIZATION_REQUEST = {
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
    async with httpx.AsyncClient(headers={"origin": "http://127.0.0.1:8000"}, timeout=WAIT_S) as browser:
        yield browser


async def sign_in(browser: httpx.AsyncClient, issuer: LocalIssuer, **changed: str) -> dict[str, str]:
    """Press the button on the page, and return the query parameters of the redirect to the callback."""
    page = await browser.get(
        issuer.discovery_document["authorization_endpoint"], params=AUTHORIZATION_REQUEST | changed
    )
    (action,) = re.findall(r'<form method="post" action="([^"]*)">', page.text)
    response = await browser.post(page.url.join(html.unescape(action)))
    assert response.headers["location"].startswith(f"{CALLBACK}?")
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


async def request_tokens(browser: httpx.AsyncClient, issuer: LocalIssuer, code: str, **changed: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await browser.post(issuer.discovery_document["token_endpoint"], data=form | changed)


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def test_code_challenge_is_that_of_the_example_in_rfc_7636() -> None:
    assert challenge(VERIFIER) == CHALLENGE


async def test_code_of_a_sign_in_is_exchanged_for_tokens_that_the_api_accepts(
    issuer: LocalIssuer, browser: httpx.AsyncClient
) -> None:
    oidc = OidcIssuer(issuer.settings())

    callback = await sign_in(browser, issuer)
    response = await request_tokens(browser, issuer, callback["code"])
    tokens = response.json()
    callers = [await oidc.authenticate(tokens[name]) for name in ("id_token", "access_token")]
    await oidc.close()

    assert (set(callback), callback["state"]) == ({"code", "state"}, "a state")
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert set(tokens) == {"id_token", "access_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert claims(tokens["id_token"])["nonce"] == "a nonce"
    assert "nonce" not in claims(tokens["access_token"])
    assert [(caller.name, caller.role) for caller in callers] == [("operator@example.com", "OPERATOR")] * 2


async def test_test_chooses_the_person_who_signs_in_next(issuer: LocalIssuer, browser: httpx.AsyncClient) -> None:
    issuer.next_claims(email="<reader>@example.com", lifetime_s=60, **{"cognito:groups": ["READER"]})

    page = await browser.get(issuer.discovery_document["authorization_endpoint"], params=AUTHORIZATION_REQUEST)
    tokens = (await request_tokens(browser, issuer, (await sign_in(browser, issuer))["code"])).json()

    id_claims = claims(tokens["id_token"])
    assert "<button>Sign in as &lt;reader&gt;@example.com</button>" in page.text
    assert (id_claims["email"], id_claims["cognito:groups"]) == ("<reader>@example.com", ["READER"])
    assert tokens["expires_in"] == 60
    assert 50 <= id_claims["exp"] - id_claims["iat"] <= 70


async def test_code_is_valid_once(issuer: LocalIssuer, browser: httpx.AsyncClient) -> None:
    code = (await sign_in(browser, issuer))["code"]

    responses = [await request_tokens(browser, issuer, code) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 400]
    assert responses[1].json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"code": "unknown"}, 400, "invalid_grant"),
        ({"code_verifier": f"{VERIFIER}x"}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8001/sign-in/callback"}, 400, "invalid_grant"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, 400, "invalid_grant"),
    ],
)
async def test_code_is_valid_only_for_its_client_redirect_uri_and_verifier(
    issuer: LocalIssuer, browser: httpx.AsyncClient, changed: dict[str, str], status: int, error: str
) -> None:
    code = (await sign_in(browser, issuer))["code"]

    response = await request_tokens(browser, issuer, **{"code": code} | changed)

    assert (response.status_code, response.json()) == (status, {"error": error})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_invalid_authorization_request_redirects_with_the_error(
    issuer: LocalIssuer, browser: httpx.AsyncClient, changed: dict[str, str], error: str
) -> None:
    response = await browser.get(
        issuer.discovery_document["authorization_endpoint"], params=AUTHORIZATION_REQUEST | changed
    )

    assert response.headers["location"] == f"{CALLBACK}?error={error}&state=a+state"


@pytest.mark.parametrize("changed", [{"client_id": "another"}, {"redirect_uri": "http://127.0.0.1:8000/elsewhere"}])
async def test_unregistered_client_or_redirect_uri_is_not_redirected_to(
    issuer: LocalIssuer, browser: httpx.AsyncClient, changed: dict[str, str]
) -> None:
    response = await browser.get(
        issuer.discovery_document["authorization_endpoint"], params=AUTHORIZATION_REQUEST | changed
    )

    assert (response.status_code, response.headers.get("location")) == (400, None)


async def test_refresh_token_returns_new_tokens_without_signing_in_again(
    issuer: LocalIssuer, browser: httpx.AsyncClient
) -> None:
    code = (await sign_in(browser, issuer, scope="openid offline_access"))["code"]
    refresh_token = (await request_tokens(browser, issuer, code)).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": refresh_token}

    responses = [await browser.post(issuer.discovery_document["token_endpoint"], data=form) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200]
    id_claims = claims(responses[1].json()["id_token"])
    assert (id_claims["email"], id_claims.get("nonce")) == ("operator@example.com", None)


async def test_signing_out_redirects_to_the_requested_page(issuer: LocalIssuer, browser: httpx.AsyncClient) -> None:
    home = {"post_logout_redirect_uri": "http://127.0.0.1:8000/", "state": "bye"}

    redirected = await browser.get(issuer.discovery_document["end_session_endpoint"], params=home)
    not_redirected = await browser.get(issuer.discovery_document["end_session_endpoint"])

    assert (redirected.status_code, redirected.headers["location"]) == (303, "http://127.0.0.1:8000/?state=bye")
    assert (not_redirected.status_code, not_redirected.text) == (200, "You are signed out.")


async def test_scripts_of_any_origin_may_read_the_metadata_and_request_tokens(
    issuer: LocalIssuer, browser: httpx.AsyncClient
) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}

    responses = [
        await browser.get(f"{issuer.url}/.well-known/openid-configuration"),
        await browser.get(issuer.discovery_document["jwks_uri"]),
        await request_tokens(browser, issuer, "unknown"),
        await browser.options(issuer.discovery_document["token_endpoint"], headers=preflight),
        await browser.get(issuer.discovery_document["authorization_endpoint"], params=AUTHORIZATION_REQUEST),
    ]

    assert [response.status_code for response in responses] == [200, 200, 400, 200, 200]
    allowed = [response.headers.get("access-control-allow-origin") for response in responses]
    assert allowed == ["*", "*", "*", "*", None]
