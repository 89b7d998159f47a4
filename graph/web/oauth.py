"""
Where a token is had for credentials, and where the keys are that it is signed with.

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

BODY_BYTES_AT_MOST = 8 * 1024
BODY_WITHIN_S = 10.0
FIELDS_AT_MOST = 20
FORM = "application/x-www-form-urlencoded"
NOT_KEPT = {"cache-control": "no-store", "pragma": "no-cache"}
KEYS_KEPT = {"cache-control": "public, max-age=60"}


class Refused(Exception):
    """A request for a token that is refused: its error as the RFC names it, and why."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status

    def answer(self) -> Response:
        """Answer the request."""
        headers = NOT_KEPT | ({"www-authenticate": 'Basic realm="vpp"'} if self.status == 401 else {})
        return JSONResponse({"error": self.error, "error_description": str(self)}, self.status, headers)


class InvalidClient(Refused):
    """Credentials by which nobody is known."""

    def __init__(self) -> None:
        told = "No API key has this id and this secret, or it has expired or was revoked."
        super().__init__("invalid_client", told, 401)


class Credentials(NamedTuple):
    """The id of an API key or its prefix, and its secret."""

    client_id: UUID | str
    secret: str


async def give_token(request: Request) -> Response:
    """Give a token for the credentials of an API key."""
    rate: RequestRate = request.app.state.rate
    try:
        await rate.count_address(request.scope)
        issued = await _issued(request, request.app.state.own_tokens)
    except TooManyRequests as refusal:
        # The RFC has no error for it but this, of another endpoint.
        told = {"error": "temporarily_unavailable", "error_description": str(refusal)}
        return JSONResponse(told, 429, NOT_KEPT | {"retry-after": str(refusal.retry_after_s)})
    except Refused as refusal:
        return refusal.answer()
    answer = {"access_token": issued.token, "token_type": "Bearer", "expires_in": issued.lifetime_s}
    return JSONResponse(answer, headers=NOT_KEPT)


async def keys(request: Request) -> Response:
    """Tell the public keys of the tokens given here."""
    tokens: OwnTokens = request.app.state.own_tokens
    return JSONResponse({"keys": await tokens.public_keys()}, headers=KEYS_KEPT)


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
        raise Refused("unsupported_grant_type", "The grant_type is another than client_credentials.")
    if "scope" in form:
        raise Refused("invalid_scope", "There are no scopes: a token may do what its API key may.")
    issued = await tokens.issue(client_id=client_id, secret=secret)
    if issued is None:
        raise InvalidClient
    return issued


async def _form(request: Request) -> dict[str, str]:
    """Read a form's parameters, of which one without a value counts as left out."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refused("invalid_request", f"The content type is another than {FORM}.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S), aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > BODY_BYTES_AT_MOST:
                    raise Refused("invalid_request", f"The body is longer than {BODY_BYTES_AT_MOST} bytes.")
        given = parse_qs(body.decode(), max_num_fields=FIELDS_AT_MOST, errors="strict")
    except (TimeoutError, ClientDisconnect):
        raise Refused("invalid_request", f"The body did not arrive within {BODY_WITHIN_S:g} seconds.") from None
    except ValueError:
        told = f"The body cannot be read; expected UTF-8, and at most {FIELDS_AT_MOST} parameters."
        raise Refused("invalid_request", told) from None
    if any(len(values) > 1 for values in given.values()):
        raise Refused("invalid_request", "A parameter is given more than once.")
    return {name: values[0] for name, values in given.items()}


def _credentials(authorization: str | None, form: dict[str, str]) -> Credentials:
    given = form.get("client_id", ""), form.get("client_secret", "")
    if authorization is not None:
        if any(given):
            told = "Credentials are given both as Authorization and in the body; expected one of them."
            raise Refused("invalid_request", told)
        given = _basic(authorization)
    try:
        return Credentials(_client_id(given[0]), given[1])
    except ValueError:
        raise InvalidClient from None


def _client_id(given: str) -> UUID | str:
    """Read an id, or what may be a prefix. Raises ValueError."""
    return given if len(given) == PREFIX_LENGTH else UUID(given)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.strip().partition(" ")
    try:
        id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    # Of base64, and of UTF-8.
    except ValueError:
        raise InvalidClient from None
    if scheme.lower() != "basic":
        raise InvalidClient
    return unquote_plus(id), unquote_plus(secret)
