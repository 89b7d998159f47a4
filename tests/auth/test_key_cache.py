import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncSession

import db.api_keys
import graph.auth.key_cache
from db.engine.database import AnyRow, Database
from db.engine.notices import Notices
from graph.auth.key_cache import MAX_AGE_S, KeyCache
from graph.embedded.servers import EmbeddedServers
from graph.web.app import application
from tests.fixtures.api import API_KEY, WAIT_S, new_name


class CountingDatabase(Database):
    """A database that counts its queries for one row."""

    query_count = 0

    async def row(self, statement: Executable) -> AnyRow | None:
        self.query_count += 1
        return await super().row(statement)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[CountingDatabase]:
    database = CountingDatabase(database_url)
    yield database
    await database.close()


@pytest.fixture
async def notices(database_url: str) -> AsyncIterator[Notices]:
    notices = Notices(database_url)
    async with notices.listening(), notices.subscribe("api_keys") as listening:
        await asyncio.wait_for(listening.wait(), WAIT_S)
        yield notices


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(database: CountingDatabase, notices: Notices, clock: Clock) -> AsyncIterator[KeyCache]:
    keys = KeyCache(database, notices, clock=clock)
    yield keys
    await keys.close()


async def new_key(database: Database, **given: Any) -> tuple[UUID, str]:
    async with database.transaction() as session:
        return await db.api_keys.create(session, name=new_name(), role="READER", **given)


async def change_key(database: Database, notices: Notices, id: UUID, change: str) -> None:
    """Change a key in the database, and wait until the notice has arrived."""
    async with notices.subscribe("api_keys", id) as noticed:
        async with database.transaction() as session:
            await session.execute(text(change).bindparams(id=id))
        await asyncio.wait_for(noticed.wait(), WAIT_S)


async def test_cached_key_causes_no_query(keys: KeyCache, database: CountingDatabase) -> None:
    id, secret = await new_key(database)

    found = [await keys.by_secret(secret) for _ in range(3)] + [await keys.by_id(id) for _ in range(3)]

    assert [cached.key.id for cached in found if cached] == [id] * 6
    assert database.query_count == 2


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ("update api_keys set revoked_at = now() where id = :id", None),
        ("update api_keys set expires_at = now() where id = :id", None),
        ("delete from api_keys where id = :id", None),
        ("update api_keys set role = 'ADMIN' where id = :id", "ADMIN"),
    ],
)
async def test_change_of_a_key_invalidates_its_cache_entry(
    keys: KeyCache, database: CountingDatabase, notices: Notices, change: str, role: str | None
) -> None:
    id, secret = await new_key(database)
    before = await keys.by_secret(secret)

    await change_key(database, notices, id, change)

    after = await keys.by_secret(secret)
    assert before is not None
    assert (after and after.caller.role) == role


async def test_key_revoked_during_its_query_is_not_cached(database_url: str, notices: Notices) -> None:
    class Slow(Database):
        """A database whose result arrives after the notice of a change that makes it outdated."""

        async def row(self, statement: Executable) -> AnyRow | None:
            found = await super().row(statement)
            if found:
                await change_key(self, notices, found.id, "update api_keys set revoked_at = now() where id = :id")
            return found

    slow = Slow(database_url)
    keys = KeyCache(slow, notices)
    _, secret = await new_key(slow)

    during, after = await keys.by_secret(secret), await keys.by_secret(secret)

    assert during is not None
    assert after is None
    await keys.close()
    await slow.close()


async def test_cache_is_not_used_without_a_listen_connection(database: CountingDatabase, database_url: str) -> None:
    notices = Notices(database_url)
    keys = KeyCache(database, notices)
    _, secret = await new_key(database)
    async with notices.listening(), notices.subscribe("api_keys") as listening:
        await asyncio.wait_for(listening.wait(), WAIT_S)
        await keys.by_secret(secret)
        await keys.by_secret(secret)
    queries_while_listening = database.query_count

    await keys.by_secret(secret)
    await keys.by_secret(secret)

    assert (queries_while_listening, database.query_count) == (1, 3)
    await keys.close()


