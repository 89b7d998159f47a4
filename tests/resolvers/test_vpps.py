from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.api import Api, new_name

TERMS = "revenuePercentage dailyFeeAud"
VPP = f"{{ id name {TERMS} priceSchedules {{ {TERMS} effectiveFrom effectiveUntil }} }}"
CREATE = f"mutation ($input: CreateVppInput!) {{ createVpp(input: $input) {VPP} }}"
UPDATE = f"mutation ($input: UpdateVppInput!) {{ updateVpp(input: $input) {VPP} }}"
DELETE = f"mutation ($id: ID!) {{ deleteVpp(input: {{id: $id}}) {VPP} }}"
GET = f"query ($id: ID!) {{ getVpp(id: $id) {VPP} }}"
GET_BY_NAME = f"query ($name: String!) {{ getVppByName(name: $name) {VPP} }}"
LIST_NAMES = "query ($text: String) { listVpps(filter: {nameContains: $text}) { items { name } } }"


def schedule(percentage: float, fee: float, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    return {"revenuePercentage": percentage, "dailyFeeAud": fee, "effectiveFrom": since, "effectiveUntil": until}


async def schedules(api: Api, vpp_id: str, *changes: dict[str, Any]) -> Any:
    """Change a VPP's terms, one change after another, and return its price schedules."""
    for change in changes:
        await api.execute(UPDATE, input={"id": vpp_id, **change})
    return (await api.execute(GET, id=vpp_id))["priceSchedules"]


async def test_a_created_vpp_is_found_by_its_id_and_by_its_name(api: Api) -> None:
    name = new_name()

    created = await api.execute(CREATE, input={"name": f"  {name} ", "revenuePercentage": 20, "dailyFeeAud": 0.3})

    assert created == {
        "id": created["id"],
        "name": name,
        "revenuePercentage": 20,
        "dailyFeeAud": 0.3,
        "priceSchedules": [schedule(20, 0.3)],
    }
    assert await api.execute(GET, id=created["id"]) == created
    assert await api.execute(GET_BY_NAME, name=name) == created


@pytest.mark.parametrize("fee", [{}, {"dailyFeeAud": None}])
async def test_a_vpp_charges_no_daily_fee_unless_it_says_so(api: Api, fee: dict[str, Any]) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "revenuePercentage": 12.345678, **fee})

    assert created["priceSchedules"] == [schedule(12.345678, 0)]


async def test_a_vpp_that_is_not_there_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None
    assert await api.execute(GET_BY_NAME, name="nobody") is None


async def test_vpps_are_found_by_a_part_of_their_name_taken_literally(api: Api) -> None:
    names = ["Sun 100% ☀", "Sun 100 ☀️", "sun_dial", "sun dial", "Sun\\/dial", "Sünde"]
    for name in names:
        await api.execute(CREATE, input={"name": name, "revenuePercentage": 0})

    async def found(text: str | None) -> set[str]:
        return {vpp["name"] for vpp in (await api.execute(LIST_NAMES, text=text))["items"]} & set(names)

    assert await found("SUN 100") == {"Sun 100% ☀", "Sun 100 ☀️"}
    assert await found("%") == {"Sun 100% ☀"}
    assert await found("_") == {"sun_dial"}
    assert await found("n\\/") == {"Sun\\/dial"}
    assert await found("☀") == {"Sun 100% ☀", "Sun 100 ☀️"}
    assert await found("ü") == {"Sünde"}
    assert await found("sun%dial") == set()
    assert await found("") == await found(None) == set(names)


async def test_the_same_create_sent_again_returns_the_same_vpp(api: Api) -> None:
    again = {"id": str(uuid4()), "name": new_name(), "revenuePercentage": 20, "dailyFeeAud": 0.3}
    created = await api.execute(CREATE, input=again)

    assert await api.execute(CREATE, input=again) == created
    assert await api.execute(CREATE, input=again | {"name": f" {again['name']}"}) == created


@pytest.mark.parametrize("other", [{"name": "Another"}, {"revenuePercentage": 21}, {"dailyFeeAud": 0.31}])
async def test_another_create_with_the_same_id_is_refused(api: Api, other: dict[str, Any]) -> None:
    first = {"id": str(uuid4()), "name": new_name(), "revenuePercentage": 20, "dailyFeeAud": 0.3}
    await api.execute(CREATE, input=first)
    before = await api.fleet_snapshot()

    refusal = await api.refusal(CREATE, input=first | other)

    message = f"The id {first['id']} already belongs to another VPP."
    assert refusal == ("Conflict", ["input", "id"], message)
    assert await api.fleet_snapshot() == before


