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


def error_with(message: str, *, at: tuple[int, int], **more: Any) -> dict[str, Any]:
    """Return the whole error of a request with invalid values; `more` replaces single members."""
    line, column = at
    error = {"message": message, "locations": [{"line": line, "column": column}], "path": None}
    return error | {"errorType": "ValidationFailed", "errorInfo": None, "data": None} | more


async def test_error_of_a_refused_call_has_its_type_and_field_at_the_top_level(api: Api) -> None:
    unknown = str(uuid4())

    response = await api.response("mutation ($id: ID!) {\n  gone: deleteVpp(input: {id: $id}) { id }\n}", id=unknown)

    error = error_with(
        f"There is no VPP with the id {unknown}.",
        at=(2, 3),
        path=["gone"],
        errorType="NotFound",
        errorInfo={"field": ["input", "id"]},
    )
    assert response == {"data": {"gone": None}, "errors": [error]}


INVALID_DATE = "Expected value of type 'AWSDate', but encountered error 'AWSDate is a day written YYYY-MM-DD, not "


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
            f"{INVALID_DATE}'today'.'; found: \"today\".",
            (1, 30),
        ),
    ],
)
async def test_error_of_an_invalid_document_has_the_same_format(
    api: Api, document: str, message: str, at: tuple[int, int]
) -> None:
    assert await api.response(document) == {"data": None, "errors": [error_with(message, at=at)]}


INVALID_FLOAT = "Float cannot represent non numeric value:"


@pytest.mark.parametrize(
    ("document", "input", "message"),
    [
        (UPDATE_VPP, {"effectiveFrom": "2025-02-29"}, f"{INVALID_DATE}'2025-02-29'.'; found: '2025-02-29'."),
        (UPDATE_VPP, {"effectiveFrom": 20250901}, f"{INVALID_DATE}20250901.'; found: 20250901."),
        (UPDATE_VPP, {"revenuePercentage": "20"}, f"{INVALID_FLOAT} '20'"),
        (UPDATE_VPP, {"revenuePercentage": float("nan")}, f"{INVALID_FLOAT} nan"),
        (UPDATE_VPP, {"dailyFeeAud": float("inf")}, f"{INVALID_FLOAT} inf"),
        (ADD_BATTERY, {"capacityKwh": float("-inf")}, f"{INVALID_FLOAT} -inf"),
        (UPDATE_VPP, {"name": 5}, "String cannot represent a non string value: 5"),
        (UPDATE_VPP, {"id": 1.5}, "ID cannot represent value: 1.5"),
    ],
)
async def test_value_of_the_wrong_type_is_refused_with_its_field_and_the_expected_type(
    api: Api, document: str, input: dict[str, Any], message: str
) -> None:
    vpp_id = await api.create_vpp()
    valid: dict[str, Any] = {"id": vpp_id, "name": new_name()}
    if document is ADD_BATTERY:
        valid = {"siteId": await api.create_site(vpp_id), "manufacturer": "Tesla", "serial": new_name()}
    before = await api.fleet_snapshot()

    response = await api.response(document, input=valid | input)

    (field,) = input
    error = error_with(f"Variable '$input' has invalid value at .{field}: {message}", at=(1, 11))
    assert response == {"data": None, "errors": [error]}
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize(("number", "shown"), [("1e400", "Infinity"), ("-1e400", "-Infinity"), ("9" * 400, "Infinity")])
async def test_number_too_large_for_a_float_is_out_of_range(api: Api, number: str, shown: str) -> None:
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


