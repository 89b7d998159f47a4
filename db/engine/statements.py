"""Reads whose SQL is written once, however often and with whatever values they are run."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Executable, Uuid, any_, bindparam, func
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.compiler import SQLCompiler

DIALECT = dialect()  # type: ignore[no-untyped-call]


class CompiledStatement:
    """A statement as text, and the names of the values it is run with, in order."""

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)  # noqa: S101
        self.text: str = compiled.string
        self._names: Sequence[str] = compiled.positiontup or ()
        # Those that were given with the statement are the same each time, unless they have a name of ours.
        processors: Mapping[str, Any] = compiled._bind_processors
        self._constants = {
            name: processors[name](value) if name in processors else value
            for name, value in compiled.params.items()
            if compiled.binds[name].unique
        }

    def values(self, given: Mapping[str, object]) -> list[object]:
        """Put the values that are given by name in order."""
        constants = self._constants
        if not constants:
            return [given[name] for name in self._names]
        return [constants[name] if name in constants else given[name] for name in self._names]


def equals_any(column: Any, ids: Sequence[Any] | ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a column is one of some ids, or the one that something else of the statement is."""
    if not isinstance(ids, ColumnElement):
        ids = bindparam(None, list(ids), ARRAY(Uuid))
    # One value, however many they are.
    return column == (any_(ids) if isinstance(ids.type, ARRAY) else ids)  # type: ignore[no-any-return]


def contains_ignoring_case(column: Any, part: Any) -> ColumnElement[bool]:
    """Return whether a text holds another somewhere, in upper or lower case."""
    return func.strpos(func.lower(column), func.lower(part)) > 0
