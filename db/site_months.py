"""
What counts: for each completed import, the sums of what it brought for one site and one month.

A row counts once, whichever imports bring it. The k-th of several identical rows of an import counts unless an import
completed before it has a k-th one too. Where that is every row of a site and month, the import *repeats* the other
there; where it is some, they are marked in their blocks.

Rows are written by the transaction that completes an import, and go with the one that reverts it: what is here counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine.database import copy_binary
from db.engine.tables import Table


class SiteMonth(Table, table=True):
    __tablename__ = "site_months"
    __table_args__ = (Index("site_months_site_id_month", "site_id", "month"),)

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    site_id: UUID = Field(foreign_key="sites.id", ondelete="RESTRICT", primary_key=True)
    month: date = Field(primary_key=True)

    # What the import brought, and the one completed before it whose rows these are again, if they all are.
    block_count: int
    row_count: int
    repeats: UUID | None = None

    # Of the events that count.
    event_count: int
    revenue_aud: Decimal
    cost_only_aud: Decimal
    charged_kwh: Decimal
    discharged_kwh: Decimal


# What an import brings; which of it repeats another is found out then.
TOTAL_COLUMNS = [name for name in SiteMonth.model_fields if name != "repeats"]

# One import at a time may say which of its rows count: two that could not see each other would both count theirs.
# With memory enough to add up a hundred thousand site months without a temporary file.
LOCK = text("select pg_advisory_xact_lock(hashtext('what counts')), set_config('work_mem', '64MB', true)")

ADD = text("""
    insert into site_months (
        import_id, site_id, month, block_count, row_count,
        event_count, revenue_aud, cost_only_aud, charged_kwh, discharged_kwh
    )
    select
        import_id, site_id, month, count(*), sum(event_count),
        sum(event_count), sum(revenue_aud), sum(cost_only_aud), sum(charged_kwh), sum(discharged_kwh)
    from event_blocks
    where import_id = :import_id
    group by import_id, site_id, month
""")

# Exactly the same blocks, chunk by chunk, which is what a file brings that is exported again with a little changed
# elsewhere; blocks are compared only where there are as many of them, with as many rows. Arrays are compared as bytes,
# in a tenth of the time: those of one type that hold the same, no nulls, are the same bytes.
MARK_REPEATS = text("""
    with candidates as materialized (
        select mine.site_id, mine.month, mine.block_count, theirs.import_id
        from site_months mine
        join site_months theirs
          on (theirs.site_id, theirs.month, theirs.block_count, theirs.row_count, theirs.import_id <> mine.import_id)
           = (mine.site_id, mine.month, mine.block_count, mine.row_count, true)
        where mine.import_id = :import_id and theirs.repeats is null
    ),
    repeated as (
        select candidates.site_id, candidates.month, candidates.import_id
        from candidates
        cross join lateral (
            select count(*) as block_count
            from event_blocks mine
            join event_blocks theirs
              on (theirs.import_id, theirs.site_id, theirs.month, theirs.chunk_number)
               = (candidates.import_id, mine.site_id, mine.month, mine.chunk_number)
             and cast(row(theirs.days, theirs.discharges, theirs.energies, theirs.tariffs) as record)
              *= cast(row(mine.days, mine.discharges, mine.energies, mine.tariffs) as record)
            where (mine.import_id, mine.site_id, mine.month)
                = (:import_id, candidates.site_id, candidates.month)
        ) same
        where same.block_count = candidates.block_count
    )
    update site_months mine
    set repeats = repeated.import_id,
        event_count = 0, revenue_aud = 0, cost_only_aud = 0, charged_kwh = 0, discharged_kwh = 0
    from repeated
    where mine.import_id = :import_id and (mine.site_id, mine.month) = (repeated.site_id, repeated.month)
""")

# Of those that repeat an import that goes, the first to have come takes its place, and the others repeat that one.
PASS_ON_REPEATS = text("""
    with heirs as (
        select
            repeating.import_id, repeating.site_id, repeating.month,
            first_value(repeating.import_id) over (
                partition by repeating.site_id, repeating.month order by imports.finished_at, imports.id
            ) as heir
        from site_months repeating
        join imports on imports.id = repeating.import_id
        where repeating.repeats = :import_id
    )
    update site_months
    set repeats = nullif(heirs.heir, heirs.import_id)
    from heirs
    where (site_months.import_id, site_months.site_id, site_months.month)
        = (heirs.import_id, heirs.site_id, heirs.month)
""")

# An heir's rows all count, but for those that `MARK_DUPLICATES` finds elsewhere; most heirs it then need not look at.
RESTORE_HEIRS = text("""
    with sums as (
        select
            blocks.import_id, blocks.site_id, blocks.month,
            sum(blocks.event_count) as event_count,
            sum(blocks.revenue_aud) as revenue_aud,
            sum(blocks.cost_only_aud) as cost_only_aud,
            sum(blocks.charged_kwh) as charged_kwh,
            sum(blocks.discharged_kwh) as discharged_kwh
        from site_months heirs
        join event_blocks blocks using (import_id, site_id, month)
        where (heirs.site_id, heirs.month) in (select site_id, month from site_months where import_id = :import_id)
          and heirs.repeats is null
          and heirs.event_count = 0
        group by blocks.import_id, blocks.site_id, blocks.month
    )
    update site_months
    set event_count = sums.event_count,
        revenue_aud = sums.revenue_aud,
        cost_only_aud = sums.cost_only_aud,
        charged_kwh = sums.charged_kwh,
        discharged_kwh = sums.discharged_kwh
    from sums
    where (site_months.import_id, site_months.site_id, site_months.month)
        = (sums.import_id, sums.site_id, sums.month)
