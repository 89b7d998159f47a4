from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.api import Api, new_name

BATTERY = "{ id site { id } manufacturer serial capacityKwh effectiveFrom effectiveUntil }"
ADD = f"mutation ($input: AddBatteryInput!) {{ addBattery(input: $input) {BATTERY} }}"
UPDATE = f"mutation ($input: UpdateBatteryInput!) {{ updateBattery(input: $input) {BATTERY} }}"
REMOVE = f"mutation ($input: RemoveBatteryInput!) {{ removeBattery(input: $input) {BATTERY} }}"
GET = f"query ($id: ID!) {{ getBattery(id: $id) {BATTERY} }}"
SITE_ON = """query ($id: ID!, $on: AWSDate) { getSite(id: $id) {
    capacityKwh(on: $on) batteries(on: $on) { id capacityKwh }
} }"""


@pytest.fixture
async def site_id(api: Api) -> str:
    """A site without batteries."""
    return await api.create_site(await api.create_vpp())


def battery_input(site_id: str, **input: Any) -> dict[str, Any]:
    """Return an AddBatteryInput with a serial that no other test uses."""
    return {"siteId": site_id, "manufacturer": "Tesla", "serial": new_name(), "capacityKwh": 13.5} | input


async def capacities(api: Api, site_id: str, *days: str | None) -> list[float]:
    return [(await api.execute(SITE_ON, id=site_id, on=day))["capacityKwh"] for day in days]


async def test_added_battery_is_found_by_its_id_and_adds_capacity_from_its_first_day(api: Api, site_id: str) -> None:
    input = battery_input(site_id, manufacturer=" Tesla ", serial=" 38764527113388", effectiveFrom="2025-07-01")

    added = await api.execute(ADD, input=input)

    assert added == {
        "id": added["id"],
        "site": {"id": site_id},
        "manufacturer": "Tesla",
        "serial": "38764527113388",
        "capacityKwh": 13.5,
        "effectiveFrom": "2025-07-01",
        "effectiveUntil": None,
    }
    assert await api.execute(GET, id=added["id"]) == added
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01", None) == [0, 13.5, 13.5]


async def test_battery_added_without_a_day_has_always_been_installed(api: Api, site_id: str) -> None:
    added = await api.execute(ADD, input=battery_input(site_id, capacityKwh=0))

    expected = {"capacityKwh": 0, "batteries": [{"id": added["id"], "capacityKwh": 0}]}
    assert (added["effectiveFrom"], added["effectiveUntil"]) == (None, None)
    assert await api.execute(SITE_ON, id=site_id, on="0001-01-01") == expected
    assert await api.execute(SITE_ON, id=site_id, on="9999-12-31") == expected


async def test_unknown_battery_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None


async def test_the_same_add_sent_again_returns_the_same_battery(api: Api, site_id: str) -> None:
    again = battery_input(site_id, id=str(uuid4()), effectiveFrom="2025-07-01")
    added = await api.execute(ADD, input=again)

    assert await api.execute(ADD, input=again) == added
    assert await capacities(api, site_id, None) == [13.5]


async def test_another_add_with_the_same_id_is_refused(api: Api, site_id: str) -> None:
    first = battery_input(site_id, id=str(uuid4()))
    await api.execute(ADD, input=first)
    others: list[dict[str, Any]] = [
        {"siteId": await api.create_site(await api.create_vpp())},
        {"manufacturer": "BYD"},
        {"serial": new_name()},
        {"capacityKwh": 14},
        {"effectiveFrom": "2025-07-01"},
    ]
    before = await api.fleet_snapshot()

    refusals = [await api.refusal(ADD, input=first | other) for other in others]

    message = f"The id {first['id']} already belongs to another battery."
    assert refusals == [("Conflict", ["input", "id"], message)] * 5
    assert await api.fleet_snapshot() == before


async def test_battery_extended_on_a_day_has_its_old_capacity_before_that_day(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)

    extended = await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-07-01"})

    assert extended["capacityKwh"] == 27
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01") == [13.5, 27]
    day_before = await api.execute(SITE_ON, id=site_id, on="2025-06-30")
    assert day_before["batteries"] == [{"id": battery_id, "capacityKwh": 13.5}]


async def test_capacity_changed_for_all_time_applies_to_the_whole_installation(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")

    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-08-01"})
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 10, "forAllTime": True})

    assert await capacities(api, site_id, "2025-06-30", "2025-07-01", "2025-08-01") == [0, 10, 10]


