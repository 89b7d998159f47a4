"""What a resolver finds around it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Concatenate, NamedTuple, ParamSpec, TypeAlias
from uuid import UUID

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession

from db.audit_entries import AlreadyExists, Author, Change, Kind, SingleStatementWrite, audited
from db.engine.connections import Record
from db.engine.database import Database
from db.engine.notices import Notices
from db.engine.scope import Scope
from graph.auth.callers import Caller
from graph.object_store import ObjectStore
from graph.operations.documents import Documents
from graph.resolvers.loaders import Loaders

Given = ParamSpec("Given")


class Created(NamedTuple):
    """An object that was created, or is there since it was; and what is read of it, where that is at hand."""

    id: UUID
    row: Record | None


@dataclass
class Context:
    """One request, or one operation over a WebSocket; its database is held to what its caller can reach."""

    database: Database
    notices: Notices
    object_store: ObjectStore
    request_id: str
    caller: Caller
    documents: Documents = field(default_factory=Documents)

    def __post_init__(self) -> None:
        self.whole_database = self.database
        self.database = self.database.scoped_to(self.scope)

    @cached_property
    def loaders(self) -> Loaders:
        """What loads what fields read."""
        return Loaders(self.whole_database, self.scope)

    @asynccontextmanager
    async def change(self, action: str) -> AsyncIterator[Change]:
        """Open the one transaction of a mutation, with its audit: kept when its block ends, undone when it raises."""
        async with self.database.transaction() as session, audited(session, self._author, action) as change:
            yield change

    async def create(
        self,
        kind: Kind,
        action: str,
        create: Callable[Concatenate[AsyncSession | SingleStatementWrite, Given], Awaitable[UUID]],
        *args: Given.args,
        **given: Given.kwargs,
    ) -> Created:
        """Create an object, with its audit: at once, but for a held caller, and where its id is there already."""
        if not self.scope.is_restricted:
            at_once = SingleStatementWrite(self.database, self._author, action)
            with suppress(AlreadyExists):
                return Created(await create(at_once, *args, **given), at_once.row)
        async with self.change(action) as change:
            id = await create(change.session, *args, **given)
            change.track_created(kind, id)
        return Created(id, None)

    @property
    def scope(self) -> Scope:
        """What the caller is held to."""
        return self.caller.scope

    @property
    def _author(self) -> Author:
        return Author(self.caller.auth_type, self.caller.name, self.caller.key_id, self.request_id)


Info: TypeAlias = strawberry.Info[Context, None]
