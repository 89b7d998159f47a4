"""The output of `vpp explain`: the SQL statements and the Python function that each operation is compiled to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution.values import VariableValues, get_variable_values

from db.engine.connections import Record
from db.engine.refusals import Refusal
from db.engine.scope import UNRESTRICTED
from db.engine.statements import CompiledStatement
from graph.operations.cost import check_limits
from graph.operations.documents import Document, Documents
from graph.operations.operation import NoPlan
from graph.plans.compiler import PlanCompiler, PlannedRead
from graph.plans.run import QueryRun
from graph.schema import schema

# Notes on a field, by the method of QueryRun that runs its statement, and whether there are several parent objects.
READ_DESCRIPTIONS = {
    ("root", False): "",
    ("page", False): ", a page",
    ("related", False): ", for one parent object",
    ("related", True): ", for several parent objects",
    ("first_pages", False): ", a page for one parent object",
    ("first_pages", True): ", a page for each of several parent objects",
}


class Explanation(NamedTuple):
    """The plan of an operation as text, or the errors for which the operation or the whole document is rejected."""

    text: str
    is_valid: bool


async def explain(text: str, *, role: str, variables: Mapping[str, Any]) -> list[Explanation]:
    """
    Return the plan of each operation in a document, for callers of a role who are not restricted to VPPs or sites.

    Each operation receives the variables that it declares.
    """
    documents = Documents()
    document = documents.read(text, schema._schema)
    if document.errors or not document.operations:
        return [_invalid("", document.errors or [GraphQLError("The document has no operation.")])]
    return [await _explain(documents, document, each, role, variables) for each in document.operations]


async def _explain(
    documents: Documents,
    document: Document,
    operation: OperationDefinitionNode,
    role: str,
    variables: Mapping[str, Any],
) -> Explanation:
    name = f" {operation.name.value}" if operation.name else ""
    title = f"{operation.operation.value}{name} (role {role})"
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    given = {name: value for name, value in variables.items() if name in declared}
    values = get_variable_values(schema._schema, operation.variable_definitions or (), given)
    if isinstance(values, list):
        return _invalid(title, values)
    refusals = list(check_limits(documents.cost_estimate(document, operation, given, schema._schema), documents.limits))
    if refusals:
        return _invalid(title, refusals)
    if operation.operation is OperationType.SUBSCRIPTION:
        return _without_plan(title, "a subscription is not a single read")
    try:
        compiler = PlanCompiler(schema, document, operation, values)
        compiler.compile(role)
        statements = [each async for each in _statements(compiler.reads, values)]
    except NoPlan as reason:
        return _without_plan(title, reason)
    except (Refusal, GraphQLError) as error:
        return _invalid(title, [error])
    numbered = [f"-- Statement {number}: {statement}" for number, statement in enumerate(statements, start=1)]
    if operation.operation is OperationType.MUTATION:
        numbered = ["-- No statements: the resolver of each mutation runs its own."]
    return Explanation("\n\n".join([title, *numbered, compiler.source.rstrip()]), True)


def _without_plan(title: str, reason: object) -> Explanation:
    return Explanation(f"{title}\n\nNo plan: {reason}. Strawberry runs this operation field by field.", True)


def _invalid(title: str, errors: Sequence[Exception]) -> Explanation:
    return Explanation("\n\n".join([*([title] if title else []), *map(str, errors)]), False)


async def _statements(reads: list[PlannedRead], values: VariableValues) -> AsyncIterator[str]:
    """Yield the statements of reads as SQL, each under a line with its field and one with its parameters."""
    for read in reads:
        recorder = _Recorder()
        method = getattr(QueryRun(recorder, UNRESTRICTED), read.method)
        keys = [["1", "2"] if read.has_many_parents else ["1"]] if read.query.parent_column else []
        await method(read.query, read.arguments(values), read.projection, *(read.page or ()), *keys)
        for statement in recorder.statements:
            parameters = enumerate(statement.arguments(_ParameterNames()), start=1)
            yield "\n".join(
                [
                    f"{read.path}{READ_DESCRIPTIONS[read.method, read.has_many_parents]}",
                    f"-- {', '.join(f'${number} = {each!r}' for number, each in parameters) or 'No parameters'}",
                    *(line.strip() for line in f"{statement.text};".splitlines()),
                ]
            )


class _Recorder:
    """Takes the place of a connection: records statements and returns no rows."""

    def __init__(self) -> None:
        self.statements: list[CompiledStatement] = []

    async def rows(self, read: CompiledStatement, _given: Mapping[str, object]) -> list[Record]:
        self.statements.append(read)
        return []


class _ParameterNames(dict[str, object]):
    """Maps each parameter to its own name, to show names without quotes and constants by their `repr`."""

    def __missing__(self, name: str) -> object:
        return _Name(name)


class _Name(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
