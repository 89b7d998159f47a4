"""Who a request is made as."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

import db.api_keys
from db.engine import AnyRow, Database
from db.notices import Notices
from db.reach import EVERYTHING, Reach
from db.refusals import Unauthorized

# A write for every request would cost more than the request.
NOTE_USE_EVERY = timedelta(minutes=1)
# Keys in use are looked at so often even where nothing was heard of a change.
LOOK_EVERY_S = 60.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Caller:
    """Whom a request is made by; null ids mean that there is nothing the caller is held to."""

    auth_type: str
    name: str
    role: str
    vpp_ids: Sequence[UUID] | None = None
    site_ids: Sequence[UUID] | None = None
    # Of the API key by which the caller is known, where it is kept in the database.
    key_id: UUID | None = None
    expires_at: datetime | None = None

    @property
    def reach(self) -> Reach:
        """What the caller is held to."""
        if self.role == "MEMBER":
            return Reach(site_ids=frozenset(self.site_ids or ()))
        if self.role == "ADMIN" or self.vpp_ids is None:
            return EVERYTHING
        return Reach(vpp_ids=frozenset(self.vpp_ids), may_change=self.role == "OPERATOR")


class MissingKey(Unauthorized):
    """Missing API key: send it as the header x-api-key."""


class WrongKey(Unauthorized):
    """You are not authorized to make this call: the API key is unknown, expired or revoked."""


class Access:
    """Tells callers by their API keys: those kept in the database, and one given by the environment."""

    def __init__(self, database: Database, *, bootstrap_api_key: str | None) -> None:
        self._database = database
        self._bootstrap_api_key = bootstrap_api_key
        # Who is to be told when a key is no longer good, by the key.
        self._held: dict[UUID, dict[int, tuple[Caller, Callable[[], None]]]] = {}
        self._change = asyncio.Event()

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
        return await self.known(key, auth_type="API_KEY")

    async def known(self, key: AnyRow, *, auth_type: str) -> Caller:
        """Return the caller an API key stands for, however it was told by it, and note that the key is in use."""
        if key.last_used_at is None or key.last_used_at < datetime.now(UTC) - NOTE_USE_EVERY:
            async with self._database.transaction() as session:
                await db.api_keys.note_use(session, id=key.id)
        return Caller(
            auth_type=auth_type,
            name=key.name,
            role=key.role,
            vpp_ids=key.vpp_ids,
            site_ids=key.site_ids,
            key_id=key.id,
            expires_at=key.expires_at,
        )

    def hold(self, caller: Caller, lock_out: Callable[[], None]) -> Callable[[], None]:
        """Call back when a caller loses the right to call, until the function that this returns is called."""
        if caller.key_id is None:
            return lambda: None
        held = self._held.setdefault(caller.key_id, {})
        held[id(lock_out)] = (caller, lock_out)
        self._change.set()

        def let_go() -> None:
            held.pop(id(lock_out), None)
            if not held and caller.key_id and self._held.get(caller.key_id) is held:
                del self._held[caller.key_id]

        return let_go

    async def watch(self, notices: Notices) -> None:
        """Lock out whose key expires or is revoked, as soon as that is so, for as long as this runs."""
        async with notices.of("api_keys") as changed:
            self._change = changed
            while True:
                changed.clear()
                try:
                    await self._lock_out_who_lost_it()
                # Whatever it was, this goes on: a watch that has ended would leave every door open.
                except Exception as fault:
                    log.warning("Cannot look whether keys are still good", reason=str(fault))
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), self._seconds_to_next_expiry())

    async def _lock_out_who_lost_it(self) -> None:
        held = list(self._held)
        if not held:
            return
        good = {row.id for row in await self._database.rows(db.api_keys.good_api_keys(held))}
        for key_id in held:
            if key_id not in good:
                for _, lock_out in list(self._held.pop(key_id, {}).values()):
                    lock_out()

    def _seconds_to_next_expiry(self) -> float:
        callers = [caller for held in self._held.values() for caller, _ in list(held.values())[:1]]
        ends = [caller.expires_at for caller in callers if caller.expires_at]
        if not ends:
            return LOOK_EVERY_S
        return min(max((min(ends) - datetime.now(UTC)).total_seconds(), 0.05), LOOK_EVERY_S)


def _api_key(credentials: Mapping[str, object]) -> str | None:
    # In a WebSocket's connection_init the names are whatever the client wrote, unlike HTTP's, which have no case.
    given = {name.lower(): value for name, value in credentials.items() if isinstance(value, str)}
    key = given.get("x-api-key") or given.get("authorization", "").removeprefix("Bearer ")
    # JSON can hold half of a surrogate pair, no key of ours does.
    return key.strip().encode(errors="replace").decode() or None
