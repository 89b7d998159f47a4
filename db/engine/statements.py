"""Statements that are compiled to SQL once and run with different parameters, and conditions that they share."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Executable, Uuid, any_, bindparam, func
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.compiler import SQLCompiler

DIALECT = dialect()  # type: ignore[no-untyped-call]


class CompiledStatement:
    """The SQL text of a statement and the names of its parameters in order."""

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)  # noqa: S101
        self.text: str = compiled.string
        self._names: Sequence[str] = compiled.positiontup or ()
        # Literal values of the statement are the same in each run. Parameters with a name are bound in each run.
        processors: Mapping[str, Any] = compiled._bind_processors
        self._constants = {
            name: processors[name](value) if name in processors else value
            for name, value in compiled.params.items()
            if compiled.binds[name].unique
        }

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """Return the positional arguments of the statement, given the values of its parameters by name."""
        constants = self._constants
        if not constants:
            return [values[name] for name in self._names]
        return [constants[name] if name in constants else values[name] for name in self._names]


def equals_any(column: Any, ids: Sequence[Any] | ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a column is one of some ids, or equals another expression of the statement."""
    if not isinstance(ids, ColumnElement):
        ids = bindparam(None, list(ids), ARRAY(Uuid))
    # `= any (array)` has one parameter for any number of ids, so the SQL text is always the same.
    return column == (any_(ids) if isinstance(ids.type, ARRAY) else ids)  # type: ignore[no-any-return]


def contains_ignoring_case(column: Any, substring: Any) -> ColumnElement[bool]:
    """Return the condition that a text column contains a substring in Unicode NFC, ignoring case."""
    return func.strpos(func.lower(column), func.lower(func.normalize(substring))) > 0
