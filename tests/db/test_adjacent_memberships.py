"""Adjacent memberships of one site in one VPP settle like one membership, and `vpp verify` reports them."""

from uuid import UUID

import pytest
from sqlalchemy import text

import db.verification
from db.engine.database import Database
from graph import settlement_run
from graph.settlement.month import Month
from graph.settlement.statement import Statement
from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
# Only SQL can write such rows: the API merges adjacent periods.
SPLIT_MEMBERSHIPS = text("""
    with shortened as (
        update memberships set effective = daterange(null, '2025-09-10') where vpp_id = :vpp_id returning *
    )
    insert into memberships (site_id, effective, vpp_id)
    select site_id, daterange('2025-09-10', null), vpp_id from shortened
""")


@pytest.fixture
async def vpp_id(api: Api, worker: None) -> UUID:
    """A VPP with a site that earned on either side of 10 September, and with costs at a negative tariff."""
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    await api.create_site(vpp_id, nmi=nmi)
    rows = ["2025-09-03,DISCHARGE,5,35", "2025-09-09,DISCHARGE,10,20", "2025-09-13,DISCHARGE,1,-30"]
    await api.import_file(HEADER + "".join(f"{nmi},{row}\n" for row in rows))
    return UUID(vpp_id)


async def settle(database: Database, vpp_id: UUID) -> tuple[int, Statement]:
    """Settle September, and return the number of its spans and its statement."""
    async with database.transaction(snapshot=True) as session:
        settled = await settlement_run.settle_month(session, vpp_id=vpp_id, month=Month(2025, 9))
    return len(settled.terms), settled.statement


async def test_adjacent_memberships_settle_like_one(database: Database, vpp_id: UUID) -> None:
    before = await settle(database, vpp_id)

    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})

    assert await settle(database, vpp_id) == before
    assert (str(before[1].totals.total_revenue_aud), str(before[1].totals.cost_only_aud)) == ("3.75", "-0.30")


async def test_adjacent_memberships_settle_like_one_in_a_month_of_two_spans(
    database: Database, vpp_id: UUID, api: Api
) -> None:
    change = 'mutation ($id: ID!) { updateVpp(input: {id: $id, dailyFeeAud: 1, effectiveFrom: "2025-09-20"}) { id } }'
    await api.execute(change, id=str(vpp_id))
    before = await settle(database, vpp_id)

    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})

    assert await settle(database, vpp_id) == before
    assert (before[0], str(before[1].totals.total_revenue_aud)) == (2, "3.75")


async def test_a_day_without_membership_ends_a_span_and_its_events_earn_nothing(
    database: Database, vpp_id: UUID
) -> None:
    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})
        shorten = "update memberships set effective = '(,2025-09-09)' where vpp_id = :vpp_id and lower_inf(effective)"
        await session.execute(text(shorten), {"vpp_id": vpp_id})

    spans, statement = await settle(database, vpp_id)

    (line,) = statement.line_items
    assert (spans, line.member_days, str(line.revenue_aud)) == (3, 29, "1.75")
    assert str(statement.totals.cost_only_aud) == "-0.30"


async def test_adjacent_memberships_are_reported(database: Database, vpp_id: UUID) -> None:
    sentence = "No two adjacent memberships have the same site and VPP."
    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})
        findings = [finding async for finding in db.verification.verify(session)]
        await session.rollback()

    (exceptions,) = [finding.exceptions for finding in findings if finding.sentence == sentence]
    assert any(f"VPP {vpp_id}, 2025-09-10" in exception for exception in exceptions)
