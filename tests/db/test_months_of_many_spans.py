"""A month that is cut into many spans is settled as the oracle settles it day by day, and its events are read once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from db.batteries import Battery, BatteryCapacity
from db.engine.database import Database
from db.sites import Membership, Site
from db.vpps import PriceSchedule as PriceScheduleRow
from graph import settlement_run
from graph.settlement.month import Month
from graph.settlement.spans import Capacity, Member, Period, PriceSchedule, Terms
from tests.fixtures.api import Api, new_nmi
from tests.settlement.test_properties import DayEarnings, Portfolio, plain_statement

SEPTEMBER = Month(2025, 9)
HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


def cut(random: Random, *, count: int) -> list[Period]:
    """Return consecutive periods that cover all time, cut on random days of September."""
    days = sorted(date(2025, 9, day) for day in random.sample(range(2, 31), count))
    return [Period(start, until) for start, until in pairwise([None, *days, None])]


def days(period: Period) -> Range[date]:
    return Range(period.effective_from, period.effective_until)


async def store_portfolio(api: Api, session: AsyncSession, random: Random) -> tuple[UUID, Portfolio, str]:
    """
    Store a VPP with terms, sites, memberships and batteries that change in September.

    Returns its id, the portfolio and a file of events, also of days on which their site is not a member. Periods are
    written as SQL may write them: adjacent to one with the same values.
    """
    vpp_id = UUID(await api.create_vpp())
    await session.execute(text("delete from price_schedules where vpp_id = :id"), {"id": vpp_id})
    schedules = [
        PriceSchedule(period, Terms(Decimal(random.randrange(101)), Decimal(random.randrange(100)).scaleb(-2)))
        for period in cut(random, count=4)
    ]
    session.add_all(
        PriceScheduleRow(vpp_id=vpp_id, effective=days(schedule.period), **vars(schedule.terms))
        for schedule in schedules
    )
    members, events, file = [], [], [HEADER]
    for _ in range(20):
        site = Site(nmi=new_nmi(), address="1 King St")
        battery = Battery(site_id=site.id, manufacturer="Tesla", serial=site.nmi, installed=Range())
        for row in (site, battery):
            session.add(row)
            await session.flush()
        memberships = [period for period in cut(random, count=4) if random.random() < 0.8]
        session.add_all(Membership(site_id=site.id, effective=days(period), vpp_id=vpp_id) for period in memberships)
        capacities = [Capacity(period, Decimal(random.choice([0, 10, 13]))) for period in cut(random, count=1)]
        session.add_all(
            BatteryCapacity(battery_id=battery.id, effective=days(each.period), capacity_kwh=each.capacity_kwh)
            for each in capacities
        )
        members.append(Member(site.nmi, tuple(memberships), tuple(capacities)))
        for _ in range(16):
            day, kind = date(2025, 9, random.randint(1, 30)), random.choice(["CHARGE", "DISCHARGE"])
            energy, tariff = Decimal(random.randrange(10**8)).scaleb(-6), Decimal(random.randint(-999, 9999)).scaleb(-2)
            file.append(f"{site.nmi},{day},{kind},{energy:f},{tariff}\n")
            value = energy * (tariff if kind == "DISCHARGE" else -tariff) / 100
            amounts = (Decimal(0), value) if kind == "DISCHARGE" and value < 0 else (value, Decimal(0))
            if members[-1].is_member_on(day):
                events.append(DayEarnings(site.nmi, day, *amounts))
    return vpp_id, Portfolio(SEPTEMBER, tuple(schedules), tuple(members), tuple(events)), "".join(file)


@contextmanager
def statements(connection: Any) -> Iterator[list[str]]:
    """Collect the statements that a connection executes."""
    executed: list[str] = []

    def collect(*arguments: Any) -> None:
        executed.append(arguments[2])

    event.listen(connection.sync_connection, "before_cursor_execute", collect)
    yield executed
    event.remove(connection.sync_connection, "before_cursor_execute", collect)


@pytest.mark.parametrize("seed", range(5))
async def test_a_month_of_many_spans_equals_the_oracle_and_its_events_are_read_once(
    api: Api, database: Database, worker: None, seed: int
) -> None:
    async with database.transaction() as session:
        vpp_id, portfolio, file = await store_portfolio(api, session, Random(seed))
    imported = await api.import_file(file)
    assert imported["rowsImported"] == 320

    async with database.transaction(snapshot=True) as session:
        with statements(await session.connection()) as executed:
            settled = await settlement_run.settle_month(session, vpp_id=vpp_id, month=SEPTEMBER)

    assert len(settled.terms) == len(portfolio.spans()) > 20
    assert settled.statement == plain_statement(portfolio)
    assert len([statement for statement in executed if "event_blocks" in statement]) == 1
