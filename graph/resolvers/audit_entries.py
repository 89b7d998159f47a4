"""The audit trail: who changed what."""

from datetime import datetime

import strawberry
from sqlmodel import col
from strawberry import ID

import db.audit_entries
from db.audit_entries import AuditEntry as AuditEntryTable
from db.engine import Read
from graph.context import Info
from graph.paging import Order, page_request
from graph.permissions import ADMIN, For
from graph.resolvers.rows import Connection, FromRow
from graph.scalars import AWSJSON, parse_optional_id

NEWEST_FIRST = Order((col(AuditEntryTable.at), col(AuditEntryTable.id)), descending=True)


@strawberry.type(description="What one mutation did to one object. An entry never changes.")
class AuditEntry(FromRow):
    id: ID
    at: datetime
    auth_type: str = strawberry.field(description="As in Caller; COMMAND for the command line.")
    caller_name: str
    api_key_id: ID | None
    request_id: str | None = strawberry.field(description="What the answer said in x-amzn-requestid.")
    action: str = strawberry.field(description="The mutation's name.")
    object_type: str = strawberry.field(description="The name of its type.")
    object_id: ID
    old: AWSJSON | None = strawberry.field(description="The whole object before; null where there was none.")
    new: AWSJSON | None = strawberry.field(description="The whole object after; null where none is left.")


@strawberry.input
class AuditEntryFilterInput:
    object_type: str | None = None
    object_id: ID | None = None
    action: str | None = None
    caller_name: str | None = None
    from_: datetime | None = strawberry.field(name="from", default=None)
    until: datetime | None = None


@strawberry.type
class AuditEntryQuery:
    @strawberry.field(description="Newest first.", extensions=[For(ADMIN)])
    async def list_audit_entries(
        self,
        info: Info,
        filter: AuditEntryFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[AuditEntry]:
        page = page_request(limit, next_token, order=NEWEST_FIRST, of=("listAuditEntries", filter))
        read = _filtered(db.audit_entries.audit_entries(), filter or AuditEntryFilterInput())
        return Connection.of(AuditEntry, await page.read(info.context.database, read))


def _filtered(read: Read, filter: AuditEntryFilterInput) -> Read:
    wanted = {
        AuditEntryTable.object_type: filter.object_type,
        AuditEntryTable.object_id: parse_optional_id(filter.object_id, "filter", "objectId"),
        AuditEntryTable.action: filter.action,
        AuditEntryTable.caller_name: filter.caller_name,
    }
    read = read.where(*(col(column) == value for column, value in wanted.items() if value is not None))
    if filter.from_ is not None:
        read = read.where(col(AuditEntryTable.at) >= filter.from_)
    if filter.until is not None:
        read = read.where(col(AuditEntryTable.at) < filter.until)
    return read
