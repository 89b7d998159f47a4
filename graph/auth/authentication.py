"""Who a request is made as."""

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

# Tokens are a few hundred characters long, those of people in many groups a few thousand.
TOKEN_AT_MOST = 16 * 1024
# Keys in use are looked at so often even where nothing was heard of a change.
LOOK_EVERY_S = 60.0

BOOTSTRAP = Caller(auth_type="API_KEY", name="bootstrap", role="ADMIN")

log = structlog.get_logger()


class MissingKey(Unauthorized):
    """Missing API key: send it as the header x-api-key."""


class WrongKey(Unauthorized):
    """You are not authorized to make this call: the API key is unknown, expired or revoked."""


class WrongToken(Unauthorized):
    """You are not authorized to make this call: the token {reason}."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller shows: a secret, and whether it was shown as an API key."""

    secret: str = field(repr=False)
    is_api_key: bool


class Issuer(Protocol):
    """Tells callers by the tokens of one issuer, those whose `iss` is its name."""

    name: str

    async def caller(self, token: str) -> Caller:
        """Return whom a token was issued to; refuse with `WrongToken`."""


class Authenticator:
    """Tells callers by their API keys, those kept in the database and one given by the environment, or by tokens."""

    def __init__(
        self, database: Database, keys: KeyCache, *, bootstrap_api_key: str | None, issuers: Iterable[Issuer] = ()
    ) -> None:
        self._database = database
        self._keys = keys
        self._bootstrap_api_key = bootstrap_api_key
        self._issuers = {issuer.name: issuer for issuer in issuers}
        # Who is to be told when a key is no longer good, by the key.
        self._held: dict[UUID, dict[int, Callable[[], None]]] = {}
        self._change = asyncio.Event()

    async def caller(self, given: Mapping[str, object]) -> Caller:
        """Return who is calling, given headers or what came in their stead; refuse with `Unauthorized`."""
        return await self.caller_by(credentials(given))

    async def caller_by(self, credentials: Credentials) -> Caller:
        """Return who is calling, by what was shown; refuse with `Unauthorized`."""
        secret = credentials.secret
        if self._bootstrap_api_key and secrets.compare_digest(secret.encode(), self._bootstrap_api_key.encode()):
            return BOOTSTRAP
        # No key of ours has a dot.
        if not credentials.is_api_key and "." in secret:
            return await self._issuer(secret).caller(secret)
        known = await self._keys.by_secret(secret)
        if known is None:
            raise WrongKey
        return known.caller

    def known(self, key: AnyRow, *, auth_type: str) -> Caller:
        """Return the caller an API key stands for that was told by other means than its secret, and note its use."""
        self._keys.note_use(key.id)
        return caller_by_key(key, auth_type=auth_type)

    def hold(self, caller: Caller, lock_out: Callable[[], None]) -> Callable[[], None]:
        """Call back when a caller loses the right to call, until the function that this returns is called."""
        at_expiry = None
        if caller.expires_at is not None:
            seconds_left = (caller.expires_at - datetime.now(UTC)).total_seconds()
            at_expiry = asyncio.get_running_loop().call_later(max(seconds_left, 0), lock_out)
        held: dict[int, Callable[[], None]] = {}
        if caller.key_id is not None:
            held = self._held.setdefault(caller.key_id, held)
            held[id(lock_out)] = lock_out
            # It may have been revoked since it was looked at.
            self._change.set()

        def let_go() -> None:
            if at_expiry is not None:
                at_expiry.cancel()
            held.pop(id(lock_out), None)
            if not held and caller.key_id and self._held.get(caller.key_id) is held:
                del self._held[caller.key_id]

        return let_go

    async def watch(self, notices: Notices) -> None:
        """Lock out whose key is revoked, as soon as that is so, for as long as this runs."""
        async with notices.subscribe("api_keys") as changed:
            self._change = changed
            while True:
                changed.clear()
                try:
                    await self._lock_out_who_lost_it()
                # Whatever it was, this goes on: a watch that has ended would leave every door open.
                except Exception as fault:
                    log.warning("Cannot look whether keys are still good", reason=str(fault))
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), LOOK_EVERY_S)

    async def _lock_out_who_lost_it(self) -> None:
        held = list(self._held)
        if not held:
            return
        good = {row.id for row in await self._database.rows(db.api_keys.valid_api_keys(held))}
        for key_id in held:
            if key_id not in good:
                for lock_out in list(self._held.pop(key_id, {}).values()):
                    lock_out()

    def _issuer(self, token: str) -> Issuer:
        if len(token) > TOKEN_AT_MOST:
            raise WrongToken(reason=f"has more than {TOKEN_AT_MOST} characters")
        try:
            # It is only asked whose it claims to be: nothing is believed of it before that issuer has looked at it.
            name = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, RecursionError):
            raise WrongToken(reason="is damaged: it cannot be read") from None
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise WrongToken(reason="is not of an issuer whose tokens are taken here")
        return issuer


def credentials(given: Mapping[str, object]) -> Credentials:
    """Read what a caller shows, given headers or what came in their stead. Raises MissingKey."""
    # In a WebSocket's connection_init the names are whatever the client wrote, unlike HTTP's, which have no case.
    texts = {name.lower(): value for name, value in given.items() if isinstance(value, str)}
    api_key = _plain(texts.get("x-api-key", ""))
    secret = api_key or _plain(_without_bearer(texts.get("authorization", "")))
    if not secret:
        raise MissingKey
    return Credentials(secret, bool(api_key))


def _without_bearer(authorization: str) -> str:
    scheme, _, rest = authorization.strip().partition(" ")
    return rest if scheme.lower() == "bearer" else authorization


def _plain(secret: str) -> str:
    # JSON can hold half of a surrogate pair, no key of ours does.
    return secret.strip().encode(errors="replace").decode()
