"""Random operations that the schema allows never cause an InternalFailure."""

import asyncio
import io
from typing import Any

import pytest
import schemathesis
from graphql import print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from graph.schema import schema
from tests.fixtures.api import Api

EXAMPLES = 20

TEXTS = st.text(max_size=20)
DAYS = st.dates().map(lambda day: day.isoformat()) | TEXTS
INSTANTS = st.datetimes().map(lambda instant: f"{instant.isoformat(timespec='seconds')}Z") | TEXTS
for scalar, values in {"AWSDate": DAYS, "AWSDateTime": INSTANTS, "AWSURL": TEXTS, "AWSJSON": TEXTS}.items():
    schemathesis.graphql.scalar(scalar, values.map(nodes.String))

SCHEMA = schemathesis.graphql.from_file(io.StringIO(print_schema(schema._schema)))
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)}


@pytest.mark.parametrize("label", OPERATIONS)
async def test_random_operation_never_fails_internally(api: Api, label: str) -> None:
    loop = asyncio.get_running_loop()

    @given(OPERATIONS[label].as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def execute(case: Any) -> None:
        response = asyncio.run_coroutine_threadsafe(api.response(case.body), loop).result()
        assert "InternalFailure" not in {error["errorType"] for error in response.get("errors", [])}, case.body

    await asyncio.to_thread(execute)
