import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.batteries
import db.import_runs
import db.imports
import db.sites
import db.vpps
from db.audit_entries import AuditEntry, Author, Kind, audited
from db.engine.database import Database
from db.engine.scope import OPERATOR, READER
from db.imports import Status
from db.vpps import Terms
from tests.fixtures.api import new_name, new_nmi

OURSELVES = Author("COMMAND", "tests")
IS_ANY_BLOCKED = text("1 from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")
IMMUTABLE = "Rows of audit_entries cannot be changed or deleted."


async def created_vpp(database: Database) -> UUID:
    async with database.transaction() as session, audited(session, OURSELVES, "createVpp") as change:
        id = await db.vpps.create(session, id=None, name=new_name(), terms=Terms(Decimal(1), Decimal(2)))
        change.track_created(Kind.VPP, id)
    return id


async def rename(session: AsyncSession, id: UUID) -> None:
    async with audited(session, OURSELVES, "updateVpp") as change:
        await change.track(Kind.VPP, id)
        await db.vpps.update_vpp(session, id=id, name=new_name())


async def history(database: Database, object_id: UUID) -> list[tuple[Any, Any]]:
    """Return the old and new state of an object from each of its audit entries, oldest first."""
    read = select(col(AuditEntry.old), col(AuditEntry.new)).where(col(AuditEntry.object_id) == object_id)
    return [(row.old, row.new) for row in await database.rows(read.order_by(col(AuditEntry.at), col(AuditEntry.id)))]


async def execute(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def wait_until_blocked(database: Database, task: asyncio.Task[Any]) -> None:
    """Return once the task's statement waits for a lock of another transaction."""
    while await database.row(select(IS_ANY_BLOCKED)) is None:
        assert not task.done(), "The task did not wait for the lock."


@pytest.mark.parametrize("replication_role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entries set caller_name = 'nobody'",
        "update audit_entries set caller_name = 'nobody' where false",
        "delete from audit_entries",
        "truncate audit_entries",
        "insert into audit_entries select * from audit_entries on conflict (id) do update set caller_name = 'nobody'",
    ],
)
async def test_nobody_can_change_or_delete_entries(database: Database, statement: str, replication_role: str) -> None:
    id = await created_vpp(database)

    # The tests connect as a superuser. In the role `replica` only triggers that are enabled ALWAYS fire.
    with pytest.raises(DBAPIError, match=IMMUTABLE):
        await execute(database, f"set local session_replication_role = {replication_role}", statement)

    ((old, new),) = await history(database, id)
    assert (old, new["priceSchedules"][0]["revenuePercentage"]) == (None, 1)


async def test_the_owner_of_the_table_can_only_select_and_insert(database: Database) -> None:
    rows = await database.rows(
        text("""
            select grantee = relowner as is_owner, privilege_type
            from pg_class cross join lateral aclexplode(relacl)
            where pg_class.oid = 'audit_entries'::regclass
        """)
    )

    granted = {(row.is_owner, row.privilege_type) for row in rows}
    assert granted >= {(True, "SELECT"), (True, "INSERT")}
    assert granted & {(True, "UPDATE"), (True, "DELETE"), (True, "TRUNCATE")} == set()
    assert {is_owner for is_owner, _ in granted} == {True}


@pytest.mark.parametrize("role", [READER, OPERATOR])
@pytest.mark.parametrize("statement", ["select from audit_entries", "insert into audit_entries (id) values (null)"])
async def test_a_scoped_role_has_no_privilege_on_entries(database: Database, role: str, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied for table audit_entries"):
        await execute(database, f"set local role {role}", statement)


async def test_an_entry_is_rolled_back_with_its_change(database: Database) -> None:
    id = await created_vpp(database)
    before = await history(database, id)

    async with database.transaction() as session:
        await rename(session, id)
        await session.rollback()

    assert await history(database, id) == before


async def test_the_old_state_of_a_later_concurrent_change_is_the_result_of_the_earlier_one(
    database: Database,
) -> None:
    id = await created_vpp(database)

    async def rename_in_another_transaction() -> None:
        async with database.transaction() as session:
            await rename(session, id)

    async with database.transaction() as session:
        await rename(session, id)
        later = asyncio.create_task(rename_in_another_transaction())
        await wait_until_blocked(database, later)
    await later

    (_, created), (first_old, first_new), (second_old, second_new) = await history(database, id)
    assert first_old == created
    assert second_old == first_new
    assert len({entry["name"] for entry in (created, first_new, second_new)}) == 3


async def test_the_old_state_of_a_cancelled_import_includes_a_concurrent_claim(database: Database) -> None:
    async with database.transaction() as session:
        id = await db.imports.create(session, id=None, kind="BATTERY_EVENTS", file_name="a.csv", charge_tariff="COST")
        await db.imports.start(session, id=id, etag=str(id), bytes_total=10, max_bytes=10)

    async def cancel() -> None:
        async with database.transaction() as session, audited(session, OURSELVES, "cancelImport") as change:
            await change.track(Kind.IMPORT, id)
            await db.imports.cancel(session, id=id)

    async with database.transaction() as session:
        await db.import_runs.claim(session, id=id, idle_timeout_s=60)
        later = asyncio.create_task(cancel())
        await wait_until_blocked(database, later)
    await later

    ((old, new),) = await history(database, id)
    assert (old["status"], new["status"]) == (Status.RUNNING, Status.CANCELLED)


async def test_a_battery_added_while_its_site_is_deleted_has_an_entry_for_its_deletion(database: Database) -> None:
    vpp_id = await created_vpp(database)
    async with database.transaction() as session:
        site_id = await db.sites.create(session, id=None, vpp_id=vpp_id, nmi=new_nmi(), address="1 King St")

    async def delete() -> None:
        async with database.transaction() as session, audited(session, OURSELVES, "deleteSite") as change:
            await change.track(Kind.SITE, site_id)
            for battery_id in await db.batteries.lock_batteries_of_site(session, site_id=site_id):
                await change.track(Kind.BATTERY, battery_id)
            await db.sites.delete_site(session, id=site_id)

    async with database.transaction() as session:
        battery: dict[str, Any] = {"manufacturer": "Tesla", "serial": new_name(), "capacity_kwh": 10}
        battery_id = await db.batteries.add(session, id=None, site_id=site_id, **battery)
        later = asyncio.create_task(delete())
        await wait_until_blocked(database, later)
    await later

    ((old, new),) = await history(database, battery_id)
    assert (old["serial"], new) == (battery["serial"], None)


async def test_an_object_that_another_transaction_created_has_no_second_entry(database: Database) -> None:
    id = await created_vpp(database)

    async with database.transaction() as session, audited(session, OURSELVES, "createVpp") as change:
        change.track_created(Kind.VPP, id)

    assert len(await history(database, id)) == 1


async def test_an_id_without_an_object_has_no_entry(database: Database) -> None:
    id = uuid4()

    async with database.transaction() as session, audited(session, OURSELVES, "updateVpp") as change:
        for kind in Kind:
            await change.track(kind, id)
            change.track_created(kind, id)

    assert await history(database, id) == []
