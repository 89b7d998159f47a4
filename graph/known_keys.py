"""API keys as a process knows them, so that one in use costs no round trip."""

import asyncio
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from uuid import UUID

import structlog
from cachetools import TTLCache

import db.api_keys
from db.engine import AnyRow, Database, Read
from db.notices import Notices

# Whatever notices do, nothing is known for longer.
KNOWN_FOR_S = 60.0
KNOWN_AT_MOST = 10_000
# A write for every request would cost more than the request.
NOTE_USE_EVERY_S = 60.0

log = structlog.get_logger()


class KnownKeys:
    """
    The good API keys. What was looked up counts until a notice tells that a key has changed, and only while we listen.

    A key that is not there is looked up each time: otherwise made-up ones would crowd out those in use.
    """

    def __init__(self, database: Database, notices: Notices, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._notices = notices
        # Each with what had been heard before it was looked up: a notice that came meanwhile may have been of it.
        self._known: TTLCache[bytes | UUID, tuple[Hashable, AnyRow]] = TTLCache(KNOWN_AT_MOST, KNOWN_FOR_S, clock)
        self._noted: TTLCache[UUID, None] = TTLCache(KNOWN_AT_MOST, NOTE_USE_EVERY_S, clock)
        self._noting: set[asyncio.Task[None]] = set()

    async def by_secret(self, secret: str) -> AnyRow | None:
        """Return the API key a secret belongs to, and note that it is in use; None unless it is good."""
        return await self._key(db.api_keys.secret_sha256(secret), lambda: db.api_keys.api_key_by_secret(secret))

    async def by_id(self, id: UUID) -> AnyRow | None:
        """Return the API key of an id, and note that it is in use; None unless it is good."""
        return await self._key(id, lambda: db.api_keys.api_key_by_id(id))

    def note_use(self, id: UUID) -> None:
        """Note that an API key is in use, beside the request, unless that was done within a minute."""
        if id not in self._noted:
            self._noted[id] = None
            noting = asyncio.create_task(self._note_use(id))
            self._noting.add(noting)
            noting.add_done_callback(self._noting.discard)

    async def close(self) -> None:
        """Wait until the uses are noted that are being noted."""
        await asyncio.gather(*self._noting)

    # A statement takes longer to make than all else that a known key does.
    async def _key(self, known_as: bytes | UUID, read: Callable[[], Read]) -> AnyRow | None:
        heard = self._notices.heard("api_keys")
        heard_before, key = self._known.get(known_as, (None, None))
        if heard is None or heard != heard_before:
            key = await self._database.row(read())
            if heard is not None and key is not None:
                self._known[known_as] = (heard, key)
        if key is None or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
            return None
        self.note_use(key.id)
        return key

    async def _note_use(self, id: UUID) -> None:
        try:
            async with self._database.transaction() as session:
                await db.api_keys.note_use(session, id=id)
        # No request is to fail for it, and none hears of it.
        except Exception as fault:
            log.warning("Cannot note that a key is in use", reason=str(fault))
