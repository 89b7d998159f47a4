"""The API's schema: what the nouns contribute, put together."""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode, Undefined, parse
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from graph.appsync.dialect import print_schema
from graph.errors import told
from graph.resolvers import api_keys, audit_entries, batteries, events, imports, reports, sites, vpps
from graph.resolvers.api_keys import ApiKeyMutation, ApiKeyQuery
from graph.resolvers.audit_entries import AuditEntryQuery
from graph.resolvers.batteries import BatteryMutation, BatteryQuery
from graph.resolvers.imports import ImportMutation, ImportQuery, ImportSubscription
from graph.resolvers.reports import ReportMutation, ReportQuery, ReportSubscription
from graph.resolvers.sites import SiteMutation, SiteQuery
from graph.resolvers.vpps import VppMutation, VppQuery
from graph.scalars import SCALARS
from graph.texts import LiteralTexts, TextsCanBeKept

NOUNS = (vpps, sites, batteries, events, imports, reports, api_keys, audit_entries)

CACHED_DOCUMENTS = 1_000
TOKENS_AT_MOST = 20_000
# A fifth of graphql-core's own: comparing every field with every other would take seconds before it gives up.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 100_000
EXECUTED = (OperationType.QUERY, OperationType.MUTATION)

Query = merge_types(
    "Query", (VppQuery, SiteQuery, BatteryQuery, ImportQuery, ReportQuery, ApiKeyQuery, AuditEntryQuery)
)
Mutation = merge_types(
    "Mutation", (VppMutation, SiteMutation, BatteryMutation, ImportMutation, ReportMutation, ApiKeyMutation)
)
Subscription = merge_types("Subscription", (ImportSubscription, ReportSubscription))


class CachedParser(ParserCache):
    """A parser cache that leaves it to Strawberry to tell a syntax error: over a WebSocket its own would go untold."""

    def on_parse(self) -> Iterator[None]:
        parse, context = self.cached_parse_document, self.execution_context
        with suppress(GraphQLError):
            context.graphql_document = parse(context.query, **context.parse_options)
        yield


class MissingOperationName(CannotGetOperationTypeError):
    """A document of several operations does not say which of them to run."""

    def as_http_error_reason(self) -> str:
        return "Missing operation name."


class NamedOperation(SchemaExtension):
    """Runs none of several operations where none is named; Strawberry would run the first."""

    def on_parse(self) -> Iterator[None]:
        yield
        context = self.execution_context
        if context.graphql_document is None or context._provided_operation_name is not None:
            return
        operations = [
            part for part in context.graphql_document.definitions if isinstance(part, OperationDefinitionNode)
        ]
        if len(operations) > 1:
            raise MissingOperationName(None)


class Schema(strawberry.Schema):
    """A Strawberry schema whose errors are told as AppSync's clients read them."""

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        # A subscription is streamed; executed, it would answer null and not say why.
        return await super().execute(*args, **kwargs | {"allowed_operation_types": EXECUTED})

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        # In place: over HTTP and over WebSockets alike, it is this list that is sent.
        request_id = execution_context.context.request_id if execution_context else ""
        errors[:] = [told(error, request_id=request_id) for error in errors]


def _schema() -> Schema:
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[
            lambda: MaxTokensLimiter(TOKENS_AT_MOST),
            NamedOperation,
            lambda: CachedParser(maxsize=CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
            lambda: AddValidationRules([LiteralTexts]),
            TextsCanBeKept,
        ],
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


@lru_cache(CACHED_DOCUMENTS)
def operation_type(query: str, name: str | None) -> OperationType | None:
    """Tell what a document's operation of this name is; None where it cannot be read, or is not there."""
    with suppress(GraphQLError, RuntimeError, RecursionError):
        return get_operation_type(parse(query, max_tokens=TOKENS_AT_MOST), name)
    return None


def printed() -> str:
    """Return the schema in AppSync's dialect: what `schema.graphql` holds."""
    return print_schema(schema._schema, NOUNS)


schema = _schema()
