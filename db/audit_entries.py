"""
The audit trail: who changed which object by which action, with the object before and after.

An entry is written in the transaction of its change. A trigger refuses every update and deletion of entries.
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
    """The kinds of audited objects, named as the types of the API."""

    VPP = "Vpp"
    SITE = "Site"
    BATTERY = "Battery"
    IMPORT = "Import"
    REVENUE_REPORT = "RevenueReport"
    API_KEY = "ApiKey"
    PARK = "Park"
    # Signing keys are not a type of the API; `vpp key rotate` changes them.
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
# For each table, migrations define a function audited_TABLE(id): it locks the row until the transaction ends, and
# returns the object as jsonb, rows of dependent tables included.
LOCK_AND_READ = {kind: text(f"select cast(audited_{table}(:id) as text)") for kind, table in TABLES.items()}
# Inserts an entry for each object that differs from its old state.
INSERT_CHANGED = """
    insert into audit_entries
        (id, auth_type, caller_name, api_key_id, request_id, action, object_type, object_id, old, new)
    select
        gen_random_uuid(), :auth_type, :caller_name, :api_key_id, :request_id, :action, '{kind}', object.id,
        object.old, audited.new
    from ({objects}) as object (id, old), audited_{table}(object.id) as audited (new)
    where new is distinct from old
"""
# Inserts an entry for each new object, given its jsonb.
INSERT_CREATED = """
    insert into audit_entries
        (id, auth_type, caller_name, api_key_id, request_id, action, object_type, object_id, new)
    select
        gen_random_uuid(), :auth_type, :caller_name, :api_key_id, :request_id, :action, '{kind}', object.id, object.new
    from ({objects}) as object (id, new)
"""
# Selects an object that existed before the change, with its old state.
OLD_OBJECT = "select cast(:object_id as uuid), cast(:old as jsonb)"
# Selects an object if this transaction inserted it: `xmin` is the transaction that wrote a row.
CREATED_OBJECT = "select id, null::jsonb from {table} where id = :object_id and xmin = pg_current_xact_id()::xid"


def insert_created_entries(kind: Kind, objects: str) -> str:
    """Return the SQL that inserts entries for new objects; `objects` selects each id and the jsonb of its object."""
    return INSERT_CREATED.format(kind=kind, objects=objects)


def _insert_changed(kind: Kind, objects: str) -> TextClause:
    return text(INSERT_CHANGED.format(kind=kind, table=TABLES[kind], objects=objects))


INSERT_IF_CHANGED = {kind: _insert_changed(kind, OLD_OBJECT) for kind in Kind}
INSERT_IF_CREATED = {kind: _insert_changed(kind, CREATED_OBJECT.format(table=TABLES[kind])) for kind in Kind}


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
    # `old` is null for a created object, and `new` for a deleted one.
    old: Any = Field(default=None, sa_type=JSONB, nullable=True)
    new: Any = Field(default=None, sa_type=JSONB, nullable=True)


@dataclass(frozen=True)
class Author:
    """The author of a change: the caller, with the API key and the request if there are any."""

    auth_type: str
    caller_name: str
    api_key_id: UUID | None = None
    request_id: str | None = None


class Change:
    """The change that an author makes in one transaction: an action such as "updateVpp" and the changed objects."""

    def __init__(self, session: AsyncSession, author: Author, action: str) -> None:
        self.session = session
        self._entry = asdict(author) | {"action": action}
        self._entries: list[tuple[TextClause, dict[str, Any]]] = []

    async def track(self, kind: Kind, id: UUID) -> None:
        """Lock an object until the transaction ends and record its state; call it before the object is changed."""
        async with as_database_owner(self.session):
            old = await self.session.scalar(LOCK_AND_READ[kind], {"id": id})
        self._add(INSERT_IF_CHANGED[kind], object_id=id, old=old)

    def track_created(self, kind: Kind, id: UUID) -> None:
        """Record an object that a create returned; it gets an entry only if this transaction inserted it."""
        self._add(INSERT_IF_CREATED[kind], object_id=id)

    async def write_entries(self) -> None:
        """Insert an entry for each recorded object that has changed."""
        async with as_database_owner(self.session):
            for statement, entry in self._entries:
                await self.session.execute(statement, entry)

    def _add(self, statement: TextClause, **entry: Any) -> None:
        self._entries.append((statement, self._entry | entry))


class AlreadyExists(Exception):
    """An object with the id of the new object already exists."""


@dataclass
class SingleStatementWrite:
    """A create that runs as one statement, with its audit entry; only for callers with an unrestricted scope."""

    database: Database
    author: Author
    action: str
    # The created row, with the columns that a read of such an object selects.
    row: Record | None = None

    async def create(self, statement: CompiledStatement, values: Mapping[str, object]) -> None:
        """
        Run a statement that inserts an object and its audit entry and returns the created row.

        Raises AlreadyExists if the statement returns no row.
        """
        rows = await self.database.execute_write(statement, {**values, **vars(self.author), "action": self.action})
        if not rows:
            raise AlreadyExists
        self.row = rows[0]


@asynccontextmanager
async def audited(session: AsyncSession, author: Author, action: str) -> AsyncIterator[Change]:
    """Yield a Change, and write its audit entries at the end of the block."""
    change = Change(session, author, action)
    yield change
    await change.write_entries()


def audit_entries() -> ReadStatement:
    """Select audit entries. Objects are JSON text, because as Python floats their numbers would not be exact."""
    return select(
        *(col(AuditEntry.id), col(AuditEntry.at), col(AuditEntry.auth_type), col(AuditEntry.caller_name)),
        *(col(AuditEntry.api_key_id), col(AuditEntry.request_id), col(AuditEntry.action)),
        *(col(AuditEntry.object_type), col(AuditEntry.object_id)),
        *(cast(col(AuditEntry.old), String).label("old"), cast(col(AuditEntry.new), String).label("new")),
    )
