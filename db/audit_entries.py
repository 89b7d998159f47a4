"""
The audit trail: who did what to which object, and what that was before and after.

An entry is kept in the transaction of the change it tells of, and never changes: Postgres lets nobody change it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import DateTime, Index, String, TextClause, cast, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine.connections import Record
from db.engine.database import Database, ReadStatement
from db.engine.scope import as_database_owner
from db.engine.statements import CompiledStatement
from db.engine.tables import Table


class Kind(StrEnum):
    """What changes can be of, by the names of the API's types."""

    VPP = "Vpp"
    SITE = "Site"
    BATTERY = "Battery"
    IMPORT = "Import"
    REVENUE_REPORT = "RevenueReport"
    API_KEY = "ApiKey"
    PARK = "Park"
    # Not a type of the API: `vpp key rotate` changes signing keys.
    SIGNING_KEY = "SigningKey"


TABLES = {
    Kind.VPP: "vpps",
    Kind.SITE: "sites",
    Kind.BATTERY: "batteries",
    Kind.IMPORT: "imports",
    Kind.REVENUE_REPORT: "revenue_reports",
    Kind.API_KEY: "api_keys",
    Kind.PARK: "parks",
    Kind.SIGNING_KEY: "signing_keys",
}
# Of each table there is a function that holds a row until the transaction ends, and returns the whole object as jsonb.
HOLD = {kind: text(f"select cast(audited_{table}(:id) as text)") for kind, table in TABLES.items()}
ADD = """
    insert into audit_entries
        (id, auth_type, caller_name, api_key_id, request_id, action, object_type, object_id, old, new)
    select
        gen_random_uuid(), :auth_type, :caller_name, :api_key_id, :request_id, :action, '{kind}', object.id,
        object.old, audited.new
    from ({objects}) as object (id, old), audited_{table}(object.id) as audited (new)
    where new is distinct from old
"""
ADD_NEW = """
    insert into audit_entries
        (id, auth_type, caller_name, api_key_id, request_id, action, object_type, object_id, new)
    select
        gen_random_uuid(), :auth_type, :caller_name, :api_key_id, :request_id, :action, '{kind}', object.id, object.new
    from ({objects}) as object (id, new)
"""
WAS_THERE = "select cast(:object_id as uuid), cast(:old as jsonb)"
# A row says which transaction wrote it.
IS_NEW = "select id, null::jsonb from {table} where id = :object_id and xmin = pg_current_xact_id()::xid"


def insert_created_entries(kind: Kind, objects: str) -> str:
    """Return the statement that adds entries of new objects, selected with what the functions above would return."""
    return ADD_NEW.format(kind=kind, objects=objects)


def _adding(kind: Kind, objects: str) -> TextClause:
    return text(ADD.format(kind=kind, table=TABLES[kind], objects=objects))


ADD_CHANGED = {kind: _adding(kind, WAS_THERE) for kind in Kind}
ADD_CREATED = {kind: _adding(kind, IS_NEW.format(table=TABLES[kind])) for kind in Kind}


class AuditEntry(Table, table=True):
    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("audit_entries_at_id", "at", "id"),
        Index("audit_entries_object_id_at_id", "object_id", "at", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    at: datetime = Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.clock_timestamp()},
    )
    auth_type: str
    caller_name: str
    api_key_id: UUID | None = None
    request_id: str | None = None
    action: str
    object_type: str
    object_id: UUID
    # Null before it was made, and after it was deleted.
    old: Any = Field(default=None, sa_type=JSONB, nullable=True)
    new: Any = Field(default=None, sa_type=JSONB, nullable=True)


@dataclass(frozen=True)
class Author:
    """Who makes a change, and by which key and request where there is one."""

    auth_type: str
    caller_name: str
    api_key_id: UUID | None = None
    request_id: str | None = None


class Change:
    """What an author does in one transaction, such as "updateVpp", and the objects it is done to."""

    def __init__(self, session: AsyncSession, author: Author, action: str) -> None:
        self.session = session
        self._entry = asdict(author) | {"action": action}
        self._entries: list[tuple[TextClause, dict[str, Any]]] = []

    async def track(self, kind: Kind, id: UUID) -> None:
        """Hold an object until the transaction ends, before it is changed or deleted."""
        async with as_database_owner(self.session):
            old = await self.session.scalar(HOLD[kind], {"id": id})
        self._add(ADD_CHANGED[kind], object_id=id, old=old)

    def track_created(self, kind: Kind, id: UUID) -> None:
        """Tell of an object that was created, or found to be there where its create was sent again."""
        self._add(ADD_CREATED[kind], object_id=id)

    async def write_entries(self) -> None:
        """Keep an entry for each object that is not what it was."""
        async with as_database_owner(self.session):
            for statement, entry in self._entries:
                await self.session.execute(statement, entry)

    def _add(self, statement: TextClause, **entry: Any) -> None:
        self._entries.append((statement, self._entry | entry))


class AlreadyExists(Exception):
    """There is an object with the id of the one that was to be created."""


@dataclass
class SingleStatementWrite:
    """What an author does in one statement, with its entry: for those who are held to nothing."""

    database: Database
    author: Author
    action: str
    # What was created, with all that is read of such an object.
    row: Record | None = None

    async def create(self, statement: CompiledStatement, given: Mapping[str, object]) -> None:
        """Run a statement that returns the created row and adds its entry. Raises AlreadyExists if none is."""
        rows = await self.database.execute_write(statement, {**given, **vars(self.author), "action": self.action})
        if not rows:
            raise AlreadyExists
        self.row = rows[0]


@asynccontextmanager
async def audited(session: AsyncSession, author: Author, action: str) -> AsyncIterator[Change]:
    """Keep, at the end of the block, who changed what in it."""
    change = Change(session, author, action)
    yield change
    await change.write_entries()


def audit_entries() -> ReadStatement:
    """Read audit entries; the objects as the JSON they are, since as Python's floats their numbers were not exact."""
    return select(
        *(col(AuditEntry.id), col(AuditEntry.at), col(AuditEntry.auth_type), col(AuditEntry.caller_name)),
        *(col(AuditEntry.api_key_id), col(AuditEntry.request_id), col(AuditEntry.action)),
        *(col(AuditEntry.object_type), col(AuditEntry.object_id)),
        *(cast(col(AuditEntry.old), String).label("old"), cast(col(AuditEntry.new), String).label("new")),
    )