VALID_ID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
INVALID_IDS = {
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
    f'createSite(input: {{id: "1", vppId: "{VALID_ID}", nmi: "NAAAMYS582", address: "No"}}) {{ id }}': ["input", "id"],
    'updateSite(input: {id: "1"}) { id }': ["input", "id"],
    'assignSite(input: {siteId: "1", vppId: "1"}) { id }': ["input", "siteId"],
    f'assignSite(input: {{siteId: "{VALID_ID}", vppId: "1"}}) {{ id }}': ["input", "vppId"],
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


@pytest.mark.parametrize("field", INVALID_IDS)
async def test_invalid_id_is_refused_by_every_field_that_takes_an_id(api: Api, field: str) -> None:
    before = await api.fleet_snapshot()

    error_type, path, message = await api.refusal(f"{'query' if field.startswith(READS) else 'mutation'} {{ {field} }}")

    assert (error_type, path) == ("ValidationFailed", INVALID_IDS[field])
    assert message.startswith("An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not ")
    assert await api.fleet_snapshot() == before


READS = ("get", "list", "simulate")
UNSTORABLE = "A text may hold neither a NUL nor half of a surrogate pair."


@pytest.mark.parametrize("bad", ["\0", "a\0b", "\ud83d", "\udd0b\ud83d"])
async def test_text_that_postgres_cannot_store_is_refused_with_its_path(api: Api, bad: str) -> None:
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

    paths = [["input", "address"], ["name"], ["id"], ["filter", "nameContains"], ["ids", "1"]]
    assert refusals == [("ValidationFailed", path, UNSTORABLE) for path in paths]
    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize("literal", [r'"\u0000"', r'"a\u{0}b"', '"""a\0b"""', r'"\ud83d"'])
async def test_literal_text_that_postgres_cannot_store_is_refused(api: Api, literal: str) -> None:
    before = await api.fleet_snapshot()

    (error,) = (
        await api.response(f"mutation {{ createVpp(input: {{name: {literal}, revenuePercentage: 20}}) {{ id }} }}")
    )["errors"]

    assert error["errorType"] == "ValidationFailed"
    assert error["message"].startswith((UNSTORABLE, "Syntax Error: "))
    assert await api.fleet_snapshot() == before


async def test_unknown_input_field_with_text_that_postgres_cannot_store_is_a_validation_error(api: Api) -> None:
    response = await api.response(CREATE_VPP, input={"name": "No", "revenuePercentage": 20, "\ud83d\0": 1})

    (error,) = response["errors"]
    assert error["errorType"] == "ValidationFailed"


async def test_character_outside_the_basic_multilingual_plane_is_stored(api: Api) -> None:
    created = await api.execute(
        "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { name } }", name="🔋 A"
    )

    assert created == {"name": "🔋 A"}


async def test_mutations_of_one_request_succeed_or_fail_independently(api: Api) -> None:
    first, second, third = new_name(), new_name(), new_name()
    document = """mutation ($first: String!, $second: String!, $third: String!) {
        first: createVpp(input: {name: $first, revenuePercentage: 20}) { name }
        second: createVpp(input: {name: $second, revenuePercentage: 101}) { name }
        again: createVpp(input: {name: $first, revenuePercentage: 20}) { name }
        third: createVpp(input: {name: $third, revenuePercentage: 20}) { name }
    }"""

    response = await api.response(document, first=first, second=second, third=third)

    assert response["data"] == {"first": {"name": first}, "second": None, "again": None, "third": {"name": third}}
    assert [(error["path"], error["errorType"]) for error in response["errors"]] == [
        (["second"], "ValidationFailed"),
        (["again"], "Conflict"),
    ]
    names = {vpp["name"] for vpp in (await api.fleet_snapshot())["listVpps"]["items"]}
    assert names & {first, second, third} == {first, third}


async def test_internal_failure_is_logged_and_its_error_names_only_the_request_id(api: Api, database: Database) -> None:
    request = {"query": "{ getCaller { name } listApiKeys { nextToken } }"}
    async with missing_table(database, "api_keys"):
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            response = await api.client.post("/graphql", json=request, headers={"x-api-key": API_KEY})

    request_id = response.headers["x-amzn-requestid"]
    assert UUID(request_id)
    error = error_with(
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


async def test_internal_failure_of_a_subscription_has_no_detail(database: Database, object_store: ObjectStore) -> None:
    context = Context(
        database=database,
        notices=Notices(database.url),
        object_store=object_store,
        request_id="1",
        caller=Caller(auth_type="API_KEY", name="tests", role="ADMIN"),
    )
    document = "subscription ($id: ID!) { onImportProgress(id: $id) { id } }"
    async with missing_table(database, "imports"):
        with structlog.testing.capture_logs() as logs:
            results = await schema.stream(document, {"id": str(uuid4())}, context)
            responses: list[Any] = [result async for result in results]

    ((error,),) = [response.errors for response in responses]
    assert error.formatted["errorType"] == "InternalFailure"
    assert "imports" not in json.dumps(error.formatted)
    assert [line["event"] for line in logs] == ["A request failed"]


@asynccontextmanager
async def missing_table(database: Database, table: str) -> AsyncIterator[None]:
    """Rename a table until the block ends, so that statements on it fail."""

    async def rename(old: str, new: str) -> None:
        async with database.transaction() as session:
            await session.execute(text(f"alter table {old} rename to {new}"))

    await rename(table, "lost")
    try:
        yield
    finally:
        await rename("lost", table)
