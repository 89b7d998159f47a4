import io
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from graph.embedded.servers import EmbeddedServers
from graph.imports.battery_events import BatteryEventReader
from graph.imports.block_copy import BATCH
from graph.imports.blocks import Block

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
IMPORT_ID, CHUNK_NUMBER = UUID("0190f1c2-5b7e-7cc0-8f7e-2d1f6a0c9e11"), 2**31 - 1
SITE_IDS = {f"41020{number:05}": UUID(int=number * 2**100 + 1) for number in range(300)}

TABLE = """
    create temporary table event_blocks (
        import_id uuid, chunk_number integer, site_id uuid, month date, event_count integer,
        revenue_aud numeric, cost_only_aud numeric, charged_kwh numeric, discharged_kwh numeric,
        days smallint[], discharges boolean[], energies bigint[], tariffs bigint[], line_numbers integer[]
    )
"""

# What Postgres makes of a block's events, in its own numbers.
SUMS_DIFFER = """
    select count(*)
    from event_blocks, lateral (
        select
            coalesce(sum(value) filter (where not (discharge and value < 0)), 0) as revenue_aud,
            coalesce(sum(value) filter (where discharge and value < 0), 0) as cost_only_aud,
            coalesce(sum(energy * 0.000001) filter (where not discharge), 0) as charged_kwh,
            coalesce(sum(energy * 0.000001) filter (where discharge), 0) as discharged_kwh
        from unnest(discharges, energies, tariffs) as event (discharge, energy, tariff),
            lateral (select energy::numeric * tariff * 0.00000000000001 as value) as product
    ) as sums
    where (event_blocks.revenue_aud, event_blocks.cost_only_aud, event_blocks.charged_kwh, event_blocks.discharged_kwh)
        is distinct from (sums.revenue_aud, sums.cost_only_aud, sums.charged_kwh, sums.discharged_kwh)
"""


@pytest.fixture
async def postgres(servers: EmbeddedServers) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(TABLE)
    yield connection
    await connection.close()


def scattered_rows(count: int) -> bytes:
    """Rows of one to three events a site and month, with numbers of every length and sign."""
    numbers = ["0", "1", "0.000001", "12.345678", "999999.999999", "1000000", "9999.9999", "100000"]
    nmis = list(SITE_IDS)
    rows = (
        f"{nmis[number // 3 % 101]},{2000 + number // 2 % 100}-{number // 2 % 12 + 1:02}-{number % 28 + 1:02},"
        f"{'CHARGE' if number % 5 < 2 else 'DISCHARGE'},"
        f"{numbers[number % 8]},{'-' if number % 3 else ''}{numbers[number // 8 % 8]}\n"
        for number in range(count)
    )
    return "".join(rows).encode()


async def test_postgres_takes_the_blocks_as_they_are(postgres: asyncpg.Connection) -> None:
    reader = BatteryEventReader(HEADER, charge_tariff_earns=False, site_ids=SITE_IDS)
    scattered = reader.read(scattered_rows(30_000), first_line_number=2)
    gathered = reader.read(b"4102000007,2025-09-01,CHARGE,1000000,1000000\n" * 100_000, first_line_number=30_002)

    for chunk in (scattered, gathered):
        copy = chunk.blocks_copy(IMPORT_ID, CHUNK_NUMBER)
        await postgres.copy_to_table("event_blocks", source=io.BytesIO(b"".join(copy)), format="binary")

    stored = await postgres.fetch("select * from event_blocks order by line_numbers[1] > 30001, month, site_id")
    assert len(scattered.blocks()) > BATCH
    assert [Block(*row[2:]) for row in stored] == scattered.blocks() + gathered.blocks()
    assert {row[:2] for row in stored} == {(IMPORT_ID, CHUNK_NUMBER)}
    assert await postgres.fetchval(SUMS_DIFFER) == 0


async def test_a_chunk_without_good_rows_brings_no_block(postgres: asyncpg.Connection) -> None:
    chunk = BatteryEventReader(HEADER, charge_tariff_earns=False, site_ids={}).read(b"\nx\n", first_line_number=2)

    copy = chunk.blocks_copy(IMPORT_ID, 0)

    await postgres.copy_to_table("event_blocks", source=io.BytesIO(b"".join(copy)), format="binary")
    assert await postgres.fetchval("select count(*) from event_blocks") == 0
