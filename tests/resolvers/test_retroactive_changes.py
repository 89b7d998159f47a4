"""A change without effectiveFrom never rewrites a history or a settled month, unless forAllTime is true."""

from typing import Any

import pytest

from tests.fixtures.api import Api, new_name, new_nmi

UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { revenuePercentage dailyFeeAud } }"
ASSIGN = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { vpp { id } } }"
UNASSIGN = "mutation ($input: UnassignSiteInput!) { unassignSite(input: $input) { id } }"
UPDATE_BATTERY = "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { capacityKwh } }"
REMOVE_BATTERY = "mutation ($input: RemoveBatteryInput!) { removeBattery(input: $input) { id } }"
DAY = ["input", "effectiveFrom"]


def would_rewrite(history: str) -> tuple[str, list[str], str]:
    message = f"Without effectiveFrom this would rewrite {history}; send effectiveFrom, or forAllTime: true"
    return "Conflict", DAY, f"{message} to rewrite them."


async def refused_and_unchanged(api: Api, document: str, **input: Any) -> tuple[str, Any, str]:
    """Send a mutation that must fail and must change nothing, and return its refusal."""
    before = await api.fleet_snapshot()
    refusal = await api.refusal(document, input=input)
    assert await api.fleet_snapshot() == before
    return refusal


async def test_terms_without_a_history_and_reports_can_be_corrected(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20)

    corrected = await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 25})

    assert corrected["revenuePercentage"] == 25


async def test_terms_with_a_history_change_without_a_day_only_for_all_time(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20)
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50, "effectiveFrom": "2025-09-15"})
    change = {"id": vpp_id, "revenuePercentage": 20, "dailyFeeAud": 0.5}

    assert await refused_and_unchanged(api, UPDATE_VPP, **change) == would_rewrite("2 price schedules")
    assert await api.execute(UPDATE_VPP, input=change | {"forAllTime": True}) == {
        "revenuePercentage": 20,
        "dailyFeeAud": 0.5,
    }


async def test_refusal_names_the_settled_months_whose_days_would_change(api: Api, worker: None) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name, percentage=20)
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50, "effectiveFrom": "2025-10-01"})
    august, september, _ = [await api.settle_month(vpp_id, month) for month in ("2025-08", "2025-09", "2025-10")]

    # October has 50 % already.
    response = await api.response(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50})

    (error,) = response["errors"]
    months = f"2025-08 ({name}, revision 1), 2025-09 ({name}, revision 1)"
    assert (error["errorType"], error["errorInfo"]["field"], error["message"]) == would_rewrite(
        f"2 price schedules and 2 settled months: {months}"
    )
    assert error["errorInfo"] == {
        "field": DAY,
        "reportCount": 2,
        "reports": [
            {"id": report["id"], "vppId": vpp_id, "month": month, "revision": 1}
            for report, month in ((august, "2025-08"), (september, "2025-09"))
        ],
    }


async def test_refusal_names_at_most_ten_reports_and_counts_the_others(api: Api, worker: None) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name)
    months = [f"2025-{month:02}" for month in range(1, 13)]
    for month in months:
        await api.settle_month(vpp_id, month)

    response = await api.response(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50})

    (error,) = response["errors"]
    named = ", ".join(f"{month} ({name}, revision 1)" for month in months[:10])
    assert error["message"] == would_rewrite(f"12 settled months: {named}, 2 more")[2]
    assert error["errorInfo"]["reportCount"] == 12
    assert [report["month"] for report in error["errorInfo"]["reports"]] == months[:10]


async def test_refusal_names_the_latest_revision_of_a_month(api: Api, worker: None) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name)
    await api.settle_month(vpp_id, "2025-09")
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 25, "forAllTime": True})
    await api.settle_month(vpp_id, "2025-09")

    refusal = await refused_and_unchanged(api, UPDATE_VPP, id=vpp_id, revenuePercentage=30)

    assert refusal == would_rewrite(f"1 settled month: 2025-09 ({name}, revision 2)")


async def test_equal_terms_and_names_change_settled_months_without_a_question(api: Api, worker: None) -> None:
    vpp_id, name = await api.create_vpp(percentage=20), new_name()
    report = await api.settle_month(vpp_id, "2025-09")

    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 20.0})

    assert (await api.wait_for_report(report["id"]))["isStale"] is False
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "name": name})
    assert (await api.wait_for_report(report["id"]))["isStale"] is True


async def test_values_out_of_range_are_refused_before_the_rewritten_history(api: Api) -> None:
    vpp_id = await api.create_vpp()
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50, "effectiveFrom": "2025-09-15"})

    refusal = await refused_and_unchanged(api, UPDATE_VPP, id=vpp_id, revenuePercentage=101)

    assert refusal[1] == ["input", "revenuePercentage"]


