"""Tests of the limits: cost and size of operations, request rates, concurrency, bodies and statement timeouts."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import text

import db.imports
from db.engine.database import Database, StatementTimeout, disable_statement_timeout
from db.engine.refusals import NotFound
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.operations.documents import Documents
from graph.protocols.concurrency import ClientGone, ConcurrencyLimiter
from graph.protocols.request_rate import ProcessCounter, RedisCounter, RequestRate, TooManyRequests
from graph.settings import Limits, StartupError
from graph.web.server import Serving, serving
from tests.conftest import open_api
from tests.fixtures.api import API_KEY, WAIT_S, Api
from tests.fixtures.appsync_realtime import connect_realtime, open_realtime_socket
from tests.fixtures.graphql_transport_ws import Socket, open_socket

CALLER = "{ getCaller { name } }"
HEADERS = {"x-api-key": API_KEY}
CLOSED_PORT = 1


async def limit_error(api: Api, document: str, **variables: Any) -> tuple[str, Any, str]:
    """Send an operation that must be rejected before it is executed, and return the error's type, info and message."""
    answer = await api.response(document, **variables)
    (error,) = answer["errors"]
    assert (answer["data"], error["path"]) == (None, None)
    return error["errorType"], error["errorInfo"], error["message"]


# Limits of one operation


def info(limit: str, requested: int, maximum: int) -> dict[str, Any]:
    return {"limit": limit, "requested": requested, "maximum": maximum}


def amplified(selection: str, levels: int) -> str:
    spread = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(levels))
    return f"{{ ...F0 }} {spread} fragment F{levels} on Query {{ {selection} }}"


DEEP = "{ getSite(id: 1) " + "{ vpp { sites { items " * 5 + "{ id }" + "}}}" * 5 + "}"


async def test_operation_that_is_nested_too_deeply_is_rejected(api: Api) -> None:
    message = "The fields of the operation are nested 17 levels deep; the limit is 15."
    answer = await api.response(DEEP)

    errors = [(error["errorType"], error["errorInfo"], error["message"]) for error in answer["errors"]]
    assert errors[0] == ("LimitExceeded", info("depth", 17, 15), message)


async def test_operation_with_too_many_aliases_is_rejected(api: Api) -> None:
    document = "{ getCaller {" + "".join(f" a{number}: name" for number in range(201)) + "} }"

    message = "The operation has 201 aliases; the limit is 200."
    assert await limit_error(api, document) == ("LimitExceeded", info("aliases", 201, 200), message)


async def test_operation_with_too_many_root_fields_is_rejected(api: Api) -> None:
    document = "{" + "".join(f" a{number}: getCaller {{ name }}" for number in range(101)) + "}"

    message = "The operation has 101 root fields; the limit is 100. Split it into several operations."
    assert await limit_error(api, document) == ("LimitExceeded", info("rootFields", 101, 100), message)


async def test_cost_of_an_operation_depends_on_its_variables_and_is_limited(api: Api) -> None:
    document = "query ($n: Int) { listVpps(limit: $n) { items { sites(limit: $n) { items { id } } } } }"

    answers = [await api.response(document, n=n) for n in (50, 100)]
    rejection = await limit_error(api, document, n=200)

    cost = 1 + 200 * (1 + 201)
    message = f"The operation costs {cost}; the limit is 12000. Request smaller pages, or fewer nested lists."
    assert rejection == ("LimitExceeded", info("cost", cost, 12_000), message)
    assert ["errors" in answer for answer in answers] == [False, False]


async def test_all_vpps_with_a_page_of_sites_each_are_within_the_cost_limit(api: Api) -> None:
    answer = await api.response("{ listVpps(limit: 200) { items { id sites(limit: 50) { items { id nmi } } } } }")

    assert "errors" not in answer


async def test_fragments_that_multiply_fields_are_rejected(api: Api) -> None:
    answer = await api.response(amplified("a: getCaller { name }", 30))

    limits = [error["errorInfo"] for error in answer["errors"]]
    assert limits == [info("aliases", 2**30, 200), info("rootFields", 2**30, 100), info("cost", 2**30, 12_000)]


