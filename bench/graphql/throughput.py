"""Requests per second of this API, of its peers and of the hand-written app; and of this API by number of processes."""

from collections.abc import Iterable
from itertools import groupby
from statistics import median

import asyncpg

from bench.graphql.contenders import HANDWRITTEN, MERCURIUS, POSTGRAPHILE, Contender, running_api
from bench.graphql.cpu import ALL_CORES, OTHER_CORES, pin_postgres, pinned_to
from bench.graphql.dataset import Ids
from bench.graphql.load_generator import CONNECTIONS, generate_load
from bench.graphql.operations import OPERATIONS
from bench.graphql.tables import console, new_table, print_paragraph, with_progress
from bench.graphql.workloads import Measurement, Workload, measure, prepare_workload
from graph.embedded.servers import EmbeddedServers

COMPARED_WITH = (POSTGRAPHILE, MERCURIUS, HANDWRITTEN)
EMPTY_RESPONSE = b'{"data":null}'


async def compare_with_peers(
    workloads: list[Workload], connection: asyncpg.Connection, *, rounds: int, seconds: float
) -> None:
    """Measure all workloads in turn, round after round, and print the medians as a table."""
    measurements: dict[tuple[str, str], list[Measurement]] = {}
    for workload in with_progress(workloads * rounds, "Requests per second, compared with peers"):
        key = (workload.operation.name, workload.contender.name)
        measurements.setdefault(key, []).append(await measure(workload, connection, seconds=seconds))

    print_paragraph(
        f"{CONNECTIONS} connections, medians of {rounds} interleaved rounds of {seconds:g} s. The server has one core"
        f" to itself; Postgres and the client share {len(OTHER_CORES)}. The last three columns are CPU time per"
        " request. This API checks a key, counts requests, and writes an audit entry for each battery; the others do"
        " not."
    )
    table = new_table(
        *("operation", "server", "requests/s", *(f"ratio to {name}" for name in COMPARED_WITH)),
        *("p50, ms", "p99, ms", "server busy", "server, µs", "Postgres, µs", "client, µs"),
        names=2,
    )
    for operation, of_operation in groupby(workloads, key=lambda workload: workload.operation):
        names = [workload.contender.name for workload in of_operation]
        rates = {name: _median(measurements[operation.name, name], "requests_per_s") for name in names}
        for name, rate in rates.items():
            of_server = measurements[operation.name, name]
            table.add_row(
                f"{operation.name}: {operation.description}" if name == names[0] else "",
                name,
                f"{rate:,.0f}",
                *(f"{rate / rates[other]:.2f}" for other in COMPARED_WITH),
                *(f"{_median(of_server, percentile):.1f}" for percentile in ("p50_ms", "p99_ms")),
                f"{_median(of_server, 'server_busy'):.0%}",
                *(f"{_median(of_server, figure):,.0f}" for figure in ("server_us", "postgres_us", "client_us")),
            )
    console.print(table)
    handwritten = next(workload.contender for workload in workloads if workload.contender.name == HANDWRITTEN)
    _print_client_limit(handwritten, seconds=seconds)


def _print_client_limit(handwritten: Contender, *, seconds: float) -> None:
    """Measure the throughput of empty responses, which shows whether the client limits the other figures."""
    exchange = (handwritten.post("/empty", None), len(EMPTY_RESPONSE))
    load = generate_load(handwritten.addresses, iter(lambda: exchange, None), seconds=seconds)
    requests_per_s, client_us = load.responses / load.seconds, load.cpu_time_s / load.responses * 1e6
    print_paragraph(
        f"The hand-written app returned {requests_per_s:,.0f} empty responses per second, without a statement; the"
        f" client took {client_us:.0f} µs of CPU time for each. Where the server is not fully busy, Postgres is the"
        " limit: it shares its core with the client."
    )


async def compare_process_counts(
    servers: EmbeddedServers, ids: Ids, connection: asyncpg.Connection, *, rounds: int, seconds: float
) -> None:
    """Measure this API in 1, 2 and 4 processes, with everything on all cores, and print the medians as a table."""
    # With more processes, their pools would open more connections than Postgres allows.
    counts = [count for count in (1, 2, 4) if count <= len(ALL_CORES)]
    rates: dict[tuple[str, int], list[float]] = {}
    pin_postgres(connection, ALL_CORES)
    with pinned_to(ALL_CORES):
        for processes in with_progress(counts * rounds, "Requests per second, by processes"):
            async with running_api(servers, processes=processes) as contender:
                for operation in OPERATIONS:
                    workload = await prepare_workload(contender, operation, ids, connection)
                    measurement = await measure(workload, connection, seconds=seconds)
                    rates.setdefault((operation.name, processes), []).append(measurement.requests_per_s)
    pin_postgres(connection, OTHER_CORES)

    columns = (f"{operation.name}, requests/s" for operation in OPERATIONS)
    table = new_table("this API, on all cores", *columns, names=1)
    for processes in counts:
        medians = (median(rates[operation.name, processes]) for operation in OPERATIONS)
        table.add_row(f"{processes} process{'es' if processes > 1 else ''}", *(f"{rate:,.0f}" for rate in medians))
    console.print(table)
    if len(ALL_CORES) < 4:
        print_paragraph(
            f"{len(ALL_CORES)} cores do not show how throughput scales with processes: Postgres and the client need one"
            " core, so another process gains only what they and the first process leave idle."
        )


def _median(measurements: Iterable[Measurement], figure: str) -> float:
    figures: list[float] = [getattr(measurement, figure) for measurement in measurements]
    return median(figures)
