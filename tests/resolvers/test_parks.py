from typing import Any
from uuid import uuid4

import pytest

from db.engine.database import Database
from tests.fixtures.api import Api, new_name
from tests.fixtures.readings import readings, store_readings

PARK = "{ id name timezone energyType }"
CREATE = f"mutation ($input: CreateParkInput!) {{ createPark(input: $input) {PARK} }}"
UPDATE = f"mutation ($input: UpdateParkInput!) {{ updatePark(input: $input) {PARK} }}"
GET = f"query ($id: ID!) {{ getPark(id: $id) {PARK} }}"
GET_BY_NAME = f"query ($name: String!) {{ getParkByName(name: $name) {PARK} }}"
LIST = "query ($filter: ParkFilterInput) { listParks(filter: $filter) { items { name } } }"
CREATE_IMPORT = """mutation ($input: CreateImportInput!) { createImport(input: $input) {
    import { kind park { id name } }
} }"""


def park_input(**input: Any) -> dict[str, Any]:
    return {"name": new_name(), "timezone": "Europe/Amsterdam", "energyType": "WIND"} | input


async def test_a_created_park_is_found_by_its_id_and_by_its_name(api: Api) -> None:
    input = park_input()

    created = await api.execute(CREATE, input=input | {"name": f"  {input['name']} "})

    assert created == input | {"id": created["id"]}
    assert await api.execute(GET, id=created["id"]) == created
    assert await api.execute(GET_BY_NAME, name=f" {input['name']}") == created


async def test_unknown_park_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None
    assert await api.execute(GET_BY_NAME, name="nowhere") is None


async def test_the_same_create_sent_again_returns_the_same_park(api: Api) -> None:
    create = park_input(id=str(uuid4()))
    created = await api.execute(CREATE, input=create)

    assert await api.execute(CREATE, input=create) == created


@pytest.mark.parametrize("other", [{"name": "Another"}, {"timezone": "UTC"}, {"energyType": "SOLAR"}])
async def test_another_create_with_the_same_id_is_refused(api: Api, other: dict[str, Any]) -> None:
    first = await api.execute(CREATE, input=park_input(id=str(uuid4())))

    refusal = await api.refusal(CREATE, input=first | other)

    assert refusal == ("Conflict", ["input", "id"], f"The id {first['id']} already belongs to another park.")
    assert await api.execute(GET, id=first["id"]) == first


async def test_update_keeps_fields_that_are_not_given(api: Api) -> None:
    created, name = await api.execute(CREATE, input=park_input()), new_name()

    renamed = await api.execute(UPDATE, input={"id": created["id"], "name": f" {name} "})
    changed = await api.execute(
        UPDATE, input={"id": created["id"], "timezone": "Europe/Volgograd", "energyType": "SOLAR"}
    )

    assert renamed == created | {"name": name}
    assert changed == renamed | {"timezone": "Europe/Volgograd", "energyType": "SOLAR"}
    assert await api.execute(GET, id=created["id"]) == changed


INVALID_NAME = "A park's name has 1 to 200 characters."


@pytest.mark.parametrize(
    ("input", "field", "message"),
    [
        ({"name": " "}, "name", INVALID_NAME),
        ({"name": "x" * 201}, "name", INVALID_NAME),
        *(
            (
                {"timezone": zone},
                "timezone",
                f"{zone} is not a timezone; expected a name in the IANA time zone database, such as Europe/Amsterdam.",
            )
            for zone in ("Europe/Bemmel", "CEST", "+01:00", "../UTC", "localtime", "")
        ),
    ],
)
async def test_invalid_park_is_refused_with_the_field_and_the_expected_values(
    api: Api, input: dict[str, Any], field: str, message: str
) -> None:
    existing = await api.execute(CREATE, input=park_input())

    create_refusal = await api.refusal(CREATE, input=park_input(**input))
    update_refusal = await api.refusal(UPDATE, input={"id": existing["id"], "energyType": "SOLAR"} | input)

    assert create_refusal == update_refusal == ("ValidationFailed", ["input", field], message)
    assert await api.execute(GET, id=existing["id"]) == existing


