"""Whether answers carry the same figures, however their fields are wrapped and their numbers written."""

import json
from decimal import Decimal, InvalidOperation


class Disagreement(Exception):
    """Two contenders answer differently, so that how fast they do means nothing."""


def figures(answer: bytes, *, but: str | None = None) -> object:
    """Return what an answer holds, numbers as they are, in texts as well, but for the fields of one name."""
    read = json.loads(answer, parse_int=Decimal, parse_float=Decimal)
    if "errors" in read:
        raise Disagreement(f"An error was answered: {answer.decode()}")
    return _figures(read["data"], but)


def _figures(value: object, but: str | None) -> object:
    match value:
        case dict():
            fields = {name: _figures(each, but) for name, each in value.items() if name != but}
            # What holds one thing only, such as the `items` of a page, is looked through.
            return next(iter(fields.values())) if len(fields) == 1 else fields
        case list():
            return [_figures(each, but) for each in value]
        case str():
            try:
                return Decimal(value)
            except InvalidOperation:
                return value
    return value
