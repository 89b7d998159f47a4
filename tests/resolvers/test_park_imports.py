"""Imports of parks and readings: local times at clock changes, replaced and reverted readings, rejected rows."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlmodel import col

import db.parks
import db.verification
from db.engine.database import Database
from db.parks import Park, ParkTimezoneChanged
from graph.embedded.servers import EmbeddedServers
from graph.object_store import ObjectStore
from graph.settings import WorkerSettings
from graph.worker import Worker
from tests.fixtures.api import Api, new_name
from tests.fixtures.park_files import CANCEL, HEADER, REVERT, ParkFiles, counts_of, file_of, rejections_of

PARKS_HEADER = "park_name,timezone,energy_type\n"
# The chunk sizes of the worker, in bytes: one chunk for the whole file, and about one chunk for each row.
CHUNK_BYTES = {"one chunk": 2**20, "one row per chunk": 16}


@pytest_asyncio.fixture(scope="module", params=CHUNK_BYTES.values(), ids=CHUNK_BYTES.keys())
async def chunked_worker(
    request: pytest.FixtureRequest, servers: EmbeddedServers, database_url: str
) -> AsyncIterator[None]:
    """A worker on this module's database with the chunk size of the parameter."""
    settings = WorkerSettings(chunk_bytes=request.param)
    worker = Worker(database_url=database_url, object_store=servers.object_store, settings=settings)
    task = asyncio.create_task(worker.run())
    yield
    worker.stop()
    await task


@pytest.fixture
def files(chunked_worker: None, api: Api, database: Database, object_store: ObjectStore) -> ParkFiles:
    return ParkFiles(api, database, object_store)


