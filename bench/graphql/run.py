"""The GraphQL benches: this API compared with its peers over HTTP, on the same rows of the same Postgres."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

import db.migrations
from bench.graphql import latency_by_size, throughput
from bench.graphql.contenders import VIEWS, running_contenders
from bench.graphql.cpu import OTHER_CORES, SERVER_CORES, pinned_to
from bench.graphql.dataset import Ids, fill
from bench.graphql.workloads import Workload, prepare_workloads
from graph.embedded.servers import EmbeddedServers, embedded_servers


async def run(*, sites: int, rounds: int, seconds: float, grow_to: int, requests: int) -> None:
    """Run the three benches and print their tables. Raises ResponseMismatch where servers return other values."""
    with pinned_to(OTHER_CORES), tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        async with embedded_servers(Path(folder) / "data") as servers:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            connection = await asyncpg.connect(servers.database_url)
            ids = await fill(connection, sites)
            await connection.execute(VIEWS.read_text())
            async with _workloads(servers, ids, connection) as workloads:
                await throughput.compare_with_peers(workloads, connection, rounds=rounds, seconds=seconds)
            await throughput.compare_process_counts(servers, ids, connection, rounds=rounds, seconds=seconds)
            async with _workloads(servers, ids, connection) as workloads:
                await latency_by_size.run(
                    workloads, connection, sites=sites, grow_to=grow_to, rounds=rounds, requests=requests
                )
            await connection.close()


@asynccontextmanager
async def _workloads(
    servers: EmbeddedServers, ids: Ids, connection: asyncpg.Connection
) -> AsyncIterator[list[Workload]]:
    """Run all servers on the server core until the block ends, and yield the workloads for them."""
    async with AsyncExitStack() as stack:
        with pinned_to(SERVER_CORES):
            contenders = await stack.enter_async_context(running_contenders(servers))
        yield await prepare_workloads(contenders, ids, connection)
