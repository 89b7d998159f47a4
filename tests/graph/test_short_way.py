"""Which requests go the short way, and that nobody can tell by an answer which way it came."""

import json
from typing import Any

import pytest
from httpx import Response
from starlette.types import Receive, Scope, Send

from db.engine import Database
from graph.endpoint import Endpoint
from tests.api import API_KEY, Api

VPPS = "{ listVpps { items { id name } nextToken } }"
HEADERS = {"x-api-key": API_KEY, "content-type": "application/json"}
# What changes nothing about a request but its way.
USUAL = {"content-encoding": "identity"}


@pytest.fixture
def went_usual_way(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the requests that went the usual way."""
    went: list[str] = []
    usual = Endpoint.__call__

    async def noted(self: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        went.append(scope["method"])
        await usual(self, scope, receive, send)

    monkeypatch.setattr(Endpoint, "__call__", noted)
    return went


async def sent(api: Api, query: str = VPPS, *, variables: Any = None, **headers: str) -> Response:
    """Send a query; an underscore in a header's name is a hyphen."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"query": query, "variables": variables})
    return await api.client.post("/graphql", content=body, headers=HEADERS | more)


@pytest.mark.parametrize(
    "query",
    [
        VPPS,
        '{ getVpp(id: "6f9619ff-8b86-4d01-b42d-00c04fc964ff") { name } }',
        'mutation { createVpp(input: {name: "Short", revenuePercentage: 20}) { id name } }',
        'mutation { deleteVpp(input: {id: "6f9619ff-8b86-4d01-b42d-00c04fc964ff"}) { id } }',
    ],
)
async def test_what_has_a_plan_goes_the_short_way(api: Api, went_usual_way: list[str], query: str) -> None:
    await sent(api, query)

    assert went_usual_way == []


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("{ getCaller { name } }", {}),
        ("{ __schema { queryType { name } } }", {}),
        ("{ listVpps { nothing } }", {}),
        ("{ listVpps(limit: 0) { nextToken } }", {}),
        (VPPS, {"content_type": "text/plain"}),
        (VPPS, {"x_api_key": "wrong"}),
        (VPPS, {"accept": "text/event-stream"}),
        (VPPS, {"content_encoding": "identity"}),
        (VPPS, {"origin": "http://localhost:3000"}),
        (VPPS, {"authorization": "AWS4-HMAC-SHA256 Credential=A/20251122/ap-southeast-2/appsync/aws4_request"}),
    ],
)
async def test_what_is_unusual_goes_the_usual_way(
    api: Api, went_usual_way: list[str], query: str, headers: dict[str, str]
) -> None:
    await sent(api, query, **headers)

    assert went_usual_way == ["POST"]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip, deflate, br"])
@pytest.mark.parametrize("is_long", [False, True])
async def test_by_an_answer_nobody_can_tell_which_way_it_came(
    api: Api, went_usual_way: list[str], encoding: str, is_long: bool
) -> None:
    names = ", ".join(f"a{number}: name" for number in range(20))
    await api.vpp(name=f"Long way {encoding} {is_long}", percentage=20)
    query = f"{{ listVpps {{ items {{ id {names if is_long else ''} }} }} }}"

    short = await sent(api, query, accept_encoding=encoding)
    usual = await sent(api, query, accept_encoding=encoding, **USUAL)

    assert went_usual_way == ["POST"]
    # Each has an id of its own, and is packed by itself.
    of_each = {"x-amzn-requestid", *(("content-length",) if "gzip" in encoding and is_long else ())}
    assert short.headers.keys() == usual.headers.keys()
    assert {name for name in short.headers if short.headers[name] != usual.headers[name]} <= of_each
    assert short.content == usual.content


async def test_a_mutation_that_fails_is_told_alike_on_both_ways(api: Api, went_usual_way: list[str]) -> None:
    document = """mutation ($input: AddBatteryInput!) {
        one: addBattery(input: $input) { id }
        two: createVpp(input: {name: "", revenuePercentage: 20}) { id }
    }"""
    input = {"siteId": "6f9619ff-8b86-4d01-b42d-00c04fc964ff", "manufacturer": "T", "serial": "1", "capacityKwh": 1}

    short = await sent(api, document, variables={"input": input})
    usual = await sent(api, document, variables={"input": input}, **USUAL)

    assert went_usual_way == ["POST"]
    assert [error["path"] for error in short.json()["errors"]] == [["one"], ["two"]]
    assert short.json() == usual.json()


async def test_a_caller_counts_once_whichever_way_it_goes(api: Api, database: Database) -> None:
    counted: list[str] = []
    endpoint: Endpoint = api.client._transport.app.state.endpoint  # type: ignore[attr-defined]
    hit = endpoint.rate._count.hit

    async def noted(who: str, at_most: int) -> float:
        counted.append(who.partition(" ")[0])
        return await hit(who, at_most)

    endpoint.rate._count.hit = noted  # type: ignore[method-assign]
    await sent(api)
    await sent(api, "{ getCaller { name } }")
    endpoint.rate._count.hit = hit  # type: ignore[method-assign]

    assert counted == ["address", "caller", "address", "caller"]
