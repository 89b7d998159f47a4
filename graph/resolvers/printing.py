"""
The schema written in AppSync's dialect, in reading order.

AppSync knows its own scalars and directives and takes no definitions of them, and older parsers of its choke on
descriptions: so those are left out, and these are comments. Fields stand in the order of the code, and a type is
followed by the enums it is the first to use.
"""

import ast
import inspect
import json
from collections.abc import Iterable, Iterator
from functools import cache
from textwrap import dedent, indent
from types import ModuleType
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    ast_from_value,
    get_named_type,
    print_ast,
)

HEADING = """\
# The contract: revenue sharing for Virtual Power Plants, in AWS AppSync's dialect.
#
# Lists      list* and nested lists take limit (50 unless asked, 200 at most) and nextToken, and return
#            items and nextToken; nextToken is null on the last page.
# Mutations  take one `input` and return the object they changed, or null beside an error.
# Errors     a refused call is an entry in `errors` with, at its top level, errorType, errorInfo and data:
#            NotFound, Conflict, ValidationFailed, Unauthorized, LimitExceeded.
#            Rejected rows and failed work are results, and are read as data.
# Numbers    name their unit. Rates and quantities are Float; amounts of money are exact decimal
#            strings in Australian dollars, to the cent: "1.75".
# Days       are settlement dates in NEM time (UTC+10, no daylight saving); months are written YYYY-MM.
# Periods    start on effectiveFrom and stop before effectiveUntil; null means open. A mutation without
#            effectiveFrom holds for all time, as if it had always been so; with it, the past stays.
# Creates    take an optional id (a UUID): the same create sent again returns the same object.

schema {
  query: Query
  mutation: Mutation
  subscription: Subscription
}
"""


def print_schema(schema: GraphQLSchema, nouns: Iterable[ModuleType]) -> str:
    """Write a schema, the types of one noun after those of another, the root types first."""
    return "\n".join([HEADING, *map(_print, _in_reading_order(schema, list(nouns)))])


def _in_reading_order(schema: GraphQLSchema, nouns: list[ModuleType]) -> Iterator[GraphQLNamedType]:
    told: set[str] = set()
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    for kind in [*filter(None, roots), *(kind for noun in nouns for kind in _kinds_of(schema, noun))]:
        for each in (kind, *_enums_of(kind)):
            if each.name not in told:
                told.add(each.name)
                yield each


def _kinds_of(schema: GraphQLSchema, noun: ModuleType) -> Iterator[GraphQLNamedType]:
    """List the types a module defines, in the order of its code, and then their connections."""
    classes = [
        thing
        for thing in vars(noun).values()
        if inspect.isclass(thing) and thing.__module__ == noun.__name__ and hasattr(thing, "__strawberry_definition__")
    ]
    names = [thing.__strawberry_definition__.name for thing in classes]
    for name in (*names, *(f"{name}Connection" for name in names)):
        kind = schema.type_map.get(name)
        if kind is not None and not isinstance(kind, GraphQLEnumType):
            yield kind


def _enums_of(kind: GraphQLNamedType) -> Iterator[GraphQLEnumType]:
    for _, field in _fields(kind):
        for part in (field, *getattr(field, "args", {}).values()):
            used = get_named_type(part.type)
            if isinstance(used, GraphQLEnumType):
                yield used


def _print(kind: GraphQLNamedType) -> str:
    if isinstance(kind, GraphQLEnumType):
        lines = [_described(name, value.description) for name, value in kind.values.items()]
        return _described(_block(f"enum {kind.name}", lines), kind.description)
    keyword = "input" if isinstance(kind, GraphQLInputObjectType) else "type"
    groups = [
        "\n".join(_described(_print_field(name, field), field.description) for name, field in group)
        for group in _groups(kind)
    ]
    return _described(_block(f"{keyword} {kind.name}", "\n\n".join(groups).split("\n")), kind.description)


def _block(opening: str, lines: list[str]) -> str:
    return "\n".join([f"{opening} {{", *(indent(line, "  ") for line in lines), "}"]) + "\n"


def _described(text: str, description: str | None) -> str:
    return "".join(f"# {line}\n" for line in (description or "").splitlines()) + text


def _print_field(name: str, field: GraphQLField | GraphQLInputField) -> str:
    arguments = ", ".join(_print_input(name, argument) for name, argument in getattr(field, "args", {}).items())
    if isinstance(field, GraphQLInputField):
        return _print_input(name, field)
    directives = "".join(f" {_print_directive(directive)}" for directive in _definition(field).directives)
    return f"{name}{f'({arguments})' if arguments else ''}: {field.type}{directives}"


def _print_input(name: str, value: GraphQLArgument | GraphQLInputField) -> str:
    if value.default_value is Undefined:
        return f"{name}: {value.type}"
    default = ast_from_value(value.default_value, value.type)
    assert default is not None  # noqa: S101
    return f"{name}: {value.type} = {print_ast(default)}"


def _print_directive(directive: Any) -> str:
    name = directive.__strawberry_directive__.graphql_name
    values = ", ".join(f"{key}: {json.dumps(value)}" for key, value in vars(directive).items())
    return f"@{name}({values})"


def _fields(kind: GraphQLNamedType) -> list[tuple[str, Any]]:
    return [field for group in _groups(kind) for field in group]


def _groups(kind: GraphQLNamedType) -> list[list[tuple[str, Any]]]:
    """List the fields of a type in the order of the code, in groups by the class they come from: roots have many."""
    if not isinstance(kind, (GraphQLObjectType, GraphQLInputObjectType)):
        return []
    groups: dict[type, list[tuple[str, Any]]] = {}
    for name, field in kind.fields.items():
        groups.setdefault(_definition(field).origin, []).append((name, field))
    return [
        sorted(group, key=lambda item: _order_of_code(origin)[_definition(item[1]).python_name])
        for origin, group in groups.items()
    ]


def _definition(field: GraphQLField | GraphQLInputField) -> Any:
    return field.extensions["strawberry-definition"]


@cache
def _order_of_code(kind: type) -> dict[str, int]:
    (body,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101
    # An annotated name or a resolver: what names it in the tree differs.
    named = (getattr(node, "target", node) for node in body.body)
    names = (getattr(node, "id", getattr(node, "name", None)) for node in named)
    return {name: place for place, name in enumerate(names) if name is not None}
