"""The roles that may use a field, declared beside the field: `extensions=[RequiresRole(READER)]`."""

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLSchema
from strawberry.extensions import FieldExtension

from db.engine.refusals import Unauthorized
from graph.auth.callers import ROLES


class FieldDenied(Unauthorized):
    """Not Authorized to access {name} on type {type}"""


class MissingRole(TypeError):
    """A root field of a schema has no RequiresRole extension."""


class RequiresRole(FieldExtension):
    """
    Lets callers with a role, or with a role above it, use a field.

    For other callers the field is null, and FieldDenied is among the errors. Every field of Query, Mutation and
    Subscription needs this extension; MEMBER is the lowest role, so RequiresRole(MEMBER) opens a field to every caller.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._allowed = frozenset(ROLES[ROLES.index(role) :])

    def allows(self, role: str) -> bool:
        """Return whether callers with a role may use the field."""
        return role in self._allowed

    def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        if not self.allows(info.context.caller.role):
            raise FieldDenied(name=info.field_name, type=info.path.typename)
        return next_(source, info, **arguments)

    # `resolve` returns the coroutine of an async resolver as it is, and Strawberry awaits it.
    resolve_async = resolve


def check_root_fields_declare_roles(schema: GraphQLSchema) -> None:
    """Raise MissingRole unless every field of Query, Mutation and Subscription has a RequiresRole extension."""
    fields = list(_root_fields_without_role(schema))
    if fields:
        raise MissingRole(
            f"{', '.join(fields)} {'declares' if len(fields) == 1 else 'declare'} no role."
            " Add extensions=[RequiresRole(role)] with the lowest role that may use the field:"
            f" {', '.join(ROLES[:-1])} or {ROLES[-1]}. RequiresRole({ROLES[0]}) opens it to every caller."
        )


def _root_fields_without_role(schema: GraphQLSchema) -> Iterator[str]:
    for root in filter(None, (schema.query_type, schema.mutation_type, schema.subscription_type)):
        for name, field in root.fields.items():
            extensions = field.extensions["strawberry-definition"].extensions
            if not any(isinstance(extension, RequiresRole) for extension in extensions):
                yield f"{root.name}.{name}"
