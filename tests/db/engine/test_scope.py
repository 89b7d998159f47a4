"""Row-level security, the second lock: what Postgres itself lets a held caller see."""

import asyncio
import random
from contextlib import suppress
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel, col

import db.migrations
import db.sites
import db.vpps
from db.engine.database import Database, ReadStatement
from db.engine.scope import OPERATOR, READER, UNRESTRICTED, Scope, as_database_owner
from db.vpps import Terms, Vpp
from graph.embedded.servers import EmbeddedServers
from tests.conftest import execute, url_of
from tests.fixtures.api import new_name, new_nmi

# What a held caller has no business with.
KEPT_FROM_ALL = {
    *("access_keys", "api_keys", "audit_entries", "import_checkpoints", "signing_keys"),
    *("imported_parks", "replaced_readings"),
}
SEEN_BY_SOME = sorted(SQLModel.metadata.tables.keys() - KEPT_FROM_ALL)
CHANGED_BY_SOME = {
    "vpps": {"UPDATE", "DELETE"},
    "price_schedules": {"INSERT", "DELETE"},
    "sites": {"UPDATE", "DELETE"},
    "memberships": {"INSERT", "DELETE"},
    "batteries": {"INSERT", "UPDATE", "DELETE"},
    "battery_capacities": {"INSERT", "DELETE"},
    "imports": {"INSERT", "UPDATE"},
}
GRANTED = text("""
    select table_name, privilege_type
    from information_schema.role_table_grants
    where grantee = :role and table_schema = current_schema()
""")
POLICIES = text("select tablename, cmd from pg_policies where :role = any (roles)")
ATTRIBUTES = text("""
    select rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolinherit
    from pg_roles
    where rolname in (:reader, :operator)
""")
# Who a connection is, and what is left of whom it was.
WHO = text("""
    select current_user = session_user as is_itself,
           coalesce(current_setting('vpp.vpp_ids', true), '') as vpp_ids,
           coalesce(current_setting('vpp.site_ids', true), '') as site_ids
""")
ITSELF = (True, "", "")


async def vpp_with_sites(database: Database, *, sites: int) -> UUID:
    async with database.transaction() as session:
        vpp_id = await db.vpps.create(session, id=None, name=new_name(), terms=Terms(Decimal(20), Decimal(0)))
        for _ in range(sites):
            await db.sites.create(session, id=None, vpp_id=vpp_id, nmi=new_nmi(), address="1 King St")
    return vpp_id


def count_of(table: str) -> ReadStatement:
    return select(func.count()).select_from(text(table))


def sites_of(vpp_id: UUID) -> ReadStatement:
    return db.sites.sites_of_vpps(UNRESTRICTED, [vpp_id], date(2025, 9, 1))


@pytest_asyncio.fixture(scope="module")
async def vpp_ids(database: Database) -> tuple[UUID, UUID]:
    return await vpp_with_sites(database, sites=3), await vpp_with_sites(database, sites=3)


@pytest.mark.parametrize("table", SEEN_BY_SOME)
async def test_a_held_callers_table_has_row_level_security_and_a_policy_for_all_that_is_granted(
    database: Database, table: str
) -> None:
    secured = select(text("relrowsecurity from pg_class where oid = cast(:table as regclass)"))
    changes = CHANGED_BY_SOME.get(table, set())

    is_secured = await database.row(secured.params(table=table))
    granted = {
        role: {row.privilege_type for row in await database.rows(GRANTED.bindparams(role=role)) if row[0] == table}
        for role in (READER, OPERATOR)
    }
    policies = {
        role: {row.cmd for row in await database.rows(POLICIES.bindparams(role=role)) if row.tablename == table}
        for role in (READER, OPERATOR)
    }

    assert is_secured == (True,)
    assert granted == {READER: {"SELECT"}, OPERATOR: {"SELECT"} | changes}
    assert policies == granted


async def test_nothing_else_is_granted_to_held_callers(database: Database) -> None:
    granted = {
        row.table_name for role in (READER, OPERATOR) for row in await database.rows(GRANTED.bindparams(role=role))
    }

    assert granted == {*SEEN_BY_SOME, "events"}


async def test_the_roles_of_held_callers_can_do_nothing_else(database: Database) -> None:
    rows = await database.rows(ATTRIBUTES.bindparams(reader=READER, operator=OPERATOR))

    assert [tuple(row)[1:] for row in rows] == [(False, False, False, False, False)] * 2


@pytest.mark.parametrize("role", [READER, OPERATOR])
@pytest.mark.parametrize("table", [*SEEN_BY_SOME, "events"])
async def test_whoever_is_held_to_nothing_yet_sees_no_row(
    database: Database, vpp_ids: tuple[UUID, UUID], table: str, role: str
) -> None:
    async with database.transaction() as session:
        await session.execute(text(f"set local role {role}"))
        count = await session.scalar(count_of(table))

    assert count == 0


@pytest.mark.parametrize("scope", [Scope(vpp_ids=frozenset()), Scope(site_ids=frozenset())])
async def test_whoever_is_held_to_no_vpp_and_no_site_sees_none(
    database: Database, vpp_ids: tuple[UUID, UUID], scope: Scope
) -> None:
    held = database.scoped_to(scope)

    counts = [await held.row(count_of(table)) for table in SEEN_BY_SOME]

    assert counts == [(0,)] * len(SEEN_BY_SOME)


