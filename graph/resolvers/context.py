"""The context that resolvers get with each request: database, object store, caller and loaders."""

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

CreateParams = ParamSpec("CreateParams")


class CreatedObject(NamedTuple):
    """
    A created object: its id, and its row if the INSERT returned it.

    The object may have been created by an earlier, identical call.
    """

    id: UUID
    row: Record | None


@dataclass
class Context:
    """One HTTP request, or one operation over a WebSocket. Its database is restricted to the scope of its caller."""

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
        """The DataLoaders of this request."""
        return Loaders(self.whole_database, self.scope)

    @asynccontextmanager
    async def change(self, action: str) -> AsyncIterator[Change]:
        """Open a mutation's only transaction, with its audit entries: commit at the end, roll back on an error."""
        async with self.database.transaction() as session, audited(session, self._author, action) as change:
            yield change

    async def create(
        self,
        kind: Kind,
        action: str,
        create: Callable[Concatenate[AsyncSession | SingleStatementWrite, CreateParams], Awaitable[UUID]],
        *args: CreateParams.args,
        **kwargs: CreateParams.kwargs,
    ) -> CreatedObject:
        """
        Create an object and its audit entry, in a single statement if possible.

        Two cases need a transaction of several statements: a restricted caller, because the transaction runs as the
        role that row-level security restricts; and an id that exists, because a repeated call must return the same
        object.
        """
        if not self.scope.is_restricted:
            write = SingleStatementWrite(self.database, self._author, action)
            with suppress(AlreadyExists):
                return CreatedObject(await create(write, *args, **kwargs), write.row)
        async with self.change(action) as change:
            id = await create(change.session, *args, **kwargs)
            change.track_created(kind, id)
        return CreatedObject(id, None)

    @property
    def scope(self) -> Scope:
        """The VPPs or sites that the caller may see and change."""
        return self.caller.scope

    @property
    def _author(self) -> Author:
        return Author(self.caller.auth_type, self.caller.name, self.caller.key_id, self.request_id)


Info: TypeAlias = strawberry.Info[Context, None]
