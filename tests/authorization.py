"""
How people sign in with an issuer: the authorization code grant with PKCE, for a client that is a page in a browser.

Source: RFC 6749, sections 4.1, 5 and 6; RFC 7636, PKCE; OpenID Connect Core 1.0, sections 3.1 and 12; OpenID Connect
RP-Initiated Logout 1.0.
"""

import base64
import hashlib
import html
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

# What the console registers with the issuer, on whatever port a test serves it.
REDIRECT_PATH = "/sign-in/callback"
PAGE = """<!doctype html>
<html lang="en">
  <title>Sign in</title>
  <link rel="icon" href="data:,">
  <form method="post" action="{action}"><button>Sign in as {name}</button></form>
</html>
"""
NOT_KEPT = {"cache-control": "no-store"}


@dataclass(frozen=True)
class Person:
    """Who signs in, what else their tokens claim, and how long these last."""

    email: str = "operator@example.com"
    claims: dict[str, Any] = field(default_factory=dict)
    lasts_s: int = 3600


@dataclass(frozen=True)
class Grant:
    """What somebody let a client have."""

    person: Person
    redirect_uri: str
    code_challenge: str
    scope: str
    nonce: str | None


class Authorization:
    """Lets whoever presses the button sign in, and gives tokens for the code they bring; `new_token` signs claims."""

    def __init__(self, client_id: str, new_token: Callable[..., str]) -> None:
        self.person = Person()
        self._client_id = client_id
        self._new_token = new_token
        self._codes: dict[str, Grant] = {}
        self._refresh_tokens: dict[str, Grant] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/authorize", self.authorize, methods=["GET", "POST"]),
            for_browsers("/token", self.give_tokens, method="POST"),
            Route("/logout", self.sign_out),
        ]

    async def authorize(self, request: Request) -> Response:
        """Ask who is there to sign in, and then lead them back with a code."""
        asked = request.query_params
        # Nobody is led to an address that is not the client's, whatever is wrong.
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != self._client_id or urlsplit(redirect_uri).path != REDIRECT_PATH:
            return PlainTextResponse("No client with this redirect_uri is registered.", 400)
        error = _fault(asked)
        if error:
            return _led_to(redirect_uri, error=error, state=asked.get("state"))
        if request.method == "GET":
            action, name = html.escape(f"?{request.url.query}"), html.escape(self.person.email)
            return HTMLResponse(PAGE.format(action=action, name=name))
        code = secrets.token_urlsafe()
        self._codes[code] = Grant(
            self.person, redirect_uri, asked["code_challenge"], asked.get("scope", ""), asked.get("nonce")
        )
        return _led_to(redirect_uri, code=code, state=asked.get("state"))

    async def give_tokens(self, request: Request) -> Response:
        """Give tokens for a code, which is good once, or for a refresh token."""
        given = dict(parse_qsl((await request.body()).decode()))
        if given.get("client_id") != self._client_id:
            return _refused("invalid_client", 401)
        if given.get("grant_type") == "refresh_token":
            grant = self._refresh_tokens.get(given.get("refresh_token", ""))
            return _refused("invalid_grant") if grant is None else self._tokens(replace(grant, nonce=None))
        if given.get("grant_type") != "authorization_code":
            return _refused("unsupported_grant_type")
        grant = self._codes.pop(given.get("code", ""), None)
        if (
            grant is None
            or given.get("redirect_uri") != grant.redirect_uri
            or challenge(given.get("code_verifier", "")) != grant.code_challenge
        ):
            return _refused("invalid_grant")
        if "offline_access" not in grant.scope.split():
            return self._tokens(grant)
        refresh_token = secrets.token_urlsafe()
        self._refresh_tokens[refresh_token] = grant
        return self._tokens(grant, refresh_token=refresh_token)

    async def sign_out(self, request: Request) -> Response:
        """Sign whoever is there out, and lead them to where they want to go."""
        asked = request.query_params
        if "post_logout_redirect_uri" not in asked:
            return PlainTextResponse("You are signed out.")
        return _led_to(asked["post_logout_redirect_uri"], state=asked.get("state"))

    def _tokens(self, grant: Grant, **more: str) -> Response:
        person = grant.person
        claims = {"email": person.email, "exp": int(time.time()) + person.lasts_s, **person.claims}
        # As Cognito's: who calls, and through which client, but not by what address.
        access = {"token_use": "access", "aud": None, "email": None, "cognito:username": None}
        access |= {"client_id": self._client_id, "username": person.email, "scope": grant.scope}
        answer = {
            "id_token": self._new_token(**claims, nonce=grant.nonce),
            "access_token": self._new_token(**claims | access),
            "token_type": "Bearer",
            "expires_in": person.lasts_s,
        }
        return JSONResponse(answer | more, headers=NOT_KEPT)


def for_browsers(path: str, answer: Callable[[Request], Awaitable[Response]], *, method: str = "GET") -> Route:
    """Return a route that scripts of any page may ask."""
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=[method], allow_headers=["*"])
    return Route(path, answer, methods=[method, "OPTIONS"], middleware=[cors])


def challenge(verifier: str) -> str:
    """Return the code challenge of a verifier, by S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _fault(asked: Any) -> str | None:
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in asked.get("scope", "").split():
        return "invalid_scope"
    if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
        return "invalid_request"
    return None


def _led_to(address: str, **given: str | None) -> Response:
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return RedirectResponse(f"{address}?{query}" if query else address, 303)


def _refused(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status, NOT_KEPT)