async def test_a_held_reader_cannot_change_what_it_sees(database: Database, vpp_ids: tuple[UUID, UUID]) -> None:
    held = database.scoped_to(Scope(vpp_ids=frozenset(vpp_ids[:1])))

    with pytest.raises(DBAPIError, match="permission denied for table vpps"):
        async with held.transaction() as session:
            await session.execute(text("update vpps set name = 'Another'"))


async def test_a_held_operator_cannot_make_what_it_would_not_see(
    database: Database, vpp_ids: tuple[UUID, UUID]
) -> None:
    ours, theirs = vpp_ids
    site = (await database.rows(sites_of(ours)))[0]
    held = database.scoped_to(Scope(vpp_ids=frozenset([ours]), may_change=True))
    move = text("insert into memberships (site_id, vpp_id, effective) values (:site, :vpp, '[2030-01-01,)')")

    async with held.transaction() as session:
        await session.execute(text("delete from memberships"))
        with pytest.raises(DBAPIError, match="violates row-level security policy"):
            await session.execute(move, {"site": site.id, "vpp": theirs})
        await session.rollback()


async def test_what_follows_from_a_change_is_done_as_ourselves_and_no_more_than_that(
    database: Database, vpp_ids: tuple[UUID, UUID]
) -> None:
    held = database.scoped_to(Scope(vpp_ids=frozenset(vpp_ids[:1]), may_change=True))
    count = select(col(Vpp.id)).where(col(Vpp.id).in_(vpp_ids))

    async with held.transaction() as session:
        before = len((await session.execute(count)).all())
        async with as_database_owner(session):
            meanwhile = len((await session.execute(count)).all())
        after = len((await session.execute(count)).all())

    assert (before, meanwhile, after) == (1, 2, 1)


async def test_of_a_thousand_requests_at_once_none_sees_what_is_anothers(
    database_url: str, vpp_ids: tuple[UUID, UUID]
) -> None:
    pool = Database(database_url, pool_size=2)
    theirs = {vpp_id: {row.id for row in await pool.rows(sites_of(vpp_id))} for vpp_id in vpp_ids}
    chance = random.Random(7)
    seen: list[tuple[UUID, set[UUID]]] = []

    async def request(vpp_id: UUID) -> None:
        held = pool.scoped_to(Scope(vpp_ids=frozenset([vpp_id])))
        # As if its filter had been forgotten.
        seen.append((vpp_id, {row.id for row in await held.rows(text("select id from sites"))}))

    async def broken_off(vpp_id: UUID) -> None:
        task = asyncio.create_task(request(vpp_id))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)  # A turn for the others, and for itself to get somewhere.
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    await asyncio.gather(
        *((broken_off if chance.random() < 0.3 else request)(chance.choice(vpp_ids)) for _ in range(1000))
    )
    left = [await pool.row(WHO) for _ in range(10)]
    await pool.close()

    assert len(seen) >= 600
    assert all(ids == theirs[vpp_id] for vpp_id, ids in seen)
    assert left == [ITSELF] * 10


async def test_a_connection_comes_back_as_itself_whatever_went_wrong(
    database_url: str, vpp_ids: tuple[UUID, UUID]
) -> None:
    pool = Database(database_url, pool_size=1)
    held = pool.scoped_to(Scope(vpp_ids=frozenset(vpp_ids), site_ids=frozenset(vpp_ids)))

    with pytest.raises(DBAPIError):
        await held.rows(text("select 1 / 0"))
    after_an_error = await pool.row(WHO)
    with pytest.raises(DBAPIError):
        async with held.transaction() as session, as_database_owner(session):
            await session.execute(text("select 1 / 0"))
    after_a_transaction = await pool.row(WHO)
    await pool.close()

    assert (after_an_error, after_a_transaction) == (ITSELF, ITSELF)


async def test_whoever_owns_the_database_need_not_be_a_superuser(servers: EmbeddedServers, template: str) -> None:
    name, password = f"owner_{uuid4().hex}", uuid4().hex
    await execute(servers, f"create role {name} login password '{password}'")
    # The roles are there already, made for another database by another owner.
    await execute(servers, f"grant {READER}, {OPERATOR} to {name} with inherit false")
    await execute(servers, f"create database {name} owner {name}")
    url = url_of(servers, name)
    own_url = url.replace(urlsplit(url).netloc.split("@")[0], f"{name}:{password}")

    await asyncio.to_thread(db.migrations.upgrade, own_url)
    owned = Database(own_url)
    ours, theirs = [await vpp_with_sites(owned, sites=1) for _ in range(2)]
    everyone = await owned.rows(select(col(Vpp.id)))
    seen = await owned.scoped_to(Scope(vpp_ids=frozenset([ours]))).rows(select(col(Vpp.id)))
    await owned.close()
    await execute(servers, f"drop database {name}")

    assert {row.id for row in everyone} == {ours, theirs}
    assert [row.id for row in seen] == [ours]
