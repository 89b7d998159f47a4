"""Row-level security, behind the filters of statements: the rows that Postgres shows to a scoped caller."""

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

# The tables on which the roles of scoped callers have no privilege.
HIDDEN_TABLES = {
    *("access_keys", "api_keys", "audit_entries", "import_checkpoints", "signing_keys"),
    *("imported_parks", "replaced_readings"),
}
VISIBLE_TABLES = sorted(SQLModel.metadata.tables.keys() - HIDDEN_TABLES)
WRITABLE_TABLES = {
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
# The role and the scope of a connection.
ROLE_AND_SCOPE = text("""
    select current_user = session_user as is_itself,
           coalesce(current_setting('vpp.vpp_ids', true), '') as vpp_ids,
           coalesce(current_setting('vpp.site_ids', true), '') as site_ids
""")
UNRESTRICTED_ROLE = (True, "", "")


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


@pytest.mark.parametrize("table", VISIBLE_TABLES)
async def test_a_visible_table_has_row_level_security_and_a_policy_for_each_granted_privilege(
    database: Database, table: str
) -> None:
    secured = select(text("relrowsecurity from pg_class where oid = cast(:table as regclass)"))
    changes = WRITABLE_TABLES.get(table, set())

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


async def test_scoped_roles_have_no_other_privileges(database: Database) -> None:
    granted = {
        row.table_name for role in (READER, OPERATOR) for row in await database.rows(GRANTED.bindparams(role=role))
    }

    assert granted == {*VISIBLE_TABLES, "events"}


async def test_scoped_roles_have_no_role_attributes(database: Database) -> None:
    rows = await database.rows(ATTRIBUTES.bindparams(reader=READER, operator=OPERATOR))

    assert [tuple(row)[1:] for row in rows] == [(False, False, False, False, False)] * 2


@pytest.mark.parametrize("role", [READER, OPERATOR])
@pytest.mark.parametrize("table", [*VISIBLE_TABLES, "events"])
async def test_a_scoped_role_without_ids_sees_no_row(
    database: Database, vpp_ids: tuple[UUID, UUID], table: str, role: str
) -> None:
    async with database.transaction() as session:
        await session.execute(text(f"set local role {role}"))
        count = await session.scalar(count_of(table))

    assert count == 0


@pytest.mark.parametrize("scope", [Scope(vpp_ids=frozenset()), Scope(site_ids=frozenset())])
async def test_a_scope_of_no_vpps_or_no_sites_sees_no_row(
    database: Database, vpp_ids: tuple[UUID, UUID], scope: Scope
) -> None:
    scoped = database.scoped_to(scope)

    counts = [await scoped.row(count_of(table)) for table in VISIBLE_TABLES]

    assert counts == [(0,)] * len(VISIBLE_TABLES)


async def test_a_scoped_reader_cannot_change_visible_rows(database: Database, vpp_ids: tuple[UUID, UUID]) -> None:
    scoped = database.scoped_to(Scope(vpp_ids=frozenset(vpp_ids[:1])))

    with pytest.raises(DBAPIError, match="permission denied for table vpps"):
        async with scoped.transaction() as session:
            await session.execute(text("update vpps set name = 'Another'"))


async def test_a_scoped_operator_cannot_insert_rows_outside_its_scope(
    database: Database, vpp_ids: tuple[UUID, UUID]
) -> None:
    own, other = vpp_ids
    site = (await database.rows(sites_of(own)))[0]
    scoped = database.scoped_to(Scope(vpp_ids=frozenset([own]), may_change=True))
    move = text("insert into memberships (site_id, vpp_id, effective) values (:site, :vpp, '[2030-01-01,)')")

    async with scoped.transaction() as session:
        await session.execute(text("delete from memberships"))
        with pytest.raises(DBAPIError, match="violates row-level security policy"):
            await session.execute(move, {"site": site.id, "vpp": other})
        await session.rollback()


async def test_as_database_owner_lifts_the_restrictions_only_within_its_block(
    database: Database, vpp_ids: tuple[UUID, UUID]
) -> None:
    scoped = database.scoped_to(Scope(vpp_ids=frozenset(vpp_ids[:1]), may_change=True))
    count = select(col(Vpp.id)).where(col(Vpp.id).in_(vpp_ids))

    async with scoped.transaction() as session:
        before = len((await session.execute(count)).all())
        async with as_database_owner(session):
            inside = len((await session.execute(count)).all())
        after = len((await session.execute(count)).all())

    assert (before, inside, after) == (1, 2, 1)


async def test_none_of_a_thousand_concurrent_requests_sees_rows_of_another_scope(
    database_url: str, vpp_ids: tuple[UUID, UUID]
) -> None:
    pool = Database(database_url, pool_size=2)
    expected = {vpp_id: {row.id for row in await pool.rows(sites_of(vpp_id))} for vpp_id in vpp_ids}
    generator = random.Random(7)
    seen: list[tuple[UUID, set[UUID]]] = []

    async def request(vpp_id: UUID) -> None:
        scoped = pool.scoped_to(Scope(vpp_ids=frozenset([vpp_id])))
        # A statement without the filter of the scope.
        seen.append((vpp_id, {row.id for row in await scoped.rows(text("select id from sites"))}))

    async def cancelled_request(vpp_id: UUID) -> None:
        task = asyncio.create_task(request(vpp_id))
        for _ in range(generator.randrange(12)):
            await asyncio.sleep(0)  # Let the task and the others run a few steps.
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    await asyncio.gather(
        *((cancelled_request if generator.random() < 0.3 else request)(generator.choice(vpp_ids)) for _ in range(1000))
    )
    roles_afterwards = [await pool.row(ROLE_AND_SCOPE) for _ in range(10)]
    await pool.close()

    assert len(seen) >= 600
    assert all(ids == expected[vpp_id] for vpp_id, ids in seen)
    assert roles_afterwards == [UNRESTRICTED_ROLE] * 10


async def test_an_error_leaves_no_role_or_scope_on_the_connection(
    database_url: str, vpp_ids: tuple[UUID, UUID]
) -> None:
    pool = Database(database_url, pool_size=1)
    scoped = pool.scoped_to(Scope(vpp_ids=frozenset(vpp_ids), site_ids=frozenset(vpp_ids)))

    with pytest.raises(DBAPIError):
        await scoped.rows(text("select 1 / 0"))
    after_a_statement = await pool.row(ROLE_AND_SCOPE)
    with pytest.raises(DBAPIError):
        async with scoped.transaction() as session, as_database_owner(session):
            await session.execute(text("select 1 / 0"))
    after_a_transaction = await pool.row(ROLE_AND_SCOPE)
    await pool.close()

    assert (after_a_statement, after_a_transaction) == (UNRESTRICTED_ROLE, UNRESTRICTED_ROLE)


async def test_the_owner_of_the_database_need_not_be_a_superuser(servers: EmbeddedServers, template: str) -> None:
    name, password = f"owner_{uuid4().hex}", uuid4().hex
    await execute(servers, f"create role {name} login password '{password}'")
    # The roles exist already: another owner created them for another database.
    await execute(servers, f"grant {READER}, {OPERATOR} to {name} with inherit false")
    await execute(servers, f"create database {name} owner {name}")
    url = url_of(servers, name)
    own_url = url.replace(urlsplit(url).netloc.split("@")[0], f"{name}:{password}")

    await asyncio.to_thread(db.migrations.upgrade, own_url)
    owned = Database(own_url)
    own, other = [await vpp_with_sites(owned, sites=1) for _ in range(2)]
    all_vpps = await owned.rows(select(col(Vpp.id)))
    seen = await owned.scoped_to(Scope(vpp_ids=frozenset([own]))).rows(select(col(Vpp.id)))
    await owned.close()
    await execute(servers, f"drop database {name}")

    assert {row.id for row in all_vpps} == {own, other}
    assert [row.id for row in seen] == [own]
