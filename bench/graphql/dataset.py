"""
The rows that all servers read: sites with two batteries each, in twenty VPPs; one settled report; events of some sites.

They are inserted by SQL and not by the API, so that a million sites take a minute or two.
"""

from dataclasses import dataclass

import asyncpg

LINE_ITEMS = MIN_SITES = 1_000
SITES_WITH_EVENTS = 100
EVENTS_PER_SITE = 1_000
# The manufacturer of the batteries that a measurement adds; they are deleted after it.
ADDED_MANUFACTURER = "Bench"

FILL = """
    insert into vpps (id, name)
    select gen_random_uuid(), 'VPP ' || to_char(number, 'FM00') from generate_series(0, 19) number;

    -- Two schedules per VPP, so that a query has to select the one in force.
    insert into price_schedules (vpp_id, effective, revenue_percentage, daily_fee_aud)
    select id, effective, 10 + right(name, 2)::integer, 0.25
    from vpps, unnest(array[daterange(null, '2026-01-01'), daterange('2026-01-01', null)]) effective;
"""
# The last nine digits of an NMI are the site's number.
ADD_SITES = [
    """
    insert into sites (id, nmi, address)
    select gen_random_uuid(), '6' || to_char(number, 'FM000000000'), number || ' King St Newcastle West NSW 2302'
    from generate_series($1::integer, $2) number
    """,
    """
    insert into memberships (site_id, effective, vpp_id)
    select sites.id, '(,)', vpps.id
    from sites
    join vpps on right(name, 2)::integer = right(nmi, 9)::integer % 20
    where right(nmi, 9)::integer between $1 and $2
    """,
    """
    insert into batteries (id, site_id, manufacturer, serial, installed)
    select gen_random_uuid(), id, 'Tesla', nmi || '-' || number, '(,)'
    from sites, generate_series(1, 2) number
    where right(nmi, 9)::integer between $1 and $2
    """,
    """
    insert into battery_capacities (battery_id, effective, capacity_kwh)
    select batteries.id, '(,)', 5 + 0.5 * (right(nmi, 9)::integer % 18) + right(serial, 1)::integer
    from batteries
    join sites on sites.id = site_id
    where right(nmi, 9)::integer between $1 and $2
    """,
]

ADD_REPORT = f"""
    with report as (
        insert into revenue_reports (id, vpp_id, month, revision, status, settled_from, vpp_name, terms)
        select gen_random_uuid(), id, '2025-09-01', 1, 'PENDING', 'the bench', name, '[]'
        from vpps
        where name = 'VPP 00'
        returning id
    ),
    shares as (
        select *, round(0.8 * (revenue - fee), 2) as event_share
        from (
            select *, round(0.11 * revenue, 2) as fee
            from (select *, 20 + (right(nmi, 9)::integer * 37 % 900) * 0.11 as revenue from sites) earnings
            where right(nmi, 9)::integer <= {LINE_ITEMS}
        ) revenues
    )
    insert into site_line_items (
        report_id, nmi, site_id, address, capacity_kwh, member_days, revenue_aud, ad_valorem_fee_aud,
        event_share_aud, capacity_share_aud, before_fees_aud, daily_fee_aud, waived_fee_aud, after_fees_aud
    )
    select
        report.id, nmi, shares.id, address, 13.5, 30, revenue, fee,
        event_share, revenue - fee - event_share, revenue - fee, 7, 0, revenue - fee - 7
    from report, shares;

    update revenue_reports
    set status = 'READY', total_revenue_aud = revenue, ad_valorem_fee_aud = fee, daily_fees_aud = daily,
        cost_only_aud = 0, vpp_total_aud = fee + daily, site_total_aud = after_fees
    from (
        select
            sum(revenue_aud) as revenue, sum(ad_valorem_fee_aud) as fee,
            sum(daily_fee_aud) as daily, sum(after_fees_aud) as after_fees
        from site_line_items
    ) sums
"""  # noqa: S608 The SQL contains only our own constants.

