"""Readings of parks, and the statistics of local days of 92, 96 or 100 quarters of an hour."""

from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

import db.readings
from db.engine.database import Database
from tests.fixtures.api import Api, new_name
from tests.fixtures.readings import readings, store_readings

LIST_READINGS = "query ($filter: EnergyReadingFilterInput) { listEnergyReadings(filter: $filter) { items { %s } } }"
STATS = "minPowerMw maxPowerMw sumPowerMw meanPowerMw readingCount"
LIST_PARK_STATS = f"""query ($filter: StatsFilterInput, $limit: Int, $next: String) {{
    listParkDailyStats(filter: $filter, limit: $limit, nextToken: $next) {{
        items {{ park {{ name }} date {STATS} }} nextToken
    }}
}}"""
LIST_ENERGY_TYPE_STATS = f"""query ($filter: StatsFilterInput, $limit: Int, $next: String) {{
    listEnergyTypeDailyStats(filter: $filter, limit: $limit, nextToken: $next) {{
        items {{ energyType date {STATS} parkCount }} nextToken
    }}
}}"""
GET_PARK_READINGS = """query ($id: ID!, $from: AWSDateTime, $until: AWSDateTime, $limit: Int, $next: String) {
    getPark(id: $id) { readings(from: $from, until: $until, limit: $limit, nextToken: $next) {
        items { intervalStart powerMw park { id } } nextToken
    } }
}"""

PARKS = {
    "Noon": ("Pacific/Auckland", "SOLAR"),
    "Breeze": ("Pacific/Auckland", "WIND"),
    "Gale": ("America/Lima", "WIND"),
}
TIMEZONES = sorted({timezone for timezone, _ in PARKS.values()})


@pytest_asyncio.fixture(scope="module")
async def parks(api: Api, database: Database) -> dict[str, str]:
    """
    The ids, by name, of three parks with readings on two days, and of the park Calm without readings.

    A power in MW encodes its origin: its first digit is the number of the park, its second digit the day.
    """
    ids = {
        name: await api.create_park(name=name, timezone=zone, energy_type=type_)
        for name, (zone, type_) in PARKS.items()
    }
    for number, (name, (zone, _)) in enumerate(PARKS.items(), start=1):
        days = ((1, "2025-09-01"), (2, "2025-09-02"))
        await store_readings(
            database,
            ids[name],
            *(readings(zone, day, [f"{number}.{day_number}", f"{number}.{day_number}5"]) for day_number, day in days),
        )
    return ids | {"Calm": await api.create_park(name="Calm", timezone="America/Lima", energy_type="WIND")}


async def new_park(api: Api, timezone: str, energy_type: str = "WIND") -> tuple[str, str]:
    """Create a park and return its id and name."""
    name = new_name()
    return await api.create_park(name=name, timezone=timezone, energy_type=energy_type), name


async def powers(api: Api, **filter: Any) -> list[float]:
    listed = await api.execute(LIST_READINGS % "powerMw", filter=filter)
    return sorted(item["powerMw"] for item in listed["items"])


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"timezones": TIMEZONES}, "1.1 1.15 1.2 1.25 2.1 2.15 2.2 2.25 3.1 3.15 3.2 3.25"),
        ({"parkNames": ["Noon", "Gale", "Nobody"]}, "1.1 1.15 1.2 1.25 3.1 3.15 3.2 3.25"),
        ({"timezones": ["Pacific/Auckland"]}, "1.1 1.15 1.2 1.25 2.1 2.15 2.2 2.25"),
        ({"timezones": TIMEZONES, "energyTypes": ["WIND"]}, "2.1 2.15 2.2 2.25 3.1 3.15 3.2 3.25"),
        ({"timezones": ["Pacific/Auckland"], "energyTypes": ["WIND"]}, "2.1 2.15 2.2 2.25"),
        ({"parkNames": ["Noon"], "energyTypes": ["WIND"]}, ""),
        ({"parkNames": ["Noon"], "timezones": ["America/Lima"]}, ""),
        ({"parkNames": ["Calm"]}, ""),
        ({"parkNames": []}, ""),
        ({"energyTypes": []}, ""),
        ({"timezones": []}, ""),
        ({"parkNames": ["Noon"], "energyTypes": None, "timezones": None}, "1.1 1.15 1.2 1.25"),
        ({"parkNames": ["Noon"], "from": "2025-09-01T00:15:00+12:00"}, "1.15 1.2 1.25"),
        ({"parkNames": ["Noon"], "until": "2025-09-01T00:15:00+12:00"}, "1.1"),
        ({"parkNames": ["Noon"], "from": "2025-08-31T12:15:00Z", "until": "2025-09-01T12:15:00Z"}, "1.15 1.2"),
        ({"parkNames": ["Noon"], "from": "2025-09-02T00:00:00Z", "until": "2025-09-01T00:00:00Z"}, ""),
        (
            {"parkNames": ["Breeze", "Gale"], "energyTypes": ["WIND"], "timezones": ["America/Lima"]}
            | {"from": "2025-09-02T05:00:00Z", "until": "2025-09-02T05:15:00Z"},
            "3.2",
        ),
    ],
)
async def test_readings_are_filtered_by_park_and_instant(
    api: Api, parks: dict[str, str], filter: dict[str, Any], found: str
) -> None:
    assert await powers(api, **filter) == [float(power) for power in found.split()]


