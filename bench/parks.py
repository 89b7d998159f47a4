"""
Park statistics from the stored daily sums, compared with an aggregate over the readings; and pages of readings.

The parks here have 4 readings a day, real ones have 96: the aggregate reads a 24th of a real year's rows.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

import db.migrations
from bench.processes import API_KEY, api
from graph.embedded.servers import embedded_servers

PARKS = 1_000
PAGED_READINGS = 100_000
PAGED_PARK = "Park with many readings"
IMPORT = uuid4()
PAGE = 200
ROUNDS = 11

# A year of readings in the parks' local time, and one more park with as many readings as the paging bench needs.
FILL = f"""
    insert into parks (id, name, timezone, energy_type)
    select gen_random_uuid(), 'Park ' || number, 'Europe/Amsterdam', case number % 2 when 0 then 'SOLAR' else 'WIND' end
    from generate_series(1, {PARKS}) number;

    insert into energy_readings (park_id, interval_start, local_date, power_w, import_id)
    select id, start, (start at time zone timezone)::date, 10000000 * random(), '{IMPORT}'
    from parks, generate_series(timestamptz '2021-01-01 00:00+01', '2021-12-31 23:59+01', '6 hours') start;

    insert into park_days (park_id, local_date, min_power_w, max_power_w, sum_power_w, reading_count)
    select park_id, local_date, min(power_w), max(power_w), sum(power_w), count(*)
    from energy_readings
    group by park_id, local_date;

    insert into energy_type_days (
        local_date, energy_type, timezone, min_power_w, max_power_w, sum_power_w, reading_count, park_count
    )
    select
        local_date, energy_type, timezone,
        min(min_power_w), max(max_power_w), sum(sum_power_w), sum(reading_count), count(*)
    from park_days
    join parks on parks.id = park_id
    group by local_date, energy_type, timezone;

    insert into parks (id, name, timezone, energy_type)
    values (gen_random_uuid(), '{PAGED_PARK}', 'Europe/Amsterdam', 'WIND');

    insert into energy_readings (park_id, interval_start, local_date, power_w, import_id)
    select id, start, (start at time zone timezone)::date, 10000000 * random(), '{IMPORT}'
    from parks,
        generate_series(1, {PAGED_READINGS}) number,
        lateral (select timestamptz '2022-01-01 00:00+01' + number * interval '15 minutes' as start) as starts
    where name = '{PAGED_PARK}';
"""  # noqa: S608 The SQL contains only our own constants.
FROM_PARK_DAYS = """
    select energy_type, local_date, min(min_power_w), max(max_power_w), sum(sum_power_w), sum(reading_count), count(*)
    from park_days
    join parks on parks.id = park_id
    where local_date >= '2021-01-01' and local_date < '2022-01-01'
    group by energy_type, local_date
    order by energy_type, local_date
"""
FROM_ENERGY_TYPE_DAYS = """
    select energy_type, local_date,
           min(min_power_w), max(max_power_w), sum(sum_power_w), sum(reading_count), sum(park_count)
    from energy_type_days
    where local_date >= '2021-01-01' and local_date < '2022-01-01'
    group by energy_type, local_date
    order by energy_type, local_date
"""
FROM_READINGS = """
    select energy_type, local_date, min(power_w), max(power_w), sum(power_w), count(*), count(distinct park_id)
    from energy_readings
    join parks on parks.id = park_id
    where local_date >= '2021-01-01' and local_date < '2022-01-01'
    group by energy_type, local_date
    order by energy_type, local_date
"""
BY_PARK_FROM_READINGS = f"""
    select park_id, local_date, min(power_w), max(power_w), sum(power_w), count(*)
    from energy_readings
    where local_date >= '2021-01-01' and local_date < '2022-01-01'
    group by local_date, park_id
    order by local_date, park_id
    limit {PAGE}
