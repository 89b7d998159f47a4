"""GraphQL documents: parsed, validated and cached, with the cost estimates and plans of their operations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cachetools import FIFOCache, LRUCache
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    ValidationRule,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.types.graphql import OperationType

from db.engine.refusals import LimitExceeded
from graph.operations.cost import (
    INTROSPECTION,
    CostEstimate,
    check_limits,
    estimate_cost,
    limit_variables,
    page_limits,
)
from graph.operations.storable_text import StorableLiterals
from graph.settings import Limits

# The capacity of the document cache, in characters of document text: 2**18 characters take about 30 MB, since a parsed
# document takes about 120 bytes per character. A longer document is never cached.
MAX_CACHE_CHARACTERS = 2**18
# In characters, added to the length of each cached document for memory that does not depend on the length.
CHARACTERS_PER_ENTRY = 100
# For each document: one estimate per operation and combination of the variables that are page limits.
MAX_CACHED_COST_ESTIMATES = 100
# A plan takes some 20 KB, so all plans take at most 20 MB.
MAX_CACHED_PLANS = 1_000
# A fifth of graphql-core's default: validation that compares every field with every other would take seconds before it
# reaches the default and gives up.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 100_000


class TooManyTokens(LimitExceeded):
    """The document exceeds the limit of {maximum} tokens."""


class RejectIntrospection(ValidationRule):
    """Reports an error for each introspection field."""

    def enter_field(self, node: FieldNode, *_args: object) -> None:
        if node.name.value in INTROSPECTION:
            message = f"GraphQL introspection is disabled on this server, so {node.name.value} cannot be queried."
            self.report_error(GraphQLError(message, node))


@dataclass(eq=False)
class Document:
    """A parsed and validated document. With `errors` it cannot be run; its `node` is None after a syntax error."""

    text: str
    node: DocumentNode | None
    errors: list[GraphQLError]
    operations: list[OperationDefinitionNode] = field(default_factory=list)
    # The names of variables that are the limit of a page: the cost estimate depends on their values.
    limit_variables: frozenset[str] = frozenset()
    # The names of variables in @skip and @include: the plan depends on their values.
    directive_variables: frozenset[str] = frozenset()
    # The cache of `graph/plans/run.py`, by operation name.
    planned_operations: dict[str | None, Any] = field(default_factory=dict)
    # The operations that `Schema.check` passed, by name, if their cost does not depend on variables.
    checked_operations: dict[str | None, Any] = field(default_factory=dict)
    cost_estimates: FIFOCache[object, CostEstimate] = field(
        default_factory=lambda: FIFOCache(MAX_CACHED_COST_ESTIMATES)
    )

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the named operation, or without a name the document's only operation; None if there is none."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        return next((each for each in self.operations if each.name and each.name.value == name), None)

    def operation_type(self, name: str | None) -> OperationType | None:
        """Return the type of the operation that `operation` returns; None if there is none."""
        operation = self.operation(name)
        return OperationType(operation.operation.value) if operation else None


class Documents:
    """The document cache of an application, and its rules for documents: limits, manifest and introspection."""

    def __init__(
        self, limits: Limits | None = None, *, introspection: bool = True, manifest: Mapping[str, str] | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.introspection = introspection
        self._rules = [*specified_rules, StorableLiterals, *(() if introspection else (RejectIntrospection,))]
        # The texts of the persisted operations by their ids; None if clients may send any operation.
        self.manifest = manifest
        # The cache of `graph/plans/run.py`.
        self.plans: FIFOCache[object, Any] = FIFOCache(MAX_CACHED_PLANS)
        self._last_read: tuple[str, Document | None] = ("", None)
        self._cache: LRUCache[str, Document] = LRUCache(MAX_CACHE_CHARACTERS, getsizeof=_cache_size)

    def read(self, text: str, schema: GraphQLSchema) -> Document:
        """Return a document, from the cache or parsed and validated. Invalid documents are cached, too."""
        # Admission and the plan both read the document of a request, so the last document is found without the cache.
        last_text, last_document = self._last_read
        if last_document is not None and last_text is text:
            return last_document
        # LRUCache.get() would look the key up twice.
        try:
            document = self._cache[text]
        except KeyError:
            document = self._parse(text, schema)
            try:
                self._cache[text] = document
            except ValueError:  # The document is larger than the whole cache.
                return document
        self._last_read = text, document
        return document

    def cost_estimate(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
        schema: GraphQLSchema,
    ) -> CostEstimate:
        """Return the cost estimate of an operation in a document without errors."""
        limits = page_limits(operation, document.limit_variables, variables)
        key = (operation.name and operation.name.value, limits)
        estimate = document.cost_estimates.get(key)
        if estimate is None:
            assert document.node is not None  # noqa: S101
            estimate = document.cost_estimates[key] = estimate_cost(schema, document.node, operation, limits)
        return estimate

    def errors(self, text: str, schema: GraphQLSchema) -> list[GraphQLError]:
        """Return the errors of a document, and the limits that its operations exceed without variables."""
        document = self.read(text, schema)
        if document.errors:
            return document.errors
        estimates = [self.cost_estimate(document, each, {}, schema) for each in document.operations]
        refusals = [refusal for estimate in estimates for refusal in check_limits(estimate, self.limits)]
        return [GraphQLError(str(each), original_error=each) for each in refusals]

    def _parse(self, text: str, schema: GraphQLSchema) -> Document:
        maximum = self.limits.document_tokens
        try:
            node = parse(text, max_tokens=maximum)
        except GraphQLSyntaxError as error:
            # graphql-core raises GraphQLSyntaxError for too many tokens, too; only the message differs.
            if error.message.startswith(f"Syntax Error: Document contains more than {maximum} tokens."):
                refusal = TooManyTokens(maximum=maximum, info={"limit": "tokens", "maximum": maximum})
                return Document(text, None, [GraphQLError(str(refusal), original_error=refusal)])
            return Document(text, None, [error])
        operations = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        errors = validate(schema, node, self._rules, hide_suggestions=not self.introspection)
        if errors:
            return Document(text, node, errors, operations)
        return Document(text, node, errors, operations, limit_variables(node), _directive_variables(node))


def _directive_variables(document: DocumentNode) -> frozenset[str]:
    names: set[str] = set()

    class Directives(Visitor):
        def enter_directive(self, node: DirectiveNode, *_args: object) -> None:
            values = (argument.value for argument in node.arguments or ())
            names.update(value.name.value for value in values if isinstance(value, VariableNode))

    visit(document, Directives())
    return frozenset(names)


def _cache_size(document: Document) -> int:
    return len(document.text) + CHARACTERS_PER_ENTRY
