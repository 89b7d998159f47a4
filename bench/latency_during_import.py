"""
The API's latency while a worker runs an import in another process, compared with its latency when no import runs.

The load is open-loop: requests are sent at a fixed interval, whether or not earlier ones were answered, and latency
counts from the time at which a request was due.
"""

import asyncio
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

import db.migrations
from bench.imports import add_sites, run_import, upload, write_events
from bench.processes import API_KEY, api, worker
from graph.embedded.servers import embedded_servers
from graph.object_store import open_object_store

INTERVAL_S = 0.02
AT_REST_S = 10.0
FIFTY_SITES = {"query": "{ listSites(limit: 50) { items { id nmi address } nextToken } }"}


async def run(rows: int) -> None:
    """Measure the latency without and during an import, and print the percentiles as a table."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        file = Path(folder) / "events.csv"
        write_events(file, rows, seed=2)
        async with embedded_servers(Path(folder) / "data") as servers, open_object_store(servers.object_store) as s3:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            await add_sites(servers)
            async with worker(servers) as pid, api(servers) as (url, _):
                id = await upload(s3, file)
                async with httpx.AsyncClient(base_url=url, headers={"x-api-key": API_KEY}) as client:
                    at_rest_ms = await _latencies_ms(client, asyncio.sleep(AT_REST_S))
                    importing_ms = await _latencies_ms(client, run_import(servers, s3, id, pid))
    print(f"A request for 50 sites every {INTERVAL_S * 1000:.0f} ms, at rest and while {rows:,} rows are imported\n")  # noqa: T201
    print("| | requests | p50, ms | p99, ms |\n|---|---|---|---|")  # noqa: T201
    for name, latencies_ms in (("at rest", at_rest_ms), ("during an import", importing_ms)):
        percentiles = quantiles(latencies_ms, n=100)
        print(f"| {name} | {len(latencies_ms):,} | {percentiles[49]:.1f} | {percentiles[98]:.1f} |")  # noqa: T201


async def _latencies_ms(client: httpx.AsyncClient, until: Coroutine[Any, Any, object]) -> list[float]:
    """Send requests at a fixed interval until a coroutine has finished, and return their latencies."""
    end = asyncio.create_task(until)
    requests: list[asyncio.Task[float]] = []
    started_at = time.perf_counter()
    while not end.done():
        due_at = started_at + len(requests) * INTERVAL_S
        await asyncio.sleep(max(0, due_at - time.perf_counter()))
        requests.append(asyncio.create_task(_latency_ms(client, due_at)))
    await end
    return list(await asyncio.gather(*requests))


async def _latency_ms(client: httpx.AsyncClient, due_at: float) -> float:
    response = await client.post("/graphql", json=FIFTY_SITES)
    response.raise_for_status()
    return (time.perf_counter() - due_at) * 1000
