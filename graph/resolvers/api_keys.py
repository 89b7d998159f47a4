"""The caller of a request, and the API keys that callers use."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.api_keys
from db.api_keys import ApiKey as ApiKeyTable
from db.audit_entries import Kind
from db.engine.database import ReadStatement
from graph.auth.callers import ADMIN, MEMBER
from graph.resolvers.context import Info
from graph.resolvers.fields import Connection, RowType, column_field, query_field, require_row
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import parse_id

NEWEST_FIRST = Order((col(ApiKeyTable.created_at), col(ApiKeyTable.id)), descending=True)
# The maximum time that revokeApiKey waits for Postgres's notification of the revocation; it usually takes 1 ms.
NOTICE_TIMEOUT_S = 1.0


@strawberry.type
class Caller:
    auth_type: str = strawberry.field(description="API_KEY, OIDC or IAM.")
    name: str
    role: "Role"
    site_ids: list[ID] | None = strawberry.field(description="The sites that a MEMBER may see; null for other roles.")
    vpp_ids: list[ID] | None = strawberry.field(
        description="The VPPs that a READER or OPERATOR is limited to; null means all VPPs."
    )


@strawberry.enum(description="Each role has the permissions of the roles before it, limited to its sites or VPPs.")
class Role(Enum):
    MEMBER = strawberry.enum_value("MEMBER", description="The owner of sites: reads those sites and their line items.")
    READER = strawberry.enum_value("READER", description="Reads everything but API keys and audit entries.")
    OPERATOR = strawberry.enum_value(
        "OPERATOR", description="Changes VPPs, sites, batteries and parks, imports files, and settles months."
    )
    ADMIN = strawberry.enum_value("ADMIN", description="Manages API keys and reads audit entries.")


def _api_keys(_context: ReadContext) -> ReadStatement:
    return db.api_keys.api_keys()


@strawberry.type
class ApiKey(RowType):
    id: ID
    name: str
    prefix: str = strawberry.field(description="The first 12 characters of the secret, to recognise the key by.")
    role: Role = column_field("role", convert=Role)
    vpp_ids: list[ID] | None = strawberry.field(description="As in Caller.")
    site_ids: list[ID] | None = strawberry.field(description="As in Caller.")
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Null if the key does not expire.")
    last_used_at: datetime | None = strawberry.field(
        description="Updated at most once a minute. Null if the key was never used."
    )
    revoked_at: datetime | None = strawberry.field(description="Null if the key is not revoked.")


@strawberry.type
class ApiKeyWithSecret:
    api_key: ApiKey
    secret: str = strawberry.field(
        description="The API key to send. It is returned only here; the server stores only its SHA-256 hash."
    )


@strawberry.input
class CreateApiKeyInput:
    name: str = strawberry.field(description="1 to 200 characters.")
    role: Role
    vpp_ids: list[ID] | None = strawberry.field(
        default=None,
        description="Only for READER and OPERATOR: the VPPs that the key is limited to; null means all VPPs.",
    )
    site_ids: list[ID] | None = strawberry.field(
        default=None, description="Only for MEMBER, and required there: the sites that the key may see."
    )
    expires_at: datetime | None = strawberry.field(default=None, description="Null if the key does not expire.")


@strawberry.input
class RevokeApiKeyInput:
    id: ID


@strawberry.type
class ApiKeyQuery:
    @strawberry.field(description="The caller of this request, and its role.", extensions=[RequiresRole(MEMBER)])
    def get_caller(self, info: Info) -> Caller:
        caller = info.context.caller
        return Caller(
            auth_type=caller.auth_type,
            name=caller.name,
            role=Role(caller.role),
            site_ids=_to_ids(caller.site_ids),
            vpp_ids=_to_ids(caller.vpp_ids),
        )

    list_api_keys: Connection[ApiKey] = query_field(
        FieldQuery(_api_keys, order=NEWEST_FIRST), RequiresRole(ADMIN), description="Newest first."
    )


@strawberry.type
class ApiKeyMutation:
    @strawberry.mutation(extensions=[RequiresRole(ADMIN)])
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> ApiKeyWithSecret | None:
        async with info.context.change(info.field_name) as change:
            id, secret = await db.api_keys.create(
                change.session,
                name=input.name,
                role=input.role.name,
                vpp_ids=_parse_ids(input.vpp_ids, "vppIds"),
                site_ids=_parse_ids(input.site_ids, "siteIds"),
                expires_at=input.expires_at,
            )
            change.track_created(Kind.API_KEY, id)
        key = await info.context.database.row(db.api_keys.api_keys().where(col(ApiKeyTable.id) == id))
        return ApiKeyWithSecret(api_key=require_row(ApiKey.from_optional_row(key)), secret=secret)

    @strawberry.mutation(
        description="Takes effect immediately, and ends the open subscriptions of the key.",
        extensions=[RequiresRole(ADMIN)],
    )
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> ApiKey | None:
        id, notices = parse_id(input.id, "input", "id"), info.context.notices
        async with notices.subscribe("api_keys", id) as revoked:
            async with info.context.change(info.field_name) as change:
                await change.track(Kind.API_KEY, id)
                key = await db.api_keys.revoke(change.session, id=id)
            # Wait for the notification that removes the key from this process's cache, so that the key no longer works
            # once the response is sent. While no connection listens, keys are not cached.
            with suppress(TimeoutError):
                if notices.version("api_keys") is not None:
                    await asyncio.wait_for(revoked.wait(), NOTICE_TIMEOUT_S)
        return ApiKey.from_row(key)


def _to_ids(ids: Sequence[UUID] | None) -> list[ID] | None:
    return None if ids is None else [ID(str(id)) for id in ids]


def _parse_ids(ids: list[ID] | None, field: str) -> list[UUID] | None:
    return None if ids is None else [parse_id(id, "input", field, str(index)) for index, id in enumerate(ids)]
