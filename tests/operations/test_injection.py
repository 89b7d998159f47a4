"""Strings that would do harm if they were interpreted as SQL, log lines, patterns or paths."""

import json
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from graph.schema import schema
from tests.fixtures.api import Api

HOSTILE_STRINGS = [
    "'; drop table vpps; --",
    "' or '1'='1",
    "$1 %s {0} :id",
    "\\'; select pg_sleep(60); --",
    "%' escape '",
    "a\nlevel=error event=forged\r\n\x1b[2J\x1b]0;forged\x07",
    "\u2028\u202e\ufeff\ud800",
    "\0",
    "../../../etc/passwd",
    "x" * 10_000,
]
NUMBERS = {"Int": 1, "Float": 1.5, "Boolean": True}


def root_fields() -> list[tuple[str, str]]:
    roots = (schema._schema.query_type, schema._schema.mutation_type)
    return [(root.name.lower(), field) for root in roots if root for field in root.fields]


def value_with(type_: Any, text: str) -> Any:
    """Return a value of an input type that holds the text in every string."""
    if is_list_type(get_nullable_type(type_)):
        return [value_with(get_nullable_type(type_).of_type, text)]
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        return {name: value_with(field.type, text) for name, field in named.fields.items()}
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    return NUMBERS.get(named.name, text)


def document(operation: str, name: str) -> str:
    """Return a document that passes each argument of a root field as a variable."""
    root = schema._schema.type_map[operation.title()]
    assert isinstance(root, GraphQLObjectType)
    field = root.fields[name]
    declarations = ", ".join(f"${argument}: {declared.type}" for argument, declared in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    selected = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    if not declarations:
        return f"{operation} {{ {name} {selected} }}"
    return f"{operation} ({declarations}) {{ {name}({passed}) {selected} }}"


@pytest.mark.parametrize("text", HOSTILE_STRINGS, ids=range(len(HOSTILE_STRINGS)))
@pytest.mark.parametrize(("operation", "name"), root_fields())
async def test_hostile_string_in_any_argument_causes_no_internal_failure(
    api: Api, operation: str, name: str, text: str
) -> None:
    root = schema._schema.type_map[operation.title()]
    assert isinstance(root, GraphQLObjectType)
    variables = {argument: value_with(declared.type, text) for argument, declared in root.fields[name].args.items()}

    response = await api.response(document(operation, name), **variables)

    assert "InternalFailure" not in json.dumps(response)


async def test_sql_in_a_name_is_stored_as_it_is(api: Api) -> None:
    other_id = await api.create_vpp()

    id = await api.create_vpp(name="'; drop table vpps; --")

    stored = await api.execute("query ($id: ID!) { getVpp(id: $id) { name } }", id=id)
    assert stored == {"name": "'; drop table vpps; --"}
    assert await api.execute("query ($id: ID!) { getVpp(id: $id) { id } }", id=other_id) == {"id": other_id}


@pytest.mark.parametrize("part", ["%", "_", "\\"])
async def test_wildcards_of_sql_patterns_match_only_themselves(api: Api, part: str) -> None:
    await api.create_vpp()
    name = f"100{part} sure"
    await api.create_vpp(name=name)

    found = await api.execute(
        "query ($part: String!) { listVpps(filter: {nameContains: $part}) { items { name } } }", part=f"0{part} s"
    )

    assert found == {"items": [{"name": name}]}
