"""The API with introspection off."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from graph.embedded.servers import EmbeddedServers
from graph.operations.documents import Documents
from tests.conftest import open_api
from tests.fixtures.api import Api


@pytest_asyncio.fixture(scope="module")
async def api_without_introspection(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Api]:
    """An API with introspection off."""
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
async def test_introspection_field_is_refused(api_without_introspection: Api, document: str, field: str) -> None:
    message = f"GraphQL introspection is disabled on this server, so {field} cannot be queried."

    assert await api_without_introspection.refusal(document) == ("ValidationFailed", None, message)


async def test_typename_is_answered(api_without_introspection: Api) -> None:
    response = await api_without_introspection.response("{ __typename getCaller { __typename } }")

    assert response == {"data": {"__typename": "Query", "getCaller": {"__typename": "Caller"}}}


CREATE = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"


@pytest.mark.parametrize(
    ("document", "variables", "message", "suggestion"),
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
async def test_errors_hold_no_suggestions(
    api_without_introspection: Api, api: Api, document: str, variables: dict[str, object], message: str, suggestion: str
) -> None:
    response = await api_without_introspection.response(document, **variables)
    with_introspection = await api.response(document, **variables)

    assert [error["message"] for error in response["errors"]] == [message]
    assert suggestion in with_introspection["errors"][0]["message"]