async def test_reading_has_its_park_and_the_local_offset_at_its_instant(api: Api, database: Database) -> None:
    park_id, name = await new_park(api, "Europe/Amsterdam")
    await store_readings(database, park_id, readings("Europe/Amsterdam", "2020-10-25", ["-0.008"] * 17))

    listed = await api.execute(LIST_READINGS % "intervalStart powerMw park { id name }", filter={"parkNames": [name]})

    starts = [item["intervalStart"] for item in listed["items"]]
    assert listed["items"][0] == {
        "intervalStart": "2020-10-25T00:00:00.000+02:00",
        "powerMw": -0.008,
        "park": {"id": park_id, "name": name},
    }
    assert starts[8:16] == [
        f"2020-10-25T02:{minutes}:00.000{offset}"
        for offset in ("+02:00", "+01:00")
        for minutes in ("00", "15", "30", "45")
    ]
    assert starts[16] == "2020-10-25T03:00:00.000+01:00"


@pytest.mark.parametrize(
    ("timezone", "day", "start"),
    [
        ("Europe/London", "2025-01-01", "2025-01-01T00:00:00.000Z"),
        ("Asia/Kathmandu", "2025-01-01", "2025-01-01T00:00:00.000+05:45"),
        ("America/St_Johns", "2025-01-01", "2025-01-01T00:00:00.000-03:30"),
        ("Europe/Volgograd", "2020-12-26", "2020-12-26T00:00:00.000+04:00"),
        ("Europe/Volgograd", "2020-12-28", "2020-12-28T00:00:00.000+03:00"),
    ],
)
async def test_offset_is_the_one_in_force_at_the_instant(
    api: Api, database: Database, timezone: str, day: str, start: str
) -> None:
    park_id, name = await new_park(api, timezone)
    await store_readings(database, park_id, readings(timezone, day, [1]))

    listed = await api.execute(LIST_READINGS % "intervalStart", filter={"parkNames": [name]})

    assert listed["items"] == [{"intervalStart": start}]


async def test_pages_of_readings_of_several_parks_have_no_repeats_and_no_gaps(api: Api, parks: dict[str, str]) -> None:
    document = """query ($filter: EnergyReadingFilterInput, $limit: Int, $next: String) {
        listEnergyReadings(filter: $filter, limit: $limit, nextToken: $next) {
            items { park { id } intervalStart powerMw } nextToken
        }
    }"""

    for limit in (1, 3, 4, 5, 11, 12):
        read = await read_all(api, document, limit=limit, filter={"timezones": TIMEZONES})

        powers_by_park = {id: [item["powerMw"] for item in read if item["park"]["id"] == id] for id in parks.values()}
        assert [len(page) for page in powers_by_park.values()] == [4, 4, 4, 0]
        assert [power for id in sorted(parks.values()) for power in powers_by_park[id]] == [
            item["powerMw"] for item in read
        ]
        assert all(page == sorted(page) for page in powers_by_park.values())


async def read_all(api: Api, document: str, **variables: Any) -> list[Any]:
    """Read all pages of a list, and return their items."""
    items, next_token = [], None
    while True:
        page = await api.execute(document, next=next_token, **variables)
        page = page if "items" in page else next(iter(page.values()))
        items += page["items"]
        next_token = page["nextToken"]
        if next_token is None:
            return items
        assert len(page["items"]) == variables["limit"]


async def test_readings_of_one_park_are_paged_within_a_period(api: Api, database: Database) -> None:
    park_id, _ = await new_park(api, "Europe/Amsterdam")
    await store_readings(database, park_id, readings("Europe/Amsterdam", "2025-09-01", range(500)))
    span = {"from": "2025-09-01T01:00:00+02:00", "until": "2025-09-06T04:45:00+02:00"}

    read = await read_all(api, GET_PARK_READINGS, id=park_id, limit=200, **span)

    assert [item["powerMw"] for item in read] == list(range(4, 499))
    assert read[0] == {"intervalStart": "2025-09-01T01:00:00.000+02:00", "powerMw": 4, "park": {"id": park_id}}


