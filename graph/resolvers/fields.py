"""The kinds of fields of the schema's types: columns of a row, objects in the same row, and separate reads."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from inspect import Parameter, signature
from typing import Any, Generic, NamedTuple, Self, TypeVar, cast
from uuid import UUID

import strawberry
from graphql import GraphQLObjectType, get_named_type
from strawberry import ID
from strawberry.extensions import FieldExtension
from strawberry.types.base import StrawberryObjectDefinition

from db.engine.database import AnyRow
from graph.resolvers.context import CreatedObject, Info
from graph.resolvers.paging import Page, page_request
from graph.resolvers.permissions import FieldDenied
from graph.resolvers.reads import FieldQuery

Item = TypeVar("Item", bound="RowType")

# Keys of a Strawberry field's metadata, under which its FieldQuery, ColumnField or EmbeddedObject is found. The
# ColumnField of an OBJECT_LIST returns a list of Python objects, or None.
FIELD_QUERY, COLUMN_FIELD, EMBEDDED_OBJECT, OBJECT_LIST = (
    "field_query",
    "column_field",
    "embedded_object",
    "object_list",
)


class ColumnField(NamedTuple):
    """A field that shows a column of the row, or the result of `convert` for the values of several columns."""

    columns: tuple[str, ...]
    convert: Callable[..., Any] | None = None

    def value_from(self, row: Any) -> Any:
        values = [getattr(row, column) for column in self.columns]
        return values[0] if self.convert is None else self.convert(*values)


class EmbeddedObject(NamedTuple):
    """A field that is an object made of the same row; null where `exists` is false for the row."""

    row_type: Callable[[], "type[RowType]"]
    exists: ColumnField


class RowType:
    """
    The base of the schema's types whose objects are made of a database row.

    A field shows the column of the same name, unless it is declared by `column_field`, `embedded_object`, `object_list`
    or `query_field`.
    """

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Make an object of a row, or of another object that has all its columns as attributes."""
        values = {name: column_field.value_from(row) for name, column_field in cls._column_fields()}
        for name, embedded in cls._embedded_objects():
            values[name] = embedded.row_type().from_row(row) if embedded.exists.value_from(row) else None
        return cls(**values)

    @classmethod
    def from_rows(cls, rows: Iterable[AnyRow]) -> list[Self]:
        return [cls.from_row(row) for row in rows]

    @classmethod
    def from_optional_row(cls, row: AnyRow | None) -> Self | None:
        return None if row is None else cls.from_row(row)

    @classmethod
    async def load_first(cls, info: Info, query: FieldQuery, **arguments: Any) -> Self | None:
        """Read the first row of a root field's query and make an object of it; None without rows."""
        rows = await info.context.loaders.rows(query, arguments)
        return cls.from_row(rows[0]) if rows else None

    @classmethod
    async def load_created(cls, info: Info, created: CreatedObject, by_id: FieldQuery) -> Self | None:
        """Make the object of a new row: of the row that the INSERT returned, otherwise of a read by id."""
        if created.row is None:
            return await cls.load_first(info, by_id, id=str(created.id))
        return cls.from_row(created.row)

    @classmethod
    @cache
    def _column_fields(cls) -> list[tuple[str, ColumnField]]:
        shown = [each for each in fields(cls) if each.init and EMBEDDED_OBJECT not in each.metadata]  # type: ignore[arg-type]
        return [(each.name, column_field_of(each)) for each in shown]

    @classmethod
    @cache
    def _embedded_objects(cls) -> list[tuple[str, EmbeddedObject]]:
        return [
            (each.name, each.metadata[EMBEDDED_OBJECT])
            for each in fields(cls)  # type: ignore[arg-type]
            if EMBEDDED_OBJECT in each.metadata
        ]


@strawberry.type
class Connection(Generic[Item]):
    items: list[Item]
    next_token: str | None

    @classmethod
    def from_page(cls, item_type: type[Item], page: Page) -> Self:
        return cls(items=item_type.from_rows(page.rows), next_token=page.next_token)


def column_field(*columns: str, convert: Callable[..., Any] | None = None, description: str | None = None) -> Any:
    """Declare a field that shows a column of another name, or the result of a function of some columns."""
    return strawberry.field(description=description, metadata={COLUMN_FIELD: ColumnField(columns, convert)})


