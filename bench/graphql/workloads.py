"""Asking a contender for an operation: first once for each answer, which is compared, then as often as it answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import asyncpg
import numpy as np

from bench.graphql.contenders import Contender
from bench.graphql.cpu import cpu_of_postgres_s, cpu_of_s
from bench.graphql.dataset import CLEAR_ADDED, COUNT_ADDED, Ids
from bench.graphql.load_generator import Connection, Exchange, load
from bench.graphql.operations import OPERATIONS, Operation
from bench.graphql.responses import Disagreement, figures

# Code is compiled as it is used, and connections learn their statements.
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Asked:
    """An operation as one contender is asked for it, without end, and the figures it answers with."""

    contender: Contender
    operation: Operation
    exchanges: Iterator[Exchange]
    figures: list[object]


@dataclass(frozen=True)
class Measured:
    """How much was answered in one round, how busy it kept the server's core, and what a request took of any core."""

    per_second: float
    p50_ms: float
    p99_ms: float
    server_share: float
    server_us: float
    postgres_us: float
    asking_us: float


async def agreed(contenders: list[Contender], ids: Ids, connection: asyncpg.Connection) -> list[Asked]:
    """Return how each contender is asked for each operation. Raises Disagreement where their figures differ."""
    ways = []
    for operation in OPERATIONS:
        first, *others = [await asked(contender, operation, ids, connection) for contender in contenders]
        for other in others:
            if other.figures != first.figures:
                raise Disagreement(
                    f"{operation.name}: {other.contender.name} answers {str(other.figures)[:2000]},"
                    f" {first.contender.name} {str(first.figures)[:2000]}"
                )
        ways += [first, *others]
    return ways


async def asked(contender: Contender, operation: Operation, ids: Ids, connection: asyncpg.Connection) -> Asked:
    """Ask once for each answer, and return how to ask for them again."""
    by = Connection(contender.addresses[0])
    requests = (contender.request(operation, variables) for variables in operation.variables(ids))
    if operation.writes:
        answer = by.answer(next(requests))
        by.close()
        await _clear_added(connection, expected=1)
        # Each is of something else; their answers are as long as one another, and differ in ids.
        length = len(answer)
        return Asked(contender, operation, ((each, length) for each in requests), [figures(answer, but="id")])
    answers = [(request, by.answer(request)) for request in requests]
    exchanges = cycle([(request, len(answer)) for request, answer in answers])
    by.close()
    return Asked(contender, operation, exchanges, [figures(answer) for _, answer in answers])


async def measure(way: Asked, connection: asyncpg.Connection, *, seconds: float) -> Measured:
    """Ask by all connections for so many seconds, after a second or less that does not count."""
    addresses, processes = way.contender.addresses, way.contender.processes
    before = load(addresses, way.exchanges, seconds=min(seconds / 2, WARM_UP_S))
    server, postgres = cpu_of_s(processes), cpu_of_postgres_s(connection)
    taken = load(addresses, way.exchanges, seconds=seconds)
    server, postgres = cpu_of_s(processes) - server, cpu_of_postgres_s(connection) - postgres
    if way.operation.writes:
        await _clear_added(connection, expected=before.answered + taken.answered)
    p50, p99 = np.percentile(taken.latencies_s, [50, 99]) * 1000
    each_us = [cpu_s * 1e6 / taken.answered for cpu_s in (server, postgres, taken.own_cpu_s)]
    return Measured(taken.answered / taken.seconds, p50, p99, server / taken.seconds, *each_us)


async def _clear_added(connection: asyncpg.Connection, *, expected: int) -> None:
    added = await connection.fetchval(COUNT_ADDED)
    if added != expected:
        raise Disagreement(f"{expected} batteries were said to be added; {added} are there.")
    await connection.execute(CLEAR_ADDED)
    await connection.execute("vacuum analyze batteries, battery_capacities")
