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


def park(**given: Any) -> dict[str, Any]:
    return {"name": new_name(), "timezone": "Europe/Amsterdam", "energyType": "WIND"} | given


async def test_a_created_park_is_found_by_its_id_and_by_its_name(api: Api) -> None:
    given = park()

    created = await api.execute(CREATE, input=given | {"name": f"  {given['name']} "})

    assert created == given | {"id": created["id"]}
    assert await api.execute(GET, id=created["id"]) == created
    assert await api.execute(GET_BY_NAME, name=f" {given['name']}") == created


async def test_a_park_that_is_not_there_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None
    assert await api.execute(GET_BY_NAME, name="nowhere") is None


async def test_the_same_create_sent_again_returns_the_same_park(api: Api) -> None:
    again = park(id=str(uuid4()))
    created = await api.execute(CREATE, input=again)

    assert await api.execute(CREATE, input=again) == created


@pytest.mark.parametrize("other", [{"name": "Another"}, {"timezone": "UTC"}, {"energyType": "SOLAR"}])
async def test_another_create_with_the_same_id_is_refused(api: Api, other: dict[str, Any]) -> None:
    first = await api.execute(CREATE, input=park(id=str(uuid4())))

    refusal = await api.refusal(CREATE, input=first | other)

    assert refusal == ("Conflict", ["input", "id"], f"The id {first['id']} already belongs to another park.")
    assert await api.execute(GET, id=first["id"]) == first


async def test_what_an_update_does_not_give_stays(api: Api) -> None:
    created, name = await api.execute(CREATE, input=park()), new_name()

    renamed = await api.execute(UPDATE, input={"id": created["id"], "name": f" {name} "})
    changed = await api.execute(
        UPDATE, input={"id": created["id"], "timezone": "Europe/Volgograd", "energyType": "SOLAR"}
    )

    assert renamed == created | {"name": name}
    assert changed == renamed | {"timezone": "Europe/Volgograd", "energyType": "SOLAR"}
    assert await api.execute(GET, id=created["id"]) == changed


NAME_REFUSED = "A park's name has 1 to 200 characters."


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"name": " "}, "name", NAME_REFUSED),
        ({"name": "x" * 201}, "name", NAME_REFUSED),
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
async def test_a_park_is_refused_with_the_field_at_fault_and_what_was_expected(
    api: Api, given: dict[str, Any], field: str, message: str
) -> None:
    there = await api.execute(CREATE, input=park())

    creating = await api.refusal(CREATE, input=park(**given))
    updating = await api.refusal(UPDATE, input={"id": there["id"], "energyType": "SOLAR"} | given)

    assert creating == updating == ("ValidationFailed", ["input", field], message)
    assert await api.execute(GET, id=there["id"]) == there


async def test_a_name_that_is_there_already_is_refused(api: Api) -> None:
    there, other = [await api.execute(CREATE, input=park()) for _ in range(2)]

    creating = await api.refusal(CREATE, input=park(name=f"{there['name']} "))
    renaming = await api.refusal(UPDATE, input={"id": other["id"], "name": there["name"]})

    refused = ("Conflict", ["input", "name"], f'There is a park named "{there["name"]}" already.')
    assert (creating, renaming) == (refused, refused)
    assert await api.execute(GET, id=other["id"]) == other


async def test_a_park_that_is_not_there_cannot_be_changed(api: Api) -> None:
    unknown = str(uuid4())

    refusal = await api.refusal(UPDATE, input={"id": unknown, "name": new_name()})

    assert refusal == ("NotFound", ["input", "id"], f"There is no park with the id {unknown}.")


async def test_the_timezone_of_a_park_stays_while_it_has_readings(api: Api, database: Database) -> None:
    there = await api.execute(CREATE, input=park())
    await store_readings(database, there["id"], readings("Europe/Amsterdam", "2025-09-01", [1]))

    refusal = await api.refusal(UPDATE, input={"id": there["id"], "name": new_name(), "timezone": "UTC"})
    same = await api.execute(UPDATE, input={"id": there["id"], "timezone": "Europe/Amsterdam"})

    message = (
        f"The park {there['name']} has readings dated in Europe/Amsterdam:"
        " revert their imports to change its timezone or delete it."
    )
    assert refusal == ("Conflict", ["input", "timezone"], message)
    assert same == there


async def test_parks_are_listed_by_name_and_filtered_by_what_they_are(api: Api) -> None:
    zones = {"b": "Africa/Cairo", "c": "Africa/Cairo", "a": "Africa/Tunis"}
    for letter, zone in zones.items():
        await api.create_park(
            name=f"Filtered {letter}", timezone=zone, energy_type="SOLAR" if letter == "c" else "WIND"
        )

    async def found(**filter: Any) -> str:
        listed = await api.execute(LIST, filter=filter or None)
        return "".join(each["name"][-1] for each in listed["items"] if each["name"].startswith("Filtered"))

    both = ["Africa/Cairo", "Africa/Tunis"]
    assert await found() == "abc"
    assert await found(energyTypes=None, timezones=None) == "abc"
    assert await found(timezones=both) == "abc"
    assert await found(timezones=["Africa/Cairo"]) == "bc"
    assert await found(timezones=both, energyTypes=["WIND"]) == "ab"
    assert await found(energyTypes=["WIND", "SOLAR"]) == "abc"
    assert await found(energyTypes=["SOLAR"], timezones=["Africa/Tunis"]) == ""
    assert await found(energyTypes=[]) == await found(timezones=[]) == ""


async def test_an_import_of_readings_tells_their_park_and_others_tell_none(api: Api) -> None:
    there = await api.execute(CREATE, input=park())

    of_readings = await api.execute(
        CREATE_IMPORT, input={"kind": "PARK_READINGS", "parkId": there["id"], "fileName": "readings.csv"}
    )
    of_parks = await api.execute(CREATE_IMPORT, input={"kind": "PARKS", "fileName": "parks.csv"})

    whose = {"id": there["id"], "name": there["name"]}
    assert of_readings == {"import": {"kind": "PARK_READINGS", "park": whose}}
    assert of_parks == {"import": {"kind": "PARKS", "park": None}}


NOBODYS = str(uuid4())


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (
            {"kind": "PARK_READINGS"},
            (
                "ValidationFailed",
                "An import of PARK_READINGS needs a parkId: the id of the park that the readings belong to.",
            ),
        ),
        (
            {"kind": "PARKS", "parkId": NOBODYS},
            ("ValidationFailed", "An import of PARKS takes no parkId; only an import of PARK_READINGS does."),
        ),
        (
            {"kind": "PARK_READINGS", "parkId": NOBODYS},
            ("NotFound", f"There is no park with the id {NOBODYS}."),
        ),
        (
            {"kind": "PARK_READINGS", "parkId": "Bemmel"},
            (
                "ValidationFailed",
                'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff; "Bemmel" is none.',
            ),
        ),
    ],
)
async def test_readings_are_imported_for_a_park_that_is_there_and_nothing_else_is(
    api: Api, given: dict[str, Any], refused: tuple[str, str]
) -> None:
    kind, field, message = await api.refusal(CREATE_IMPORT, input=given | {"fileName": "readings.csv"})

    assert (kind, message) == refused
    assert field == ["input", "parkId"]
