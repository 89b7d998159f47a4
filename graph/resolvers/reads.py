"""
Declarations of how fields are read from the database, and the SQL statements that are prepared from them.

A `FieldQuery` holds a statement function, which takes a `ReadContext` and the field's GraphQL arguments and returns a
SQLAlchemy select. The function is called once for each combination of argument kinds (null, true, false, or a value of
some type), with placeholders in place of values: it may test whether an argument is None or a boolean, and nothing
else. The SQL text is cached; each request only binds its values.

Strawberry's resolvers run the statement with all columns of the type (`graph/resolvers/loaders.py`). A plan runs it
with the selected columns only (`graph/plans/run.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, NamedTuple, NoReturn, TypeAlias

from cachetools import FIFOCache
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

# The arguments of a field by their Python names, in the order of the statement function's signature.
Arguments: TypeAlias = Mapping[str, Any]
# Converts the value of an argument to the value of a bind parameter. May raise Refusal.
Parser: TypeAlias = Callable[[Any], object]

# Prepared statements kept for each field. A field has a few variants, unless a caller tries every combination.
MAX_PREPARED_VARIANTS = 200
# The order matters, since BigInteger is a subclass of Integer.
SQL_TYPES = (Uuid, BigInteger, Integer, Numeric, Boolean, DateTime, Date, String, TypeEngine)


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
    Stands for an argument of a statement function whose value is known only when the statement is run.

    SQLAlchemy accepts it as a bind parameter wherever it accepts a value. Python code that needs the value itself
    raises ValueNotKnown. `is None` works, since a placeholder never stands for None.
    """

    __slots__ = ("_name", "_parameter")

    def __init__(self, name: str, sql_type: TypeEngine[Any] | None = None) -> None:
        self._name = name
        self._parameter = bindparam(name, type_=sql_type)

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
    """
    The context in which a statement function writes its statement.

    `scope` filters rows to those that the caller may see. `keys` is a bind parameter: the keys of the parent objects
    whose field is read. `today` is a bind parameter too, today's settlement date.
    """

    def __init__(self, scope: Scope, keys: Any = None) -> None:
        self.scope = scope
        self.keys = keys
        self.today: Any = bindparam("today", type_=Date)
        self.parsers: dict[str, Parser] = {}

    def day(self, on: date | None) -> Any:
        """Return the argument `on`, or today's settlement date where it is null."""
        return self.today if on is None else on

    def parsed(self, value: object, parse: Parser, kind: Any = String) -> Any:
        """
        Return a bind parameter of the SQL type `kind`, for which `parse` converts the argument's value on each run.

        `parse` may raise Refusal.
        """
        if not isinstance(value, Placeholder):
            raise TypeError(f"read.parsed() takes an argument of the statement function, not {value!r}.")
        self.parsers[value._name] = parse
        return bindparam(value._name, type_=kind)

    def id(self, value: object, *field: str) -> Any:
        """Return a bind parameter for the UUID of an ID argument; `field` is the argument's path for error messages."""
        return self.parsed(value, lambda text: parse_id(text, *field), Uuid)


class Column(NamedTuple):
    """A selected column, and the SQL type that it is cast to; None for no cast."""

    name: str
    cast_to: Any = None


class ColumnInfo(NamedTuple):
    """The SQL type of a column, one of `SQL_TYPES`, and whether the column may be null."""

    sql_type: type[TypeEngine[Any]]
    is_nullable: bool


@dataclass(frozen=True)
class Projection:
    """The part of the data that a statement reads: the columns (None for all), and the rows of a paged list."""

    columns: tuple[Column, ...] | None = None
    # Reads a page of the list of each of several parent objects, with a lateral join.
    per_parent: bool = False
    # Reads rows after the cursor: the index of one of the ranges of `Order.ranges_after`.
    range_after_cursor: int | None = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # The hash is cached, since a projection of up to a hundred columns is part of a cache key in every request.
        return hash((self.columns, self.per_parent, self.range_after_cursor))


class PreparedVariant(NamedTuple):
    """The statement for one combination of argument kinds, and the parsers for its values."""

    statement: CompiledStatement
    parsers: tuple[tuple[str, Parser], ...]


