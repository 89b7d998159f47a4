"""
The OAuth token endpoint, which exchanges API keys for access tokens, and the public keys of those tokens (JWKS).

Source: RFC 6749, The OAuth 2.0 Authorization Framework, sections 2.3.1, 4.4, 5.1 and 5.2; RFC 7517, JSON Web Key.
"""

import asyncio
import base64
from contextlib import aclosing
from typing import NamedTuple
from urllib.parse import parse_qs, unquote_plus
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from db.api_keys import PREFIX_LENGTH
from graph.auth.own_tokens import IssuedToken, OwnTokens
from graph.protocols.request_rate import RequestRate, TooManyRequests

MAX_BODY_BYTES = 8 * 1024
BODY_TIMEOUT_S = 10.0
MAX_FIELDS = 20
FORM = "application/x-www-form-urlencoded"
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
JWKS_CACHE = {"cache-control": "public, max-age=60"}


class Refused(Exception):
    """A token request that is rejected, with the error code of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status

    def answer(self) -> Response:
        """Return the response."""
        headers = NO_STORE | ({"www-authenticate": 'Basic realm="vpp"'} if self.status == 401 else {})
        return JSONResponse({"error": self.error, "error_description": str(self)}, self.status, headers)


class InvalidClient(Refused):
    """The client id or the secret is wrong."""

    def __init__(self) -> None:
        message = "No API key has this id and this secret, or it has expired or was revoked."
        super().__init__("invalid_client", message, 401)


class Credentials(NamedTuple):
    """The id of an API key or its prefix, and its secret."""

    client_id: UUID | str
    secret: str


async def give_token(request: Request) -> Response:
    """POST /oauth/token: issue an access token for the credentials of an API key."""
    rate: RequestRate = request.app.state.rate
    try:
        await rate.count_address(request.scope.get("client"))
        issued = await _issued(request, request.app.state.own_tokens)
    except TooManyRequests as refusal:
        # RFC 6749 defines this error code for the authorization endpoint, and none for rate limits at this one.
        body = {"error": "temporarily_unavailable", "error_description": str(refusal)}
        return JSONResponse(body, 429, NO_STORE | {"retry-after": str(refusal.retry_after_s)})
    except Refused as refusal:
        return refusal.answer()
    answer = {"access_token": issued.token, "token_type": "Bearer", "expires_in": issued.lifetime_s}
    return JSONResponse(answer, headers=NO_STORE)


async def keys(request: Request) -> Response:
    """GET /.well-known/jwks.json: the public keys of the tokens issued here."""
    tokens: OwnTokens = request.app.state.own_tokens
    return JSONResponse({"keys": await tokens.public_keys()}, headers=JWKS_CACHE)


ROUTES = [
    Route("/oauth/token", give_token, methods=["POST"]),
    Route("/.well-known/jwks.json", keys),
]


async def _issued(request: Request, tokens: OwnTokens) -> IssuedToken:
    form = await _form(request)
    client_id, secret = _credentials(request.headers.get("authorization"), form)
    if "grant_type" not in form:
        raise Refused("invalid_request", "The parameter grant_type is missing; expected client_credentials.")
    if form["grant_type"] != "client_credentials":
        raise Refused("unsupported_grant_type", "The grant_type is not client_credentials, the only supported one.")
    if "scope" in form:
        raise Refused("invalid_scope", "Scopes are not supported: a token has the role and the scope of its API key.")
    issued = await tokens.issue(client_id=client_id, secret=secret)
    if issued is None:
        raise InvalidClient
    return issued


async def _form(request: Request) -> dict[str, str]:
    """Return the parameters of the form; one without a value is treated as missing, as RFC 6749 requires."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refused("invalid_request", f"The content type is not {FORM}.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S), aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Refused("invalid_request", f"The body is longer than {MAX_BODY_BYTES} bytes.")
        given = parse_qs(body.decode(), max_num_fields=MAX_FIELDS, errors="strict")
    except (TimeoutError, ClientDisconnect):
        raise Refused("invalid_request", f"The body did not arrive within {BODY_TIMEOUT_S:g} seconds.") from None
    except ValueError:
        message = f"The body cannot be parsed; expected UTF-8, and at most {MAX_FIELDS} parameters."
        raise Refused("invalid_request", message) from None
    if any(len(values) > 1 for values in given.values()):
        raise Refused("invalid_request", "A parameter is given more than once.")
    return {name: values[0] for name, values in given.items()}


def _credentials(authorization: str | None, form: dict[str, str]) -> Credentials:
    given = form.get("client_id", ""), form.get("client_secret", "")
    if authorization is not None:
        if any(given):
            message = "Credentials are given both in the Authorization header and in the body; expected one of them."
            raise Refused("invalid_request", message)
        given = _basic(authorization)
    try:
        return Credentials(_client_id(given[0]), given[1])
    except ValueError:
        raise InvalidClient from None


def _client_id(given: str) -> UUID | str:
    """Return the id of an API key, or its prefix. Raises ValueError."""
    return given if len(given) == PREFIX_LENGTH else UUID(given)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.strip().partition(" ")
    try:
        id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    # b64decode and decode both raise ValueError.
    except ValueError:
        raise InvalidClient from None
    if scheme.lower() != "basic":
        raise InvalidClient
    return unquote_plus(id), unquote_plus(secret)
