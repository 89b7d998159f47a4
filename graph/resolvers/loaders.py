"""
What fields read, gathered: as many statements as there are kinds of things asked for, however many rows ask.

Nothing is remembered from one round to the next: after a mutation, and over a WebSocket that stays open for hours, the
same loader reads what is there now.
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

ALL = Projection()
OF_EACH = Projection(of_each=True)


class Loaders:
    """The loaders of one request, which load what its caller can reach."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database.scoped_to(scope)
        self._whole_database = database
        self._scope = scope
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self.identity = _loader(self._identities)

    async def rows(self, reads: FieldQuery, arguments: Arguments) -> Sequence[AnyRow]:
        """Read what is read for nobody."""
        async with self._database.read_connection() as reading:
            return await self._run(reading, reads, arguments, ALL, {})

    async def related(self, reads: FieldQuery, arguments: Arguments, key: UUID | None) -> list[AnyRow]:
        """Load what belongs to an object, known by a column of its own."""
        if key is None:
            return []
        found: list[AnyRow] = await self._of_each(reads, arguments, 0, self._owned).load(key)
        return found

    async def page(
        self, reads: FieldQuery, arguments: Arguments, request: PageRequest, key: UUID | None = None
    ) -> Page:
        """Load a page of a list, an object's own where there is a key; first pages of many are read at once."""
        if key is not None and request.after is None:
            first: list[AnyRow] = await self._of_each(reads, arguments, request.limit + 1, self._first_rows).load(key)
            return request.page(first)
        rows: list[AnyRow] = []
        async with self._database.read_connection() as reading:
            for part in request.parts:
                left = request.limit + 1 - len(rows)
                if left:
                    values = {"key": key, "rows": left, **request.last}
                    rows += await self._run(reading, reads, arguments, Projection(behind=part), values)
        return request.page(rows)

    def _of_each(
        self, reads: FieldQuery, arguments: Arguments, rows: int, load: Callable[..., Any]
    ) -> DataLoader[UUID, list[AnyRow]]:
        read = (reads, tuple(arguments.items()), rows)
        if read not in self._loaders:
            self._loaders[read] = _loader(lambda keys: load(reads, arguments, rows, keys))
        return self._loaders[read]

    async def _owned(self, reads: FieldQuery, arguments: Arguments, _rows: int, keys: list[UUID]) -> list[list[AnyRow]]:
        return await self._by_owner(reads, arguments, ALL, keys, {})

    async def _first_rows(
        self, reads: FieldQuery, arguments: Arguments, rows: int, keys: list[UUID]
    ) -> list[list[AnyRow]]:
        return await self._by_owner(reads, arguments, OF_EACH, keys, {"rows": rows})

    async def _by_owner(
        self, reads: FieldQuery, arguments: Arguments, form: Projection, keys: list[UUID], values: dict[str, object]
    ) -> list[list[AnyRow]]:
        found: dict[UUID, list[AnyRow]] = defaultdict(list)
        async with self._database.read_connection() as reading:
            for row in await self._run(reading, reads, arguments, form, {"keys": list(set(keys)), **values}):
                found[row.owner].append(row)
        return [found[key] for key in keys]

    async def _run(
        self, reading: ReadConnection, reads: FieldQuery, arguments: Arguments, form: Projection, values: dict[str, Any]
    ) -> list[Any]:
        values = {"today": today(), **values, **self._scope.bind_values()}
        return await reading.rows(*bind(reads, arguments, form, values, self._scope))

    async def _identities(self, keys: list[tuple[UUID, date]]) -> list[str | None]:
        """
        Load the identity of what a VPP's month would be settled from now.

        That is made of all that is there, whoever asks: it tells no more than whether it is the same as before.
        """
        rows = await self._whole_database.rows(db.reports.identities(list(set(keys))))
        found = {(row.vpp_id, row.month): row.identity for row in rows}
        return [found.get(key) for key in keys]


def today() -> date:
    """Return the settlement date it is."""
    return settlement_date(datetime.now(UTC))


def _loader(load: Callable[[list[Key]], Awaitable[Sequence[Value]]]) -> DataLoader[Key, Value]:
    return DataLoader(load_fn=load, cache=False)
