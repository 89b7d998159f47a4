"""Adjacent memberships of one site in one VPP settle like one membership, and `vpp verify` reports them."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import db.reports
import db.verification
from db.engine.database import Database, ReadStatement
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
    rows = ["2025-09-03,DISCHARGE,5,35", "2025-09-12,DISCHARGE,10,20", "2025-09-13,DISCHARGE,1,-30"]
    await api.import_file(HEADER + "".join(f"{nmi},{row}\n" for row in rows))
    return UUID(vpp_id)


async def earnings(database: Database, statement: ReadStatement) -> list[Any]:
    return [(row.revenue_aud, row.cost_only_aud) for row in await database.rows(statement)]


async def test_adjacent_memberships_earn_the_same_as_one(database: Database, vpp_id: UUID) -> None:
    month = db.reports.month_earnings(vpp_id, date(2025, 9, 1))
    span = db.reports.span_earnings(vpp_id, date(2025, 9, 2), date(2025, 9, 20))
    expected = [(Decimal("3.75"), Decimal("-0.30"))]
    assert [await earnings(database, month), await earnings(database, span)] == [expected, expected]

    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})

    assert [await earnings(database, month), await earnings(database, span)] == [expected, expected]


async def test_a_site_that_is_no_member_on_one_day_of_a_span_earns_nothing_in_it(
    database: Database, vpp_id: UUID
) -> None:
    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})
        shorten = "update memberships set effective = '(,2025-09-09)' where vpp_id = :vpp_id and lower_inf(effective)"
        await session.execute(text(shorten), {"vpp_id": vpp_id})

    month = db.reports.month_earnings(vpp_id, date(2025, 9, 1))
    first_span = db.reports.span_earnings(vpp_id, date(2025, 9, 1), date(2025, 9, 9))

    assert await earnings(database, month) == []
    assert await earnings(database, first_span) == [(Decimal("1.75"), Decimal(0))]


async def test_adjacent_memberships_are_reported(database: Database, vpp_id: UUID) -> None:
    sentence = "No two adjacent memberships have the same site and VPP."
    async with database.transaction() as session:
        await session.execute(SPLIT_MEMBERSHIPS, {"vpp_id": vpp_id})
        findings = [finding async for finding in db.verification.verify(session)]
        await session.rollback()

    (exceptions,) = [finding.exceptions for finding in findings if finding.sentence == sentence]
    assert any(f"VPP {vpp_id}, 2025-09-10" in exception for exception in exceptions)