async def test_fragment_cycle_is_rejected(api: Api) -> None:
    answer = await api.response("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }")

    assert [error["message"] for error in answer["errors"]] == ["Cannot spread fragment 'A' within itself via 'B'."]


async def test_limits_apply_only_to_the_operation_that_is_executed(api: Api) -> None:
    document = f"query Small {CALLER} query Large {{ {' '.join(f'a{n}: getCaller {{ name }}' for n in range(101))} }}"
    answers = [
        (await api.client.post("/graphql", json={"query": document, "operationName": name}, headers=HEADERS)).json()
        for name in ("Small", "Large")
    ]

    assert answers[0]["data"] == {"getCaller": {"name": "bootstrap"}}
    assert answers[1]["errors"][0]["errorType"] == "LimitExceeded"


async def test_request_with_a_hundred_mutations_is_accepted(api: Api) -> None:
    vpp_id = await api.create_vpp()
    create = "".join(
        f' s{n}: createSite(input: {{vppId: "{vpp_id}", nmi: "L{n:09}", address: "1 King St"}}) {{ id nmi }}'
        for n in range(100)
    )

    answer = await api.response(f"mutation {{{create} }}")

    assert "errors" not in answer
    assert len(answer["data"]) == 100


async def test_response_contains_its_cost(api: Api) -> None:
    response = await api.client.post(
        "/graphql", json={"query": "{ listVpps(limit: 3) { nextToken } }"}, headers=HEADERS
    )

    assert response.json()["extensions"] == {"cost": {"requested": 4, "maximum": 12_000}}


ALIASED = "subscription { onRevenueReport {" + "".join(f" a{number}: id" for number in range(201)) + "} }"
ALIASES = "The operation has 201 aliases; the limit is 200."


async def test_limits_apply_over_graphql_transport_ws(socket: Socket) -> None:
    query = "{ getCaller {" + "".join(f" a{number}: name" for number in range(201)) + "} }"
    for id, document in (("query", query), ("subscription", ALIASED)):
        await socket.send({"id": id, "type": "subscribe", "payload": {"query": document}})
        answer = await socket.receive()

        assert (answer["type"], answer["id"]) == ("error", id)
        (error,) = answer["payload"]
        assert (error["errorType"], error["message"]) == ("LimitExceeded", ALIASES)


async def test_limits_apply_over_appsync_realtime(api_server: Serving) -> None:
    async with open_realtime_socket(api_server.url) as socket:
        id = await socket.start(ALIASED)
        answers = [await socket.receive(), await socket.receive()]

    assert [answer["type"] for answer in answers] == ["start_ack", "error"]
    (error,) = answers[1]["payload"]["errors"]
    assert (answers[1]["id"], error["errorType"], error["message"]) == (id, "LimitExceeded", ALIASES)


async def test_limits_apply_to_server_sent_events(api_server: Serving) -> None:
    async with httpx.AsyncClient(base_url=api_server.url, timeout=WAIT_S) as client:
        headers = HEADERS | {"accept": "text/event-stream"}
        answer = await client.post("/graphql", json={"query": ALIASED}, headers=headers)

    assert "LimitExceeded" in answer.text
    assert ALIASES in answer.text
    assert answer.text.endswith("event: complete\ndata: \n\n")


# Request rates


@asynccontextmanager
async def limited(servers: EmbeddedServers, database_url: str, **limits: Any) -> AsyncIterator[Api]:
    """Open the API with the given limits."""
    async with open_api(servers, database_url, Documents(Limits(**limits))) as api:
        yield api


async def send(api: Api, **headers: str) -> httpx.Response:
    return await api.client.post("/graphql", json={"query": CALLER}, headers=HEADERS | headers)


