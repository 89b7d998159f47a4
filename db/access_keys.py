"""
Access keys, which sign requests with AWS Signature Version 4 on behalf of an API key.

The table stores the secret of an access key, not a hash of it, because the server computes the expected signature from
the secret. Only that verification reads it. An access key has the role, scope, expiry and revocation of its API key.
"""

import base64
import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.api_keys import ApiKey, api_keys, is_valid
from db.engine.database import ReadStatement
from db.engine.tables import Table, created_at_column

# An id has 20 characters and a secret 40, as in AWS; the prefix differs from those of AWS.
PREFIX = "VPPK"
ID_BYTES = 10
SECRET_BYTES = 30


class AccessKey(Table, table=True):
    __tablename__ = "access_keys"

    id: str = Field(primary_key=True)
    secret: str
    api_key_id: UUID = Field(foreign_key="api_keys.id", ondelete="CASCADE", index=True)
    created_at: datetime = created_at_column()


def access_key(id: str) -> ReadStatement:
    """Select the secret of an access key and its API key, unless the API key is revoked or has expired."""
    belongs_to_api_key = col(AccessKey.api_key_id) == col(ApiKey.id)
    return (
        api_keys()
        .add_columns(col(AccessKey.secret))
        .join(AccessKey, belongs_to_api_key)
        .where(col(AccessKey.id) == id, *is_valid())
    )


def access_key_ids() -> ReadStatement:
    """Select the id of each access key and of its API key, oldest first."""
    return select(col(AccessKey.id), col(AccessKey.api_key_id)).order_by(col(AccessKey.created_at), col(AccessKey.id))


async def create(session: AsyncSession, *, api_key_id: UUID) -> tuple[str, str]:
    """Create an access key for an API key, and return its id and its secret."""
    id = PREFIX + base64.b32encode(secrets.token_bytes(ID_BYTES)).decode()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    session.add(AccessKey(id=id, secret=secret, api_key_id=api_key_id))
    await session.flush()
    return id, secret