async def test_a_renamed_vpp_keeps_its_terms(api: Api) -> None:
    vpp_id, name = await api.create_vpp(percentage=20, daily_fee=0.3), new_name()

    renamed = await api.execute(UPDATE, input={"id": vpp_id, "name": f" {name}"})

    assert (renamed["name"], renamed["priceSchedules"]) == (name, [schedule(20, 0.3)])


async def test_terms_given_a_day_leave_the_past_as_it_was(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    changed = await api.execute(
        UPDATE, input={"id": vpp_id, "revenuePercentage": 25, "dailyFeeAud": 0.5, "effectiveFrom": "2024-02-29"}
    )

    assert changed["priceSchedules"] == [schedule(20, 0.3, until="2024-02-29"), schedule(25, 0.5, "2024-02-29")]
    assert (changed["revenuePercentage"], changed["dailyFeeAud"]) == (25, 0.5)


async def test_terms_of_a_day_to_come_are_not_in_force_today(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20)

    changed = await api.execute(UPDATE, input={"id": vpp_id, "revenuePercentage": 25, "effectiveFrom": "9999-12-31"})

    assert changed["priceSchedules"] == [schedule(20, 0, until="9999-12-31"), schedule(25, 0, "9999-12-31")]
    assert changed["revenuePercentage"] == 20


async def test_terms_without_a_day_hold_for_all_time_and_leave_the_other_terms_their_history(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    kept = await schedules(
        api,
        vpp_id,
        {"revenuePercentage": 25, "effectiveFrom": "2025-07-01"},
        {"dailyFeeAud": 0.4},
        {"dailyFeeAud": 0.6, "effectiveFrom": "2025-10-01"},
        {"dailyFeeAud": None, "revenuePercentage": None, "effectiveFrom": "2025-11-01"},
    )

    assert kept == [
        schedule(20, 0.4, until="2025-07-01"),
        schedule(25, 0.4, "2025-07-01", "2025-10-01"),
        schedule(25, 0.6, "2025-10-01"),
    ]


async def test_terms_of_an_earlier_day_hold_through_later_schedules(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    kept = await schedules(
        api,
        vpp_id,
        {"revenuePercentage": 25, "dailyFeeAud": 0.5, "effectiveFrom": "2025-07-01"},
        {"revenuePercentage": 30, "effectiveFrom": "2025-06-01"},
    )

    assert kept == [
        schedule(20, 0.3, until="2025-06-01"),
        schedule(30, 0.3, "2025-06-01", "2025-07-01"),
        schedule(30, 0.5, "2025-07-01"),
    ]


@pytest.mark.parametrize(
    "back", [{"revenuePercentage": 20, "effectiveFrom": "2025-07-01"}, {"revenuePercentage": 20.0}]
)
async def test_schedules_that_come_to_say_the_same_become_one(api: Api, back: dict[str, Any]) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    kept = await schedules(api, vpp_id, {"revenuePercentage": 25, "effectiveFrom": "2025-07-01"}, back)

    assert kept == [schedule(20, 0.3)]


async def test_a_deleted_vpp_is_returned_as_it_was_and_is_gone(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)
    before = await api.execute("query ($id: ID!) { getVpp(id: $id) { id name dailyFeeAud createdAt } }", id=vpp_id)

    deleted = await api.execute(
        "mutation ($id: ID!) { deleteVpp(input: {id: $id}) { id name dailyFeeAud createdAt } }", id=vpp_id
    )

    assert deleted == before
    assert await api.execute(GET, id=vpp_id) is None
    assert await api.refusal(DELETE, id=vpp_id) == (
        "NotFound",
        ["input", "id"],
        f"There is no VPP with the id {vpp_id}.",
    )


async def test_a_vpp_is_not_deleted_while_it_has_or_has_had_sites(api: Api) -> None:
    vpp_id, other_id = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    assign = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"
    refused = (
        "Conflict",
        ["input", "id"],
        "This VPP has sites, or has had them; a VPP that never had any can be deleted.",
    )

    assert await api.refusal(DELETE, id=vpp_id) == refused

    await api.execute(assign, input={"siteId": site_id, "vppId": other_id, "effectiveFrom": "2025-07-01"})
    assert await api.refusal(DELETE, id=vpp_id) == refused

    await api.execute(assign, input={"siteId": site_id, "vppId": other_id})
    assert (await api.execute(DELETE, id=vpp_id))["id"] == vpp_id


async def test_a_vpp_is_not_deleted_once_it_has_a_report_and_lists_its_reports_latest_month_first(api: Api) -> None:
    vpp_id = await api.create_vpp()
    for month in ("2025-09", "2025-11", "2025-10"):
        await api.execute(
            "mutation ($input: GenerateRevenueReportInput!) { generateRevenueReport(input: $input) { id } }",
            input={"vppId": vpp_id, "month": month},
        )

    refusal = await api.refusal(DELETE, id=vpp_id)

    message = "This VPP has revenue reports; a VPP without any can be deleted."
    assert refusal == ("Conflict", ["input", "id"], message)
    listed = await api.execute(
        "query ($id: ID!) { getVpp(id: $id) { revenueReports { items { month revision vpp { id } } nextToken } } }",
        id=vpp_id,
    )
    months = ["2025-11", "2025-10", "2025-09"]
    items = [{"month": month, "revision": 1, "vpp": {"id": vpp_id}} for month in months]
    assert listed == {"revenueReports": {"items": items, "nextToken": None}}


NAME_REFUSED = ("ValidationFailed", ["input", "name"], "A VPP's name has 1 to 200 characters.")
PERCENTAGE = ["input", "revenuePercentage"]
FEE = ["input", "dailyFeeAud"]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"name": ""}, NAME_REFUSED),
        ({"name": " \t\n "}, NAME_REFUSED),
        ({"name": "x" * 201}, NAME_REFUSED),
        ({"name": "🔋" * 201}, NAME_REFUSED),
        *(
            (
                {"revenuePercentage": value},
                ("ValidationFailed", PERCENTAGE, f"A revenue percentage is from 0 to 100, not {shown}."),
            )
            for value, shown in [(-1, "-1.0"), (-1e-9, "-1E-9"), (100.000001, "100.000001"), (1e300, "1E+300")]
        ),
        *(
            (
                {"dailyFeeAud": value},
                ("ValidationFailed", FEE, f"A daily fee is from 0 to 1,000,000 dollars, not {shown}."),
            )
            for value, shown in [(-0.01, "-0.01"), (1_000_000.01, "1000000.01")]
        ),
    ],
)
async def test_a_vpp_is_refused_with_the_field_at_fault_and_what_was_expected(
    api: Api, given: dict[str, Any], refused: tuple[str, Any, str]
) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)
    before = await api.fleet_snapshot()

    creating = await api.refusal(CREATE, input={"name": new_name(), "revenuePercentage": 20} | given)
    updating = await api.refusal(
        UPDATE, input={"id": vpp_id, "name": new_name(), "effectiveFrom": "2025-07-01"} | given
    )

    assert (creating, updating) == (refused, refused)
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("name", ["x" * 200, "🔋" * 200, "名前", "'; drop table vpps; --", "0"])
async def test_a_name_may_be_any_text_of_up_to_200_characters(api: Api, name: str) -> None:
    created = await api.execute(CREATE, input={"name": name, "revenuePercentage": 100, "dailyFeeAud": 1_000_000})

    assert await api.execute(GET_BY_NAME, name=name) == created


async def test_a_name_that_is_there_already_is_refused(api: Api) -> None:
    name, other_id = new_name(), await api.create_vpp()
    await api.execute(CREATE, input={"name": name, "revenuePercentage": 20})
    before = await api.fleet_snapshot()

    creating = await api.refusal(CREATE, input={"name": f"{name} ", "revenuePercentage": 30})
    renaming = await api.refusal(UPDATE, input={"id": other_id, "name": name, "revenuePercentage": 30})

    refused = ("Conflict", ["input", "name"], f'There is a VPP named "{name}" already.')
    assert (creating, renaming) == (refused, refused)
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("document", [UPDATE, DELETE])
async def test_a_vpp_that_is_not_there_cannot_be_changed(api: Api, document: str) -> None:
    unknown = str(uuid4())
    given = {"input": {"id": unknown, "name": new_name()}} if document is UPDATE else {"id": unknown}

    refusal = await api.refusal(document, **given)

    assert refusal == ("NotFound", ["input", "id"], f"There is no VPP with the id {unknown}.")
