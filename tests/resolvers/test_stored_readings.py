"""The readings and daily sums that imports of readings leave in the database."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from db.engine.database import Database
from graph.object_store import ObjectStore
from tests.fixtures.api import Api
from tests.fixtures.park_files import ParkFiles, counts_of, file_of, rejections_of

QUARTER = timedelta(minutes=15)


@pytest.fixture
def files(worker: None, api: Api, database: Database, object_store: ObjectStore) -> ParkFiles:
    return ParkFiles(api, database, object_store)


async def test_readings_are_summed_by_local_days_of_92_96_or_100_quarters_of_an_hour(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    zone, instants = ZoneInfo("Europe/Amsterdam"), []
    for day in (date(2020, 3, 29), date(2020, 7, 1), date(2020, 10, 25)):
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        quarters = [midnight + number * QUARTER for number in range(101)]
        instants += [instant for instant in quarters if instant.astimezone(zone).date() == day]

    imported = await files.import_file(
        file_of([f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S},0.25" for instant in instants]), park_id
    )

    assert counts_of(imported) == ("COMPLETED", 288, 288, 0, 0)
    assert await files.days(park_id) == [
        ("2020-03-29", 250_000, 250_000, 23_000_000, 92),
        ("2020-07-01", 250_000, 250_000, 24_000_000, 96),
        ("2020-10-25", 250_000, 250_000, 25_000_000, 100),
    ]


# The rows of four imports. 02:15 on 2020-10-25 is ambiguous: the second row with that time is an hour later. The third
# import repeats the second.
IMPORTED_ROWS = [
    ["2020-10-25 02:15,1", "2020-10-25 02:15,1", "2020-10-26 00:00,1"],
    ["2020-10-25 02:15,2", "2020-10-25 02:15,2"],
    ["2020-10-25 02:15,2", "2020-10-25 02:15,2"],
    ["2020-10-25 02:15,4", "2020-10-27 00:00,4"],
]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
async def test_reverting_imports_in_any_order_restores_the_readings_of_the_remaining_ones(
    files: ParkFiles, order: tuple[int, ...]
) -> None:
    park_id = await files.create_park()
    imports = [await files.import_file(file_of(rows), park_id) for rows in IMPORTED_ROWS]
    remaining = set(range(4))

    for number in order:
        await files.revert(imports[number])

        remaining.remove(number)
        expected = {}
        for index in sorted(remaining):
            seen = set()
            for row in IMPORTED_ROWS[index]:
                time, power_mw = row.split(",")
                occurrence = (time, "second" if time in seen else "first")
                seen.add(time)
                expected[occurrence] = int(power_mw) * 1_000_000
        stored = await files.readings(park_id)
        assert [power for _, _, power in stored] == [expected[occurrence] for occurrence in sorted(expected)]
        assert sum(count for *_, count in await files.days(park_id)) == len(stored)
        await files.assert_sums_agree()


async def test_readings_of_both_clock_changes_are_stored_to_the_last_digit(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    rows = [
        "2020-03-29 00:00:00,10.108",
        "2020-03-29 01:45:00,-0.012",
        "2020-03-29 02:15:00,5",  # Does not exist: the clocks go from 02:00 to 03:00.
        "2020-03-29 03:00:00,-0.000001",
        "2020-03-29 23:45:00,99999.999999",
        "2020-10-25 02:45:00,-0.008",  # In summer time, UTC+2.
        "2020-10-25 02:00:00,0.000001",  # The clocks have not gone back yet: 02:00 has not occurred before.
        "2020-10-25 02:45:00,0.1",  # In winter time, UTC+1.
        "2020-10-25 03:00:00,0.2",
        "2020-10-26 00:00:00,9.924",
        "2020-10-26 00:00:00,11.32",  # Replaces the row before it.
        "2020-03-29 01:45:00,-0.016",  # Replaces the second row.
    ]

    imported = await files.import_file(file_of(rows), park_id)

    assert counts_of(imported) == ("COMPLETED", 12, 9, 2, 1)
    assert rejections_of(imported) == [(4, "datetime", "NONEXISTENT_LOCAL_TIME")]
    assert await files.readings(park_id) == [
        ("2020-03-28T23:00Z", "2020-03-29", 10_108_000),
        ("2020-03-29T00:45Z", "2020-03-29", -16_000),
        ("2020-03-29T01:00Z", "2020-03-29", -1),
        ("2020-03-29T21:45Z", "2020-03-29", 99_999_999_999),
        ("2020-10-25T00:00Z", "2020-10-25", 1),
        ("2020-10-25T00:45Z", "2020-10-25", -8_000),
        ("2020-10-25T01:45Z", "2020-10-25", 100_000),
        ("2020-10-25T02:00Z", "2020-10-25", 200_000),
        ("2020-10-25T23:00Z", "2020-10-26", 11_320_000),
    ]
    # 10.108 - 0.016 - 0.000001 + 99999.999999 = 100010.091998; 0.000001 - 0.008 + 0.1 + 0.2 = 0.292001.
    assert await files.days(park_id) == [
        ("2020-03-29", -16_000, 99_999_999_999, 100_010_091_998, 4),
        ("2020-10-25", -8_000, 200_000, 292_001, 4),
        ("2020-10-26", 11_320_000, 11_320_000, 11_320_000, 1),
    ]


def local_times(zone: ZoneInfo, year: int) -> Iterator[datetime]:
    """Yield the local time of each quarter of an hour of a year, and the local times that the clocks skip."""
    instant = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
    following = instant.astimezone(zone).replace(tzinfo=None)
    while (local := instant.astimezone(zone).replace(tzinfo=None)).year == year:
        while following < local:
            yield following
            following += QUARTER
        yield local
        following = local + QUARTER
        instant += QUARTER


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Return whether the clocks of a timezone ever show a local time."""
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local


