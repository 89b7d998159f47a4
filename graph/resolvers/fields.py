"""How rows become the schema's objects, and which fields of these are read by statements of their own."""

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

# What a field is declared to be, in its metadata.
READS, SHOWN, PART = "reads", "shown", "part"


class ColumnField(NamedTuple):
    """What of a row a field shows: the column of its name or another, or what a function makes of some."""

    columns: tuple[str, ...]
    by: Callable[..., Any] | None = None

    def of(self, row: Any) -> Any:
        values = [getattr(row, column) for column in self.columns]
        return values[0] if self.by is None else self.by(*values)


class EmbeddedObject(NamedTuple):
    """An object that is made of the same row, where a function of some columns says that there is one."""

    of: Callable[[], "type[RowType]"]
    where: ColumnField


class RowType:
    """An object of the schema that is made of a row: its fields are columns by their names, unless they say more."""

    @classmethod
    def of(cls, row: Any) -> Self:
        """Make one of a row, or of whatever else has all its columns."""
        made = {name: column_field.of(row) for name, column_field in cls._shown()}
        for name, embedded_object in cls._parts():
            made[name] = embedded_object.of().of(row) if embedded_object.where.of(row) else None
        return cls(**made)

    @classmethod
    def of_each(cls, rows: Iterable[AnyRow]) -> list[Self]:
        return [cls.of(row) for row in rows]

    @classmethod
    def of_any(cls, row: AnyRow | None) -> Self | None:
        return None if row is None else cls.of(row)

    @classmethod
    async def first(cls, info: Info, reads: FieldQuery, **arguments: Any) -> Self | None:
        """Read one by a statement, given its arguments."""
        rows = await info.context.loaders.rows(reads, arguments)
        return cls.of(rows[0]) if rows else None

    @classmethod
    async def created(cls, info: Info, created: CreatedObject, by_id: FieldQuery) -> Self | None:
        """Return one that was created just now."""
        return await cls.first(info, by_id, id=str(created.id)) if created.row is None else cls.of(created.row)

    @classmethod
    @cache
    def _shown(cls) -> list[tuple[str, ColumnField]]:
        made = [each for each in fields(cls) if each.init and PART not in each.metadata]  # type: ignore[arg-type]
        return [(each.name, column_field_of(each)) for each in made]

    @classmethod
    @cache
    def _parts(cls) -> list[tuple[str, EmbeddedObject]]:
        return [(each.name, each.metadata[PART]) for each in fields(cls) if PART in each.metadata]  # type: ignore[arg-type]


@strawberry.type
class Connection(Generic[Item]):
    items: list[Item]
    next_token: str | None

    @classmethod
    def of(cls, kind: type[Item], page: Page) -> Self:
        return cls(items=kind.of_each(page.rows), next_token=page.next_token)


def column_field(*columns: str, by: Callable[..., Any] | None = None, description: str | None = None) -> Any:
    """Declare a field that shows a column of another name, or what a function makes of some."""
    return strawberry.field(description=description, metadata={SHOWN: ColumnField(columns, by)})


def column_field_of(field: Any) -> ColumnField:
    """Return what a field shows, which is the column of its own name unless it says more."""
    declared = field.metadata.get(SHOWN, ColumnField(()))
    return ColumnField(declared.columns or (field.name,), declared.by)


def embedded_object(
    of: Callable[[], type[RowType]], where: ColumnField, *extensions: FieldExtension, description: str | None = None
) -> Any:
    """Declare a field that is an object made of the same row."""
    return strawberry.field(
        description=description, extensions=list(extensions), metadata={PART: EmbeddedObject(of, where)}
    )


def query_field(
    reads: FieldQuery, *extensions: FieldExtension, name: str | None = None, description: str | None = None
) -> Any:
    """Declare a field that is read by a statement, of whose parameters it has its arguments."""
    resolver = _resolver(reads)
    return strawberry.field(
        resolver=resolver, name=name, description=description, extensions=list(extensions), metadata={READS: reads}
    )


def row_type(kind: Any) -> type[RowType]:
    """Return what the objects of a GraphQL type are, or of the list that it is a page of."""
    named = get_named_type(kind)
    assert isinstance(named, GraphQLObjectType)  # noqa: S101
    if named.name.endswith("Connection"):
        return row_type(named.fields["items"].type)
    definition: StrawberryObjectDefinition = named.extensions["strawberry-definition"]
    return cast(type[RowType], definition.origin)


def list_name(info_parent: str, field: str, key: UUID | None) -> tuple[object, ...]:
    """Return what a list is known by to the tokens of its pages."""
    return (field,) if key is None else (f"{info_parent}.{field}", key)


def _resolver(reads: FieldQuery) -> Callable[..., Any]:
    async def resolve(self: Any, info: Info, **given: Any) -> Any:
        arguments, loaders = reads.arguments(given), info.context.loaders
        kind = info._raw_info.return_type
        key = None if reads.by is None else getattr(self, reads.by)
        key = UUID(key) if isinstance(key, str) else key
        if reads.order is not None:
            of = (*list_name(info.path.typename or "", info.field_name, key), *arguments.values())
            request = page_request(given.get("limit"), given.get("next_token"), order=reads.order, of=of)
            return Connection.of(row_type(kind), await loaders.page(reads, arguments, request, key))
        rows = await (loaders.rows(reads, arguments) if reads.by is None else loaders.related(reads, arguments, key))
        if reads.column is not None:
            return getattr(rows[0], reads.column) if rows else reads.otherwise
        if reads.is_list:
            return row_type(kind).of_each(rows)
        if rows:
            return row_type(kind).of(rows[0])
        if not hasattr(kind, "of_type"):
            return None
        # It is there, but may be of others, too.
        raise FieldDenied(name=info.field_name, type=info.path.typename)

    own = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", "info")]
    own[1] = own[1].replace(annotation=Info)
    of_page = [
        Parameter("limit", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=int | None),
        Parameter("next_token", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=str | None),
    ]
    resolve.__signature__ = signature(resolve).replace(  # type: ignore[attr-defined]
        parameters=[*own, *reads.parameters, *(of_page if reads.order is not None else ())],
        return_annotation=Parameter.empty,
    )
    # Where the names of types in its signature are looked up.
    resolve.__module__ = reads.statement.__module__
    return resolve


def require_row(thing: Item | None) -> Item:
    """Return what a foreign key says is there."""
    assert thing is not None  # noqa: S101
    return thing


def key(id: ID) -> UUID:
    """Return the UUID behind the id of an object of ours."""
    return UUID(str(id))
