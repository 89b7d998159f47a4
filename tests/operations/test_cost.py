"""Cost estimates of operations, compared with numbers that a person can compute."""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_introspection_query, get_named_type, get_nullable_type, is_list_type

from graph.operations import cost
from graph.operations.cost import LIST_LENGTHS, CostEstimate, list_length
from graph.operations.documents import Documents
from graph.schema import schema

ITEMS = "{ items { id } }"
NO_VARIABLES: Mapping[str, Any] = {}


def estimate(text: str, variables: Mapping[str, Any] = NO_VARIABLES, *, name: str | None = None) -> CostEstimate:
    documents = Documents()
    document = documents.read(text, schema._schema)
    assert document.errors == []
    operation = document.operation(name)
    assert operation is not None
    return documents.cost_estimate(document, operation, variables, schema._schema)


@pytest.mark.parametrize(
    ("document", "cost"),
    [
        ("{ getCaller { name role } }", 1),
        ("{ a: getCaller { name } b: getCaller { name } }", 2),
        ('{ getSite(id: "1") { vpp { id } } }', 2),
        (f"{{ listVpps(limit: 10) {ITEMS} }}", 11),
        (f"{{ listVpps(limit: 200) {{ items {{ id sites(limit: 50) {ITEMS} }} }} }}", 1 + 200 * (1 + 51)),
        (f"{{ listVpps(limit: 200) {{ items {{ id sites(limit: 200) {ITEMS} }} }} }}", 1 + 200 * (1 + 201)),
        ("{ listSites(limit: 10) { items { batteries { id } } } }", 1 + 10 * (1 + 2)),
        ('{ simulateRevenueReport(input: {vppId: "1", month: "2025-09"}) { lineItems { nmi } } }', 200 + 200),
        ("{ listSites(limit: 10) { items { nmi capacityKwh } } }", 1 + 10 * 2),
        ('mutation { createVpp(input: {name: "A", revenuePercentage: 20}) { id } }', 1),
        ('subscription { onImportProgress(id: "1") { id } }', 1),
    ],
)
def test_object_costs_1_and_page_costs_its_limit_times_an_item(document: str, cost: int) -> None:
    assert estimate(document).cost == cost


@pytest.mark.parametrize(
    ("limit", "rows"),
    [("", 50), ("(limit: null)", 50), ("(limit: 0)", 0), ("(limit: -1)", 0), ("(limit: 9999)", 200)],
)
def test_limit_literal_is_clamped_to_the_allowed_range(limit: str, rows: int) -> None:
    assert estimate(f"{{ listVpps{limit} {ITEMS} }}").cost == 1 + rows


@pytest.mark.parametrize(
    ("definition", "given", "rows"),
    [
        ("$n: Int", {}, 50),
        ("$n: Int", {"n": None}, 50),
        ("$n: Int", {"n": 7}, 7),
        ("$n: Int", {"n": 7.0}, 7),
        ("$n: Int", {"n": "many"}, 50),
        ("$n: Int", {"n": [5]}, 50),
        ("$n: Int", {"n": 10**400}, 200),
        ("$n: Int = 3", {}, 3),
        ("$n: Int = 3", {"n": None}, 50),
        ("$n: Int = 3", {"n": 4}, 4),
    ],
)
def test_limit_variable_counts_by_its_value_or_default(definition: str, given: dict[str, Any], rows: int) -> None:
    assert estimate(f"query ({definition}) {{ listVpps(limit: $n) {ITEMS} }}", given).cost == 1 + rows


def test_default_of_a_variable_is_that_of_the_operation_that_runs() -> None:
    page = f"fragment Page on Query {{ listVpps(limit: $n) {ITEMS} }}"
    document = f"query A($n: Int = 3) {{ ...Page }} query B($n: Int = 4) {{ ...Page }} {page}"

    assert (estimate(document, name="A").cost, estimate(document, name="B").cost) == (4, 5)


def test_page_without_items_costs_its_limit() -> None:
    assert estimate("{ listVpps(limit: 200) { nextToken } }").cost == 201


