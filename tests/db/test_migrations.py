import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

import db.migrations
from graph.embedded.servers import EmbeddedServers

OBJECTS = """
    select format('%s %s', relkind, relname) from pg_class
    where relnamespace = 'public'::regnamespace and relname <> 'alembic_version' and relname <> 'alembic_version_pkc'
    union all
    select format('function %s', proname) from pg_proc
    where pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
    union all
    select format('type %s', typname) from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'
"""


@pytest.fixture
async def url(servers: EmbeddedServers) -> AsyncIterator[str]:
    """The URL of an empty database."""
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("create database migrated template template0")
    yield f"{servers.database_url.rsplit('/', 1)[0]}/migrated"
    await connection.execute("drop database migrated with (force)")
    await connection.close()


async def objects(url: str) -> set[str]:
    """Return the relations, functions and types in a database, except those of extensions and Alembic."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(OBJECTS)
    await connection.close()
    return {row[0] for row in rows}


async def test_upgrade_downgrade_and_upgrade_again_give_the_same_objects(url: str) -> None:
    await asyncio.to_thread(db.migrations.upgrade, url)
    up = await objects(url)

    await asyncio.to_thread(command.downgrade, db.migrations.config(url), "base")
    down = await objects(url)
    await asyncio.to_thread(db.migrations.upgrade, url)

    assert {"r vpps", "v events", "function notice_change"} <= up
    assert down == set()
    assert await objects(url) == up


async def test_the_migrated_tables_match_the_models(url: str) -> None:
    await asyncio.to_thread(db.migrations.upgrade, url)

    # Raises an error that names the difference if a migration is missing.
    await asyncio.to_thread(command.check, db.migrations.config(url))


async def test_two_concurrent_upgrades_wait_for_each_other(url: str) -> None:
    upgrade = "import sys, db.migrations; db.migrations.upgrade(sys.argv[1])"
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", upgrade, url) for _ in range(2)]

    assert [await process.wait() for process in processes] == [0, 0]
    assert "r vpps" in await objects(url)


def test_migrations_are_numbered_without_gaps_or_branches() -> None:
    script = ScriptDirectory.from_config(db.migrations.config(""))

    numbers = [revision.revision for revision in script.walk_revisions()][::-1]

    assert numbers == [f"{number + 1:04}" for number in range(len(numbers))]
    assert [Path(path).name[:4] for path in sorted(map(str, Path(script.versions).glob("*.py")))] == numbers
    assert db.migrations.latest_revision() == numbers[-1]
