"""A month through the public API alone: from a new VPP to its report, and to the report's second revision."""

import csv
import io
from typing import Any

from tests.fixtures.api import Api, new_nmi
from tests.fixtures.graphql_transport_ws import Socket

REPORT = """
fragment Report on RevenueReport {
  id revision isLatest isStale status
  totals { totalRevenueAud adValoremFeeAud dailyFeesAud costOnlyAud vppTotalAud siteTotalAud }
  lineItems { items { nmi memberDays beforeFeesAud dailyFeeAud afterFeesAud } nextToken }
  downloadUrl
  csvUrl: downloadUrl(format: CSV)
}
"""


async def settle(api: Api, socket: Socket, vpp_id: str, month: str) -> Any:
    """Settle a month, wait by subscription until the report is ready, and return it."""
    report = await api.execute(
        "mutation ($input: GenerateRevenueReportInput!) { generateRevenueReport(input: $input) { id status } }",
        input={"vppId": vpp_id, "month": month},
    )
    states = socket.subscribe("subscription ($id: ID!) { onRevenueReport(id: $id) { status } }", id=report["id"])
    async for state in states:
        if state["data"]["onRevenueReport"]["status"] != "PENDING":
            break
    return await report_of(api, report["id"])


async def report_of(api: Api, report_id: str) -> Any:
    return await api.execute("query ($id: ID!) { getRevenueReport(id: $id) { ...Report } }" + REPORT, id=report_id)