""")

# Wherever two imports meet that do not repeat each other, or one has marks left by another that goes.
TOUCHED = """
    with staying as materialized (
        select *
        from site_months
        where (site_id, month) in (select site_id, month from site_months where import_id = :import_id)
          and import_id is distinct from cast(:leaving as uuid)
          and repeats is null
    ),
    touched as materialized (
        select site_id, month
        from staying
        group by site_id, month
        having count(*) > 1 or bool_or(event_count < row_count)
    )
"""
ANY_TOUCHED = text(TOUCHED + "select exists (select from touched)")  # noqa: S608 It is ours.
MARK_DUPLICATES = text(
    TOUCHED  # noqa: S608 It is ours.
    + """,
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
        join staying using (site_id, month)
        join imports on imports.id = staying.import_id
        join event_blocks blocks
          on (blocks.import_id, blocks.site_id, blocks.month) = (staying.import_id, staying.site_id, staying.month)
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
    counted as materialized (
        select
            import_id, chunk_number, site_id, month,
            case when bool_or(duplicate) then array_agg(duplicate order by line_number) end as duplicates,
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
    in_blocks as (
        update event_blocks blocks
        set duplicates = counted.duplicates,
            event_count = counted.event_count,
            revenue_aud = counted.revenue_aud,
            cost_only_aud = counted.cost_only_aud,
            charged_kwh = counted.charged_kwh,
            discharged_kwh = counted.discharged_kwh
        from counted
        where (blocks.import_id, blocks.chunk_number, blocks.site_id, blocks.month)
            = (counted.import_id, counted.chunk_number, counted.site_id, counted.month)
          and blocks.duplicates is distinct from counted.duplicates
    )
    update site_months
    set event_count = sums.event_count,
        revenue_aud = sums.revenue_aud,
        cost_only_aud = sums.cost_only_aud,
        charged_kwh = sums.charged_kwh,
        discharged_kwh = sums.discharged_kwh
    from (
        select
            import_id, site_id, month,
            sum(event_count) as event_count,
            sum(revenue_aud) as revenue_aud,
            sum(cost_only_aud) as cost_only_aud,
            sum(charged_kwh) as charged_kwh,
            sum(discharged_kwh) as discharged_kwh
        from counted
        group by import_id, site_id, month
    ) sums
    where (site_months.import_id, site_months.site_id, site_months.month)
        = (sums.import_id, sums.site_id, sums.month)
"""
)

# How many rows of each import count, of those imports that meet another somewhere.
COUNTS = text("""
    select import_id, sum(event_count) as rows_imported, sum(row_count) - sum(event_count) as rows_duplicated
    from site_months
    where import_id in (
        select distinct others.import_id
        from site_months mine
        join site_months others using (site_id, month)
        where mine.import_id = :import_id
    )
    group by import_id
""")


@dataclass(frozen=True)
class Count:
    """How many of an import's rows count, and how many do not since another brought them first."""

    import_id: UUID
    rows_imported: int
    rows_duplicated: int


async def add(session: AsyncSession, *, import_id: UUID, totals: Sequence[memoryview] | None) -> list[Count]:
    """
    Let a completed import count, and say how it and those that it meets count now. Call it under `LOCK`.

    Totals are its site months in parts of a COPY, ordered as `TOTAL_COLUMNS`; without them its blocks are added up.
    """
    if totals is None:
        await session.execute(ADD, {"import_id": import_id})
    else:
        await copy_binary(session, "site_months", TOTAL_COLUMNS, totals)
    await session.execute(MARK_REPEATS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=None)
    return await _counts(session, import_id=import_id)


async def remove(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    """Let a completed import count no longer, and say how those that it met count now. Call it under `LOCK`."""
    await session.execute(PASS_ON_REPEATS, {"import_id": import_id})
    await session.execute(RESTORE_HEIRS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=import_id)
    counts = await _counts(session, import_id=import_id)
    await session.execute(delete(SiteMonth).where(col(SiteMonth.import_id) == import_id))
    return [count for count in counts if count.import_id != import_id]


async def _mark_duplicates(session: AsyncSession, *, import_id: UUID, leaving: UUID | None) -> None:
    where = {"import_id": import_id, "leaving": leaving}
    # Asked first, since Postgres would read every block to find that there is nothing to mark.
    if await session.scalar(ANY_TOUCHED, where):
        await session.execute(MARK_DUPLICATES, where)


async def _counts(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    return [Count(*row) for row in await session.execute(COUNTS, {"import_id": import_id})]
