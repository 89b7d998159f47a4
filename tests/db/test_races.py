"""Two transactions at once: the second runs into what the first holds, and goes on once the first has ended."""

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

# In a transaction, but for what can also be done at once.
Work = Callable[[Any], Awaitable[Any]]

OURSELVES = Author("COMMAND", "tests")
TERMS = Terms(Decimal(20), Decimal(0))
JULY, AUGUST = date(2025, 7, 1), date(2025, 8, 1)
WAITING = text("1 from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")


async def done(database: Database, work: Work) -> Any:
    """Do something in a transaction, and return what it came to: a result or a refusal."""
    try:
        async with database.transaction() as session:
            return await work(session)
    except Refusal as refusal:
        return refusal


async def done_at_once(database: Database, work: Work) -> Any:
    """Do something in one statement, and return what it came to."""
    try:
        return await work(SingleStatementWrite(database, OURSELVES, "tests"))
    except (Refusal, AlreadyExists) as outcome:
        return outcome


async def raced(
    database: Database, first: Work, second: Work, *, undo: bool = False, do: Callable[..., Any] = done
) -> Any:
    """Do two things at once, and return what the second came to, which has to wait for the first."""
    async with database.transaction() as session:
        await first(session)
        later = asyncio.create_task(do(database, second))
        while await database.row(select(WAITING)) is None:
            assert not later.done(), "The second did not wait for the first."
        if undo:
            await session.rollback()
    return await later


IN_BOTH_WAYS = pytest.mark.parametrize("do", [done, done_at_once])


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
    return await done(database, creating_vpp(new_name()))


@pytest.fixture
async def site_id(database: Database, vpp_id: UUID) -> Any:
    return await done(database, creating_site(vpp_id, new_nmi()))


@pytest.fixture
async def battery_id(database: Database, site_id: UUID) -> Any:
    return await done(database, adding_battery(site_id, new_name()))


async def test_of_two_vpps_of_one_name_the_later_is_refused(database: Database) -> None:
    name = new_name()

    later = await raced(database, creating_vpp(name), creating_vpp(name))

    assert isinstance(later, VppNameTaken)
    assert len(await database.rows(select(col(Vpp.id)).where(col(Vpp.name) == name))) == 1


async def test_a_name_whose_vpp_came_to_nothing_is_free(database: Database) -> None:
    name = new_name()

    later = await raced(database, creating_vpp(name), creating_vpp(name), undo=True)

    assert [row.id for row in await database.rows(select(col(Vpp.id)).where(col(Vpp.name) == name))] == [later]


@IN_BOTH_WAYS
async def test_of_two_sites_of_one_nmi_the_later_is_refused(
    database: Database, vpp_id: UUID, do: Callable[..., Any]
) -> None:
    nmi = new_nmi()

    later = await raced(database, creating_site(vpp_id, nmi), creating_site(vpp_id, nmi), do=do)

    assert isinstance(later, NmiTaken)
    assert len(await database.rows(select(col(Site.id)).where(col(Site.nmi) == nmi))) == 1


@IN_BOTH_WAYS
async def test_a_battery_added_at_two_sites_at_once_stands_at_the_first(
    database: Database, vpp_id: UUID, site_id: UUID, do: Callable[..., Any]
) -> None:
    other_id, serial = await done(database, creating_site(vpp_id, new_nmi())), new_name()

    later = await raced(database, adding_battery(site_id, serial), adding_battery(other_id, serial), do=do)

    assert isinstance(later, BatteryTaken)
    there = await database.rows(select(col(Battery.site_id)).where(col(Battery.serial) == serial))
    assert [row.site_id for row in there] == [site_id]


async def test_the_same_create_sent_twice_at_once_creates_one(database: Database, vpp_id: UUID, site_id: UUID) -> None:
    ids = [uuid4() for _ in range(3)]
    creates = [
        creating_vpp(new_name(), id=ids[0]),
        creating_site(vpp_id, new_nmi(), id=ids[1]),
        adding_battery(site_id, new_name(), id=ids[2]),
    ]

    later = [await raced(database, create, create) for create in creates]
    again = [await done_at_once(database, create) for create in creates[1:]]

    assert later == ids
    assert [type(outcome) for outcome in again] == [AlreadyExists] * 2


async def test_what_is_sent_twice_at_once_is_found_to_be_there(database: Database, vpp_id: UUID, site_id: UUID) -> None:
    creates = [creating_site(vpp_id, new_nmi(), id=uuid4()), adding_battery(site_id, new_name(), id=uuid4())]

    later = [await raced(database, create, create, do=done_at_once) for create in creates]

    assert [type(outcome) for outcome in later] == [AlreadyExists] * 2


