"""Errors in AppSync's format: errorType, errorInfo and data are top-level members of each entry of `errors`."""

from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.schema.exceptions import InvalidOperationTypeError

from db.engine.refusals import Conflict, LimitExceeded, NotFound, Refusal, Unauthorized, ValidationFailed

ERROR_TYPES = (NotFound, Conflict, ValidationFailed, Unauthorized, LimitExceeded)

log = structlog.get_logger()


class AppSyncError(GraphQLError):
    """A GraphQL error that is formatted as AppSync formats it."""

    error_type: str
    error_info: dict[str, Any] | None

    @property
    def formatted(self) -> Any:
        return {
            "message": self.message,
            "locations": [{"line": location.line, "column": location.column} for location in self.locations or []]
            or None,
            "path": self.path,
            "errorType": self.error_type,
            "errorInfo": self.error_info,
            "data": None,
            **({"extensions": self.extensions} if self.extensions else {}),
        }


def error_type(refusal: Refusal) -> str:
    """Return the errorType of a refusal, one of the API's five."""
    return next(kind.__name__ for kind in ERROR_TYPES if isinstance(refusal, kind))


def to_appsync_error(error: GraphQLError, *, request_id: str) -> AppSyncError:
    """
    Convert an error of a resolver or of graphql-core to AppSync's format.

    Refusals and invalid requests keep their message. Any other exception is a fault of the server: it is logged, and
    the caller gets InternalFailure with the request id and no detail.
    """
    cause = error.original_error
    if isinstance(cause, Refusal):
        return _appsync_error(error, str(cause), error_type(cause), cause.info or None)
    # When a scalar rejects a literal or a variable, graphql-core sets original_error to the scalar's ValueError, and
    # gives AST nodes but no path.
    is_of_request = cause is None or isinstance(cause, (GraphQLError, InvalidOperationTypeError))
    if is_of_request or (error.path is None and error.nodes):
        return _appsync_error(error, error.message, ValidationFailed.__name__)
    log.error("A request failed", path=error.path, exc_info=cause)
    return _appsync_error(error, internal_failure(request_id), "InternalFailure", {"requestId": request_id})


def formatted(errors: Sequence[GraphQLError]) -> list[Any]:
    """Return errors as JSON objects for the response."""
    return [error.formatted for error in errors]


def refusal_error(refusal: Refusal) -> Any:
    """Return the error of a request that is refused as a whole, as a JSON object for the response."""
    return to_appsync_error(GraphQLError("", original_error=refusal), request_id="").formatted


def internal_failure(request_id: str) -> str:
    """Return the message of an InternalFailure, which names only the request id."""
    return f"Something went wrong on our side; it is logged under the request id {request_id}."


def _appsync_error(
    error: GraphQLError, message: str, error_type: str, error_info: dict[str, Any] | None = None
) -> AppSyncError:
    converted = AppSyncError(
        message, error.nodes, error.source, error.positions, error.path, extensions=error.extensions
    )
    converted.error_type, converted.error_info = error_type, error_info
    return converted
