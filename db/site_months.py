"""
Site months: for each completed import, the sums of its events that count for one site and one month.

An event counts once, even if several imports contain it. If an import has identical rows, the k-th of them counts
unless an import completed earlier has at least k such rows. If all rows of a site and month are duplicates of one other
import, the site month *repeats* that import; if only some are, the blocks mark them.

The transaction that completes an import inserts its site months, and the one that reverts it deletes them. An event
counts if and only if it has a site month that repeats nothing and no block marks it as a duplicate.
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

    # The rows of the import, and the import completed earlier that has all of them too, if there is one.
    block_count: int
    row_count: int
    repeats: UUID | None = None

    # The sums over the events that count.
    event_count: int
    revenue_aud: Decimal
    cost_only_aud: Decimal
    charged_kwh: Decimal
    discharged_kwh: Decimal


# The columns of the COPY that inserts site months; `repeats` is set afterwards.
TOTAL_COLUMNS = [name for name in SiteMonth.model_fields if name != "repeats"]

# Takes the advisory lock for the sums of site months: without it, two imports that complete concurrently would not
# see each other's rows, and identical rows would count twice. It also sets work_mem, so that a hundred thousand site
# months are summed without a temporary file.
LOCK = text("select pg_advisory_xact_lock(hashtext('what counts')), set_config('work_mem', '64MB', true)")

# Sums up the blocks of an import into its site months.
INSERT_FROM_BLOCKS = text("""
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

# Finds site months of an import whose blocks equal those of another import, chunk by chunk: a file that was exported
# again with a few changes elsewhere has such months. Only site months with the same numbers of blocks and rows are
# compared. The operator *= compares arrays as bytes in a tenth of the time; equal arrays without nulls are equal bytes.
MARK_REPEATS = text("""
    with candidates as materialized (
        select own.site_id, own.month, own.block_count, other.import_id
        from site_months own
        join site_months other
          on (other.site_id, other.month, other.block_count, other.row_count, other.import_id <> own.import_id)
           = (own.site_id, own.month, own.block_count, own.row_count, true)
        where own.import_id = :import_id and other.repeats is null
    ),
    repeated as (
        select candidates.site_id, candidates.month, candidates.import_id
        from candidates
        cross join lateral (
            select count(*) as block_count
            from event_blocks own
            join event_blocks other
              on (other.import_id, other.site_id, other.month, other.chunk_number)
               = (candidates.import_id, own.site_id, own.month, own.chunk_number)
             and cast(
                 row(other.days, other.discharges, other.energies_microkwh, other.tariffs_microcents_per_kwh) as record
             ) *= cast(
                 row(own.days, own.discharges, own.energies_microkwh, own.tariffs_microcents_per_kwh) as record
             )
            where (own.import_id, own.site_id, own.month)
                = (:import_id, candidates.site_id, candidates.month)
        ) same
        where same.block_count = candidates.block_count
    )
    update site_months own
    set repeats = repeated.import_id,
        event_count = 0, revenue_aud = 0, cost_only_aud = 0, charged_kwh = 0, discharged_kwh = 0
    from repeated
    where own.import_id = :import_id and (own.site_id, own.month) = (repeated.site_id, repeated.month)
""")

# When an import is reverted, its earliest repeat becomes the original, and the other repeats point to that one.
PROMOTE_EARLIEST_REPEATS = text("""
    with promotions as (
        select
            repeating.import_id, repeating.site_id, repeating.month,
            first_value(repeating.import_id) over (
                partition by repeating.site_id, repeating.month order by imports.finished_at, imports.id
            ) as original
        from site_months repeating
        join imports on imports.id = repeating.import_id
        where repeating.repeats = :import_id
    )
    update site_months
    set repeats = nullif(promotions.original, promotions.import_id)
    from promotions
    where (site_months.import_id, site_months.site_id, site_months.month)
        = (promotions.import_id, promotions.site_id, promotions.month)
""")