async def test_site_with_a_history_moves_without_a_day_only_for_all_time(api: Api) -> None:
    first, second, third = await api.create_vpp(), await api.create_vpp(), await api.create_vpp()
    moved, left = await api.create_site(first), await api.create_site(first)
    await api.execute(ASSIGN, input={"siteId": moved, "vppId": second, "effectiveFrom": "2025-09-15"})
    await api.execute(UNASSIGN, input={"siteId": left, "effectiveFrom": "2025-09-15"})

    refusals = [await refused_and_unchanged(api, ASSIGN, siteId=site_id, vppId=third) for site_id in (moved, left)]

    assert refusals == [would_rewrite("2 memberships"), would_rewrite("1 membership")]
    for site_id in (moved, left):
        assigned = await api.execute(ASSIGN, input={"siteId": site_id, "vppId": third, "forAllTime": True})
        assert assigned == {"vpp": {"id": third}}


async def test_site_of_a_settled_month_moves_without_a_day_only_for_all_time(api: Api, worker: None) -> None:
    old_name, new_vpp_name = new_name(), new_name()
    old, new = await api.create_vpp(name=old_name), await api.create_vpp(name=new_vpp_name)
    site_id = await api.create_site(old)
    await api.settle_month(old, "2025-08")
    await api.settle_month(new, "2025-09")

    refusal = await refused_and_unchanged(api, ASSIGN, siteId=site_id, vppId=new)

    months = f"2025-08 ({old_name}, revision 1), 2025-09 ({new_vpp_name}, revision 1)"
    assert refusal == would_rewrite(f"2 settled months: {months}")
    # An equal membership changes nothing.
    assert await api.execute(ASSIGN, input={"siteId": site_id, "vppId": old}) == {"vpp": {"id": old}}


async def test_battery_with_a_history_changes_without_a_day_only_for_all_time(api: Api) -> None:
    battery_id = await api.add_battery(await api.create_site(await api.create_vpp()), capacity_kwh=10)
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "capacityKwh": 20, "effectiveFrom": "2025-09-15"})

    refusals = [
        await refused_and_unchanged(api, UPDATE_BATTERY, id=battery_id, capacityKwh=10),
        await refused_and_unchanged(api, REMOVE_BATTERY, id=battery_id),
    ]

    assert refusals == [would_rewrite("2 capacities")] * 2
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "capacityKwh": 10, "forAllTime": True})
    await api.execute(REMOVE_BATTERY, input={"id": battery_id})


async def test_battery_of_a_settled_month_changes_without_a_day_only_for_all_time(api: Api, worker: None) -> None:
    name = new_name()
    vpp_id, later_id = await api.create_vpp(name=name), await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    await api.execute(ASSIGN, input={"siteId": site_id, "vppId": later_id, "effectiveFrom": "2025-09-15"})
    battery_id = await api.add_battery(site_id, capacity_kwh=10, effectiveFrom="2025-09-01")
    # The battery counts in neither: its site belongs to the first VPP only until 14 September.
    await api.settle_month(vpp_id, "2025-08")
    await api.settle_month(vpp_id, "2025-10")
    await api.settle_month(vpp_id, "2025-09")

    refusals = [
        await refused_and_unchanged(api, UPDATE_BATTERY, id=battery_id, capacityKwh=20),
        await refused_and_unchanged(api, REMOVE_BATTERY, id=battery_id),
    ]

    assert refusals == [would_rewrite(f"1 settled month: 2025-09 ({name}, revision 1)")] * 2
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "capacityKwh": 20, "effectiveFrom": "2025-10-01"})
    assert await api.execute(REMOVE_BATTERY, input={"id": battery_id, "forAllTime": True}) == {"id": battery_id}


async def test_scoped_operator_is_told_the_settled_months_of_its_vpps(api: Api, worker: None) -> None:
    name, nmi = new_name(), new_nmi()
    vpp_id = await api.create_vpp(name=name)
    site_id = await api.create_site(vpp_id, nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=10)
    operator = await api.as_role("OPERATOR", vppIds=[vpp_id])
    await api.settle_month(vpp_id, "2025-09")

    refusals = [
        await operator.refusal(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 50}),
        await operator.refusal(UPDATE_BATTERY, input={"id": battery_id, "capacityKwh": 20}),
    ]

    assert refusals == [would_rewrite(f"1 settled month: 2025-09 ({name}, revision 1)")] * 2


@pytest.mark.parametrize("mutation", ["updateVpp", "assignSite", "updateBattery", "removeBattery"])
async def test_a_day_and_all_time_exclude_each_other(api: Api, mutation: str) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    battery_id = await api.add_battery(site_id, capacity_kwh=10)
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "updateVpp": (UPDATE_VPP, {"id": vpp_id, "revenuePercentage": 50}),
        "assignSite": (ASSIGN, {"siteId": site_id, "vppId": vpp_id}),
        "updateBattery": (UPDATE_BATTERY, {"id": battery_id, "capacityKwh": 20}),
        "removeBattery": (REMOVE_BATTERY, {"id": battery_id}),
    }
    document, input = calls[mutation]

    refusal = await refused_and_unchanged(api, document, **input, effectiveFrom="2025-09-15", forAllTime=True)

    message = "effectiveFrom and forAllTime exclude each other: send effectiveFrom, or forAllTime: true."
    assert refusal == ("ValidationFailed", ["input", "forAllTime"], message)
