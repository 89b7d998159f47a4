"""Requests a second: of ours beside its peers and the floor, and of ours by its processes."""

from collections.abc import Iterable
from itertools import groupby
from statistics import median

import asyncpg

from bench.graphql.contenders import FLOOR, MERCURIUS, POSTGRAPHILE, Contender, ours
from bench.graphql.cpu import ALL, OTHERS, hold_postgres, pinned_to
from bench.graphql.dataset import Ids
from bench.graphql.load_generator import CONNECTIONS, load
from bench.graphql.operations import OPERATIONS
from bench.graphql.tables import console, new_table, tell, told
from bench.graphql.workloads import Asked, Measured, asked, measure
from graph.embedded.servers import EmbeddedServers

COMPARED_WITH = (POSTGRAPHILE, MERCURIUS, FLOOR)
NOTHING = b'{"data":null}'


async def beside_peers(ways: list[Asked], connection: asyncpg.Connection, *, rounds: int, seconds: float) -> None:
    """Measure all in turn, round after round, and print the medians as a table."""
    taken: dict[tuple[str, str], list[Measured]] = {}
    for way in told(ways * rounds, "Requests a second, beside peers"):
        place = (way.operation.name, way.contender.name)
        taken.setdefault(place, []).append(await measure(way, connection, seconds=seconds))

    tell(
        f"{CONNECTIONS} connections, medians of {rounds} interleaved rounds of {seconds:g} s. The server has a core of"
        f" its own; Postgres and whoever asks have {len(OTHERS)}. The last columns are what a request takes of a core."
        " Ours checks a key, counts its requests, and keeps an audit entry of each battery; the others do none of it."
    )
    table = new_table(
        *("operation", "by", "requests/s", *(f"to {name}" for name in COMPARED_WITH)),
        *("p50, ms", "p99, ms", "server busy", "server, µs", "Postgres, µs", "asking, µs"),
        names=2,
    )
    for operation, same in groupby(ways, key=lambda way: way.operation):
        names = [way.contender.name for way in same]
        rates = {name: _median(taken[operation.name, name], "per_second") for name in names}
        for name, rate in rates.items():
            of_rounds = taken[operation.name, name]
            table.add_row(
                f"{operation.name}: {operation.says}" if name == names[0] else "",
                name,
                f"{rate:,.0f}",
                *(f"{rate / rates[other]:.2f}" for other in COMPARED_WITH),
                *(f"{_median(of_rounds, percentile):.1f}" for percentile in ("p50_ms", "p99_ms")),
                f"{_median(of_rounds, 'server_share'):.0%}",
                *(f"{_median(of_rounds, each):,.0f}" for each in ("server_us", "postgres_us", "asking_us")),
            )
    console.print(table)
    floor = next(way.contender for way in ways if way.contender.name == FLOOR)
    _print_what_asking_takes(floor, seconds=seconds)


def _print_what_asking_takes(floor: Contender, *, seconds: float) -> None:
    """Ask for the cheapest answer there is, to tell whether it is the asking that bounds the others."""
    exchange = (floor.post("/nothing", None), len(NOTHING))
    taken = load(floor.addresses, iter(lambda: exchange, None), seconds=seconds)
    empty, asking_us = taken.answered / taken.seconds, taken.own_cpu_s / taken.answered * 1e6
    tell(
        f"An empty answer of the floor's, without a statement, came {empty:,.0f} times a second; asking for it took"
        f" {asking_us:.0f} µs. Where the server is not busy throughout, the bound is Postgres, whose core whoever asks"
        " has a share of."
    )


async def by_processes(
    servers: EmbeddedServers, ids: Ids, connection: asyncpg.Connection, *, rounds: int, seconds: float
) -> None:
    """Measure ours in more and more processes, everything on all cores, and print the medians as a table."""
    # Beyond, they had more connections than Postgres takes.
    counts = [count for count in (1, 2, 4) if count <= len(ALL)]
    taken: dict[tuple[str, int], list[float]] = {}
    hold_postgres(connection, ALL)
    with pinned_to(ALL):
        for processes in told(counts * rounds, "Requests a second, by processes"):
            async with ours(servers, processes=processes) as contender:
                for operation in OPERATIONS:
                    way = await asked(contender, operation, ids, connection)
                    measured = await measure(way, connection, seconds=seconds)
                    taken.setdefault((operation.name, processes), []).append(measured.per_second)
    hold_postgres(connection, OTHERS)

    table = new_table("ours, on all cores", *(f"{operation.name}, requests/s" for operation in OPERATIONS), names=1)
    for processes in counts:
        rates = (median(taken[operation.name, processes]) for operation in OPERATIONS)
        table.add_row(f"{processes} process{'es' if processes > 1 else ''}", *(f"{rate:,.0f}" for rate in rates))
    console.print(table)
    if len(ALL) < 4:
        tell(
            f"{len(ALL)} cores cannot tell how processes scale: Postgres and whoever asks need one of them, so that all"
            " there is to gain is what they and the first process leave."
        )


def _median(rounds: Iterable[Measured], figure: str) -> float:
    figures: list[float] = [getattr(each, figure) for each in rounds]
    return median(figures)
