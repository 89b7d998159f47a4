"""
What fields read, declared once: a statement, and how its rows belong to the objects they are read for.

A statement is a function of `ReadContext`, which stands for the caller and the objects, and of the field's arguments.
It is called once for each combination of null, boolean and given arguments, with placeholders in place of values:
it may test which arguments are None or a boolean. Strawberry runs the statement with all columns of the type; a plan
(`graph/plans/run.py`) runs it with the selected columns only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, NamedTuple, NoReturn, TypeAlias

from cachetools import LRUCache
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    String,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.engine.database import ReadStatement
from db.engine.scope import UNRESTRICTED, Scope
from db.engine.statements import CompiledStatement
from graph.resolvers.paging import Order
from graph.resolvers.scalars import parse_id

# As a resolver is given them, in the order of its signature.
Arguments: TypeAlias = Mapping[str, Any]
# What makes of a value one that the database knows. Raises Refusal.
Parse: TypeAlias = Callable[[Any], object]

# Of one field; there are a few, unless somebody tries them all.
MAX_PREPARED_VARIANTS = 200
KINDS = (Uuid, BigInteger, Integer, Numeric, Boolean, DateTime, Date, String, TypeEngine)


class ValueNotKnown(AttributeError, TypeError):
    """
    A statement function used the value of an argument, which is known only when the statement is run.

    It is an AttributeError because SQLAlchemy looks for optional attributes by `hasattr`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The value of {name!r} is not known when the statement is written; pass it to SQL as it is,"
            " or convert it with read.parsed(value, parse, kind)."
        )


class Placeholder:
    """
    An argument of a statement function whose value is known only when the statement is run.

    SQLAlchemy takes it as a bind parameter, wherever it takes a value. Whatever Python would do with the value itself
    raises ValueNotKnown. `is None` works, since a placeholder never stands for None.
    """

    __slots__ = ("_name", "_parameter")

    def __init__(self, name: str, kind: TypeEngine[Any] | None = None) -> None:
        self._name = name
        self._parameter = bindparam(name, type_=kind)

    def __clause_element__(self) -> ColumnElement[Any]:
        return self._parameter

    def __repr__(self) -> str:
        return f"Placeholder({self._name!r})"

    def __getattr__(self, name: str) -> NoReturn:
        raise ValueNotKnown(self._name)

    def _refuse(self, *_args: object) -> NoReturn:
        raise ValueNotKnown(self._name)

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __str__ = __format__ = __int__ = __float__ = __index__ = _refuse


class ReadContext:
    """For whom, and of which objects, a statement is written."""

    def __init__(self, scope: Scope, keys: Any = None) -> None:
        self.scope = scope
        self.keys = keys
        self.today: Any = bindparam("today", type_=Date)
        self.parses: dict[str, Parse] = {}

    def day(self, on: date | None) -> Any:
        """Return the day that was given, or today."""
        return self.today if on is None else on

    def parsed(self, value: object, parse: Parse, kind: Any = String) -> Any:
        """
        Return a bind parameter of a database type, whose value `parse` makes of an argument's value before each run.

        `parse` may raise Refusal.
        """
        if not isinstance(value, Placeholder):
            raise TypeError(f"read.parsed() takes an argument of the statement function, not {value!r}.")
        self.parses[value._name] = parse
        return bindparam(value._name, type_=kind)

    def id(self, value: object, *field: str) -> Any:
        """Return a bind parameter for the UUID of an ID argument; `field` is the argument's path for error messages."""
        return self.parsed(value, lambda text: parse_id(text, *field), Uuid)


class Column(NamedTuple):
    """A column of a statement that is wanted of it, as the type that it is wanted as."""

    name: str
    kind: Any = None


class Known(NamedTuple):
    """What is known of a column: of which of the `KINDS` it is, and whether it may be null."""

    kind: type[TypeEngine[Any]]
    may_be_null: bool


@dataclass(frozen=True)
class Projection:
    """Which part of what a statement reads is wanted: columns, None for all, and of a list a page."""

    columns: tuple[Column, ...] | None = None
    # Of each of many owners, not of one.
    of_each: bool = False
    # Behind a row, in the one of several parts that follow one another.
    behind: int | None = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # It is looked up with every request, and may have a hundred columns.
        return hash((self.columns, self.of_each, self.behind))


class PreparedVariant(NamedTuple):
    """A way in which a field can be asked for: what is run, and what is made of the values that it is run with."""

    prepared: CompiledStatement
    parses: tuple[tuple[str, Parse], ...]


