"""
`make bench`: what we measure, and against whom. Each bench prints a table; only the ratios within one mean anything,
since machines are shared and noisy.
"""

import asyncio

import typer

from bench import imports, latency, parks, subscribers

app = typer.Typer(add_completion=False)


@app.command()
def main(rows: int = 5_000_000, rounds: int = 3) -> None:
    """
    Measure imports of a file of so many rows beside psql's \\copy of it, in interleaved rounds, and what the API's
    callers notice of one; then statistics of parks beside the plain aggregate.
    """
    asyncio.run(imports.run(rows, rounds))
    print()  # noqa: T201
    asyncio.run(latency.run(rows))
    print()  # noqa: T201
    asyncio.run(subscribers.run([3_000, 10_000]))
    print()  # noqa: T201
    asyncio.run(parks.run())


app()
