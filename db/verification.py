"""Every sum the database keeps, made again of what it was made of."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

SHOWN = 5


@dataclass(frozen=True)
class Check:
    """A sentence that should be true, and the statement that reads where it is not."""

    sentence: str
    exceptions: TextClause


@dataclass(frozen=True)
class Finding:
    """What became of a check: where the sentence is not true, as far as it is shown; nowhere, when all is well."""

    sentence: str
    exceptions: list[str]


CHECKS = [
    Check(
        "Each block's sums are those of its events that count.",
        text("""
            select format('block of import %s, chunk %s, site %s, %s', import_id, chunk_number, site_id, month)
            from event_blocks blocks
            cross join lateral (
                select
                    count(*) as event_count,
                    coalesce(sum(value_aud) filter (where not is_cost_only), 0) as revenue_aud,
                    coalesce(sum(value_aud) filter (where is_cost_only), 0) as cost_only_aud,
                    coalesce(sum(energy * 0.000001) filter (where not discharge), 0) as charged_kwh,
                    coalesce(sum(energy * 0.000001) filter (where discharge), 0) as discharged_kwh
                from (
                    select
                        *,
                        energy::numeric * tariff * 0.00000000000001 as value_aud,
                        discharge and tariff < 0 and energy > 0 as is_cost_only
                    from unnest(days, discharges, energies, tariffs, duplicates)
                        as event (day, discharge, energy, tariff, duplicate)
                ) events
                where duplicate is not true
            ) made
            where (blocks.event_count, blocks.revenue_aud, blocks.cost_only_aud, blocks.charged_kwh,
                   blocks.discharged_kwh)
               <> (made.event_count, made.revenue_aud, made.cost_only_aud, made.charged_kwh, made.discharged_kwh)
        """),
    ),
    Check(
        "Each site month's sums are those of its blocks, or nothing where it repeats another import.",
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
            ) made using (import_id, site_id, month)
            where (site_months.block_count, site_months.row_count) is distinct from (made.block_count, made.row_count)
               or (site_months.event_count, site_months.revenue_aud, site_months.cost_only_aud,
                   site_months.charged_kwh, site_months.discharged_kwh)
                  is distinct from (
                      case when repeats is null then made.event_count else 0 end,
                      case when repeats is null then made.revenue_aud else 0 end,
                      case when repeats is null then made.cost_only_aud else 0 end,
                      case when repeats is null then made.charged_kwh else 0 end,
                      case when repeats is null then made.discharged_kwh else 0 end
                  )
        """),
    ),
    Check(
        "Each row counts as often as the import has it that has it most often.",
        text("""
            with brought as (
                select
                    blocks.site_id, blocks.month, event.day, event.discharge, event.energy, event.tariff,
                    count(*) as times,
                    count(*) filter (where site_months.repeats is null and event.duplicate is not true) as counting
                from event_blocks blocks
                join site_months using (import_id, site_id, month)
                cross join lateral unnest(
                    blocks.days, blocks.discharges, blocks.energies, blocks.tariffs, blocks.duplicates
                ) as event (day, discharge, energy, tariff, duplicate)
                group by blocks.import_id, blocks.site_id, blocks.month,
                         event.day, event.discharge, event.energy, event.tariff
            )
            select format('site %s, %s, day %s: %s times, not %s', site_id, month, day, sum(counting), max(times))
            from brought
            group by site_id, month, day, discharge, energy, tariff
            having sum(counting) <> max(times)
        """),
    ),
    Check(
        "Each import has read as many rows as it imported, found to be duplicates, and rejected.",
        text("""
            select format('import %s', id)
            from imports
            left join lateral (
                select coalesce(sum(event_count), 0) as counting, coalesce(sum(row_count), 0) as brought
                from site_months
                where import_id = imports.id
            ) made on true
            left join lateral (
                select count(*) as rejected from import_rejections where import_id = imports.id
            ) left_out on true
            where rows_read <> rows_imported + rows_duplicated + rows_rejected
               or rows_rejected <> left_out.rejected
               or kind = 'BATTERY_EVENTS'
              and status = 'COMPLETED'
              and (rows_imported, rows_duplicated) <> (counting, brought - counting)
        """),
    ),
    Check(
        "Each park's day is summed up of its readings.",
        text("""
            select format('park %s, %s', park_id, local_date)
            from park_days
            full join (
                select
                    park_id, local_date,
                    min(power) as min_power, max(power) as max_power, sum(power) as sum_power, count(*) as reading_count
                from energy_readings
                group by park_id, local_date
            ) made using (park_id, local_date)
            where (park_days.min_power, park_days.max_power, park_days.sum_power, park_days.reading_count)
                  is distinct from (made.min_power, made.max_power, made.sum_power, made.reading_count)
        """),
    ),
    Check(
        "Each day of an energy type is summed up of those of its parks.",
        text("""
            select format('%s, %s, %s', local_date, energy_type, timezone)
            from energy_type_days types
            full join (
                select
                    local_date, energy_type, timezone, min(min_power) as min_power, max(max_power) as max_power,
                    sum(sum_power) as sum_power, sum(reading_count) as reading_count, count(*) as park_count
                from park_days
                join parks on parks.id = park_id
                group by local_date, energy_type, timezone
            ) made using (local_date, energy_type, timezone)
            where (types.min_power, types.max_power, types.sum_power, types.reading_count, types.park_count)
                  is distinct from
                  (made.min_power, made.max_power, made.sum_power, made.reading_count, made.park_count)
        """),
    ),
    Check(
        "Each reading that was replaced has one in its place, from another import.",
        text("""
            select format('park %s, %s, replaced one of import %s', park_id, interval_start, replaced.import_id)
            from replaced_readings replaced
            left join energy_readings there using (park_id, interval_start)
            where there.import_id is null or there.import_id = replaced.import_id
        """),
    ),
    Check(
        "Each report's totals are the sums of its line items.",
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
            ) made
            where status = 'READY'
              and (total_revenue_aud, revenue_reports.ad_valorem_fee_aud, daily_fees_aud, site_total_aud)
               <> (made.revenue_aud, made.ad_valorem_fee_aud, made.daily_fee_aud, made.after_fees_aud)
        """),
    ),
]


async def verify(session: AsyncSession) -> AsyncIterator[Finding]:
    """Make every sum again, and tell of each check where it does not hold; nothing is changed."""
    for check in CHECKS:
        rows = (await session.execute(check.exceptions)).all()
        exceptions = [str(row[0]) for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            exceptions.append(f"and {len(rows) - SHOWN:,} more")
        yield Finding(check.sentence, exceptions)