@dataclass(frozen=True, eq=False)
class FieldQuery:
    """
    How a field is read.

    At the root of a query it is read for nobody; below that, by a column of the object it is a field of. An `owner` is
    the column of what it reads that says whose each row is; a list that has an `order` is read in pages, of one owner
    or of each of many. A field that is no object shows one column, or what it is otherwise.
    """

    statement: Callable[..., ReadStatement]
    by: str | None = None
    owner: str | None = None
    order: Order | None = None
    is_list: bool = False
    column: str | None = None
    otherwise: object = None
    _variants: LRUCache[object, PreparedVariant] = field(default_factory=lambda: LRUCache(MAX_PREPARED_VARIANTS))

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The names of its arguments, but for those that say which page is wanted, and what stands for each."""
        return {each.name: each.default for each in self.parameters}

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The field's arguments, but for those that say which page is wanted."""
        return list(signature(self.statement).parameters.values())[1:]

    def arguments(self, given: Arguments) -> dict[str, Any]:
        """Return the arguments that were given, and what stands for those that were not."""
        return {name: given.get(name, default) for name, default in self.defaults.items()}

    @cached_property
    def columns(self) -> Mapping[str, Known]:
        """What is known of the columns of what is read."""
        keys = None if self.by is None else bindparam("keys", type_=ARRAY(Uuid))
        given: dict[str, Any] = {
            each.name: Placeholder(each.name) if each.default is Parameter.empty else None for each in self.parameters
        }
        statement = self.statement(ReadContext(UNRESTRICTED, keys), **given)
        return {
            str(each.key): Known(
                next(kind for kind in KINDS if isinstance(_plain(each.type), kind)),
                not isinstance(each, TableColumn) or bool(each.nullable),
            )
            for each in statement.selected_columns
        }

    def variant(self, scope: Scope, arguments: Arguments, read: object, form: Projection) -> PreparedVariant:
        """Return what is run for a caller of this reach; `asked` is what `places` made of the arguments."""
        key = (read, form, scope.vpp_ids is None, scope.site_ids is None)
        way = self._variants.get(key)
        if way is None:
            way = self._variants[key] = self._written(scope, arguments, form)
        return way

    def _written(self, scope: Scope, arguments: Arguments, form: Projection) -> PreparedVariant:
        keys: Any = None
        if form.of_each:
            keys = select(func.unnest(bindparam("keys", type_=ARRAY(Uuid))).label("id")).subquery().c.id
        elif self.by is not None:
            keys = bindparam("key", type_=Uuid) if self.order else bindparam("keys", type_=ARRAY(Uuid))
        read = ReadContext(scope, keys)
        statement = self.statement(read, **{name: _place(name, value) for name, value in arguments.items()})
        if self.order is not None:
            if form.behind is not None:
                statement = statement.where(list(self.order.behind_in_parts(_last(self.order)))[form.behind])
            statement = statement.order_by(*self.order.by()).limit(bindparam("rows", type_=Integer))
        shown: list[ColumnElement[Any]]
        if form.columns is None:
            shown = [_shown(statement, each).label(each.name) for each in _all_of(statement)]
        else:
            shown = [_shown(statement, each).label(f"shown_{place}") for place, each in enumerate(form.columns)]
        if form.of_each:
            assert self.order is not None  # noqa: S101
            # One after the other, since of a list of a hundred thousand no more is to be read than its page.
            ordering = [each.label(f"order_{place}") for place, each in enumerate(self.order.columns)]
            rows = statement.with_only_columns(*shown, *ordering, maintain_column_froms=True).lateral()
            statement = select(*list(rows.c)[: len(shown)], _owner(keys, form)).select_from(
                keys.table.join(rows, true())
            )
            statement = statement.order_by(*self.order.by([rows.c[each.name] for each in ordering]))
        else:
            if self.owner is not None:
                shown.append(_owner(statement.selected_columns[self.owner], form))
            statement = statement.with_only_columns(*shown, maintain_column_froms=True)
        return PreparedVariant(CompiledStatement(statement), tuple(read.parses.items()))


def split_arguments(arguments: Arguments) -> tuple[object, dict[str, Any]]:
    """Return in which way something is asked for by its arguments, and the values among them by name."""
    values: dict[str, Any] = {}
    return tuple([_split_value(name, value, values) for name, value in arguments.items()]), values


def _split_value(name: str, value: Any, values: dict[str, Any]) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        values[name] = value.value if isinstance(value, Enum) else value
        return type(value)
    if is_dataclass(value):
        return tuple([_split_value(f"{name}_{each.name}", getattr(value, each.name), values) for each in fields(value)])
    values[name] = value.value if isinstance(value, Enum) else value
    return type(value)


def _place(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_dataclass(value):
        inner = {each.name: _place(f"{name}_{each.name}", getattr(value, each.name)) for each in fields(value)}
        input: Any = type(value)
        return input(**inner)
    kinds = ((datetime, DateTime(timezone=True)), (date, Date()), (list, ARRAY(String)))
    return Placeholder(name, next((kind for of, kind in kinds if isinstance(value, of)), None))


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    # SQLModel's texts are a kind of their own.
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _last(order: Order) -> list[Any]:
    return [bindparam(f"last_{place}", type_=column.type) for place, column in enumerate(order.columns)]


def _all_of(statement: ReadStatement) -> list[Column]:
    return [Column(str(each.key)) for each in statement.selected_columns]


def _owner(column: ColumnElement[Any], form: Projection) -> ColumnElement[Any]:
    # A plan knows objects by their ids as they are shown.
    return (column if form.columns is None else cast(column, String)).label("owner")


def _shown(statement: ReadStatement, column: Column) -> ColumnElement[Any]:
    shown: ColumnElement[Any] = statement.selected_columns[column.name]
    return shown if column.kind is None else cast(shown, column.kind)


def bind(
    reads: FieldQuery, arguments: Arguments, form: Projection, values: Mapping[str, Any], scope: Scope
) -> tuple[CompiledStatement, dict[str, Any]]:
    """Return what is run, given a field's arguments and what else it is run with, and its values. Raises Refusal."""
    read, given = split_arguments(arguments)
    way = reads.variant(scope, arguments, read, form)
    for name, parse in way.parses:
        given[name] = parse(given[name])
    given.update(values)
    return way.prepared, given
