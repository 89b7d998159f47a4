"""API keys as a process knows them, so that one in use costs no round trip."""

import asyncio
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from cachetools import LRUCache

import db.api_keys
from db.engine.database import AnyRow, Database, ReadStatement
from db.engine.notices import Notices
from graph.auth.callers import Caller, caller_by_key

# Whatever notices do, nothing is known for longer.
KNOWN_FOR_S = 60.0
KNOWN_AT_MOST = 10_000
# A write for every request would cost more than the request.
NOTE_USE_EVERY_S = 60.0

log = structlog.get_logger()


class CachedKey(NamedTuple):
    """A good API key, and whom it stands for."""

    key: AnyRow
    caller: Caller


class _LookedUp(NamedTuple):
    known: CachedKey
    # What had been heard before: a notice that came meanwhile may have been of it.
    heard: Hashable
    until: float


class KeyCache:
    """
    The good API keys. What was looked up counts until a notice tells that a key has changed, and only while we listen.

    A key that is not there is looked up each time: otherwise made-up ones would crowd out those in use.
    """

    def __init__(self, database: Database, notices: Notices, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._notices = notices
        self._clock = clock
        self._known: LRUCache[str | UUID, _LookedUp] = LRUCache(KNOWN_AT_MOST)
        # Until when no further use is noted of a key.
        self._noted: LRUCache[UUID, float] = LRUCache(KNOWN_AT_MOST)
        self._noting: set[asyncio.Task[None]] = set()

    async def by_secret(self, secret: str) -> CachedKey | None:
        """Return the API key a secret belongs to, and note that it is in use; None unless it is good."""
        return await self._key(secret, lambda: db.api_keys.api_key_by_secret(secret))

    async def by_id(self, id: UUID) -> CachedKey | None:
        """Return the API key of an id, and note that it is in use; None unless it is good."""
        return await self._key(id, lambda: db.api_keys.api_key_by_id(id))

    def note_use(self, id: UUID) -> None:
        """Note that an API key is in use, beside the request, unless that was done within a minute."""
        now = self._clock()
        if self._noted.get(id, now) <= now:
            self._noted[id] = now + NOTE_USE_EVERY_S
            noting = asyncio.create_task(self._note_use(id))
            self._noting.add(noting)
            noting.add_done_callback(self._noting.discard)

    async def close(self) -> None:
        """Wait until the uses are noted that are being noted."""
        await asyncio.gather(*self._noting)

    # A statement takes longer to make than all else that a known key does.
    async def _key(self, known_as: str | UUID, read: Callable[[], ReadStatement]) -> CachedKey | None:
        heard, now = self._notices.version("api_keys"), self._clock()
        looked_up = self._known.get(known_as)
        if looked_up is not None and heard is not None and heard == looked_up.heard and now < looked_up.until:
            known = looked_up.known
        else:
            key = await self._database.row(read())
            if key is None:
                return None
            known = CachedKey(key, caller_by_key(key))
            if heard is not None:
                self._known[known_as] = _LookedUp(known, heard, now + KNOWN_FOR_S)
        expires_at = known.caller.expires_at
        if expires_at is not None and expires_at <= datetime.now(UTC):
            return None
        self.note_use(known.key.id)
        return known

    async def _note_use(self, id: UUID) -> None:
        try:
            async with self._database.transaction() as session:
                await db.api_keys.record_use(session, id=id)
        # No request is to fail for it, and none hears of it.
        except Exception as fault:
            log.warning("Cannot note that a key is in use", reason=str(fault))
