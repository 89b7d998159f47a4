"""
Runs queries and mutations by their compiled plans.

A plan is compiled the first time that a document is sent, and cached. An operation without a plan is left to
Strawberry. So is a query whose plan raises an error: Strawberry runs it from the beginning and produces the error
message. A mutation never runs twice: once its first resolver has started, errors are formatted here as Strawberry
would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import asyncpg
import structlog
from graphql import (
    FieldNode,
    GraphQLError,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
)
from graphql.execution.values import VariableValues, get_variable_values

from db.engine.connections import Record
from db.engine.refusals import Refusal
from db.engine.scope import Scope
from db.engine.statements import CompiledStatement
from graph.operations.cost import CostEstimate
from graph.operations.documents import Document, Documents
from graph.operations.json import encode_bytes
from graph.operations.operation import NoPlan, Operation
from graph.operations.storable_text import find_unstorable_text
from graph.plans.compiler import Plan, PlanCompiler
from graph.resolvers.context import Context
from graph.resolvers.errors import formatted, to_appsync_error
from graph.resolvers.loaders import today
from graph.resolvers.paging import Page, page_limit, page_request
from graph.resolvers.reads import Arguments, FieldQuery, Projection, bind
from graph.schema import schema

# GraphQL types whose JSON values are valid if they are of the Python type (and a string is storable, an Int 32 bits).
PYTHON_TYPES = {"ID": str, "String": str, "Int": int, "Boolean": bool}
MAX_INT = 2**31 - 1
# Errors after which the plan is dropped without a log line: Strawberry reruns the operation and produces the error
# message.
EXPECTED_ERRORS = (NoPlan, Refusal, GraphQLError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

log = structlog.get_logger()


class SimpleVariable(NamedTuple):
    """A variable of one of `PYTHON_TYPES`, without a default value."""

    name: str
    python_type: type[Any]
    is_required: bool


@dataclass(eq=False)
class PlannedOperation:
    """An operation of a document, with everything about it that does not depend on the values of its variables."""

    node: OperationDefinitionNode
    # None if a variable is not simple: graphql-core then coerces all variables.
    variables: list[SimpleVariable] | None
    # None if the cost depends on variables.
    estimate: CostEstimate | None

    @property
    def is_mutation(self) -> bool:
        return self.node.operation is OperationType.MUTATION


async def planned_response(operation: Operation, context: Context) -> bytes | None:
    """Run a query or mutation by its plan; return None, with no data changed, if Strawberry must run it."""
    documents, variables = context.documents, operation.variables
    document = documents.read(operation.query, schema._schema)
    planned = document.planned_operations.get(operation.name) or _planned_operation(documents, document, operation.name)
    if planned is None:
        return None
    estimate = planned.estimate or documents.cost_estimate(document, planned.node, variables, schema._schema)
    if estimate.exceeds(documents.limits):
        return None
    mutations = MutationRun(context) if planned.is_mutation else None
    try:
        values = _coerced_variables(planned, variables)
        plan = _cached_plan(documents, document, planned, values, context.caller.role)
        if plan is None:
            return None
        if mutations is not None:
            data = await plan(mutations, values)
        else:
            async with context.database.read_connection() as connection:
                data = await plan(QueryRun(connection, context.scope), values)
    except Exception as error:
        if mutations is not None and mutations.have_begun:
            raise
        if not isinstance(error, EXPECTED_ERRORS):
            log.exception("A plan failed", request_id=context.request_id)
        return None
    response = {"data": data}
    if mutations is not None and mutations.errors:
        response["errors"] = formatted(mutations.errors)
    response["extensions"] = {"cost": {"requested": estimate.cost, "maximum": documents.limits.cost}}
    return encode_bytes(response)


class MutationRun:
    """Runs the mutations of a plan. The error of a mutation becomes an error of the response, and its data null."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.errors: list[GraphQLError] = []
        self.have_begun = False

    async def mutate(
        self,
        resolve: Callable[..., Any],
        arguments: Arguments,
        nodes: list[FieldNode],
        key: str,
        serialize: Callable[[Any], Any],
    ) -> Any:
        """Run a mutation's resolver and serialize the object that it returns."""
        self.have_begun = True
        try:
            result = await resolve(None, _ResolverInfo(self._context, nodes[0].name.value), **arguments)
            return None if result is None else serialize(result)
        except Exception as error:
            located = GraphQLError(str(error), nodes, path=[key], original_error=error)
            self.errors.append(to_appsync_error(located, request_id=self._context.request_id))
            return None


