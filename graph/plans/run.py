"""
Operations answered by plans, each made the first time its document is seen, and then only looked up.

What has no plan, and whatever goes wrong with reading by one, is left to Strawberry, which runs the operation from its
beginning and words the error. What changes something is never run again: its errors are told as Strawberry tells them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import asyncpg
import structlog
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
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
from graph.operations.cost import Measured
from graph.operations.documents import Document, Documents
from graph.operations.json import encoded
from graph.operations.operation import Operation, Unplanned
from graph.operations.storable_text import find_unstorable_text
from graph.plans.compiler import Plan, Planner
from graph.resolvers.context import Context
from graph.resolvers.errors import formatted, to_appsync_error
from graph.resolvers.loaders import today
from graph.resolvers.paging import Page, page_limit, page_request
from graph.resolvers.reads import Arguments, FieldQuery, Projection, bind
from graph.schema import schema

# Where Python's own type says all there is to say of a value.
PLAIN = {"ID": str, "String": str, "Int": int, "Boolean": bool}
INT_AT_MOST = 2**31 - 1
# What is for Strawberry to tell of.
EXPECTED = (Unplanned, Refusal, GraphQLError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

log = structlog.get_logger()


@dataclass(eq=False)
class Planned:
    """An operation of a document, and what is known of it whatever its variables."""

    node: OperationDefinitionNode
    # The variables' names and types in Python, and whether they must be given; None where there is more to them.
    plain: list[tuple[str, type, bool]] | None
    # What it asks for; None where that depends on variables.
    measured: Measured | None

    @property
    def is_change(self) -> bool:
        return self.node.operation is OperationType.MUTATION


async def planned_answer(operation: Operation, context: Context) -> bytes | None:
    """Answer a query or a mutation by its plan; None where Strawberry is to run it, since nothing has been changed."""
    documents, variables = context.documents, operation.variables
    document = documents.read(operation.query, schema._schema)
    planned = document.planned.get(operation.name) or _planned(documents, document, operation.name)
    if planned is None:
        return None
    measured = planned.measured or documents.measured(document, planned.node, variables, schema._schema)
    if measured.is_beyond(documents.limits):
        return None
    changes = _Changes(context) if planned.is_change else None
    try:
        values = _values(planned, variables)
        plan = _plan(documents, document, planned, values, context.caller.role)
        if plan is None:
            return None
        if changes is not None:
            data = await plan(changes, values)
        else:
            async with context.database.read_connection() as reading:
                data = await plan(QueryRun(reading, context.scope), values)
    except Exception as fault:
        if changes is not None and changes.have_begun:
            raise
        if not isinstance(fault, EXPECTED):
            log.exception("A plan failed", request_id=context.request_id)
        return None
    cost = {"requested": measured.cost, "maximum": documents.limits.cost}
    if changes is not None and changes.errors:
        return encoded({"data": data, "errors": formatted(changes.errors), "extensions": {"cost": cost}})
    return encoded({"data": data, "extensions": {"cost": cost}})


class _Changes:
    """What a plan changes things by: what goes wrong with one is told of it, and is no reason to do anything again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.errors: list[GraphQLError] = []
        self.have_begun = False

    async def change(
        self,
        resolve: Callable[..., Any],
        arguments: Arguments,
        nodes: list[FieldNode],
        key: str,
        shown: Callable[[Any], Any],
    ) -> Any:
        """Run a mutation's resolver, and show what it returns."""
        self.have_begun = True
        try:
            changed = await resolve(None, _ChangeInfo(self._context, nodes[0].name.value), **arguments)
            return None if changed is None else shown(changed)
        except Exception as error:
            found = GraphQLError(str(error), nodes, path=[key], original_error=error)
            self.errors.append(to_appsync_error(found, request_id=self._context.request_id))
            return None


@dataclass(frozen=True)
class _ChangeInfo:
    """What a mutation's resolver looks at of Strawberry's Info."""

    context: Context
    field_name: str


class Rows(Protocol):
    """The method of a ReadConnection that plans use."""

    async def rows(self, read: CompiledStatement, given: Mapping[str, object]) -> list[Record]: ...


