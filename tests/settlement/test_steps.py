from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from graph.settlement.money import format_exact
from graph.settlement.month import Month
from graph.settlement.settle import Earnings, settle
from graph.settlement.spans import Span, Terms
from graph.settlement.steps import Amounts, Rule, Step, explain, settled_numbers

SEPTEMBER = Month(2025, 9)
OCTOBER = Month(2025, 10)


def span(
    days: tuple[int, int], percentage: str, daily_fee: str, month: Month = SEPTEMBER, **capacities_kwh: str
) -> Span:
    """Return the span of the given days, both included, of a month."""
    first, last = days
    until = month.until if last == month.days else date(month.year, month.month, last + 1)
    capacities = {nmi: Decimal(kwh) for nmi, kwh in capacities_kwh.items()}
    return Span(date(month.year, month.month, first), until, Terms(Decimal(percentage), Decimal(daily_fee)), capacities)


def steps_of(
    nmi: str,
    spans: Sequence[Span],
    revenues: Sequence[Mapping[str, str]],
    month: Month = SEPTEMBER,
    *,
    shows_pool: bool = True,
) -> list[Step]:
    earnings = [
        {nmi: Earnings(Decimal(aud), Decimal(0)) for nmi, aud in span_revenues.items()} for span_revenues in revenues
    ]
    statement = settle(month, spans, earnings)
    [line] = [line for line in statement.line_items if line.nmi == nmi]
    amounts = Amounts(*(getattr(line, name) for name in Amounts._fields))
    numbers = settled_numbers(spans, earnings)
    return explain(numbers.spans, numbers.sites[nmi], amounts, shows_pool=shows_pool)


def as_table(steps: Sequence[Step]) -> list[tuple[str, str, str, str]]:
    return [
        (step.rule.lower(), step.formula, format_exact(step.exact_aud, min_decimals=2), str(step.amount_aud))
        for step in steps
    ]


