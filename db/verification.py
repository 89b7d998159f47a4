"""The checks of `vpp verify`: every sum that the database stores is computed again from its source rows."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.site_months import MARKED

# The number of exceptions that are listed for a check.
MAX_LISTED = 5


@dataclass(frozen=True)
class Check:
    """An invariant as a sentence, and the statement that selects its exceptions."""

    sentence: str
    exceptions: TextClause


@dataclass(frozen=True)
class Finding:
    """The result of a check: its sentence and the first exceptions; none if the sentence is true."""

    sentence: str
    exceptions: list[str]


CHECKS = [
    Check(
        "The sums of each block equal those of its events that count.",
        text("""
            select format('block of import %s, chunk %s, site %s, %s', import_id, chunk_number, site_id, month)
            from event_blocks blocks
            cross join lateral (
                select
                    count(*) as event_count,
                    coalesce(sum(value_aud) filter (where not is_cost_only), 0) as revenue_aud,
                    coalesce(sum(value_aud) filter (where is_cost_only), 0) as cost_only_aud,
                    coalesce(sum(energy_microkwh * 0.000001) filter (where not discharge), 0) as charged_kwh,
                    coalesce(sum(energy_microkwh * 0.000001) filter (where discharge), 0) as discharged_kwh
                from (
                    select
                        *,
                        energy_microkwh::numeric * tariff_microcents_per_kwh * 0.00000000000001 as value_aud,
                        discharge and tariff_microcents_per_kwh < 0 and energy_microkwh > 0 as is_cost_only
                    from unnest(days, discharges, energies_microkwh, tariffs_microcents_per_kwh, duplicates)
                        as event (day, discharge, energy_microkwh, tariff_microcents_per_kwh, duplicate)
                ) events
                where duplicate is not true
            ) sums
            where (blocks.event_count, blocks.revenue_aud, blocks.cost_only_aud, blocks.charged_kwh,
                   blocks.discharged_kwh)
               <> (sums.event_count, sums.revenue_aud, sums.cost_only_aud, sums.charged_kwh, sums.discharged_kwh)
        """),
    ),
    Check(
        "The sums of each site month equal those of its blocks, or are zero if it repeats another import.",
        text("""
            select format('import %s, site %s, %s', import_id, site_id, month)
            from site_months
            full join (
                select
                    import_id, site_id, month,
                    count(*) as block_count,
                    sum(cardinality(days)) as row_count,
                    sum(event_count) as event_count,
                    sum(revenue_aud) as revenue_aud,
                    sum(cost_only_aud) as cost_only_aud,
                    sum(charged_kwh) as charged_kwh,
                    sum(discharged_kwh) as discharged_kwh
                from event_blocks
                where import_id in (select id from imports where status = 'COMPLETED')
                group by import_id, site_id, month
            ) sums using (import_id, site_id, month)
            where (site_months.block_count, site_months.row_count) is distinct from (sums.block_count, sums.row_count)
               or (site_months.event_count, site_months.revenue_aud, site_months.cost_only_aud,
                   site_months.charged_kwh, site_months.discharged_kwh)
                  is distinct from (
                      case when repeats is null then sums.event_count else 0 end,
                      case when repeats is null then sums.revenue_aud else 0 end,
                      case when repeats is null then sums.cost_only_aud else 0 end,
                      case when repeats is null then sums.charged_kwh else 0 end,
                      case when repeats is null then sums.discharged_kwh else 0 end
                  )
        """),
    ),
    Check(
        "Each row that another import has already counts as the decision on its import says.",
        text(
            f"""
            with remaining as (
                select
                    site_months.import_id, site_id, month, event_count, row_count,
                    finished_at, root_id, duplicates = 'COUNT' as counts_all
                from site_months
                join imports on imports.id = site_months.import_id
                where repeats is null
            ),
            affected as (
                select site_id, month
                from remaining
                group by site_id, month
                having count(*) > 1 or bool_or(event_count < row_count)
            ),
            {MARKED}
            select format(
                'import %s, line %s %s',
                import_id, line_number, case when duplicate then 'counts' else 'is left out' end
            )
            from marked
            where duplicate <> is_marked
            """  # noqa: S608 Only constants.
        ),
    ),
    Check(
        "Each site month that repeats another import has the same rows.",
        text("""
            with rows as (
                select import_id, site_id, month, jsonb_agg(event order by event) as events
                from event_blocks
                cross join lateral unnest(days, times_ms, discharges, energies_microkwh, tariffs_microcents_per_kwh)
                    as event
                where (site_id, month) in (select site_id, month from site_months where repeats is not null)
                group by import_id, site_id, month
            )
            select format('import %s, site %s, %s', repeating.import_id, repeating.site_id, repeating.month)
            from site_months repeating
            left join rows own using (import_id, site_id, month)
            left join rows original
              on (original.import_id, original.site_id, original.month)
               = (repeating.repeats, repeating.site_id, repeating.month)
            where repeating.repeats is not null and own.events is distinct from original.events
        """),
    ),
    Check(
        "The rows that each import has read are its imported, duplicate, undecided and rejected rows together.",
        text("""
            select format('import %s', id)
            from imports
            left join lateral (
                select coalesce(sum(event_count), 0) as counting, coalesce(sum(row_count), 0) as total
                from site_months
                where import_id = imports.id
            ) sums on true
            left join lateral (
                select count(*) as rejected from import_rejections where import_id = imports.id
            ) rejections on true
            where rows_read <> rows_imported + rows_duplicated + rows_undecided + rows_rejected
               or rows_rejected <> rejections.rejected
               or kind = 'BATTERY_EVENTS'
              and status = 'COMPLETED'
              and (rows_imported, rows_duplicated + rows_undecided) <> (counting, total - counting)
        """),
    ),
    Check(
        "No two adjacent memberships have the same site and VPP.",
        text("""
            select format('site %s, VPP %s, %s', earlier.site_id, earlier.vpp_id, upper(earlier.effective))
            from memberships earlier
            join memberships later
              on (later.site_id, later.vpp_id, lower(later.effective))
               = (earlier.site_id, earlier.vpp_id, upper(earlier.effective))
        """),
    ),
    Check(
        "The totals of each park's day equal those of its readings.",
        text("""
            select format('park %s, %s', park_id, local_date)
            from park_days
            full join (
                select
                    park_id, local_date,
                    min(power_w) as min_power_w, max(power_w) as max_power_w, sum(power_w) as sum_power_w,
                    count(*) as reading_count
                from energy_readings
                group by park_id, local_date
            ) sums using (park_id, local_date)
            where (park_days.min_power_w, park_days.max_power_w, park_days.sum_power_w, park_days.reading_count)
                  is distinct from (sums.min_power_w, sums.max_power_w, sums.sum_power_w, sums.reading_count)
        """),
    ),
    Check(
        "The totals of each day of an energy type equal those of its parks' days.",
        text("""
            select format('%s, %s, %s', local_date, energy_type, timezone)
            from energy_type_days types
            full join (
                select
                    local_date, energy_type, timezone, min(min_power_w) as min_power_w, max(max_power_w) as max_power_w,
                    sum(sum_power_w) as sum_power_w, sum(reading_count) as reading_count, count(*) as park_count
                from park_days
                join parks on parks.id = park_id
                group by local_date, energy_type, timezone
            ) sums using (local_date, energy_type, timezone)
            where (types.min_power_w, types.max_power_w, types.sum_power_w, types.reading_count, types.park_count)
                  is distinct from
                  (sums.min_power_w, sums.max_power_w, sums.sum_power_w, sums.reading_count, sums.park_count)
        """),
    ),
    Check(
        "Each replaced reading has a current reading at its instant, from another import.",
        text("""
            select format('park %s, %s, replaced one of import %s', park_id, interval_start, replaced.import_id)
            from replaced_readings replaced
            left join energy_readings existing using (park_id, interval_start)
            where existing.import_id is null or existing.import_id = replaced.import_id
        """),
    ),
    Check(
        "The totals of each report equal the sums of its line items.",
        text("""
            select format('report %s', id)
            from revenue_reports
            cross join lateral (
                select
                    coalesce(sum(revenue_aud), 0) as revenue_aud,
                    coalesce(sum(ad_valorem_fee_aud), 0) as ad_valorem_fee_aud,
                    coalesce(sum(daily_fee_aud), 0) as daily_fee_aud,
                    coalesce(sum(after_fees_aud), 0) as after_fees_aud
                from site_line_items
                where report_id = revenue_reports.id
            ) sums
            where status = 'READY'
              and (total_revenue_aud, revenue_reports.ad_valorem_fee_aud, daily_fees_aud, site_total_aud)
               <> (sums.revenue_aud, sums.ad_valorem_fee_aud, sums.daily_fee_aud, sums.after_fees_aud)
        """),
    ),
]


async def verify(session: AsyncSession) -> AsyncIterator[Finding]:
    """Run all checks and yield a finding for each; nothing is changed."""
    for check in CHECKS:
        rows = (await session.execute(check.exceptions)).all()
        yield finding(check.sentence, [str(row[0]) for row in rows])


def finding(sentence: str, exceptions: Sequence[str]) -> Finding:
    """Return the finding of a check, with the first of its exceptions."""
    more = len(exceptions) - MAX_LISTED
    return Finding(sentence, [*exceptions[:MAX_LISTED], *([f"and {more:,} more"] if more > 0 else [])])
