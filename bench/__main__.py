"""
`make bench` measures this product and its peers. Each bench prints a table.

Compare only the figures within one table: machines are shared, and their speed changes from minute to minute.
"""

import asyncio
from typing import Annotated

import typer

import bench.console
import bench.graphql.run
from bench import imports, latency_during_import, parks, settlement, subscribers

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    rows: Annotated[int, typer.Option(help="Rows of the file that is imported.")] = 5_000_000,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds of the import and GraphQL benches.")] = 3,
) -> None:
    """
    Run all benches: import throughput compared with psql's \\copy, settlement of a month in many spans, API latency
    during an import, delivery of import progress to subscribers, park statistics compared with SQL aggregates, GraphQL
    throughput compared with peers, and the console's pages.
    """
    if context.invoked_subcommand is not None:
        return
    asyncio.run(imports.run(rows, rounds))
    print()  # noqa: T201
    asyncio.run(settlement.run(rows, rounds))
    print()  # noqa: T201
    asyncio.run(latency_during_import.run(rows))
    print()  # noqa: T201
    asyncio.run(subscribers.run([3_000, 10_000]))
    print()  # noqa: T201
    asyncio.run(parks.run())
    print()  # noqa: T201
    graphql(rounds=rounds)
    print()  # noqa: T201
    console()


@app.command()
def graphql(
    sites: Annotated[int, typer.Option(min=1_000, help="Sites in the database.")] = 1_000,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 3,
    seconds: Annotated[float, typer.Option(help="Duration of each measurement.")] = 5,
    grow_to: Annotated[int, typer.Option(help="The highest number of sites to measure.")] = 1_000_000,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only check that all servers run and return the same values.")
    ] = False,
) -> None:
    """
    Measure requests per second of this API, PostGraphile, mercurius and a hand-written ASGI app, then latency by number
    of sites.
    """
    if quick:
        rounds, seconds, grow_to = 1, 0.5, 10 * sites
    requests = 10 if quick else 100
    asyncio.run(bench.graphql.run.run(sites=sites, rounds=rounds, seconds=seconds, grow_to=grow_to, requests=requests))


@app.command()
def console(rounds: Annotated[int, typer.Option(help="Loads of each page.")] = 5) -> None:
    """Measure in Chromium how fast each page of the console loads (LCP, CLS) and reacts (INP)."""
    asyncio.run(bench.console.run(rounds))


app()
