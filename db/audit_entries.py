"""
The audit trail: who did what to which object, and what that was before and after.

An entry is kept in the transaction of the change it tells of, and never changes: Postgres lets nobody change it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Function,
    Index,
    Insert,
    String,
    Uuid,
    cast,
    column,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine import Read
from db.reach import as_ourselves
from db.tables import Table


class Kind(StrEnum):
    """What changes can be of, by the names of the API's types."""

    VPP = "Vpp"
    SITE = "Site"
    BATTERY = "Battery"
    IMPORT = "Import"
    REVENUE_REPORT = "RevenueReport"
    API_KEY = "ApiKey"


# Of each table there is a function, audited_ and its name, that holds a row and tells the whole object as jsonb.
TABLES = {
    Kind.VPP: "vpps",
    Kind.SITE: "sites",
    Kind.BATTERY: "batteries",
    Kind.IMPORT: "imports",
    Kind.REVENUE_REPORT: "revenue_reports",
    Kind.API_KEY: "api_keys",
}
# Of whatever this transaction wrote, that is what Postgres says wrote it.
THIS_TRANSACTION: ColumnElement[Any] = literal_column("pg_current_xact_id()::xid")


class AuditEntry(Table, table=True):
    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("audit_entries_at_id", "at", "id"),
        Index("audit_entries_object_id_at_id", "object_id", "at", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False)
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
    name: str
    api_key_id: UUID | None = None
    request_id: str | None = None


class Change:
    """What an author does in one transaction, such as "updateVpp", and the objects it is done to."""

    def __init__(self, session: AsyncSession, author: Author, action: str) -> None:
        self.session = session
        self._author = author
        self._action = action
        self._entries: list[Insert] = []

    async def of(self, kind: Kind, id: UUID) -> None:
        """Hold an object until the transaction ends, before it is changed or deleted."""
        async with as_ourselves(self.session):
            old = await self.session.scalar(select(cast(_audited(kind, id), String)))
        self._add_entry(kind, id, old)

    def created(self, kind: Kind, id: UUID) -> None:
        """Tell of an object that was created, or found to be there where its create was sent again."""
        objects = table(TABLES[kind], column("id", Uuid), column("xmin"))
        is_new = select(objects.c.id).where(objects.c.id == id, objects.c.xmin == THIS_TRANSACTION).exists()
        self._add_entry(kind, id, None, is_new)

    async def keep(self) -> None:
        """Keep an entry for each object that is not what it was."""
        async with as_ourselves(self.session):
            for entry in self._entries:
                await self.session.execute(entry)

    def _add_entry(self, kind: Kind, id: UUID, old: str | None, *conditions: ColumnElement[bool]) -> None:
        before = cast(literal(old, String), JSONB)
        after = _audited(kind, id).table_valued(column("new", JSONB)).render_derived()
        entry = {
            AuditEntry.id: literal(uuid4(), Uuid),
            AuditEntry.auth_type: literal(self._author.auth_type),
            AuditEntry.caller_name: literal(self._author.name),
            AuditEntry.api_key_id: literal(self._author.api_key_id, Uuid),
            AuditEntry.request_id: literal(self._author.request_id, String),
            AuditEntry.action: literal(self._action),
            AuditEntry.object_type: literal(kind.value),
            AuditEntry.object_id: literal(id, Uuid),
            AuditEntry.old: before,
            AuditEntry.new: after.c.new,
        }
        changed = select(*entry.values()).where(after.c.new.is_distinct_from(before), *conditions)
        self._entries.append(insert(AuditEntry).from_select(list(entry), changed))


@asynccontextmanager
async def audited(session: AsyncSession, author: Author, action: str) -> AsyncIterator[Change]:
    """Keep, at the end of the block, who changed what in it."""
    change = Change(session, author, action)
    yield change
    await change.keep()


def audit_entries() -> Read:
    """Read audit entries; the objects as the JSON they are, since as Python's floats their numbers were not exact."""
    return select(
        *(col(AuditEntry.id), col(AuditEntry.at), col(AuditEntry.auth_type), col(AuditEntry.caller_name)),
        *(col(AuditEntry.api_key_id), col(AuditEntry.request_id), col(AuditEntry.action)),
        *(col(AuditEntry.object_type), col(AuditEntry.object_id)),
        *(cast(col(AuditEntry.old), String).label("old"), cast(col(AuditEntry.new), String).label("new")),
    )


def _audited(kind: Kind, id: UUID) -> Function[Any]:
    named: Function[Any] = getattr(func, f"audited_{TABLES[kind]}")(literal(id, Uuid))
    return named
