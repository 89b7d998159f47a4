"""Postgres refuses to change or delete READY reports and their line items, and lets everything else happen."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


@pytest.fixture
async def report_id(api: Api, worker: None) -> UUID:
    """A READY report of a VPP with one site."""
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    await api.create_site(vpp_id, nmi=nmi)
    await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,5,35\n")
    return UUID((await api.settle_month(vpp_id, "2025-09"))["id"])


@pytest.mark.parametrize("replication_role", ["origin", "replica"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update revenue_reports set total_revenue_aud = 0", "Rows of revenue_reports cannot be changed or deleted"),
        ("update revenue_reports set status = 'FAILED'", "Rows of revenue_reports cannot be changed or deleted"),
        ("update revenue_reports set json_key = 'other'", "Rows of revenue_reports cannot be changed or deleted"),
        ("delete from revenue_reports", "Rows of revenue_reports cannot be changed or deleted"),
        ("truncate revenue_reports cascade", "cannot be changed or deleted"),
        ("update site_line_items set after_fees_aud = 0", "line items of a READY report cannot be added, changed"),
        ("update site_line_items set site_id = null", "line items of a READY report cannot be added, changed"),
        ("update site_line_items set report_id = gen_random_uuid()", "line items of a READY report cannot be added"),
        ("delete from site_line_items", "line items of a READY report cannot be added, changed or deleted"),
        ("truncate site_line_items", "Rows of site_line_items cannot be changed or deleted"),
    ],
)
async def test_postgres_refuses_to_change_a_ready_report(
    report_id: UUID, session: AsyncSession, change: str, message: str, replication_role: str
) -> None:
    await session.execute(text(f"set local session_replication_role = {replication_role}"))

    with pytest.raises(DBAPIError, match=message):
        await session.execute(text(change))


async def test_postgres_refuses_to_add_a_line_item_to_a_ready_report(report_id: UUID, session: AsyncSession) -> None:
    add = """
        insert into site_line_items
        select (jsonb_populate_record(items, '{"nmi": "AAAAAAAAAA"}')).*
        from site_line_items items
        where report_id = :id
    """

    with pytest.raises(DBAPIError, match="line items of a READY report cannot be added, changed or deleted"):
        await session.execute(text(add), {"id": report_id})


async def test_reports_that_are_not_ready_can_be_changed_and_deleted(report_id: UUID, session: AsyncSession) -> None:
    for change in (
        """
        insert into revenue_reports (id, vpp_id, month, revision, status)
        select gen_random_uuid(), vpp_id, month, 2, 'PENDING' from revenue_reports where id = :id
        """,
        """
        insert into site_line_items
        select (jsonb_populate_record(items, jsonb_build_object('report_id', reports.id))).*
        from site_line_items items, revenue_reports reports
        where items.report_id = :id and reports.status = 'PENDING'
        """,
        "update site_line_items set address = 'x' from revenue_reports where id = report_id and status = 'PENDING'",
        "update revenue_reports set failure_reason = 'x' where status = 'PENDING'",
    ):
        await session.execute(text(change), {"id": report_id} if ":id" in change else {})
    count = text("select count(*) from site_line_items where address = 'x'")
    assert await session.scalar(count) == 1

    await session.execute(text("delete from revenue_reports where status = 'PENDING'"))

    assert await session.scalar(count) == 0


async def test_changes_of_what_a_report_was_settled_from_leave_the_report_as_it_was(api: Api, worker: None) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,5,36\n")
    first = await api.settle_month(vpp_id, "2025-09")

    await api.execute("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=imported["id"])
    await api.execute("mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }", id=site_id)
    second = await api.settle_month(vpp_id, "2025-09")
    again = await api.wait_for_report(first["id"])

    assert (second["revision"], second["lineItems"]["items"]) == (2, [])
    assert again == first | {"isLatest": False, "isStale": True}


async def test_an_owner_still_sees_the_statements_of_a_site_that_was_deleted(api: Api, worker: None) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    await api.create_site(vpp_id)
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,5,37\n")
    await api.settle_month(vpp_id, "2025-09")
    member = await api.as_role("MEMBER", siteIds=[site_id])
    statements = """{ listRevenueReports { items {
        month vpp { id } lineItems { items { nmi afterFeesAud site { id } } }
    } } }"""
    before = await member.execute(statements)

    await api.execute("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=imported["id"])
    await api.execute("mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }", id=site_id)
    # Another site gets the NMI, and its owner does not see the statements of the deleted one.
    other = await api.as_role("MEMBER", siteIds=[await api.create_site(vpp_id, nmi=nmi)])

    (line,) = before["items"][0]["lineItems"]["items"]
    assert line == {"nmi": nmi, "afterFeesAud": "1.48", "site": {"id": site_id}}
    assert await member.execute(statements) == {
        "items": [{"month": "2025-09", "vpp": {"id": vpp_id}, "lineItems": {"items": [line | {"site": None}]}}]
    }
    assert await other.execute(statements) == {"items": []}
