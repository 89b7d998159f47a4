"""JSON encoding and decoding for everything that is sent to clients or received from them."""

import json
from typing import Any

import orjson


class JsonDecodeError(ValueError):
    """A text is not JSON, or is nested deeper than Python's recursion limit."""


def decode(text: str | bytes) -> Any:
    """Decode JSON. Raises JsonDecodeError."""
    # Unlike orjson, json accepts NaN, Infinity and lone surrogates: validation reports the variable that holds them.
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise JsonDecodeError(str(error)) from error


def encode(data: object) -> str:
    """Encode data as a JSON string."""
    return encode_bytes(data).decode()


def encode_bytes(data: object) -> bytes:
    """Encode data as JSON in UTF-8."""
    try:
        return orjson.dumps(data)
    except TypeError:
        # orjson rejects a lone surrogate, which an error message may repeat from a request; json escapes it.
        return json.dumps(data).encode()
