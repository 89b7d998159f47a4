"""
What an operation asks for, counted before any of it runs.

An object costs 1 and a scalar nothing, unless it is asked for under an alias: a type's own scalars are few, copies of
them need not be. A page costs its `limit` times one of its items, whether there are as many or not. Every field is
counted as if it were included, and a fragment wherever it is spread.
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
# What there is of each in a list that is not paged. Most sites have one battery, and stay where they are.
ESTIMATES = {
    "Vpp.priceSchedules": 3,
    "Site.memberships": 2,
    "Site.batteries": 2,
    "RevenueStatement.lineItems": 200,
}
# Of lists about the schema itself.
ESTIMATE_OF_INTROSPECTION = 5
# What it takes to make an object or a scalar, where that is more than reading it off a row.
COSTLY = {"Query.simulateRevenueReport": 200, "Site.capacityKwh": 1, "RevenueReport.isStale": 1}


class TooDeep(LimitExceeded):
    """The fields of the operation are nested {requested} deep; at most {maximum} are run."""


class TooManyAliases(LimitExceeded):
    """The operation has {requested} aliases; at most {maximum} are run."""


class TooManyRootFields(LimitExceeded):
    """The operation has {requested} fields at its root; at most {maximum} are run. Send it in parts."""


class TooCostly(LimitExceeded):
    """The operation would cost {requested}; at most {maximum} is run. Ask for smaller pages, or for fewer in each."""


class Measured(NamedTuple):
    """How much selected fields ask for."""

    depth: int = 0
    aliases: int = 0
    # Side by side, not counting those within.
    fields: int = 0
    cost: int = 0
    # What each row costs of the page that these fields are selected of.
    row_cost: int = 0

    def is_beyond(self, limits: Limits) -> bool:
        """Tell whether it is more than what is run."""
        return (
            self.cost > limits.cost
            or self.depth > limits.depth
            or self.aliases > limits.aliases
            or self.fields > limits.root_fields
        )


def limiting_variables(document: DocumentNode) -> frozenset[str]:
    """Return the names of the variables by which pages are limited, in any operation of a document."""
    values = (
        argument.value for field in _fields(document) for argument in field.arguments or () if _is_limit(argument)
    )
    return frozenset(value.name.value for value in values if isinstance(value, VariableNode))


def limits_given(
    operation: OperationDefinitionNode, limiting: frozenset[str], variables: Mapping[str, object]
) -> tuple[tuple[str, int], ...]:
    """Return what an operation's variables limit pages to; all that its cost depends on beside its document."""
    given = []
    for definition in operation.variable_definitions or ():
        name, default = definition.variable.name.value, definition.default_value
        if name in limiting:
            default_limit = int(default.value) if isinstance(default, IntValueNode) else None
            given.append((name, _rows(variables.get(name, default_limit))))
    return tuple(given)


def measure(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    limits: tuple[tuple[str, int], ...],
) -> Measured:
    """Measure an operation of a valid document, given what its variables limit pages to."""
    return _Measuring(schema, document, dict(limits)).operation(operation)


def exceeded(measured: Measured, limits: Limits) -> Iterator[LimitExceeded]:
    """List the limits that an operation goes beyond."""
    for kind, name, requested, maximum in (
        (TooDeep, "depth", measured.depth, limits.depth),
        (TooManyAliases, "aliases", measured.aliases, limits.aliases),
        (TooManyRootFields, "rootFields", measured.fields, limits.root_fields),
        (TooCostly, "cost", measured.cost, limits.cost),
    ):
        if requested > maximum:
            info = {"limit": name, "requested": requested, "maximum": maximum}
            yield kind(requested=requested, maximum=maximum, info=info)


class _Measuring:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Mapping[str, int]) -> None:
        self._schema = schema
        self._limits = limits
        self._fragments: dict[str, Measured] = {}
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        # Each once, after those it spreads: however often they spread one another, and in however long a chain.
        spreads = {
            name: {part.name.value for part in _selections(each.selection_set) if isinstance(part, FragmentSpreadNode)}
            for name, each in fragments.items()
        }
        for name in TopologicalSorter(spreads).static_order():
            fragment = fragments[name]
            self._fragments[name] = self._selected(
                fragment.selection_set, self._kind(fragment.type_condition.name.value)
            )

    def operation(self, node: OperationDefinitionNode) -> Measured:
        root = self._schema.get_root_type(node.operation)
        assert root is not None  # noqa: S101 The document is valid.
        return self._selected(node.selection_set, root)

    def _selected(self, selection_set: SelectionSetNode, kind: GraphQLObjectType) -> Measured:
        depth = aliases = fields = cost = row_cost = 0
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                part = self._field(selection, kind)
            elif isinstance(selection, FragmentSpreadNode):
                part = self._fragments[selection.name.value]
            else:
                assert isinstance(selection, InlineFragmentNode)  # noqa: S101 There is nothing else.
                condition = selection.type_condition
                part = self._selected(selection.selection_set, self._kind(condition.name.value) if condition else kind)
            depth = max(depth, part.depth)
            aliases += part.aliases
            fields += part.fields
            cost += part.cost
            row_cost += part.row_cost
        return Measured(depth, aliases, fields, cost, row_cost)

    def _field(self, node: FieldNode, kind: GraphQLObjectType) -> Measured:
        name, aliases = node.name.value, 1 if node.alias else 0
        field = self._schema.get_field(kind, name)
        assert field is not None  # noqa: S101 The document is valid.
        of, place = get_named_type(field.type), f"{kind.name}.{name}"
        if is_leaf_type(of):
            return Measured(1, aliases, 1, cost=aliases + COSTLY.get(place, 0))
        assert node.selection_set is not None  # noqa: S101
        assert isinstance(of, GraphQLObjectType)  # noqa: S101 The schema has no interfaces.
        inner = self._selected(node.selection_set, of)
        depth = 1 if name in INTROSPECTION else 1 + inner.depth
        aliases += inner.aliases
        if LIMIT in field.args:
            rows = self._rows_of(node)
            return Measured(depth, aliases, 1, cost=1 + max(rows, inner.cost + rows * inner.row_cost))
        if name == "items" and kind.name.endswith("Connection"):
            return Measured(depth, aliases, 1, row_cost=1 + inner.cost)
        if is_list_type(get_nullable_type(field.type)):
            return Measured(depth, aliases, 1, cost=estimate(place) * (1 + inner.cost))
        return Measured(depth, aliases, 1, cost=COSTLY.get(place, 1) + inner.cost)

    def _rows_of(self, node: FieldNode) -> int:
        value = next((argument.value for argument in node.arguments or () if _is_limit(argument)), None)
        if isinstance(value, VariableNode):
            # It is not this operation's where only others spread the fragment in which it stands.
            return self._limits.get(value.name.value, 0)
        return _rows(int(value.value) if isinstance(value, IntValueNode) else None)

    def _kind(self, name: str) -> GraphQLObjectType:
        kind = self._schema.get_type(name)
        assert isinstance(kind, GraphQLObjectType)  # noqa: S101 The schema has no interfaces.
        return kind


def estimate(place: str) -> int:
    """Return how many objects are counted in a list that is not paged, by its type and field."""
    return ESTIMATE_OF_INTROSPECTION if place.startswith("__") else ESTIMATES[place]


def _rows(limit: object) -> int:
    # As a resolver reads it; what one would refuse must only not be counted as less than nothing.
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
    """List all that is selected, at any depth, but for what fragments select that are spread."""
    for selection in selection_set.selections:
        yield selection
        inner = getattr(selection, "selection_set", None)
        if inner is not None:
            yield from _selections(inner)