async def test_each_of_several_parks_has_its_own_readings(api: Api, parks: dict[str, str]) -> None:
    document = """query ($zones: [String!]) { listParks(filter: {timezones: $zones}) { items {
        name readings(limit: 3, from: "2025-08-31T12:15:00Z") { items { powerMw } nextToken }
    } } }"""

    listed = await api.execute(document, zones=TIMEZONES)

    found = {
        park["name"]: ([item["powerMw"] for item in park["readings"]["items"]], park["readings"]["nextToken"] is None)
        for park in listed["items"]
    }
    assert found == {
        "Breeze": ([2.15, 2.2, 2.25], True),
        "Calm": ([], True),
        "Gale": ([3.1, 3.15, 3.2], False),
        "Noon": ([1.15, 1.2, 1.25], True),
    }


# The clocks go forward, stay unchanged, or go back on the day.
@pytest.mark.parametrize(
    ("timezone", "day", "count"),
    [
        ("Europe/Amsterdam", "2025-03-30", 92),
        ("Europe/Amsterdam", "2025-09-01", 96),
        ("Europe/Amsterdam", "2025-10-26", 100),
        ("Europe/Volgograd", "2020-12-27", 100),
    ],
)
async def test_local_day_counts_92_96_or_100_quarters_of_an_hour(
    api: Api, database: Database, timezone: str, day: str, count: int
) -> None:
    park_id, name = await new_park(api, timezone, "SOLAR")
    # One reading more than the day has; the last is the first of the next day.
    await store_readings(database, park_id, readings(timezone, day, ["0.1"] * (count - 1) + ["-0.000001", "5"]))

    filter = {"parkNames": [name], "until": day[:-2] + f"{int(day[-2:]) + 1:02}"}
    park_stats = await api.execute(LIST_PARK_STATS, filter=filter)
    energy_type_stats = await api.execute(LIST_ENERGY_TYPE_STATS, filter=filter)

    total = (100_000 * (count - 1) - 1) / 10**6
    stats = {
        "date": day,
        "minPowerMw": -0.000001,
        "maxPowerMw": 0.1,
        "sumPowerMw": total,
        "meanPowerMw": (100_000 * (count - 1) - 1) / (count * 10**6),
        "readingCount": count,
    }
    assert park_stats["items"] == [{"park": {"name": name}} | stats]
    assert energy_type_stats["items"] == [{"energyType": "SOLAR", "parkCount": 1} | stats]


def park_day(number: int, day_number: int) -> dict[str, Any]:
    """Return the expected statistics of a day of one park, computed in integer hundredths of a MW."""
    low = 100 * number + 10 * day_number
    return {
        "date": f"2025-09-0{day_number}",
        "minPowerMw": low / 100,
        "maxPowerMw": (low + 5) / 100,
        "sumPowerMw": (2 * low + 5) / 100,
        "meanPowerMw": (2 * low + 5) / 200,
        "readingCount": 2,
    }


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"timezones": TIMEZONES}, {"Noon 1", "Noon 2", "Breeze 1", "Breeze 2", "Gale 1", "Gale 2"}),
        ({"parkNames": ["Noon", "Calm"]}, {"Noon 1", "Noon 2"}),
        ({"timezones": ["America/Lima"]}, {"Gale 1", "Gale 2"}),
        ({"timezones": TIMEZONES, "energyTypes": ["SOLAR"]}, {"Noon 1", "Noon 2"}),
        ({"timezones": TIMEZONES, "from": "2025-09-02"}, {"Noon 2", "Breeze 2", "Gale 2"}),
        ({"timezones": TIMEZONES, "until": "2025-09-02"}, {"Noon 1", "Breeze 1", "Gale 1"}),
        (
            {"parkNames": ["Noon", "Breeze"], "energyTypes": ["WIND"], "timezones": ["Pacific/Auckland"]}
            | {"from": "2025-09-01", "until": "2025-09-02"},
            {"Breeze 1"},
        ),
        ({"timezones": TIMEZONES, "from": "2025-09-02", "until": "2025-09-02"}, set()),
        ({"parkNames": []}, set()),
        ({"energyTypes": []}, set()),
        ({"timezones": []}, set()),
    ],
)
async def test_statistics_of_parks_are_filtered_by_park_and_day(
    api: Api, parks: dict[str, str], filter: dict[str, Any], found: set[str]
) -> None:
    listed = await read_all(api, LIST_PARK_STATS, limit=2, filter=filter)

    days = {
        f"{name} {day_number}": {"park": {"name": name}} | park_day(number, day_number)
        for number, name in enumerate(PARKS, start=1)
        for day_number in (1, 2)
    }
    assert sorted(map(str, listed)) == sorted(str(days[name]) for name in found)
    assert [item["date"] for item in listed] == sorted(item["date"] for item in listed)