def column_field_of(field: Any) -> ColumnField:
    """Return the ColumnField that a field is declared with, or one for the column of the same name."""
    declared = field.metadata.get(COLUMN_FIELD, ColumnField(()))
    return ColumnField(declared.columns or (field.name,), declared.convert)


def embedded_object(
    row_type: Callable[[], type[RowType]],
    exists: ColumnField,
    *extensions: FieldExtension,
    description: str | None = None,
) -> Any:
    """Declare a field that is an object made of the same row."""
    return strawberry.field(
        description=description,
        extensions=list(extensions),
        metadata={EMBEDDED_OBJECT: EmbeddedObject(row_type, exists)},
    )


def object_list(*columns: str, convert: Callable[..., Any], description: str | None = None) -> Any:
    """
    Declare a field that is a list of objects, which a function makes of some columns; null where it returns None.

    It runs only if the field is selected. The type has each of the columns as a field, possibly a private one.
    """
    column_field = ColumnField(columns, convert)

    def resolve(self: Any) -> Any:
        return column_field.value_from(self)

    return strawberry.field(resolver=resolve, description=description, metadata={OBJECT_LIST: column_field})


def query_field(
    query: FieldQuery, *extensions: FieldExtension, name: str | None = None, description: str | None = None
) -> Any:
    """Declare a field that is read by a statement; the parameters of its statement function are its arguments."""
    return strawberry.field(
        resolver=_resolver(query),
        name=name,
        description=description,
        extensions=list(extensions),
        metadata={FIELD_QUERY: query},
    )


def row_type(graphql_type: Any) -> type[RowType]:
    """Return the Python class of a GraphQL type's objects; for a Connection, the class of its items."""
    named = get_named_type(graphql_type)
    assert isinstance(named, GraphQLObjectType)  # noqa: S101
    if named.name.endswith("Connection"):
        return row_type(named.fields["items"].type)
    definition: StrawberryObjectDefinition = named.extensions["strawberry-definition"]
    return cast(type[RowType], definition.origin)


def _resolver(query: FieldQuery) -> Callable[..., Any]:
    """Return the Strawberry resolver of a field, with the field's arguments in its signature."""

    async def resolve(self: Any, info: Info, **given: Any) -> Any:
        arguments, loaders = query.with_defaults(given), info.context.loaders
        return_type = info._raw_info.return_type
        key = None if query.parent_column is None else getattr(self, query.parent_column)
        key = UUID(key) if isinstance(key, str) else key
        if query.order is not None:
            owner = (info.field_name,) if key is None else (f"{info.path.typename}.{info.field_name}", key)
            request = page_request(
                given.get("limit"),
                given.get("next_token"),
                order=query.order,
                list_identity=(*owner, *arguments.values()),
            )
            return Connection.from_page(row_type(return_type), await loaders.page(query, arguments, request, key))
        if query.parent_column is None:
            rows = await loaders.rows(query, arguments)
        else:
            rows = await loaders.related(query, arguments, key)
        if query.value_column is not None:
            return getattr(rows[0], query.value_column) if rows else query.default
        if query.is_list:
            return row_type(return_type).from_rows(rows)
        if rows:
            return row_type(return_type).from_row(rows[0])
        if not hasattr(return_type, "of_type"):
            return None
        # The type is not nullable: a foreign key guarantees the row, so the row exists, outside the caller's scope.
        raise FieldDenied(name=info.field_name, type=info.path.typename)

    own = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", "info")]
    own[1] = own[1].replace(annotation=Info)
    page_parameters = [
        Parameter("limit", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=int | None),
        Parameter("next_token", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=str | None),
    ]
    resolve.__signature__ = signature(resolve).replace(  # type: ignore[attr-defined]
        parameters=[*own, *query.parameters, *(page_parameters if query.order is not None else ())],
        return_annotation=Parameter.empty,
    )
    # Strawberry resolves the names of types in the signature in this module.
    resolve.__module__ = query.statement.__module__
    return resolve


def require_row(row: Item | None) -> Item:
    """Return a row that a foreign key guarantees to exist."""
    assert row is not None  # noqa: S101
    return row


def to_uuid(id: ID) -> UUID:
    """Return the UUID of an object's `id` field."""
    return UUID(str(id))
