"""The files behind `downloadUrl`: a missing one is made again, byte for byte, from the stored figures."""

from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

import db.reports
from db.engine.database import Database
from graph import report_files
from graph.object_store import ObjectStore
from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
LINKS = """query ($id: ID!) { getRevenueReport(id: $id) { json: downloadUrl csv: downloadUrl(format: CSV) } }"""
# A report as version 0.2 stored it: its files have the keys of all attempts, which the row does not name.
COPY_WITHOUT_FILES = """
    insert into revenue_reports
    select (jsonb_populate_record(
        reports,
        '{"id": "%s", "revision": 2, "json_key": null, "json_sha256": null, "csv_key": null, "csv_sha256": null}'
    )).*
    from revenue_reports reports
    where id = '%s'
"""


def key_in(link: str) -> str:
    """Return the key of the object that a presigned link leads to."""
    return unquote(urlsplit(link).path).split("/", 2)[2]


@pytest.fixture
async def report_id(api: Api, worker: None) -> str:
    """A report of two sites, in three spans, with addresses that need quotes and that are not ASCII."""
    vpp_id = await api.create_vpp(percentage=12.345678, daily_fee=0.000001)
    nmis = [new_nmi(), new_nmi()]
    for nmi, address in zip(nmis, ('1 King St, "Flat" 2', "Zürichstraße 3 🔋"), strict=True):
        await api.create_site(vpp_id, nmi=nmi, capacity_kwh=13.5, address=address)
    for day, fee in (("2025-09-03", 0.5), ("2025-09-20", 1)):
        await api.execute(
            "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }",
            input={"id": vpp_id, "dailyFeeAud": fee, "effectiveFrom": day},
        )
    rows = [f"{nmi},2025-09-{day},DISCHARGE,{day}.000001,33.3\n" for nmi in nmis for day in ("02", "10", "25")]
    await api.import_file(HEADER + "".join(rows))
    return str((await api.settle_month(vpp_id, "2025-09"))["id"])


async def read_files(api: Api, report_id: str) -> dict[str, Any]:
    """Return the bytes of both files of a report."""
    responses = {name: await api.s3.get(link) for name, link in (await api.execute(LINKS, id=report_id)).items()}
    assert [response.status_code for response in responses.values()] == [200, 200]
    return {name: response.content for name, response in responses.items()}


async def delete_files(api: Api, object_store: ObjectStore, report_id: str) -> None:
    for link in (await api.execute(LINKS, id=report_id)).values():
        await object_store.delete(key_in(link))
        assert (await api.s3.get(link)).status_code == 404


async def test_missing_files_are_made_again_byte_for_byte(api: Api, object_store: ObjectStore, report_id: str) -> None:
    before = await read_files(api, report_id)
    await delete_files(api, object_store, report_id)

    assert await read_files(api, report_id) == before


async def test_a_reader_of_one_vpp_gets_a_file_that_is_made_again_whole(
    api: Api, object_store: ObjectStore, report_id: str
) -> None:
    before = await read_files(api, report_id)
    report = await api.execute("query ($id: ID!) { getRevenueReport(id: $id) { vpp { id } } }", id=report_id)
    reader = await api.as_role("READER", vppIds=[report["vpp"]["id"]])
    await delete_files(api, object_store, report_id)

    assert await read_files(reader, report_id) == before


async def test_a_file_that_would_differ_from_the_published_one_is_not_made(
    api: Api, object_store: ObjectStore, report_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = (await api.execute(LINKS, id=report_id))["csv"]
    await object_store.delete(key_in(link))
    monkeypatch.setattr(report_files, "line_items_csv", lambda _: b"another format")

    refusal = await api.refusal(
        "query ($id: ID!) { getRevenueReport(id: $id) { downloadUrl(format: CSV) } }", id=report_id
    )

    assert refusal == (
        "Conflict",
        None,
        f"{key_in(link)} is missing, and the stored figures no longer make the same file: restore it from a backup of"
        " the bucket.",
    )
    assert (await api.s3.get(link)).status_code == 404


async def test_files_of_version_0_2_are_found_and_made_again(
    api: Api, database: Database, object_store: ObjectStore, report_id: str
) -> None:
    old_id = UUID(int=7)
    async with database.transaction() as session:
        await session.execute(text(COPY_WITHOUT_FILES % (old_id, report_id)))
    await object_store.write(f"reports/{old_id}/vpp_report.json", b"published", content_type="application/json")

    files = await read_files(api, str(old_id))

    async with database.transaction() as session:
        row, line_items = await db.reports.published(session, id=old_id)
    csv = report_files.line_items_csv(report_files.stored_figures(row, line_items))
    assert files == {"json": b"published", "csv": csv}
    assert await object_store.find(f"reports/{old_id}/vpp_report.csv") is not None


async def test_csv_file_has_a_byte_order_mark_and_no_formulas_and_is_named_by_vpp_month_and_revision(
    api: Api, worker: None
) -> None:
    vpp_id, nmis = await api.create_vpp(name="North/Süd VPP: 1", percentage=0), [new_nmi(), new_nmi()]
    for nmi, address in zip(nmis, ('=HYPERLINK("http://example.invalid","statement")', "1 King St = -5"), strict=True):
        await api.create_site(vpp_id, nmi=nmi, address=address)
    await api.import_file(HEADER + f"{nmis[0]},2025-09-02,CHARGE,10,20\n")
    report_id = (await api.settle_month(vpp_id, "2025-09"))["id"]

    links = await api.execute(LINKS, id=report_id)
    csv, json = [await api.s3.get(links[name]) for name in ("csv", "json")]

    assert csv.content.startswith(b"\xef\xbb\xbfnmi,address,")
    assert [line.split(",0.000000,30,")[0] for line in csv.content.decode().splitlines()[1:]] == [
        f"""{nmis[0]},"'=HYPERLINK(""http://example.invalid"",""statement"")\"""",
        f"{nmis[1]},1 King St = -5",
    ]
    assert ",-2.00," in csv.text
    assert json.json()["sites"][nmis[0]]["address"] == '=HYPERLINK("http://example.invalid","statement")'
    assert [file.headers["Content-Disposition"].rpartition("''")[2] for file in (csv, json)] == [
        f"North_S%C3%BCd_VPP_1_2025-09_revision_1.{ending}" for ending in ("csv", "json")
    ]
