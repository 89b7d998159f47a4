import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any
from unittest.mock import AsyncMock, Mock
from uuid import UUID

import httpx
import pytest
import structlog
from alembic.script import ScriptDirectory

import db.migrations
import graph.web.app
from graph.embedded.servers import EmbeddedServers
from graph.object_store import ObjectStore
from graph.operations.documents import Documents
from graph.settings import Limits
from graph.web.app import application
from tests.fixtures.api import API_KEY, Api

CALLER = {"query": "{ getCaller { name } }"}


@asynccontextmanager
async def start_app(servers: EmbeddedServers, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Start the application with changed settings, such as other servers or another key."""
    settings: dict[str, Any] = {
        "database_url": servers.database_url,
        "object_store": servers.object_store,
        "bootstrap_api_key": API_KEY,
        "embedded": True,
    }
    app = application(**settings | changed)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        yield client


async def test_livez_and_readyz_need_no_key(api: Api) -> None:
    alive, ready = await api.client.get("/livez"), await api.client.get("/readyz")

    assert (alive.status_code, alive.json()) == (
        200,
        {"status": "alive", "version": version("vpp"), "revision": None},
    )
    assert (ready.status_code, ready.json()) == (200, {"database": "ok", "migrations": "ok", "object_store": "ok"})


async def test_server_without_its_database_is_alive_but_not_ready(servers: EmbeddedServers) -> None:
    async with start_app(servers, database_url=f"{servers.database_url.rsplit('/', 1)[0]}/nowhere") as client:
        alive, ready = await client.get("/livez"), await client.get("/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()) == (503, {"database": "no answer", "object_store": "ok"})


async def test_server_is_not_ready_before_migrations_have_run(servers: EmbeddedServers) -> None:
    async with start_app(servers, database_url=f"{servers.database_url.rsplit('/', 1)[0]}/postgres") as client:
        ready = await client.get("/readyz")

    needed = f"at None, not {db.migrations.latest_revision()}: run vpp migrate"
    assert (ready.status_code, ready.json()) == (503, {"database": "ok", "migrations": needed, "object_store": "ok"})


async def test_server_without_its_bucket_is_not_ready(servers: EmbeddedServers, api: Api) -> None:
    async with start_app(servers, object_store=replace(servers.object_store, bucket="nowhere")) as client:
        ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["object_store"]) == (503, "no answer")


async def test_simultaneous_readiness_probes_share_one_check(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ping = AsyncMock()
    monkeypatch.setattr(ObjectStore, "ping", ping)
    monkeypatch.setattr(graph.web.app, "READINESS_TTL_S", 3600)

    async with start_app(servers, database_url=database_url) as client:
        responses = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))

    assert {response.status_code for response in responses} == {200}
    assert ping.await_count == 1


async def test_readiness_probes_are_rate_limited_by_address(servers: EmbeddedServers, database_url: str) -> None:
    documents = Documents(Limits(address_requests_per_minute=2))
    async with start_app(servers, database_url=database_url, documents=documents) as client:
        statuses = [(await client.get("/readyz")).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_readiness_probes_read_the_migration_files_at_most_once(
    servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Mock(wraps=ScriptDirectory.from_config)
    monkeypatch.setattr(ScriptDirectory, "from_config", reads)
    monkeypatch.setattr(graph.web.app, "READINESS_TTL_S", 0)

    async with start_app(servers, database_url=database_url) as client:
        statuses = [(await client.get("/readyz")).status_code for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert reads.call_count <= 1


async def test_failing_key_lookup_is_an_internal_failure(servers: EmbeddedServers) -> None:
    async with start_app(servers, database_url=f"{servers.database_url.rsplit('/', 1)[0]}/nowhere") as client:
        with structlog.testing.capture_logs() as logs:
            answer = await client.post("/graphql", json=CALLER, headers={"x-api-key": "da2-any"})

    request_id = answer.headers["x-amzn-requestid"]
    message = f"Something went wrong on our side; it is logged under the request id {request_id}."
    assert answer.status_code == 500
    assert answer.json() == {"message": message, "errors": [{"errorType": "InternalFailure", "message": message}]}
    assert ("A request failed", "error") in [(line["event"], line["log_level"]) for line in logs]


async def test_metrics_are_in_prometheus_format(api: Api) -> None:
    metrics = await api.client.get("/metrics")

    assert (metrics.status_code, metrics.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert "\nprocess_cpu_seconds_total " in metrics.text


async def test_every_response_has_its_own_request_id(api: Api) -> None:
    answers = [await api.client.get("/livez"), await api.client.get("/nowhere"), await api.client.post("/graphql")]

    assert [answer.status_code for answer in answers] == [200, 404, 401]
    assert len({UUID(answer.headers["x-amzn-requestid"]) for answer in answers}) == 3


async def test_no_key_is_accepted_as_bootstrap_key_if_none_is_set(servers: EmbeddedServers, database_url: str) -> None:
    async with start_app(servers, database_url=database_url, bootstrap_api_key=None) as client:
        answers = [await client.post("/graphql", json=CALLER, headers={"x-api-key": key}) for key in ("None", API_KEY)]

    assert [answer.status_code for answer in answers] == [401, 401]
