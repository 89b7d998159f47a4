"""
Cost estimates: how much an operation may read, computed from its document before it runs.

An object costs 1. A scalar is free, unless it has an alias: a type has few scalars, but a document may select one of
them under any number of aliases. A page costs its `limit` times the cost of an item, however many items the list has.
@skip and @include are ignored, and a fragment counts wherever it is spread.
"""

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import NamedTuple

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from db.engine.refusals import LimitExceeded
from graph.settings import DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, Limits

LIMIT = "limit"
INTROSPECTION = ("__schema", "__type")
# The assumed number of items of each list that is not paged. Most sites have one battery and stay in one VPP.
LIST_LENGTHS = {
    "Vpp.priceSchedules": 3,
    "Battery.capacities": 3,
    "Site.memberships": 2,
    "Site.batteries": 2,
    "RevenueReport.terms": 1,
    "RevenueStatement.lineItems": 200,
    # One for each rule.
    "SiteLineItem.steps": 10,
    # Most months are a single span.
    "SettlementStep.spans": 1,
    "Import.overlaps": 3,
    "Import.warnings": 3,
    "Import.rejectionCounts": 3,
}
# The assumed number of items of each list in an introspection query.
INTROSPECTION_LIST_LENGTH = 5
# The cost of fields that need more than a column of a row.
FIELD_COSTS = {"Query.simulateRevenueReport": 200, "Site.capacityKwh": 1, "RevenueReport.isStale": 1}


class TooDeep(LimitExceeded):
    """The fields of the operation are nested {requested} levels deep; the limit is {maximum}."""


class TooManyAliases(LimitExceeded):
    """The operation has {requested} aliases; the limit is {maximum}."""


class TooManyRootFields(LimitExceeded):
    """The operation has {requested} root fields; the limit is {maximum}. Split it into several operations."""


class TooCostly(LimitExceeded):
    """The operation costs {requested}; the limit is {maximum}. Request smaller pages, or fewer nested lists."""


class CostEstimate(NamedTuple):
    """The estimate for a set of selected fields."""

    depth: int = 0
    aliases: int = 0
    # The number of fields in the set, without the fields nested in them.
    fields: int = 0
    cost: int = 0
    # For the fields of a page: the part of the cost that is multiplied by the number of rows of the page.
    row_cost: int = 0

    def exceeds(self, limits: Limits) -> bool:
        """Return whether the operation is rejected; `check_limits` returns the reasons."""
        return (
            self.cost > limits.cost
            or self.depth > limits.depth
            or self.aliases > limits.aliases
            or self.fields > limits.root_fields
        )


def limit_variables(document: DocumentNode) -> frozenset[str]:
    """Return the names of the variables that are the `limit` of a page in any operation of a document."""
    values = (
        argument.value for field in _fields(document) for argument in field.arguments or () if _is_limit(argument)
    )
    return frozenset(value.name.value for value in values if isinstance(value, VariableNode))


def page_limits(
    operation: OperationDefinitionNode, limit_variables: frozenset[str], variables: Mapping[str, object]
) -> tuple[tuple[str, int], ...]:
    """Return the page limit in each limit variable of an operation: the cost depends on no other variables."""
    limits = []
    for definition in operation.variable_definitions or ():
        name, default = definition.variable.name.value, definition.default_value
        if name in limit_variables:
            default_limit = int(default.value) if isinstance(default, IntValueNode) else None
            limits.append((name, _page_rows(variables.get(name, default_limit))))
    return tuple(limits)


def estimate_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    limits: tuple[tuple[str, int], ...],
) -> CostEstimate:
    """Return the estimate for an operation of a valid document, given the `page_limits` of its variables."""
    return _CostEstimator(schema, document, dict(limits)).operation(operation)


def check_limits(estimate: CostEstimate, limits: Limits) -> Iterator[LimitExceeded]:
    """Yield a refusal for each limit that an operation exceeds."""
    for refusal, name, requested, maximum in (
        (TooDeep, "depth", estimate.depth, limits.depth),
        (TooManyAliases, "aliases", estimate.aliases, limits.aliases),
        (TooManyRootFields, "rootFields", estimate.fields, limits.root_fields),
        (TooCostly, "cost", estimate.cost, limits.cost),
    ):
        if requested > maximum:
            info = {"limit": name, "requested": requested, "maximum": maximum}
            yield refusal(requested=requested, maximum=maximum, info=info)


