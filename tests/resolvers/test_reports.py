from typing import Any

import pytest

from db.engine.database import Database
from graph.settlement.nmi import check_digit
from tests.fixtures.api import Api, new_nmi
from tests.fixtures.line_items import forget_steps

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
ASSIGN = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"
UNASSIGN = "mutation ($input: UnassignSiteInput!) { unassignSite(input: $input) { id } }"
LINE_ITEMS = """query ($id: ID!) { getRevenueReport(id: $id) { lineItems { items {
    memberDays eventShareAud capacityShareAud beforeFeesAud dailyFeeAud afterFeesAud
} } } }"""
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"
SIMULATE = """query ($input: SimulateRevenueReportInput!) { simulateRevenueReport(input: $input) {
    vpp { id } month
    totals { totalRevenueAud adValoremFeeAud dailyFeesAud costOnlyAud vppTotalAud siteTotalAud }
    lineItems { nmi afterFeesAud site { nmi } }
} }"""


def totals(report: Any) -> list[str]:
    """Return a report's totals in order: revenue, ad valorem fee, daily fees, cost-only, VPP, sites."""
    return list(report["totals"].values())


def after_fees(report: Any) -> dict[str, str]:
    return {item["nmi"]: item["afterFeesAud"] for item in report["lineItems"]["items"]}


async def vpp_of_one_site(api: Api, *events: str, **terms: Any) -> tuple[str, str]:
    """Create a VPP with a site of 13.5 kWh and events, each `DATE,EVENT_TYPE,ENERGY,TARIFF`; return its id and NMI."""
    vpp_id, nmi = await api.create_vpp(**terms), new_nmi()
    await api.create_site(vpp_id, nmi=nmi, capacity_kwh=13.5)
    if events:
        imported = await api.import_file(HEADER + "".join(f"{nmi},{event}\n" for event in events))
        assert imported["rowsImported"] == len(events)
    return vpp_id, nmi


@pytest.mark.parametrize(
    ("events", "terms", "expected"),
    [
        (["2025-09-03,DISCHARGE,5,35"], {"daily_fee": 0.3}, ["1.75", "0.35", "1.40", "0.00", "1.75", "0.00"]),
        (
            ["2025-09-03,DISCHARGE,10,500"],
            {"percentage": 10, "daily_fee": 0.5},
            ["50.00", "5.00", "14.00", "0.00", "19.00", "31.00"],
        ),
        (["2025-09-03,DISCHARGE,10,-20"], {}, ["0.00", "0.00", "0.00", "-2.00", "-2.00", "0.00"]),
        (["2025-09-03,CHARGE,10,20"], {}, ["-2.00", "-0.40", "0.00", "0.00", "-0.40", "-1.60"]),
        ([], {"daily_fee": 0.3}, ["0.00"] * 6),
    ],
)
async def test_month_of_one_site_has_the_expected_totals(
    api: Api, worker: None, events: list[str], terms: dict[str, float], expected: list[str]
) -> None:
    vpp_id, _ = await vpp_of_one_site(api, *events, **terms)

    report = await api.settle_month(vpp_id, "2025-09")

    assert (report["status"], report["revision"], report["isLatest"], report["isStale"]) == ("READY", 1, True, False)
    assert totals(report) == expected


async def test_report_of_a_vpp_without_sites_has_zero_totals(api: Api, worker: None) -> None:
    report = await api.settle_month(await api.create_vpp(), "2025-09")

    assert (report["status"], report["lineItems"]["items"]) == ("READY", [])
    assert totals(report) == ["0.00"] * 6


async def test_a_report_is_pending_until_a_worker_settles_it(api: Api) -> None:
    report = await api.execute(
        """mutation ($id: ID!) { generateRevenueReport(input: {vppId: $id, month: "2025-09"}) {
            status revision isLatest isStale totals { vppTotalAud } terms { from } lineItems { items { nmi } }
            lineItem(nmi: "9876543210") { nmi } downloadUrl
        } }""",
        id=await api.create_vpp(),
    )

    assert report == {
        "status": "PENDING",
        "revision": 1,
        "isLatest": True,
        "isStale": False,
        "totals": None,
        "terms": None,
        "lineItems": {"items": []},
        "lineItem": None,
        "downloadUrl": None,
    }


