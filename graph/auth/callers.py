"""The authenticated caller of a request: identity, role and scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from db.engine.database import AnyRow
from db.engine.scope import UNRESTRICTED, Scope

# In ascending order: each role may do everything that the roles before it may do.
MEMBER, READER, OPERATOR, ADMIN = ROLES = ("MEMBER", "READER", "OPERATOR", "ADMIN")


@dataclass(frozen=True)
class Caller:
    """The caller of a request. `vpp_ids` and `site_ids` restrict its scope; None means no restriction."""

    auth_type: str
    name: str
    role: str
    vpp_ids: Sequence[UUID] | None = None
    site_ids: Sequence[UUID] | None = None
    # The API key that authenticated the caller, if it is stored in the database.
    key_id: UUID | None = None
    expires_at: datetime | None = None

    # The scope is cached, since a cached API key has one Caller for all of its requests.
    @cached_property
    def scope(self) -> Scope:
        """The VPPs or sites that the caller may see."""
        if self.role == "MEMBER":
            return Scope(site_ids=frozenset(self.site_ids or ()))
        if self.role == "ADMIN" or self.vpp_ids is None:
            return UNRESTRICTED
        return Scope(vpp_ids=frozenset(self.vpp_ids), may_change=self.role == "OPERATOR")

    @cached_property
    def rate_limit_key(self) -> str:
        """The key under which the rate limiter counts the caller's requests."""
        return str(self.key_id) if self.key_id else f"{self.auth_type} {self.name}"


def caller_by_key(key: AnyRow, *, auth_type: str = "API_KEY") -> Caller:
    """Return the caller whom an API key authenticates."""
    return Caller(
        auth_type=auth_type,
        name=key.name,
        role=key.role,
        vpp_ids=key.vpp_ids,
        site_ids=key.site_ids,
        key_id=key.id,
        expires_at=key.expires_at,
    )