def read_one_by_one(content: str, zone: ZoneInfo) -> tuple[dict[datetime, Decimal], int]:
    """Return the power in MW at each instant of a file, and the number of rows whose local time does not exist."""
    readings: dict[datetime, Decimal] = {}
    nonexistent = 0
    for row in csv.DictReader(io.StringIO(content)):
        local = datetime.fromisoformat(row["datetime"])
        if not exists(local, zone):
            nonexistent += 1
            continue
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        if instant in readings:
            instant = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
        readings[instant] = Decimal(row["MW"])
    return readings, nonexistent


@pytest.mark.parametrize(("timezone", "nonexistent"), [("Europe/Amsterdam", 4), ("UTC", 0)])
async def test_year_of_readings_is_stored_as_if_read_one_by_one(
    files: ParkFiles, timezone: str, nonexistent: int
) -> None:
    zone = ZoneInfo(timezone)
    park_id = await files.create_park(timezone)
    # Powers from -0.999999 to 23.999999 MW, with up to six decimals.
    powers_mw = (Decimal(number * 7_919_333 % 25_000_000 - 1_000_000) / 10**6 for number in range(40_000))
    rows = zip(local_times(zone, 2020), powers_mw, strict=False)
    content = file_of([f"{local:%Y-%m-%d %H:%M:%S},{power:f}" for local, power in rows])
    expected, expected_nonexistent = read_one_by_one(content, zone)
    assert (len(expected), expected_nonexistent) == (366 * 96, nonexistent)
    by_day: dict[str, list[int]] = defaultdict(list)
    for instant, power in expected.items():
        by_day[str(instant.astimezone(zone).date())].append(int(power * 1_000_000))

    imported = await files.import_file(content, park_id)

    assert (imported["status"], imported["rowsRejected"]) == ("COMPLETED", nonexistent)
    assert await files.readings(park_id) == [
        (f"{instant:%Y-%m-%dT%H:%MZ}", str(instant.astimezone(zone).date()), int(power * 1_000_000))
        for instant, power in sorted(expected.items())
    ]
    assert await files.days(park_id) == [
        (day, min(powers), max(powers), sum(powers), len(powers)) for day, powers in sorted(by_day.items())
    ]