async def test_second_request_without_changes_returns_the_same_revision(api: Api, worker: None) -> None:
    vpp_id, _ = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,5,35")
    first = await api.settle_month(vpp_id, "2025-09")

    assert await api.settle_month(vpp_id, "2025-09") == first


@pytest.mark.parametrize(
    ("change", "input_"),
    [
        (UPDATE_VPP, {"revenuePercentage": 25, "forAllTime": True}),
        (UPDATE_VPP, {"dailyFeeAud": 1, "effectiveFrom": "2025-09-30"}),
        (UPDATE_VPP, {"name": "Another name altogether"}),
    ],
)
async def test_changed_input_makes_a_report_stale_and_the_next_one_a_new_revision(
    api: Api, worker: None, change: str, input_: dict[str, Any]
) -> None:
    vpp_id, _ = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,5,35")
    first = await api.settle_month(vpp_id, "2025-09")

    await api.execute(change, input={"id": vpp_id, **input_})

    assert (await api.wait_for_report(first["id"]))["isStale"] is True
    second = await api.settle_month(vpp_id, "2025-09")
    assert (second["revision"], second["isLatest"], second["isStale"]) == (2, True, False)
    before = await api.wait_for_report(first["id"])
    assert before["isLatest"] is False
    assert (before["totals"], before["lineItems"]) == (first["totals"], first["lineItems"])


async def test_a_change_outside_the_month_leaves_its_report_as_it_is(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,5,35")
    first = await api.settle_month(vpp_id, "2025-09")

    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 25, "effectiveFrom": "2025-10-01"})
    await api.import_file(HEADER + f"{nmi},2025-10-01,DISCHARGE,5,35\n")

    assert (await api.wait_for_report(first["id"]))["isStale"] is False
    assert (await api.settle_month(vpp_id, "2025-09"))["id"] == first["id"]


