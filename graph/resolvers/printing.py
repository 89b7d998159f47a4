"""
Print the schema in AppSync's dialect, in reading order.

AppSync rejects definitions of its own scalars and directives, so they are left out. Older AppSync parsers fail on
descriptions, so descriptions are printed as comments. Fields stand in the order of the code, and each enum follows the
first type that uses it.
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
# The API contract: revenue sharing for Virtual Power Plants (VPPs), in AWS AppSync's dialect.
#
# Look-ups   get* returns null when no such object exists, and when it is outside the caller's scope.
# Lists      list* and nested lists take limit (default 50, at most 200) and nextToken. They return items and
#            nextToken, which is null on the last page.
# Mutations  take one `input` and return the changed object, or null with an entry in `errors`. In an update,
#            a field that is null or left out keeps its value.
# Errors     a rejected call is an entry in `errors`. It has errorType, errorInfo and data at its top level.
#            errorType is NotFound, Conflict, ValidationFailed, Unauthorized or LimitExceeded, or
#            InternalFailure for a fault of the server. errorInfo.field is the path of the argument at fault.
#            Rejected rows, failed imports and failed reports are not errors; they are read as data.
# Numbers    have their unit in their name. Rates and quantities are Float. Amounts of money are exact
#            decimal strings in Australian dollars, to the cent: "1.75".
# Dates      are settlement dates in NEM time (UTC+10, no daylight saving). Months are written YYYY-MM.
# Periods    include effectiveFrom and exclude effectiveUntil; null means open-ended. A mutation without
#            effectiveFrom applies to all time, past and future; with it, earlier days keep their values.
# Creates    take an optional id (a UUID). The same create sent again with its id returns the same object.

schema {
  query: Query
  mutation: Mutation
  subscription: Subscription
}
"""


def print_schema(schema: GraphQLSchema, modules: Iterable[ModuleType]) -> str:
    """Print a schema: first the root types, then the types of each module in turn."""
    return "\n".join([HEADING, *map(_print_type, _in_reading_order(schema, list(modules)))])


def _in_reading_order(schema: GraphQLSchema, modules: list[ModuleType]) -> Iterator[GraphQLNamedType]:
    printed: set[str] = set()
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    for named in [*filter(None, roots), *(named for module in modules for named in _types_of_module(schema, module))]:
        for type_ in (named, *_enums_used_by(named)):
            if type_.name not in printed:
                printed.add(type_.name)
                yield type_


def _types_of_module(schema: GraphQLSchema, module: ModuleType) -> Iterator[GraphQLNamedType]:
    """Yield the types that a module defines, in the order of its code, and then their connections."""
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and hasattr(value, "__strawberry_definition__")
    ]
    names = [class_.__strawberry_definition__.name for class_ in classes]
    for name in (*names, *(f"{name}Connection" for name in names)):
        type_ = schema.type_map.get(name)
        if type_ is not None and not isinstance(type_, GraphQLEnumType):
            yield type_


def _enums_used_by(type_: GraphQLNamedType) -> Iterator[GraphQLEnumType]:
    for _, field in _fields(type_):
        for typed in (field, *getattr(field, "args", {}).values()):
            used = get_named_type(typed.type)
            if isinstance(used, GraphQLEnumType):
                yield used


def _print_type(type_: GraphQLNamedType) -> str:
    if isinstance(type_, GraphQLEnumType):
        lines = [_with_comment(name, value.description) for name, value in type_.values.items()]
        return _with_comment(_block(f"enum {type_.name}", lines), type_.description)
    keyword = "input" if isinstance(type_, GraphQLInputObjectType) else "type"
    groups = [
        "\n".join(_with_comment(_print_field(name, field), field.description) for name, field in group)
        for group in _fields_by_class(type_)
    ]
    return _with_comment(_block(f"{keyword} {type_.name}", "\n\n".join(groups).split("\n")), type_.description)


def _block(opening: str, lines: list[str]) -> str:
    return "\n".join([f"{opening} {{", *(indent(line, "  ") for line in lines), "}"]) + "\n"


def _with_comment(text: str, description: str | None) -> str:
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


def _fields(type_: GraphQLNamedType) -> list[tuple[str, Any]]:
    return [field for group in _fields_by_class(type_) for field in group]


def _fields_by_class(type_: GraphQLNamedType) -> list[list[tuple[str, Any]]]:
    """Return a type's fields in the order of the code, grouped by Python class: a root type merges several classes."""
    if not isinstance(type_, (GraphQLObjectType, GraphQLInputObjectType)):
        return []
    groups: dict[type, list[tuple[str, Any]]] = {}
    for name, field in type_.fields.items():
        groups.setdefault(_definition(field).origin, []).append((name, field))
    return [
        sorted(group, key=lambda item: _code_order(origin)[_definition(item[1]).python_name])
        for origin, group in groups.items()
    ]


def _definition(field: GraphQLField | GraphQLInputField) -> Any:
    return field.extensions["strawberry-definition"]


@cache
def _code_order(class_: type) -> dict[str, int]:
    (body,) = ast.parse(dedent(inspect.getsource(class_))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101
    # A field is an annotated name (ast.AnnAssign, whose target has an id) or a resolver (ast.FunctionDef with a name).
    named = (getattr(node, "target", node) for node in body.body)
    names = (getattr(node, "id", getattr(node, "name", None)) for node in named)
    return {name: index for index, name in enumerate(names) if name is not None}
