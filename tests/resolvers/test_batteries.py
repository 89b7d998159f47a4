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


def battery(site_id: str, **given: Any) -> dict[str, Any]:
    """What adds a battery that no other test has to a site."""
    return {"siteId": site_id, "manufacturer": "Tesla", "serial": new_name(), "capacityKwh": 13.5} | given


async def capacities(api: Api, site_id: str, *days: str | None) -> list[float]:
    return [(await api.execute(SITE_ON, id=site_id, on=day))["capacityKwh"] for day in days]


async def test_an_added_battery_is_found_by_its_id_and_counts_from_its_day(api: Api, site_id: str) -> None:
    given = battery(site_id, manufacturer=" Tesla ", serial=" 38764527113388", effectiveFrom="2025-07-01")

    added = await api.execute(ADD, input=given)

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


async def test_a_battery_without_a_day_has_always_been_there(api: Api, site_id: str) -> None:
    added = await api.execute(ADD, input=battery(site_id, capacityKwh=0))

    there = {"capacityKwh": 0, "batteries": [{"id": added["id"], "capacityKwh": 0}]}
    assert (added["effectiveFrom"], added["effectiveUntil"]) == (None, None)
    assert await api.execute(SITE_ON, id=site_id, on="0001-01-01") == there
    assert await api.execute(SITE_ON, id=site_id, on="9999-12-31") == there


async def test_a_battery_that_is_not_there_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None


async def test_the_same_add_sent_again_returns_the_same_battery(api: Api, site_id: str) -> None:
    again = battery(site_id, id=str(uuid4()), effectiveFrom="2025-07-01")
    added = await api.execute(ADD, input=again)

    assert await api.execute(ADD, input=again) == added
    assert await capacities(api, site_id, None) == [13.5]


async def test_another_add_with_the_same_id_is_refused(api: Api, site_id: str) -> None:
    first = battery(site_id, id=str(uuid4()))
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


async def test_a_battery_extended_on_a_day_had_its_old_capacity_before(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)

    extended = await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-07-01"})

    assert extended["capacityKwh"] == 27
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01") == [13.5, 27]
    on_the_eve = await api.execute(SITE_ON, id=site_id, on="2025-06-30")
    assert on_the_eve["batteries"] == [{"id": battery_id, "capacityKwh": 13.5}]


async def test_a_capacity_without_a_day_holds_for_all_the_time_the_battery_is_there(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")

    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-08-01"})
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 10})

    assert await capacities(api, site_id, "2025-06-30", "2025-07-01", "2025-08-01") == [0, 10, 10]


async def test_a_renamed_battery_keeps_its_capacities(api: Api, site_id: str) -> None:
    battery_id, serial = await api.add_battery(site_id, capacity_kwh=13.5), new_name()
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-07-01"})

    await api.execute(UPDATE, input={"id": battery_id, "manufacturer": " BYD"})
    renamed = await api.execute(UPDATE, input={"id": battery_id, "serial": f"{serial} ", "manufacturer": None})

    assert (renamed["manufacturer"], renamed["serial"]) == ("BYD", serial)
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01") == [13.5, 27]


async def test_a_removed_battery_was_there_before(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")
    await api.execute(UPDATE, input={"id": battery_id, "capacityKwh": 27, "effectiveFrom": "2025-08-01"})

    removed = await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-07-15"})

    assert (removed["effectiveFrom"], removed["effectiveUntil"]) == ("2025-07-01", "2025-07-15")
    assert removed["capacityKwh"] == 13.5
    assert await capacities(api, site_id, "2025-06-30", "2025-07-14", "2025-07-15", "2025-08-01") == [0, 13.5, 0, 0]
    assert (await api.execute(SITE_ON, id=site_id, on="2025-07-15"))["batteries"] == []


async def test_a_battery_removed_without_a_day_was_never_there(api: Api, site_id: str) -> None:
    added = await api.execute(ADD, input=battery(site_id))

    removed = await api.execute(REMOVE, input={"id": added["id"]})

    assert removed == added
    assert await api.execute(GET, id=added["id"]) is None
    assert await capacities(api, site_id, "2025-07-01") == [0]


async def test_a_removed_battery_may_stand_elsewhere_from_that_day_on(api: Api, site_id: str) -> None:
    other_id, serial = await api.create_site(await api.create_vpp()), new_name()
    battery_id = (await api.execute(ADD, input=battery(site_id, serial=serial)))["id"]
    await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-07-01"})
    before = await api.fleet_snapshot()
    taken = f"The Tesla battery {serial} is already installed at a site on some of these days; remove it first."

    refusal = await api.refusal(ADD, input=battery(other_id, serial=serial, effectiveFrom="2025-06-30"))
    unchanged = await api.fleet_snapshot()
    moved = await api.execute(ADD, input=battery(other_id, serial=serial, effectiveFrom="2025-07-01"))

    assert refusal == ("Conflict", ["input", "serial"], taken)
    assert unchanged == before
    assert (moved["site"]["id"], moved["effectiveFrom"]) == (other_id, "2025-07-01")
    assert await capacities(api, site_id, "2025-06-30", "2025-07-01") == [13.5, 0]
    assert await capacities(api, other_id, "2025-06-30", "2025-07-01") == [0, 13.5]


async def test_a_battery_that_stands_somewhere_already_is_refused_by_its_name(api: Api, site_id: str) -> None:
    serial, other_serial = new_name(), new_name()
    await api.execute(ADD, input=battery(site_id, serial=serial))
    other_id = (await api.execute(ADD, input=battery(site_id, serial=other_serial)))["id"]
    byd_id = (await api.execute(ADD, input=battery(site_id, manufacturer="BYD", serial=serial)))["id"]
    elsewhere = await api.create_site(await api.create_vpp())
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(ADD, input=battery(elsewhere, serial=f" {serial}")),
        await api.refusal(UPDATE, input={"id": other_id, "serial": serial, "capacityKwh": 1}),
        await api.refusal(UPDATE, input={"id": byd_id, "manufacturer": "Tesla"}),
    ]

    taken = f"The Tesla battery {serial} is already installed at a site on some of these days; remove it first."
    assert refusals == [("Conflict", ["input", "serial"], taken)] * 3
    assert await api.fleet_snapshot() == before


