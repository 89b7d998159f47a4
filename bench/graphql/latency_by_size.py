"""How latency grows with what there is: from a thousand sites to a million, asked at a pace that keeps nobody busy."""

from statistics import median

import asyncpg

from bench.graphql.dataset import DROP_EXCLUSION, add_sites
from bench.graphql.load_generator import ask_seldom
from bench.graphql.tables import console, new_table, tell, told
from bench.graphql.workloads import Asked

OF = ("Q1", "Q2")
EVERY_S = 0.02


async def run(
    ways: list[Asked], connection: asyncpg.Connection, *, sites: int, grow_to: int, rounds: int, times: int
) -> None:
    """Measure, add nine times the sites there are, measure again, and so on, and print the medians as a table."""
    ways = [way for way in ways if way.operation.name in OF]
    sizes = [sites]
    while sizes[-1] < grow_to:
        sizes.append(min(sizes[-1] * 10, grow_to))
    taken: dict[tuple[str, str, int], list[float]] = {}
    await connection.execute(DROP_EXCLUSION)
    for before, size in told(list(zip([0, *sizes], sizes, strict=False)), "Latency, by sites"):
        if before:
            await add_sites(connection, before + 1, size)
            await connection.execute("vacuum analyze")
            await connection.execute("checkpoint")
        for _ in range(rounds):
            for way in ways:
                latencies_s = ask_seldom(way.contender.addresses[0], way.exchanges, times=times, every_s=EVERY_S)
                place = (way.operation.name, way.contender.name, size)
                taken.setdefault(place, []).append(median(latencies_s) * 1000)

    tell(f"p50 in ms, asked every {EVERY_S * 1000:.0f} ms by one connection, by how many sites there are.")
    table = new_table("operation", "by", *(f"{size:,} sites" for size in sizes), names=2)
    for way in ways:
        operation, contender = way.operation.name, way.contender.name
        table.add_row(operation, contender, *(f"{median(taken[operation, contender, size]):.1f}" for size in sizes))
    console.print(table)