async def test_lost_listen_connection_invalidates_the_cache(
    keys: KeyCache, database: CountingDatabase, notices: Notices
) -> None:
    _, secret = await new_key(database)
    await keys.by_secret(secret)

    async with notices.subscribe("api_keys") as reconnected:
        async with database.transaction() as session:
            await session.execute(
                text("""
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and query ilike 'LISTEN%' and pid <> pg_backend_pid()
                """)
            )
        async with asyncio.timeout(WAIT_S):
            await reconnected.wait()
    await keys.by_secret(secret)

    assert database.query_count == 2


async def test_cache_entry_expires_after_its_maximum_age(
    keys: KeyCache, database: CountingDatabase, clock: Clock
) -> None:
    _, secret = await new_key(database)
    await keys.by_secret(secret)
    clock.now = MAX_AGE_S - 1
    await keys.by_secret(secret)
    queries_within = database.query_count

    clock.now = MAX_AGE_S
    await keys.by_secret(secret)

    assert (queries_within, database.query_count) == (1, 2)


async def test_cached_key_is_rejected_once_it_has_expired(
    keys: KeyCache, database: CountingDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    _, secret = await new_key(database, expires_at=expires_at)
    before = await keys.by_secret(secret)

    monkeypatch.setattr(graph.auth.key_cache, "datetime", SimpleNamespace(now=lambda _: expires_at))

    assert before is not None
    assert await keys.by_secret(secret) is None
    assert database.query_count == 1


async def test_unknown_key_is_not_cached(keys: KeyCache, database: CountingDatabase) -> None:
    secret = db.api_keys.new_secret()

    found = [await keys.by_secret(secret) for _ in range(3)]

    assert (found, database.query_count) == ([None] * 3, 3)


async def test_use_is_recorded_at_most_once_a_minute(
    database: CountingDatabase, notices: Notices, clock: Clock
) -> None:
    keys = KeyCache(database, notices, clock=clock)
    id, secret = await new_key(database)
    last_used = db.api_keys.api_key_by_id(id)
    recorded: list[Any] = []
    for clock.now in (0, MAX_AGE_S - 1, MAX_AGE_S):
        await keys.by_secret(secret)
        await keys.close()
        key = await database.row(last_used)
        recorded.append(key and key.last_used_at)

    first, within, later = recorded

    assert None not in recorded
    assert first == within
    assert later > first


async def test_failure_to_record_the_use_does_not_fail_the_request(
    keys: KeyCache, database: CountingDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(session: AsyncSession, *, id: UUID) -> None:
        raise ConnectionResetError("the database went away")

    _, secret = await new_key(database)
    monkeypatch.setattr(db.api_keys, "record_use", fails)

    with structlog.testing.capture_logs() as logs:
        found = await keys.by_secret(secret)
        await keys.close()

    assert found is not None
    assert [line["event"] for line in logs] == ["Cannot record the use of an API key"]


async def test_key_revoked_by_one_process_is_rejected_by_another(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the notice of the revocation ends the cache entry of the other process.
    monkeypatch.setattr(graph.auth.key_cache, "MAX_AGE_S", 3600)
    apps = [
        application(
            database_url=database_url,
            object_store=servers.object_store,
            bootstrap_api_key=API_KEY,
            embedded=True,
        )
        for _ in range(2)
    ]
    async with AsyncExitStack() as stack:
        clients = []
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
            clients.append(await stack.enter_async_context(client))

        async def post(client: httpx.AsyncClient, key: str, document: str) -> httpx.Response:
            return await client.post("/graphql", json={"query": document}, headers={"x-api-key": key})

        create = 'mutation { createApiKey(input: {name: "both", role: READER}) { secret apiKey { id } } }'
        key = (await post(clients[0], API_KEY, create)).json()["data"]["createApiKey"]
        before = [await post(client, key["secret"], "{ getCaller { name } }") for client in clients * 2]

        await post(clients[0], API_KEY, f'mutation {{ revokeApiKey(input: {{id: "{key["apiKey"]["id"]}"}}) {{ id }} }}')
        here = await post(clients[0], key["secret"], "{ getCaller { name } }")
        async with asyncio.timeout(WAIT_S):
            while (await post(clients[1], key["secret"], "{ getCaller { name } }")).status_code == 200:
                pass

    assert [response.status_code for response in before] == [200] * 4
    assert here.status_code == 401
