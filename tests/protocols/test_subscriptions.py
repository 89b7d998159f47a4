"""Tests of subscriptions that several listeners share."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio

from db.engine.database import Database
from graph.auth.callers import Caller
from graph.object_store import ObjectStore
from graph.operations.operation import Operation
from graph.protocols.subscriptions import Result, Subscriptions
from graph.resolvers.context import Context
from tests.fixtures.api import Api

ADMIN = Caller(auth_type="API_KEY", name="one", role="ADMIN")
ANOTHER_ADMIN = Caller(auth_type="API_KEY", name="another", role="ADMIN")
IMPORT = "subscription ($id: ID!) { onImportProgress(id: $id) { status } }"


class RecordingListener:
    """A listener that records the results it receives."""

    def __init__(self) -> None:
        self.results: asyncio.Queue[Result | list[Any] | None] = asyncio.Queue()

    def deliver(self, result: Result) -> None:
        self.results.put_nowait(result)

    def reject(self, errors: list[Any]) -> None:
        self.results.put_nowait(errors)

    def complete(self) -> None:
        self.results.put_nowait(None)


@pytest_asyncio.fixture
async def subscriptions(database: Database, api: Api, object_store: ObjectStore) -> AsyncIterator[Subscriptions]:
    def context_for(caller: Caller) -> Context:
        return Context(
            database=database, notices=api.notices, object_store=object_store, request_id="the-request", caller=caller
        )

    subscriptions = Subscriptions(context_for)
    yield subscriptions
    await subscriptions.close()


async def create_import(api: Api) -> Operation:
    create = 'mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "events.csv"}) { import { id } } }'
    return Operation(IMPORT, {"id": (await api.execute(create))["import"]["id"]}, None)


async def test_equal_subscriptions_are_executed_and_encoded_once(api: Api, subscriptions: Subscriptions) -> None:
    operation, first, second = await create_import(api), RecordingListener(), RecordingListener()
    subscriptions.subscribe(operation, ADMIN, first)
    subscriptions.subscribe(operation, ANOTHER_ADMIN, second)

    assert await first.results.get() is await second.results.get()


async def test_callers_with_different_scopes_share_no_subscription(api: Api, subscriptions: Subscriptions) -> None:
    operation, first, second = await create_import(api), RecordingListener(), RecordingListener()
    subscriptions.subscribe(operation, ADMIN, first)
    subscriptions.subscribe(operation, Caller("API_KEY", "a member", "MEMBER", site_ids=[uuid4()]), second)

    assert await first.results.get() is not await second.results.get()


async def test_subscriber_after_all_others_left_receives_the_current_state(
    api: Api, subscriptions: Subscriptions
) -> None:
    operation, first, second = await create_import(api), RecordingListener(), RecordingListener()
    unsubscribe = subscriptions.subscribe(operation, ADMIN, first)
    before = await first.results.get()
    unsubscribe()
    await api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", **operation.variables)

    subscriptions.subscribe(operation, ADMIN, second)
    after = await second.results.get()

    assert isinstance(before, Result)
    assert isinstance(after, Result)
    assert "AWAITING_UPLOAD" in before.payload
    assert "CANCELLED" in after.payload


async def test_internal_failure_is_sent_to_all_listeners_and_the_next_one_starts_anew(
    database: Database, object_store: ObjectStore
) -> None:
    def context_for(caller: Caller) -> Context:
        notices: Any = None
        return Context(
            database=database, notices=notices, object_store=object_store, request_id="the-request", caller=caller
        )

    subscriptions, first, second, third = (
        Subscriptions(context_for),
        RecordingListener(),
        RecordingListener(),
        RecordingListener(),
    )
    operation = Operation(IMPORT, {"id": str(uuid4())}, None)
    subscriptions.subscribe(operation, ADMIN, first)
    subscriptions.subscribe(operation, ADMIN, second)
    received = [await each.results.get() for each in (first, second)]
    subscriptions.subscribe(operation, ADMIN, third)

    for each in (*received, await third.results.get()):
        errors = each.errors if isinstance(each, Result) else each
        assert [error["errorType"] for error in errors or []] == ["InternalFailure"]