# The examples of docs/concepts.md: each formula, its exact value, and the amount in cents.
@pytest.mark.parametrize(
    ("nmi", "spans", "revenues", "table"),
    [
        pytest.param(
            "A",
            [span((1, 30), "20", "0.30", A="13.5")],
            [{"A": "1.75"}],
            [
                ("revenue", "1.75", "1.75", "1.75"),
                ("ad_valorem_fee", "1.75 × 20 %", "0.35", "0.35"),
                ("rest", "1.75 − 0.35", "1.40", "1.40"),
                ("event_share", "1.40 × 80 %", "1.12", "1.12"),
                ("capacity_share", "0.28 × 13.5 ÷ 13.5", "0.28", "0.28"),
                ("daily_fee_due", "0.30 × 28 × 30 ÷ 30", "8.40", "8.40"),
                ("before_fees", "1.12 + 0.28", "1.40", "1.40"),
                ("daily_fee_taken", "min(8.40, max(0.00, 1.40))", "1.40", "1.40"),
                ("waived_fee", "8.40 − 1.40", "7.00", "7.00"),
                ("after_fees", "1.40 − 1.40", "0.00", "0.00"),
            ],
            id="one site",
        ),
        pytest.param(
            "B",
            [span((1, 30), "20", "0.30", A="13.5", B="13.5")],
            [{"A": "100"}],
            [
                ("revenue", "0.00", "0.00", "0.00"),
                ("ad_valorem_fee", "0.00 × 20 %", "0.00", "0.00"),
                ("rest", "0.00 − 0.00", "0.00", "0.00"),
                ("event_share", "0.00 × 80 %", "0.00", "0.00"),
                ("capacity_share", "16.00 × 13.5 ÷ 27", "8.00", "8.00"),
                ("daily_fee_due", "0.30 × 28 × 30 ÷ 30", "8.40", "8.40"),
                ("before_fees", "0.00 + 8.00", "8.00", "8.00"),
                ("daily_fee_taken", "min(8.40, max(0.00, 8.00))", "8.00", "8.00"),
                ("waived_fee", "8.40 − 8.00", "0.40", "0.40"),
                ("after_fees", "8.00 − 8.00", "0.00", "0.00"),
            ],
            id="a site without events",
        ),
        pytest.param(
            "A",
            [span((1, 15), "20", "0.30", A="13.5"), span((16, 30), "20", "0.30", A="13.5", B="13.5")],
            [{"A": "60"}, {"A": "40"}],
            [
                ("revenue", "60.00 + 40.00", "100.00", "100.00"),
                ("ad_valorem_fee", "60.00 × 20 % + 40.00 × 20 %", "20.00", "20.00"),
                ("rest", "60.00 − 12.00 + 40.00 − 8.00", "80.00", "80.00"),
                ("event_share", "48.00 × 80 % + 32.00 × 80 %", "64.00", "64.00"),
                ("capacity_share", "9.60 × 13.5 ÷ 13.5 + 6.40 × 13.5 ÷ 27", "12.80", "12.80"),
                ("daily_fee_due", "0.30 × 28 × 15 ÷ 30 + 0.30 × 28 × 15 ÷ 30", "8.40", "8.40"),
                ("before_fees", "64.00 + 12.80", "76.80", "76.80"),
                ("daily_fee_taken", "min(8.40, max(0.00, 76.80))", "8.40", "8.40"),
                ("waived_fee", "8.40 − 8.40", "0.00", "0.00"),
                ("after_fees", "76.80 − 8.40", "68.40", "68.40"),
            ],
            id="a month of two spans",
        ),
        pytest.param(
            "B",
            [span((1, 15), "20", "0.30", A="13.5"), span((16, 30), "20", "0.30", A="13.5", B="13.5")],
            [{"A": "60"}, {"A": "40"}],
            [
                ("revenue", "0.00", "0.00", "0.00"),
                ("ad_valorem_fee", "0.00 × 20 %", "0.00", "0.00"),
                ("rest", "0.00 − 0.00", "0.00", "0.00"),
                ("event_share", "0.00 × 80 %", "0.00", "0.00"),
                ("capacity_share", "6.40 × 13.5 ÷ 27", "3.20", "3.20"),
                ("daily_fee_due", "0.30 × 28 × 15 ÷ 30", "4.20", "4.20"),
                ("before_fees", "0.00 + 3.20", "3.20", "3.20"),
                ("daily_fee_taken", "min(4.20, max(0.00, 3.20))", "3.20", "3.20"),
                ("waived_fee", "4.20 − 3.20", "1.00", "1.00"),
                ("after_fees", "3.20 − 3.20", "0.00", "0.00"),
            ],
            id="a site that joins on the 16th",
        ),
        pytest.param(
            "A",
            [span((1, 30), "20", "0", A="5", B="5", C="5")],
            [{"A": "1"}],
            [
                ("revenue", "1.00", "1.00", "1.00"),
                ("ad_valorem_fee", "1.00 × 20 %", "0.20", "0.20"),
                ("rest", "1.00 − 0.20", "0.80", "0.80"),
                ("event_share", "0.80 × 80 %", "0.64", "0.64"),
                ("capacity_share", "0.16 × 5 ÷ 15", "4/75", "0.06"),
                ("daily_fee_due", "0.00 × 28 × 30 ÷ 30", "0.00", "0.00"),
                ("before_fees", "0.64 + 4/75", "52/75", "0.70"),
                ("daily_fee_taken", "min(0.00, max(0.00, 0.70))", "0.00", "0.00"),
                ("waived_fee", "0.00 − 0.00", "0.00", "0.00"),
                ("after_fees", "0.70 − 0.00", "0.70", "0.70"),
            ],
            id="a cent that is left",
        ),
        pytest.param(
            "A",
            [span((1, 30), "12.5", "0.01", A="0", B="0")],
            [{"A": "-10.004"}],
            [
                ("revenue", "(−10.004)", "-10.004", "-10.00"),
                ("ad_valorem_fee", "(−10.004) × 12.5 %", "-1.2505", "-1.25"),
                ("rest", "(−10.004) − (−1.2505)", "-8.7535", "-8.75"),
                ("event_share", "(−8.7535) × 80 %", "-7.0028", "-7.00"),
                ("capacity_share", "(−8.7535) × 20 %", "-1.7507", "-1.75"),
                ("daily_fee_due", "0.01 × 28 × 30 ÷ 30", "0.28", "0.28"),
                ("before_fees", "(−7.0028) + (−1.7507)", "-8.7535", "-8.75"),
                ("daily_fee_taken", "min(0.28, max(0.00, (−8.75)))", "0.00", "0.00"),
                ("waived_fee", "0.28 − 0.00", "0.28", "0.28"),
                ("after_fees", "(−8.75) − 0.00", "-8.75", "-8.75"),
            ],
            id="a loss, and no capacity",
        ),
    ],
)
def test_steps_show_each_rule_with_the_sites_own_numbers(
    nmi: str, spans: list[Span], revenues: list[Mapping[str, str]], table: list[tuple[str, str, str, str]]
) -> None:
    assert as_table(steps_of(nmi, spans, revenues)) == table


