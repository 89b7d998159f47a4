"""Authentication of callers by API key or bearer token."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import jwt
import structlog

import db.api_keys
from db.engine.database import AnyRow, Database
from db.engine.notices import Notices
from db.engine.refusals import Unauthorized
from graph.auth.callers import Caller, caller_by_key
from graph.auth.key_cache import KeyCache

# Tokens have a few hundred characters, tokens of people in many groups a few thousand.
MAX_TOKEN_CHARACTERS = 16 * 1024
# The API keys of open connections are checked this often even if no notice of a change arrives.
RECHECK_INTERVAL_S = 60.0

BOOTSTRAP = Caller(auth_type="API_KEY", name="bootstrap", role="ADMIN")

log = structlog.get_logger()


class MissingApiKey(Unauthorized):
    """Missing API key: send it as the header x-api-key."""


class InvalidApiKey(Unauthorized):
    """You are not authorized to make this call: the API key is unknown, expired or revoked."""


class InvalidToken(Unauthorized):
    """You are not authorized to make this call: the token {reason}."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A caller's secret; `is_api_key` is true if it was sent in the header x-api-key, which never contains a token."""

    secret: str = field(repr=False)
    is_api_key: bool


class Issuer(Protocol):
    """Authenticates callers by the tokens of one issuer. `name` is the claim `iss` of its tokens."""

    name: str

    async def authenticate(self, token: str) -> Caller:
        """Return the caller that a token was issued to. Raises InvalidToken."""


class Authenticator:
    """Authenticates callers by the API keys in the database, the bootstrap API key, or the tokens of issuers."""

    def __init__(
        self, database: Database, keys: KeyCache, *, bootstrap_api_key: str | None, issuers: Iterable[Issuer] = ()
    ) -> None:
        self._database = database
        self._keys = keys
        self._bootstrap_api_key = bootstrap_api_key
        self._issuers = {issuer.name: issuer for issuer in issuers}
        # Callbacks to call when an API key becomes invalid, by the key's id and the callback's id().
        self._callbacks: dict[UUID, dict[int, Callable[[], None]]] = {}
        self._recheck = asyncio.Event()

    async def authenticate(self, headers: Mapping[str, object]) -> Caller:
        """
        Return the caller whose credentials are in HTTP headers, or in the payload of a WebSocket's connection_init.

        Raises Unauthorized.
        """
        return await self.authenticate_credentials(read_credentials(headers))

    async def authenticate_credentials(self, credentials: Credentials) -> Caller:
        """Return the caller that credentials belong to. Raises Unauthorized."""
        secret = credentials.secret
        if self._bootstrap_api_key and secrets.compare_digest(secret.encode(), self._bootstrap_api_key.encode()):
            return BOOTSTRAP
        # API keys may be sent in the header Authorization as well. Only tokens contain a dot.
        if not credentials.is_api_key and "." in secret:
            return await self._issuer_of(secret).authenticate(secret)
        cached = await self._keys.by_secret(secret)
        if cached is None:
            raise InvalidApiKey
        return cached.caller

    def caller_for_key(self, key: AnyRow, *, auth_type: str) -> Caller:
        """Return the caller for an API key that was verified without its secret, and record the key's use."""
        self._keys.record_use(key.id)
        return caller_by_key(key, auth_type=auth_type)

    def on_access_lost(self, caller: Caller, callback: Callable[[], None]) -> Callable[[], None]:
        """
        Call back once the caller's credentials expire or its API key is revoked.

        Returns a function that unregisters the callback.
        """
        expiry_timer = None
        if caller.expires_at is not None:
            seconds_left = (caller.expires_at - datetime.now(UTC)).total_seconds()
            expiry_timer = asyncio.get_running_loop().call_later(max(seconds_left, 0), callback)
        callbacks: dict[int, Callable[[], None]] = {}
        if caller.key_id is not None:
            callbacks = self._callbacks.setdefault(caller.key_id, callbacks)
            callbacks[id(callback)] = callback
            # The key may have been revoked between its authentication and this registration.
            self._recheck.set()

        def unregister() -> None:
            if expiry_timer is not None:
                expiry_timer.cancel()
            callbacks.pop(id(callback), None)
            if not callbacks and caller.key_id and self._callbacks.get(caller.key_id) is callbacks:
                del self._callbacks[caller.key_id]

        return unregister

    async def watch_revocations(self, notices: Notices) -> None:
        """Call the registered callbacks when API keys become invalid. Runs until it is cancelled."""
        async with notices.subscribe("api_keys") as changed:
            self._recheck = changed
            while True:
                changed.clear()
                try:
                    await self._call_back_for_invalid_keys()
                # All errors are caught: if this loop ended, subscriptions of revoked keys would stay open.
                except Exception as error:
                    log.warning("Cannot check whether API keys are still valid", reason=str(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), RECHECK_INTERVAL_S)

    async def _call_back_for_invalid_keys(self) -> None:
        key_ids = list(self._callbacks)
        if not key_ids:
            return
        valid_ids = {row.id for row in await self._database.rows(db.api_keys.valid_api_keys(key_ids))}
        for key_id in key_ids:
            if key_id not in valid_ids:
                for callback in list(self._callbacks.pop(key_id, {}).values()):
                    callback()

    def _issuer_of(self, token: str) -> Issuer:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise InvalidToken(reason=f"has more than {MAX_TOKEN_CHARACTERS} characters")
        try:
            # The unverified `iss` only selects the issuer, which then verifies the token, `iss` included.
            name = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, RecursionError):
            raise InvalidToken(reason="is malformed: it cannot be decoded") from None
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise InvalidToken(reason="is from an issuer that this API does not trust")
        return issuer


def read_credentials(headers: Mapping[str, object]) -> Credentials:
    """Read the credentials from HTTP headers or from the payload of a connection_init. Raises MissingApiKey."""
    # Names are in lower case in HTTP headers, but as the client wrote them in a connection_init.
    texts = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    api_key = _normalise(texts.get("x-api-key", ""))
    secret = api_key or _normalise(_without_bearer(texts.get("authorization", "")))
    if not secret:
        raise MissingApiKey
    return Credentials(secret, bool(api_key))


def _without_bearer(authorization: str) -> str:
    scheme, _, rest = authorization.strip().partition(" ")
    return rest if scheme.lower() == "bearer" else authorization


def _normalise(secret: str) -> str:
    # JSON can contain half of a surrogate pair, which cannot be encoded for hashing. No valid secret contains one, so
    # it may be replaced.
    return secret.strip().encode(errors="replace").decode()
