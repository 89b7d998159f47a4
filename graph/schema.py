"""The API's schema: what the nouns contribute, put together."""

from typing import Any

import strawberry
from graphql import GraphQLError, Undefined
from strawberry.exceptions import MissingQueryError
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from graph.operations.cost import exceeded
from graph.operations.documents import Documents
from graph.operations.storable_text import StorableVariables
from graph.resolvers import api_keys, audit_entries, batteries, events, imports, parks, readings, reports, sites, vpps
from graph.resolvers.api_keys import ApiKeyMutation, ApiKeyQuery
from graph.resolvers.audit_entries import AuditEntryQuery
from graph.resolvers.batteries import BatteryMutation, BatteryQuery
from graph.resolvers.errors import to_graphql_error
from graph.resolvers.imports import ImportMutation, ImportQuery, ImportSubscription
from graph.resolvers.parks import ParkMutation, ParkQuery
from graph.resolvers.permissions import check_root_fields_declare_roles
from graph.resolvers.printing import print_schema
from graph.resolvers.readings import ReadingQuery
from graph.resolvers.reports import ReportMutation, ReportQuery, ReportSubscription
from graph.resolvers.scalars import SCALARS
from graph.resolvers.sites import SiteMutation, SiteQuery
from graph.resolvers.vpps import VppMutation, VppQuery

NOUNS = (vpps, sites, batteries, events, imports, reports, parks, readings, api_keys, audit_entries)

EXECUTED = (OperationType.QUERY, OperationType.MUTATION)

Query = merge_types(
    "Query",
    (
        *(VppQuery, SiteQuery, BatteryQuery, ImportQuery, ReportQuery, ParkQuery, ReadingQuery),
        *(ApiKeyQuery, AuditEntryQuery),
    ),
)
Mutation = merge_types(
    "Mutation",
    (VppMutation, SiteMutation, BatteryMutation, ImportMutation, ReportMutation, ParkMutation, ApiKeyMutation),
)
Subscription = merge_types("Subscription", (ImportSubscription, ReportSubscription))


class MissingOperationName(CannotGetOperationTypeError):
    """A document of several operations does not say which of them to run."""

    def as_http_error_reason(self) -> str:
        return "Missing operation name."


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs an operation; where the schema is not to be asked for, errors in variables do not tell of it either."""

    @classmethod
    def build(
        cls, schema: Any, document: Any, root_value: Any = None, context_value: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        kwargs["hide_suggestions"] = not context_value.documents.introspection
        return super().build(schema, document, root_value, context_value, *args, **kwargs)


class Schema(strawberry.Schema):
    """A Strawberry schema whose errors are told as AppSync's clients read them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_root_fields_declare_roles(self._schema)

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        # A subscription is streamed; executed, it would answer null and not say why.
        return await super().execute(*args, **kwargs | {"allowed_operation_types": EXECUTED})

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        # In place of Strawberry's own parsing and validation, whose caches know neither of limits nor of errors.
        if not context.query:
            raise MissingQueryError
        documents: Documents = context.context.documents
        document = documents.read(context.query, self._schema)
        if document.node is None:
            return PreExecutionError(data=None, errors=list(document.errors))
        context.graphql_document = document.node

        name = context._provided_operation_name
        if name is None and len(document.operations) > 1:
            # Strawberry would run the first.
            raise MissingOperationName(None)
        operation = document.operation(name)
        if operation is None:
            raise CannotGetOperationTypeError(name)
        kind = OperationType(operation.operation.value)
        if kind not in context.allowed_operations:
            raise InvalidOperationTypeError(kind)
        if document.errors:
            return PreExecutionError(data=None, errors=list(document.errors))

        measured = documents.measured(document, operation, context.variables or {}, self._schema)
        beyond = list(exceeded(measured, documents.limits))
        if beyond:
            errors = [GraphQLError(str(each), operation, original_error=each) for each in beyond]
            return PreExecutionError(data=None, errors=errors)
        # A subscription costs as much each time it tells something, which is no longer up to who asked.
        if kind is not OperationType.SUBSCRIPTION:
            context.extensions_results["cost"] = {"requested": measured.cost, "maximum": documents.limits.cost}
        return None

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        # In place: over HTTP and over WebSockets alike, it is this list that is sent.
        request_id = execution_context.context.request_id if execution_context else ""
        errors[:] = [to_graphql_error(error, request_id=request_id) for error in errors]


def _schema() -> Schema:
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[StorableVariables],
        execution_context_class=Executor,
    )
    _leave_out_null_defaults(schema._schema)
    return schema


def _leave_out_null_defaults(schema: Any) -> None:
    # In Python an argument that may be left out is one that is None; in the schema it is one without a default.
    for kind in schema.type_map.values():
        for field in getattr(kind, "fields", {}).values():
            for argument in (field, *getattr(field, "args", {}).values()):
                if getattr(argument, "default_value", Undefined) is None:
                    argument.default_value = Undefined


def operation_type(query: str, name: str | None, documents: Documents) -> OperationType | None:
    """Tell what a document's operation of this name is; None where it cannot be read, or is not there."""
    return documents.read(query, schema._schema).operation_type(name)


def printed() -> str:
    """Return the schema in AppSync's dialect: what `schema.graphql` holds."""
    return print_schema(schema._schema, NOUNS)


schema = _schema()
