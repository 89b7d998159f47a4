"""What the database holds of readings: local days, what imports leave of each other, and two real parks."""

import csv
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from db.engine.database import Database
from graph.object_store import ObjectStore
from tests.fixtures.api import Api
from tests.fixtures.park_files import ParkFiles, counts_of, file_of

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "parks"


@pytest.fixture
def files(worker: None, api: Api, database: Database, object_store: ObjectStore) -> ParkFiles:
    return ParkFiles(api, database, object_store)


async def test_days_are_local_and_as_long_as_they_were(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    zone, instants = ZoneInfo("Europe/Amsterdam"), []
    for day in (date(2020, 3, 29), date(2020, 7, 1), date(2020, 10, 25)):
        first = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        quarters = [first + timedelta(minutes=15 * number) for number in range(101)]
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


# Four imports of the same three quarters of an hour; the third says what the second said.
VERSIONS = [
    ["2020-10-25 02:15,1", "2020-10-25 02:15,1", "2020-10-26 00:00,1"],
    ["2020-10-25 02:15,2", "2020-10-25 02:15,2"],
    ["2020-10-25 02:15,2", "2020-10-25 02:15,2"],
    ["2020-10-25 02:15,4", "2020-10-27 00:00,4"],
]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
async def test_reverted_in_any_order_each_leaves_what_the_others_said(files: ParkFiles, order: tuple[int, ...]) -> None:
    park_id = await files.create_park()
    imports = [await files.import_file(file_of(rows), park_id) for rows in VERSIONS]
    standing = set(range(4))

    for number in order:
        await files.revert(imports[number])

        standing.remove(number)
        expected = {}
        for version in sorted(standing):
            seen = set()
            for row in VERSIONS[version]:
                time, power = row.split(",")
                instant = (time, "second" if time in seen else "first")
                seen.add(time)
                expected[instant] = int(power) * 1_000_000
        found = await files.readings(park_id)
        assert [power for _, _, power in found] == [expected[instant] for instant in sorted(expected)]
        assert sum(count for *_, count in await files.days(park_id)) == len(found)
        await files.assert_sums_agree()


def as_dated(name: str, zone: ZoneInfo) -> tuple[dict[datetime, Decimal], int]:
    """Read a park's file one row after the other, each as the instant it means, and count those that mean none."""
    readings: dict[datetime, Decimal] = {}
    rejected = 0
    with (DATA / name).open(newline="") as file:
        for row in csv.DictReader(file):
            local = datetime.fromisoformat(row["datetime"])
            instant = local.replace(tzinfo=zone).astimezone(UTC)
            if instant.astimezone(zone).replace(tzinfo=None) != local:
                rejected += 1
                continue
            if instant in readings:
                instant = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
            readings[instant] = Decimal(row["MW"])
    return readings, rejected


@pytest.mark.skipif(not DATA.is_dir(), reason="The files of the two parks are not there.")
@pytest.mark.parametrize("name", ["Bemmel.csv", "Netterden.csv"])
async def test_real_readings_are_kept_to_the_last_digit(files: ParkFiles, name: str) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    park_id = await files.create_park("Europe/Amsterdam")
    expected, rejected = as_dated(name, zone)
    by_day: dict[str, list[int]] = defaultdict(list)
    for instant, power in expected.items():
        by_day[str(instant.astimezone(zone).date())].append(int(power * 1_000_000))

    imported = await files.import_file((DATA / name).read_bytes(), park_id)

    assert (imported["status"], imported["rowsRejected"]) == ("COMPLETED", rejected)
    assert await files.readings(park_id) == [
        (f"{instant:%Y-%m-%dT%H:%MZ}", str(instant.astimezone(zone).date()), int(power * 1_000_000))
        for instant, power in sorted(expected.items())
    ]
    assert await files.days(park_id) == [
        (day, min(powers), max(powers), sum(powers), len(powers)) for day, powers in sorted(by_day.items())
    ]
