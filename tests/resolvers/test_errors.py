import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import text

from db.engine.database import Database
from db.engine.notices import Notices
from graph.auth.callers import Caller
from graph.object_store import ObjectStore
from graph.resolvers.context import Context
from graph.schema import schema
from tests.fixtures.api import API_KEY, Api, new_name, new_nmi, without_cost

CREATE_VPP = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"
CREATE_SITE = "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }"
ADD_BATTERY = "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }"
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"


def failed(message: str, *, at: tuple[int, int], **more: Any) -> dict[str, Any]:
    """The whole of an error over a request whose values were wrong."""
    line, column = at
    error = {"message": message, "locations": [{"line": line, "column": column}], "path": None}
    return error | {"errorType": "ValidationFailed", "errorInfo": None, "data": None} | more


async def test_a_refused_call_tells_its_type_and_the_field_at_the_top_of_its_error(api: Api) -> None:
    unknown = str(uuid4())

    answer = await api.response("mutation ($id: ID!) {\n  gone: deleteVpp(input: {id: $id}) { id }\n}", id=unknown)

    error = failed(
        f"There is no VPP with the id {unknown}.",
        at=(2, 3),
        path=["gone"],
        errorType="NotFound",
        errorInfo={"field": ["input", "id"]},
    )
    assert answer == {"data": {"gone": None}, "errors": [error]}


NO_DAY = "Expected value of type 'AWSDate', but encountered error 'AWSDate is a day written YYYY-MM-DD, not "


@pytest.mark.parametrize(
    ("document", "message", "at"),
    [
        ("{ getCaller { nme } }", "Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?", (1, 15)),
        ("{ getCaller { name }", "Syntax Error: Expected Name, found <EOF>.", (1, 21)),
        (
            "query ($id: ID!) { getVpp(id: $id) { id } }",
            "Variable '$id' has invalid value: Expected a value of non-null type 'ID!' to be provided.",
            (1, 8),
        ),
        (
            '{ getSite(id: "1") { vpp(on: "today") { id } } }',
            f"{NO_DAY}'today'.'; found: \"today\".",
            (1, 30),
        ),
    ],
)
async def test_a_request_that_cannot_be_run_is_told_in_the_same_shape(
    api: Api, document: str, message: str, at: tuple[int, int]
) -> None:
    assert await api.response(document) == {"data": None, "errors": [failed(message, at=at)]}


NO_FLOAT = "Float cannot represent non numeric value:"


@pytest.mark.parametrize(
    ("document", "given", "message"),
    [
        (UPDATE_VPP, {"effectiveFrom": "2025-02-29"}, f"{NO_DAY}'2025-02-29'.'; found: '2025-02-29'."),
        (UPDATE_VPP, {"effectiveFrom": 20250901}, f"{NO_DAY}20250901.'; found: 20250901."),
        (UPDATE_VPP, {"revenuePercentage": "20"}, f"{NO_FLOAT} '20'"),
        (UPDATE_VPP, {"revenuePercentage": float("nan")}, f"{NO_FLOAT} nan"),
        (UPDATE_VPP, {"dailyFeeAud": float("inf")}, f"{NO_FLOAT} inf"),
        (ADD_BATTERY, {"capacityKwh": float("-inf")}, f"{NO_FLOAT} -inf"),
        (UPDATE_VPP, {"name": 5}, "String cannot represent a non string value: 5"),
        (UPDATE_VPP, {"id": 1.5}, "ID cannot represent value: 1.5"),
    ],
)
async def test_a_value_of_the_wrong_kind_is_refused_with_its_field_and_what_was_expected(
    api: Api, document: str, given: dict[str, Any], message: str
) -> None:
    vpp_id = await api.create_vpp()
    whole: dict[str, Any] = {"id": vpp_id, "name": new_name()}
    if document is ADD_BATTERY:
        whole = {"siteId": await api.create_site(vpp_id), "manufacturer": "Tesla", "serial": new_name()}
    before = await api.fleet_snapshot()

    answer = await api.response(document, input=whole | given)

    (field,) = given
    error = failed(f"Variable '$input' has invalid value at .{field}: {message}", at=(1, 11))
    assert answer == {"data": None, "errors": [error]}
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize(("number", "shown"), [("1e400", "Infinity"), ("-1e400", "-Infinity"), ("9" * 400, "Infinity")])
async def test_a_number_too_large_to_hold_is_out_of_range(api: Api, number: str, shown: str) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(f'mutation {{ updateVpp(input: {{id: "{vpp_id}", revenuePercentage: {number}}}) {{ id }} }}'),
        await api.refusal(f'mutation {{ updateVpp(input: {{id: "{vpp_id}", dailyFeeAud: {number}}}) {{ id }} }}'),
        await api.refusal(
            "mutation ($site: ID!) { addBattery(input: {"
            f'siteId: $site, manufacturer: "Tesla", serial: "S", capacityKwh: {number}'
            "}) { id } }",
            site=site_id,
        ),
    ]

    expected = [
        ("revenuePercentage", "A revenue percentage is from 0 to 100"),
        ("dailyFeeAud", "A daily fee is from 0 to 1,000,000 dollars"),
        ("capacityKwh", "A capacity is from 0 to 1,000,000 kWh"),
    ]
    assert refusals == [
        ("ValidationFailed", ["input", field], f"{message}, not {shown}.") for field, message in expected
    ]
    assert await api.fleet_snapshot() == before


