"""Two concurrent transactions: the second waits for a lock of the first, and goes on once the first has ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.batteries
import db.parks
import db.readings
import db.reports
import db.sites
import db.vpps
from db.audit_entries import AlreadyExists, Author, SingleStatementWrite
from db.batteries import Battery, BatteryTaken, CapacityChangeAfterRemoval
from db.engine.database import Database, take_advisory_lock
from db.engine.refusals import Refusal
from db.engine.scope import UNRESTRICTED
from db.parks import ParkFilter
from db.reports import RevenueReport
from db.sites import MembershipVppNotFound, NmiTaken, Site
from db.vpps import Terms, Vpp, VppHasSites, VppNameTaken
from tests.fixtures.api import new_name, new_nmi
from tests.fixtures.readings import readings

# It takes a session, or a SingleStatementWrite.
Work = Callable[[Any], Awaitable[Any]]

OURSELVES = Author("COMMAND", "tests")
TERMS = Terms(Decimal(20), Decimal(0))
JULY, AUGUST = date(2025, 7, 1), date(2025, 8, 1)
IS_ANY_BLOCKED = text("1 from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")


async def in_transaction(database: Database, work: Work) -> Any:
    """Do the work in a transaction, and return its result or its refusal."""
    try:
        async with database.transaction() as session:
            return await work(session)
    except Refusal as refusal:
        return refusal


async def in_one_statement(database: Database, work: Work) -> Any:
    """Do the work as a SingleStatementWrite, and return its result or its refusal."""
    try:
        return await work(SingleStatementWrite(database, OURSELVES, "tests"))
    except (Refusal, AlreadyExists) as outcome:
        return outcome


async def outcome_of_second(
    database: Database,
    first: Work,
    second: Work,
    *,
    roll_back_first: bool = False,
    do_second: Callable[..., Any] = in_transaction,
) -> Any:
    """Start the second work while the first one's transaction is open; return the result or refusal of the second."""
    async with database.transaction() as session:
        await first(session)
        later = asyncio.create_task(do_second(database, second))
        while await database.row(select(IS_ANY_BLOCKED)) is None:
            assert not later.done(), "The second transaction did not wait for the first."
        if roll_back_first:
            await session.rollback()
    return await later


IN_BOTH_WAYS = pytest.mark.parametrize("do_second", [in_transaction, in_one_statement])


def creating_vpp(name: str, *, id: UUID | None = None) -> Work:
    return lambda session: db.vpps.create(session, id=id, name=name, terms=TERMS)


def creating_site(vpp_id: UUID, nmi: str, *, id: UUID | None = None) -> Work:
    return lambda session: db.sites.create(session, id=id, vpp_id=vpp_id, nmi=nmi, address="1 King St")


def adding_battery(site_id: UUID, serial: str, *, id: UUID | None = None) -> Work:
    battery: dict[str, Any] = {"manufacturer": "Tesla", "serial": serial, "capacity_kwh": Decimal("13.5")}
    return lambda session: db.batteries.add(session, id=id, site_id=site_id, **battery)


def renaming_battery(id: UUID, serial: str) -> Work:
    return lambda session: db.batteries.update_battery(session, id=id, serial=serial)


@pytest.fixture
async def vpp_id(database: Database) -> Any:
    return await in_transaction(database, creating_vpp(new_name()))


@pytest.fixture
async def site_id(database: Database, vpp_id: UUID) -> Any:
    return await in_transaction(database, creating_site(vpp_id, new_nmi()))


@pytest.fixture
async def battery_id(database: Database, site_id: UUID) -> Any:
    return await in_transaction(database, adding_battery(site_id, new_name()))


async def test_the_later_of_two_vpps_with_the_same_name_is_refused(database: Database) -> None:
    name = new_name()

    later = await outcome_of_second(database, creating_vpp(name), creating_vpp(name))

    assert isinstance(later, VppNameTaken)
    assert len(await database.rows(select(col(Vpp.id)).where(col(Vpp.name) == name))) == 1


async def test_a_name_is_free_after_the_creation_of_its_vpp_was_rolled_back(database: Database) -> None:
    name = new_name()

    later = await outcome_of_second(database, creating_vpp(name), creating_vpp(name), roll_back_first=True)

    assert [row.id for row in await database.rows(select(col(Vpp.id)).where(col(Vpp.name) == name))] == [later]