async def test_a_reverted_import_makes_its_months_stale(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(api)
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,5,35\n")
    first = await api.settle_month(vpp_id, "2025-09")

    await api.execute("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=imported["id"])

    assert (await api.wait_for_report(first["id"]))["isStale"] is True
    assert totals(await api.settle_month(vpp_id, "2025-09")) == ["0.00"] * 6


async def test_duplicates_do_not_count_in_a_report(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,5,35")
    await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,5,35\n{nmi},2025-09-20,DISCHARGE,5,35\n")

    assert totals(await api.settle_month(vpp_id, "2025-09"))[0] == "3.50"


async def test_price_change_within_a_month_divides_its_events_by_day(api: Api, worker: None) -> None:
    vpp_id, _ = await vpp_of_one_site(
        api, "2025-09-15,DISCHARGE,10,100", "2025-09-16,DISCHARGE,10,100", "2025-09-17,DISCHARGE,10,-10"
    )
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50, "effectiveFrom": "2025-09-16"})

    # The ad valorem fee is 20 % of 10.00 until 15 September and 50 % of 10.00 from then on: 7.00.
    assert totals(await api.settle_month(vpp_id, "2025-09")) == ["20.00", "7.00", "0.00", "-1.00", "6.00", "13.00"]


async def test_event_counts_for_the_vpp_of_its_site_on_its_day(api: Api, worker: None) -> None:
    before, after, nmi = await api.create_vpp(), await api.create_vpp(), new_nmi()
    site_id = await api.create_site(before, nmi=nmi)
    await api.execute(ASSIGN, input={"siteId": site_id, "vppId": after, "effectiveFrom": "2025-09-16"})
    await api.import_file(HEADER + f"{nmi},2025-09-15,DISCHARGE,10,100\n{nmi},2025-09-16,DISCHARGE,10,200\n")

    assert after_fees(await api.settle_month(before, "2025-09")) == {nmi: "8.00"}
    assert after_fees(await api.settle_month(after, "2025-09")) == {nmi: "16.00"}


# September has 30 days, and the VPP takes 20 % and a daily fee of 0.30. Site A leaves on 21 September, to no other VPP.
# Both sites have 13.5 kWh. All amounts are in AUD.
#
#   1 to 20 September (20 days): A earns 100.00
#     ad valorem fee        20 % of 100.00                     20.00
#     event share           80 % of the rest of 80.00          A 64.00
#     capacity share        20 % of 80.00 = 16.00, halved      A  8.00    B  8.00
#     daily fee due         0.30 x 28 x 20 / 30                A  5.60    B  5.60
#   21 to 30 September (10 days): B earns 40.00, and A's 50.00 count in no report
#     ad valorem fee        20 % of 40.00                      8.00
#     event share           80 % of the rest of 32.00                     B 25.60
#     capacity share        20 % of 32.00 = 6.40, to B alone              B  6.40
#     daily fee due         0.30 x 28 x 10 / 30                           B  2.80
#   in all: revenue 140.00; ad valorem fee 28.00; A 72.00 - 5.60; B 40.00 - 8.40
async def test_site_that_leaves_within_a_month_shares_in_the_days_before(api: Api, worker: None) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)
    nmi_a, nmi_b = new_nmi(), new_nmi()
    site_a = await api.create_site(vpp_id, nmi=nmi_a, capacity_kwh=13.5)
    await api.create_site(vpp_id, nmi=nmi_b, capacity_kwh=13.5)
    rows = (f"{nmi_a},2025-09-20", "10,1000"), (f"{nmi_a},2025-09-21", "5,1000"), (f"{nmi_b},2025-09-21", "4,1000")
    await api.import_file(HEADER + "".join(f"{site_day},DISCHARGE,{values}\n" for site_day, values in rows))
    with_both = await api.settle_month(vpp_id, "2025-09")

    await api.execute(UNASSIGN, input={"siteId": site_a, "effectiveFrom": "2025-09-21"})

    assert totals(with_both)[0] == "190.00"
    assert (await api.wait_for_report(with_both["id"]))["isStale"] is True
    september, october = [await api.settle_month(vpp_id, month) for month in ("2025-09", "2025-10")]
    assert (september["revision"], totals(september)) == (2, ["140.00", "28.00", "14.00", "0.00", "42.00", "98.00"])
    assert after_fees(september) == {nmi_a: "66.40", nmi_b: "31.60"}
    lines = await api.execute(LINE_ITEMS, id=september["id"])
    assert [tuple(line.values()) for line in lines["lineItems"]["items"]] == [
        # days, event share, capacity share, before fees, daily fee, after fees
        (20, "64.00", "8.00", "72.00", "5.60", "66.40"),
        (30, "25.60", "14.40", "40.00", "8.40", "31.60"),
    ]
    assert after_fees(october) == {nmi_b: "0.00"}


# The site has 20 of September's 30 days: 10.00 until 20 September count, 5.00 from 21 September on do not.
# Ad valorem fee 20 % of 10.00 = 2.00; event and capacity share 8.00; daily fee 0.30 x 28 x 20 / 30 = 5.60.
async def test_vpp_whose_only_site_leaves_settles_the_days_before(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(
        api, "2025-09-20,DISCHARGE,10,100", "2025-09-21,DISCHARGE,5,100", "2025-09-22,DISCHARGE,5,-100", daily_fee=0.3
    )
    site = await api.execute("query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { id } }", nmi=nmi)

    await api.execute(UNASSIGN, input={"siteId": site["id"], "effectiveFrom": "2025-09-21"})

    report = await api.settle_month(vpp_id, "2025-09")
    assert totals(report) == ["10.00", "2.00", "5.60", "0.00", "7.60", "2.40"]
    assert after_fees(report) == {nmi: "2.40"}


async def test_a_removed_battery_still_counts_in_earlier_months(api: Api, worker: None) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=10)
    await api.execute(
        "mutation ($input: RemoveBatteryInput!) { removeBattery(input: $input) { id } }",
        input={"id": battery_id, "effectiveFrom": "2025-10-01"},
    )

    september, october = [await api.settle_month(vpp_id, month) for month in ("2025-09", "2025-10")]

    assert september["lineItems"]["items"][0]["capacityKwh"] == 10.0
    assert october["lineItems"]["items"][0]["capacityKwh"] == 0.0


