"""Changes that are one statement, with their entries, and the connections that single statements are run on."""

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
from db.engine.database import READ_POOL_SIZE, Database, take_advisory_lock
from db.engine.scope import READER, UNRESTRICTED, Scope
from db.engine.statements import CompiledStatement
from db.vpps import Terms, VppNotFound
from tests.fixtures.api import new_name, new_nmi

OURSELVES = Author("COMMAND", "tests", uuid4(), "a request")
PID = CompiledStatement(text("select pg_backend_pid() as pid"))
WHO = CompiledStatement(text("select current_user::text as user"))
FAILING = CompiledStatement(text("select 1 / 0"))
WAITING = text("pid from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")


@pytest_asyncio.fixture
async def vpp_id(database: Database) -> UUID:
    async with database.transaction() as session:
        return await db.vpps.create(session, id=None, name=new_name(), terms=Terms(Decimal(20), Decimal(0)))


@pytest_asyncio.fixture
async def site_id(database: Database, vpp_id: UUID) -> UUID:
    return await db.sites.create(at_once(database), id=None, vpp_id=vpp_id, nmi=new_nmi(), address="1 King St")


def at_once(database: Database) -> SingleStatementWrite:
    return SingleStatementWrite(database, OURSELVES, "tests")


def battery(site_id: UUID, **given: Any) -> Any:
    tesla = {"id": None, "manufacturer": "Tesla", "serial": new_name(), "capacity_kwh": Decimal("13.5")}
    return {"site_id": site_id, **tesla, **given}


async def entries(database: Database, *ids: UUID) -> list[dict[str, Any]]:
    """Return what is kept of some objects, but for which entry it is, of which object, and when."""
    read = select(AuditEntry.__table__).where(col(AuditEntry.object_id).in_(ids)).order_by(col(AuditEntry.at))  # type: ignore[attr-defined]
    kept = [dict(row._mapping) for row in await database.rows(read)]
    return [{name: entry[name] for name in entry.keys() - {"id", "at", "object_id"}} for entry in kept]


async def added(database: Database) -> int:
    return len(await database.rows(select(col(Battery.id))))


async def test_what_is_made_at_once_is_what_a_transaction_makes_and_its_entry_is_too(
    database: Database, vpp_id: UUID, site_id: UUID
) -> None:
    site: dict[str, Any] = {"id": None, "vpp_id": vpp_id, "address": "1 King St", "effective_from": date(2025, 7, 1)}
    nmis, serials = (new_nmi(), new_nmi()), (new_name(), new_name())
    stays = [battery(site_id, serial=serial, effective_from=date(2025, 7, 1)) for serial in serials]

    made = [
        await db.sites.create(at_once(database), nmi=nmis[0], **site),
        await db.batteries.add(at_once(database), **stays[0]),
    ]
    async with database.transaction() as session, audited(session, OURSELVES, "tests") as change:
        usual = [await db.sites.create(session, nmi=nmis[1], **site), await db.batteries.add(session, **stays[1])]
        change.track_created(Kind.SITE, usual[0])
        change.track_created(Kind.BATTERY, usual[1])

    of_these, of_those = await entries(database, *made), await entries(database, *usual)
    for entry, own, other in zip(of_those, (nmis[0], serials[0]), (nmis[1], serials[1]), strict=True):
        entry["new"] |= {name: own for name, value in entry["new"].items() if value == other}
    assert of_these == of_those
    assert [entry["object_type"] for entry in of_these] == ["Site", "Battery"]
    assert of_these[1]["new"]["capacities"][0]["capacityKwh"] == 13.5


async def test_of_what_is_refused_or_there_already_nothing_is_kept(database: Database, site_id: UUID) -> None:
    there = battery(site_id, id=uuid4())
    await db.batteries.add(at_once(database), **there)
    kept, before = await added(database), await entries(database, there["id"])
    attempts = [
        (AlreadyExists, there),
        (BatteryTaken, there | {"id": uuid4()}),
        (BatterySiteNotFound, battery(uuid4())),
        (CapacityOutOfRange, battery(site_id, capacity_kwh=Decimal(-1))),
    ]

    for outcome, given in attempts:
        with pytest.raises(outcome):
            await db.batteries.add(at_once(database), **given)

    assert await added(database) == kept
    assert len(before) == 1
    assert await entries(database, there["id"]) == before


async def test_a_refusal_does_not_cost_the_connection(database: Database) -> None:
    before = await database.execute_write(PID, {})

    with pytest.raises(BatterySiteNotFound):
        await db.batteries.add(at_once(database), **battery(uuid4()))

    assert await database.execute_write(PID, {}) == before


async def test_what_was_under_way_when_its_connection_was_lost_is_not_done_again(
    database: Database, site_id: UUID
) -> None:
    given, kept = battery(site_id), await added(database)
    async with database.transaction() as session:
        await take_advisory_lock(session, "battery", "Tesla", given["serial"])
        adding = asyncio.create_task(db.batteries.add(at_once(database), **given))
        while (waiting := await database.row(select(WAITING))) is None:
            assert not adding.done(), "It did not wait."

        await session.execute(text("select pg_terminate_backend(:pid)"), {"pid": waiting.pid})
        with pytest.raises(asyncpg.PostgresConnectionError):
            await adding

    assert await added(database) == kept
    # There is another connection for the next.
    assert await db.batteries.add(at_once(database), **given)


async def test_whoever_is_held_to_something_changes_nothing_at_once(database: Database, site_id: UUID) -> None:
    held = database.scoped_to(Scope(vpp_ids=frozenset(), may_change=True))
    kept = await added(database)

    with pytest.raises(AssertionError):
        await db.batteries.add(at_once(held), **battery(site_id))

    assert await added(database) == kept


async def test_a_read_that_is_given_up_does_not_cost_the_connection(database: Database, vpp_id: UUID) -> None:
    pids = set()

    async def given_up(scope: Scope) -> None:
        async with database.scoped_to(scope).read_connection() as reading:
            (row,) = await reading.rows(PID, {})
            pids.add(row.pid)
            raise VppNotFound(id=vpp_id)

    for scope in (UNRESTRICTED, Scope(vpp_ids=frozenset([vpp_id])), UNRESTRICTED):
        with pytest.raises(VppNotFound):
            await given_up(scope)
    async with database.read_connection() as reading:
        (row,) = await reading.rows(WHO, {})

    assert len(pids) == 1
    assert row.user != READER


async def test_a_read_that_fails_costs_its_connection_and_no_turn(database: Database) -> None:
    async def fail() -> None:
        async with database.read_connection() as reading:
            await reading.rows(FAILING, {})

    for _ in range(READ_POOL_SIZE + 1):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail()

    async with database.read_connection() as reading:
        assert len(await reading.rows(PID, {})) == 1
