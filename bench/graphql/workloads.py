"""Workloads: one operation sent to one server, first to compare the responses, then to measure throughput."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import asyncpg
import numpy as np

from bench.graphql.contenders import Contender
from bench.graphql.cpu import cpu_time_s, postgres_cpu_time_s
from bench.graphql.dataset import COUNT_ADDED_BATTERIES, DELETE_ADDED_BATTERIES, Ids
from bench.graphql.load_generator import Connection, Exchange, generate_load
from bench.graphql.operations import OPERATIONS, Operation
from bench.graphql.responses import ResponseMismatch, comparable_values

# Time for the JITs to compile the code, and for connections to prepare their statements.
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Workload:
    """One operation for one server: an endless iterator of requests, and the values that the server returned."""

    contender: Contender
    operation: Operation
    exchanges: Iterator[Exchange]
    values: list[object]


@dataclass(frozen=True)
class Measurement:
    """The throughput of one round, the share of its core that the server was busy, and the CPU time per request."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    server_busy: float
    server_us: float
    postgres_us: float
    client_us: float


async def prepare_workloads(contenders: list[Contender], ids: Ids, connection: asyncpg.Connection) -> list[Workload]:
    """Return a workload for each operation and server. Raises ResponseMismatch where servers return other values."""
    workloads = []
    for operation in OPERATIONS:
        first, *others = [await prepare_workload(contender, operation, ids, connection) for contender in contenders]
        for other in others:
            if other.values != first.values:
                raise ResponseMismatch(
                    f"{operation.name}: {other.contender.name} returns {str(other.values)[:2000]},"
                    f" {first.contender.name} returns {str(first.values)[:2000]}"
                )
        workloads += [first, *others]
    return workloads


async def prepare_workload(
    contender: Contender, operation: Operation, ids: Ids, connection: asyncpg.Connection
) -> Workload:
    """Send each request of an operation once, and return the workload that repeats them."""
    client = Connection(contender.addresses[0])
    requests = (contender.request(operation, variables) for variables in operation.variables(ids))
    if operation.writes:
        response = client.exchange(next(requests))
        client.close()
        await _delete_added_batteries(connection, expected=1)
        # Every request adds another battery. Its response differs in the id alone, so its length stays the same.
        length = len(response)
        exchanges = ((request, length) for request in requests)
        return Workload(contender, operation, exchanges, [comparable_values(response, ignored_field="id")])
    responses = [(request, client.exchange(request)) for request in requests]
    client.close()
    repeated = cycle([(request, len(response)) for request, response in responses])
    return Workload(contender, operation, repeated, [comparable_values(response) for _, response in responses])


async def measure(workload: Workload, connection: asyncpg.Connection, *, seconds: float) -> Measurement:
    """Send requests on all connections for `seconds`, after a warm-up of at most WARM_UP_S that is not counted."""
    addresses, processes = workload.contender.addresses, workload.contender.processes
    warm_up = generate_load(addresses, workload.exchanges, seconds=min(seconds / 2, WARM_UP_S))
    server_s, postgres_s = cpu_time_s(processes), postgres_cpu_time_s(connection)
    load = generate_load(addresses, workload.exchanges, seconds=seconds)
    server_s, postgres_s = cpu_time_s(processes) - server_s, postgres_cpu_time_s(connection) - postgres_s
    if workload.operation.writes:
        await _delete_added_batteries(connection, expected=warm_up.responses + load.responses)
    p50_ms, p99_ms = np.percentile(load.latencies_s, [50, 99]) * 1000
    per_request_us = [cpu_s * 1e6 / load.responses for cpu_s in (server_s, postgres_s, load.cpu_time_s)]
    return Measurement(load.responses / load.seconds, p50_ms, p99_ms, server_s / load.seconds, *per_request_us)


async def _delete_added_batteries(connection: asyncpg.Connection, *, expected: int) -> None:
    added = await connection.fetchval(COUNT_ADDED_BATTERIES)
    if added != expected:
        raise ResponseMismatch(f"{expected} addBattery requests succeeded, but the database has {added} new batteries.")
    await connection.execute(DELETE_ADDED_BATTERIES)
    await connection.execute("vacuum analyze batteries, battery_capacities")