def both_wind_parks(day_number: int) -> dict[str, Any]:
    """Return the expected statistics of a day of the two wind parks together."""
    breeze, gale = park_day(2, day_number), park_day(3, day_number)
    hundredths = 2 * (200 + 300 + 20 * day_number) + 10
    return {
        "energyType": "WIND",
        "date": breeze["date"],
        "minPowerMw": breeze["minPowerMw"],
        "maxPowerMw": gale["maxPowerMw"],
        "sumPowerMw": hundredths / 100,
        "meanPowerMw": hundredths / 400,
        "readingCount": 4,
        "parkCount": 2,
    }


def energy_type_day(type_: str, number: int, day_number: int) -> dict[str, Any]:
    return {"energyType": type_, "parkCount": 1} | park_day(number, day_number)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (
            {"timezones": TIMEZONES},
            [energy_type_day("SOLAR", 1, 1), both_wind_parks(1), energy_type_day("SOLAR", 1, 2), both_wind_parks(2)],
        ),
        (
            {"parkNames": list(PARKS)},
            [energy_type_day("SOLAR", 1, 1), both_wind_parks(1), energy_type_day("SOLAR", 1, 2), both_wind_parks(2)],
        ),
        ({"timezones": TIMEZONES, "energyTypes": ["WIND"]}, [both_wind_parks(1), both_wind_parks(2)]),
        ({"timezones": TIMEZONES, "energyTypes": ["WIND"], "from": "2025-09-02"}, [both_wind_parks(2)]),
        ({"parkNames": ["Breeze", "Gale", "Calm"], "until": "2025-09-02"}, [both_wind_parks(1)]),
        ({"timezones": ["America/Lima"]}, [energy_type_day("WIND", 3, 1), energy_type_day("WIND", 3, 2)]),
        ({"parkNames": ["Gale"]}, [energy_type_day("WIND", 3, 1), energy_type_day("WIND", 3, 2)]),
        ({"parkNames": ["Gale"], "energyTypes": ["SOLAR"]}, []),
        ({"parkNames": []}, []),
        ({"energyTypes": []}, []),
        ({"timezones": []}, []),
    ],
)
async def test_statistics_of_energy_types_are_filtered_by_park_and_day(
    api: Api, parks: dict[str, str], filter: dict[str, Any], found: list[Any]
) -> None:
    for limit in (1, 2, 3, 200):
        assert await read_all(api, LIST_ENERGY_TYPE_STATS, limit=limit, filter=filter) == found


async def test_sums_include_replacing_readings_until_their_import_is_undone(api: Api, database: Database) -> None:
    park_id, name = await new_park(api, "Africa/Lagos")
    await store_readings(database, park_id, readings("Africa/Lagos", "2025-09-01", [1, 2]))
    correction = await store_readings(database, park_id, readings("Africa/Lagos", "2025-09-01", [4]))

    async def sums_and_counts() -> list[Any]:
        queries = [(LIST_PARK_STATS, {"parkNames": [name]}), (LIST_ENERGY_TYPE_STATS, {"timezones": ["Africa/Lagos"]})]
        listed = [(await api.execute(document, filter=filter))["items"] for document, filter in queries]
        return [[(item["sumPowerMw"], item["readingCount"]) for item in items] for items in listed]

    corrected = await sums_and_counts()
    async with database.transaction() as session:
        await db.readings.undo_import(session, park_id=UUID(park_id), import_id=correction)

    assert corrected == [[(6, 2)], [(6, 2)]]
    assert await sums_and_counts() == [[(3, 2)], [(3, 2)]]


async def test_daily_sums_follow_a_park_to_its_new_energy_type(api: Api, database: Database) -> None:
    first, _ = await new_park(api, "Africa/Nairobi", "WIND")
    second, _ = await new_park(api, "Africa/Nairobi", "WIND")
    for park_id, power in ((first, 1), (second, 2)):
        await store_readings(database, park_id, readings("Africa/Nairobi", "2025-09-01", [power]))

    await api.execute(
        "mutation ($id: ID!) { updatePark(input: {id: $id, energyType: SOLAR}) { id } }",
        id=second,
    )

    listed = await api.execute(LIST_ENERGY_TYPE_STATS, filter={"timezones": ["Africa/Nairobi"]})
    assert [(item["energyType"], item["sumPowerMw"], item["parkCount"]) for item in listed["items"]] == [
        ("SOLAR", 2, 1),
        ("WIND", 1, 1),
    ]


async def test_mean_is_the_float_nearest_to_the_exact_mean(api: Api, database: Database) -> None:
    park_id, name = await new_park(api, "UTC")
    await store_readings(database, park_id, readings("UTC", "2025-09-01", ["0.1", "0.2", "0"]))

    listed = await api.execute(LIST_PARK_STATS, filter={"parkNames": [name]})

    (day,) = listed["items"]
    assert (day["sumPowerMw"], day["meanPowerMw"]) == (0.3, 0.1)
