"""A field's arguments in a plan: what its resolver would be given, made of the values of variables alone."""

from collections.abc import Callable
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    is_input_object_type,
    is_non_null_type,
    is_scalar_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from graph.operations.operation import Unplanned

ArgumentsOf: TypeAlias = Callable[[VariableValues], dict[str, Any]]


def arguments_of(
    field: GraphQLField, declared: StrawberryField, node: FieldNode, *, schema: Any, values: VariableValues
) -> ArgumentsOf:
    """Return what makes a field's arguments of the values of variables; `values` are any that fit."""
    registry, config = schema.schema_converter.scalar_registry, schema.config

    def converted(values: VariableValues) -> dict[str, Any]:
        given = get_argument_values(field, node, values)
        return convert_arguments(given, declared.arguments, registry, config)

    if not any(_has_variable(argument.value) for argument in node.arguments or ()):
        constants = converted(values)
        return lambda _values: constants
    # What takes a tenth of the time: whole scalars and flat inputs, which are what their variables were read as.
    python_names = {config.name_converter.get_graphql_name(each): each for each in declared.arguments}
    picked = []
    for argument in node.arguments or ():
        kind, to = field.args[argument.name.value].type, python_names[argument.name.value]
        make = _maker(kind, to.type, config)
        if not isinstance(argument.value, VariableNode) or make is None:
            return converted
        picked.append((to.python_name, argument.value.name.value, make, is_non_null_type(kind)))

    def taken(values: VariableValues) -> dict[str, Any]:
        coerced = values.coerced
        if any(must_be and coerced.get(of) is None for _, of, _, must_be in picked):
            raise Unplanned("an argument that is not nullable is missing or null")
        return {name: make(coerced[of]) for name, of, make, _ in picked if of in coerced}

    return taken


def nullable(kind: Any) -> Any:
    """Return a type of GraphQL's as what may also be null."""
    return kind.of_type if is_non_null_type(kind) else kind


def _maker(kind: Any, to: Any, config: StrawberryConfig) -> Callable[[Any], Any] | None:
    """Return what makes of a variable's value what a resolver is given; None where there is more to it."""
    kind, to = nullable(kind), to.of_type if isinstance(to, StrawberryOptional) else to
    if is_scalar_type(kind):
        return _as_it_is
    if not is_input_object_type(kind) or not all(is_scalar_type(nullable(each.type)) for each in kind.fields.values()):
        return None
    of_input = to.__strawberry_definition__.fields
    names = {config.name_converter.get_graphql_name(each): each.python_name for each in of_input}
    return lambda value: None if value is None else to(**{names[name]: inner for name, inner in value.items()})


def _as_it_is(value: Any) -> Any:
    return value


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(_has_variable(each) for each in value.values)
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(each.value) for each in value.fields)
    return isinstance(value, VariableNode)
