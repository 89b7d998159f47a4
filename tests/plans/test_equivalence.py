"""
What a plan answers is what Strawberry answers, to the byte; where it would not be, there is no plan.

The data are the same for both, and change for neither.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from graphql import FieldNode, GraphQLObjectType, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, parse, visit
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from db.engine.database import Database
from graph.embedded.servers import EmbeddedServers
from graph.object_store import ObjectStore
from graph.operations.operation import Operation
from graph.schema import schema
from tests.fixtures.api import Api
from tests.fixtures.plans.drawn_operations import Asked, operations
from tests.fixtures.plans.edge_cases import CHANGES, WITH_A_PLAN, WITHOUT_A_PLAN
from tests.fixtures.plans.plan_comparison import ABSENT, LISTS, QUERY, Ways, known_values, tokens_of
from tests.fixtures.plans.planned_documents import NOT_PLANNED, PLANNED
from tests.fixtures.plans.sample_data import NAMES, NMIS, PARK_DAYS, filled

EXAMPLES = 150
# Of what is asked, what is answered without an error; and of this, what is planned. It is 0.65 and 0.98.
WELL_AT_LEAST, PLANNED_AT_LEAST = 0.5, 0.9
# They hold a time to live.
LINKS = frozenset({"RevenueReport.downloadUrl", "Import.rejectionsUrl"})


@pytest.fixture(scope="module")
async def ways(api: Api, database: Database, servers: EmbeddedServers, object_store: ObjectStore) -> Ways:
    return Ways(api, database, object_store, await filled(api, database, servers))


@pytest.fixture(scope="module")
async def values(ways: Ways) -> dict[str, Any]:
    """What the variables of what is planned are given."""
    ids = ways.fleet.ids
    return {
        "vpp": ids["Vpp"][0],
        "site": ids["Site"][0],
        "battery": ids["Battery"][0],
        "park": ids["Park"][0],
        "import": ids["Import"][0],
        "report": ids["RevenueReport"][6],
        "part": "n",
        "day": "2025-09-16",
        "name": NAMES[0],
        "nmi": NMIS[0],
        "parkName": next(iter(PARK_DAYS))[0],
        "limit": 2,
    }


def asking(document: str, values: Mapping[str, Any], **more: Any) -> Operation:
    given = {name: value for name, value in values.items() if f"${name}" in document}
    return Operation(document, given | more, None)


@pytest.fixture(scope="module")
async def placeholders(ways: Ways) -> dict[str, str]:
    """What the names in hard documents stand for."""
    ids = ways.fleet.ids
    return {
        "vpp": ids["Vpp"][0],
        "capitals": ids["Vpp"][0].upper(),
        "site": ids["Site"][0],
        "later": ids["Site"][2],
        "import": ids["Import"][0],
        "gone": ids["RevenueReport"][0],
        "absent": ABSENT,
    }


def filled_in(operation: Operation, placeholders: Mapping[str, str]) -> Operation:
    document = operation.query
    for name, id in placeholders.items():
        document = document.replace(f"{{{name}}}", id)
    return operation._replace(query=document)


async def test_a_plan_answers_as_strawberry_does_or_not_at_all(ways: Ways) -> None:
    loop, counted, known = asyncio.get_running_loop(), Counter[str](), await known_values(ways)
    rare = NOT_PLANNED | {"Query.__schema", "Query.__type"}
    drawn = operations(schema._schema, known=known, left_out=LINKS, rare=rare)

    async def ask(asked: Asked, callers: tuple[str, str]) -> None:
        for variables, caller in product(asked.variables, callers):
            expected = await compare(Operation(asked.document, variables, asked.name), caller)
            after = {
                f"after_{name}": token
                for name, token in tokens_of(json.loads(expected or "null"))
                if f"$after_{name}" in asked.document
            }
            if after:
                await compare(Operation(asked.document, variables | after, asked.name), caller)

    async def compare(operation: Operation, caller: str) -> bytes | None:
        expected, answer = await ways.both(operation, caller)
        counted["all"] += 1
        counted["well"] += expected is not None and b'"errors":' not in expected
        counted["planned"] += answer is not None
        return expected

    # `derandomize` would seed from the types' module paths: then moving a module draws other operations.
    @seed(1)
    @given(drawn, st.tuples(*[st.sampled_from(list(ways.fleet.callers))] * 2))
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def alike(asked: Asked, callers: tuple[str, str]) -> None:
        note(f"{callers} ask {asked}")
        asyncio.run_coroutine_threadsafe(ask(asked, callers), loop).result()

    await asyncio.to_thread(alike)

    assert counted["well"] >= WELL_AT_LEAST * counted["all"], counted
    assert counted["planned"] >= PLANNED_AT_LEAST * counted["well"], counted


@pytest.mark.parametrize("name", PLANNED)
async def test_what_is_read_is_planned(ways: Ways, values: Mapping[str, Any], name: str) -> None:
    operation = asking(PLANNED[name], values)

    _, answer = await ways.both(operation, "ADMIN")

    assert answer is not None
    told = json.loads(answer)
    assert None not in told["data"].values(), "there is nothing to compare"
    for _, token in tokens_of(told):
        await ways.both(asking(PLANNED[name], values, after=token), "ADMIN")


@pytest.mark.parametrize("name", LISTS)
async def test_a_later_page_is_planned(ways: Ways, name: str) -> None:
    first, _ = await ways.both(Operation(f"{{ {name}(limit: 1) {{ nextToken }} }}", {}, None), "ADMIN")
    ((_, token),) = tokens_of(json.loads(first or ""))

    for limit, selected in product((1, 90, 200), ("items { __typename } nextToken", "items { __typename }")):
        document = f"query ($after: String) {{ {name}(limit: {limit}, nextToken: $after) {{ {selected} }} }}"
        _, answer = await ways.both(Operation(document, {"after": token}, None), "ADMIN")
        assert (answer is None) == (f"Query.{name}" in NOT_PLANNED)


@pytest.mark.parametrize("name", PLANNED)
async def test_a_plan_answers_every_caller_as_strawberry_does(ways: Ways, values: Mapping[str, Any], name: str) -> None:
    for caller in ways.fleet.callers:
        await ways.both(asking(PLANNED[name], values), caller)
        await ways.both(asking(PLANNED[name], values, limit=1, day="1999-12-31", vpp=ABSENT, site=ABSENT), caller)


def test_every_field_and_argument_is_asked_for_by_what_is_planned_or_is_not_planned() -> None:
    there = {"Query"} | {each.name for each in reachable(QUERY)}
    of_schema = {
        f"{kind.name}.{field}{argument}"
        for kind in schema._schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind.name in there
        for field, asked in kind.fields.items()
        for argument in ("", *(f".{name}" for name in asked.args))
        if f"{kind.name}.{field}" not in NOT_PLANNED
    }

    assert set().union(*(asked_for(document) for document in PLANNED.values())) == of_schema


def reachable(kind: Any) -> Iterator[GraphQLObjectType]:
    """List the types of what can be got at by what is planned."""
    seen, kinds = set(), [kind]
    for each in kinds:
        for name, field in each.fields.items():
            of = get_named_type(field.type)
            if isinstance(of, GraphQLObjectType) and of not in seen and f"{each.name}.{name}" not in NOT_PLANNED:
                seen.add(of)
                kinds.append(of)
                yield of


def asked_for(document: str) -> set[str]:
    """Return the fields of a document with their types, and the arguments with their fields."""
    types, found = TypeInfo(schema._schema), set[str]()

    class Fields(Visitor):
        def enter_field(self, node: FieldNode, *_args: Any) -> None:
            kind, name = types.get_parent_type(), node.name.value
            if kind and name != "__typename":
                found.update(
                    f"{kind.name}.{name}{each}" for each in ("", *(f".{a.name.value}" for a in node.arguments or ()))
                )

    visit(parse(document), TypeInfoVisitor(types, Fields()))
    return found


@pytest.mark.parametrize("name", WITH_A_PLAN)
async def test_what_is_hard_is_planned_all_the_same(ways: Ways, placeholders: Mapping[str, str], name: str) -> None:
    _, answer = await ways.both(filled_in(WITH_A_PLAN[name], placeholders), "ADMIN")

    assert answer is not None
    assert b'"errors":' not in answer


@pytest.mark.parametrize("name", WITHOUT_A_PLAN)
async def test_what_is_refused_is_left_to_strawberry(ways: Ways, placeholders: Mapping[str, str], name: str) -> None:
    # As it is asked for the first time, and as one that is known.
    operation = filled_in(WITHOUT_A_PLAN[name], placeholders)

    answers = [await ways.planned(operation, ways.fleet.callers["ADMIN"]) for _ in range(2)]

    assert answers == [None, None]


@pytest.mark.parametrize(
    ("caller", "document"),
    [
        ("MEMBER of some", "{ listParks { nextToken } }"),
        ("MEMBER of none", "{ listVpps { nextToken } listImports { nextToken } }"),
        ("MEMBER of some", "{ listRevenueReports { items { totals { siteTotalAud } } } }"),
        ("OPERATOR", "{ listApiKeys { nextToken } }"),
        ("OPERATOR of one", "{ listSites { items { events { items { import { id } } } } } }"),
    ],
)
async def test_what_is_not_for_a_caller_is_left_to_strawberry(ways: Ways, caller: str, document: str) -> None:
    operation = Operation(document, {}, None)
    await ways.both(operation, "ADMIN")

    expected, answer = await ways.both(operation, caller)

    assert b"Not Authorized" in (expected or b"")
    assert answer is None


async def test_one_of_many_operations_is_planned_by_its_name(ways: Ways) -> None:
    document = "query One { listVpps { nextToken } } query Two { listSites { nextToken } }"

    answers = {name: (await ways.both(Operation(document, {}, name), "ADMIN"))[1] for name in ("One", "Two", "Three")}

    assert [name for name, answer in answers.items() if answer is not None] == ["One", "Two"]


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("caller", ["ADMIN", "OPERATOR of one"])
async def test_a_change_is_told_as_strawberry_tells_it(
    ways: Ways, placeholders: Mapping[str, str], name: str, caller: str
) -> None:
    _, answer = await ways.both(filled_in(CHANGES[name], placeholders), caller)

    assert answer is not None


async def test_what_was_changed_is_not_changed_again(ways: Ways) -> None:
    # Only as the second is about to be made is it seen that its argument is null.
    document = """mutation ($a: CreateImportInput!, $b: CreateImportInput = {kind: PARKS, fileName: "b"}) {
        createImport(input: $a) { uploadUrl } b: createImport(input: $b) { uploadUrl }
    }"""
    variables = {"a": {"kind": "PARKS", "fileName": "only once"}, "b": None}
    operation = Operation(document, variables, None)
    caller = ways.fleet.callers["ADMIN"]

    _ = await ways.planned(operation, caller) or await ways.strawberrys(operation, caller)

    made = await ways.api.execute("{ listImports(limit: 3) { items { fileName } } }")
    assert [each["fileName"] for each in made["items"]].count("only once") == 1


async def test_callers_at_once_are_each_answered_what_is_theirs(ways: Ways) -> None:
    # Nobody has asked for it before.
    operation = Operation("{ alone: listSites { items { nmi vpp { name } memberships { vpp { name } } } } }", {}, None)
    callers = [*ways.fleet.callers.values()] * 3

    answers = await asyncio.gather(*[ways.planned(operation, caller) for caller in callers])

    assert answers == [await ways.strawberrys(operation, caller) for caller in callers]
