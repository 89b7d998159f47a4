"""How fast our API answers beside its peers, from the same rows of the same Postgres, over HTTP."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

import db.migrations
from bench.graphql import latency_by_size, throughput
from bench.graphql.contenders import VIEWS, contenders
from bench.graphql.cpu import OTHERS, SERVERS, pinned_to
from bench.graphql.dataset import Ids, fill
from bench.graphql.workloads import Asked, agreed
from graph.embedded.servers import EmbeddedServers, embedded_servers


async def run(*, sites: int, rounds: int, seconds: float, grow_to: int, times: int) -> None:
    """Measure, unless answers differ, and print tables of it."""
    with pinned_to(OTHERS), tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        async with embedded_servers(Path(folder) / "data") as servers:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            connection = await asyncpg.connect(servers.database_url)
            ids = await fill(connection, sites)
            await connection.execute(VIEWS.read_text())
            async with _asked(servers, ids, connection) as ways:
                await throughput.beside_peers(ways, connection, rounds=rounds, seconds=seconds)
            await throughput.by_processes(servers, ids, connection, rounds=rounds, seconds=seconds)
            async with _asked(servers, ids, connection) as ways:
                await latency_by_size.run(ways, connection, sites=sites, grow_to=grow_to, rounds=rounds, times=times)
            await connection.close()


@asynccontextmanager
async def _asked(servers: EmbeddedServers, ids: Ids, connection: asyncpg.Connection) -> AsyncIterator[list[Asked]]:
    """Run all contenders on the servers' core until the block ends, and give how each is asked for each operation."""
    async with AsyncExitStack() as running:
        with pinned_to(SERVERS):
            all_of_them = await running.enter_async_context(contenders(servers))
        yield await agreed(all_of_them, ids, connection)
