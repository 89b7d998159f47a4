"""
Callers by the tokens of an OpenID Connect issuer, Amazon Cognito's user pools among them.

Source: OpenID Connect Discovery 1.0; Amazon Cognito Developer Guide, "Understanding user pool JSON web tokens".
"""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from db.api_keys import SITE_SCOPED_ROLES, VPP_SCOPED_ROLES
from graph.auth.authentication import WrongToken
from graph.auth.cached_fetch import CachedFetch
from graph.auth.callers import ROLES, Caller
from graph.auth.claims import claims_of, expiry
from graph.auth.jwks_cache import Jwk, JwksCache
from graph.settings import OidcSettings, is_safe_to_fetch

FRESH_FOR_S = 3600.0
PAUSE_S = 10.0
FETCH_WITHIN_S = 5.0
DOCUMENT_BYTES_AT_MOST = 2**19
NAME_AT_MOST = 200
# How long a page is held up for what its policy is to name.
PAGE_WAITS_S = 1.0
# What the page itself asks, when somebody signs in, stays so and signs out.
ASKED_BY_BROWSERS = ("token_endpoint", "userinfo_endpoint", "revocation_endpoint", "end_session_endpoint")
# As a policy can name it: not in IPv6, and without what would end a directive or stand for any name.
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")


class CannotFetch(Exception):
    """What keeps us from what an issuer publishes."""


class OidcIssuer:
    """Tells callers by one issuer's tokens: their role by their groups, what they are held to by other claims."""

    def __init__(self, settings: OidcSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = settings.issuer or ""
        self._discovery = f"{self.name.rstrip('/')}/.well-known/openid-configuration"
        self._settings = settings
        self._keys = JwksCache(
            self._fetch_keys, fresh_for_s=FRESH_FOR_S, pause_s=PAUSE_S, good_for_s=settings.max_jwks_age_s, clock=clock
        )
        self._document = CachedFetch(
            self._fetch_document,
            fresh_for_s=FRESH_FOR_S,
            pause_s=PAUSE_S,
            good_for_s=settings.max_jwks_age_s,
            clock=clock,
        )

    async def caller(self, token: str) -> Caller:
        """Return whom a token was issued to; refuse with `WrongToken`."""
        settings = self._settings
        claims = await claims_of(
            token,
            self._keys,
            issuer=self.name,
            audiences=settings.audience,
            algorithms=settings.algorithms,
            leeway_s=settings.leeway_s,
        )
        role = self._role(claims)
        vpp_ids, site_ids = _ids(claims, settings.vpp_ids_claim), _ids(claims, settings.site_ids_claim)
        return Caller(
            auth_type="OIDC",
            name=next(_names(claims, settings.name_claims), "unnamed"),
            role=role,
            # Who is in the groups of several roles may have what only the lesser is held to.
            vpp_ids=vpp_ids if role in VPP_SCOPED_ROLES else None,
            site_ids=(site_ids or []) if role in SITE_SCOPED_ROLES else None,
            expires_at=expiry(claims, leeway_s=settings.leeway_s),
        )

    async def origins(self) -> list[str]:
        """Return those a browser asks to sign in: the issuer's, and what its document names, if it comes in time."""
        if not is_safe_to_fetch(self.name):
            return []
        document = self._document.kept()
        if document is None:
            with suppress(TimeoutError):
                document = await asyncio.wait_for(self._document.anew(), PAGE_WAITS_S)
        named = [self.name, *((document or {}).get(endpoint) for endpoint in ASKED_BY_BROWSERS)]
        return list(dict.fromkeys(origin for url in named if (origin := _origin(url))))

    async def close(self) -> None:
        """Give up what is being fetched."""
        await self._keys.close()
        await self._document.close()

    def _role(self, claims: Mapping[str, Any]) -> str:
        roles, claim = self._settings.roles, self._settings.roles_claim
        try:
            groups = _listed(claims.get(claim, []))
        except ValueError:
            groups = []
        named = [group.upper() if roles is None else roles.get(group, "") for group in groups]
        for role in reversed(ROLES):
            if role in named:
                return role
        raise WrongToken(reason=f"is of nobody with a role here: none of the groups in its claim {claim} has one")

    async def _fetch_document(self) -> dict[str, Any]:
        async with _client() as client:
            return await self._discovered(client)

    async def _fetch_keys(self) -> list[Jwk]:
        async with _client() as client:
            url = self._settings.jwks_url or await self._keys_address(client)
            keys = (await _document(client, url)).get("keys")
        if not isinstance(keys, list):
            raise CannotFetch(f"{url} holds no keys; expected a JSON Web Key Set")
        return [key for key in keys if isinstance(key, dict)]

    async def _keys_address(self, client: httpx.AsyncClient) -> str:
        url = (await self._discovered(client)).get("jwks_uri")
        if not isinstance(url, str) or not is_safe_to_fetch(url):
            raise CannotFetch(f"{self._discovery} names no jwks_uri of https")
        return url

    async def _discovered(self, client: httpx.AsyncClient) -> dict[str, Any]:
        document = await _document(client, self._discovery)
        if document.get("issuer") != self.name:
            raise CannotFetch(f"{self._discovery} is of another issuer")
        return document


@asynccontextmanager
async def _client() -> AsyncIterator[httpx.AsyncClient]:
    async with asyncio.timeout(FETCH_WITHIN_S), httpx.AsyncClient(verify=_tls()) as client:
        yield client


@cache
def _tls() -> ssl.SSLContext:
    # Made once: reading all authorities there are takes a tenth of a second, in which nothing else is answered.
    return httpx.create_ssl_context()


async def _document(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    body = bytearray()
    async with client.stream("GET", url, headers={"accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise CannotFetch(f"{url} answers {answer.status_code}")
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > DOCUMENT_BYTES_AT_MOST:
                raise CannotFetch(f"{url} holds more than {DOCUMENT_BYTES_AT_MOST} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise CannotFetch(f"{url} holds no JSON object")
    return document


def _origin(url: object) -> str | None:
    """Return the origin of an address that is safe to fetch, if a policy can name it."""
    if not isinstance(url, str) or not is_safe_to_fetch(url):
        return None
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return origin if ORIGIN.fullmatch(origin) else None


def _names(claims: Mapping[str, Any], of: tuple[str, ...]) -> Iterator[str]:
    for claim in of:
        name = claims.get(claim)
        if isinstance(name, str) and name.strip():
            yield name.strip()[:NAME_AT_MOST]


def _ids(claims: Mapping[str, Any], claim: str) -> list[UUID] | None:
    """Return what a claim holds its caller to: none where it is empty, all where it is not there."""
    if claim not in claims:
        return None
    try:
        return [UUID(id) for id in _listed(claims[claim])]
    except ValueError:
        raise WrongToken(reason=f"has a claim {claim} that cannot be read; expected UUIDs") from None


def _listed(claim: object) -> list[str]:
    """Read a list of texts, or a text that holds one: as JSON, or with commas or spaces in between."""
    if isinstance(claim, str):
        text = claim.strip()
        claim = json.loads(text) if text.startswith("[") else [each for each in re.split(r"[,\s]+", text) if each]
    if not isinstance(claim, list) or not all(isinstance(each, str) for each in claim):
        raise ValueError("no list of texts")
    return claim
