"""
Keys that sign the access tokens we issue.

One key signs. Earlier keys stay valid for verification until the tokens that they signed have expired.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine.database import ReadStatement, take_advisory_lock
from db.engine.tables import Table, created_at_column, timestamp_column


class SigningKey(Table, table=True):
    __tablename__ = "signing_keys"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    private_key_pem: str
    created_at: datetime = created_at_column()
    # The end of the validity; null for the key that signs now.
    good_until: datetime | None = timestamp_column()


def valid_signing_keys() -> ReadStatement:
    """Select the keys that verify tokens, the signing key first."""
    is_valid = col(SigningKey.good_until).is_(None) | (col(SigningKey.good_until) > func.now())
    newest_first = (col(SigningKey.good_until).is_not(None), col(SigningKey.created_at).desc())
    return (
        select(col(SigningKey.id), col(SigningKey.private_key_pem), col(SigningKey.good_until))
        .where(is_valid)
        .order_by(*newest_first)
    )


async def create_first(session: AsyncSession) -> None:
    """Create the signing key, unless there is one."""
    await take_advisory_lock(session, "signing_keys")
    if (await session.execute(select(col(SigningKey.id)).where(col(SigningKey.good_until).is_(None)))).first() is None:
        session.add(_new_key())


async def lock_current(session: AsyncSession) -> UUID | None:
    """Return the id of the signing key, if any, and hold the lock of `rotate` until the transaction ends."""
    await take_advisory_lock(session, "signing_keys")
    return await session.scalar(select(col(SigningKey.id)).where(col(SigningKey.good_until).is_(None)))


async def rotate(session: AsyncSession, *, token_lifetime: timedelta) -> UUID:
    """Create a new signing key and return its id; the previous key stays valid for the lifetime of its last tokens."""
    await take_advisory_lock(session, "signing_keys")
    await session.execute(delete(SigningKey).where(col(SigningKey.good_until) <= func.now()))
    await session.execute(
        update(SigningKey).where(col(SigningKey.good_until).is_(None)).values(good_until=func.now() + token_lifetime)
    )
    key = _new_key()
    session.add(key)
    await session.flush()
    return key.id


def _new_key() -> SigningKey:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SigningKey(private_key_pem=pem.decode())
