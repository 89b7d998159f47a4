"""JSON as it goes over the wire: whatever a client may send is read or refused, whatever we may tell can be written."""

import json
from typing import Any

import orjson


class NotJson(ValueError):
    """A text is no JSON, or is nested deeper than anything of ours."""


def decode(text: str | bytes) -> Any:
    """Read JSON. Raises NotJson."""
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise NotJson(str(error)) from error


def encode(data: object) -> str:
    """Write JSON as a text."""
    return encoded(data).decode()


def encoded(data: object) -> bytes:
    """Write JSON."""
    try:
        return orjson.dumps(data)
    except TypeError:
        # A message may repeat the half of a surrogate pair that a caller sent, which only an escape can hold.
        return json.dumps(data).encode()
