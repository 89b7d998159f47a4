"""
Site months: for each completed import, the sums of its events that count for one site and one month.

Rows of different imports that have the same site, day, event type, energy and tariff may be one event. They are

- the same event if they also have the same time of day: an event counts once, even if several imports contain it;
- different events if both have a time of day, and another one;
- ambiguous if at least one of them gives only its day. Then the column `duplicates` of the import completed later
  decides: with ASK or SKIP its rows do not count, with COUNT they do. An import with COUNT has no duplicates at all.

In detail, the k-th of several identical rows of an import counts unless the imports completed earlier have k such
events. An import that corrects another one continues the numbering of that import's rows: they are parts of one file.
A row that gives only its day is compared with the rows without a time, and with the number of events on that day that
have a time; a row with a time is also compared with the earlier rows without one that no event with a time has matched.

If all rows of a site and month are duplicates of one other import, the site month *repeats* that import; if only some
are, the blocks mark them. The table import_overlaps has the number and the value of an import's duplicates.

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


class ImportOverlap(Table, table=True):
    """
    The rows of an import, for one site and month, that do not count because of one other import.

    The ambiguous ones are those for which only the day of at least one of the two rows is known. `value_aud` is the
    money that the rows would earn if they counted.
    """

    __tablename__ = "import_overlaps"
    __table_args__ = (Index("import_overlaps_import_id", "import_id"),)

    site_id: UUID = Field(primary_key=True)
    month: date = Field(primary_key=True)
    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    other_import_id: UUID = Field(primary_key=True)
    row_count: int
    value_aud: Decimal
    ambiguous_row_count: int
    ambiguous_value_aud: Decimal


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
# An import that counts all its rows, or continues the numbering of another one, repeats none.
MARK_REPEATS = text("""
    with candidates as materialized (
        select own.site_id, own.month, own.block_count, other.import_id
        from site_months own
        join site_months other
          on (other.site_id, other.month, other.block_count, other.row_count, other.import_id <> own.import_id)
           = (own.site_id, own.month, own.block_count, own.row_count, true)
        join imports on imports.id = own.import_id
        where own.import_id = :import_id
          and imports.duplicates <> 'COUNT'
          and imports.corrects is null
          and other.repeats is null
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
                 row(
                     other.days, other.times_ms, other.discharges, other.energies_microkwh,
                     other.tariffs_microcents_per_kwh
                 ) as record
             ) *= cast(
                 row(
                     own.days, own.times_ms, own.discharges, own.energies_microkwh, own.tariffs_microcents_per_kwh
                 ) as record
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

# Makes the site months of an import that repeat another one count by themselves. MARK_DUPLICATES then marks the
# duplicates in their blocks.
END_REPEATS = text("update site_months set repeats = null where import_id = :import_id and repeats is not null")
# The same for the import that an import corrects, in the site months of both: the numbering of the rows goes on.
END_REPEATS_OF_CORRECTED = text("""
    update site_months corrected
    set repeats = null
    from site_months own
    join imports on imports.id = own.import_id
    join imports parts on imports.root_id in (parts.id, parts.root_id)
    where own.import_id = :import_id
      and corrected.repeats is not null
      and (corrected.import_id, corrected.site_id, corrected.month) = (parts.id, own.site_id, own.month)
""")

# Restores the sums of site months that no longer repeat another import, as if all their rows counted. MARK_DUPLICATES
# then corrects those that overlap another import, which most do not.
RESTORE_SUMS = text("""
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
        select
            site_months.import_id, site_id, month, event_count, row_count,
            finished_at, root_id, duplicates = 'COUNT' as counts_all
        from site_months
        join imports on imports.id = site_months.import_id
        where (site_id, month) in (select site_id, month from site_months where import_id = :import_id)
          and site_months.import_id is distinct from cast(:leaving as uuid)
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
# Common table expressions behind `remaining` and `affected`: they decide about each row whether it is a duplicate.
#
# For each import and kind of row, `folded` has the number of events that the imports up to this one contain
# (`events_after`). An import that counts all its rows adds their number to it; any other import raises it to the number
# of its own rows (`last_occurrence`), which is a maximum. With C for the rows of the former up to an import,
# events_after = C + max(0, last_occurrence - C of each of the latter so far).
MARKED = """
    events as materialized (
        select
            blocks.import_id, blocks.chunk_number, blocks.site_id, blocks.month,
            remaining.finished_at, remaining.counts_all,
            event.day, coalesce(event.time_ms, -1) as time_ms, event.discharge, event.energy_microkwh,
            event.tariff_microcents_per_kwh, event.line_number, event.is_marked is true as is_marked,
            row_number() over (
                partition by blocks.site_id, blocks.month, event.day, event.discharge, event.energy_microkwh,
                             event.tariff_microcents_per_kwh, coalesce(event.time_ms, -1),
                             coalesce(remaining.root_id, blocks.import_id)
                order by remaining.finished_at, blocks.import_id, event.line_number
            ) as occurrence
        from affected
        join remaining using (site_id, month)
        join event_blocks blocks
          on (blocks.import_id, blocks.site_id, blocks.month)
           = (remaining.import_id, remaining.site_id, remaining.month)
        cross join lateral unnest(
            blocks.days, blocks.times_ms, blocks.discharges, blocks.energies_microkwh,
            blocks.tariffs_microcents_per_kwh, blocks.line_numbers, blocks.duplicates
        ) as event (day, time_ms, discharge, energy_microkwh, tariff_microcents_per_kwh, line_number, is_marked)
    ),
    occurrences as (
        select
            site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, time_ms,
            import_id, finished_at, counts_all,
            max(occurrence) as last_occurrence,
            coalesce(sum(case when counts_all then count(*) end) over completed, 0) as rows_counted_always
        from events
        group by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, time_ms,
                 import_id, finished_at, counts_all
        window completed as (
            partition by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, time_ms
            order by finished_at, import_id
        )
    ),
    folded as (
        select
            *,
            rows_counted_always
            + greatest(0, max(case when not counts_all then last_occurrence - rows_counted_always end) over (
                partition by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, time_ms
                order by finished_at, import_id
            )) as events_after
        from occurrences
    ),
    kinds as materialized (
        select
            *,
            lag(events_after, 1, 0::numeric) over (
                partition by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, time_ms
                order by finished_at, import_id
            ) as events_before
        from folded
    ),
    by_day as materialized (
        select
            *,
            sum(new_timed) over earlier as timed_before,
            sum(new_bare) over earlier as bare_before,
            (array_agg(import_id) filter (where has_timed) over earlier)[1] as first_timed_import_id,
            (array_agg(import_id) filter (where has_bare) over earlier)[1] as first_bare_import_id
        from (
            select
                site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, import_id, finished_at,
                sum(events_after - events_before) filter (where time_ms >= 0) as new_timed,
                sum(events_after - events_before) filter (where time_ms < 0) as new_bare,
                bool_or(time_ms >= 0) as has_timed,
                bool_or(time_ms < 0) as has_bare
            from kinds
            group by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, import_id, finished_at
        ) days
        window earlier as (
            partition by site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh
            order by finished_at, import_id
            rows between unbounded preceding and 1 preceding
        )
    ),
    compared as (
        select
            events.*,
            not events.counts_all and events.occurrence <= kinds.events_before as is_repeated,
            coalesce(by_day.timed_before, 0) as timed_before,
            coalesce(by_day.bare_before, 0) as bare_before,
            by_day.first_timed_import_id,
            by_day.first_bare_import_id,
            row_number() over (
                partition by events.site_id, events.month, events.day, events.discharge, events.energy_microkwh,
                             events.tariff_microcents_per_kwh, events.import_id,
                             events.time_ms >= 0 and events.occurrence > kinds.events_before
                order by events.time_ms, events.line_number
            ) as rank_of_new,
            events.energy_microkwh::numeric * events.tariff_microcents_per_kwh * 0.00000000000001 as value_aud
        from events
        join kinds using (
            site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, time_ms, import_id
        )
        join by_day using (site_id, month, day, discharge, energy_microkwh, tariff_microcents_per_kwh, import_id)
    ),
    marked as materialized (
        select
            *,
            is_repeated or not counts_all and case
                when time_ms < 0 then occurrence <= timed_before
                else timed_before + rank_of_new <= bare_before
            end as duplicate
        from compared
    )
"""
# Marks the duplicates in the blocks of the affected site months, updates the sums of the blocks and site months, and
# inserts the overlaps.
MARK_DUPLICATES = text(
    f"{AFFECTED}, {MARKED},"  # noqa: S608 Only constants.
    """
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
    ),
    in_overlaps as (
        insert into import_overlaps (
            site_id, month, import_id, other_import_id, row_count, value_aud, ambiguous_row_count, ambiguous_value_aud
        )
        select
            site_id, month, import_id, other_import_id, count(*), sum(value_aud),
            count(*) filter (where is_ambiguous), coalesce(sum(value_aud) filter (where is_ambiguous), 0)
        from (
            select
                marked.site_id, marked.month, marked.import_id, marked.value_aud,
                marked.time_ms < 0 or not marked.is_repeated as is_ambiguous,
                case
                    when is_repeated then others.import_id
                    when marked.time_ms < 0 then marked.first_timed_import_id
                    else marked.first_bare_import_id
                end as other_import_id
            from marked
            left join kinds others
              on marked.is_repeated
             and (others.site_id, others.month, others.day, others.discharge, others.energy_microkwh,
                  others.tariff_microcents_per_kwh, others.time_ms)
               = (marked.site_id, marked.month, marked.day, marked.discharge, marked.energy_microkwh,
                  marked.tariff_microcents_per_kwh, marked.time_ms)
             and marked.occurrence > others.events_before
             and marked.occurrence <= others.events_after
            where marked.duplicate
        ) duplicates
        group by site_id, month, import_id, other_import_id
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

# Deletes all overlaps for the sites and months of an import; they are inserted again.
DELETE_OVERLAPS = text("""
    delete from import_overlaps
    where (site_id, month) in (select site_id, month from site_months where import_id = :import_id)
""")

# Inserts the overlaps of the site months that repeat another import as a whole.
INSERT_OVERLAPS_OF_REPEATS = text("""
    insert into import_overlaps (
        site_id, month, import_id, other_import_id, row_count, value_aud, ambiguous_row_count, ambiguous_value_aud
    )
    select
        site_id, month, site_months.import_id, site_months.repeats,
        sum(rows.row_count), sum(rows.value_aud), sum(rows.bare_row_count), sum(rows.bare_value_aud)
    from site_months
    join event_blocks blocks using (import_id, site_id, month)
    cross join lateral (
        select
            count(*) as row_count,
            sum(value_aud) as value_aud,
            count(*) filter (where is_bare) as bare_row_count,
            coalesce(sum(value_aud) filter (where is_bare), 0) as bare_value_aud
        from (
            select
                coalesce(time_ms, -1) < 0 as is_bare,
                energy_microkwh::numeric * tariff_microcents_per_kwh * 0.00000000000001 as value_aud
            from unnest(blocks.energies_microkwh, blocks.tariffs_microcents_per_kwh, blocks.times_ms)
                as event (energy_microkwh, tariff_microcents_per_kwh, time_ms)
        ) events
    ) rows
    where site_months.repeats is not null
      and site_months.import_id is distinct from cast(:leaving as uuid)
      and (site_id, month) in (select site_id, month from site_months where import_id = :import_id)
    group by site_id, month, site_months.import_id, site_months.repeats
""")

# Counts the rows that count, the duplicates and the undecided rows of each import that shares a site and month with an
# import.
COUNTS = text("""
    select
        import_id, rows_imported,
        row_count - rows_imported - rows_undecided as rows_duplicated,
        rows_undecided
    from (
        select import_id, sum(event_count) as rows_imported, sum(row_count) as row_count
        from site_months
        where import_id in (
            select distinct other.import_id
            from site_months own
            join site_months other using (site_id, month)
            where own.import_id = :import_id
        )
        group by import_id
    ) counts
    cross join lateral (
        select coalesce(sum(ambiguous_row_count), 0) as rows_undecided
        from import_overlaps
        join imports on imports.id = import_overlaps.import_id
        where import_overlaps.import_id = counts.import_id and imports.duplicates = 'ASK'
    ) undecided
""")


@dataclass(frozen=True)
class Count:
    """
    The number of an import's rows that count, of the duplicates of an earlier import's rows, and of those that do not
    count until somebody decides whether they are duplicates.
    """

    import_id: UUID
    rows_imported: int
    rows_duplicated: int
    rows_undecided: int


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
    ended = await session.execute(END_REPEATS_OF_CORRECTED, {"import_id": import_id})
    if ended.rowcount:  # type: ignore[attr-defined]
        await session.execute(RESTORE_SUMS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=None)
    return await _counts(session, import_id=import_id)


async def compare_again(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    """
    Apply another decision on the duplicates of a completed import. The caller holds `LOCK`.

    Return the counts of this import and of all imports that share a site and month with it.
    """
    await session.execute(END_REPEATS, {"import_id": import_id})
    await session.execute(RESTORE_SUMS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=None)
    return await _counts(session, import_id=import_id)


async def remove(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    """
    Make the events of a completed import no longer count. The caller holds `LOCK`.

    Return the counts of the other imports that share a site and month with it.
    """
    await session.execute(PROMOTE_EARLIEST_REPEATS, {"import_id": import_id})
    await session.execute(RESTORE_SUMS, {"import_id": import_id})
    await _mark_duplicates(session, import_id=import_id, leaving=import_id)
    counts = await _counts(session, import_id=import_id)
    await session.execute(delete(SiteMonth).where(col(SiteMonth.import_id) == import_id))
    return [count for count in counts if count.import_id != import_id]


async def _mark_duplicates(session: AsyncSession, *, import_id: UUID, leaving: UUID | None) -> None:
    parameters = {"import_id": import_id, "leaving": leaving}
    await session.execute(DELETE_OVERLAPS, {"import_id": import_id})
    # MARK_DUPLICATES would read every block to find that there is nothing to mark, so this is checked first.
    if await session.scalar(IS_ANY_AFFECTED, parameters):
        await session.execute(MARK_DUPLICATES, parameters)
    await session.execute(INSERT_OVERLAPS_OF_REPEATS, parameters)


async def _counts(session: AsyncSession, *, import_id: UUID) -> list[Count]:
    return [Count(*row) for row in await session.execute(COUNTS, {"import_id": import_id})]
