"""What a caller is told when the database will not do a thing: five kinds, which are the API's error types."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import getdoc
from typing import Any, ClassVar

import asyncpg
from sqlalchemy.exc import IntegrityError


class Refusal(Exception):
    """
    A call that was refused.

    A refusal is a class beside the function that raises it. Its docstring, filled with its details, is its message;
    `constraint` is the one whose violation it translates; `field` is the input at fault.
    """

    constraint: ClassVar[str] = ""
    field: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, field: tuple[str, ...] | None = None, info: dict[str, Any] | None = None, **details: Any):
        super().__init__()
        self._details = details
        field = self.field if field is None else field
        self.info: dict[str, Any] = ({"field": list(field)} if field else {}) | (info or {})

    # Not before it is told: most are made in case a constraint is violated, and are not.
    def __str__(self) -> str:
        return (getdoc(type(self)) or "").format(**self._details)


class NotFound(Refusal):
    """There is no {noun} with the id {id}."""


class Conflict(Refusal):
    """This collides with something that is there already."""


class ValidationFailed(Refusal):
    """{message}"""


class Unauthorized(Refusal):
    """You are not authorized to make this call."""


class LimitExceeded(Refusal):
    """A limit was exceeded."""


@contextmanager
def translate_violations(*refusals: Refusal) -> Iterator[None]:
    """Turn the violation of a constraint that one of the refusals names into that refusal."""
    try:
        yield
    except (IntegrityError, asyncpg.IntegrityConstraintViolationError) as error:
        violated = violated_constraint(error)
        for refusal in refusals:
            if refusal.constraint == violated:
                raise refusal from error
        raise


def violated_constraint(error: Exception) -> str | None:
    """Return the name of the constraint that Postgres says was violated, to SQLAlchemy or to asyncpg itself."""
    cause = error.orig.__cause__ if isinstance(error, IntegrityError) and error.orig else error
    return getattr(cause, "constraint_name", None)