@dataclass(frozen=True)
class _ResolverInfo:
    """Replaces Strawberry's Info for the resolvers of mutations, which use only these attributes of it."""

    context: Context
    field_name: str


class Connection(Protocol):
    """The method of a ReadConnection that plans use."""

    async def rows(self, statement: CompiledStatement, values: Mapping[str, object], /) -> list[Record]: ...


class QueryRun:
    """Runs the reads of a plan on one connection, for one caller and one settlement date."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._common_values = {"today": today(), **scope.bind_values()}

    async def root(self, query: FieldQuery, arguments: Arguments, projection: Projection) -> list[Record]:
        """Read a root field; return a list with its row, or an empty list."""
        return (await self._rows(query, query.with_defaults(arguments), projection))[:1]

    async def related(
        self, query: FieldQuery, arguments: Arguments, projection: Projection, keys: Sequence[str | None]
    ) -> list[Record]:
        """Read a field of parent objects by their keys; the last column of each row is the key of its parent."""
        distinct = _distinct(keys)
        if not distinct:
            return []
        return await self._rows(query, query.with_defaults(arguments), projection, keys=distinct)

    async def page(
        self,
        query: FieldQuery,
        arguments: Arguments,
        projection: Projection,
        name: str,
        order: Sequence[int] | None,
    ) -> Page:
        """
        Read a page of a root field.

        `order` holds the indexes of the ordering columns in a row, from which the nextToken is made; None if nextToken
        is not selected.
        """
        own, limit, token = (
            query.with_defaults(arguments),
            page_limit(arguments.get("limit")),
            arguments.get("next_token"),
        )
        identity = (name, *own.values())
        wanted = limit + (order is not None)
        if token is None:
            rows = await self._rows(query, own, projection, rows=wanted)
            return self._page(rows, query, order, limit, identity)
        assert query.order is not None  # noqa: S101
        request = page_request(limit, token, order=query.order, list_identity=identity)
        rows = []
        for range_after_cursor in request.ranges:
            missing = wanted - len(rows)
            if missing:
                after_cursor = replace(projection, range_after_cursor=range_after_cursor)
                rows += await self._rows(query, own, after_cursor, rows=missing, **request.cursor_values)
        return self._page(rows, query, order, limit, identity)

    async def first_pages(
        self,
        query: FieldQuery,
        arguments: Arguments,
        projection: Projection,
        name: str,
        order: Sequence[int] | None,
        keys: Sequence[str | None],
    ) -> Mapping[str, Page]:
        """Read the first page of a list of each parent object. Raises NoPlan for later pages."""
        own, limit, distinct = query.with_defaults(arguments), page_limit(arguments.get("limit")), _distinct(keys)
        if arguments.get("next_token") is not None:
            raise NoPlan("a list of a nested object is continued by a nextToken")
        wanted = limit + (order is not None)
        rows_by_key: dict[str, list[Record]] = {key: [] for key in distinct}
        if len(distinct) == 1:
            # A single parent needs no lateral join.
            rows_by_key[distinct[0]] = await self._rows(query, own, projection, key=distinct[0], rows=wanted)
        elif distinct:
            per_parent = replace(projection, per_parent=True)
            for row in await self._rows(query, own, per_parent, keys=distinct, rows=wanted):
                rows_by_key[row[-1]].append(row)
        return {
            key: self._page(rows, query, order, limit, (name, key, *own.values())) for key, rows in rows_by_key.items()
        }

    def _page(
        self,
        rows: list[Record],
        query: FieldQuery,
        order: Sequence[int] | None,
        limit: int,
        list_identity: Sequence[object],
    ) -> Page:
        if order is None or len(rows) <= limit:
            return Page(rows, None)
        assert query.order is not None  # noqa: S101
        cursor = [rows[limit - 1][index] for index in order]
        request = page_request(limit, None, order=query.order, list_identity=list_identity)
        return Page(rows[:limit], request.token(cursor))

    async def _rows(
        self, query: FieldQuery, arguments: Arguments, projection: Projection, **values: object
    ) -> list[Record]:
        statement, bound = bind(query, arguments, projection, values | self._common_values, self._scope)
        return await self._connection.rows(statement, bound)


def _planned_operation(documents: Documents, document: Document, name: str | None) -> PlannedOperation | None:
    """Analyse an operation and cache the result in its document; None for errors and subscriptions."""
    node = document.operation(name)
    if document.errors or node is None or node.operation is OperationType.SUBSCRIPTION:
        return None
    variables = [_simple_variable(each) for each in node.variable_definitions or ()]
    estimate = None if document.limit_variables else documents.cost_estimate(document, node, {}, schema._schema)
    simple = [each for each in variables if each is not None]
    planned = PlannedOperation(node, simple if len(simple) == len(variables) else None, estimate)
    document.planned_operations[name] = planned
    return planned


def _simple_variable(variable: VariableDefinitionNode) -> SimpleVariable | None:
    is_required = isinstance(variable.type, NonNullTypeNode)
    nullable = variable.type.type if isinstance(variable.type, NonNullTypeNode) else variable.type
    type_name = getattr(getattr(nullable, "name", None), "value", "")
    if type_name not in PYTHON_TYPES or variable.default_value is not None:
        return None
    return SimpleVariable(variable.variable.name.value, PYTHON_TYPES[type_name], is_required)


def _coerced_variables(planned: PlannedOperation, given: Mapping[str, Any]) -> VariableValues:
    values = _coerced_simple_variables(planned.variables, given)
    if values is None:
        if find_unstorable_text(given):
            raise NoPlan("a variable holds text that Postgres cannot store")
        coerced = get_variable_values(schema._schema, planned.node.variable_definitions or (), dict(given))
        if isinstance(coerced, list):
            raise NoPlan("the value of a variable does not fit its type")
        return coerced
    return values


def _coerced_simple_variables(
    variables: list[SimpleVariable] | None, given: Mapping[str, Any]
) -> VariableValues | None:
    """Return the values if they are valid as they are; None if graphql-core must coerce or reject them."""
    if variables is None:
        return None
    coerced: dict[str, Any] = {}
    for name, python_type, is_required in variables:
        value: Any = given.get(name)
        if type(value) is python_type:
            if python_type is str and ("\0" in value or not value.isascii()) and find_unstorable_text({name: value}):
                return None
            if python_type is int and not -MAX_INT - 1 <= value <= MAX_INT:
                return None
        elif value is not None or is_required:
            return None
        if name in given:
            coerced[name] = value
    # A value for a variable that the operation does not declare is checked for unstorable text, too.
    return VariableValues({}, coerced) if len(coerced) == len(given) else None


def _cached_plan(
    documents: Documents, document: Document, planned: PlannedOperation, values: VariableValues, role: str
) -> Plan | None:
    # A plan fits one role, and one combination of the values that decide @skip and @include.
    key = (planned, role, *[values.coerced.get(name) for name in document.directive_variables])
    if key in documents.plans:
        cached: Plan | None = documents.plans[key]
        return cached
    plan: Plan | None
    try:
        plan = PlanCompiler(schema, document, planned.node, values).compile(role)
    except NoPlan:
        plan = None
    documents.plans[key] = plan
    return plan


def _distinct(keys: Sequence[str | None]) -> list[str]:
    return [key for key in dict.fromkeys(keys) if key is not None]
