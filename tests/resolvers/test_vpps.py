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


async def change_terms(api: Api, vpp_id: str, *changes: dict[str, Any]) -> Any:
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


# "é" as one character, and as "e" with a combining accent.
@pytest.mark.parametrize(("stored", "typed"), [("\u00e9", "e\u0301"), ("e\u0301", "\u00e9")])
async def test_a_name_in_another_unicode_form_is_the_same_name(api: Api, stored: str, typed: str) -> None:
    number = new_name()
    name, same = (f"Caf{letter} {number}" for letter in (stored, typed))
    vpp_id, other_id = await api.create_vpp(name=f"{name}\u200b"), await api.create_vpp()
    before = await api.fleet_snapshot()
    composed = name.replace("e\u0301", "\u00e9")

    refusals = [
        await api.refusal(CREATE, input={"name": same, "revenuePercentage": 20}),
        await api.refusal(UPDATE, input={"id": other_id, "name": same}),
    ]

    assert (await api.execute(GET_BY_NAME, name=same))["id"] == vpp_id
    assert await api.execute(LIST_NAMES, text=same[2:]) == {"items": [{"name": composed}]}
    assert [refusal[:2] for refusal in refusals] == [("Conflict", ["input", "name"])] * 2
    assert await api.fleet_snapshot() == before


async def test_name_of_invisible_characters_is_refused_and_shown_escaped(api: Api) -> None:
    vpp_id = await api.create_vpp()
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(CREATE, input={"name": "\u200b\u3164", "revenuePercentage": 20}),
        await api.refusal(UPDATE, input={"id": vpp_id, "name": "\u200b\u3164"}),
    ]

    message = 'The name "\\u200b\u3164" has only invisible characters; send a name that can be seen.'
    assert refusals == [("ValidationFailed", ["input", "name"], message)] * 2
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("fee", [{}, {"dailyFeeAud": None}])
async def test_daily_fee_is_zero_by_default(api: Api, fee: dict[str, Any]) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "revenuePercentage": 12.345678, **fee})

    assert created["priceSchedules"] == [schedule(12.345678, 0)]


async def test_unknown_vpp_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None
    assert await api.execute(GET_BY_NAME, name="nobody") is None


async def test_name_filter_matches_a_substring_without_wildcards(api: Api) -> None:
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
    create = {"id": str(uuid4()), "name": new_name(), "revenuePercentage": 20, "dailyFeeAud": 0.3}
    created = await api.execute(CREATE, input=create)

    assert await api.execute(CREATE, input=create) == created
    assert await api.execute(CREATE, input=create | {"name": f" {create['name']}"}) == created


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


