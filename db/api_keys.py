"""API keys. Only the hash of a secret is stored."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, CheckConstraint, ColumnElement, LargeBinary, Uuid, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col

from db.engine.database import AnyRow, ReadStatement
from db.engine.names import normalised_name
from db.engine.refusals import NotFound, ValidationFailed, translate_violations
from db.engine.tables import Table, created_at_column, text_length_check, timestamp_column
from db.sites import Site
from db.vpps import Vpp

PREFIX_LENGTH = 12
SITE_SCOPED_ROLES = ("MEMBER",)
VPP_SCOPED_ROLES = ("READER", "OPERATOR")


class ApiKey(Table, table=True):
    __tablename__ = "api_keys"
    __table_args__ = (
        text_length_check("api_keys", "name", max_length=200),
        CheckConstraint("role in ('MEMBER', 'READER', 'OPERATOR', 'ADMIN')", name="api_keys_role_is_known"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    prefix: str
    secret_sha256: bytes = Field(sa_type=LargeBinary, unique=True)
    role: str
    vpp_ids: list[UUID] | None = Field(default=None, sa_type=ARRAY(Uuid))
    site_ids: list[UUID] | None = Field(default=None, sa_type=ARRAY(Uuid))
    created_at: datetime = created_at_column()
    expires_at: datetime | None = timestamp_column()
    last_used_at: datetime | None = timestamp_column()
    revoked_at: datetime | None = timestamp_column()


class ApiKeyNotFound(NotFound):
    """There is no API key with the id {id}."""

    field = ("input", "id")


class ApiKeyNameRefused(ValidationFailed):
    """An API key's name has 1 to 200 characters."""

    constraint = "api_keys_name_is_text"
    field = ("input", "name")


class ExpiryHasPassed(ValidationFailed):
    """An API key must expire in the future; {expires_at} has passed."""

    field = ("input", "expiresAt")


class NoSites(ValidationFailed):
    """A MEMBER key needs siteIds: at least one site that it may see."""

    field = ("input", "siteIds")


class SiteScopeRequired(ValidationFailed):
    """Only a MEMBER key can be limited to sites; this key has the role {role}."""

    field = ("input", "siteIds")


class VppScopeRequired(ValidationFailed):
    """Only a READER or OPERATOR key can be limited to VPPs; this key has the role {role}."""

    field = ("input", "vppIds")


class NoSuchVpp(ValidationFailed):
    """There is no VPP with the id {id}."""

    field = ("input", "vppIds")


class NoSuchSite(ValidationFailed):
    """There is no site with the id {id}."""

    field = ("input", "siteIds")


def api_keys() -> ReadStatement:
    """Select API keys."""
    return select(
        *(col(ApiKey.id), col(ApiKey.name), col(ApiKey.prefix), col(ApiKey.role)),
        *(col(ApiKey.vpp_ids), col(ApiKey.site_ids), col(ApiKey.created_at), col(ApiKey.expires_at)),
        *(col(ApiKey.last_used_at), col(ApiKey.revoked_at)),
    )


def api_key_by_secret(secret: str) -> ReadStatement:
    """Select the API key that has the given secret, unless it is revoked or has expired."""
    return api_keys().where(col(ApiKey.secret_sha256) == secret_sha256(secret), *is_valid())


def api_key_by_id(id: UUID) -> ReadStatement:
    """Select the API key that has the given id, unless it is revoked or has expired."""
    return api_keys().where(col(ApiKey.id) == id, *is_valid())


def valid_api_keys(ids: Sequence[UUID]) -> ReadStatement:
    """Select the ids of the API keys, among the given ones, that are neither revoked nor expired."""
    return select(col(ApiKey.id)).where(col(ApiKey.id).in_(ids), *is_valid())


def is_valid() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that an API key is neither revoked nor expired."""
    has_not_expired = col(ApiKey.expires_at).is_(None) | (col(ApiKey.expires_at) > func.now())
    return (col(ApiKey.revoked_at).is_(None), has_not_expired)


def secret_sha256(secret: str) -> bytes:
    """Return the hash of a secret. 256 random bits cannot be guessed, so a slow password hash is not needed."""
    return hashlib.sha256(secret.encode()).digest()


def new_secret() -> str:
    """Generate the secret of an API key, in AppSync's format."""
    return f"da2-{secrets.token_urlsafe(32)}"


async def create(
    session: AsyncSession,
    *,
    name: str,
    role: str,
    vpp_ids: list[UUID] | None = None,
    site_ids: list[UUID] | None = None,
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """
    Create an API key, and return its id and its secret. The secret cannot be read again later.

    Raises ExpiryHasPassed, NoSites, SiteScopeRequired, VppScopeRequired, NoSuchVpp, NoSuchSite, InvisibleName,
    ApiKeyNameRefused.
    """
    if expires_at is not None and expires_at <= (await session.execute(select(func.now()))).scalar_one():
        raise ExpiryHasPassed(expires_at=expires_at.isoformat())
    await _check_scope(session, role=role, vpp_ids=vpp_ids, site_ids=site_ids)
    secret = new_secret()
    key = ApiKey(
        name=normalised_name(name),
        prefix=secret[:PREFIX_LENGTH],
        secret_sha256=secret_sha256(secret),
        role=role,
        vpp_ids=vpp_ids,
        site_ids=site_ids,
        expires_at=expires_at,
    )
    session.add(key)
    with translate_violations(ApiKeyNameRefused()):
        await session.flush()
    return key.id, secret


async def record_use(session: AsyncSession, *, id: UUID) -> None:
    """Set the last use of an API key to the current time."""
    await session.execute(update(ApiKey).where(col(ApiKey.id) == id).values(last_used_at=func.now()))


async def revoke(session: AsyncSession, *, id: UUID) -> AnyRow:
    """
    Revoke an API key and return its row. A key that is revoked already keeps the time of its revocation.

    Raises ApiKeyNotFound.
    """
    revoked = await session.execute(
        update(ApiKey)
        .where(col(ApiKey.id) == id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        .returning(*api_keys().selected_columns)
    )
    key = revoked.first()
    if key is None:
        raise ApiKeyNotFound(id=id)
    return key


async def _check_scope(
    session: AsyncSession, *, role: str, vpp_ids: list[UUID] | None, site_ids: list[UUID] | None
) -> None:
    if role in SITE_SCOPED_ROLES and not site_ids:
        raise NoSites
    if role not in SITE_SCOPED_ROLES and site_ids is not None:
        raise SiteScopeRequired(role=role)
    if role not in VPP_SCOPED_ROLES and vpp_ids is not None:
        raise VppScopeRequired(role=role)
    await _check_exist(session, col(Vpp.id), vpp_ids or [], NoSuchVpp)
    await _check_exist(session, col(Site.id), site_ids or [], NoSuchSite)


async def _check_exist(
    session: AsyncSession, id_column: Mapped[UUID], ids: list[UUID], refusal: type[NoSuchVpp | NoSuchSite]
) -> None:
    existing = set(await session.scalars(select(id_column).where(id_column.in_(ids))))
    for index, id in enumerate(ids):
        if id not in existing:
            raise refusal(id=id, field=(*refusal.field, str(index)))