async def test_a_month_is_imported_settled_corrected_and_settled_again(served_api: Api, socket: Socket) -> None:
    api = served_api

    # Two VPPs; two sites of 13.5 kWh in the first.
    vpp_id, other_vpp_id = await api.create_vpp(daily_fee=0.3), await api.create_vpp(daily_fee=0.3)
    nmi_a, nmi_b = new_nmi(), new_nmi()
    await api.create_site(vpp_id, nmi=nmi_a, capacity_kwh=13.5)
    site_b = await api.create_site(vpp_id, nmi=nmi_b, capacity_kwh=13.5)

    # A file with three invalid rows, uploaded by its presigned link.
    upload = await api.execute(
        """mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "september.csv"}) {
            import { id status } uploadUrl
        } }"""
    )
    import_id = upload["import"]["id"]
    file = "\r\n".join(
        [
            "nmi,date,event_type,energy,tariff",
            f"{nmi_a},2025-09-03,DISCHARGE,100,50",
            f"{nmi_a},2025-09-31,DISCHARGE,100,50",
            f"{nmi_a},2025-09-20,DISCHARGE,100,50",
            f"{nmi_b},2025-09-20,EXPLODE,1,50",
            f'{nmi_b},2025-09-21,CHARGE,"1.0000001",50',
            f"{nmi_b},2025-09-22,DISCHARGE,10,-20",
            "",
        ]
    )
    assert (await api.s3.put(upload["uploadUrl"], content=file.encode())).status_code == 200

    # The import's progress, over the WebSocket, from before its start to its end.
    progress = []
    async for payload in socket.subscribe(
        """subscription ($id: ID!) { onImportProgress(id: $id) {
            status percentComplete rowsRead rowsImported rowsRejected
        } }""",
        id=import_id,
    ):
        progress.append(payload["data"]["onImportProgress"])
        if len(progress) == 1:
            await api.execute("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
        if progress[-1]["status"] == "COMPLETED":
            break
    assert progress[0] == {
        "status": "AWAITING_UPLOAD",
        "percentComplete": None,
        "rowsRead": 0,
        "rowsImported": 0,
        "rowsRejected": 0,
    }
    assert progress[-1] == {
        "status": "COMPLETED",
        "percentComplete": 100.0,
        "rowsRead": 6,
        "rowsImported": 3,
        "rowsRejected": 3,
    }

    # The rejected rows, as a list and as a file.
    imported = await api.execute(
        """query ($id: ID!) { getImport(id: $id) {
            rejectionsUrl rejections { items { lineNumber column code row } }
        } }""",
        id=import_id,
    )
    assert [(row["lineNumber"], row["column"], row["code"]) for row in imported["rejections"]["items"]] == [
        (3, "DATE", "MALFORMED_DATE"),
        (5, "EVENT_TYPE", "UNKNOWN_EVENT_TYPE"),
        (6, "ENERGY", "MALFORMED_NUMBER"),
    ]
    rejected = (await api.s3.get(imported["rejectionsUrl"])).content
    header, *rows = csv.reader(io.StringIO(rejected.decode("utf-8-sig")))
    assert header == ["nmi", "date", "event_type", "energy", "tariff", "REASON"]
    assert [row[:5] for row in rows] == [
        [nmi_a, "2025-09-31", "DISCHARGE", "100", "50"],
        [nmi_b, "2025-09-20", "EXPLODE", "1", "50"],
        [nmi_b, "2025-09-21", "CHARGE", "1.0000001", "50"],
    ]

    # The report. Site A earned 100.00. After the fee of 20 % 80.00 remain: 64.00 for A, 16.00 shared by capacity.
    first = await settle(api, socket, vpp_id, "2025-09")
    assert first["revision"] == 1
    assert first["totals"] == {
        "totalRevenueAud": "100.00",
        "adValoremFeeAud": "20.00",
        "dailyFeesAud": "16.40",
        "costOnlyAud": "-2.00",
        "vppTotalAud": "34.40",
        "siteTotalAud": "63.60",
    }
    assert first["lineItems"] == {
        "items": [
            {
                "nmi": nmi_a,
                "memberDays": 30,
                "beforeFeesAud": "72.00",
                "dailyFeeAud": "8.40",
                "afterFeesAud": "63.60",
            },
            {
                "nmi": nmi_b,
                "memberDays": 30,
                "beforeFeesAud": "8.00",
                "dailyFeeAud": "8.00",
                "afterFeesAud": "0.00",
            },
        ],
        "nextToken": None,
    }

    # The report's files, as JSON and as CSV.
    downloaded = (await api.s3.get(first["downloadUrl"])).json()
    assert downloaded["totals"]["total_revenue"] == 100.0
    assert downloaded["sites"][nmi_b]["site_revenue_after_fees"] == 0.0
    lines = list(csv.DictReader(io.StringIO((await api.s3.get(first["csvUrl"])).content.decode("utf-8-sig"))))
    assert [(line["nmi"], line["after_fees_aud"]) for line in lines] == [(nmi_a, "63.60"), (nmi_b, "0.00")]

    # Settling again with nothing changed returns the same revision.
    assert (await settle(api, socket, vpp_id, "2025-09"))["id"] == first["id"]

    # Site B moves to the other VPP from the 16th on, so the second half of its September counts there.
    await api.execute(
        "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }",
        input={"siteId": site_b, "vppId": other_vpp_id, "effectiveFrom": "2025-09-16"},
    )
    assert (await report_of(api, first["id"]))["isStale"] is True
    second = await settle(api, socket, vpp_id, "2025-09")

    # To the 15th: A earned 50.00, of which 40.00 remain: 32.00 for A, and 4.00 for each site by capacity. From the 16th
    # A is the only site, and keeps all 40.00 that remain.
    assert second["revision"] == 2
    assert second["totals"] == {
        "totalRevenueAud": "100.00",
        "adValoremFeeAud": "20.00",
        "dailyFeesAud": "12.40",
        "costOnlyAud": "0.00",
        "vppTotalAud": "32.40",
        "siteTotalAud": "67.60",
    }
    assert second["lineItems"]["items"] == [
        {"nmi": nmi_a, "memberDays": 30, "beforeFeesAud": "76.00", "dailyFeeAud": "8.40", "afterFeesAud": "67.60"},
        {"nmi": nmi_b, "memberDays": 15, "beforeFeesAud": "4.00", "dailyFeeAud": "4.00", "afterFeesAud": "0.00"},
    ]

    # The first revision is unchanged, except that it is no longer the latest.
    again = await report_of(api, first["id"])
    assert (again["isLatest"], again["isStale"]) == (False, True)
    assert (again["totals"], again["lineItems"]) == (first["totals"], first["lineItems"])
    assert (await api.s3.get(again["downloadUrl"])).json() == downloaded
