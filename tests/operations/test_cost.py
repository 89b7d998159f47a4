from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_introspection_query, get_named_type, get_nullable_type, is_list_type

from graph.operations import cost
from graph.operations.cost import LIST_LENGTHS, CostEstimate, list_length
from graph.operations.documents import Documents
from graph.schema import schema

ITEMS = "{ items { id } }"
NOTHING: Mapping[str, Any] = {}


def measured(text: str, variables: Mapping[str, Any] = NOTHING, *, name: str | None = None) -> CostEstimate:
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
def test_an_object_costs_one_and_a_page_its_limit_times_an_item(document: str, cost: int) -> None:
    assert measured(document).cost == cost


@pytest.mark.parametrize(
    ("limit", "rows"),
    [("", 50), ("(limit: null)", 50), ("(limit: 0)", 0), ("(limit: -1)", 0), ("(limit: 9999)", 200)],
)
def test_a_limit_is_counted_as_the_list_takes_it(limit: str, rows: int) -> None:
    assert measured(f"{{ listVpps{limit} {ITEMS} }}").cost == 1 + rows


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
def test_a_limit_may_be_a_variable(definition: str, given: dict[str, Any], rows: int) -> None:
    assert measured(f"query ({definition}) {{ listVpps(limit: $n) {ITEMS} }}", given).cost == 1 + rows


def test_a_default_is_that_of_the_operation_that_is_run() -> None:
    page = f"fragment Page on Query {{ listVpps(limit: $n) {ITEMS} }}"
    document = f"query A($n: Int = 3) {{ ...Page }} query B($n: Int = 4) {{ ...Page }} {page}"

    assert (measured(document, name="A").cost, measured(document, name="B").cost) == (4, 5)


def test_a_page_costs_its_rows_even_where_none_is_looked_at() -> None:
    assert measured("{ listVpps(limit: 200) { nextToken } }").cost == 201


def test_what_is_asked_for_again_under_an_alias_costs_again() -> None:
    scalars = measured("{ listVpps(limit: 10) { items { id a: id b: id } } }")
    lists = measured("{ listVpps(limit: 10) { a: items { id } b: items { id } } }")

    assert (scalars.cost, scalars.aliases) == (1 + 10 * (1 + 2), 2)
    assert (lists.cost, lists.aliases) == (1 + 10 * 2, 2)


def test_a_fragment_counts_wherever_it_is_spread_and_by_the_page_it_is_spread_in() -> None:
    document = f"""
        {{ a: listVpps(limit: 5) {{ ...Page }} b: listVpps(limit: 7) {{ ...Page ... on VppConnection {ITEMS} }} }}
        fragment Page on VppConnection {{ items {{ ...Vpp }} nextToken }}
        fragment Vpp on Vpp {{ sites(limit: 2) {ITEMS} }}
    """

    assert measured(document) == CostEstimate(depth=5, aliases=2, fields=2, cost=(1 + 5 * 4) + (1 + 7 * 4 + 7))


def test_what_may_be_skipped_is_counted() -> None:
    document = f"query ($no: Boolean!) {{ listVpps(limit: 5) @skip(if: $no) {ITEMS} }}"

    assert measured(document, {"no": True}).cost == 6


def test_fragments_that_spread_one_another_are_each_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[object] = []
    selected = cost._CostEstimator._selection_set

    def counted(self: Any, *args: Any) -> CostEstimate:
        walked.append(args)
        return selected(self, *args)

    monkeypatch.setattr(cost._CostEstimator, "_selection_set", counted)
    levels = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(30))

    found = measured(f"{{ ...F0 }} {levels} fragment F30 on Query {{ a: getCaller {{ name }} }}")

    assert found == CostEstimate(depth=2, aliases=2**30, fields=2**30, cost=2**30)
    # The operation, 31 fragments, and what is selected of the caller.
    assert len(walked) == 33


def test_a_long_chain_of_fragments_is_measured() -> None:
    chain = "".join(f"fragment F{n} on Query {{ ...F{n + 1} }} " for n in range(150))

    found = measured(f"{{ ...F0 }} {chain} fragment F150 on Query {{ getCaller {{ name }} }}")

    assert found == CostEstimate(depth=2, fields=1, cost=1)


def test_a_fragment_of_another_operation_counts_for_nothing() -> None:
    documents = Documents()
    document = documents.read(
        f"""query Small {{ getCaller {{ name }} }} query Large($n: Int) {{ ...F }}
            fragment F on Query {{ listVpps(limit: $n) {ITEMS} }}""",
        schema._schema,
    )

    found = [documents.cost_estimate(document, each, {"n": 200}, schema._schema).cost for each in document.operations]

    assert found == [1, 201]


def test_graphiqls_questions_about_the_schema_are_run() -> None:
    found = measured(get_introspection_query())

    limits = Documents().limits
    assert found.depth == 1
    assert found.cost < limits.cost


def test_a_document_is_measured_once_for_the_same_limits() -> None:
    documents = Documents()
    document = documents.read(
        f"query ($n: Int, $id: ID!) {{ listVpps(limit: $n) {ITEMS} getVpp(id: $id) {{ id }} }}", schema._schema
    )
    (operation,) = document.operations

    def measure(**variables: Any) -> CostEstimate:
        return documents.cost_estimate(document, operation, variables, schema._schema)

    assert measure(n=5, id="1") is measure(n=5, id="2")
    assert measure(n=5, id="1") is not measure(n=6, id="1")


def test_every_list_that_is_not_paged_has_an_estimate() -> None:
    unpaged = {
        f"{kind.name}.{name}"
        for kind in schema._schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if is_list_type(get_nullable_type(field.type))
        and isinstance(get_named_type(field.type), GraphQLObjectType)
        and not (name == "items" and kind.name.endswith("Connection"))
    }

    assert {place for place in unpaged if not place.startswith("__")} == set(LIST_LENGTHS)
    assert all(list_length(place) > 0 for place in unpaged)
