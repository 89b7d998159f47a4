"""
Imports beside psql.

Ours is the whole way from startImport to COMPLETED: S3 read, checks, rejections, blocks, checkpoints, progress,
completion. The peer is psql's \\copy of the same file into an unlogged table of text: nothing checked, nothing kept.
"""

import asyncio
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import asyncpg
import numpy as np
from sqlmodel import col

import db.imports
import db.migrations
from bench.processes import worker
from db.engine.database import Database
from db.engine.notices import Notices
from db.engine.scope import UNRESTRICTED
from db.imports import Import
from graph.embedded.postgres import installed
from graph.embedded.servers import EmbeddedServers, embedded_servers
from graph.imports.intake import upload_key
from graph.object_store import ObjectStore, open_object_store

SITES = 10_000
BAD = 0.002
REPEATED = 0.005
CHUNK_ROWS = 500_000


@dataclass(frozen=True)
class Measured:
    """What an import took: from its start to its end in seconds, and the most memory its worker held in MiB."""

    seconds: float
    peak_mib: float


async def run(rows: int, rounds: int) -> None:
    """Measure, and print the medians of interleaved rounds as a table."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        file = Path(folder) / "events.csv"
        write_events(file, rows, seed=1)
        again = Path(folder) / "again.csv"
        again.write_bytes(file.read_bytes() + b"\n")
        async with embedded_servers(Path(folder) / "data") as servers, open_object_store(servers.object_store) as s3:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            await add_sites(servers)
            psql, ours, duplicates = [], [], []
            for _ in range(rounds):
                psql.append(await asyncio.to_thread(_psql_seconds, servers, file))
                async with worker(servers) as pid:
                    ours.append(await bring_in(servers, s3, await upload(s3, file), pid))
                async with worker(servers) as pid:
                    duplicates.append(await bring_in(servers, s3, await upload(s3, again), pid))
                await _clear(servers)
    pace = median(rows / seconds for seconds in psql)
    print(f"{rows:,} rows over {SITES:,} sites, one month; medians of {rounds} interleaved rounds\n")  # noqa: T201
    print("| path | rows/s | ratio | worker's peak, MiB |\n|---|---|---|---|")  # noqa: T201
    print(f"| psql \\copy into an unlogged text table, nothing checked | {pace:,.0f} | 1.00 | |")  # noqa: T201
    for name, taken in (("import", ours), ("import of what is in already", duplicates)):
        own = median(rows / each.seconds for each in taken)
        peak = max(each.peak_mib for each in taken)
        print(f"| {name} | {own:,.0f} | {own / pace:.2f} | {peak:.0f} |")  # noqa: T201


def write_events(file: Path, rows: int, *, seed: int) -> None:
    """Write a month of events over all sites; some are bad, and some repeat a row before them."""
    random = np.random.default_rng(seed)
    with file.open("w") as out:
        out.write("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n")
        for start in range(0, rows, CHUNK_ROWS):
            count = min(CHUNK_ROWS, rows - start)
            sites = random.integers(0, SITES, count)
            days = random.integers(1, 31, count)
            discharges = random.random(count) < 0.5
            energies = random.integers(0, 14_000, count)
            tariffs = random.integers(-500, 6_000, count)
            lines = [
                f"{6_000_000_000 + site},2025-09-{day:02},{'DISCHARGE' if discharge else 'CHARGE'},"
                f"{energy // 1000}.{energy % 1000:03},{tariff / 100:.2f}\n"
                for site, day, discharge, energy, tariff in zip(
                    *(column.tolist() for column in (sites, days, discharges, energies, tariffs)), strict=True
                )
            ]
            for place in np.flatnonzero(random.random(count) < REPEATED):
                lines[place] = lines[place - 1]
            for place in np.flatnonzero(random.random(count) < BAD):
                lines[place] = lines[place].replace("2025-09-", "2025-19-")
            out.writelines(lines)


async def add_sites(servers: EmbeddedServers) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.copy_records_to_table(
        "sites",
        records=[(uuid4(), str(6_000_000_000 + site), "1 King St") for site in range(SITES)],
        columns=["id", "nmi", "address"],
    )
    await connection.close()


def _psql_seconds(servers: EmbeddedServers, file: Path) -> float:
    psql = installed() / "pginstall" / "bin" / "psql"
    columns = "nmi text, date text, event_type text, energy text, tariff text"

    def run_sql(statement: str) -> None:
        subprocess.run([psql, "-qX", "-v", "ON_ERROR_STOP=1", servers.database_url, "-c", statement], check=True)  # noqa: S603

    run_sql(f"drop table if exists peer; create unlogged table peer ({columns})")
    began = time.perf_counter()
    run_sql(f"\\copy peer from '{file}' with (format csv, header)")
    return time.perf_counter() - began


async def upload(s3: ObjectStore, file: Path) -> UUID:
    """Upload a file as `vpp script` does, for the import of this id."""
    id = uuid4()
    await s3.write(upload_key(id), await asyncio.to_thread(file.read_bytes), content_type="binary/octet-stream")
    return id


async def bring_in(servers: EmbeddedServers, s3: ObjectStore, id: UUID, worker: int) -> Measured:
    """Import an uploaded file, and measure its worker, which is known by its process id."""
    database, notices = Database(servers.database_url), Notices(servers.database_url)
    async with notices.listening():
        async with database.transaction() as session:
            await db.imports.create(session, id=id, kind="BATTERY_EVENTS", file_name="file.csv", charge_tariff="COST")
        stored = await s3.find(upload_key(id))
        assert stored is not None  # noqa: S101
        began = time.perf_counter()
        async with database.transaction() as session:
            size_bytes = stored.size_bytes
            await db.imports.start(session, id=id, etag=stored.etag, bytes_total=size_bytes, max_bytes=size_bytes)
        await _end_of(database, notices, id)
        seconds = time.perf_counter() - began
    await database.close()
    return Measured(seconds, _peak_mib(worker))


async def _end_of(database: Database, notices: Notices, id: UUID) -> None:
    async with notices.subscribe("imports", id) as changed:
        while True:
            changed.clear()
            row = await database.row(db.imports.imports(UNRESTRICTED).where(col(Import.id) == id))
            assert row is not None  # noqa: S101
            if row.status == "COMPLETED":
                return
            if row.status == "FAILED":
                raise RuntimeError(row.failure_reason)
            await changed.wait()


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def _clear(servers: EmbeddedServers) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(
        "truncate site_months, event_blocks, import_rejections, import_checkpoints, imported_parks, imports, peer"
    )
    await connection.execute("vacuum analyze")
    await connection.execute("checkpoint")
    await connection.close()
