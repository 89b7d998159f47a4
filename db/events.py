"""
Battery events, kept in blocks.

A block is what one chunk of one file brought for one site and one month: its sums, and its events as arrays. Its sums
are of the events that count; those that another import had brought before are marked, and don't. Blocks count while
their import is COMPLETED.
"""

import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Uuid,
    column,
    select,
    table,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from db import jobs
from db.engine import Read
from db.tables import Table


class EventBlock(Table, table=True):
    __tablename__ = "event_blocks"
    __table_args__ = (Index("event_blocks_site_id_month", "site_id", "month"),)

    import_id: UUID = Field(foreign_key="imports.id", ondelete="RESTRICT", primary_key=True)
    chunk_number: int = Field(primary_key=True)
    site_id: UUID = Field(foreign_key="sites.id", ondelete="RESTRICT", primary_key=True)
    month: date = Field(primary_key=True)

    event_count: int
    revenue_aud: Decimal
    cost_only_aud: Decimal
    charged_kwh: Decimal
    discharged_kwh: Decimal

    # One element an event. Energies are in 10^-6 kWh; tariffs in 10^-6 c/kWh, with the sign of money earned.
    days: list[int] = Field(sa_type=ARRAY(SmallInteger))
    discharges: list[bool] = Field(sa_type=ARRAY(Boolean))
    energies: list[int] = Field(sa_type=ARRAY(BigInteger))
    tariffs: list[int] = Field(sa_type=ARRAY(BigInteger))
    line_numbers: list[int] = Field(sa_type=ARRAY(Integer))
    # Which events do not count, since another import brought them first; null where all do.
    duplicates: list[bool] | None = Field(default=None, sa_type=ARRAY(Boolean))


# What is written when a block is brought in; which of its events are duplicates is found out later.
BLOCK_COLUMNS = [name for name in EventBlock.model_fields if name != "duplicates"]

# The view that shows the events that count as rows; a migration makes it.
EVENTS = table(
    "events",
    column("import_id", Uuid),
    column("line_number", Integer),
    column("site_id", Uuid),
    column("month", Date),
    column("settlement_date", Date),
    column("event_type", String),
    column("energy_kwh", Numeric),
    column("tariff_cents_per_kwh", Numeric),
    column("value_aud", Numeric),
)

# One import at a time may say which of its rows count: two that could not see each other would both count theirs.
LOCK_COUNTING = text("select pg_advisory_xact_lock(hashtext('counting events'))")

# The k-th of several identical rows of an import counts unless an import completed before it has a k-th one too.
COUNT_ONCE = text("""
    with touched as materialized (
        select distinct blocks.site_id, blocks.month
        from event_blocks blocks
        where blocks.import_id = :import_id
          and exists (
              select
              from event_blocks others
              join imports on imports.id = others.import_id and imports.status = 'COMPLETED'
              where others.site_id = blocks.site_id
                and others.month = blocks.month
                and others.import_id <> :import_id
          )
    ),
    events as (
        select
            blocks.import_id, blocks.chunk_number, blocks.site_id, blocks.month, imports.finished_at,
            event.day, event.discharge, event.energy, event.tariff, event.line_number,
            row_number() over (
                partition by blocks.site_id, blocks.month, event.day, event.discharge, event.energy, event.tariff,
                             blocks.import_id
                order by event.line_number
            ) as occurrence
        from touched
        join event_blocks blocks using (site_id, month)
        join imports on imports.id = blocks.import_id and imports.status = 'COMPLETED'
        cross join lateral unnest(
            blocks.days, blocks.discharges, blocks.energies, blocks.tariffs, blocks.line_numbers
        ) as event (day, discharge, energy, tariff, line_number)
    ),
    marked as (
        select
            *,
            row_number() over (
                partition by site_id, month, day, discharge, energy, tariff, occurrence
                order by finished_at, import_id
            ) > 1 as duplicate,
            energy::numeric * tariff * 0.00000000000001 as value_aud
        from events
    ),
    counted as (
        select
            import_id, chunk_number, site_id, month,
            array_agg(duplicate order by line_number) as duplicates,
            bool_or(duplicate) as any_duplicate,
            count(*) filter (where not duplicate) as event_count,
            coalesce(sum(value_aud) filter (where not duplicate and not (discharge and value_aud < 0)), 0)
                as revenue_aud,
            coalesce(sum(value_aud) filter (where not duplicate and discharge and value_aud < 0), 0)
                as cost_only_aud,
            coalesce(sum(energy * 0.000001) filter (where not duplicate and not discharge), 0) as charged_kwh,
            coalesce(sum(energy * 0.000001) filter (where not duplicate and discharge), 0) as discharged_kwh
        from marked
        group by import_id, chunk_number, site_id, month
    ),
    changed as (
        update event_blocks blocks
        set duplicates = case when counted.any_duplicate then counted.duplicates end,
            event_count = counted.event_count,
            revenue_aud = counted.revenue_aud,
            cost_only_aud = counted.cost_only_aud,
            charged_kwh = counted.charged_kwh,
            discharged_kwh = counted.discharged_kwh
        from counted
        where (blocks.import_id, blocks.chunk_number, blocks.site_id, blocks.month)
            = (counted.import_id, counted.chunk_number, counted.site_id, counted.month)
          and blocks.duplicates is distinct from case when counted.any_duplicate then counted.duplicates end
        returning blocks.import_id, blocks.event_count, cardinality(blocks.days) as row_count
    )
    select distinct import_id from changed
""")


async def count_once(session: AsyncSession, *, import_id: UUID) -> Sequence[UUID]:
    """
    Decide anew which rows count, wherever an import that was just completed or reverted meets others.

    Return the imports some of whose rows now count, or no longer do. Call it under `LOCK_COUNTING`.
    """
    return (await session.execute(COUNT_ONCE, {"import_id": import_id})).scalars().all()


async def copy_blocks(session: AsyncSession, blocks: bytes) -> None:
    """Add blocks, as they are written for COPY: in binary, a tuple a block, in the order of `BLOCK_COLUMNS`."""
    connection = await jobs.driver_connection(session)
    await connection.copy_to_table("event_blocks", source=io.BytesIO(blocks), columns=BLOCK_COLUMNS, format="binary")


def events_of_sites(site_ids: Sequence[UUID], from_: date | None, until: date | None) -> Read:
    """Read the events of some sites that count, over settlement dates `[from, until)`."""
    events = select(
        *(EVENTS.c.import_id, EVENTS.c.line_number, EVENTS.c.site_id, EVENTS.c.settlement_date),
        *(EVENTS.c.event_type, EVENTS.c.energy_kwh, EVENTS.c.tariff_cents_per_kwh, EVENTS.c.value_aud),
    ).where(EVENTS.c.site_id.in_(site_ids))
    # The month is in the index of the blocks; the date is known only once a block is opened.
    if from_ is not None:
        events = events.where(EVENTS.c.month >= from_.replace(day=1), EVENTS.c.settlement_date >= from_)
    if until is not None:
        events = events.where(EVENTS.c.month < until, EVENTS.c.settlement_date < until)
    return events
