"""
`make bench`: what we measure, and against whom. Each bench prints a table; only the ratios within one mean anything,
since machines are shared and noisy.
"""

import asyncio
from typing import Annotated

import typer

import bench.console
import bench.graphql.run
from bench import imports, latency_during_import, parks, subscribers

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def main(context: typer.Context, rows: int = 5_000_000, rounds: int = 3) -> None:
    """
    Measure imports of a file of so many rows beside psql's \\copy of it, in interleaved rounds, and what the API's
    callers notice of one; then statistics of parks beside the plain aggregate; then requests beside peers; then
    the console's pages.
    """
    if context.invoked_subcommand is not None:
        return
    asyncio.run(imports.run(rows, rounds))
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
    sites: Annotated[int, typer.Option(min=1_000)] = 1_000,
    rounds: int = 3,
    seconds: float = 5,
    grow_to: int = 1_000_000,
    quick: Annotated[bool, typer.Option("--quick", help="Only show that it works, and that answers agree.")] = False,
) -> None:
    """
    Measure requests a second beside PostGraphile, mercurius and the floor, with so many sites, for so many seconds each
    in interleaved rounds; then how latency grows with more and more sites.
    """
    if quick:
        rounds, seconds, grow_to = 1, 0.5, 10 * sites
    times = 10 if quick else 100
    measuring = bench.graphql.run.run(sites=sites, rounds=rounds, seconds=seconds, grow_to=grow_to, times=times)
    asyncio.run(measuring)


@app.command()
def console(rounds: int = 5) -> None:
    """Measure in Chromium when each page of the console is there, and how quick it is to use, in so many rounds."""
    asyncio.run(bench.console.run(rounds))


app()