async def test_capacities_of_a_battery_are_listed_by_period(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-08-01"})
    await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-09-01"})

    listed = await api.execute(
        "query ($id: ID!) { getBattery(id: $id) { capacities { capacityKwh effectiveFrom effectiveUntil } } }",
        id=battery_id,
    )

    assert listed["capacities"] == [
        {"capacityKwh": 13.5, "effectiveFrom": "2025-07-01", "effectiveUntil": "2025-08-01"},
        {"capacityKwh": 27, "effectiveFrom": "2025-08-01", "effectiveUntil": "2025-09-01"},
    ]


async def test_a_renamed_battery_keeps_its_capacities(api: Api, site_id: str) -> None:
    battery_id, serial = await api.add_battery(site_id, capacity_kwh=13.5), new_name()
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-07-01"})

    await api.execute(UPDATE, input={"id": battery_id, "manufacturer": " BYD"})
    renamed = await api.execute(UPDATE, input={"id": battery_id, "serial": f"{serial} ", "manufacturer": None})

    assert (renamed["manufacturer"], renamed["serial"]) == ("BYD", serial)
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01") == [13.5, 27]


async def test_removed_battery_counts_on_earlier_days(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-08-01"})

    removed = await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-07-15"})

    assert (removed["effectiveFrom"], removed["effectiveUntil"]) == ("2025-07-01", "2025-07-15")
    assert removed["capacityKwh"] == 13.5
    assert await capacities(api, site_id, "2025-06-30", "2025-07-14", "2025-07-15", "2025-08-01") == [0, 13.5, 0, 0]
    assert (await api.execute(SITE_ON, id=site_id, on="2025-07-15"))["batteries"] == []


async def test_battery_removed_without_a_day_never_counted(api: Api, site_id: str) -> None:
    added = await api.execute(ADD, input=battery_input(site_id))

    removed = await api.execute(REMOVE, input={"id": added["id"]})

    assert removed == added
    assert await api.execute(GET, id=added["id"]) is None
    assert await capacities(api, site_id, "2025-07-01") == [0]


async def test_removed_battery_can_be_added_to_another_site_from_the_day_of_removal(api: Api, site_id: str) -> None:
    other_id, serial = await api.create_site(await api.create_vpp()), new_name()
    battery_id = (await api.execute(ADD, input=battery_input(site_id, serial=serial)))["id"]
    await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-07-01"})
    before = await api.fleet_snapshot()
    taken = f"The Tesla battery {serial} is already installed at a site on some of these days; remove it first."

    refusal = await api.refusal(ADD, input=battery_input(other_id, serial=serial, effectiveFrom="2025-06-30"))
    unchanged = await api.fleet_snapshot()
    moved = await api.execute(ADD, input=battery_input(other_id, serial=serial, effectiveFrom="2025-07-01"))

    assert refusal == ("Conflict", ["input", "serial"], taken)
    assert unchanged == before
    assert (moved["site"]["id"], moved["effectiveFrom"]) == (other_id, "2025-07-01")
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01") == [13.5, 0]
    assert await capacities(api, other_id, "2025-06-30", "2025-07-01") == [0, 13.5]


async def test_battery_with_the_manufacturer_and_serial_of_an_installed_battery_is_refused(
    api: Api, site_id: str
) -> None:
    serial, other_serial = new_name(), new_name()
    await api.execute(ADD, input=battery_input(site_id, serial=serial))
    other_id = (await api.execute(ADD, input=battery_input(site_id, serial=other_serial)))["id"]
    byd_id = (await api.execute(ADD, input=battery_input(site_id, manufacturer="BYD", serial=serial)))["id"]
    other_site_id = await api.create_site(await api.create_vpp())
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(ADD, input=battery_input(other_site_id, serial=f" {serial}")),
        await api.refusal(UPDATE, input={"id": other_id, "serial": serial, "capacityKwh": 1}),
        await api.refusal(UPDATE, input={"id": byd_id, "manufacturer": "Tesla"}),
    ]

    taken = f"The Tesla battery {serial} is already installed at a site on some of these days; remove it first."
    assert refusals == [("Conflict", ["input", "serial"], taken)] * 3
    assert await api.fleet_snapshot() == before


async def test_serial_in_another_unicode_form_is_the_same_serial(api: Api, site_id: str) -> None:
    serial = new_name()
    await api.execute(ADD, input=battery_input(site_id, serial=f"\u00e9 {serial}"))

    refusal = await api.refusal(ADD, input=battery_input(site_id, serial=f"e\u0301 {serial}"))

    taken = f"The Tesla battery \u00e9 {serial} is already installed at a site on some of these days; remove it first."
    assert refusal == ("Conflict", ["input", "serial"], taken)


@pytest.mark.parametrize("field", ["manufacturer", "serial"])
async def test_manufacturer_or_serial_of_invisible_characters_is_refused(api: Api, site_id: str, field: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(ADD, input=battery_input(site_id) | {field: "\u200b"}),
        await api.refusal(UPDATE, input={"id": battery_id, field: "\u200b"}),
    ]

    message = 'The name "\\u200b" has only invisible characters; send a name that can be seen.'
    assert refusals == [("ValidationFailed", ["input", field], message)] * 2
    assert await api.fleet_snapshot() == before


INVALID_MANUFACTURER = ("ValidationFailed", ["input", "manufacturer"], "A manufacturer has 1 to 200 characters.")
INVALID_SERIAL = ("ValidationFailed", ["input", "serial"], "A serial has 1 to 200 characters.")


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        ({"manufacturer": " "}, INVALID_MANUFACTURER),
        ({"manufacturer": "x" * 201}, INVALID_MANUFACTURER),
        ({"serial": ""}, INVALID_SERIAL),
        ({"serial": "x" * 201}, INVALID_SERIAL),
        *(
            (
                {"capacityKwh": capacity},
                ("ValidationFailed", ["input", "capacityKwh"], f"A capacity is from 0 to 1,000,000 kWh, not {shown}."),
            )
            for capacity, shown in [(-0.1, "-0.1"), (1_000_000.5, "1000000.5")]
        ),
    ],
)
async def test_invalid_battery_is_refused_with_the_field_and_the_expected_values(
    api: Api, site_id: str, input: dict[str, Any], expected: tuple[str, Any, str]
) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)
    before = await api.fleet_snapshot()

    adding = await api.refusal(ADD, input=battery_input(site_id) | input)
    updating = await api.refusal(UPDATE, input={"id": battery_id, "serial": new_name()} | input)

    assert (adding, updating) == (expected, expected)
    assert await api.fleet_snapshot() == before


