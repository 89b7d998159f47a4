"""What a client asks to be run."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Operation(NamedTuple):
    """An operation of a document, and the values of its variables as they came."""

    query: str
    variables: Mapping[str, Any]
    name: str | None


class Unplanned(Exception):
    """Why an operation has no plan, or why its plan cannot answer: Strawberry is to run it."""