@IN_BOTH_WAYS
async def test_what_could_exclude_each_other_is_written_in_turns(
    database: Database, vpp_id: UUID, site_id: UUID, battery_id: UUID, do: Callable[..., Any]
) -> None:
    # Written at once they could deadlock, or a create sent twice collide by its name before it does by its id.
    name, nmi, serial, other = new_name(), new_nmi(), new_name(), new_name()

    later = [
        await raced(database, lambda session: take_advisory_lock(session, "vpp", name), creating_vpp(name)),
        await raced(
            database, lambda session: take_advisory_lock(session, "site", nmi), creating_site(vpp_id, nmi), do=do
        ),
        await raced(
            database,
            lambda session: take_advisory_lock(session, "battery", "Tesla", serial),
            adding_battery(site_id, serial),
            do=do,
        ),
        await raced(
            database,
            lambda session: take_advisory_lock(session, "battery", "Tesla", other),
            renaming_battery(battery_id, other),
        ),
    ]

    assert [type(id) for id in later] == [UUID] * 4


async def test_two_moves_of_one_site_at_once_both_happen(database: Database, site_id: UUID) -> None:
    first, second = [await done(database, creating_vpp(new_name())) for _ in range(2)]

    await raced(
        database,
        lambda session: db.sites.assign(session, site_id=site_id, vpp_id=first, effective_from=JULY),
        lambda session: db.sites.assign(session, site_id=site_id, vpp_id=second, effective_from=AUGUST),
    )

    belonged = [
        (row.vpp_id, row.effective) for row in await database.rows(db.sites.memberships(UNRESTRICTED, [site_id]))
    ]
    assert belonged[1:] == [(first, Range(JULY, AUGUST)), (second, Range(AUGUST, None))]


async def test_two_changes_of_one_vpps_terms_at_once_both_hold(database: Database, vpp_id: UUID) -> None:
    await raced(
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


async def test_two_extensions_of_one_battery_at_once_both_hold(
    database: Database, site_id: UUID, battery_id: UUID
) -> None:
    await raced(
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


async def test_a_battery_that_leaves_at_once_is_not_extended_later(database: Database, battery_id: UUID) -> None:
    later = await raced(
        database,
        lambda session: db.batteries.remove(session, id=battery_id, effective_from=JULY),
        lambda session: db.batteries.update_battery(
            session, id=battery_id, capacity_kwh=Decimal(30), effective_from=AUGUST
        ),
    )

    assert isinstance(later, CapacityChangeAfterRemoval)


async def test_a_vpp_is_not_deleted_while_a_site_joins_it(database: Database, vpp_id: UUID) -> None:
    later = await raced(
        database, creating_site(vpp_id, new_nmi()), lambda session: db.vpps.delete_vpp(session, id=vpp_id)
    )

    assert isinstance(later, VppHasSites)


@IN_BOTH_WAYS
async def test_a_site_does_not_join_a_vpp_that_is_being_deleted(
    database: Database, vpp_id: UUID, do: Callable[..., Any]
) -> None:
    later = await raced(
        database, lambda session: db.vpps.delete_vpp(session, id=vpp_id), creating_site(vpp_id, new_nmi()), do=do
    )

    assert isinstance(later, MembershipVppNotFound)


async def test_a_report_asked_for_twice_at_once_has_one_revision(database: Database, vpp_id: UUID) -> None:
    def asking(session: AsyncSession) -> Awaitable[UUID]:
        return db.reports.request(session, vpp_id=vpp_id, month=JULY)

    later = await raced(database, asking, asking)

    reports = await database.rows(select(col(RevenueReport.id)).where(col(RevenueReport.vpp_id) == vpp_id))
    assert [row.id for row in reports] == [later]
    jobs = await database.rows(select(text("payload from pgqueuer")))
    assert [row.payload for row in jobs] == [str(later).encode()]


def keeping_reading(park_id: UUID, power: int) -> Work:
    some = readings("Europe/Amsterdam", "2025-07-01", [power])
    return lambda session: db.readings.store(session, some, park_id=park_id, import_id=uuid4())


def creating_park() -> Work:
    return lambda session: db.parks.create(
        session, id=None, name=new_name(), timezone="Europe/Amsterdam", energy_type="WIND"
    )


def turning_solar(park_id: UUID) -> Work:
    return lambda session: db.parks.update_park(session, id=park_id, energy_type="SOLAR")


async def wind_of_july(database: Database) -> Sequence[Any]:
    days = db.readings.energy_type_daily_stats(UNRESTRICTED, ParkFilter(energy_types=["WIND"]), JULY, AUGUST)
    return [(row.sum_power, row.park_count) for row in await database.rows(days)]


async def test_two_parks_whose_day_is_summed_up_at_once_are_both_in_the_sums(database: Database) -> None:
    first, second = [await done(database, creating_park()) for _ in range(2)]

    await raced(database, keeping_reading(first, 1), keeping_reading(second, 2))

    assert await wind_of_july(database) == [(3_000_000, 2)]

    await raced(database, turning_solar(second), keeping_reading(first, 5))

    assert await wind_of_july(database) == [(5_000_000, 1)]
