"""The schema, where it is not to be asked for."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from graph.embedded.servers import EmbeddedServers
from graph.operations.documents import Documents
from tests.conftest import open_api
from tests.fixtures.api import Api


@pytest_asyncio.fixture(scope="module")
async def closed(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Api]:
    """The API where questions about the schema are not answered."""
    async with open_api(servers, database_url, Documents(introspection=False)) as api:
        yield api


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("{ __schema { queryType { name } } }", "__schema"),
        ('{ __type(name: "Vpp") { name } }', "__type"),
        ("{ ...Q } fragment Q on Query { a: __schema { queryType { name } } }", "__schema"),
    ],
)
async def test_the_schema_is_not_told(closed: Api, document: str, field: str) -> None:
    message = f"GraphQL introspection is off here, so {field} is not answered."

    assert await closed.refusal(document) == ("ValidationFailed", None, message)


async def test_the_name_of_a_type_is_told(closed: Api) -> None:
    answer = await closed.response("{ __typename getCaller { __typename } }")

    assert answer == {"data": {"__typename": "Query", "getCaller": {"__typename": "Caller"}}}


CREATE = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"


@pytest.mark.parametrize(
    ("document", "given", "told", "more"),
    [
        ("{ getCaller { nme } }", {}, "Cannot query field 'nme' on type 'Caller'.", " Did you mean 'name'?"),
        (
            '{ getVpp(id: "1", idd: "1") { id } }',
            {},
            "Unknown argument 'idd' on field 'Query.getVpp'.",
            " Did you mean 'id'?",
        ),
        (
            CREATE,
            {"input": {"nam": "A", "name": "A", "revenuePercentage": 20}},
            "Variable '$input' has invalid value: Expected value of type 'CreateVppInput' not to include unknown field"
            " 'nam', found: {'nam': 'A', 'name': 'A', 'revenuePercentage': 20}.",
            " Did you mean 'name'?",
        ),
        (
            "query ($filter: ImportFilterInput) { listImports(filter: $filter) { nextToken } }",
            {"filter": {"status": "RUNING"}},
            "Variable '$filter' has invalid value at .status: Value 'RUNING' does not exist in 'ImportStatus' enum.",
            " Did you mean the enum value 'RUNNING'?",
        ),
    ],
)
async def test_neither_is_it_by_suggestions(
    closed: Api, api: Api, document: str, given: dict[str, object], told: str, more: str
) -> None:
    here, there = await closed.response(document, **given), await api.response(document, **given)

    assert [error["message"] for error in here["errors"]] == [told]
    assert more in there["errors"][0]["message"]