class _CostEstimator:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Mapping[str, int]) -> None:
        self._schema = schema
        self._limits = limits
        self._fragments: dict[str, CostEstimate] = {}
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        # Each fragment is estimated once, after the fragments that it spreads. Recursion would take exponential time
        # where fragments spread each other twice, and exceed Python's recursion limit in a long chain of fragments.
        spreads = {
            name: {
                selection.name.value
                for selection in _selections(each.selection_set)
                if isinstance(selection, FragmentSpreadNode)
            }
            for name, each in fragments.items()
        }
        for name in TopologicalSorter(spreads).static_order():
            fragment = fragments[name]
            type_ = self._type(fragment.type_condition.name.value)
            self._fragments[name] = self._selection_set(fragment.selection_set, type_)

    def operation(self, node: OperationDefinitionNode) -> CostEstimate:
        root = self._schema.get_root_type(node.operation)
        assert root is not None  # noqa: S101 The document is valid.
        return self._selection_set(node.selection_set, root)

    def _selection_set(self, selection_set: SelectionSetNode, parent: GraphQLObjectType) -> CostEstimate:
        depth = aliases = fields = cost = row_cost = 0
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                estimate = self._field(selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                estimate = self._fragments[selection.name.value]
            else:
                assert isinstance(selection, InlineFragmentNode)  # noqa: S101 The only other kind of selection.
                condition = selection.type_condition
                type_ = self._type(condition.name.value) if condition else parent
                estimate = self._selection_set(selection.selection_set, type_)
            depth = max(depth, estimate.depth)
            aliases += estimate.aliases
            fields += estimate.fields
            cost += estimate.cost
            row_cost += estimate.row_cost
        return CostEstimate(depth, aliases, fields, cost, row_cost)

    def _field(self, node: FieldNode, parent: GraphQLObjectType) -> CostEstimate:
        name, aliases = node.name.value, 1 if node.alias else 0
        field = self._schema.get_field(parent, name)
        assert field is not None  # noqa: S101 The document is valid.
        type_, path = get_named_type(field.type), f"{parent.name}.{name}"
        if is_leaf_type(type_):
            return CostEstimate(1, aliases, 1, cost=aliases + FIELD_COSTS.get(path, 0))
        assert node.selection_set is not None  # noqa: S101
        assert isinstance(type_, GraphQLObjectType)  # noqa: S101 The schema has no interfaces.
        inner = self._selection_set(node.selection_set, type_)
        depth = 1 if name in INTROSPECTION else 1 + inner.depth
        aliases += inner.aliases
        if LIMIT in field.args:
            rows = self._rows_of(node)
            return CostEstimate(depth, aliases, 1, cost=1 + max(rows, inner.cost + rows * inner.row_cost))
        if name == "items" and parent.name.endswith("Connection"):
            return CostEstimate(depth, aliases, 1, row_cost=1 + inner.cost)
        if is_list_type(get_nullable_type(field.type)):
            return CostEstimate(depth, aliases, 1, cost=list_length(path) * (1 + inner.cost))
        return CostEstimate(depth, aliases, 1, cost=FIELD_COSTS.get(path, 1) + inner.cost)

    def _rows_of(self, node: FieldNode) -> int:
        value = next((argument.value for argument in node.arguments or () if _is_limit(argument)), None)
        if isinstance(value, VariableNode):
            # A variable of another operation has no value here: only that operation spreads the fragment with it.
            return self._limits.get(value.name.value, 0)
        return _page_rows(int(value.value) if isinstance(value, IntValueNode) else None)

    def _type(self, name: str) -> GraphQLObjectType:
        type_ = self._schema.get_type(name)
        assert isinstance(type_, GraphQLObjectType)  # noqa: S101 The schema has no interfaces.
        return type_


def list_length(path: str) -> int:
    """Return the assumed number of items of a list that is not paged, such as `Site.batteries`."""
    return INTROSPECTION_LIST_LENGTH if path.startswith("__") else LIST_LENGTHS[path]


def _page_rows(limit: object) -> int:
    # A limit out of range is clipped, so that the cost is not negative. The resolver rejects it later.
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    return min(max(limit, 0), MAX_PAGE_LIMIT) if isinstance(limit, int) else DEFAULT_PAGE_LIMIT


def _is_limit(argument: ArgumentNode) -> bool:
    return argument.name.value == LIMIT


def _fields(document: DocumentNode) -> Iterator[FieldNode]:
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            yield from (each for each in _selections(definition.selection_set) if isinstance(each, FieldNode))


def _selections(selection_set: SelectionSetNode) -> Iterator[SelectionNode]:
    """Yield all selections at any depth, without those inside spread fragments."""
    for selection in selection_set.selections:
        yield selection
        inner = getattr(selection, "selection_set", None)
        if inner is not None:
            yield from _selections(inner)
