"""
Import throughput, compared with psql.

An import is measured from startImport to COMPLETED: reading S3, checking rows, writing rejections, event blocks,
checkpoints and progress, and completing it. The comparison is psql's \\copy of the same file into an unlogged table of
text columns, which checks nothing.
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
from graph.embedded.postgres import package_folder
from graph.embedded.servers import EmbeddedServers, embedded_servers
from graph.imports.intake import upload_key
from graph.object_store import ObjectStore, open_object_store

SITES = 10_000
INVALID_SHARE = 0.002
REPEATED_SHARE = 0.005
CHUNK_ROWS = 500_000


@dataclass(frozen=True)
class ImportMeasurement:
    """The duration of an import, and the peak resident memory of its worker."""

    seconds: float
    peak_mib: float


async def run(rows: int, rounds: int) -> None:
    """Import a file in interleaved rounds with psql's \\copy, and print the medians as a table."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        file = Path(folder) / "events.csv"
        write_events(file, rows, seed=1)
        # One byte more gives the file another ETag: the API refuses to import a file with the same ETag and size twice.
        repeated_file = Path(folder) / "repeated.csv"
        repeated_file.write_bytes(file.read_bytes() + b"\n")
        timed_file = Path(folder) / "timed.csv"
        write_events(timed_file, rows, seed=1, with_times=True)
        async with embedded_servers(Path(folder) / "data") as servers, open_object_store(servers.object_store) as s3:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            await add_sites(servers)
            psql_seconds, timed_psql_seconds = [], []
            imports, repeated_imports, timed_imports = [], [], []
            for _ in range(rounds):
                psql_seconds.append(await asyncio.to_thread(_psql_seconds, servers, file))
                async with worker(servers) as pid:
                    imports.append(await run_import(servers, s3, await upload(s3, file), pid))
                async with worker(servers) as pid:
                    repeated_imports.append(await run_import(servers, s3, await upload(s3, repeated_file), pid))
                await _clear(servers)
                timed_psql_seconds.append(await asyncio.to_thread(_psql_seconds, servers, timed_file))
                async with worker(servers) as pid:
                    timed_imports.append(await run_import(servers, s3, await upload(s3, timed_file), pid))
                await _clear(servers)
    psql_rows_per_s = median(rows / seconds for seconds in psql_seconds)
    timed_psql_rows_per_s = median(rows / seconds for seconds in timed_psql_seconds)
    print(f"{rows:,} rows over {SITES:,} sites, one month; medians of {rounds} interleaved rounds\n")  # noqa: T201
    print("| path | rows/s | ratio | worker's peak, MiB |\n|---|---|---|---|")  # noqa: T201
    print(f"| psql \\copy into an unlogged text table, no checks | {psql_rows_per_s:,.0f} | 1.00 | |")  # noqa: T201
    print(f"| the same, of a file with times of day | {timed_psql_rows_per_s:,.0f} | 1.00 | |")  # noqa: T201
    for name, measurements, psql in (
        ("import", imports, psql_rows_per_s),
        ("import of rows that are already imported", repeated_imports, psql_rows_per_s),
        ("import of a file with times of day", timed_imports, timed_psql_rows_per_s),
    ):
        rows_per_s = median(rows / measurement.seconds for measurement in measurements)
        peak_mib = max(measurement.peak_mib for measurement in measurements)
        print(f"| {name} | {rows_per_s:,.0f} | {rows_per_s / psql:.2f} | {peak_mib:.0f} |")  # noqa: T201


def write_events(file: Path, rows: int, *, seed: int, with_times: bool = False) -> None:
    """Write a file with a month of events of all sites; some rows are invalid, and some repeat the row before them."""
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
            seconds = random.integers(0, 24 * 60 * 60, count)
            times = [f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" if with_times else "" for s in seconds.tolist()]
            lines = [
                f"{6_000_000_000 + site},2025-09-{day:02}{time},{'DISCHARGE' if discharge else 'CHARGE'},"
                f"{energy // 1000}.{energy % 1000:03},{tariff / 100:.2f}\n"
                for site, day, time, discharge, energy, tariff in zip(
                    sites.tolist(),
                    days.tolist(),
                    times,
                    discharges.tolist(),
                    energies.tolist(),
                    tariffs.tolist(),
                    strict=True,
                )
            ]
            for index in np.flatnonzero(random.random(count) < REPEATED_SHARE):
                lines[index] = lines[index - 1]
            for index in np.flatnonzero(random.random(count) < INVALID_SHARE):
                lines[index] = lines[index].replace("2025-09-", "2025-19-")
            out.writelines(lines)


async def add_sites(servers: EmbeddedServers) -> None:
    """Add sites that all belong to one VPP."""
    connection = await asyncpg.connect(servers.database_url)
    ids = [uuid4() for _ in range(SITES)]
    await connection.copy_records_to_table(
        "sites",
        records=[(id, str(6_000_000_000 + site), "1 King St") for site, id in enumerate(ids)],
        columns=["id", "nmi", "address"],
    )
    vpp_id = await connection.fetchval("insert into vpps (id, name) values (gen_random_uuid(), 'Bench') returning id")
    await connection.copy_records_to_table(
        "memberships",
        records=[(id, vpp_id, asyncpg.Range()) for id in ids],
        columns=["site_id", "vpp_id", "effective"],
    )
    await connection.close()


def _psql_seconds(servers: EmbeddedServers, file: Path) -> float:
    psql = package_folder() / "pginstall" / "bin" / "psql"
    columns = "nmi text, date text, event_type text, energy text, tariff text"

    def run_sql(statement: str) -> None:
        subprocess.run([psql, "-qX", "-v", "ON_ERROR_STOP=1", servers.database_url, "-c", statement], check=True)  # noqa: S603

    run_sql(f"drop table if exists psql_copy; create unlogged table psql_copy ({columns})")
    started_at = time.perf_counter()
    run_sql(f"\\copy psql_copy from '{file}' with (format csv, header)")
    return time.perf_counter() - started_at


async def upload(s3: ObjectStore, file: Path) -> UUID:
    """Upload a file as `vpp script` does, and return the id of its import."""
    id = uuid4()
    await s3.write(upload_key(id), await asyncio.to_thread(file.read_bytes), content_type="binary/octet-stream")
    return id


async def run_import(servers: EmbeddedServers, s3: ObjectStore, id: UUID, worker_pid: int) -> ImportMeasurement:
    """Import an uploaded file; measure the duration, and the memory of the worker with the given process id."""
    database, notices = Database(servers.database_url), Notices(servers.database_url)
    async with notices.listening():
        async with database.transaction() as session:
            await db.imports.create(session, id=id, kind="BATTERY_EVENTS", file_name="file.csv", charge_tariff="COST")
        stored = await s3.find(upload_key(id))
        assert stored is not None  # noqa: S101
        started_at = time.perf_counter()
        async with database.transaction() as session:
            size_bytes = stored.size_bytes
            await db.imports.start(session, id=id, etag=stored.etag, bytes_total=size_bytes, max_bytes=size_bytes)
        await _wait_until_completed(database, notices, id)
        seconds = time.perf_counter() - started_at
    await database.close()
    return ImportMeasurement(seconds, _peak_mib(worker_pid))


async def _wait_until_completed(database: Database, notices: Notices, id: UUID) -> None:
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
        "truncate site_months, event_blocks, import_rejection_counts, import_rejections, import_checkpoints,"
        " imported_parks, imports, psql_copy cascade"
    )
    await connection.execute("vacuum analyze")
    await connection.execute("checkpoint")
    await connection.close()
