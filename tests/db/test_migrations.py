import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

import db.migrations
from graph.embedded.servers import EmbeddedServers
from tests.test_architecture import imported

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


# Everything that defines pgqueuer's tables: types, columns, constraints, indexes, triggers and functions.
QUEUE_SCHEMA = """
    select format('enum %s: %s', typname, string_agg(enumlabel, ', ' order by enumsortorder))
    from pg_type join pg_enum on enumtypid = pg_type.oid
    where typname like '%pgqueuer%'
    group by typname
    union all
    select format(
        'column %s.%s: %s not null: %s identity: %s default: %s',
        relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid)
    )
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attnum > 0
    left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
    where relname like '%pgqueuer%' and relkind = 'r'
    union all
    select format('table %s: persistence %s, options %s', relname, relpersistence, reloptions)
    from pg_class where relname like '%pgqueuer%' and relkind = 'r'
    union all
    select format('constraint %s: %s', conname, pg_get_constraintdef(oid))
    from pg_constraint where conrelid::regclass::text like '%pgqueuer%'
    union all
    select pg_get_indexdef(indexrelid) from pg_index where indrelid::regclass::text like '%pgqueuer%'
    union all
    select pg_get_triggerdef(oid) from pg_trigger where tgrelid::regclass::text like '%pgqueuer%'
    union all
    select pg_get_functiondef(oid) from pg_proc where proname like '%pgqueuer%'
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


async def test_names_are_composed_and_equal_ones_get_a_part_of_their_id(url: str) -> None:
    script = ScriptDirectory.from_config(db.migrations.config(url))
    (revision,) = [each for each in script.walk_revisions() if each.path.endswith("names_in_nfc.py")]
    before = str(revision.down_revision)
    ids = [f"0000000{number}-0000-0000-0000-000000000000" for number in range(1, 5)]
    names = ["Cafe\u0301", "Caf\u00e9", "Lie\u0301ge", "Sun"]
    connection = await asyncpg.connect(url)
    await asyncio.to_thread(command.upgrade, db.migrations.config(url), before)
    await connection.executemany("insert into vpps (id, name) values ($1, $2)", list(zip(ids, names, strict=True)))

    await asyncio.to_thread(command.upgrade, db.migrations.config(url), revision.revision)

    stored = [row["name"] for row in await connection.fetch("select name from vpps order by id")]
    await connection.close()
    assert stored == ["Caf\u00e9 (00000001)", "Caf\u00e9", "Li\u00e9ge", "Sun"]


async def queue_schema(connection: asyncpg.Connection) -> set[str]:
    return {row[0] for row in await connection.fetch(QUEUE_SCHEMA)}


async def test_the_migrated_queue_has_the_schema_of_the_installed_pgqueuer(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(QueryBuilderEnvironment().build_install_query())
    expected = await queue_schema(connection)
    await connection.execute(QueryBuilderEnvironment().build_uninstall_query())

    await asyncio.to_thread(db.migrations.upgrade, url)
    migrated = await queue_schema(connection)
    await connection.close()

    assert len(expected) > 50
    assert migrated == expected


def test_migrations_import_only_alembic_and_sqlalchemy() -> None:
    versions = Path(ScriptDirectory.from_config(db.migrations.config("")).versions)

    assert {
        (path.name, module)
        for path in versions.glob("*.py")
        for module in imported(path)
        if module.split(".")[0] not in ("alembic", "sqlalchemy")
    } == set()


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
