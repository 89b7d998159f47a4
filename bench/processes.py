"""Context managers that run the API, a worker or another server as a subprocess."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.embedded.servers import EmbeddedServers

START_S = 30.0
URL = re.compile(rb"http://127\.0\.0\.1:\d+")
API_KEY = "da2-the-key-of-the-bench"


@asynccontextmanager
async def api(servers: EmbeddedServers, **settings: str) -> AsyncIterator[tuple[str, int]]:
    """Run the API until the block ends; yield its URL and its process id."""
    command = (sys.executable, "-m", "graph", "serve", "--port", "0", "--no-worker")
    environment = environment_variables(servers) | {"VPP_BOOTSTRAP_API_KEY": API_KEY} | settings
    async with running_server(*command, **environment) as (url, pid):
        yield url, pid


@asynccontextmanager
async def running_server(*command: str, **environment: str) -> AsyncIterator[tuple[str, int]]:
    """Run a server that prints its URL once it listens, until the block ends; yield the URL and the process id."""
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout  # noqa: S101
    try:
        async with asyncio.timeout(START_S):
            while not (url := URL.search(line := await process.stdout.readline())):
                if not line:
                    raise RuntimeError(f"{' '.join(command)} exited before it printed its URL.")
        yield url[0].decode(), process.pid
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def worker(servers: EmbeddedServers) -> AsyncIterator[int]:
    """Run a worker until the block ends; yield its process id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "work"), env=os.environ | environment_variables(servers)
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


def environment_variables(servers: EmbeddedServers) -> dict[str, str]:
    """Return the environment variables with the addresses of Postgres and S3."""
    store = servers.object_store
    return {
        "VPP_DATABASE_URL": servers.database_url,
        "VPP_S3_BUCKET": store.bucket,
        "VPP_S3_ENDPOINT_URL": store.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": store.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": store.secret_access_key or "",
        "AWS_DEFAULT_REGION": store.region or "",
    }
