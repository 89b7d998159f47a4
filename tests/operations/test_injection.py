"""Texts that would do harm where they were taken for SQL, for lines of a log, or for anything but texts."""

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

HOSTILE = [
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


def given(kind: Any, text: str) -> Any:
    """A value of an input type with the text wherever a text can be."""
    if is_list_type(get_nullable_type(kind)):
        return [given(get_nullable_type(kind).of_type, text)]
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return {name: given(field.type, text) for name, field in named.fields.items()}
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    return NUMBERS.get(named.name, text)


def document(operation: str, name: str) -> str:
    root = schema._schema.type_map[operation.title()]
    assert isinstance(root, GraphQLObjectType)
    field = root.fields[name]
    declared = ", ".join(f"${argument}: {asked.type}" for argument, asked in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    selected = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    return f"{operation} {f'({declared})' if declared else ''} {{ {name}{f'({passed})' if passed else ''} {selected} }}"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(("operation", "name"), root_fields())
async def test_a_hostile_text_is_a_text(api: Api, operation: str, name: str, text: str) -> None:
    root = schema._schema.type_map[operation.title()]
    assert isinstance(root, GraphQLObjectType)
    variables = {argument: given(asked.type, text) for argument, asked in root.fields[name].args.items()}

    answer = await api.response(document(operation, name), **variables)

    assert "InternalFailure" not in json.dumps(answer)


async def test_a_hostile_name_is_kept_as_it_is_and_does_nothing(api: Api) -> None:
    before = await api.create_vpp()

    id = await api.create_vpp(name="'; drop table vpps; --")

    kept = await api.execute("query ($id: ID!) { getVpp(id: $id) { name } }", id=id)
    assert kept == {"name": "'; drop table vpps; --"}
    assert await api.execute("query ($id: ID!) { getVpp(id: $id) { id } }", id=before) == {"id": before}


@pytest.mark.parametrize("part", ["%", "_", "\\"])
async def test_what_is_looked_for_is_looked_for_to_the_letter(api: Api, part: str) -> None:
    await api.create_vpp()
    looked_for = f"100{part} sure"
    await api.create_vpp(name=looked_for)

    found = await api.execute(
        "query ($part: String!) { listVpps(filter: {nameContains: $part}) { items { name } } }", part=f"0{part} s"
    )

    assert found == {"items": [{"name": looked_for}]}
