"""The API's schema, composed of the query, mutation and subscription classes of graph/resolvers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import strawberry
from graphql import DocumentNode, GraphQLError, Undefined
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from graph.operations.cost import check_limits
from graph.operations.documents import Documents
from graph.operations.operation import Operation
from graph.operations.storable_text import StorableVariables
from graph.resolvers import api_keys, audit_entries, batteries, events, imports, parks, readings, reports, sites, vpps
from graph.resolvers.api_keys import ApiKeyMutation, ApiKeyQuery
from graph.resolvers.audit_entries import AuditEntryQuery
from graph.resolvers.batteries import BatteryMutation, BatteryQuery
from graph.resolvers.errors import to_appsync_error
from graph.resolvers.imports import ImportMutation, ImportQuery, ImportSubscription
from graph.resolvers.parks import ParkMutation, ParkQuery
from graph.resolvers.permissions import check_root_fields_declare_roles
from graph.resolvers.printing import print_schema
from graph.resolvers.readings import ReadingQuery
from graph.resolvers.reports import ReportMutation, ReportQuery, ReportSubscription
from graph.resolvers.scalars import SCALARS
from graph.resolvers.sites import SiteMutation, SiteQuery
from graph.resolvers.vpps import VppMutation, VppQuery

NOUN_MODULES = (vpps, sites, batteries, events, imports, reports, parks, readings, api_keys, audit_entries)

EXECUTABLE_TYPES = (OperationType.QUERY, OperationType.MUTATION)

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


class DocumentRejected(Exception):
    """An operation that cannot run because of `errors` in its document."""

    def __init__(self, errors: Sequence[GraphQLError], *, is_subscription: bool = False) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors
        self.is_subscription = is_subscription


class OperationNotFound(DocumentRejected):
    """The document has no operation of the given name, or it has several operations and no name is given."""

    def __init__(self, message: str) -> None:
        super().__init__([GraphQLError(message)])


class CheckedOperation(NamedTuple):
    """An operation whose document is valid and within the limits, and its cost."""

    type: OperationType
    document: DocumentNode
    cost: int


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Executes operations. With introspection off, errors in variables leave out "Did you mean" suggestions too."""

    @classmethod
    def build(
        cls, schema: Any, document: Any, root_value: Any = None, context_value: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        kwargs["hide_suggestions"] = not context_value.documents.introspection
        return super().build(schema, document, root_value, context_value, *args, **kwargs)


class Schema(strawberry.Schema):
    """A Strawberry schema with checked roles, cached documents, cost limits and errors in AppSync's format."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_root_fields_declare_roles(self._schema)

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        # Strawberry would execute a subscription too, and return null without an error; schema.stream() runs them.
        return await super().execute(*args, **kwargs | {"allowed_operation_types": EXECUTABLE_TYPES})

    def check(self, operation: Operation, documents: Documents) -> CheckedOperation:
        """Check an operation's document and cost. Raises DocumentRejected and OperationNotFound."""
        if not operation.query:
            raise DocumentRejected([GraphQLError('Request data is missing a "query" value')])
        document = documents.read(operation.query, self._schema)
        if document.node is None:
            raise DocumentRejected(document.errors)
        checked: CheckedOperation | None = document.checked_operations.get(operation.name)
        if checked is not None:
            return checked
        node = document.operation(operation.name)
        if node is None:
            # Without a name, Strawberry would run the first of several operations.
            is_ambiguous = operation.name is None and len(document.operations) > 1
            unknown = CannotGetOperationTypeError(operation.name).as_http_error_reason()
            raise OperationNotFound("Missing operation name." if is_ambiguous else unknown)
        type_ = OperationType(node.operation.value)
        is_subscription = type_ is OperationType.SUBSCRIPTION
        if document.errors:
            raise DocumentRejected(document.errors, is_subscription=is_subscription)
        estimate = documents.cost_estimate(document, node, operation.variables, self._schema)
        if estimate.exceeds(documents.limits):
            exceeded_limits = check_limits(estimate, documents.limits)
            errors = [GraphQLError(str(refusal), node, original_error=refusal) for refusal in exceeded_limits]
            raise DocumentRejected(errors, is_subscription=is_subscription)
        checked = CheckedOperation(type_, document.node, estimate.cost)
        if not document.limit_variables:
            document.checked_operations[operation.name] = checked
        return checked

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        # Replaces Strawberry's own parsing and validation: Documents enforces limits and caches invalid documents with
        # their errors, which Strawberry's caches do not.
        documents: Documents = context.context.documents
        operation = Operation(context.query or "", context.variables or {}, context._provided_operation_name)
        try:
            checked = self.check(operation, documents)
        except DocumentRejected as rejected:
            return PreExecutionError(data=None, errors=list(rejected.errors))
        if checked.type not in context.allowed_operations:
            raise InvalidOperationTypeError(checked.type)
        context.graphql_document = checked.document
        # The cost is not returned for subscriptions: each event costs as much again, and the caller does not control
        # their number.
        if checked.type is not OperationType.SUBSCRIPTION:
            context.extensions_results["cost"] = {"requested": checked.cost, "maximum": documents.limits.cost}
        return None

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        # Convert in place: HTTP and WebSockets both send this list.
        request_id = execution_context.context.request_id if execution_context else ""
        errors[:] = [to_appsync_error(error, request_id=request_id) for error in errors]


def _build_schema() -> Schema:
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[StorableVariables],
        execution_context_class=Executor,
    )
    _remove_null_defaults(schema._schema)
    return schema


def _remove_null_defaults(schema: Any) -> None:
    # An optional argument is `= None` in Python, for which Strawberry declares the default null. In AppSync's dialect
    # an optional argument has no default.
    for type_ in schema.type_map.values():
        for field in getattr(type_, "fields", {}).values():
            for argument in (field, *getattr(field, "args", {}).values()):
                if getattr(argument, "default_value", Undefined) is None:
                    argument.default_value = Undefined


def operation_type(query: str, name: str | None, documents: Documents) -> OperationType | None:
    """Return the type of the named operation; None if the document is invalid or has no operation of that name."""
    return documents.read(query, schema._schema).operation_type(name)


def appsync_sdl() -> str:
    """Return the schema in AppSync's dialect, which is the content of `schema.graphql`."""
    return print_schema(schema._schema, NOUN_MODULES)


schema = _build_schema()
