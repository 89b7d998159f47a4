from collections.abc import Mapping
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.events import BLOCK_COLUMNS, EventBlock
from graph.imports.battery_events import BatteryEventChunk, BatteryEventReader
from graph.imports.block_copy import BLOCKS_PER_BATCH

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
IMPORT_ID = UUID("0190f1c2-5b7e-7cc0-8f7e-2d1f6a0c9e11")
MAX_CHUNK_NUMBER = 2**31 - 1
SITE_IDS = {f"41020{number:05}": UUID(int=number * 2**100 + 1) for number in range(300)}

# Counts blocks whose sums differ from the sums that Postgres computes from their events.
SUMS_DIFFER = text("""
    select count(*)
    from event_blocks, lateral (
        select
            coalesce(sum(value) filter (where not (discharge and value < 0)), 0) as revenue_aud,
            coalesce(sum(value) filter (where discharge and value < 0), 0) as cost_only_aud,
            coalesce(sum(energy * 0.000001) filter (where not discharge), 0) as charged_kwh,
            coalesce(sum(energy * 0.000001) filter (where discharge), 0) as discharged_kwh
        from unnest(discharges, energies_microkwh, tariffs_microcents_per_kwh) as event (discharge, energy, tariff),
            lateral (select cast(energy as numeric) * tariff * 0.00000000000001 as value) as product
    ) as sums
    where (event_blocks.revenue_aud, event_blocks.cost_only_aud, event_blocks.charged_kwh, event_blocks.discharged_kwh)
        is distinct from (sums.revenue_aud, sums.cost_only_aud, sums.charged_kwh, sums.discharged_kwh)
""")


def scattered_rows(count: int) -> bytes:
    """Return rows of one to three events per site and month, some timed, with numbers of every length and sign."""
    numbers = ["0", "1", "0.000001", "12.345678", "999999.999999", "1000000", "9999.9999", "100000"]
    nmis = list(SITE_IDS)
    rows = (
        f"{nmis[number // 3 % 101]},{2000 + number // 2 % 100}-{number // 2 % 12 + 1:02}-{number % 28 + 1:02}"
        f"{'T23:59:59' if number % 7 == 0 else ''},"
        f"{'CHARGE' if number % 5 < 2 else 'DISCHARGE'},"
        f"{numbers[number % 8]},{'-' if number % 3 else ''}{numbers[number // 8 % 8]}\n"
        for number in range(count)
    )
    return "".join(rows).encode()


def new_reader(site_ids: Mapping[str, UUID]) -> BatteryEventReader:
    return BatteryEventReader(HEADER, import_id=IMPORT_ID, charge_tariff_earns=False, site_ids=site_ids)


async def encode_and_keep(session: AsyncSession, chunk: BatteryEventChunk) -> None:
    chunk.encode()
    # SQLAlchemy's asyncpg dialect begins the transaction with the first statement: a COPY before it is autocommitted.
    await session.execute(text("select 1"))
    await chunk.keep(session)


async def test_postgres_stores_the_blocks_unchanged(session: AsyncSession) -> None:
    reader = new_reader(SITE_IDS)
    chunks = [
        reader.read(scattered_rows(30_000), chunk_number=1, first_line_number=2),
        reader.read(
            b"4102000007,2025-09-01,CHARGE,1000000,1000000\n" * 100_000,
            chunk_number=MAX_CHUNK_NUMBER,
            first_line_number=30_002,
        ),
    ]
    blocks = [chunk.blocks() for chunk in chunks]

    for chunk in chunks:
        await encode_and_keep(session, chunk)

    columns = [getattr(EventBlock, name) for name in BLOCK_COLUMNS]
    stored = await session.execute(
        select(*columns).order_by(col(EventBlock.chunk_number), col(EventBlock.month), col(EventBlock.site_id))
    )
    assert len(blocks[0]) > BLOCKS_PER_BATCH
    assert stored.all() == [
        (IMPORT_ID, number, *block)
        for number, chunk_blocks in zip((1, MAX_CHUNK_NUMBER), blocks, strict=True)
        for block in chunk_blocks
    ]
    assert await session.scalar(SUMS_DIFFER) == 0


async def test_chunk_without_valid_rows_stores_no_block(session: AsyncSession) -> None:
    chunk = new_reader({}).read(b"\nx\n", chunk_number=1, first_line_number=2)

    await encode_and_keep(session, chunk)

    assert await session.scalar(select(func.count()).select_from(EventBlock)) == 0


def test_blocks_are_released_when_a_chunk_is_encoded() -> None:
    chunk = new_reader({}).read(b"\nx\n", chunk_number=1, first_line_number=2)

    chunk.encode()

    with pytest.raises(RuntimeError, match="released when it was encoded"):
        chunk.blocks()
