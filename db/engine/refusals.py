"""Refusals: the errors of refused calls, in five kinds that are the `errorType`s of the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import getdoc
from typing import Any, ClassVar

import asyncpg
from sqlalchemy.exc import IntegrityError


class Refusal(Exception):
    """
    The error of a call that was refused.

    Each refusal is a subclass beside the function that raises it. Its docstring is the message template, formatted with
    the keyword arguments. `constraint` names the constraint whose violation it reports, and `field` is the path of
    the input field at fault.
    """

    constraint: ClassVar[str] = ""
    field: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, field: tuple[str, ...] | None = None, info: dict[str, Any] | None = None, **details: Any):
        super().__init__()
        self._details = details
        field = self.field if field is None else field
        self.info: dict[str, Any] = ({"field": list(field)} if field else {}) | (info or {})

    # The message is formatted only when it is read: most refusals are constructed in case a constraint is violated.
    def __str__(self) -> str:
        return " ".join((getdoc(type(self)) or "").split()).format(**self._details)


class NotFound(Refusal):
    """There is no {noun} with the id {id}."""


class Conflict(Refusal):
    """This conflicts with an object that exists already."""


class ValidationFailed(Refusal):
    """{message}"""


class Unauthorized(Refusal):
    """You are not authorized to make this call."""


class LimitExceeded(Refusal):
    """A limit was exceeded."""


@contextmanager
def translate_violations(*refusals: Refusal) -> Iterator[None]:
    """Turn the violation of a constraint into the refusal that names the constraint; other errors pass through."""
    try:
        yield
    except (IntegrityError, asyncpg.IntegrityConstraintViolationError) as error:
        violated = violated_constraint(error)
        for refusal in refusals:
            if refusal.constraint == violated:
                raise refusal from error
        raise


def violated_constraint(error: Exception) -> str | None:
    """Return the name of the violated constraint, from an error of SQLAlchemy or of asyncpg."""
    cause = error.orig.__cause__ if isinstance(error, IntegrityError) and error.orig else error
    return getattr(cause, "constraint_name", None)
