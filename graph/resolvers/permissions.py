"""Which roles may have a field, declared beside it: `extensions=[RequiresRole(READER)]`."""

from typing import Any

from strawberry.extensions import FieldExtension

from db.engine.refusals import Unauthorized
from graph.auth.callers import ROLES


class FieldDenied(Unauthorized):
    """Not Authorized to access {name} on type {type}"""


class RequiresRole(FieldExtension):
    """Lets callers of a role have a field, and those of the roles above it: others get null, and an error."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._allowed = frozenset(ROLES[ROLES.index(role) :])

    def allows(self, role: str) -> bool:
        """Tell whether callers of a role may have the field."""
        return role in self._allowed

    def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        if not self.allows(info.context.caller.role):
            raise FieldDenied(name=info.field_name, type=info.path.typename)
        return next_(source, info, **arguments)

    # What the field's own function returns is awaited by whoever awaits this.
    resolve_async = resolve
