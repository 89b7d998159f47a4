"""Who a request is made as."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import db.api_keys
from db.engine import Database
from db.refusals import Unauthorized

# A write for every request would cost more than the request.
NOTE_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Caller:
    """Whom a request is made by; null ids mean that there is nothing the caller is held to."""

    auth_type: str
    name: str
    role: str
    vpp_ids: Sequence[UUID] | None = None
    site_ids: Sequence[UUID] | None = None


class MissingKey(Unauthorized):
    """Missing API key: send it as the header x-api-key."""


class WrongKey(Unauthorized):
    """You are not authorized to make this call: the API key is unknown, expired or revoked."""


class Access:
    """Tells callers by their API keys: those kept in the database, and one given by the environment."""

    def __init__(self, database: Database, *, bootstrap_api_key: str | None) -> None:
        self._database = database
        self._bootstrap_api_key = bootstrap_api_key

    async def caller(self, credentials: Mapping[str, object]) -> Caller:
        """Return who is calling, given headers or what came in their stead; refuse with `Unauthorized`."""
        secret = _api_key(credentials)
        if secret is None:
            raise MissingKey
        if self._bootstrap_api_key and secrets.compare_digest(secret.encode(), self._bootstrap_api_key.encode()):
            return Caller(auth_type="API_KEY", name="bootstrap", role="ADMIN")
        key = await self._database.row(db.api_keys.api_key_by_secret(secret))
        if key is None:
            raise WrongKey
        if key.last_used_at is None or key.last_used_at < datetime.now(UTC) - NOTE_USE_EVERY:
            async with self._database.transaction() as session:
                await db.api_keys.note_use(session, id=key.id)
        return Caller(auth_type="API_KEY", name=key.name, role=key.role, vpp_ids=key.vpp_ids, site_ids=key.site_ids)


def _api_key(credentials: Mapping[str, object]) -> str | None:
    # In a WebSocket's connection_init the names are whatever the client wrote, unlike HTTP's, which have no case.
    given = {name.lower(): value for name, value in credentials.items() if isinstance(value, str)}
    key = given.get("x-api-key") or given.get("authorization", "").removeprefix("Bearer ")
    # JSON can hold half of a surrogate pair, no key of ours does.
    return key.strip().encode(errors="replace").decode() or None
