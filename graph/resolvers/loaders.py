"""
Data loaders: each statement runs once for all parent objects of a request that need the same field.

The loaders batch but do not cache. After a mutation, and over a WebSocket that stays open for hours, the same loader
reads the current rows.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

import db.reports
from db.engine.database import AnyRow, Database, ReadConnection
from db.engine.scope import Scope
from graph.resolvers.paging import Page, PageRequest
from graph.resolvers.reads import Arguments, FieldQuery, Projection, bind
from graph.settlement.month import settlement_date

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

ALL_COLUMNS = Projection()
ALL_COLUMNS_PER_PARENT = Projection(per_parent=True)


class Loaders:
    """The data loaders of one request, restricted to the scope of its caller."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database.scoped_to(scope)
        self._unrestricted_database = database
        self._scope = scope
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self.identity = _batching_loader(self._load_identities)

    async def rows(self, query: FieldQuery, arguments: Arguments) -> Sequence[AnyRow]:
        """Read the rows of a root field."""
        async with self._database.read_connection() as connection:
            return await self._run(connection, query, arguments, ALL_COLUMNS, {})

    async def related(self, query: FieldQuery, arguments: Arguments, key: UUID | None) -> list[AnyRow]:
        """Read the rows of a field of a parent object, given the object's key; a null key has no rows."""
        if key is None:
            return []
        rows: list[AnyRow] = await self._loader(query, arguments, 0, self._load_related).load(key)
        return rows

    async def page(
        self, query: FieldQuery, arguments: Arguments, request: PageRequest, key: UUID | None = None
    ) -> Page:
        """
        Read a page of the list of a root field, or of a field of the parent object that has the given key.

        One statement reads the first pages of several parent objects; each later page needs its own statement.
        """
        if key is not None and request.cursor is None:
            loader = self._loader(query, arguments, request.limit + 1, self._load_first_pages)
            first_rows: list[AnyRow] = await loader.load(key)
            return request.page(first_rows)
        rows: list[AnyRow] = []
        async with self._database.read_connection() as connection:
            for range_after_cursor in request.ranges:
                missing = request.limit + 1 - len(rows)
                if missing:
                    projection = Projection(range_after_cursor=range_after_cursor)
                    values = {"key": key, "rows": missing, **request.cursor_values}
                    rows += await self._run(connection, query, arguments, projection, values)
        return request.page(rows)

    def _loader(
        self, query: FieldQuery, arguments: Arguments, max_rows: int, load: Callable[..., Any]
    ) -> DataLoader[UUID, list[AnyRow]]:
        loader_key = (query, tuple(arguments.items()), max_rows)
        if loader_key not in self._loaders:
            self._loaders[loader_key] = _batching_loader(lambda keys: load(query, arguments, max_rows, keys))
        return self._loaders[loader_key]

    async def _load_related(
        self, query: FieldQuery, arguments: Arguments, _max_rows: int, keys: list[UUID]
    ) -> list[list[AnyRow]]:
        return await self._load_by_parent(query, arguments, ALL_COLUMNS, keys, {})

    async def _load_first_pages(
        self, query: FieldQuery, arguments: Arguments, max_rows: int, keys: list[UUID]
    ) -> list[list[AnyRow]]:
        return await self._load_by_parent(query, arguments, ALL_COLUMNS_PER_PARENT, keys, {"rows": max_rows})

    async def _load_by_parent(
        self,
        query: FieldQuery,
        arguments: Arguments,
        projection: Projection,
        keys: list[UUID],
        values: dict[str, object],
    ) -> list[list[AnyRow]]:
        rows_by_parent: dict[UUID, list[AnyRow]] = defaultdict(list)
        async with self._database.read_connection() as connection:
            for row in await self._run(connection, query, arguments, projection, {"keys": list(set(keys)), **values}):
                rows_by_parent[row.parent_key].append(row)
        return [rows_by_parent[key] for key in keys]

    async def _run(
        self,
        connection: ReadConnection,
        query: FieldQuery,
        arguments: Arguments,
        projection: Projection,
        values: dict[str, Any],
    ) -> list[Any]:
        values = {"today": today(), **values, **self._scope.bind_values()}
        return await connection.rows(*bind(query, arguments, projection, values, self._scope))

    async def _load_identities(self, keys: list[tuple[UUID, date]]) -> list[str | None]:
        """
        Return the hash of the current settlement inputs of each VPP and month.

        The hash also covers rows outside the caller's scope: it reveals only whether an input has changed.
        """
        rows = await self._unrestricted_database.rows(db.reports.identities(list(set(keys))))
        identities = {(row.vpp_id, row.month): row.identity for row in rows}
        return [identities.get(key) for key in keys]


def today() -> date:
    """Return today's settlement date."""
    return settlement_date(datetime.now(UTC))


def _batching_loader(load: Callable[[list[Key]], Awaitable[Sequence[Value]]]) -> DataLoader[Key, Value]:
    return DataLoader(load_fn=load, cache=False)