@IN_BOTH_WAYS
async def test_the_later_of_two_sites_with_the_same_nmi_is_refused(
    database: Database, vpp_id: UUID, do_second: Callable[..., Any]
) -> None:
    nmi = new_nmi()

    later = await outcome_of_second(
        database, creating_site(vpp_id, nmi), creating_site(vpp_id, nmi), do_second=do_second
    )

    assert isinstance(later, NmiTaken)
    assert len(await database.rows(select(col(Site.id)).where(col(Site.nmi) == nmi))) == 1


@IN_BOTH_WAYS
async def test_a_battery_added_at_two_sites_concurrently_is_installed_at_the_first(
    database: Database, vpp_id: UUID, site_id: UUID, do_second: Callable[..., Any]
) -> None:
    other_id, serial = await in_transaction(database, creating_site(vpp_id, new_nmi())), new_name()

    later = await outcome_of_second(
        database, adding_battery(site_id, serial), adding_battery(other_id, serial), do_second=do_second
    )

    assert isinstance(later, BatteryTaken)
    installed_at = await database.rows(select(col(Battery.site_id)).where(col(Battery.serial) == serial))
    assert [row.site_id for row in installed_at] == [site_id]


async def test_the_same_create_sent_twice_concurrently_creates_one_object(
    database: Database, vpp_id: UUID, site_id: UUID
) -> None:
    ids = [uuid4() for _ in range(3)]
    creates = [
        creating_vpp(new_name(), id=ids[0]),
        creating_site(vpp_id, new_nmi(), id=ids[1]),
        adding_battery(site_id, new_name(), id=ids[2]),
    ]

    later = [await outcome_of_second(database, create, create) for create in creates]
    repeated = [await in_one_statement(database, create) for create in creates[1:]]

    assert later == ids
    assert [type(outcome) for outcome in repeated] == [AlreadyExists] * 2


async def test_a_single_statement_create_sent_twice_concurrently_raises_already_exists(
    database: Database, vpp_id: UUID, site_id: UUID
) -> None:
    creates = [creating_site(vpp_id, new_nmi(), id=uuid4()), adding_battery(site_id, new_name(), id=uuid4())]

    later = [await outcome_of_second(database, create, create, do_second=in_one_statement) for create in creates]

    assert [type(outcome) for outcome in later] == [AlreadyExists] * 2


@IN_BOTH_WAYS
async def test_writes_that_could_conflict_wait_for_the_advisory_lock(
    database: Database, vpp_id: UUID, site_id: UUID, battery_id: UUID, do_second: Callable[..., Any]
) -> None:
    # Without the lock they could deadlock, or a create sent twice could conflict on its name before its id.
    name, nmi, serial, other = new_name(), new_nmi(), new_name(), new_name()

    later = [
        await outcome_of_second(database, lambda session: take_advisory_lock(session, "vpp", name), creating_vpp(name)),
        await outcome_of_second(
            database,
            lambda session: take_advisory_lock(session, "site", nmi),
            creating_site(vpp_id, nmi),
            do_second=do_second,
        ),
        await outcome_of_second(
            database,
            lambda session: take_advisory_lock(session, "battery", "Tesla", serial),
            adding_battery(site_id, serial),
            do_second=do_second,
        ),
        await outcome_of_second(
            database,
            lambda session: take_advisory_lock(session, "battery", "Tesla", other),
            renaming_battery(battery_id, other),
        ),
    ]

    assert [type(id) for id in later] == [UUID] * 4


async def test_two_concurrent_moves_of_one_site_both_take_effect(database: Database, site_id: UUID) -> None:
    first, second = [await in_transaction(database, creating_vpp(new_name())) for _ in range(2)]

    await outcome_of_second(
        database,
        lambda session: db.sites.assign(session, site_id=site_id, vpp_id=first, effective_from=JULY),
        lambda session: db.sites.assign(session, site_id=site_id, vpp_id=second, effective_from=AUGUST),
    )

    memberships = [
        (row.vpp_id, row.effective) for row in await database.rows(db.sites.memberships(UNRESTRICTED, [site_id]))
    ]
    assert memberships[1:] == [(first, Range(JULY, AUGUST)), (second, Range(AUGUST, None))]


