import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncSession

import db.api_keys
from db.engine.database import AnyRow, Database
from db.engine.notices import Notices
from graph.auth.key_cache import MAX_AGE_S, KeyCache
from graph.embedded.servers import EmbeddedServers
from graph.web.app import application
from tests.fixtures.api import API_KEY, WAIT_S, new_name


class Counting(Database):
    """A database that counts how often it is asked."""

    asked = 0

    async def row(self, statement: Executable) -> AnyRow | None:
        self.asked += 1
        return await super().row(statement)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def counting(database_url: str) -> AsyncIterator[Counting]:
    database = Counting(database_url)
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
async def keys(counting: Counting, notices: Notices, clock: Clock) -> AsyncIterator[KeyCache]:
    keys = KeyCache(counting, notices, clock=clock)
    yield keys
    await keys.close()


async def new_key(database: Database, **given: Any) -> tuple[UUID, str]:
    async with database.transaction() as session:
        return await db.api_keys.create(session, name=new_name(), role="READER", **given)


async def changed(database: Database, notices: Notices, id: UUID, change: str) -> None:
    """Change a key behind the back of what knows it, and wait until that was heard."""
    async with notices.subscribe("api_keys", id) as heard:
        async with database.transaction() as session:
            await session.execute(text(change).bindparams(id=id))
        await asyncio.wait_for(heard.wait(), WAIT_S)


async def test_a_key_that_is_known_is_not_looked_up_again(keys: KeyCache, counting: Counting) -> None:
    id, secret = await new_key(counting)

    found = [await keys.by_secret(secret) for _ in range(3)] + [await keys.by_id(id) for _ in range(3)]

    assert [known.key.id for known in found if known] == [id] * 6
    assert counting.asked == 2


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ("update api_keys set revoked_at = now() where id = :id", None),
        ("update api_keys set expires_at = now() where id = :id", None),
        ("delete from api_keys where id = :id", None),
        ("update api_keys set role = 'ADMIN' where id = :id", "ADMIN"),
    ],
)
async def test_a_key_is_forgotten_when_it_changes(
    keys: KeyCache, counting: Counting, notices: Notices, change: str, role: str | None
) -> None:
    id, secret = await new_key(counting)
    before = await keys.by_secret(secret)

    await changed(counting, notices, id, change)

    after = await keys.by_secret(secret)
    assert before is not None
    assert (after and after.caller.role) == role


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered(
    database_url: str, notices: Notices
) -> None:
    class Slow(Database):
        """A database whose answer arrives after the notice that makes it untrue."""

        async def row(self, statement: Executable) -> AnyRow | None:
            found = await super().row(statement)
            if found:
                await changed(self, notices, found.id, "update api_keys set revoked_at = now() where id = :id")
            return found

    slow = Slow(database_url)
    keys = KeyCache(slow, notices)
    _, secret = await new_key(slow)

    during, after = await keys.by_secret(secret), await keys.by_secret(secret)

    assert during is not None
    assert after is None
    await keys.close()
    await slow.close()


async def test_nothing_is_known_while_nobody_listens(counting: Counting, database_url: str) -> None:
    notices = Notices(database_url)
    keys = KeyCache(counting, notices)
    _, secret = await new_key(counting)
    async with notices.listening(), notices.subscribe("api_keys") as listening:
        await asyncio.wait_for(listening.wait(), WAIT_S)
        await keys.by_secret(secret)
        await keys.by_secret(secret)
    asked_while_listening = counting.asked

    await keys.by_secret(secret)
    await keys.by_secret(secret)

    assert (asked_while_listening, counting.asked) == (1, 3)
    await keys.close()


async def test_a_lost_connection_is_known_to_be_lost_and_what_was_known_is_forgotten(
    keys: KeyCache, counting: Counting, notices: Notices
) -> None:
    _, secret = await new_key(counting)
    await keys.by_secret(secret)

    async with notices.subscribe("api_keys") as listening_again:
        async with counting.transaction() as session:
            await session.execute(
                text("""
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and query ilike 'LISTEN%' and pid <> pg_backend_pid()
                """)
            )
        async with asyncio.timeout(WAIT_S):
            await listening_again.wait()
    await keys.by_secret(secret)

    assert counting.asked == 2


async def test_nothing_is_known_for_more_than_a_minute(keys: KeyCache, counting: Counting, clock: Clock) -> None:
    _, secret = await new_key(counting)
    await keys.by_secret(secret)
    clock.now = MAX_AGE_S - 1
    await keys.by_secret(secret)
    asked_within = counting.asked

    clock.now = MAX_AGE_S
    await keys.by_secret(secret)

    assert (asked_within, counting.asked) == (1, 2)


async def test_a_known_key_is_over_when_it_expires(keys: KeyCache, counting: Counting) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=1)
    _, secret = await new_key(counting, expires_at=expires_at)
    before = await keys.by_secret(secret)

    while datetime.now(UTC) < expires_at:
        await keys.by_secret(secret)

    assert before is not None
    assert await keys.by_secret(secret) is None
    assert counting.asked == 1


async def test_a_key_that_is_not_there_is_looked_up_each_time(keys: KeyCache, counting: Counting) -> None:
    secret = db.api_keys.new_secret()

    found = [await keys.by_secret(secret) for _ in range(3)]

    assert (found, counting.asked) == ([None] * 3, 3)


async def test_a_use_is_noted_once_a_minute(counting: Counting, notices: Notices, clock: Clock) -> None:
    keys = KeyCache(counting, notices, clock=clock)
    id, secret = await new_key(counting)
    last_used = db.api_keys.api_key_by_id(id)
    noted: list[Any] = []
    for clock.now in (0, MAX_AGE_S - 1, MAX_AGE_S):
        await keys.by_secret(secret)
        await keys.close()
        key = await counting.row(last_used)
        noted.append(key and key.last_used_at)

    first, within, later = noted

    assert None not in noted
    assert first == within
    assert later > first


async def test_a_use_that_cannot_be_noted_fails_nothing(
    keys: KeyCache, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(session: AsyncSession, *, id: UUID) -> None:
        raise ConnectionResetError("the database went away")

    _, secret = await new_key(counting)
    monkeypatch.setattr(db.api_keys, "record_use", fails)

    with structlog.testing.capture_logs() as logs:
        found = await keys.by_secret(secret)
        await keys.close()

    assert found is not None
    assert [line["event"] for line in logs] == ["Cannot record the use of an API key"]


async def test_a_key_revoked_in_one_process_is_closed_in_the_other(servers: EmbeddedServers, database_url: str) -> None:
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

        async def ask(client: httpx.AsyncClient, key: str, document: str) -> httpx.Response:
            return await client.post("/graphql", json={"query": document}, headers={"x-api-key": key})

        create = 'mutation { createApiKey(input: {name: "both", role: READER}) { secret apiKey { id } } }'
        key = (await ask(clients[0], API_KEY, create)).json()["data"]["createApiKey"]
        known = [await ask(client, key["secret"], "{ getCaller { name } }") for client in clients * 2]

        await ask(clients[0], API_KEY, f'mutation {{ revokeApiKey(input: {{id: "{key["apiKey"]["id"]}"}}) {{ id }} }}')
        here = await ask(clients[0], key["secret"], "{ getCaller { name } }")
        # The notice is on its way to the other. Far less than what a key is known for without one:
        async with asyncio.timeout(MAX_AGE_S / 10):
            while (await ask(clients[1], key["secret"], "{ getCaller { name } }")).status_code == 200:
                pass

    assert [answer.status_code for answer in known] == [200] * 4
    assert here.status_code == 401