ADD_EVENTS = f"""
    with import as (
        insert into imports (
            id, kind, status, file_name, charge_tariff, etag, bytes_total, bytes_read,
            timestamps, duplicates,
            rows_read, rows_imported, rows_duplicated, rows_undecided, rows_rejected, run, attempts, finished_at
        )
        values (
            gen_random_uuid(), 'BATTERY_EVENTS', 'COMPLETED', 'events.csv', 'COST', 'the bench', 1, 1,
            'INTERVAL_START', 'ASK',
            {SITES_WITH_EVENTS * EVENTS_PER_SITE}, {SITES_WITH_EVENTS * EVENTS_PER_SITE}, 0, 0, 0, 1, 1, now()
        )
        returning id
    ),
    events as (
        select
            sites.id as site_id, number, (right(nmi, 9)::integer - 1) * {EVENTS_PER_SITE} + number + 2 as line_number,
            1 + number * 30 / {EVENTS_PER_SITE} as day, number % 2 = 0 as discharge,
            (1000 + number * 7919 % 12000) * 1000::bigint as energy,
            -- The sign is that of the money earned: discharging earns, but for a few events, and charging costs.
            (case when number % 2 = 0 then 1 else -1 end * (number * 104729 % 6000) - number % 50) * 10000::bigint
                as tariff
        from sites, generate_series(0, {EVENTS_PER_SITE - 1}) number
        where right(nmi, 9)::integer <= {SITES_WITH_EVENTS}
    ),
    blocks as (
        insert into event_blocks (
            import_id, chunk_number, site_id, month, event_count, revenue_aud, cost_only_aud,
            charged_kwh, discharged_kwh, days, discharges, energies_microkwh, tariffs_microcents_per_kwh, line_numbers
        )
        select
            import.id, 0, site_id, '2025-09-01', count(*),
            coalesce(sum(energy::numeric * tariff * 0.00000000000001) filter (where not (discharge and tariff < 0)), 0),
            coalesce(sum(energy::numeric * tariff * 0.00000000000001) filter (where discharge and tariff < 0), 0),
            coalesce(sum(energy * 0.000001) filter (where not discharge), 0),
            coalesce(sum(energy * 0.000001) filter (where discharge), 0),
            array_agg(day order by number), array_agg(discharge order by number), array_agg(energy order by number),
            array_agg(tariff order by number), array_agg(line_number order by number)
        from import, events
        group by import.id, site_id
        returning *
    )
    insert into site_months (
        import_id, site_id, month, block_count, row_count,
        event_count, revenue_aud, cost_only_aud, charged_kwh, discharged_kwh
    )
    select
        import_id, site_id, month, 1, event_count,
        event_count, revenue_aud, cost_only_aud, charged_kwh, discharged_kwh
    from blocks
"""  # noqa: S608 The SQL contains only our own constants.

DELETE_ADDED_BATTERIES = f"delete from batteries where manufacturer = '{ADDED_MANUFACTURER}'"  # noqa: S608 Only our own constants.
COUNT_ADDED_BATTERIES = f"""
    select count(*)
    from batteries
    join battery_capacities on battery_id = id
    where manufacturer = '{ADDED_MANUFACTURER}'
"""  # noqa: S608 The SQL contains only our own constants.

# Maintaining this constraint's index takes most of the time of inserting a million sites, and no read uses the index.
DROP_EXCLUSION = "alter table batteries drop constraint if exists batteries_one_place_at_a_time"


@dataclass(frozen=True)
class Ids:
    """The ids that operations take as variables."""

    vpps: list[str]
    report: str
    sites_with_events: list[str]
    # No other operation reads these sites.
    sites_to_add_to: list[str]


async def fill(connection: asyncpg.Connection, sites: int) -> Ids:
    """Insert the dataset with `sites` sites, and return the ids of its rows."""
    await connection.execute(FILL)
    await add_sites(connection, 1, sites)
    await connection.execute(ADD_REPORT)
    await connection.execute(ADD_EVENTS)
    await connection.execute("vacuum analyze")
    sites_by_nmi = await _ids(connection, "select id from sites order by nmi limit $1", MIN_SITES)
    [report] = await _ids(connection, "select id from revenue_reports")
    return Ids(
        vpps=await _ids(connection, "select id from vpps order by name"),
        report=report,
        sites_with_events=sites_by_nmi[:SITES_WITH_EVENTS],
        sites_to_add_to=sites_by_nmi[SITES_WITH_EVENTS:],
    )


async def add_sites(connection: asyncpg.Connection, first: int, last: int) -> None:
    """Insert the sites from number `first` to number `last`, with their memberships and batteries."""
    for statement in ADD_SITES:
        await connection.execute(statement, first, last)


async def _ids(connection: asyncpg.Connection, query: str, *values: object) -> list[str]:
    return [str(row["id"]) for row in await connection.fetch(query, *values)]
