"""A cache of valid API keys, so that a request with a cached key needs no database round trip."""

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

# An upper bound on the age of an entry, in case a notice of a change is lost.
MAX_AGE_S = 60.0
MAX_ENTRIES = 10_000
# Recording the use at every request would cost more than the request.
RECORD_USE_INTERVAL_S = 60.0

log = structlog.get_logger()


class CachedKey(NamedTuple):
    """A valid API key and its caller."""

    key: AnyRow
    caller: Caller


class _Entry(NamedTuple):
    cached: CachedKey
    # The notices' version of the table, taken before the key was read.
    version: Hashable
    valid_until: float


class KeyCache:
    """
    An LRU cache of valid API keys, by secret and by id.

    An entry is used only while the LISTEN connection is up and no notice of any API key's change has arrived since the
    entry was read. Unknown keys are not cached: a client that tries many secrets would evict the keys in use.
    """

    def __init__(self, database: Database, notices: Notices, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._notices = notices
        self._clock = clock
        self._entries: LRUCache[str | UUID, _Entry] = LRUCache(MAX_ENTRIES)
        # The time before which a key's use is not recorded again.
        self._record_use_after: LRUCache[UUID, float] = LRUCache(MAX_ENTRIES)
        self._recording: set[asyncio.Task[None]] = set()

    async def by_secret(self, secret: str) -> CachedKey | None:
        """Return the valid API key that has the given secret, and record its use; None if there is none."""
        return await self._get(secret, lambda: db.api_keys.api_key_by_secret(secret))

    async def by_id(self, id: UUID) -> CachedKey | None:
        """Return the valid API key that has the given id, and record its use; None if there is none."""
        return await self._get(id, lambda: db.api_keys.api_key_by_id(id))

    def record_use(self, id: UUID) -> None:
        """Record the use of an API key in a background task, at most once in RECORD_USE_INTERVAL_S for each key."""
        now = self._clock()
        if self._record_use_after.get(id, now) <= now:
            self._record_use_after[id] = now + RECORD_USE_INTERVAL_S
            recording = asyncio.create_task(self._record_use(id))
            self._recording.add(recording)
            recording.add_done_callback(self._recording.discard)

    async def close(self) -> None:
        """Wait for the background tasks that record uses."""
        await asyncio.gather(*self._recording)

    # `statement` is a function, since building the statement takes longer than everything else on a cache hit.
    async def _get(self, cache_key: str | UUID, statement: Callable[[], ReadStatement]) -> CachedKey | None:
        version, now = self._notices.version("api_keys"), self._clock()
        entry = self._entries.get(cache_key)
        if entry is not None and version is not None and version == entry.version and now < entry.valid_until:
            cached = entry.cached
        else:
            key = await self._database.row(statement())
            if key is None:
                return None
            cached = CachedKey(key, caller_by_key(key))
            if version is not None:
                self._entries[cache_key] = _Entry(cached, version, now + MAX_AGE_S)
        expires_at = cached.caller.expires_at
        if expires_at is not None and expires_at <= datetime.now(UTC):
            return None
        self.record_use(cached.key.id)
        return cached

    async def _record_use(self, id: UUID) -> None:
        try:
            async with self._database.transaction() as session:
                await db.api_keys.record_use(session, id=id)
        # All errors are caught: the last use of a key is only informative, so the request must not fail.
        except Exception as error:
            log.warning("Cannot record the use of an API key", reason=str(error))