@pytest.mark.parametrize(
    ("timezone", "times"),
    [
        pytest.param(
            "Europe/Amsterdam",
            [
                ("2020-03-29 01:45", "2020-03-29T00:45Z"),
                ("2020-03-29 02:00", None),
                ("2020-03-29T02:59:59", None),
                ("2020-03-29 03:00:00", "2020-03-29T01:00Z"),
            ],
            id="one hour forward",
        ),
        pytest.param(
            "Europe/Amsterdam",
            [
                ("2020-10-25 01:45", "2020-10-24T23:45Z"),
                ("2020-10-25 02:30", "2020-10-25T00:30Z"),
                ("2020-10-25 02:45", "2020-10-25T00:45Z"),
                ("2020-10-25 02:00", "2020-10-25T00:00Z"),
                ("2020-10-25 02:30", "2020-10-25T01:30Z"),
                ("2020-10-25 02:45", "2020-10-25T01:45Z"),
                ("2020-10-25 03:00", "2020-10-25T02:00Z"),
            ],
            id="one hour back",
        ),
        pytest.param(
            "Europe/Volgograd",
            [
                ("2020-12-27 00:45", "2020-12-26T20:45Z"),
                ("2020-12-27 01:00", "2020-12-26T21:00Z"),
                ("2020-12-27 01:00", "2020-12-26T22:00Z"),
                ("2020-12-27 01:59", "2020-12-26T21:59Z"),
                ("2020-12-27 02:00", "2020-12-26T23:00Z"),
                ("2021-07-01 00:00", "2021-06-30T21:00Z"),
            ],
            id="permanent change of offset",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            [
                ("2020-04-05 01:15", "2020-04-04T14:15Z"),
                ("2020-04-05 01:30", "2020-04-04T14:30Z"),
                ("2020-04-05 01:30", "2020-04-04T15:00Z"),
                ("2020-04-05 02:00", "2020-04-04T15:30Z"),
                ("2020-10-04 01:45", "2020-10-03T15:15Z"),
                ("2020-10-04 02:15", None),
                ("2020-10-04 02:30", "2020-10-03T15:30Z"),
            ],
            id="half an hour back and forward",
        ),
        pytest.param(
            "Pacific/Apia",
            [
                ("2011-12-29 23:45", "2011-12-30T09:45Z"),
                ("2011-12-30 00:00", None),
                ("2011-12-30 23:45", None),
                ("2011-12-31 00:00", "2011-12-30T10:00Z"),
            ],
            id="a whole day forward",
        ),
    ],
)
async def test_local_time_is_stored_as_its_instant(
    files: ParkFiles, timezone: str, times: list[tuple[str, str | None]]
) -> None:
    park_id = await files.create_park(timezone)
    skipped = [line for line, (_, instant) in enumerate(times, start=2) if instant is None]

    imported = await files.import_file(file_of([f"{time},{line}" for line, (time, _) in enumerate(times)]), park_id)

    assert [(at, power // 1_000_000) for at, _, power in await files.readings(park_id)] == sorted(
        (instant, line) for line, (_, instant) in enumerate(times) if instant
    )
    assert rejections_of(imported) == [(line, "datetime", "NONEXISTENT_LOCAL_TIME") for line in skipped]
    assert counts_of(imported) == ("COMPLETED", len(times), len(times) - len(skipped), 0, len(skipped))
    await files.assert_sums_agree()


async def test_nonexistent_local_time_is_rejected_with_its_timezone(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")

    imported = await files.import_file(file_of(["2020-03-29 02:15,1"]), park_id)

    (rejection,) = imported["rejections"]["items"]
    assert rejection == {
        "lineNumber": 2,
        "column": "datetime",
        "code": "NONEXISTENT_LOCAL_TIME",
        "message": "'2020-03-29 02:15' does not exist in Europe/Amsterdam, because clocks were put forward past it;"
        " expected a local time that exists.",
        "row": "2020-03-29 02:15,1",
    }


async def test_first_row_of_an_ambiguous_time_is_the_earlier_instant_and_later_rows_the_later_instant(
    files: ParkFiles,
) -> None:
    park_id = await files.create_park("Europe/Amsterdam")

    imported = await files.import_file(file_of([f"2020-10-25 02:15,{power}" for power in ("1", "2", "3")]), park_id)

    assert await files.readings(park_id) == [
        ("2020-10-25T00:15Z", "2020-10-25", 1_000_000),
        ("2020-10-25T01:15Z", "2020-10-25", 3_000_000),
    ]
    assert counts_of(imported) == ("COMPLETED", 3, 2, 1, 0)
    assert await files.days(park_id) == [("2020-10-25", 1_000_000, 3_000_000, 4_000_000, 2)]


# The quarters of an hour from 01:45 to 03:00 on the night on which clocks go back from 03:00 to 02:00, at +02:00 and
# then at +01:00.
NIGHT = ["01:45", *("02:00", "02:15", "02:30", "02:45") * 2, "03:00"]
NIGHT_INSTANTS = [
    *("2025-10-25T23:45Z", "2025-10-26T00:00Z", "2025-10-26T00:15Z", "2025-10-26T00:30Z", "2025-10-26T00:45Z"),
    *("2025-10-26T01:00Z", "2025-10-26T01:15Z", "2025-10-26T01:30Z", "2025-10-26T01:45Z", "2025-10-26T02:00Z"),
]
NIGHT_ROWS = [f"2025-10-26 {time},{power}" for power, time in enumerate(NIGHT)]
NIGHT_READINGS = [(instant, "2025-10-26", power * 1_000_000) for power, instant in enumerate(NIGHT_INSTANTS)]


@pytest.mark.parametrize("rows", [NIGHT_ROWS, NIGHT_ROWS[::-1]], ids=["oldest first", "newest first"])
async def test_order_of_the_file_tells_which_reading_of_an_ambiguous_time_is_earlier(
    files: ParkFiles, rows: list[str]
) -> None:
    park_id = await files.create_park("Europe/Amsterdam")

    imported = await files.import_file(file_of(rows), park_id)

    assert counts_of(imported) == ("COMPLETED", 10, 10, 0, 0)
    assert await files.readings(park_id) == NIGHT_READINGS


@pytest.mark.parametrize("step", [1, -1], ids=["oldest first", "newest first"])
async def test_files_of_an_hour_each_fill_the_two_hours_in_the_order_of_their_imports(
    files: ParkFiles, step: int
) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    hours = [NIGHT_ROWS[0:1], NIGHT_ROWS[1:5], NIGHT_ROWS[5:9], NIGHT_ROWS[9:]]

    imports = [await files.import_file(file_of(rows[::step]), park_id) for rows in hours]
    readings = await files.readings(park_id)
    await files.revert(imports[2])

    assert readings == NIGHT_READINGS
    assert await files.readings(park_id) == [*NIGHT_READINGS[:5], NIGHT_READINGS[9]]


async def test_file_of_the_doubled_hour_that_is_sent_twice_changes_nothing(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    await files.import_file(file_of(NIGHT_ROWS[1:5]), park_id)

    again = await files.import_file(file_of(NIGHT_ROWS[1:5]), park_id)

    assert counts_of(again) == ("COMPLETED", 4, 0, 4, 0)
    assert await files.readings(park_id) == NIGHT_READINGS[1:5]


async def test_reading_with_a_utc_offset_has_that_instant(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    rows = [
        *(
            "2025-10-26T02:30+01:00,1",
            "2025-10-26T02:30:00+02:00,2",
            "2025-10-25 22:00:00Z,3",
            "2025-10-26T09:45+1000,4",
        ),
        "2025-10-26T03:00+01,5",
    ]

    imported = await files.import_file(file_of(rows), park_id)

    assert counts_of(imported) == ("COMPLETED", 5, 5, 0, 0)
    assert await files.readings(park_id) == [
        ("2025-10-25T22:00Z", "2025-10-26", 3_000_000),
        ("2025-10-25T23:45Z", "2025-10-26", 4_000_000),
        ("2025-10-26T00:30Z", "2025-10-26", 2_000_000),
        ("2025-10-26T01:30Z", "2025-10-26", 1_000_000),
        ("2025-10-26T02:00Z", "2025-10-26", 5_000_000),
    ]


async def test_ambiguous_time_starts_with_the_earlier_instant_in_each_file(files: ParkFiles) -> None:
    park_id = await files.create_park("Europe/Amsterdam")
    await files.import_file(file_of(["2020-10-25 02:15,1", "2020-10-25 02:15,2"]), park_id)

    imported = await files.import_file(file_of(["2020-10-25 02:15,5"]), park_id)

    assert counts_of(imported) == ("COMPLETED", 1, 1, 0, 0)
    assert [power for _, _, power in await files.readings(park_id)] == [5_000_000, 2_000_000]


async def test_last_reading_of_an_instant_in_a_file_is_the_one_that_counts(files: ParkFiles) -> None:
    park_id = await files.create_park()
    rows = ["2021-01-01 00:00,1", "2021-01-01 00:15,2", "2021-01-01T00:00:00,3.5", "2021-01-01 00:15,2.0"]

    imported = await files.import_file(file_of(rows), park_id)

    assert counts_of(imported) == ("COMPLETED", 4, 2, 2, 0)
    assert await files.days(park_id) == [("2021-01-01", 2_000_000, 3_500_000, 5_500_000, 2)]


async def test_second_import_of_a_file_changes_nothing(files: ParkFiles) -> None:
    park_id = await files.create_park()
    content = file_of(["2020-10-25 02:15,1", "2020-10-25 02:15,2", "2020-10-25 03:00,-0.000001", "wrong,1"])
    await files.import_file(content, park_id)
    before = await files.readings(park_id), await files.days(park_id)

    again = await files.import_file(content, park_id)

    assert counts_of(again) == ("COMPLETED", 4, 0, 3, 1)
    assert (await files.readings(park_id), await files.days(park_id)) == before
    await files.assert_sums_agree()


async def test_concurrent_imports_with_many_readings_of_one_instant_both_complete(files: ParkFiles) -> None:
    park_id = await files.create_park()
    content = [file_of([f"2021-01-01 00:00,{power + version}" for power in range(20)]) for version in (100, 200)]

    ids = [await files.start_import(item, park_id) for item in content]
    ended = [await files.api.wait_for_import(id) for id in ids]

    assert [item["status"] for item in ended] == ["COMPLETED", "COMPLETED"]
    assert [power for _, _, power in await files.readings(park_id)] in ([119_000_000], [219_000_000])
    await files.assert_sums_agree()
    for item in ended:
        await files.revert(item)
    assert await files.readings(park_id) == []
    assert await files.days(park_id) == []


async def test_bom_crlf_quotes_and_extra_columns_are_accepted(files: ParkFiles) -> None:
    park_id = await files.create_park()
    content = (
        b'\xef\xbb\xbfnote, mw ,DateTime\r\n,"1.5","2021-01-01 00:00:00"\r\n\r\n"a, b", -2 ,2021-01-01T00:15\r\n'
        b"caf\xc3\xa9,+.5,2021-01-01 00:30"
    )

    imported = await files.import_file(content, park_id)

    assert counts_of(imported) == ("COMPLETED", 3, 3, 0, 0)
    assert [power for _, _, power in await files.readings(park_id)] == [1_500_000, -2_000_000, 500_000]


async def test_invalid_readings_are_rejected_one_by_one(files: ParkFiles) -> None:
    park_id = await files.create_park()
    rows = [
        *("2021-01-01 00:00", ",1", "2021-01-01 00:00,", "2021-01-01T00:00z,1", "2021-01-01 00:00+24:00,1"),
        *("2021-02-29 00:00,1", "2021-01-01 24:00,1", "2021-01-01,1", "1999-12-31 23:45,1", "2100-01-01 00:00,1"),
        *("2021-01-01 00:00,1e3", "2021-01-01 00:00,0.0000001", "2021-01-01 00:00,100000.000001"),
        *("2021-01-01 00:00,-100000.000001", "2021-01-01 00:00,1,1", "2021-01-01 00:00,-100000"),
    ]

    imported = await files.import_file(file_of(rows).encode() + b"2021-01-01 00:15,\xff\n", park_id)

    assert rejections_of(imported) == [
        (2, None, "WRONG_COLUMN_COUNT"),
        (3, "datetime", "MISSING_VALUE"),
        (4, "MW", "MISSING_VALUE"),
        *((line, "datetime", "MALFORMED_DATE") for line in range(5, 10)),
        *((line, "datetime", "OUT_OF_RANGE") for line in (10, 11)),
        *((line, "MW", "MALFORMED_NUMBER") for line in (12, 13)),
        *((line, "MW", "OUT_OF_RANGE") for line in (14, 15)),
        (16, None, "WRONG_COLUMN_COUNT"),
        (18, "MW", "NOT_UTF8"),
    ]
    assert await files.readings(park_id) == [("2020-12-31T23:00Z", "2021-01-01", -100_000_000_000)]


async def test_time_in_another_format_is_rejected_with_the_formats(files: ParkFiles) -> None:
    imported = await files.import_file(
        file_of(["2021-01-01T00:00+24:00,1", "2021-01-01T00:00,1"]), await files.create_park()
    )

    (rejection,) = imported["rejections"]["items"]
    assert rejection["message"] == (
        "'2021-01-01T00:00+24:00' is not a date and time; expected YYYY-MM-DD hh:mm or YYYY-MM-DD hh:mm:ss in the"
        " park's local time, such as 2025-09-01 18:30:00, or with a UTC offset, such as 2025-09-01T18:30:00+10:00."
    )


@pytest.mark.parametrize(
    "timezone", ["US/Pacific", "EST5EDT", "Zulu", "NZ-CHAT", "Etc/GMT+5", "America/Argentina/Ushuaia"]
)
async def test_park_has_any_timezone_of_the_database(files: ParkFiles, timezone: str) -> None:
    imported = await files.import_file(PARKS_HEADER + f"Park of {new_name()},{timezone},Wind\n")

    assert counts_of(imported) == ("COMPLETED", 1, 1, 0, 0)


@pytest.mark.parametrize(
    "name", ["posix/UTC", "right/UTC", "localtime", "Factory", "posixrules", "utc", "europe/Amsterdam"]
)
async def test_park_has_no_other_timezone(files: ParkFiles, name: str) -> None:
    imported = await files.import_file(PARKS_HEADER + f"A,{name},Wind\nPark of {new_name()},UTC,Wind\n")

    assert rejections_of(imported) == [(2, "timezone", "UNKNOWN_TIMEZONE")]


async def test_readings_file_without_the_mw_column_fails_with_the_reason(files: ParkFiles) -> None:
    imported = await files.import_file("datetime,kW\n2021-01-01 00:00,1\n", await files.create_park())

    assert imported["failureReason"] == (
        "The header has no column MW; expected the columns datetime,MW, found 'datetime,kW'."
    )


async def parks_named(files: ParkFiles, *names: str) -> list[tuple[str, str, str]]:
    read = select(col(Park.name), col(Park.timezone), col(Park.energy_type)).where(col(Park.name).in_(names))
    return [tuple(row) for row in await files.database.rows(read.order_by(col(Park.name)))]


async def test_parks_are_created_and_changed_by_name_and_reverted(files: ParkFiles) -> None:
    one, other = f"A {new_name()}", f"B {new_name()}"
    first = await files.import_file(PARKS_HEADER + f"{one},Europe/Amsterdam,Wind\n{other},Europe/Istanbul,SOLAR\n")
    same_and_changed = f"{one},Europe/Amsterdam,wind\n{other},Europe/Bucharest,Solar\n"

    second = await files.import_file(PARKS_HEADER + same_and_changed)
    changed = await parks_named(files, one, other)
    await files.revert(second)
    changed_back = await parks_named(files, one, other)
    await files.revert(first)

    assert counts_of(first) == ("COMPLETED", 2, 2, 0, 0)
    assert counts_of(second) == ("COMPLETED", 2, 1, 1, 0)
    assert changed == [(one, "Europe/Amsterdam", "WIND"), (other, "Europe/Bucharest", "SOLAR")]
    assert changed_back == [(one, "Europe/Amsterdam", "WIND"), (other, "Europe/Istanbul", "SOLAR")]
    assert await parks_named(files, one, other) == []


async def test_invalid_parks_are_rejected_one_by_one(files: ParkFiles) -> None:
    name = f"Park of {new_name()}"
    rows = [
        *(",Europe/Amsterdam,Wind", f"{name},,Wind", f"{name},Europe/Amsterdam,", f"{name},Mars/Base,Wind"),
        *(f"{name},../UTC,Wind", f"{name},Europe/Amsterdam,Tidal", f"{name},Europe/Amsterdam"),
        *(f"{'x' * 201},Europe/Amsterdam,Wind", "a\0b,Europe/Amsterdam,Wind"),
    ]

    imported = await files.import_file(PARKS_HEADER + "\n".join(rows))

    assert rejections_of(imported) == [
        (2, "park_name", "MISSING_VALUE"),
        (3, "timezone", "MISSING_VALUE"),
        (4, "energy_type", "MISSING_VALUE"),
        *((line, "timezone", "UNKNOWN_TIMEZONE") for line in (5, 6)),
        (7, "energy_type", "UNKNOWN_ENERGY_TYPE"),
        (8, None, "WRONG_COLUMN_COUNT"),
        *((line, "park_name", "OUT_OF_RANGE") for line in (9, 10)),
    ]
    assert counts_of(imported) == ("FAILED", 9, 0, 0, 9)


async def test_import_cannot_change_the_timezone_of_a_park_with_readings(files: ParkFiles) -> None:
    name = f"Park of {new_name()}"
    await files.import_file(PARKS_HEADER + f"{name},Europe/Amsterdam,Wind\n")
    row = await files.database.row(db.parks.park_ids([name]))
    assert row is not None
    await files.import_file(file_of(["2021-01-01 00:00,1"]), row.id)

    imported = await files.import_file(PARKS_HEADER + f"{name},Europe/Istanbul,Wind\n{name},Europe/Amsterdam,Solar\n")

    assert counts_of(imported) == ("COMPLETED", 2, 1, 0, 1)
    assert imported["rejections"]["items"][0]["message"] == (
        f"The park {name} has readings dated in Europe/Amsterdam:"
        " revert their imports to change its timezone or delete it."
    )
    assert await parks_named(files, name) == [(name, "Europe/Amsterdam", "SOLAR")]
    await files.assert_sums_agree()


async def test_import_that_created_a_park_with_readings_imports_cannot_be_reverted(files: ParkFiles) -> None:
    name = f"Park of {new_name()}"
    created = await files.import_file(PARKS_HEADER + f"{name},Europe/Amsterdam,Wind\n")
    row = await files.database.row(db.parks.park_ids([name]))
    assert row is not None
    await files.revert(await files.import_file(file_of(["2021-01-01 00:00,1"]), row.id))

    refusal = await files.api.refusal(REVERT, id=created["id"])

    assert refusal == (
        "Conflict",
        ["input", "id"],
        f"The park {name} has imports of readings, reverted ones included: it can be changed but not deleted.",
    )
    assert await parks_named(files, name) == [(name, "Europe/Amsterdam", "WIND")]


async def test_cancelling_a_failed_import_undoes_its_readings(files: ParkFiles) -> None:
    park_id = await files.create_park()
    before = await files.import_file(file_of(["2021-01-01 00:00,1"]), park_id)
    # A gzip file without its last 20 bytes: its first rows can be read, its end cannot.
    rows = "".join(f"2021-01-0{day} 00:{minute},{day * minute}\n" for day in (1, 2) for minute in range(10, 60))
    broken = gzip.compress((HEADER + "2021-01-01 00:00,2\n" + rows).encode())[:-20]

    failed = await files.import_file(broken, park_id)
    await files.api.execute(CANCEL, id=failed["id"])

    assert (before["status"], failed["status"]) == ("COMPLETED", "FAILED")
    assert await files.readings(park_id) == [("2020-12-31T23:00Z", "2021-01-01", 1_000_000)]
    assert await files.days(park_id) == [("2021-01-01", 1_000_000, 1_000_000, 1_000_000, 1)]
    await files.assert_sums_agree()


async def test_readings_are_not_stored_if_the_park_has_another_timezone_by_then(
    api: Api, database: Database, object_store: ObjectStore
) -> None:
    files = ParkFiles(api, database, object_store)
    park_id = await files.create_park("Europe/Amsterdam")

    async with database.transaction() as session:
        with pytest.raises(ParkTimezoneChanged) as refused:
            await db.parks.lock_timezone(session, id=park_id, timezone="Europe/Istanbul")

    assert str(refused.value) == (
        "The park's timezone was changed from Europe/Istanbul while its readings were imported; start the import again."
    )
