"""
The API's latency while an import runs, beside its latency at rest; the worker is a process of its own.

It is asked at a steady pace, whether it has answered or not, and what counts is the time since it should have been.
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
from bench.imports import add_sites, bring_in, upload, write_events
from bench.processes import KEY, api, worker
from graph.embedded.servers import embedded_servers
from graph.object_store import open_object_store

EVERY_S = 0.02
AT_REST_S = 10.0
FIFTY_SITES = {"query": "{ listSites(limit: 50) { items { id nmi address } nextToken } }"}


async def run(rows: int) -> None:
    """Measure, and print the percentiles as a table."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        file = Path(folder) / "events.csv"
        write_events(file, rows, seed=2)
        async with embedded_servers(Path(folder) / "data") as servers, open_object_store(servers.object_store) as s3:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            await add_sites(servers)
            async with worker(servers) as pid, api(servers) as (url, _):
                id = await upload(s3, file)
                async with httpx.AsyncClient(base_url=url, headers={"x-api-key": KEY}) as client:
                    at_rest = await _latencies_ms(client, asyncio.sleep(AT_REST_S))
                    importing = await _latencies_ms(client, bring_in(servers, s3, id, pid))
    print(f"50 sites asked for every {EVERY_S * 1000:.0f} ms, at rest and while {rows:,} rows are imported\n")  # noqa: T201
    print("| | asked | p50, ms | p99, ms |\n|---|---|---|---|")  # noqa: T201
    for name, taken in (("at rest", at_rest), ("during an import", importing)):
        percentiles = quantiles(taken, n=100)
        print(f"| {name} | {len(taken):,} | {percentiles[49]:.1f} | {percentiles[98]:.1f} |")  # noqa: T201


async def _latencies_ms(client: httpx.AsyncClient, meanwhile: Coroutine[Any, Any, object]) -> list[float]:
    """Ask again and again until something else is done."""
    done = asyncio.create_task(meanwhile)
    asked: list[asyncio.Task[float]] = []
    began = time.perf_counter()
    while not done.done():
        due = began + len(asked) * EVERY_S
        await asyncio.sleep(max(0, due - time.perf_counter()))
        asked.append(asyncio.create_task(_latency_ms(client, due)))
    await done
    return list(await asyncio.gather(*asked))


async def _latency_ms(client: httpx.AsyncClient, due: float) -> float:
    answer = await client.post("/graphql", json=FIFTY_SITES)
    answer.raise_for_status()
    return (time.perf_counter() - due) * 1000
