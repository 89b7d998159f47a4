"""Tests of results as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.fixtures.api import API_KEY, COST, WAIT_S, Api

IMPORT = "subscription ($id: ID!) { onImportProgress(id: $id) { status } }"
REPORTS = "subscription { onRevenueReport { id } }"


@asynccontextmanager
async def stream_events(
    api_server: Serving, document: str, *, key: str = API_KEY, **variables: Any
) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Send an operation, and yield an iterator over the events of its results: name and parsed data."""
    headers = {"x-api-key": key, "accept": "text/event-stream"}
    body = {"query": document, "variables": variables}

    async def each(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
        name = ""
        async for line in answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data" or line == "data:":
                yield name, json.loads(value) if value else None

    async with (
        httpx.AsyncClient(base_url=api_server.url, timeout=WAIT_S) as client,
        client.stream("POST", "/graphql", json=body, headers=headers) as answer,
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield each(answer)


async def test_subscription_receives_the_current_state_and_each_change(api_server: Serving, served_api: Api) -> None:
    create = """
        mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "events.csv"}) { import { id } } }
    """
    id = (await served_api.execute(create))["import"]["id"]

    async with stream_events(api_server, IMPORT, id=id) as events:
        first = await anext(events)
        await served_api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=id)
        second = await anext(events)

    assert first == ("next", {"data": {"onImportProgress": {"status": "AWAITING_UPLOAD"}}})
    assert second == ("next", {"data": {"onImportProgress": {"status": "CANCELLED"}}})


async def test_server_that_stops_ends_its_streams(servers: EmbeddedServers, database_url: str) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)

    async with AsyncExitStack() as client, asyncio.timeout(WAIT_S):
        async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as server:
            events = await client.enter_async_context(stream_events(server, REPORTS))
        received = [event async for event in events]

    # Without an event `complete`, the client connects again.
    assert received == []


async def test_query_result_is_sent_as_one_event(api_server: Serving) -> None:
    async with stream_events(api_server, "{ getCaller { role } }") as events:
        assert [event async for event in events] == [
            ("next", {"data": {"getCaller": {"role": "ADMIN"}}, "extensions": COST}),
            ("complete", None),
        ]


@pytest.mark.parametrize(
    ("document", "error_type"),
    [
        ('subscription { onImportProgress(id: "3f2b6c1e-8d4a-4b7e-9c55-0a1d2e3f4a5b") { id } }', "NotFound"),
        ("subscription { onNothing }", "ValidationFailed"),
        ("{ nothing }", "ValidationFailed"),
    ],
)
async def test_rejected_operation_receives_an_error_and_ends(
    api_server: Serving, document: str, error_type: str
) -> None:
    async with stream_events(api_server, document) as events:
        received = [event async for event in events]

    ((_, result), complete) = received
    assert [error["errorType"] for error in result["errors"]] == [error_type]
    assert complete == ("complete", None)


async def test_revoking_a_key_ends_its_subscription(api_server: Serving, served_api: Api) -> None:
    create = 'mutation { createApiKey(input: {name: "a dashboard", role: READER}) { secret apiKey { id } } }'
    key = await served_api.execute(create)

    async with stream_events(api_server, REPORTS, key=key["secret"]) as events:
        await served_api.execute(
            "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=key["apiKey"]["id"]
        )
        received = [event async for event in events]

    error = {"message": "The API key or token has expired or was revoked.", "errorType": "UnauthorizedException"}
    assert received == [("next", {"errors": [error]}), ("complete", None)]


async def test_unknown_caller_is_rejected_with_http_status_401(api_server: Serving) -> None:
    async with httpx.AsyncClient(base_url=api_server.url, timeout=WAIT_S) as client:
        answer = await client.post("/graphql", json={"query": REPORTS}, headers={"accept": "text/event-stream"})

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (401, "UnauthorizedException")


async def test_query_of_a_client_that_also_accepts_json_is_answered_in_json(api_server: Serving) -> None:
    headers = {"x-api-key": API_KEY, "accept": "application/json, text/event-stream, multipart/mixed"}
    async with httpx.AsyncClient(base_url=api_server.url, timeout=WAIT_S) as client:
        answer = await client.post("/graphql", json={"query": "{ getCaller { role } }"}, headers=headers)

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"data": {"getCaller": {"role": "ADMIN"}}, "extensions": COST}