async def test_simulation_with_other_terms_stores_no_report(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,10,100", daily_fee=0.3)

    with_own_terms = await api.execute(SIMULATE, input={"vppId": vpp_id, "month": "2025-09"})
    with_other_terms = await api.execute(
        SIMULATE, input={"vppId": vpp_id, "month": "2025-09", "revenuePercentage": 50, "dailyFeeAud": 0}
    )

    assert totals(with_own_terms) == ["10.00", "2.00", "8.00", "0.00", "10.00", "0.00"]
    assert totals(with_other_terms) == ["10.00", "5.00", "0.00", "0.00", "5.00", "5.00"]
    assert with_other_terms["lineItems"] == [{"nmi": nmi, "afterFeesAud": "5.00", "site": {"nmi": nmi}}]
    listed = await api.execute(
        "query ($id: ID!) { listRevenueReports(filter: {vppId: $id}) { items { id } } }", id=vpp_id
    )
    assert listed == {"items": []}


@pytest.mark.parametrize("month", ["2025-13", "2025-9", "September", "2025-09-01", ""])
async def test_invalid_month_is_refused(api: Api, month: str) -> None:
    vpp_id = await api.create_vpp()

    for document, field in [
        ("mutation ($m: String!, $v: ID!) { generateRevenueReport(input: {vppId: $v, month: $m}) { id } }", "input"),
        ("query ($m: String!, $v: ID!) { simulateRevenueReport(input: {vppId: $v, month: $m}) { month } }", "input"),
        ("query ($m: String!, $v: ID!) { listRevenueReports(filter: {vppId: $v, month: $m}) { nextToken } }", "filter"),
    ]:
        error_type, path, message = await api.refusal(document, m=month, v=vpp_id)
        assert (error_type, path) == ("ValidationFailed", [field, "month"])
        assert "YYYY-MM" in message


@pytest.mark.parametrize(
    ("simulated", "field"),
    [({"revenuePercentage": 101}, "revenuePercentage"), ({"dailyFeeAud": -0.01}, "dailyFeeAud")],
)
async def test_simulated_terms_out_of_range_are_refused(api: Api, simulated: dict[str, float], field: str) -> None:
    input_ = {"vppId": await api.create_vpp(), "month": "2025-09", **simulated}

    assert (await api.refusal(SIMULATE, input=input_))[:2] == ("ValidationFailed", ["input", field])


async def test_superseded_revisions_are_listed_only_on_request(api: Api, worker: None) -> None:
    vpp_id, _ = await vpp_of_one_site(api)
    await api.settle_month(vpp_id, "2025-09")
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 25, "forAllTime": True})
    await api.settle_month(vpp_id, "2025-09")
    await api.settle_month(vpp_id, "2025-08")
    document = """query ($filter: RevenueReportFilterInput) {
        listRevenueReports(filter: $filter) { items { month revision vpp { id } } } }"""

    latest = await api.execute(document, filter={"vppId": vpp_id})
    all_revisions = await api.execute(document, filter={"vppId": vpp_id, "latestOnly": False})
    reports_of_vpp = await api.execute(
        "query ($id: ID!) { getVpp(id: $id) { revenueReports { items { month revision } } } }", id=vpp_id
    )

    assert [(item["month"], item["revision"]) for item in latest["items"]] == [("2025-08", 1), ("2025-09", 2)]
    assert [(item["month"], item["revision"]) for item in all_revisions["items"]] == [
        ("2025-08", 1),
        ("2025-09", 2),
        ("2025-09", 1),
    ]
    assert [tuple(item.values()) for item in reports_of_vpp["revenueReports"]["items"]] == [
        ("2025-09", 2),
        ("2025-09", 1),
        ("2025-08", 1),
    ]