async def test_battery_cannot_be_removed_before_its_first_day_nor_changed_after_its_last(
    api: Api, site_id: str
) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")
    day = ["input", "effectiveFrom"]
    before = await api.fleet_snapshot()

    async def removal_refusal(since: str) -> tuple[str, Any, str]:
        return await api.refusal(REMOVE, input={"id": battery_id, "effectiveFrom": since})

    for since in ("2025-06-30", "2025-07-01"):
        message = (
            f"Installed on 2025-07-01, the battery cannot leave on {since}; omit effectiveFrom to remove it entirely."
        )
        assert await removal_refusal(since) == ("ValidationFailed", day, message)
    assert await api.fleet_snapshot() == before

    await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-09-01"})
    before = await api.fleet_snapshot()
    removed = "This battery was removed from its site on 2025-09-01"
    assert await removal_refusal("2025-10-01") == ("Conflict", ["input", "id"], f"{removed} already.")
    change = {"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-09-01"}
    refusal = await api.refusal(UPDATE, input=change)
    assert refusal == ("ValidationFailed", day, f"{removed}, so its capacity cannot change from 2025-09-01 on.")
    assert await api.fleet_snapshot() == before

    await api.execute(UPDATE, input=change | {"effectiveFrom": "2025-08-31"})
    assert await capacities(api, site_id, "2025-08-30", "2025-08-31", "2025-09-01") == [13.5, 27, 0]


async def test_unknown_id_is_refused_with_the_field_that_holds_it(api: Api) -> None:
    unknown = str(uuid4())
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(ADD, input=battery_input(unknown)),
        await api.refusal(UPDATE, input={"id": unknown, "capacityKwh": 1}),
        await api.refusal(REMOVE, input={"id": unknown, "effectiveFrom": "2025-07-01"}),
        await api.refusal(REMOVE, input={"id": unknown}),
    ]

    assert refusals == [
        ("NotFound", ["input", "siteId"], f"There is no site with the id {unknown}."),
        *[("NotFound", ["input", "id"], f"There is no battery with the id {unknown}.")] * 3,
    ]
    assert await api.fleet_snapshot() == before