def rejection_of(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    kind, message = answer.headers["x-amzn-errortype"], body["message"]
    assert body == {"message": message, "errors": [{"errorType": kind, "message": message}]}
    return answer.status_code, kind, message


async def test_caller_over_its_rate_limit_receives_retry_after(servers: EmbeddedServers, database_url: str) -> None:
    async with limited(servers, database_url, caller_requests_per_minute=2) as api:
        answers = [await send(api) for _ in range(3)]

    refused = answers[2]
    wait_s = int(refused.headers["retry-after"])
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert rejection_of(refused) == (
        429,
        "ThrottlingException",
        f"There were more than 2 requests per minute from this caller; try again in {wait_s} s.",
    )
    assert 1 <= wait_s <= 120


async def test_requests_with_unknown_keys_are_rate_limited_by_address(
    servers: EmbeddedServers, database_url: str
) -> None:
    async with limited(servers, database_url, address_requests_per_minute=2) as api:
        statuses = [(await send(api, **{"x-api-key": f"da2-guess-{n}"})).status_code for n in range(3)]

    assert statuses == [401, 401, 429]


async def test_token_requests_with_wrong_credentials_are_rate_limited_by_address(
    servers: EmbeddedServers, database_url: str
) -> None:
    form = {"grant_type": "client_credentials", "client_id": str(uuid4()), "client_secret": "da2-guess"}

    async with limited(servers, database_url, address_requests_per_minute=2) as api:
        answers = [await api.client.post("/oauth/token", data=form) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["error"] == "temporarily_unavailable"
    assert int(answers[2].headers["retry-after"]) > 0


async def test_rate_limit_of_zero_means_no_limit(servers: EmbeddedServers, database_url: str) -> None:
    async with limited(servers, database_url, address_requests_per_minute=0, caller_requests_per_minute=0) as api:
        statuses = {(await send(api)).status_code for _ in range(5)}

    assert statuses == {200}


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def test_rate_limit_uses_a_sliding_window() -> None:
    clock = Clock(600)
    count = ProcessCounter(clock)
    waits = [await count.hit("a", 4) for _ in range(5)]

    # One second into the next minute, 59/60 of the four requests still count; a quarter into it, three do.
    clock.now = 661
    too_early = await count.hit("a", 4)
    clock.now = 675
    first, second = await count.hit("a", 4), await count.hit("a", 4)

    assert waits == [0, 0, 0, 0, pytest.approx(75)]
    assert too_early == pytest.approx(14)
    assert [first, second] == [0, pytest.approx(15)]


async def test_callers_are_counted_separately_and_dropped_after_two_minutes() -> None:
    clock = Clock(600)
    count = ProcessCounter(clock)

    now = [await count.hit("a", 1), await count.hit("b", 1), await count.hit("a", 1)]
    clock.now = 720
    later = await count.hit("a", 1)

    assert now == [0, 0, pytest.approx(120)]
    assert later == 0


async def test_addresses_of_one_ipv6_network_share_a_rate_limit() -> None:
    rate = RequestRate(Limits(address_requests_per_minute=1))

    await rate.count_address(("2001:db8::1", 1))
    await rate.count_address(("2001:db8:0:1::1", 1))
    await rate.count_address(None)

    with pytest.raises(TooManyRequests):
        await rate.count_address(("2001:db8::2", 2))


async def test_requests_pass_while_redis_is_unreachable_and_the_log_says_so_once() -> None:
    count = RedisCounter(f"redis://127.0.0.1:{CLOSED_PORT}/0")

    with structlog.testing.capture_logs() as logs:
        waits = [await count.hit("a", 1) for _ in range(3)]

    assert waits == [0, 0, 0]
    assert [line["event"] for line in logs] == ["Requests are not counted: Redis does not answer"]


async def test_processes_share_rate_limits_through_redis() -> None:
    # A fake Redis server, since the tests install none. It implements only the command that `limits` sends for a
    # request, EVALSHA with the hash of a script, and counts instead of running the script.
    counted: Counter[bytes] = Counter()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while parts := await reader.readline():
            words = [(await reader.readline(), await reader.readline())[1].strip() for _ in range(int(parts[1:]))]
            match words:
                case [b"EVALSHA", _, b"2", _, key, limit, _, _]:
                    counted[key] += 1
                    writer.write(b":1\r\n" if counted[key] <= int(limit) else b"$-1\r\n")
                case [b"EVALSHA", *_]:
                    writer.write(b"*4\r\n$-1\r\n:0\r\n$1\r\n2\r\n:90000\r\n")
                case _:
                    writer.write(b"+OK\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    processes = [RedisCounter(f"redis://127.0.0.1:{port}/0?protocol=2") for _ in range(2)]

    waits = [await process.hit("caller a", 2) for process in (*processes, *processes)]

    assert waits[:2] == [0, 0]
    assert all(0 < wait_s <= 60 for wait_s in waits[2:])
    for process in processes:
        await process.close()
    server.close()
    await server.wait_closed()


def test_invalid_redis_url_is_rejected_at_start() -> None:
    with pytest.raises(StartupError, match="VPP_LIMIT_REDIS_URL cannot be used"):
        RedisCounter("http://127.0.0.1")


# Concurrent operations


SLOW = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"


@pytest_asyncio.fixture
async def release_vpps(database: Database) -> AsyncIterator[asyncio.Event]:
    """An event; until it is set, a lock on the table vpps makes statements on it wait."""
    release = asyncio.Event()

    async def lock() -> None:
        async with database.transaction() as session:
            await session.execute(text("lock table vpps in access exclusive mode"))
            locked.set()
            await release.wait()

    locked = asyncio.Event()
    task = asyncio.create_task(lock())
    await locked.wait()
    yield release
    release.set()
    await task


def create(api: Api, name: str) -> "asyncio.Task[httpx.Response]":
    body = {"query": SLOW, "variables": {"input": {"name": name, "revenuePercentage": 20}}}
    return asyncio.create_task(api.client.post("/graphql", json=body, headers=HEADERS))


async def test_operation_beyond_the_queue_is_rejected_with_retry_after(
    servers: EmbeddedServers, database_url: str, release_vpps: asyncio.Event
) -> None:
    async with (
        limited(servers, database_url, concurrent_operations=1, queued_operations=1) as api,
        asyncio.timeout(WAIT_S),
    ):
        first, second, third = (create(api, f"In a queue {n}") for n in range(3))
        refused = await third
        release_vpps.set()
        answers = [await first, await second]

    message = (
        "The server is running its maximum number of concurrent operations, and 1 more are waiting;"
        " try again in a moment."
    )
    assert rejection_of(refused) == (503, "ServiceUnavailableException", message)
    assert refused.headers["retry-after"] == "1"
    assert ["errors" in answer.json() for answer in answers] == [False, False]


async def test_operation_that_waits_too_long_in_the_queue_is_rejected(
    servers: EmbeddedServers, database_url: str, release_vpps: asyncio.Event
) -> None:
    async with (
        limited(servers, database_url, concurrent_operations=1, queue_timeout_s=0.05) as api,
        asyncio.timeout(WAIT_S),
    ):
        first, second = create(api, "Before"), create(api, "After")
        refused = await second
        release_vpps.set()
        await first
        afterwards = await send(api)

    reason = "no slot became free within 0.05 s"
    message = f"The server is running its maximum number of concurrent operations, and {reason}; try again in a moment."
    assert rejection_of(refused) == (503, "ServiceUnavailableException", message)
    assert afterwards.status_code == 200


async def test_client_that_disconnects_leaves_the_queue() -> None:
    limiter = ConcurrencyLimiter(Limits(concurrent_operations=1, queued_operations=1))
    disconnect = asyncio.Event()
    await limiter.acquire()

    waiting = asyncio.create_task(limiter.acquire(disconnected=disconnect.wait))
    await asyncio.sleep(0)
    disconnect.set()
    with pytest.raises(ClientGone):
        await waiting
    cancelled = asyncio.create_task(limiter.acquire(disconnected=asyncio.Event().wait))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled

    limiter.release()
    async with asyncio.timeout(WAIT_S):
        await limiter.acquire()


# Request bodies and statement timeouts


async def test_maximum_body_length_is_a_setting(servers: EmbeddedServers, database_url: str) -> None:
    async with limited(servers, database_url, body_bytes=100) as api:
        answers = [
            await api.client.post(
                "/graphql",
                content=json.dumps({"query": CALLER}).ljust(length),
                headers=HEADERS | {"content-type": "application/json"},
            )
            for length in (100, 101)
        ]

    assert answers[0].status_code == 200
    assert rejection_of(answers[1]) == (
        413,
        "RequestEntityTooLargeException",
        "The request body is 101 bytes long; at most 100 are allowed.",
    )


async def test_statement_over_its_timeout_is_cancelled(
    servers: EmbeddedServers, database_url: str, release_vpps: asyncio.Event
) -> None:
    async with limited(servers, database_url, statement_timeout_s=0.5) as api:
        kind, _, message = await api.refusal("{ listVpps { nextToken } }")

    assert kind == "LimitExceeded"
    assert message == (
        "The database cancelled a statement after 0.5 seconds, its limit; try again, or request less data."
    )


async def test_revert_of_an_import_has_no_statement_timeout(database_url: str) -> None:
    database = Database(database_url, statement_timeout_s=5)

    async with database.transaction() as session:
        with pytest.raises(NotFound):
            await db.imports.revert(session, id=uuid4())
        there = await session.scalar(text("show statement_timeout"))
    async with database.transaction() as session:
        afterwards = await session.scalar(text("show statement_timeout"))

    assert (there, afterwards) == ("0", "5s")
    await database.close()


async def test_statement_timeout_can_be_disabled_for_one_transaction(database_url: str) -> None:
    database = Database(database_url, statement_timeout_s=0.5)
    async with database.transaction() as session:
        await disable_statement_timeout(session)
        await session.execute(text("select pg_sleep(0.6)"))
    with pytest.raises(StatementTimeout):
        await database.row(text("select pg_sleep(30)"))
    await database.close()


@asynccontextmanager
async def serving_with(servers: EmbeddedServers, **limits: Any) -> AsyncIterator[Serving]:
    """Serve the API on a port with the given limits."""
    infrastructure = Infrastructure(
        servers.database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True
    )
    documents = Documents(Limits(**limits))
    async with serving(
        infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, documents=documents
    ) as ours:
        yield ours


async def test_operations_over_graphql_transport_ws_are_rate_limited(servers: EmbeddedServers) -> None:
    async with serving_with(servers, caller_requests_per_minute=1) as ours, open_socket(ours.url, HEADERS) as socket:
        first = [answer async for answer in socket.subscribe(CALLER)]
        await socket.send({"id": "second", "type": "subscribe", "payload": {"query": CALLER}})
        second = await socket.receive()

    assert first[0]["data"] == {"getCaller": {"name": "bootstrap"}}
    assert (second["type"], second["id"]) == ("error", "second")
    (error,) = second["payload"]
    assert error["errorType"] == "LimitExceeded"
    assert error["errorInfo"] | {"retryAfterSeconds": 0} == {
        "limit": "callerRequests",
        "maximum": 1,
        "retryAfterSeconds": 0,
    }


async def test_subscriptions_over_appsync_realtime_are_rate_limited(servers: EmbeddedServers) -> None:
    subscription = "subscription { onRevenueReport { id } }"
    async with serving_with(servers, caller_requests_per_minute=1) as ours, open_realtime_socket(ours.url) as socket:
        first, second = await socket.start(subscription), await socket.start(subscription)
        answers = [await socket.receive(), await socket.receive()]

    assert [(answer["type"], answer["id"]) for answer in answers] == [("start_ack", first), ("error", second)]
    (error,) = answers[1]["payload"]["errors"]
    assert (error["errorType"], error["errorCode"]) == ("LimitExceededError", 429)


async def test_sockets_are_rate_limited_by_address(servers: EmbeddedServers) -> None:
    async with serving_with(servers, address_requests_per_minute=1) as ours:
        async with open_realtime_socket(ours.url):
            pass
        async with connect_realtime(ours.url) as socket:
            await socket.send({"type": "connection_init"})
            refused = await socket.receive()
            closed = await socket.wait_closed()

    assert refused["type"] == "connection_error"
    (error,) = refused["payload"]["errors"]
    assert (error["errorType"], error["errorCode"]) == ("LimitExceededError", 429)
    assert closed == (4429, "Too many requests")