async def test_two_concurrent_changes_of_terms_both_take_effect(database: Database, vpp_id: UUID) -> None:
    await outcome_of_second(
        database,
        lambda session: db.vpps.update_vpp(session, id=vpp_id, revenue_percentage=Decimal(25), effective_from=JULY),
        lambda session: db.vpps.update_vpp(session, id=vpp_id, daily_fee_aud=Decimal(1), effective_from=AUGUST),
    )

    schedules = [tuple(row)[1:] for row in await database.rows(db.vpps.price_schedules(UNRESTRICTED, [vpp_id]))]
    assert schedules == [
        (Range(None, JULY), 20, 0),
        (Range(JULY, AUGUST), 25, 0),
        (Range(AUGUST, None), 25, 1),
    ]


async def test_two_concurrent_capacity_changes_both_take_effect(
    database: Database, site_id: UUID, battery_id: UUID
) -> None:
    await outcome_of_second(
        database,
        lambda session: db.batteries.update_battery(
            session, id=battery_id, capacity_kwh=Decimal(20), effective_from=JULY
        ),
        lambda session: db.batteries.update_battery(
            session, id=battery_id, capacity_kwh=Decimal(30), effective_from=AUGUST
        ),
    )

    capacities = [
        (await database.rows(db.batteries.capacities_of_sites(UNRESTRICTED, [site_id], on=day)))[0].capacity_kwh
        for day in (date(2025, 6, 30), JULY, AUGUST)
    ]
    assert capacities == [Decimal("13.5"), 20, 30]


async def test_the_capacity_of_a_battery_cannot_change_after_a_concurrent_removal(
    database: Database, battery_id: UUID
) -> None:
    later = await outcome_of_second(
        database,
        lambda session: db.batteries.remove(session, id=battery_id, effective_from=JULY),
        lambda session: db.batteries.update_battery(
            session, id=battery_id, capacity_kwh=Decimal(30), effective_from=AUGUST
        ),
    )

    assert isinstance(later, CapacityChangeAfterRemoval)


async def test_a_vpp_cannot_be_deleted_while_a_site_joins_it(database: Database, vpp_id: UUID) -> None:
    later = await outcome_of_second(
        database, creating_site(vpp_id, new_nmi()), lambda session: db.vpps.delete_vpp(session, id=vpp_id)
    )

    assert isinstance(later, VppHasSites)


@IN_BOTH_WAYS
async def test_a_site_cannot_join_a_vpp_that_is_being_deleted(
    database: Database, vpp_id: UUID, do_second: Callable[..., Any]
) -> None:
    later = await outcome_of_second(
        database,
        lambda session: db.vpps.delete_vpp(session, id=vpp_id),
        creating_site(vpp_id, new_nmi()),
        do_second=do_second,
    )

    assert isinstance(later, MembershipVppNotFound)


async def test_two_concurrent_requests_for_a_report_create_one_revision(database: Database, vpp_id: UUID) -> None:
    def requesting(session: AsyncSession) -> Awaitable[UUID]:
        return db.reports.request(session, vpp_id=vpp_id, month=JULY)

    later = await outcome_of_second(database, requesting, requesting)

    reports = await database.rows(select(col(RevenueReport.id)).where(col(RevenueReport.vpp_id) == vpp_id))
    assert [row.id for row in reports] == [later]
    jobs = await database.rows(select(text("payload from pgqueuer")))
    assert [row.payload for row in jobs] == [str(later).encode()]


def storing_reading(park_id: UUID, power: int) -> Work:
    new = readings("Europe/Amsterdam", "2025-07-01", [power])
    return lambda session: db.readings.store(session, new, park_id=park_id, import_id=uuid4())


def creating_park() -> Work:
    return lambda session: db.parks.create(
        session, id=None, name=new_name(), timezone="Europe/Amsterdam", energy_type="WIND"
    )


def changing_to_solar(park_id: UUID) -> Work:
    return lambda session: db.parks.update_park(session, id=park_id, energy_type="SOLAR")


async def wind_totals_of_july(database: Database) -> Sequence[Any]:
    days = db.readings.energy_type_daily_stats(UNRESTRICTED, ParkFilter(energy_types=["WIND"]), JULY, AUGUST)
    return [(row.sum_power_w, row.park_count) for row in await database.rows(days)]


async def test_two_parks_whose_day_changes_concurrently_are_both_in_the_totals(database: Database) -> None:
    first, second = [await in_transaction(database, creating_park()) for _ in range(2)]

    await outcome_of_second(database, storing_reading(first, 1), storing_reading(second, 2))

    assert await wind_totals_of_july(database) == [(3_000_000, 2)]

    await outcome_of_second(database, changing_to_solar(second), storing_reading(first, 5))

    assert await wind_totals_of_july(database) == [(5_000_000, 1)]
