"""Single-statement writes with their audit entries, and the connection pools for single statements."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import select, text
from sqlmodel import col

import db.batteries
import db.sites
import db.vpps
from db.audit_entries import AlreadyExists, AuditEntry, Author, Kind, SingleStatementWrite, audited
from db.batteries import Battery, BatterySiteNotFound, BatteryTaken, CapacityOutOfRange
from db.engine.database import Database, take_advisory_lock
from db.engine.scope import READER, UNRESTRICTED, Scope
from db.engine.statements import CompiledStatement
from db.vpps import Terms, VppNotFound
from tests.fixtures.api import new_name, new_nmi

OURSELVES = Author("COMMAND", "tests", uuid4(), "a request")
PID = CompiledStatement(text("select pg_backend_pid() as pid"))
CURRENT_USER = CompiledStatement(text("select current_user::text as user"))
FAILING = CompiledStatement(text("select 1 / 0"))
BLOCKED_PIDS = text("pid from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")


@pytest_asyncio.fixture
async def vpp_id(database: Database) -> UUID:
    async with database.transaction() as session:
        return await db.vpps.create(session, id=None, name=new_name(), terms=Terms(Decimal(20), Decimal(0)))


@pytest_asyncio.fixture
async def site_id(database: Database, vpp_id: UUID) -> UUID:
    return await db.sites.create(single_statement(database), id=None, vpp_id=vpp_id, nmi=new_nmi(), address="1 King St")


def single_statement(database: Database) -> SingleStatementWrite:
    return SingleStatementWrite(database, OURSELVES, "tests")


def battery(site_id: UUID, **overrides: Any) -> Any:
    defaults = {"id": None, "manufacturer": "Tesla", "serial": new_name(), "capacity_kwh": Decimal("13.5")}
    return {"site_id": site_id, **defaults, **overrides}


async def entries(database: Database, *ids: UUID) -> list[dict[str, Any]]:
    """Return the audit entries of some objects, without the entry's id, its time and the object's id."""
    read = select(AuditEntry.__table__).where(col(AuditEntry.object_id).in_(ids)).order_by(col(AuditEntry.at))  # type: ignore[attr-defined]
    rows = [dict(row._mapping) for row in await database.rows(read)]
    return [{name: entry[name] for name in entry.keys() - {"id", "at", "object_id"}} for entry in rows]


async def battery_count(database: Database) -> int:
    return len(await database.rows(select(col(Battery.id))))


async def test_a_single_statement_creates_the_same_object_and_entry_as_a_transaction(
    database: Database, vpp_id: UUID, site_id: UUID
) -> None:
    site: dict[str, Any] = {"id": None, "vpp_id": vpp_id, "address": "1 King St", "effective_from": date(2025, 7, 1)}
    nmis, serials = (new_nmi(), new_nmi()), (new_name(), new_name())
    batteries = [battery(site_id, serial=serial, effective_from=date(2025, 7, 1)) for serial in serials]

    by_statement = [
        await db.sites.create(single_statement(database), nmi=nmis[0], **site),
        await db.batteries.add(single_statement(database), **batteries[0]),
    ]
    async with database.transaction() as session, audited(session, OURSELVES, "tests") as change:
        by_transaction = [
            await db.sites.create(session, nmi=nmis[1], **site),
            await db.batteries.add(session, **batteries[1]),
        ]
        change.track_created(Kind.SITE, by_transaction[0])
        change.track_created(Kind.BATTERY, by_transaction[1])

    found, expected = await entries(database, *by_statement), await entries(database, *by_transaction)
    # The two objects differ only in their NMI or serial.
    for entry, own, other in zip(expected, (nmis[0], serials[0]), (nmis[1], serials[1]), strict=True):
        entry["new"] |= {name: own for name, value in entry["new"].items() if value == other}
    assert found == expected
    assert [entry["object_type"] for entry in found] == ["Site", "Battery"]
    assert found[1]["new"]["capacities"][0]["capacityKwh"] == 13.5


async def test_a_refused_or_repeated_create_changes_nothing(database: Database, site_id: UUID) -> None:
    existing = battery(site_id, id=uuid4())
    await db.batteries.add(single_statement(database), **existing)
    count_before, entries_before = await battery_count(database), await entries(database, existing["id"])
    attempts = [
        (AlreadyExists, existing),
        (BatteryTaken, existing | {"id": uuid4()}),
        (BatterySiteNotFound, battery(uuid4())),
        (CapacityOutOfRange, battery(site_id, capacity_kwh=Decimal(-1))),
    ]

    for outcome, values in attempts:
        with pytest.raises(outcome):
            await db.batteries.add(single_statement(database), **values)

    assert await battery_count(database) == count_before
    assert len(entries_before) == 1
    assert await entries(database, existing["id"]) == entries_before


async def test_a_refusal_keeps_the_connection(database: Database) -> None:
    before = await database.execute_write(PID, {})

    with pytest.raises(BatterySiteNotFound):
        await db.batteries.add(single_statement(database), **battery(uuid4()))

    assert await database.execute_write(PID, {}) == before


async def test_a_write_whose_connection_is_lost_is_not_retried(database: Database, site_id: UUID) -> None:
    values, count_before = battery(site_id), await battery_count(database)
    async with database.transaction() as session:
        await take_advisory_lock(session, "battery", "Tesla", values["serial"])
        adding = asyncio.create_task(db.batteries.add(single_statement(database), **values))
        while (blocked := await database.row(select(BLOCKED_PIDS))) is None:
            assert not adding.done(), "The write did not wait for the lock."

        await session.execute(text("select pg_terminate_backend(:pid)"), {"pid": blocked.pid})
        with pytest.raises(asyncpg.PostgresConnectionError):
            await adding

    assert await battery_count(database) == count_before
    # The pool opens another connection for the next write.
    assert await db.batteries.add(single_statement(database), **values)


async def test_a_restricted_scope_cannot_write_in_a_single_statement(database: Database, site_id: UUID) -> None:
    scoped = database.scoped_to(Scope(vpp_ids=frozenset(), may_change=True))
    count_before = await battery_count(database)

    with pytest.raises(AssertionError):
        await db.batteries.add(single_statement(scoped), **battery(site_id))

    assert await battery_count(database) == count_before


async def test_an_error_between_reads_keeps_the_connection(database: Database, vpp_id: UUID) -> None:
    pids = set()

    async def read_and_raise(scope: Scope) -> None:
        async with database.scoped_to(scope).read_connection() as reading:
            (row,) = await reading.rows(PID, {})
            pids.add(row.pid)
            raise VppNotFound(id=vpp_id)

    for scope in (UNRESTRICTED, Scope(vpp_ids=frozenset([vpp_id])), UNRESTRICTED):
        with pytest.raises(VppNotFound):
            await read_and_raise(scope)
    async with database.read_connection() as reading:
        (row,) = await reading.rows(CURRENT_USER, {})

    assert len(pids) == 1
    assert row.user != READER


async def test_a_failed_read_closes_its_connection_and_frees_its_place_in_the_pool(database_url: str) -> None:
    pooled = Database(database_url, read_pool_size=2)

    async def fail() -> None:
        async with pooled.read_connection() as reading:
            await reading.rows(FAILING, {})

    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail()

    async with pooled.read_connection() as reading:
        assert len(await reading.rows(PID, {})) == 1
    await pooled.close()
