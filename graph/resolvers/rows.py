"""How rows become the schema's objects, and pages of them connections."""

from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import Generic, Self, TypeVar
from uuid import UUID

import strawberry
from strawberry import ID

from db.engine import AnyRow
from graph.paging import Page

Item = TypeVar("Item", bound="FromRow")


class FromRow:
    """An object of the schema whose fields are columns of a row, by the same names."""

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(**{name: getattr(row, name) for name in cls._columns()})

    @classmethod
    def of_each(cls, rows: Iterable[AnyRow]) -> list[Self]:
        return [cls.of(row) for row in rows]

    @classmethod
    @cache
    def _columns(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls) if field.init)  # type: ignore[arg-type]

    @classmethod
    def of_any(cls, row: AnyRow | None) -> Self | None:
        return None if row is None else cls.of(row)


@strawberry.type
class Connection(Generic[Item]):
    items: list[Item]
    next_token: str | None

    @classmethod
    def of(cls, kind: type[Item], page: Page) -> Self:
        return cls(items=kind.of_each(page.rows), next_token=page.next_token)


def there(thing: Item | None) -> Item:
    """Return what a foreign key says is there."""
    assert thing is not None  # noqa: S101
    return thing


def key(id: ID) -> UUID:
    """Return the UUID behind the id of an object of ours."""
    return UUID(str(id))