def test_field_under_an_alias_costs_again() -> None:
    scalars = estimate("{ listVpps(limit: 10) { items { id a: id b: id } } }")
    lists = estimate("{ listVpps(limit: 10) { a: items { id } b: items { id } } }")

    assert (scalars.cost, scalars.aliases) == (1 + 10 * (1 + 2), 2)
    assert (lists.cost, lists.aliases) == (1 + 10 * 2, 2)


def test_fragment_costs_again_in_each_page_that_spreads_it() -> None:
    document = f"""
        {{ a: listVpps(limit: 5) {{ ...Page }} b: listVpps(limit: 7) {{ ...Page ... on VppConnection {ITEMS} }} }}
        fragment Page on VppConnection {{ items {{ ...Vpp }} nextToken }}
        fragment Vpp on Vpp {{ sites(limit: 2) {ITEMS} }}
    """

    assert estimate(document) == CostEstimate(depth=5, aliases=2, fields=2, cost=(1 + 5 * 4) + (1 + 7 * 4 + 7))


def test_skipped_field_is_counted() -> None:
    document = f"query ($no: Boolean!) {{ listVpps(limit: 5) @skip(if: $no) {ITEMS} }}"

    assert estimate(document, {"no": True}).cost == 6


def test_each_fragment_is_estimated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    selection_set = cost._CostEstimator._selection_set

    def record_call(self: Any, *args: Any) -> CostEstimate:
        calls.append(args)
        return selection_set(self, *args)

    monkeypatch.setattr(cost._CostEstimator, "_selection_set", record_call)
    levels = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(30))

    result = estimate(f"{{ ...F0 }} {levels} fragment F30 on Query {{ a: getCaller {{ name }} }}")

    assert result == CostEstimate(depth=2, aliases=2**30, fields=2**30, cost=2**30)
    # The selection sets of the operation, of 31 fragments and of getCaller.
    assert len(calls) == 33


def test_long_chain_of_fragments_has_an_estimate() -> None:
    chain = "".join(f"fragment F{n} on Query {{ ...F{n + 1} }} " for n in range(150))

    result = estimate(f"{{ ...F0 }} {chain} fragment F150 on Query {{ getCaller {{ name }} }}")

    assert result == CostEstimate(depth=2, fields=1, cost=1)


def test_fragment_of_another_operation_costs_nothing() -> None:
    documents = Documents()
    document = documents.read(
        f"""query Small {{ getCaller {{ name }} }} query Large($n: Int) {{ ...F }}
            fragment F on Query {{ listVpps(limit: $n) {ITEMS} }}""",
        schema._schema,
    )

    result = [documents.cost_estimate(document, each, {"n": 200}, schema._schema).cost for each in document.operations]

    assert result == [1, 201]


def test_introspection_query_of_graphiql_is_within_the_limits() -> None:
    result = estimate(get_introspection_query())

    limits = Documents().limits
    assert result.depth == 1
    assert result.cost < limits.cost


def test_estimate_is_cached_for_the_same_limits() -> None:
    documents = Documents()
    document = documents.read(
        f"query ($n: Int, $id: ID!) {{ listVpps(limit: $n) {ITEMS} getVpp(id: $id) {{ id }} }}", schema._schema
    )
    (operation,) = document.operations

    def estimate_with(**variables: Any) -> CostEstimate:
        return documents.cost_estimate(document, operation, variables, schema._schema)

    assert estimate_with(n=5, id="1") is estimate_with(n=5, id="2")
    assert estimate_with(n=5, id="1") is not estimate_with(n=6, id="1")


def test_every_list_that_is_not_paged_has_an_assumed_length() -> None:
    unpaged = {
        f"{kind.name}.{name}"
        for kind in schema._schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if is_list_type(get_nullable_type(field.type))
        and isinstance(get_named_type(field.type), GraphQLObjectType)
        and not (name == "items" and kind.name.endswith("Connection"))
    }

    assert {path for path in unpaged if not path.startswith("__")} == set(LIST_LENGTHS)
    assert all(list_length(path) > 0 for path in unpaged)
