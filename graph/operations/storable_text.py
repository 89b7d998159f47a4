"""Rejects text that Postgres cannot store, before an operation runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import GraphQLError, StringValueNode, ValidationRule
from strawberry.extensions import SchemaExtension

from db.engine.refusals import ValidationFailed


class UnstorableText(ValidationFailed):
    """A text may hold neither a NUL nor half of a surrogate pair."""


class StorableVariables(SchemaExtension):
    """Checks the strings in a request's variables; `StorableLiterals` checks those in its document."""

    def on_execute(self) -> Iterator[None]:
        path = find_unstorable_text(self.execution_context.variables or {})
        if path:
            raise UnstorableText(field=path)
        yield


class StorableLiterals(ValidationRule):
    """Reports an error for each string in a document that Postgres cannot store."""

    def enter_string_value(self, node: StringValueNode, *_args: Any) -> None:
        if next(_find_unstorable_text(node.value, ()), None) is not None:
            self.report_error(GraphQLError(str(UnstorableText()), node))


def find_unstorable_text(variables: Mapping[str, object]) -> tuple[str, ...]:
    """Return the path of the first string in variables that Postgres cannot store; an empty path if there is none."""
    return next((path for name, value in variables.items() for path in _find_unstorable_text(value, (name,))), ())


def _find_unstorable_text(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)):
            yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _find_unstorable_text(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _find_unstorable_text(inner, (*path, str(index)))