# Restores the sums of the originals that PROMOTE_EARLIEST_REPEATS has made, as if all their rows counted.
# MARK_DUPLICATES then corrects those that overlap another import, which most do not.
RESTORE_PROMOTED_SUMS = text("""
    with sums as (
        select
            blocks.import_id, blocks.site_id, blocks.month,
            sum(blocks.event_count) as event_count,
            sum(blocks.revenue_aud) as revenue_aud,
            sum(blocks.cost_only_aud) as cost_only_aud,
            sum(blocks.charged_kwh) as charged_kwh,
            sum(blocks.discharged_kwh) as discharged_kwh
        from site_months promoted
        join event_blocks blocks using (import_id, site_id, month)
        where (promoted.site_id, promoted.month) in (
            select site_id, month from site_months where import_id = :import_id
        )
          and promoted.repeats is null
          and promoted.event_count = 0
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

# Common table expressions for the sites and months of an import. `remaining` are their site months that repeat nothing,
# without those of an import that is reverted (`leaving`). `affected` are the sites and months in which several imports
# overlap, or in which a block still marks duplicates of the reverted import.
AFFECTED = """
    with remaining as materialized (
        select *
        from site_months
        where (site_id, month) in (select site_id, month from site_months where import_id = :import_id)
          and import_id is distinct from cast(:leaving as uuid)
          and repeats is null
    ),
    affected as materialized (
        select site_id, month
        from remaining
        group by site_id, month
        having count(*) > 1 or bool_or(event_count < row_count)
    )
"""
# Selects whether MARK_DUPLICATES has anything to do.
IS_ANY_AFFECTED = text(AFFECTED + "select exists (select from affected)")  # noqa: S608 Only constants.
# Marks the duplicates in the blocks of the affected site months, and updates the sums of the blocks and site months.
MARK_DUPLICATES = text(
    AFFECTED  # noqa: S608 Only constants.
    + """,
    events as (
        select
            blocks.import_id, blocks.chunk_number, blocks.site_id, blocks.month, imports.finished_at,
            event.day, event.discharge, event.energy_microkwh, event.tariff_microcents_per_kwh, event.line_number,
            row_number() over (
                partition by blocks.site_id, blocks.month, event.day, event.discharge, event.energy_microkwh,
                             event.tariff_microcents_per_kwh, blocks.import_id
                order by event.line_number
            ) as occurrence
        from affected
        join remaining using (site_id, month)
        join imports on imports.id = remaining.import_id
        join event_blocks blocks
          on (blocks.import_id, blocks.site_id, blocks.month)
           = (remaining.import_id, remaining.site_id, remaining.month)
        cross join lateral unnest(
            blocks.days, blocks.discharges, blocks.energies_microkwh, blocks.tariffs_microcents_per_kwh,
            blocks.line_numbers
        ) as event (day, discharge, energy_microkwh, tariff_microcents_per_kwh, line_number)
    ),
    marked as (
        select
            *,
            row_number() over (
                partition by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, occurrence
                order by finished_at, import_id
            ) > 1 as duplicate,
            energy_microkwh::numeric * tariff_microcents_per_kwh * 0.00000000000001 as value_aud
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
            coalesce(sum(energy_microkwh * 0.000001) filter (where not duplicate and not discharge), 0) as charged_kwh,
            coalesce(sum(energy_microkwh * 0.000001) filter (where not duplicate and discharge), 0) as discharged_kwh
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

# Counts the rows that count and the duplicates of each import that shares a site and month with an import.
COUNTS = text("""
    select import_id, sum(event_count) as rows_imported, sum(row_count) - sum(event_count) as rows_duplicated
    from site_months
    where import_id in (
        select distinct other.import_id
        from site_months own
        join site_months other using (site_id, month)
        where own.import_id = :import_id
    )
    group by import_id
""")


@dataclass(frozen=True)
class Count:
    """The number of an import's rows that count, and of those that are duplicates of an earlier import's rows."""

    import_id: UUID
    rows_imported: int
    rows_duplicated: int


async def add(session: AsyncSession, *, import_id: UUID, totals: Sequence[memoryview] | None) -> list[Count]:
    """
    Make the events of a completed import count. The caller holds `LOCK`.

    Return the counts of this import and of all imports that share a site and month with it. `totals` are the buffers of
    a binary COPY of its site months with `TOTAL_COLUMNS`; if they are None, Postgres sums up the blocks.
    """
    if totals is None:
        await session.execute(INSERT_FROM_BLOCKS, {"import_id": import_id})
    else:
        await copy_binary(session, "site_months", TOTAL_COLUMNS, totals)
    await session.execute(MARK_REPEATS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=None)
    return await _counts(session, import_id=import_id)


async def remove(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    """
    Make the events of a completed import no longer count. The caller holds `LOCK`.

    Return the counts of the other imports that share a site and month with it.
    """
    await session.execute(PROMOTE_EARLIEST_REPEATS, {"import_id": import_id})
    await session.execute(RESTORE_PROMOTED_SUMS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=import_id)
    counts = await _counts(session, import_id=import_id)
    await session.execute(delete(SiteMonth).where(col(SiteMonth.import_id) == import_id))
    return [count for count in counts if count.import_id != import_id]


async def _mark_duplicates(session: AsyncSession, *, import_id: UUID, leaving: UUID | None) -> None:
    parameters = {"import_id": import_id, "leaving": leaving}
    # This check comes first, because MARK_DUPLICATES would read every block even if there is nothing to mark.
    if await session.scalar(IS_ANY_AFFECTED, parameters):
        await session.execute(MARK_DUPLICATES, parameters)


async def _counts(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    return [Count(*row) for row in await session.execute(COUNTS, {"import_id": import_id})]
