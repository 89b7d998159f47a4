"""Comparison of responses by their values, ignoring the names and nesting of their fields."""

import json
from decimal import Decimal, InvalidOperation


class ResponseMismatch(Exception):
    """Two servers return different values, or a mutation's effect is missing: their throughput cannot be compared."""


def comparable_values(response: bytes, *, ignored_field: str | None = None) -> object:
    """
    Return the data of a response in a form that is equal for equal values.

    Numbers and numeric strings become Decimals, and objects with a single field become that field's value. Fields named
    `ignored_field` are left out. Raises ResponseMismatch for a response with errors.
    """
    content = json.loads(response, parse_int=Decimal, parse_float=Decimal)
    if "errors" in content:
        raise ResponseMismatch(f"The response has errors: {response.decode()}")
    return _comparable(content["data"], ignored_field)


def _comparable(value: object, ignored_field: str | None) -> object:
    match value:
        case dict():
            fields = {name: _comparable(field, ignored_field) for name, field in value.items() if name != ignored_field}
            # Servers wrap lists differently: `{items: [...]}` and `[...]` compare as equal.
            return next(iter(fields.values())) if len(fields) == 1 else fields
        case list():
            return [_comparable(item, ignored_field) for item in value]
        case str():
            try:
                return Decimal(value)
            except InvalidOperation:
                return value
    return value
