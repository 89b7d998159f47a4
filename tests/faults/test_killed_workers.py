"""A worker killed at any moment of an import: nothing is lost, nothing doubled, and another goes on."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections import Counter
from random import Random

from sqlalchemy import func, select

import db.verification
from db.engine import Database
from db.events import EVENTS
from graph.embedded.servers import EmbeddedServers
from tests.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { id } }"
KILLS = 10
ROWS = 60_000
WAIT_S = 60


async def worker(servers: EmbeddedServers, database_url: str) -> Process:
    """Start a worker that takes small chunks, and whose jobs are another's a second after it was last heard of."""
    store = servers.object_store
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "work"),
        env=os.environ
        | {
            "VPP_DATABASE_URL": database_url,
            "VPP_S3_BUCKET": store.bucket,
            "VPP_S3_ENDPOINT_URL": store.endpoint_url or "",
            "AWS_ACCESS_KEY_ID": store.access_key_id or "",
            "AWS_SECRET_ACCESS_KEY": store.secret_access_key or "",
            "AWS_DEFAULT_REGION": store.region or "",
            "VPP_WORKER_CHUNK_BYTES": "20000",
            "VPP_WORKER_LEASE_S": "1",
        },
    )


async def test_a_worker_may_be_killed_ten_times_in_one_import(
    api: Api, servers: EmbeddedServers, database: Database, database_url: str
) -> None:
    random, vpp_id = Random(7), await api.vpp()
    nmis = [new_nmi() for _ in range(5)]
    site_ids = {await api.site(vpp_id, nmi=nmi): nmi for nmi in nmis}
    rows = [
        (random.choice(nmis), f"2025-09-{random.randint(1, 30):02}", random.randint(0, 9999), random.randint(-99, 999))
        for _ in range(ROWS)
    ]
    bad = {place for place in range(ROWS) if place % 1_000 == 7}
    lines = [
        f"{nmi},{'wrong' if place in bad else day},DISCHARGE,{energy},{tariff}\n"
        for place, (nmi, day, energy, tariff) in enumerate(rows)
    ]
    import_id = await api.uploaded(HEADER + "".join(lines))
    await api.ask(START, id=import_id)

    for _ in range(KILLS):
        process = await worker(servers, database_url)
        async with asyncio.timeout(WAIT_S), api.notices.of("imports", import_id) as changed:
            for _ in range(random.randint(1, 12)):
                await changed.wait()
                changed.clear()
        process.kill()
        await process.wait()
    last = await worker(servers, database_url)
    imported = await api.finished(import_id)
    last.terminate()
    await last.wait()

    good = [row for place, row in enumerate(rows) if place not in bad]
    assert (imported["status"], imported["rowsRead"]) == ("COMPLETED", ROWS)
    assert (imported["rowsImported"], imported["rowsRejected"]) == (len(good), len(bad))
    assert await found(database, site_ids) == expected(good)
    async with database.transaction() as session:
        assert [each async for each in db.verification.verify(session) if each.exceptions] == []


def expected(rows: list[tuple[str, str, int, int]]) -> Counter[tuple[str, str, int]]:
    """What should count, made of the rows alone: of each site and day, how many events there were, and their kWh."""
    sums: Counter[tuple[str, str, int]] = Counter()
    for nmi, day, energy, _ in rows:
        sums[nmi, day, 0] += 1
        sums[nmi, day, 1] += energy
    return sums


async def found(database: Database, site_ids: dict[str, str]) -> Counter[tuple[str, str, int]]:
    """What counts, by the view of events."""
    read = select(
        *(EVENTS.c.site_id, EVENTS.c.settlement_date),
        *(func.count().label("events"), func.sum(EVENTS.c.energy_kwh).label("energy_kwh")),
    ).group_by(EVENTS.c.site_id, EVENTS.c.settlement_date)
    sums: Counter[tuple[str, str, int]] = Counter()
    for row in await database.rows(read):
        nmi, day = site_ids[str(row.site_id)], row.settlement_date.isoformat()
        sums[nmi, day, 0], sums[nmi, day, 1] = row.events, int(row.energy_kwh)
    return sums