"""  # noqa: S608 The SQL contains only our own constants.

STATISTICS = "date minPowerMw maxPowerMw sumPowerMw meanPowerMw readingCount"
YEAR = '{from: "2021-01-01", until: "2022-01-01"}'
BY_ENERGY_TYPE = f"""
query ($limit: Int, $nextToken: String) {{
  listEnergyTypeDailyStats(filter: {YEAR}, limit: $limit, nextToken: $nextToken) {{
    items {{ energyType {STATISTICS} parkCount }}
    nextToken
  }}
}}
"""
BY_PARK = f"""
query ($limit: Int, $nextToken: String) {{
  listParkDailyStats(filter: {YEAR}, limit: $limit, nextToken: $nextToken) {{
    items {{ park {{ name }} {STATISTICS} }}
    nextToken
  }}
}}
"""
READINGS = f"""
query ($limit: Int, $nextToken: String) {{
  listEnergyReadings(filter: {{parkNames: ["{PAGED_PARK}"]}}, limit: $limit, nextToken: $nextToken) {{
    items {{ intervalStart powerMw }}
    nextToken
  }}
}}
"""


async def run() -> None:
    """Measure statistics and pages of readings, and print the medians as two tables."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        async with embedded_servers(Path(folder) / "data") as servers:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            connection = await asyncpg.connect(servers.database_url)
            await connection.execute(FILL)
            await connection.execute("vacuum analyze")
            async with (
                api(servers) as (url, _),
                httpx.AsyncClient(base_url=url, headers={"x-api-key": API_KEY}) as client,
            ):
                await _statistics(connection, client)
                print()  # noqa: T201
                await _pages(client)
            await connection.close()


async def _statistics(connection: asyncpg.Connection, client: httpx.AsyncClient) -> None:
    rows, tokens = await _all_pages(client, BY_ENERGY_TYPE)
    assert rows == len(await connection.fetch(FROM_READINGS)) == len(await connection.fetch(FROM_PARK_DAYS))  # noqa: S101
    readings = await connection.fetchval("select count(*) from energy_readings where local_date < '2022-01-01'")
    print(f"A year of statistics for {PARKS:,} parks with {readings:,} readings; medians of {ROUNDS} rounds\n")  # noqa: T201
    await _print_medians(
        {
            f"by energy type, all {rows} rows, by the API in {len(tokens)} pages": partial(
                _all_pages, client, BY_ENERGY_TYPE
            ),
            "by energy type, the first page": partial(_page, client, BY_ENERGY_TYPE, tokens[0]),
            "by energy type, the last page": partial(_page, client, BY_ENERGY_TYPE, tokens[-1]),
            "by energy type, all rows, from the daily sums of each energy type, SQL": partial(
                connection.fetch, FROM_ENERGY_TYPE_DAYS
            ),
            "by energy type, all rows, from the daily sums of each park, SQL": partial(
                connection.fetch, FROM_PARK_DAYS
            ),
            "by energy type, all rows, from the readings, SQL": partial(connection.fetch, FROM_READINGS),
            f"by park, the first {PAGE} rows, by the API": partial(_page, client, BY_PARK, None),
            f"by park, the first {PAGE} rows, from the readings, SQL": partial(connection.fetch, BY_PARK_FROM_READINGS),
        }
    )


async def _pages(client: httpx.AsyncClient) -> None:
    rows, tokens = await _all_pages(client, READINGS)
    assert rows == PAGED_READINGS  # noqa: S101
    print(f"{rows:,} readings of one park in {len(tokens)} pages of the API; medians of {ROUNDS} rounds\n")  # noqa: T201
    await _print_medians(
        {
            name: partial(_page, client, READINGS, token)
            for name, token in (
                ("the first page", tokens[0]),
                ("a page in the middle", tokens[len(tokens) // 2]),
                ("the last page", tokens[-1]),
            )
        }
    )


async def _print_medians(reads: dict[str, Callable[[], Awaitable[Any]]]) -> None:
    """Run all reads in turn, round after round, and print the median duration of each."""
    durations_ms: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(ROUNDS):
        for name, read in reads.items():
            started_at = time.perf_counter()
            await read()
            durations_ms[name].append((time.perf_counter() - started_at) * 1000)
    print("| | ms |\n|---|---|")  # noqa: T201
    for name, durations in durations_ms.items():
        print(f"| {name} | {median(durations):.1f} |")  # noqa: T201


async def _all_pages(client: httpx.AsyncClient, query: str) -> tuple[int, list[str | None]]:
    """Read all pages of a list; return the number of rows, and the `nextToken` that reads each page."""
    rows, tokens = 0, list[str | None]([None])
    while True:
        page = await _page(client, query, tokens[-1])
        rows += len(page["items"])
        if page["nextToken"] is None:
            return rows, tokens
        tokens.append(page["nextToken"])


async def _page(client: httpx.AsyncClient, query: str, token: str | None) -> dict[str, Any]:
    variables = {"limit": PAGE, "nextToken": token}
    response = await client.post("/graphql", json={"query": query, "variables": variables})
    response.raise_for_status()
    page: dict[str, Any]
    (page,) = response.json()["data"].values()
    return page