class QueryRun:
    """What a plan reads by: on one connection, for one caller, on one day."""

    def __init__(self, reading: Rows, scope: Scope) -> None:
        self._reading = reading
        self._scope = scope
        self._fixed = {"today": today(), **scope.bind_values()}

    async def root(self, reads: FieldQuery, arguments: Arguments, form: Projection) -> list[Record]:
        return (await self._reading.rows(*self._bound(reads, reads.arguments(arguments), form)))[:1]

    async def owned(
        self, reads: FieldQuery, arguments: Arguments, form: Projection, keys: Sequence[str | None]
    ) -> list[Record]:
        """Read what belongs to objects; each row tells at its end which of them it belongs to."""
        some = _some(keys)
        if not some:
            return []
        return await self._reading.rows(*self._bound(reads, reads.arguments(arguments), form, keys=some))

    async def page(
        self, reads: FieldQuery, arguments: Arguments, form: Projection, name: str, order: Sequence[int] | None
    ) -> Page:
        """Read a page of a list; `order` are the places of what its token is made of, where that is wanted."""
        own, limit, token = reads.arguments(arguments), page_limit(arguments.get("limit")), arguments.get("next_token")
        if token is None:
            rows = await self._reading.rows(*self._bound(reads, own, form, rows=limit + (order is not None)))
            return self._page(rows, reads, order, limit, (name, *own.values()))
        assert reads.order is not None  # noqa: S101
        request = page_request(limit, token, order=reads.order, of=(name, *own.values()))
        rows = []
        for part in request.parts:
            left = limit + (order is not None) - len(rows)
            if left:
                behind = replace(form, behind=part)
                rows += await self._reading.rows(*self._bound(reads, own, behind, rows=left, **request.last))
        return self._page(rows, reads, order, limit, (name, *own.values()))

    async def pages(
        self,
        reads: FieldQuery,
        arguments: Arguments,
        form: Projection,
        name: str,
        order: Sequence[int] | None,
        keys: Sequence[str | None],
    ) -> Mapping[str, Page]:
        """Read the first page of the list of each of some objects, known by their keys."""
        own, limit, some = reads.arguments(arguments), page_limit(arguments.get("limit")), _some(keys)
        if arguments.get("next_token") is not None:
            raise Unplanned("a list of a nested object is continued by a nextToken")
        wanted = limit + (order is not None)
        found: dict[str, list[Record]] = {key: [] for key in some}
        if len(some) == 1:
            of_one = self._bound(reads, own, form, key=some[0], rows=wanted)
            found[some[0]] = await self._reading.rows(*of_one)
        elif some:
            of_each = self._bound(reads, own, replace(form, of_each=True), keys=some, rows=wanted)
            for row in await self._reading.rows(*of_each):
                found[row[-1]].append(row)
        return {key: self._page(rows, reads, order, limit, (name, key, *own.values())) for key, rows in found.items()}

    def _page(
        self, rows: list[Record], reads: FieldQuery, order: Sequence[int] | None, limit: int, of: Sequence[object]
    ) -> Page:
        if order is None or len(rows) <= limit:
            return Page(rows, None)
        assert reads.order is not None  # noqa: S101
        last = [rows[limit - 1][place] for place in order]
        return Page(rows[:limit], page_request(limit, None, order=reads.order, of=of).token(last))

    def _bound(
        self, reads: FieldQuery, own: Arguments, form: Projection, **values: object
    ) -> tuple[CompiledStatement, dict[str, Any]]:
        return bind(reads, own, form, values | self._fixed, self._scope)


def _planned(documents: Documents, document: Document, name: str | None) -> Planned | None:
    node = document.operation(name)
    if document.errors or node is None or node.operation is OperationType.SUBSCRIPTION:
        return None
    plain = [_plain(each) for each in node.variable_definitions or ()]
    measured = None if document.limiting else documents.measured(document, node, {}, schema._schema)
    planned = Planned(node, None if None in plain else plain, measured)  # type: ignore[arg-type]
    document.planned[name] = planned
    return planned


def _plain(variable: VariableDefinitionNode) -> tuple[str, type, bool] | None:
    must_be = isinstance(variable.type, NonNullTypeNode)
    kind = variable.type.type if isinstance(variable.type, NonNullTypeNode) else variable.type
    name = getattr(getattr(kind, "name", None), "value", "")
    if name not in PLAIN or variable.default_value is not None:
        return None
    return variable.variable.name.value, PLAIN[name], must_be


def _values(planned: Planned, given: Mapping[str, Any]) -> VariableValues:
    values = _plain_values(planned.plain, given)
    if values is None:
        if find_unstorable_text(given):
            raise Unplanned("a variable holds text that Postgres cannot store")
        read = get_variable_values(schema._schema, planned.node.variable_definitions or (), dict(given))
        if isinstance(read, list):
            raise Unplanned("the value of a variable does not fit its type")
        return read
    return values


def _plain_values(plain: list[tuple[str, type[Any], bool]] | None, given: Mapping[str, Any]) -> VariableValues | None:
    """Return the values of variables that are what they should be, as most are; None where that is to be looked at."""
    if plain is None:
        return None
    coerced: dict[str, Any] = {}
    for name, kind, must_be in plain:
        value: Any = given.get(name)
        if type(value) is kind:
            if kind is str and ("\0" in value or not value.isascii()) and find_unstorable_text({name: value}):
                return None
            if kind is int and not -INT_AT_MOST - 1 <= value <= INT_AT_MOST:
                return None
        elif value is not None or must_be:
            return None
        if name in given:
            coerced[name] = value
    # Those that nothing declares are looked at, too.
    return VariableValues({}, coerced) if len(coerced) == len(given) else None


def _plan(documents: Documents, document: Document, planned: Planned, values: VariableValues, role: str) -> Plan | None:
    # For each role, and each way in which variables decide what is left out.
    key = (planned, role, *[values.coerced.get(name) for name in document.deciding])
    if key in documents.plans:
        found: Plan | None = documents.plans[key]
        return found
    plan: Plan | None
    try:
        assert document.node is not None  # noqa: S101
        fragments = [each for each in document.node.definitions if isinstance(each, FragmentDefinitionNode)]
        planner = Planner(schema, planned.node, {each.name.value: each for each in fragments}, values)
        plan = planner.plan(role)
    except Unplanned:
        plan = None
    documents.plans[key] = plan
    return plan


def _some(keys: Sequence[str | None]) -> list[str]:
    return [key for key in dict.fromkeys(keys) if key is not None]