@dataclass(frozen=True, eq=False)
class FieldQuery:
    """
    The declaration of how a field is read from the database.

    A root field has no `parent_column`. A field of an object is read for many parent objects in one statement:
    `parent_column` is the column of the parent's row that holds the key, `key_column` the column of the field's own
    rows that holds the key of their parent. A list with an `order` is read by keyset pagination, for one parent object
    or a page for each of several. A scalar field returns `value_column`, or `default` if there is no row.
    """

    statement: Callable[..., ReadStatement]
    parent_column: str | None = None
    key_column: str | None = None
    order: Order | None = None
    is_list: bool = False
    value_column: str | None = None
    default: object = None
    _variants: FIFOCache[object, PreparedVariant] = field(default_factory=lambda: FIFOCache(MAX_PREPARED_VARIANTS))

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The field's arguments as parameters of the statement function; without `limit` and `nextToken`."""
        return list(signature(self.statement).parameters.values())[1:]

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {each.name: each.default for each in self.parameters}

    def with_defaults(self, arguments: Arguments) -> dict[str, Any]:
        """Return the statement function's arguments, with defaults for those that the caller left out."""
        return {name: arguments.get(name, default) for name, default in self._defaults.items()}

    @cached_property
    def column_info(self) -> Mapping[str, ColumnInfo]:
        """The types of the statement's columns by their names."""
        keys = None if self.parent_column is None else bindparam("keys", type_=ARRAY(Uuid))
        arguments: dict[str, Any] = {
            each.name: Placeholder(each.name) if each.default is Parameter.empty else None for each in self.parameters
        }
        statement = self.statement(ReadContext(UNRESTRICTED, keys), **arguments)
        return {
            str(each.key): ColumnInfo(
                next(sql_type for sql_type in SQL_TYPES if isinstance(_without_decorator(each.type), sql_type)),
                not isinstance(each, TableColumn) or bool(each.nullable),
            )
            for each in statement.selected_columns
        }

    def variant(
        self, scope: Scope, arguments: Arguments, argument_kinds: object, projection: Projection
    ) -> PreparedVariant:
        """Return the statement for arguments of these kinds (see `split_arguments`) from the cache, or prepare it."""
        key = (argument_kinds, projection, scope.vpp_ids is None, scope.site_ids is None)
        variant = self._variants.get(key)
        if variant is None:
            variant = self._variants[key] = self._prepare(scope, arguments, projection)
        return variant

    def _prepare(self, scope: Scope, arguments: Arguments, projection: Projection) -> PreparedVariant:
        keys: Any = None
        if projection.per_parent:
            keys = select(func.unnest(bindparam("keys", type_=ARRAY(Uuid))).label("id")).subquery().c.id
        elif self.parent_column is not None:
            keys = bindparam("key", type_=Uuid) if self.order else bindparam("keys", type_=ARRAY(Uuid))
        read = ReadContext(scope, keys)
        statement = self.statement(read, **{name: _placeholder(name, value) for name, value in arguments.items()})
        if self.order is not None:
            if projection.range_after_cursor is not None:
                ranges = list(self.order.ranges_after(_cursor_parameters(self.order)))
                statement = statement.where(ranges[projection.range_after_cursor])
            statement = statement.order_by(*self.order.order_by()).limit(bindparam("rows", type_=Integer))
        columns: list[ColumnElement[Any]]
        if projection.columns is None:
            columns = [each.label(str(each.key)) for each in statement.selected_columns]
        else:
            columns = [_cast(statement, each).label(f"column_{n}") for n, each in enumerate(projection.columns)]
        if projection.per_parent:
            assert self.order is not None  # noqa: S101
            # A lateral join, so that Postgres reads only a page of each list, which may have 100,000 rows.
            ordering = [each.label(f"order_{n}") for n, each in enumerate(self.order.columns)]
            rows = statement.with_only_columns(*columns, *ordering, maintain_column_froms=True).lateral()
            statement = select(*list(rows.c)[: len(columns)], _parent_key(keys, projection)).select_from(
                keys.table.join(rows, true())
            )
            statement = statement.order_by(*self.order.order_by([rows.c[each.name] for each in ordering]))
        else:
            if self.key_column is not None:
                columns.append(_parent_key(statement.selected_columns[self.key_column], projection))
            statement = statement.with_only_columns(*columns, maintain_column_froms=True)
        return PreparedVariant(CompiledStatement(statement), tuple(read.parsers.items()))


def split_arguments(arguments: Arguments) -> tuple[object, dict[str, Any]]:
    """Return the kinds of arguments as a cache key (None, booleans, and types), and their values by parameter name."""
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


def _placeholder(name: str, value: Any) -> Any:
    """Return an argument for a statement function: None and booleans as they are, placeholders for other values."""
    if value is None or isinstance(value, bool):
        return value
    if is_dataclass(value):
        inner = {each.name: _placeholder(f"{name}_{each.name}", getattr(value, each.name)) for each in fields(value)}
        input: Any = type(value)
        return input(**inner)
    sql_types = ((datetime, DateTime(timezone=True)), (date, Date()), (list, ARRAY(String)))
    return Placeholder(name, next((sql_type for python, sql_type in sql_types if isinstance(value, python)), None))


def _without_decorator(sql_type: TypeEngine[Any]) -> TypeEngine[Any]:
    # SQLModel declares a text as AutoString, a TypeDecorator of String.
    return sql_type.impl_instance if isinstance(sql_type, TypeDecorator) else sql_type


def _cursor_parameters(order: Order) -> list[Any]:
    """Return the bind parameters for `PageRequest.cursor_values`."""
    return [bindparam(f"cursor_{n}", type_=column.type) for n, column in enumerate(order.columns)]


def _parent_key(column: ColumnElement[Any], projection: Projection) -> ColumnElement[Any]:
    # A plan looks parent objects up by their ids as text, a data loader by UUIDs.
    return (column if projection.columns is None else cast(column, String)).label("parent_key")


def _cast(statement: ReadStatement, column: Column) -> ColumnElement[Any]:
    selected: ColumnElement[Any] = statement.selected_columns[column.name]
    return selected if column.cast_to is None else cast(selected, column.cast_to)


def bind(
    query: FieldQuery, arguments: Arguments, projection: Projection, values: Mapping[str, Any], scope: Scope
) -> tuple[CompiledStatement, dict[str, Any]]:
    """
    Return the prepared statement for a field's arguments, and the values of its bind parameters by name.

    `values` holds the parameters that are not arguments of the field: keys, cursor, limit, today. Raises Refusal.
    """
    argument_kinds, bound = split_arguments(arguments)
    variant = query.variant(scope, arguments, argument_kinds, projection)
    for name, parse in variant.parsers:
        bound[name] = parse(bound[name])
    bound.update(values)
    return variant.statement, bound
