"""The audit trail: one entry for each object that a mutation changed."""

from datetime import datetime

import strawberry
from sqlmodel import col
from strawberry import ID

import db.audit_entries
from db.audit_entries import AuditEntry as AuditEntryTable
from db.engine.database import ReadStatement
from graph.auth.callers import ADMIN
from graph.resolvers.fields import Connection, RowType, query_field
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import AWSJSON

NEWEST_FIRST = Order((col(AuditEntryTable.at), col(AuditEntryTable.id)), descending=True)


@strawberry.type(description="The change that one mutation made to one object. An entry never changes.")
class AuditEntry(RowType):
    id: ID
    at: datetime
    auth_type: str = strawberry.field(description="API_KEY, OIDC or IAM, as in Caller; COMMAND for the command line.")
    caller_name: str
    api_key_id: ID | None = strawberry.field(
        description="Null unless the caller used an API key that listApiKeys returns."
    )
    request_id: str | None = strawberry.field(
        description="The x-amzn-requestid header of the response; null for the command line."
    )
    action: str = strawberry.field(description="Name of the mutation.")
    object_type: str = strawberry.field(description="Name of the object's GraphQL type.")
    object_id: ID
    old: AWSJSON | None = strawberry.field(description="The whole object before the change; null if it was created.")
    new: AWSJSON | None = strawberry.field(description="The whole object after the change; null if it was deleted.")


@strawberry.input
class AuditEntryFilterInput:
    object_type: str | None = None
    object_id: ID | None = None
    action: str | None = None
    caller_name: str | None = None
    from_: datetime | None = strawberry.field(
        name="from", default=None, description="The start of the range, inclusive."
    )
    until: datetime | None = strawberry.field(default=None, description="The end of the range, exclusive.")


def _audit_entries(context: ReadContext, filter: AuditEntryFilterInput | None = None) -> ReadStatement:
    filter, statement = filter or AuditEntryFilterInput(), db.audit_entries.audit_entries()
    object_id = None if filter.object_id is None else context.id(filter.object_id, "filter", "objectId")
    equal_to = {
        AuditEntryTable.object_type: filter.object_type,
        AuditEntryTable.object_id: object_id,
        AuditEntryTable.action: filter.action,
        AuditEntryTable.caller_name: filter.caller_name,
    }
    statement = statement.where(*(col(column) == value for column, value in equal_to.items() if value is not None))
    if filter.from_ is not None:
        statement = statement.where(col(AuditEntryTable.at) >= filter.from_)
    if filter.until is not None:
        statement = statement.where(col(AuditEntryTable.at) < filter.until)
    return statement


@strawberry.type
class AuditEntryQuery:
    list_audit_entries: Connection[AuditEntry] = query_field(
        FieldQuery(_audit_entries, order=NEWEST_FIRST), RequiresRole(ADMIN), description="Newest first."
    )
