"""Documents, each read once: parsed, validated and measured, and remembered for who sends it again."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache
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
from graph.operations.cost import INTROSPECTION, Measured, exceeded, limiting_variables, limits_given, measure
from graph.operations.storable_text import StorableLiterals
from graph.settings import Limits

# By the length of their texts: what was read takes some 120 bytes a character. A document longer than all of it is read
# each time.
MAX_CACHED_CHARACTERS = 2**18
# What is kept of a document however short it is, in as many characters.
CHARACTERS_EACH = 100
# Of each document, for different values of the variables that limit its pages.
MAX_CACHED_MEASURES = 100
# A plan takes some 20 KB.
MAX_CACHED_PLANS = 1_000
# A fifth of graphql-core's own: comparing every field with every other would take seconds before it gives up.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 100_000


class TooManyTokens(LimitExceeded):
    """The document has more than {maximum} tokens, and is read no further."""


class NoIntrospection(ValidationRule):
    """Refuses what asks for the schema."""

    def enter_field(self, node: FieldNode, *_args: object) -> None:
        if node.name.value in INTROSPECTION:
            told = f"GraphQL introspection is off here, so {node.name.value} is not answered."
            self.report_error(GraphQLError(told, node))


@dataclass(eq=False)
class Document:
    """What a text was read as; `errors` tell why it cannot be run, and without a node it is not GraphQL."""

    text: str
    node: DocumentNode | None
    errors: list[GraphQLError]
    operations: list[OperationDefinitionNode] = field(default_factory=list)
    # The variables on which the cost of an operation depends.
    limiting: frozenset[str] = frozenset()
    # The variables by which selections are left out.
    deciding: frozenset[str] = frozenset()
    # What is known of its operations for answering them without Strawberry, by their names.
    planned: dict[str | None, Any] = field(default_factory=dict)
    measures: LRUCache[object, Measured] = field(default_factory=lambda: LRUCache(MAX_CACHED_MEASURES))

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation of a name, or the only one; None where there is no such."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        return next((each for each in self.operations if each.name and each.name.value == name), None)

    def operation_type(self, name: str | None) -> OperationType | None:
        """Tell what the operation of a name is; None where it cannot be read, or is not there."""
        operation = self.operation(name)
        return OperationType(operation.operation.value) if operation else None


class Documents:
    """All documents of an application, read by its limits, and with or without questions about the schema."""

    def __init__(
        self, limits: Limits | None = None, *, introspection: bool = True, manifest: Mapping[str, str] | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.introspection = introspection
        self._rules = [*specified_rules, StorableLiterals, *(() if introspection else (NoIntrospection,))]
        # The only documents that are run, by their ids; None where any is.
        self.manifest = manifest
        # Operations as they are answered without Strawberry.
        self.plans: LRUCache[object, Any] = LRUCache(MAX_CACHED_PLANS)
        self._read: LRUCache[str, Document] = LRUCache(MAX_CACHED_CHARACTERS, getsizeof=_length)

    def read(self, text: str, schema: GraphQLSchema) -> Document:
        """Read a document; what is wrong with it is remembered too, since it is sent again as often."""
        # Not by get(), which looks twice.
        try:
            return self._read[text]
        except KeyError:
            document = self._new(text, schema)
        with suppress(ValueError):  # It is too long to be remembered.
            self._read[text] = document
        return document

    def measured(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
        schema: GraphQLSchema,
    ) -> Measured:
        """Measure an operation of a document that has no errors."""
        limits = limits_given(operation, document.limiting, variables)
        key = (operation.name and operation.name.value, limits)
        measured = document.measures.get(key)
        if measured is None:
            assert document.node is not None  # noqa: S101
            measured = document.measures[key] = measure(schema, document.node, operation, limits)
        return measured

    def problems(self, text: str, schema: GraphQLSchema) -> list[GraphQLError]:
        """Return what keeps the operations of a document from being run, whatever their variables."""
        document = self.read(text, schema)
        measures = (
            [] if document.errors else [self.measured(document, each, {}, schema) for each in document.operations]
        )
        beyond = [refusal for measured in measures for refusal in exceeded(measured, self.limits)]
        return document.errors + [GraphQLError(str(each), original_error=each) for each in beyond]

    def _new(self, text: str, schema: GraphQLSchema) -> Document:
        maximum = self.limits.document_tokens
        try:
            node = parse(text, max_tokens=maximum)
        except GraphQLSyntaxError as error:
            # Of graphql-core's own errors only the text tells this one apart.
            if error.message.startswith(f"Syntax Error: Document contains more than {maximum} tokens."):
                refusal = TooManyTokens(maximum=maximum, info={"limit": "tokens", "maximum": maximum})
                return Document(text, None, [GraphQLError(str(refusal), original_error=refusal)])
            return Document(text, None, [error])
        operations = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        errors = validate(schema, node, self._rules, hide_suggestions=not self.introspection)
        if errors:
            return Document(text, node, errors, operations)
        return Document(text, node, errors, operations, limiting_variables(node), _deciding_variables(node))


def _deciding_variables(document: DocumentNode) -> frozenset[str]:
    names: set[str] = set()

    class Directives(Visitor):
        def enter_directive(self, node: DirectiveNode, *_args: object) -> None:
            values = (argument.value for argument in node.arguments or ())
            names.update(value.name.value for value in values if isinstance(value, VariableNode))

    visit(document, Directives())
    return frozenset(names)


def _length(document: Document) -> int:
    return len(document.text) + CHARACTERS_EACH
