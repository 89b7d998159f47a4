"""
Authentication by the tokens of an OpenID Connect issuer, such as an Amazon Cognito user pool.

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
from graph.auth.authentication import InvalidToken
from graph.auth.cached_fetch import CachedFetch
from graph.auth.callers import ROLES, Caller
from graph.auth.claims import expires_at, verify_token
from graph.auth.jwks_cache import Jwk, JwksCache
from graph.settings import OidcSettings, is_safe_to_fetch

REFRESH_AFTER_S = 3600.0
MIN_FETCH_INTERVAL_S = 10.0
FETCH_TIMEOUT_S = 5.0
MAX_DOCUMENT_BYTES = 2**19
MAX_NAME_CHARACTERS = 200
# The maximum time that a page waits for the discovery document: its Content-Security-Policy contains origins from it.
ORIGINS_TIMEOUT_S = 1.0
# The endpoints that the console calls from the browser to sign in, renew tokens and sign out.
BROWSER_ENDPOINTS = ("token_endpoint", "userinfo_endpoint", "revocation_endpoint", "end_session_endpoint")
# An origin that a Content-Security-Policy (CSP) can name. CSP has no IPv6 addresses. A space or ; would end the source
# or the directive, and * would match any host.
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")


class FetchFailed(Exception):
    """The issuer's discovery document or keys could not be fetched."""


class OidcIssuer:
    """Authenticates callers by one issuer's tokens. A caller's groups give the role; other claims give the scope."""

    def __init__(self, settings: OidcSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = settings.issuer or ""
        self._discovery_url = f"{self.name.rstrip('/')}/.well-known/openid-configuration"
        self._settings = settings
        self._keys = JwksCache(
            self._fetch_keys,
            refresh_after_s=REFRESH_AFTER_S,
            min_interval_s=MIN_FETCH_INTERVAL_S,
            max_age_s=settings.max_jwks_age_s,
            clock=clock,
        )
        self._discovery_document = CachedFetch(
            self._fetch_discovery_document,
            refresh_after_s=REFRESH_AFTER_S,
            min_interval_s=MIN_FETCH_INTERVAL_S,
            max_age_s=settings.max_jwks_age_s,
            clock=clock,
        )

    async def authenticate(self, token: str) -> Caller:
        """Return the caller that a token was issued to. Raises InvalidToken."""
        settings = self._settings
        claims = await verify_token(
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
            # A caller with groups of several roles may have the scope claim of a role other than its highest.
            vpp_ids=vpp_ids if role in VPP_SCOPED_ROLES else None,
            site_ids=(site_ids or []) if role in SITE_SCOPED_ROLES else None,
            expires_at=expires_at(claims, leeway_s=settings.leeway_s),
        )

    async def origins(self) -> list[str]:
        """
        Return the origins that a browser calls to sign in: the issuer's own origin and the origins in its discovery
        document.

        The document's origins are missing if it cannot be fetched within ORIGINS_TIMEOUT_S.
        """
        if not is_safe_to_fetch(self.name):
            return []
        document = self._discovery_document.get()
        if document is None:
            with suppress(TimeoutError):
                document = await asyncio.wait_for(self._discovery_document.refresh(), ORIGINS_TIMEOUT_S)
        urls = [self.name, *((document or {}).get(endpoint) for endpoint in BROWSER_ENDPOINTS)]
        return list(dict.fromkeys(origin for url in urls if (origin := _origin(url))))

    async def close(self) -> None:
        """Cancel the fetches that are running."""
        await self._keys.close()
        await self._discovery_document.close()

    def _role(self, claims: Mapping[str, Any]) -> str:
        """Return the highest role among the caller's groups. Raises InvalidToken if there is none."""
        group_roles, claim = self._settings.roles, self._settings.roles_claim
        try:
            groups = _parse_list(claims.get(claim, []))
        except ValueError:
            groups = []
        roles = [group.upper() if group_roles is None else group_roles.get(group, "") for group in groups]
        for role in reversed(ROLES):
            if role in roles:
                return role
        raise InvalidToken(reason=f"gives no role: no group in its claim {claim} has a role")

    async def _fetch_discovery_document(self) -> dict[str, Any]:
        async with _http_client() as client:
            return await self._get_discovery_document(client)

    async def _fetch_keys(self) -> list[Jwk]:
        async with _http_client() as client:
            url = self._settings.jwks_url or await self._jwks_url(client)
            keys = (await _get_json_object(client, url)).get("keys")
        if not isinstance(keys, list):
            raise FetchFailed(f'{url} has no list "keys"; expected a JSON Web Key Set')
        return [key for key in keys if isinstance(key, dict)]

    async def _jwks_url(self, client: httpx.AsyncClient) -> str:
        url = (await self._get_discovery_document(client)).get("jwks_uri")
        if not isinstance(url, str) or not is_safe_to_fetch(url):
            raise FetchFailed(f"{self._discovery_url} has no jwks_uri with an https URL")
        return url

    async def _get_discovery_document(self, client: httpx.AsyncClient) -> dict[str, Any]:
        document = await _get_json_object(client, self._discovery_url)
        if document.get("issuer") != self.name:
            raise FetchFailed(f"{self._discovery_url} names another issuer")
        return document


@asynccontextmanager
async def _http_client() -> AsyncIterator[httpx.AsyncClient]:
    async with asyncio.timeout(FETCH_TIMEOUT_S), httpx.AsyncClient(verify=_tls_context()) as client:
        yield client


@cache
def _tls_context() -> ssl.SSLContext:
    # The context is cached, since loading the certificate authorities blocks the event loop for 0.1 s.
    return httpx.create_ssl_context()


async def _get_json_object(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    body = bytearray()
    async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
        if response.status_code != 200:
            raise FetchFailed(f"{url} responded with HTTP {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise FetchFailed(f"{url} has more than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise FetchFailed(f"{url} is not a JSON object")
    return document


def _origin(url: object) -> str | None:
    """Return the origin of a URL that is safe to fetch, if a Content-Security-Policy can name it."""
    if not isinstance(url, str) or not is_safe_to_fetch(url):
        return None
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return origin if ORIGIN.fullmatch(origin) else None


def _names(claims: Mapping[str, Any], name_claims: tuple[str, ...]) -> Iterator[str]:
    for claim in name_claims:
        name = claims.get(claim)
        if isinstance(name, str) and name.strip():
            yield name.strip()[:MAX_NAME_CHARACTERS]


def _ids(claims: Mapping[str, Any], claim: str) -> list[UUID] | None:
    """Return the ids in a scope claim: an empty list if the claim is empty, None if the token lacks the claim."""
    if claim not in claims:
        return None
    try:
        return [UUID(id) for id in _parse_list(claims[claim])]
    except ValueError:
        raise InvalidToken(reason=f"has a claim {claim} that cannot be read; expected UUIDs") from None


def _parse_list(claim: object) -> list[str]:
    """Return the strings of a claim that is a list, its JSON text, or a text separated by commas or spaces."""
    if isinstance(claim, str):
        text = claim.strip()
        claim = json.loads(text) if text.startswith("[") else [item for item in re.split(r"[,\s]+", text) if item]
    if not isinstance(claim, list) or not all(isinstance(item, str) for item in claim):
        raise ValueError("not a list of strings")
    return claim
