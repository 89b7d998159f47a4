"""Subscriptions that many ask for."""

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


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.results: asyncio.Queue[Result | list[Any] | None] = asyncio.Queue()

    def deliver(self, result: Result) -> None:
        self.results.put_nowait(result)

    def reject(self, errors: list[Any]) -> None:
        self.results.put_nowait(errors)

    def complete(self) -> None:
        self.results.put_nowait(None)


@pytest_asyncio.fixture
async def streams(database: Database, api: Api, object_store: ObjectStore) -> AsyncIterator[Subscriptions]:
    def context_for(caller: Caller) -> Context:
        return Context(
            database=database, notices=api.notices, object_store=object_store, request_id="the-request", caller=caller
        )

    streams = Subscriptions(context_for)
    yield streams
    await streams.close()


async def an_import(api: Api) -> Operation:
    create = 'mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "events.csv"}) { import { id } } }'
    return Operation(IMPORT, {"id": (await api.execute(create))["import"]["id"]}, None)


async def test_what_two_ask_for_is_run_and_encoded_once(api: Api, streams: Subscriptions) -> None:
    operation, first, second = await an_import(api), Heard(), Heard()
    streams.subscribe(operation, ADMIN, first)
    streams.subscribe(operation, ANOTHER_ADMIN, second)

    assert await first.results.get() is await second.results.get()


async def test_who_may_see_less_is_told_apart(api: Api, streams: Subscriptions) -> None:
    operation, first, second = await an_import(api), Heard(), Heard()
    streams.subscribe(operation, ADMIN, first)
    streams.subscribe(operation, Caller("API_KEY", "a member", "MEMBER", site_ids=[uuid4()]), second)

    assert await first.results.get() is not await second.results.get()


async def test_who_comes_after_all_have_left_is_told_the_state_of_then(api: Api, streams: Subscriptions) -> None:
    operation, first, second = await an_import(api), Heard(), Heard()
    leave = streams.subscribe(operation, ADMIN, first)
    before = await first.results.get()
    leave()
    await api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", **operation.variables)

    streams.subscribe(operation, ADMIN, second)
    after = await second.results.get()

    assert isinstance(before, Result)
    assert isinstance(after, Result)
    assert "AWAITING_UPLOAD" in before.payload
    assert "CANCELLED" in after.payload


async def test_what_goes_wrong_on_our_side_is_told_to_all_and_does_not_last(
    database: Database, object_store: ObjectStore
) -> None:
    def context_for(caller: Caller) -> Context:
        notices: Any = None
        return Context(
            database=database, notices=notices, object_store=object_store, request_id="the-request", caller=caller
        )

    streams, first, second, third = Subscriptions(context_for), Heard(), Heard(), Heard()
    operation = Operation(IMPORT, {"id": str(uuid4())}, None)
    streams.subscribe(operation, ADMIN, first)
    streams.subscribe(operation, ADMIN, second)
    told = [await each.results.get() for each in (first, second)]
    streams.subscribe(operation, ADMIN, third)

    for each in (*told, await third.results.get()):
        errors = each.errors if isinstance(each, Result) else each
        assert [error["errorType"] for error in errors or []] == ["InternalFailure"]
