"""
Operations answered by plans, each made the first time its document is seen, and then only looked up.

What has no plan, and whatever goes wrong with reading by one, is left to Strawberry, which runs the operation from its
beginning and words the error. What changes something is never run again: its errors are told as Strawberry tells them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

from db.connections import Record
from db.engine import Reading
from db.refusals import Refusal
from graph.context import Context
from graph.documents import Document, Documents
from graph.encoding import encoded
from graph.errors import formatted, told
from graph.loaders import today
from graph.operations import Operation, Unplanned
from graph.paging import Page, page_limit, page_request
from graph.planner import Plan, Planner
from graph.reads import Arguments, Form, Reads, run
from graph.schema import schema
from graph.texts import unkeepable

# Where Python's own type says all there is to say of a value.
PLAIN = {"ID": str, "String": str, "Int": int, "Boolean": bool}
INT_AT_MOST = 2**31 - 1
# What is for Strawberry to tell of.
EXPECTED = (Unplanned, Refusal, GraphQLError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

log = structlog.get_logger()


@dataclass
class Planned:
    """An operation of a document, and its plans."""

    node: OperationDefinitionNode
    # The variables' names and types in Python, and whether they must be given; None where there is more to them.
    plain: list[tuple[str, type, bool]] | None


async def planned_answer(operation: Operation, context: Context) -> bytes | None:
    """Answer a query or a mutation by its plan; None where Strawberry is to run it, since nothing has been changed."""
    documents = context.documents
    document = documents.read(operation.query, schema._schema)
    planned = _planned(document, operation.name)
    if planned is None:
        return None
    measured = documents.measured(document, planned.node, operation.variables, schema._schema)
    if measured.is_beyond(documents.limits) or unkeepable(operation.variables):
        return None
    changes = _Changes(context)
    try:
        values = _values(planned, operation.variables)
        plan = _plan(documents, document, planned, values, context.caller.role)
        if plan is None:
            return None
        if planned.node.operation is OperationType.MUTATION:
            data = await plan(changes, values)
        else:
            async with context.database.reading() as reading:
                data = await plan(_Run(reading, context), values)
    except Exception as fault:
        if changes.have_begun:
            raise
        if not isinstance(fault, EXPECTED):
            log.exception("A plan failed")
        return None
    errors = {"errors": formatted(changes.errors)} if changes.errors else {}
    cost = {"requested": measured.cost, "maximum": documents.limits.cost}
    return encoded({"data": data, **errors, "extensions": {"cost": cost}})


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
            self.errors.append(told(found, request_id=self._context.request_id))
            return None


@dataclass(frozen=True)
class _ChangeInfo:
    """What a mutation's resolver looks at of Strawberry's Info."""

    context: Context
    field_name: str


class _Run:
    """What a plan reads by: on one connection, for one caller, on one day."""

    def __init__(self, reading: Reading, context: Context) -> None:
        self._reading = reading
        self._reach = context.reach
        self._fixed = {"today": today(), **self._reach.values()}

    async def root(self, reads: Reads, arguments: Arguments, form: Form) -> list[Record]:
        return (await self._rows(reads, reads.arguments(arguments), form, {}))[:1]

    async def owned(self, reads: Reads, arguments: Arguments, form: Form, keys: Sequence[str | None]) -> list[Record]:
        """Read what belongs to objects; each row tells at its end which of them it belongs to."""
        some = _some(keys)
        return await self._rows(reads, reads.arguments(arguments), form, {"keys": some}) if some else []

    async def page(
        self, reads: Reads, arguments: Arguments, form: Form, name: str, order: Sequence[int] | None
    ) -> Page:
        """Read a page of a list; `order` are the places of what its token is made of, where that is wanted."""
        own, limit, token = reads.arguments(arguments), page_limit(arguments.get("limit")), arguments.get("next_token")
        if token is None:
            rows = await self._rows(reads, own, form, {"rows": limit + (order is not None)})
            return self._page(rows, reads, order, limit, (name, *own.values()))
        assert reads.order is not None  # noqa: S101
        request = page_request(limit, token, order=reads.order, of=(name, *own.values()))
        rows = []
        for part in request.parts:
            left = limit + (order is not None) - len(rows)
            if left:
                values = {"rows": left, **request.last}
                rows += await self._rows(reads, own, form._replace(behind=part), values)
        return self._page(rows, reads, order, limit, (name, *own.values()))

    async def pages(
        self,
        reads: Reads,
        arguments: Arguments,
        form: Form,
        name: str,
        order: Sequence[int] | None,
        keys: Sequence[str | None],
    ) -> Mapping[str, Page]:
        """Read the first page of the list of each of some objects, known by their keys."""
        own, limit, some = reads.arguments(arguments), page_limit(arguments.get("limit")), _some(keys)
        if arguments.get("next_token") is not None:
            raise Unplanned("a page within an object")
        wanted = limit + (order is not None)
        found: dict[str, list[Record]] = {key: [] for key in some}
        if len(some) == 1:
            found[some[0]] = await self._rows(reads, own, form, {"key": some[0], "rows": wanted})
        elif some:
            of_each = form._replace(of_each=True)
            for row in await self._rows(reads, own, of_each, {"keys": some, "rows": wanted}):
                found[row[-1]].append(row)
        return {key: self._page(rows, reads, order, limit, (name, key, *own.values())) for key, rows in found.items()}

    def _page(
        self, rows: list[Record], reads: Reads, order: Sequence[int] | None, limit: int, of: Sequence[object]
    ) -> Page:
        if order is None or len(rows) <= limit:
            return Page(rows, None)
        assert reads.order is not None  # noqa: S101
        last = [rows[limit - 1][place] for place in order]
        return Page(rows[:limit], page_request(limit, None, order=reads.order, of=of).token(last))

    async def _rows(self, reads: Reads, own: Arguments, form: Form, values: Mapping[str, object]) -> list[Record]:
        return await run(self._reading, reads, own, form, {**self._fixed, **values}, reach=self._reach)


def _planned(document: Document, name: str | None) -> Planned | None:
    planned = document.planned.get(name)
    if planned is None:
        node = document.operation(name)
        if document.errors or node is None or node.operation is OperationType.SUBSCRIPTION:
            return None
        plain = [_plain(each) for each in node.variable_definitions or ()]
        planned = Planned(node, None if None in plain else plain)  # type: ignore[arg-type]
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
    coerced: dict[str, Any] = {}
    for name, kind, must_be in planned.plain or ():
        value = given.get(name)
        if value is None:
            if must_be:
                raise Unplanned("a variable is missing")
            if name in given:
                coerced[name] = None
        elif type(value) is kind and (not isinstance(value, int) or -INT_AT_MOST - 1 <= value <= INT_AT_MOST):
            coerced[name] = value
        else:
            break
    else:
        if planned.plain is not None:
            return VariableValues({}, coerced)
    values = get_variable_values(schema._schema, planned.node.variable_definitions or (), dict(given))
    if isinstance(values, list):
        raise Unplanned("a variable is not of its type")
    return values


def _plan(documents: Documents, document: Document, planned: Planned, values: VariableValues, role: str) -> Plan | None:
    # For each role, and each way in which variables decide what is left out.
    key = (document, planned.node.name and planned.node.name.value, role, *map(values.coerced.get, document.deciding))
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
