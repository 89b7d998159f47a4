"""Texts that Postgres cannot keep are refused before anything runs, with the place they stand at."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import GraphQLError, StringValueNode, ValidationRule
from strawberry.extensions import SchemaExtension

from db.engine.refusals import ValidationFailed


class UnstorableText(ValidationFailed):
    """A text may hold neither a NUL nor half of a surrogate pair."""


class StorableVariables(SchemaExtension):
    """Check the texts among a request's variables; `StorableLiterals` checks those in its document, once."""

    def on_execute(self) -> Iterator[None]:
        place = find_unstorable_text(self.execution_context.variables or {})
        if place:
            raise UnstorableText(field=place)
        yield


def find_unstorable_text(variables: Mapping[str, object]) -> tuple[str, ...]:
    """Return the place of the first text among variables that Postgres cannot keep; nothing where all can be."""
    return next((place for name, value in variables.items() for place in _find_unstorable_text(value, (name,))), ())


class StorableLiterals(ValidationRule):
    def enter_string_value(self, node: StringValueNode, *_args: Any) -> None:
        if next(_find_unstorable_text(node.value, ()), None) is not None:
            self.report_error(GraphQLError(str(UnstorableText()), node))


def _find_unstorable_text(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)):
            yield place
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _find_unstorable_text(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _find_unstorable_text(inner, (*place, str(index)))
