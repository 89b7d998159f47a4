"""The API and a worker as processes of their own, and any other server that prints its address when it is ready."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.embedded.servers import EmbeddedServers

START_S = 30.0
ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+")
KEY = "da2-the-key-of-the-bench"


@asynccontextmanager
async def api(servers: EmbeddedServers, **settings: str) -> AsyncIterator[tuple[str, int]]:
    """Run the API until the block ends, and give its address and its process id."""
    command = (sys.executable, "-m", "graph", "serve", "--port", "0", "--no-worker")
    async with answering(*command, **environment(servers), VPP_BOOTSTRAP_API_KEY=KEY, **settings) as (url, pid):
        yield url, pid


@asynccontextmanager
async def answering(*command: str, **environment: str) -> AsyncIterator[tuple[str, int]]:
    """Run what says where it is called until the block ends, and give its address and its process id."""
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout  # noqa: S101
    try:
        async with asyncio.timeout(START_S):
            while not (named := ADDRESS.search(said := await process.stdout.readline())):
                if not said:
                    raise RuntimeError(f"{' '.join(command)} ended before it answered.")
        yield named[0].decode(), process.pid
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def worker(servers: EmbeddedServers) -> AsyncIterator[int]:
    """Run a worker until the block ends, and give its process id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "work"), env=os.environ | environment(servers)
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


def environment(servers: EmbeddedServers) -> dict[str, str]:
    """Tell a process of ours where the servers are."""
    store = servers.object_store
    return {
        "VPP_DATABASE_URL": servers.database_url,
        "VPP_S3_BUCKET": store.bucket,
        "VPP_S3_ENDPOINT_URL": store.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": store.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": store.secret_access_key or "",
        "AWS_DEFAULT_REGION": store.region or "",
    }