async def test_name_of_another_park_is_refused(api: Api) -> None:
    existing, other = [await api.execute(CREATE, input=park_input()) for _ in range(2)]

    create_refusal = await api.refusal(CREATE, input=park_input(name=f"{existing['name']} "))
    rename_refusal = await api.refusal(UPDATE, input={"id": other["id"], "name": existing["name"]})

    expected = ("Conflict", ["input", "name"], f'There is a park named "{existing["name"]}" already.')
    assert (create_refusal, rename_refusal) == (expected, expected)
    assert await api.execute(GET, id=other["id"]) == other


async def test_unknown_park_cannot_be_changed(api: Api) -> None:
    unknown = str(uuid4())

    refusal = await api.refusal(UPDATE, input={"id": unknown, "name": new_name()})

    assert refusal == ("NotFound", ["input", "id"], f"There is no park with the id {unknown}.")


async def test_timezone_of_a_park_with_readings_cannot_be_changed(api: Api, database: Database) -> None:
    existing = await api.execute(CREATE, input=park_input())
    await store_readings(database, existing["id"], readings("Europe/Amsterdam", "2025-09-01", [1]))

    refusal = await api.refusal(UPDATE, input={"id": existing["id"], "name": new_name(), "timezone": "UTC"})
    same = await api.execute(UPDATE, input={"id": existing["id"], "timezone": "Europe/Amsterdam"})

    message = (
        f"The park {existing['name']} has readings dated in Europe/Amsterdam:"
        " revert their imports to change its timezone or delete it."
    )
    assert refusal == ("Conflict", ["input", "timezone"], message)
    assert same == existing


async def test_parks_are_listed_by_name_and_filtered_by_timezone_and_energy_type(api: Api) -> None:
    zones = {"b": "Africa/Cairo", "c": "Africa/Cairo", "a": "Africa/Tunis"}
    for letter, zone in zones.items():
        await api.create_park(
            name=f"Filtered {letter}", timezone=zone, energy_type="SOLAR" if letter == "c" else "WIND"
        )

    async def found(**filter: Any) -> str:
        listed = await api.execute(LIST, filter=filter or None)
        return "".join(park["name"][-1] for park in listed["items"] if park["name"].startswith("Filtered"))

    both_zones = ["Africa/Cairo", "Africa/Tunis"]
    assert await found() == "abc"
    assert await found(energyTypes=None, timezones=None) == "abc"
    assert await found(timezones=both_zones) == "abc"
    assert await found(timezones=["Africa/Cairo"]) == "bc"
    assert await found(timezones=both_zones, energyTypes=["WIND"]) == "ab"
    assert await found(energyTypes=["WIND", "SOLAR"]) == "abc"
    assert await found(energyTypes=["SOLAR"], timezones=["Africa/Tunis"]) == ""
    assert await found(energyTypes=[]) == await found(timezones=[]) == ""


async def test_only_a_readings_import_has_a_park(api: Api) -> None:
    existing = await api.execute(CREATE, input=park_input())

    readings_import = await api.execute(
        CREATE_IMPORT, input={"kind": "PARK_READINGS", "parkId": existing["id"], "fileName": "readings.csv"}
    )
    parks_import = await api.execute(CREATE_IMPORT, input={"kind": "PARKS", "fileName": "parks.csv"})

    owner = {"id": existing["id"], "name": existing["name"]}
    assert readings_import == {"import": {"kind": "PARK_READINGS", "park": owner}}
    assert parks_import == {"import": {"kind": "PARKS", "park": None}}


UNKNOWN_ID = str(uuid4())


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        (
            {"kind": "PARK_READINGS"},
            (
                "ValidationFailed",
                "An import of PARK_READINGS needs a parkId: the id of the park that the readings belong to.",
            ),
        ),
        (
            {"kind": "PARKS", "parkId": UNKNOWN_ID},
            ("ValidationFailed", "An import of PARKS takes no parkId; only an import of PARK_READINGS does."),
        ),
        (
            {"kind": "PARK_READINGS", "parkId": UNKNOWN_ID},
            ("NotFound", f"There is no park with the id {UNKNOWN_ID}."),
        ),
        (
            {"kind": "PARK_READINGS", "parkId": "Bemmel"},
            (
                "ValidationFailed",
                'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not "Bemmel".',
            ),
        ),
    ],
)
async def test_park_id_must_name_a_park_and_is_allowed_only_for_readings(
    api: Api, input: dict[str, Any], expected: tuple[str, str]
) -> None:
    error_type, field, message = await api.refusal(CREATE_IMPORT, input=input | {"fileName": "readings.csv"})

    assert (error_type, message) == expected
    assert field == ["input", "parkId"]
