"""Latency by the number of sites in the database, from a thousand to a million, at a rate that leaves servers idle."""

from statistics import median

import asyncpg

from bench.graphql.dataset import DROP_EXCLUSION, add_sites
from bench.graphql.load_generator import measure_latencies_s
from bench.graphql.tables import console, new_table, print_paragraph, with_progress
from bench.graphql.workloads import Workload

MEASURED_OPERATIONS = ("Q1", "Q2")
INTERVAL_S = 0.02


async def run(
    workloads: list[Workload], connection: asyncpg.Connection, *, sites: int, grow_to: int, rounds: int, requests: int
) -> None:
    """Measure at `sites` sites and at ten times as many until `grow_to`, and print the medians as a table."""
    workloads = [workload for workload in workloads if workload.operation.name in MEASURED_OPERATIONS]
    sizes = [sites]
    while sizes[-1] < grow_to:
        sizes.append(min(sizes[-1] * 10, grow_to))
    medians_ms: dict[tuple[str, str, int], list[float]] = {}
    await connection.execute(DROP_EXCLUSION)
    for previous_size, size in with_progress(list(zip([0, *sizes], sizes, strict=False)), "Latency by number of sites"):
        if previous_size:
            await add_sites(connection, previous_size + 1, size)
            await connection.execute("vacuum analyze")
            await connection.execute("checkpoint")
        for _ in range(rounds):
            for workload in workloads:
                address = workload.contender.addresses[0]
                latencies_s = measure_latencies_s(address, workload.exchanges, count=requests, interval_s=INTERVAL_S)
                key = (workload.operation.name, workload.contender.name, size)
                medians_ms.setdefault(key, []).append(median(latencies_s) * 1000)

    print_paragraph(
        f"p50 latency in ms by number of sites; one connection, a request every {INTERVAL_S * 1000:.0f} ms."
    )
    table = new_table("operation", "server", *(f"{size:,} sites" for size in sizes), names=2)
    for workload in workloads:
        operation, contender = workload.operation.name, workload.contender.name
        figures = (median(medians_ms[operation, contender, size]) for size in sizes)
        table.add_row(operation, contender, *(f"{figure:.1f}" for figure in figures))
    console.print(table)