async def test_a_site_deleted_later_keeps_its_line_item(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(api)
    report = await api.settle_month(vpp_id, "2025-09")
    site = await api.execute("query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { id } }", nmi=nmi)

    await api.execute("mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }", id=site["id"])

    stored = await api.execute(
        "query ($id: ID!) { getRevenueReport(id: $id) { lineItems { items { nmi address site { id } } } } }",
        id=report["id"],
    )
    assert stored["lineItems"]["items"] == [{"nmi": nmi, "address": "1 King St", "site": None}]


EXPLAIN = """query ($id: ID!, $nmi: String!) { getRevenueReport(id: $id) {
    terms { from until revenuePercentage dailyFeeAud }
    lineItem(nmi: $nmi) { nmi afterFeesAud
        steps { rule formula exactAud amountAud spans { from until formula exactAud } }
    }
} }"""


async def test_steps_and_terms_of_a_report_stay_as_they_were_settled(api: Api, worker: None) -> None:
    vpp_id, nmi = await vpp_of_one_site(
        api, "2025-09-10,DISCHARGE,10,95.5", "2025-09-20,DISCHARGE,10,90", daily_fee=0.1
    )
    changed = {"revenuePercentage": 30, "dailyFeeAud": 0.05, "effectiveFrom": "2025-09-16"}
    await api.execute(UPDATE_VPP, input={"id": vpp_id, **changed})
    report = await api.settle_month(vpp_id, "2025-09")

    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 60, "dailyFeeAud": 1, "forAllTime": True})
    await api.import_file(HEADER + f"{nmi},2025-09-11,DISCHARGE,10,100\n")

    explained = await api.execute(EXPLAIN, id=report["id"], nmi=f"{nmi}{check_digit(nmi)}")
    first, second = (
        {"from": "2025-09-01", "until": "2025-09-16"},
        {"from": "2025-09-16", "until": "2025-10-01"},
    )
    assert explained["terms"] == [
        {**first, "revenuePercentage": 20.0, "dailyFeeAud": 0.1},
        {**second, "revenuePercentage": 30.0, "dailyFeeAud": 0.05},
    ]
    line = explained["lineItem"]
    assert (line["nmi"], line["afterFeesAud"]) == (nmi, "11.84")
    assert [tuple(step.values())[:4] for step in line["steps"]] == [
        ("REVENUE", "9.55 + 9.00", "18.55", "18.55"),
        ("AD_VALOREM_FEE", "9.55 × 20 % + 9.00 × 30 %", "4.61", "4.61"),
        ("REST", "9.55 − 1.91 + 9.00 − 2.70", "13.94", "13.94"),
        ("EVENT_SHARE", "7.64 × 80 % + 6.30 × 80 %", "11.152", "11.15"),
        ("CAPACITY_SHARE", "1.528 × 13.5 ÷ 13.5 + 1.26 × 13.5 ÷ 13.5", "2.788", "2.79"),
        ("DAILY_FEE_DUE", "0.10 × 28 × 15 ÷ 30 + 0.05 × 28 × 15 ÷ 30", "2.10", "2.10"),
        ("BEFORE_FEES", "11.152 + 2.788", "13.94", "13.94"),
        ("DAILY_FEE_TAKEN", "min(2.10, max(0.00, 13.94))", "2.10", "2.10"),
        ("WAIVED_FEE", "2.10 − 2.10", "0.00", "0.00"),
        ("AFTER_FEES", "13.94 − 2.10", "11.84", "11.84"),
    ]
    assert line["steps"][1]["spans"] == [
        {**first, "formula": "9.55 × 20 %", "exactAud": "1.91"},
        {**second, "formula": "9.00 × 30 %", "exactAud": "2.70"},
    ]
    assert line["steps"][-1]["spans"] == []


