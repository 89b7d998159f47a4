"""A GraphQL operation in a request."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Operation(NamedTuple):
    """The text of a document, the name of the operation to run, and the values of its variables before coercion."""

    query: str
    variables: Mapping[str, Any]
    name: str | None


class NoPlan(Exception):
    """The reason why an operation cannot be run by a compiled plan; Strawberry must run it."""