async def test_terms_changed_from_a_day_leave_earlier_days_unchanged(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    changed = await api.execute(
        UPDATE, input={"id": vpp_id, "revenuePercentage": 25, "dailyFeeAud": 0.5, "effectiveFrom": "2024-02-29"}
    )

    assert changed["priceSchedules"] == [schedule(20, 0.3, until="2024-02-29"), schedule(25, 0.5, "2024-02-29")]
    assert (changed["revenuePercentage"], changed["dailyFeeAud"]) == (25, 0.5)


async def test_terms_from_a_future_day_are_not_in_force_today(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20)

    changed = await api.execute(UPDATE, input={"id": vpp_id, "revenuePercentage": 25, "effectiveFrom": "9999-12-31"})

    assert changed["priceSchedules"] == [schedule(20, 0, until="9999-12-31"), schedule(25, 0, "9999-12-31")]
    assert changed["revenuePercentage"] == 20


async def test_term_changed_without_a_day_applies_to_all_schedules_and_keeps_the_other_term(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    stored = await change_terms(
        api,
        vpp_id,
        {"revenuePercentage": 25, "effectiveFrom": "2025-07-01"},
        {"dailyFeeAud": 0.4, "forAllTime": True},
        {"dailyFeeAud": 0.6, "effectiveFrom": "2025-10-01"},
        {"dailyFeeAud": None, "revenuePercentage": None, "effectiveFrom": "2025-11-01"},
    )

    assert stored == [
        schedule(20, 0.4, until="2025-07-01"),
        schedule(25, 0.4, "2025-07-01", "2025-10-01"),
        schedule(25, 0.6, "2025-10-01"),
    ]


async def test_terms_from_an_earlier_day_apply_to_later_schedules_too(api: Api) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    stored = await change_terms(
        api,
        vpp_id,
        {"revenuePercentage": 25, "dailyFeeAud": 0.5, "effectiveFrom": "2025-07-01"},
        {"revenuePercentage": 30, "effectiveFrom": "2025-06-01"},
    )

    assert stored == [
        schedule(20, 0.3, until="2025-06-01"),
        schedule(30, 0.3, "2025-06-01", "2025-07-01"),
        schedule(30, 0.5, "2025-07-01"),
    ]


@pytest.mark.parametrize(
    "back", [{"revenuePercentage": 20, "effectiveFrom": "2025-07-01"}, {"revenuePercentage": 20.0, "forAllTime": True}]
)
async def test_adjacent_schedules_with_equal_terms_are_merged(api: Api, back: dict[str, Any]) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)

    stored = await change_terms(api, vpp_id, {"revenuePercentage": 25, "effectiveFrom": "2025-07-01"}, back)

    assert stored == [schedule(20, 0.3)]


async def test_deleted_vpp_is_returned_and_no_longer_found(api: Api) -> None:
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


async def test_vpp_that_has_or_had_sites_cannot_be_deleted(api: Api) -> None:
    vpp_id, other_id = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    assign = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"
    expected = (
        "Conflict",
        ["input", "id"],
        "This VPP has sites, or has had them; a VPP that never had any can be deleted.",
    )

    assert await api.refusal(DELETE, id=vpp_id) == expected

    await api.execute(assign, input={"siteId": site_id, "vppId": other_id, "effectiveFrom": "2025-07-01"})
    assert await api.refusal(DELETE, id=vpp_id) == expected

    await api.execute(assign, input={"siteId": site_id, "vppId": other_id, "forAllTime": True})
    assert (await api.execute(DELETE, id=vpp_id))["id"] == vpp_id


async def test_vpp_with_reports_cannot_be_deleted_and_lists_them_latest_month_first(api: Api) -> None:
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


INVALID_NAME = ("ValidationFailed", ["input", "name"], "A VPP's name has 1 to 200 characters.")
PERCENTAGE = ["input", "revenuePercentage"]
FEE = ["input", "dailyFeeAud"]


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        ({"name": ""}, INVALID_NAME),
        ({"name": " \t\n "}, INVALID_NAME),
        ({"name": "x" * 201}, INVALID_NAME),
        ({"name": "🔋" * 201}, INVALID_NAME),
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
async def test_invalid_vpp_is_refused_with_the_field_and_the_expected_values(
    api: Api, input: dict[str, Any], expected: tuple[str, Any, str]
) -> None:
    vpp_id = await api.create_vpp(percentage=20, daily_fee=0.3)
    before = await api.fleet_snapshot()

    create_refusal = await api.refusal(CREATE, input={"name": new_name(), "revenuePercentage": 20} | input)
    update_refusal = await api.refusal(UPDATE, input={"id": vpp_id, "name": new_name()} | input)

    assert (create_refusal, update_refusal) == (expected, expected)
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("name", ["x" * 200, "🔋" * 200, "名前", "'; drop table vpps; --", "0"])
async def test_name_may_be_any_text_of_up_to_200_characters(api: Api, name: str) -> None:
    created = await api.execute(CREATE, input={"name": name, "revenuePercentage": 100, "dailyFeeAud": 1_000_000})

    assert await api.execute(GET_BY_NAME, name=name) == created


async def test_name_of_another_vpp_is_refused(api: Api) -> None:
    name, other_id = new_name(), await api.create_vpp()
    await api.execute(CREATE, input={"name": name, "revenuePercentage": 20})
    before = await api.fleet_snapshot()

    create_refusal = await api.refusal(CREATE, input={"name": f"{name} ", "revenuePercentage": 30})
    rename_refusal = await api.refusal(UPDATE, input={"id": other_id, "name": name, "revenuePercentage": 30})

    expected = ("Conflict", ["input", "name"], f'There is a VPP named "{name}" already.')
    assert (create_refusal, rename_refusal) == (expected, expected)
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("document", [UPDATE, DELETE])
async def test_unknown_vpp_cannot_be_changed(api: Api, document: str) -> None:
    unknown = str(uuid4())
    variables = {"input": {"id": unknown, "name": new_name()}} if document is UPDATE else {"id": unknown}

    refusal = await api.refusal(document, **variables)

    assert refusal == ("NotFound", ["input", "id"], f"There is no VPP with the id {unknown}.")
