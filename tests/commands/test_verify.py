"""`vpp verify` settles published reports again and reads their files; it reports each kind of damage to them."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import db.reports
from db.engine.database import Database
from graph import verification
from graph.object_store import ObjectStore
from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
SETTLED_AGAIN = "Each latest report equals its month settled again"
FILES = "The files of each report are in the bucket, with the bytes that were published."
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"


@pytest.fixture
async def nmi(api: Api, worker: None) -> str:
    """The NMI of a site of a VPP whose September has two revisions; the inputs of its August have changed since."""
    vpp_id, nmi = await api.create_vpp(daily_fee=0.3), new_nmi()
    await api.create_site(vpp_id, nmi=nmi, capacity_kwh=13.5)
    await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,50,35\n{nmi},2025-09-20,DISCHARGE,10,-35\n")
    await api.settle_month(vpp_id, "2025-08")
    await api.settle_month(vpp_id, "2025-09")
    for day, fee in (("2025-08-31", 0.2), ("2025-09-10", 0.1)):
        await api.execute(UPDATE_VPP, input={"id": vpp_id, "dailyFeeAud": fee, "effectiveFrom": day})
    await api.settle_month(vpp_id, "2025-09")
    return nmi


async def findings(session: AsyncSession, object_store: ObjectStore) -> dict[str, list[str]]:
    return {finding.sentence: finding.exceptions async for finding in verification.verify(session, object_store)}


async def latest_report_id(session: AsyncSession, nmi: str) -> UUID:
    """Return the id of the latest report of September with a line item of an NMI."""
    id = await session.scalar(
        text("""
            select id from revenue_reports join site_line_items on report_id = id
            where nmi = :nmi and month = '2025-09-01' order by revision desc limit 1
        """),
        {"nmi": nmi},
    )
    assert isinstance(id, UUID)
    return id


async def test_published_reports_pass(session: AsyncSession, object_store: ObjectStore, nmi: str) -> None:
    found = await findings(session, object_store)

    assert found == {f"{SETTLED_AGAIN}.": [], FILES: []}


async def test_a_forged_report_whose_inputs_have_changed_is_settled_again_from_the_numbers_that_it_stores(
    session: AsyncSession, object_store: ObjectStore, nmi: str
) -> None:
    await session.execute(text("alter table site_line_items disable trigger user"))
    id = await session.scalar(
        text("""
            update site_line_items set revenue_aud = 1, waived_fee_aud = 0 from revenue_reports
            where id = report_id and nmi = :nmi and month = '2025-08-01'
            returning id
        """),
        {"nmi": nmi},
    )

    found = await findings(session, object_store)

    assert [exception.partition("): ")[2] for exception in found[f"{SETTLED_AGAIN}."]] == [
        f"{nmi} revenue_aud is 1.00, settled again 0.00",
        f"{nmi} waived_fee_aud is 0.00, settled again 8.40",
    ]
    assert str(id) in found[f"{SETTLED_AGAIN}."][0]


async def test_a_report_without_numbers_whose_inputs_have_changed_is_counted(
    session: AsyncSession, object_store: ObjectStore, nmi: str
) -> None:
    await session.execute(text("alter table revenue_reports disable trigger user"))
    await session.execute(text("update revenue_reports set settled_spans = null where month = '2025-08-01'"))

    found = await findings(session, object_store)

    (sentence,) = [sentence for sentence in found if sentence.startswith(SETTLED_AGAIN)]
    assert sentence.endswith(" of version 0.2 whose inputs have changed.")


@pytest.mark.parametrize(
    ("forgery", "differences"),
    [
        (
            "update site_line_items set before_fees_aud = before_fees_aud + 1, event_share_aud = event_share_aud + 1,"
            " after_fees_aud = after_fees_aud + 1, revenue_aud = revenue_aud + 1 where report_id = :id;"
            " update revenue_reports set total_revenue_aud = total_revenue_aud + 1, site_total_aud = site_total_aud + 1"
            " where id = :id",
            [
                "total_revenue_aud is 18.50, settled again 17.50",
                "site_total_aud is 11.36, settled again 10.36",
                "NMI revenue_aud is 18.50, settled again 17.50",
                "NMI event_share_aud is 12.20, settled again 11.20",
                "NMI before_fees_aud is 15.00, settled again 14.00",
                "and 1 more",
            ],
        ),
        (
            "update site_line_items set address = '2 King St' where report_id = :id",
            ["NMI address is 2 King St, settled again 1 King St"],
        ),
        ("update revenue_reports set vpp_name = 'x' where id = :id", ["vpp_name is x, settled again VPP"]),
    ],
)
async def test_a_forged_report_whose_sums_add_up_is_reported(
    session: AsyncSession, object_store: ObjectStore, nmi: str, forgery: str, differences: list[str]
) -> None:
    id = await latest_report_id(session, nmi)
    for table in ("revenue_reports", "site_line_items"):
        await session.execute(text(f"alter table {table} disable trigger user"))
    for statement in forgery.split("; "):
        await session.execute(text(statement), {"id": id})

    found = await findings(session, object_store)

    (exceptions,) = [exceptions for sentence, exceptions in found.items() if sentence.startswith(SETTLED_AGAIN)]
    shown = [exception.partition("revision 2): ")[2] or exception for exception in exceptions]
    expected = [difference.replace("NMI", nmi) for difference in differences]
    assert len(shown) == len(expected)
    assert all(line.startswith(start) for line, start in zip(shown, expected, strict=True)), shown


async def test_missing_and_changed_files_are_reported_until_they_are_made_again(
    api: Api, database: Database, session: AsyncSession, object_store: ObjectStore, nmi: str
) -> None:
    id = await latest_report_id(session, nmi)
    report, _ = await db.reports.published(session, id=id)
    await object_store.delete(report.json_key)
    await object_store.write(report.csv_key, b"forged", content_type="text/csv")

    found = await findings(session, object_store)

    assert found[FILES] == [
        f"{report.json_key} is missing: the report's downloadUrl makes it again",
        f"{report.csv_key} is not what was published: delete it, and the report's downloadUrl makes it again",
    ]
    await object_store.delete(report.csv_key)
    links = "query ($id: ID!) { getRevenueReport(id: $id) { json: downloadUrl csv: downloadUrl(format: CSV) } }"
    await api.execute(links, id=str(id))
    assert (await findings(session, object_store))[FILES] == []
