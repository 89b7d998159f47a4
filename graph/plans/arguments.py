"""Compiles a field's arguments in a document to a function from variable values to the arguments of its resolver."""

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

from graph.operations.operation import NoPlan

# Returns the arguments by their Python names. Raises NoPlan and GraphQLError.
ArgumentBuilder: TypeAlias = Callable[[VariableValues], dict[str, Any]]


def compile_arguments(
    field: GraphQLField, declared: StrawberryField, node: FieldNode, *, schema: Any, values: VariableValues
) -> ArgumentBuilder:
    """
    Return a function that builds a field's arguments from variable values.

    `values` are any valid variable values: arguments without variables are built with them once.
    """
    registry, config = schema.schema_converter.scalar_registry, schema.config

    def convert(values: VariableValues) -> dict[str, Any]:
        arguments = get_argument_values(field, node, values)
        return convert_arguments(arguments, declared.arguments, registry, config)

    if not any(_has_variable(argument.value) for argument in node.arguments or ()):
        constants = convert(values)
        return lambda _values: constants
    # A fast path that takes a tenth of the time: each argument is a whole variable whose type is a scalar or an input
    # of scalars. graphql-core has coerced the variable already, so its value needs no further conversion.
    python_names = {config.name_converter.get_graphql_name(each): each for each in declared.arguments}
    variables = []
    for argument in node.arguments or ():
        graphql_type, python_argument = field.args[argument.name.value].type, python_names[argument.name.value]
        from_coerced = _converter(graphql_type, python_argument.type, config)
        if not isinstance(argument.value, VariableNode) or from_coerced is None:
            return convert
        variables.append(
            (python_argument.python_name, argument.value.name.value, from_coerced, is_non_null_type(graphql_type))
        )

    def from_variables(values: VariableValues) -> dict[str, Any]:
        coerced = values.coerced
        if any(is_required and coerced.get(variable) is None for _, variable, _, is_required in variables):
            raise NoPlan("an argument that is not nullable is missing or null")
        return {
            name: from_coerced(coerced[variable])
            for name, variable, from_coerced, _ in variables
            if variable in coerced
        }

    return from_variables


def nullable(graphql_type: Any) -> Any:
    """Return the nullable type inside a non-null GraphQL type, or the type itself."""
    return graphql_type.of_type if is_non_null_type(graphql_type) else graphql_type


def _converter(graphql_type: Any, python_type: Any, config: StrawberryConfig) -> Callable[[Any], Any] | None:
    """Return the conversion of a coerced value to a resolver's argument; None where Strawberry must convert."""
    graphql_type = nullable(graphql_type)
    python_type = python_type.of_type if isinstance(python_type, StrawberryOptional) else python_type
    if is_scalar_type(graphql_type):
        return _unchanged
    if not is_input_object_type(graphql_type):
        return None
    if not all(is_scalar_type(nullable(each.type)) for each in graphql_type.fields.values()):
        return None
    input_fields = python_type.__strawberry_definition__.fields
    names = {config.name_converter.get_graphql_name(each): each.python_name for each in input_fields}
    return lambda value: None if value is None else python_type(**{names[name]: each for name, each in value.items()})


def _unchanged(value: Any) -> Any:
    return value


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(_has_variable(each) for each in value.values)
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(each.value) for each in value.fields)
    return isinstance(value, VariableNode)
