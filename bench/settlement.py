"""Settling a month of many events, whole and cut into spans: the more spans, the more sites join in the month."""

import asyncio
import os
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

import db.imports
import db.migrations
import db.vpps
from db.engine.database import Database
from db.vpps import Terms
from graph import settlement_run
from graph.embedded.servers import embedded_servers
from graph.settlement.month import Month

SITES = 10_000
MONTH = Month(2025, 9)
SPANS = (1, 2, 10, 26)
# The chunks of the imported file: each has a block of each site.
CHUNKS = 13

# Sites with a battery each that have always been members.
INSERT_SITES = """
    with sites as (
        insert into sites (id, nmi, address)
        select gen_random_uuid(), (6000000000 + number)::text, '1 King St'
        from generate_series(0, $2::int - 1) number
        returning id
    ),
    members as (insert into memberships (site_id, effective, vpp_id) select id, '(,)', $1 from sites),
    batteries as (
        insert into batteries (id, site_id, manufacturer, serial, installed)
        select gen_random_uuid(), id, 'Tesla', id::text, '(,)' from sites
        returning id
    )
    insert into battery_capacities (battery_id, effective, capacity_kwh) select id, '(,)', 13.5 from batteries
"""
INSERT_BLOCKS = """
    insert into event_blocks (
        import_id, chunk_number, site_id, month, event_count, revenue_aud, cost_only_aud, charged_kwh, discharged_kwh,
        days, discharges, energies_microkwh, tariffs_microcents_per_kwh, line_numbers
    )
    select
        $1, chunk_number, id, '2025-09-01', count(*),
        coalesce(sum(energy::numeric * tariff * 1e-14) filter (where not discharge or tariff >= 0), 0),
        coalesce(sum(energy::numeric * tariff * 1e-14) filter (where discharge and tariff < 0), 0),
        coalesce(sum(energy * 1e-6) filter (where not discharge), 0),
        coalesce(sum(energy * 1e-6) filter (where discharge), 0),
        array_agg(day), array_agg(discharge), array_agg(energy), array_agg(tariff), array_agg(number)
    from (
        select
            sites.id, chunk_number, number,
            (1 + random() * 29)::smallint as day,
            random() < 0.5 as discharge,
            (random() * 14000)::bigint * 1000 as energy,
            (random() * 6500 - 500)::bigint * 10000 as tariff
        from sites, generate_series(1, $2::int) chunk_number, generate_series(1, $3::int) number
    ) events
    group by id, chunk_number
"""
INSERT_SITE_MONTHS = """
    insert into site_months (
        import_id, site_id, month, block_count, row_count,
        event_count, revenue_aud, cost_only_aud, charged_kwh, discharged_kwh
    )
    select
        import_id, site_id, month, count(*), sum(event_count),
        sum(event_count), sum(revenue_aud), sum(cost_only_aud), sum(charged_kwh), sum(discharged_kwh)
    from event_blocks
    group by import_id, site_id, month
"""
JOIN_LATER = """
    update memberships set effective = daterange($1, null)
    where site_id = (select id from sites where nmi = (6000000000 + $2::int)::text)
"""


async def run(events: int, rounds: int) -> None:
    """Settle a month that more and more sites join on a day of their own, and print the times as a table."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        async with embedded_servers(Path(folder) / "data") as servers:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            database, connection = Database(servers.database_url), await asyncpg.connect(servers.database_url)
            vpp_id = await _fill(database, connection, events)
            stored = await connection.fetchval("select sum(event_count) from site_months")
            print(f"{stored:,} events over {SITES:,} sites, one month; medians of {rounds} rounds\n")  # noqa: T201
            print("| spans | s | CPU of Python, s | CPU of Postgres, s |\n|---|---|---|---|")  # noqa: T201
            for spans in SPANS:
                for joining in range(1, spans):
                    await connection.execute(JOIN_LATER, MONTH.first_day + timedelta(days=joining), joining)
                await connection.execute("vacuum analyze memberships")
                measurements = [await _measure(database, vpp_id, spans) for _ in range(rounds)]
                medians = " | ".join(f"{median(column):.2f}" for column in zip(*measurements, strict=True))
                print(f"| {spans} | {medians} |")  # noqa: T201
            await connection.close()
            await database.close()


async def _fill(database: Database, connection: asyncpg.Connection, events: int) -> UUID:
    async with database.transaction() as session:
        terms = Terms(Decimal(20), Decimal("0.3"))
        vpp_id = await db.vpps.create(session, id=None, name="VPP", terms=terms)
        import_id = await db.imports.create(
            session, id=uuid4(), kind="BATTERY_EVENTS", file_name="events.csv", charge_tariff="COST"
        )
    await connection.execute(INSERT_SITES, vpp_id, SITES)
    await connection.execute(INSERT_BLOCKS, import_id, CHUNKS, events // SITES // CHUNKS)
    await connection.execute(INSERT_SITE_MONTHS)
    await connection.execute("vacuum analyze")
    await connection.execute("checkpoint")
    return vpp_id


async def _measure(database: Database, vpp_id: UUID, spans: int) -> tuple[float, float, float]:
    """Settle the month, and return the seconds, and the CPU seconds of Python and of Postgres."""
    async with database.transaction(snapshot=True) as session:
        pid = await session.scalar(text("select pg_backend_pid()"))
        before = (time.perf_counter(), time.process_time(), _cpu_seconds(pid))
        settled = await settlement_run.settle_month(session, vpp_id=vpp_id, month=MONTH)
        after = (time.perf_counter(), time.process_time(), _cpu_seconds(pid))
    assert len(settled.terms) == spans  # noqa: S101
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().split()[13:15]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