def test_formulas_of_the_spans_have_their_days() -> None:
    spans = [
        span((1, 10), "20", "0.31", OCTOBER, A="10", B="5"),
        span((11, 20), "50", "0.31", OCTOBER, B="5"),
        span((21, 31), "50", "0", OCTOBER, A="7", B="5"),
    ]

    steps = {step.rule: step for step in steps_of("A", spans, [{"A": "3"}, {"B": "9"}, {"A": "1"}], OCTOBER)}

    october = [(date(2025, 10, 1), date(2025, 10, 11)), (date(2025, 10, 21), date(2025, 11, 1))]
    assert [
        (part.first_day, part.until, part.formula, part.exact_aud) for part in steps[Rule.AD_VALOREM_FEE].spans
    ] == [
        (*october[0], "3.00 × 20 %", Fraction("0.6")),
        (*october[1], "1.00 × 50 %", Fraction("0.5")),
    ]
    assert [(part.formula, part.exact_aud) for part in steps[Rule.DAILY_FEE_DUE].spans] == [
        ("0.31 × 28 × 10 ÷ 31", Fraction("2.8")),
        ("0.00 × 28 × 11 ÷ 31", Fraction(0)),
    ]
    assert [rule for rule, step in steps.items() if step.spans == ()] == [
        *(Rule.BEFORE_FEES, Rule.DAILY_FEE_TAKEN, Rule.WAIVED_FEE, Rule.AFTER_FEES)
    ]


def test_without_the_pool_the_capacity_share_is_its_exact_value_in_each_span() -> None:
    spans = [span((1, 15), "20", "0.30", A="13.5"), span((16, 30), "20", "0.30", A="13.5", B="13.5")]
    revenues = [{"A": "60"}, {"A": "40"}]

    steps = steps_of("A", spans, revenues, shows_pool=False)

    with_pool = steps_of("A", spans, revenues)
    assert [step.formula for step in steps if step.rule is Rule.CAPACITY_SHARE] == ["9.60 + 3.20"]
    assert [step for step in steps if step.rule is not Rule.CAPACITY_SHARE] == [
        step for step in with_pool if step.rule is not Rule.CAPACITY_SHARE
    ]


def test_without_the_pool_a_site_that_keeps_its_own_share_sees_the_formula() -> None:
    steps = steps_of("A", [span((1, 30), "20", "0", A="0", B="0")], [{"A": "10"}], shows_pool=False)

    assert [step.formula for step in steps if step.rule is Rule.CAPACITY_SHARE] == ["8.00 × 20 %"]


def test_numbers_of_a_month_are_kept_as_exact_texts() -> None:
    spans = [span((1, 15), "33.30", "0.0001", A="13.500000", B="0.000001"), span((16, 30), "20", "0", B="100")]
    revenues = {"A": "-0.00000000000001", "B": "7"}
    earnings = [{nmi: Earnings(Decimal(aud), Decimal(-5)) for nmi, aud in revenues.items()}, {}]

    numbers = settled_numbers(spans, earnings)

    # The pool is (7 - 0.00000000000001) * 66.7 % * 20 %.
    assert numbers.spans == [
        ["2025-09-01", "2025-09-16", "33.3", "0.0001", "0.933799999999998666", "13.500001"],
        ["2025-09-16", "2025-10-01", "20", "0", "0", "100"],
    ]
    assert numbers.sites == {"A": [["-0.00000000000001", "13.5"], None], "B": [["7", "0.000001"], ["0", "100"]]}