AN_ID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
NO_ID = {
    'getVpp(id: "1") { id }': ["id"],
    "getSite(id: 1) { id }": ["id"],
    'getBattery(id: "") { id }': ["id"],
    'getImport(id: "1") { id }': ["id"],
    'getRevenueReport(id: "1") { id }': ["id"],
    'getLatestRevenueReport(vppId: "1", month: "2025-09") { id }': ["vppId"],
    'listSites(filter: {vppId: "1"}) { nextToken }': ["filter", "vppId"],
    'listRevenueReports(filter: {vppId: "1"}) { nextToken }': ["filter", "vppId"],
    'simulateRevenueReport(input: {vppId: "1", month: "2025-09"}) { month }': ["input", "vppId"],
    'createVpp(input: {id: "1", name: "No", revenuePercentage: 20}) { id }': ["input", "id"],
    'updateVpp(input: {id: "1"}) { id }': ["input", "id"],
    'deleteVpp(input: {id: "1"}) { id }': ["input", "id"],
    'createSite(input: {vppId: "1", nmi: "NAAAMYS582", address: "No"}) { id }': ["input", "vppId"],
    f'createSite(input: {{id: "1", vppId: "{AN_ID}", nmi: "NAAAMYS582", address: "No"}}) {{ id }}': ["input", "id"],
    'updateSite(input: {id: "1"}) { id }': ["input", "id"],
    'assignSite(input: {siteId: "1", vppId: "1"}) { id }': ["input", "siteId"],
    f'assignSite(input: {{siteId: "{AN_ID}", vppId: "1"}}) {{ id }}': ["input", "vppId"],
    'deleteSite(input: {id: "1"}) { id }': ["input", "id"],
    'addBattery(input: {siteId: "1", manufacturer: "T", serial: "S", capacityKwh: 1}) { id }': ["input", "siteId"],
    'updateBattery(input: {id: "1"}) { id }': ["input", "id"],
    'removeBattery(input: {id: "1"}) { id }': ["input", "id"],
    'createImport(input: {id: "1", kind: BATTERY_EVENTS, fileName: "f"}) { uploadUrl }': ["input", "id"],
    'startImport(input: {id: "1"}) { id }': ["input", "id"],
    'cancelImport(input: {id: "1"}) { id }': ["input", "id"],
    'revertImport(input: {id: "1"}) { id }': ["input", "id"],
    'generateRevenueReport(input: {vppId: "1", month: "2025-09"}) { id }': ["input", "vppId"],
    'revokeApiKey(input: {id: "1"}) { id }': ["input", "id"],
}  # fmt: skip


@pytest.mark.parametrize("field", NO_ID)
async def test_an_id_that_is_none_is_refused_wherever_one_is_taken(api: Api, field: str) -> None:
    before = await api.fleet_snapshot()

    kind, place, message = await api.refusal(f"{'query' if field.startswith(READS) else 'mutation'} {{ {field} }}")

    assert (kind, place) == ("ValidationFailed", NO_ID[field])
    assert message.startswith("An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff; ")
    assert await api.fleet_snapshot() == before


READS = ("get", "list", "simulate")
UNKEEPABLE = "A text may hold neither a NUL nor half of a surrogate pair."


