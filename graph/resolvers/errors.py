"""Errors as AppSync's clients read them: errorType, errorInfo and data stand at the top of each."""

from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from db.engine.refusals import Conflict, LimitExceeded, NotFound, Refusal, Unauthorized, ValidationFailed

KINDS = (NotFound, Conflict, ValidationFailed, Unauthorized, LimitExceeded)
# What is wrong with a request before there is an operation to run.
NO_OPERATION = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)

log = structlog.get_logger()


class ApiError(GraphQLError):
    """An error in the form in which it is told."""

    error_type: str
    error_info: dict[str, Any] | None

    @property
    def formatted(self) -> Any:
        return {
            "message": self.message,
            "locations": [{"line": at.line, "column": at.column} for at in self.locations or []] or None,
            "path": self.path,
            "errorType": self.error_type,
            "errorInfo": self.error_info,
            "data": None,
            **({"extensions": self.extensions} if self.extensions else {}),
        }


def error_type(refusal: Refusal) -> str:
    """Return which of the API's five kinds a refusal is of."""
    return next(kind.__name__ for kind in KINDS if isinstance(refusal, kind))


def to_graphql_error(error: GraphQLError, *, request_id: str) -> ApiError:
    """
    Put an error as the caller is to read it.

    What was refused is told as it is; anything else is our fault, logged, and shown only as InternalFailure.
    """
    cause = error.original_error
    if isinstance(cause, Refusal):
        return _told(error, message=str(cause), kind=error_type(cause), info=cause.info or None)
    # A value that could not be read as its type stands somewhere in the document, and under no field yet.
    if cause is None or isinstance(cause, (GraphQLError, *NO_OPERATION)) or (error.path is None and error.nodes):
        return _told(error, message=error.message, kind=ValidationFailed.__name__, info=None)
    log.error("A request failed", path=error.path, exc_info=cause)
    return _told(error, message=internal_failure(request_id), kind="InternalFailure", info={"requestId": request_id})


def formatted(errors: Sequence[GraphQLError]) -> list[Any]:
    """Put errors as they are sent."""
    return [error.formatted for error in errors]


def refusal_error(refusal: Refusal) -> Any:
    """Put a refusal of a whole request as it is sent."""
    return to_graphql_error(GraphQLError("", original_error=refusal), request_id="").formatted


def internal_failure(request_id: str) -> str:
    """Return all that is told of what goes wrong on our side."""
    return f"Something went wrong on our side; it is logged under the request id {request_id}."


def _told(error: GraphQLError, *, message: str, kind: str, info: dict[str, Any] | None) -> ApiError:
    to_graphql_error = ApiError(
        message, error.nodes, error.source, error.positions, error.path, extensions=error.extensions
    )
    to_graphql_error.error_type, to_graphql_error.error_info = kind, info
    return to_graphql_error