MANUFACTURER_REFUSED = ("ValidationFailed", ["input", "manufacturer"], "A manufacturer has 1 to 200 characters.")
SERIAL_REFUSED = ("ValidationFailed", ["input", "serial"], "A serial has 1 to 200 characters.")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"manufacturer": " "}, MANUFACTURER_REFUSED),
        ({"manufacturer": "x" * 201}, MANUFACTURER_REFUSED),
        ({"serial": ""}, SERIAL_REFUSED),
        ({"serial": "x" * 201}, SERIAL_REFUSED),
        *(
            (
                {"capacityKwh": capacity},
                ("ValidationFailed", ["input", "capacityKwh"], f"A capacity is from 0 to 1,000,000 kWh, not {shown}."),
            )
            for capacity, shown in [(-0.1, "-0.1"), (1_000_000.5, "1000000.5")]
        ),
    ],
)
async def test_a_battery_is_refused_with_the_field_at_fault_and_what_was_expected(
    api: Api, site_id: str, given: dict[str, Any], refused: tuple[str, Any, str]
) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)
    before = await api.fleet_snapshot()

    adding = await api.refusal(ADD, input=battery(site_id) | given)
    updating = await api.refusal(
        UPDATE, input={"id": battery_id, "serial": new_name(), "effectiveFrom": "2025-07-01"} | given
    )

    assert (adding, updating) == (refused, refused)
    assert await api.fleet_snapshot() == before


async def test_a_battery_does_not_leave_before_it_came_nor_change_after_it_left(api: Api, site_id: str) -> None:
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, effectiveFrom="2025-07-01")
    day = ["input", "effectiveFrom"]
    before = await api.fleet_snapshot()

    async def removing(since: str) -> tuple[str, Any, str]:
        return await api.refusal(REMOVE, input={"id": battery_id, "effectiveFrom": since})

    for since in ("2025-06-30", "2025-07-01"):
        message = (
            f"Installed on 2025-07-01, the battery cannot leave on {since}; omit effectiveFrom to remove it entirely."
        )
        assert await removing(since) == ("ValidationFailed", day, message)
    assert await api.fleet_snapshot() == before

    await api.execute(REMOVE, input={"id": battery_id, "effectiveFrom": "2025-09-01"})
    before = await api.fleet_snapshot()
    left = "This battery was removed from its site on 2025-09-01"
    assert await removing("2025-10-01") == ("Conflict", ["input", "id"], f"{left} already.")
    change = {"id": battery_id, "capacityKwh": 27, "serial": new_name(), "effectiveFrom": "2025-09-01"}
    refusal = await api.refusal(UPDATE, input=change)
    assert refusal == ("ValidationFailed", day, f"{left}, so its capacity cannot change from 2025-09-01 on.")
    assert await api.fleet_snapshot() == before

    await api.execute(UPDATE, input=change | {"effectiveFrom": "2025-08-31"})
    assert await capacities(api, site_id, "2025-08-30", "2025-08-31", "2025-09-01") == [13.5, 27, 0]


async def test_what_is_not_there_is_named_by_its_field(api: Api) -> None:
    unknown = str(uuid4())
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(ADD, input=battery(unknown)),
        await api.refusal(UPDATE, input={"id": unknown, "capacityKwh": 1}),
        await api.refusal(REMOVE, input={"id": unknown, "effectiveFrom": "2025-07-01"}),
        await api.refusal(REMOVE, input={"id": unknown}),
    ]

    assert refusals == [
        ("NotFound", ["input", "siteId"], f"There is no site with the id {unknown}."),
        *[("NotFound", ["input", "id"], f"There is no battery with the id {unknown}.")] * 3,
    ]
    assert await api.fleet_snapshot() == before