@pytest.mark.parametrize("bad", ["\0", "a\0b", "\ud83d", "\udd0b\ud83d"])
async def test_a_text_that_cannot_be_kept_is_refused_with_the_place_it_stands_at(api: Api, bad: str) -> None:
    before = await api.fleet_snapshot()
    site = {"vppId": str(uuid4()), "nmi": new_nmi(), "address": bad}

    refusals = [
        await api.refusal(CREATE_SITE, input=site),
        await api.refusal("query ($name: String!) { getVppByName(name: $name) { id } }", name=bad),
        await api.refusal("query ($id: ID!) { getVpp(id: $id) { id } }", id=bad),
        await api.refusal(
            "query ($filter: VppFilterInput) { listVpps(filter: $filter) { nextToken } }", filter={"nameContains": bad}
        ),
        await api.refusal(
            'mutation ($ids: [ID!]) { createApiKey(input: {name: "No", role: READER, vppIds: $ids}) { secret } }',
            ids=[str(uuid4()), bad],
        ),
    ]

    split_arguments = [["input", "address"], ["name"], ["id"], ["filter", "nameContains"], ["ids", "1"]]
    assert refusals == [("ValidationFailed", place, UNKEEPABLE) for place in split_arguments]
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("literal", [r'"\u0000"', r'"a\u{0}b"', '"""a\0b"""', r'"\ud83d"'])
async def test_a_text_in_the_document_is_refused_too(api: Api, literal: str) -> None:
    before = await api.fleet_snapshot()

    (error,) = (
        await api.response(f"mutation {{ createVpp(input: {{name: {literal}, revenuePercentage: 20}}) {{ id }} }}")
    )["errors"]

    assert error["errorType"] == "ValidationFailed"
    assert error["message"].startswith((UNKEEPABLE, "Syntax Error: "))
    assert await api.fleet_snapshot() == before


async def test_what_is_not_known_may_hold_anything_and_is_still_answered(api: Api) -> None:
    answer = await api.response(CREATE_VPP, input={"name": "No", "revenuePercentage": 20, "\ud83d\0": 1})

    (error,) = answer["errors"]
    assert error["errorType"] == "ValidationFailed"


async def test_a_whole_surrogate_pair_is_a_character_like_any_other(api: Api) -> None:
    created = await api.execute(
        "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { name } }", name="🔋 A"
    )

    assert created == {"name": "🔋 A"}


async def test_two_mutations_of_one_request_stand_or_fall_each_for_itself(api: Api) -> None:
    first, second, third = new_name(), new_name(), new_name()
    document = """mutation ($first: String!, $second: String!, $third: String!) {
        first: createVpp(input: {name: $first, revenuePercentage: 20}) { name }
        second: createVpp(input: {name: $second, revenuePercentage: 101}) { name }
        again: createVpp(input: {name: $first, revenuePercentage: 20}) { name }
        third: createVpp(input: {name: $third, revenuePercentage: 20}) { name }
    }"""

    answer = await api.response(document, first=first, second=second, third=third)

    assert answer["data"] == {"first": {"name": first}, "second": None, "again": None, "third": {"name": third}}
    assert [(error["path"], error["errorType"]) for error in answer["errors"]] == [
        (["second"], "ValidationFailed"),
        (["again"], "Conflict"),
    ]
    kept = {vpp["name"] for vpp in (await api.fleet_snapshot())["listVpps"]["items"]}
    assert kept & {first, second, third} == {first, third}


async def test_what_goes_wrong_on_our_side_is_logged_and_told_by_its_request_id_alone(
    api: Api, database: Database
) -> None:
    request = {"query": "{ getCaller { name } listApiKeys { nextToken } }"}
    async with without(database, "api_keys"):
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            response = await api.client.post("/graphql", json=request, headers={"x-api-key": API_KEY})

    request_id = response.headers["x-amzn-requestid"]
    assert UUID(request_id)
    error = failed(
        f"Something went wrong on our side; it is logged under the request id {request_id}.",
        at=(1, 22),
        path=["listApiKeys"],
        errorType="InternalFailure",
        errorInfo={"requestId": request_id},
    )
    assert without_cost(response.json()) == {"data": None, "errors": [error]}
    (line,) = logs
    assert (line["event"], line["log_level"], line["request_id"]) == ("A request failed", "error", request_id)
    assert 'relation "api_keys" does not exist' in str(line["exc_info"])


async def test_what_goes_wrong_in_a_subscription_is_not_told_either(
    database: Database, object_store: ObjectStore
) -> None:
    context = Context(
        database=database,
        notices=Notices(database.url),
        object_store=object_store,
        request_id="1",
        caller=Caller(auth_type="API_KEY", name="tests", role="ADMIN"),
    )
    document = "subscription ($id: ID!) { onImportProgress(id: $id) { id } }"
    async with without(database, "imports"):
        with structlog.testing.capture_logs() as logs:
            results = await schema.stream(document, {"id": str(uuid4())}, context)
            answers: list[Any] = [result async for result in results]

    ((error,),) = [answer.errors for answer in answers]
    assert error.formatted["errorType"] == "InternalFailure"
    assert "imports" not in json.dumps(error.formatted)
    assert [line["event"] for line in logs] == ["A request failed"]


@asynccontextmanager
async def without(database: Database, table: str) -> AsyncIterator[None]:
    """Keep a table out of sight until the block ends."""

    async def rename(old: str, new: str) -> None:
        async with database.transaction() as session:
            await session.execute(text(f"alter table {old} rename to {new}"))

    await rename(table, "lost")
    try:
        yield
    finally:
        await rename("lost", table)
