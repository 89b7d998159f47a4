"""Who requests are made by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from db.engine.database import AnyRow
from db.engine.scope import UNRESTRICTED, Scope

# Each role may do everything that the roles before it may do.
MEMBER, READER, OPERATOR, ADMIN = ROLES = ("MEMBER", "READER", "OPERATOR", "ADMIN")


@dataclass(frozen=True)
class Caller:
    """Whom a request is made by; null ids mean that there is nothing the caller is held to."""

    auth_type: str
    name: str
    role: str
    vpp_ids: Sequence[UUID] | None = None
    site_ids: Sequence[UUID] | None = None
    # Of the API key by which the caller is known, where it is kept in the database.
    key_id: UUID | None = None
    expires_at: datetime | None = None

    # Of all requests that are made as the same caller.
    @cached_property
    def scope(self) -> Scope:
        """What the caller is held to."""
        if self.role == "MEMBER":
            return Scope(site_ids=frozenset(self.site_ids or ()))
        if self.role == "ADMIN" or self.vpp_ids is None:
            return UNRESTRICTED
        return Scope(vpp_ids=frozenset(self.vpp_ids), may_change=self.role == "OPERATOR")

    @cached_property
    def counted_as(self) -> str:
        """The name by which its requests are counted."""
        return str(self.key_id) if self.key_id else f"{self.auth_type} {self.name}"


def caller_by_key(key: AnyRow, *, auth_type: str = "API_KEY") -> Caller:
    """Return who calls with an API key, or by what was given for it."""
    return Caller(
        auth_type=auth_type,
        name=key.name,
        role=key.role,
        vpp_ids=key.vpp_ids,
        site_ids=key.site_ids,
        key_id=key.id,
        expires_at=key.expires_at,
    )