async def test_a_member_sees_the_steps_of_its_own_line_without_the_pool(api: Api, worker: None) -> None:
    vpp_id = await api.create_vpp(daily_fee=0.3)
    own, other = new_nmi(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=own, capacity_kwh=9)
    await api.create_site(vpp_id, nmi=other, capacity_kwh=18)
    await api.import_file(HEADER + f"{own},2025-09-03,DISCHARGE,100,100\n{other},2025-09-03,DISCHARGE,100,301\n")
    report = await api.settle_month(vpp_id, "2025-09")
    member = await api.as_role("MEMBER", siteIds=[site_id])

    explained = await member.execute(EXPLAIN, id=report["id"], nmi=own)

    seen_by_all = await api.execute(EXPLAIN, id=report["id"], nmi=own)
    formulas = {step["rule"]: step["formula"] for step in explained["lineItem"]["steps"]}
    assert formulas["EVENT_SHARE"] == "80.00 × 80 %"
    assert formulas["CAPACITY_SHARE"] == "1604/75"
    assert [step["formula"] for step in seen_by_all["lineItem"]["steps"]][4] == "64.16 × 9 ÷ 27"
    values = [
        [(step["rule"], step["exactAud"], step["amountAud"]) for step in each["lineItem"]["steps"]]
        for each in (explained, seen_by_all)
    ]
    assert values[0] == values[1]
    assert explained["terms"] == seen_by_all["terms"]
    assert (await member.execute(EXPLAIN, id=report["id"], nmi=other))["lineItem"] is None


async def test_line_settled_before_steps_were_kept_has_none(api: Api, worker: None, database: Database) -> None:
    vpp_id, nmi = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,5,35", daily_fee=0.3)
    report = await api.settle_month(vpp_id, "2025-09")
    await forget_steps(database, nmi)

    explained = await api.execute(EXPLAIN, id=report["id"], nmi=nmi)

    assert explained["terms"] == [
        {"from": "2025-09-01", "until": "2025-10-01", "revenuePercentage": 20.0, "dailyFeeAud": 0.3}
    ]
    assert explained["lineItem"] == {"nmi": nmi, "afterFeesAud": "0.00", "steps": None}


async def test_simulated_lines_have_steps(api: Api, worker: None) -> None:
    vpp_id, _ = await vpp_of_one_site(api, "2025-09-03,DISCHARGE,5,35", daily_fee=0.3)

    simulated = await api.execute(
        """query ($input: SimulateRevenueReportInput!) { simulateRevenueReport(input: $input) {
            lineItems { nmi steps { rule formula exactAud amountAud } }
        } }""",
        input={"vppId": vpp_id, "month": "2025-09", "revenuePercentage": 50},
    )

    [line] = simulated["lineItems"]
    assert [tuple(step.values()) for step in line["steps"]][1:5] == [
        ("AD_VALOREM_FEE", "1.75 × 50 %", "0.875", "0.88"),
        ("REST", "1.75 − 0.875", "0.875", "0.87"),
        ("EVENT_SHARE", "0.875 × 80 %", "0.70", "0.70"),
        ("CAPACITY_SHARE", "0.175 × 13.5 ÷ 13.5", "0.175", "0.17"),
    ]


async def test_line_item_of_a_malformed_nmi_is_refused(api: Api, worker: None) -> None:
    report = await api.settle_month(await api.create_vpp(), "2025-09")

    kind, field, message = await api.refusal(EXPLAIN, id=report["id"], nmi="12")

    assert (kind, field) == ("ValidationFailed", ["nmi"])
    assert message == "An NMI has 10 characters, or 11 with its check digit; this text has 2."
