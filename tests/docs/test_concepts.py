"""The numbers in docs/concepts.md: they are parsed from the page and computed again."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from graph.imports.csv.fields import read_event_time
from graph.imports.intake import HOPELESS_ROWS, MAX_REJECTED_ROWS
from graph.settlement.month import Month
from graph.settlement.nmi import check_digit
from graph.settlement.settle import CAPACITY_SHARE, EVENT_SHARE, FEE_DAYS_PER_MONTH, Earnings, settle
from graph.settlement.spans import Capacity, Member, Period, PriceSchedule, Span, Terms, cut_into_spans
from graph.settlement.statement import LineItem, Statement
from tests.fixtures.markdown import headings, read_page, section, tables

PAGE = read_page("docs/concepts.md")
MONTH = Month(2025, 9)

# `a op b = c`, or `≈ c` for a result that is rounded to the decimals shown.
EQUATION = re.compile(r"`([^`=≈]+) ([=≈]) (−?[\d.]+)`")
EQUATIONS = EQUATION.findall(PAGE)
FIGURES = {
    "revenue": "revenue_aud",
    "1. ad valorem fee": "ad_valorem_fee_aud",
    "2. event share": "event_share_aud",
    "3. capacity share": "capacity_share_aud",
    "5. before fees": "before_fees_aud",
    "6. daily fee taken": "daily_fee_aud",
    "waived": "waived_fee_aud",
    "7. after fees": "after_fees_aud",
}


def evaluate(expression: str) -> Fraction:
    """Evaluate an expression of the page exactly: + − × ÷, min(), max(), and 20 % for a fifth."""
    assert re.fullmatch(r"([\d.]+|min|max|[+−×÷%(), ])+", expression), expression
    numbers = re.sub(r"([\d.]+)( %)?", lambda match: f"(Fraction('{match[1]}') / {100 if match[2] else 1})", expression)
    value = eval(numbers.translate(str.maketrans("−×÷", "-*/")))  # noqa: S307 Only the characters above.
    assert isinstance(value, Fraction)
    return value


def result(cell: str) -> str:
    """Return the number of a cell, or the result of the equation in it, with an ASCII minus sign."""
    return cell.strip("`").split(" ")[-1].replace("−", "-")


def number(cell: str) -> Decimal:
    return Decimal(result(cell))


def discharge_value(energy_kwh: Decimal, tariff_cents_per_kwh: Decimal) -> Decimal:
    return energy_kwh * tariff_cents_per_kwh / 100


def earnings(revenue_aud: Decimal = Decimal(0), cost_only_aud: Decimal = Decimal(0)) -> Earnings:
    return Earnings(revenue_aud, cost_only_aud)


def settle_whole_month(terms: Terms, capacities_kwh: Sequence[Decimal], site_earnings: Sequence[Earnings]) -> Statement:
    """Settle a month of one span, for sites with the NMIs A, B, C …"""
    nmis = "ABC"[: len(capacities_kwh)]
    span = Span(MONTH.first_day, MONTH.until, terms, dict(zip(nmis, capacities_kwh, strict=True)))
    return settle(MONTH, [span], [dict(zip(nmis, site_earnings, strict=True))])


def shown(table: dict[str, list[str]], column: int) -> dict[str, str]:
    """Return the figures of a site in a column of a table, by the name of the field."""
    return {field: result(table[row][column]) for row, field in FIGURES.items() if row in table}


def computed(item: LineItem, table: dict[str, list[str]]) -> dict[str, str]:
    """Return those figures of a line item that a table shows."""
    return {field: str(getattr(item, field)) for row, field in FIGURES.items() if row in table}


@pytest.mark.parametrize(("expression", "sign", "shown_result"), EQUATIONS)
def test_equation_is_right(expression: str, sign: str, shown_result: str) -> None:
    value, expected = evaluate(expression), Fraction(shown_result.replace("−", "-"))
    decimals = len(shown_result.partition(".")[2])

    assert round(value, decimals) == expected
    assert (value == expected) == (sign == "=")


def test_every_equation_of_the_page_is_evaluated() -> None:
    assert len(EQUATIONS) == sum(span.count(" = ") + span.count(" ≈ ") for span in re.findall(r"`[^`\n]+`", PAGE))
    assert len(EQUATIONS) > 60


def test_headings_that_the_code_cites_exist() -> None:
    """The docstrings in graph/settlement cite them."""
    assert {"A month", "Cents"} <= set(headings(PAGE))


def test_rules_state_the_constants_of_the_code() -> None:
    rules = section(PAGE, "A month")

    assert f"{EVENT_SHARE * 100} % of each site's rest" in rules
    assert CAPACITY_SHARE * 100 == 20
    assert "other 20 % of all rests" in rules
    assert f"`f × {FEE_DAYS_PER_MONTH} × n ÷ N`" in rules
    assert f"more than {MAX_REJECTED_ROWS:,}\n  rows" in section(PAGE, "Imports")
    assert f"all of the first {HOPELESS_ROWS:,} rows" in section(PAGE, "Imports")


def test_check_digit_example_follows_the_checksum() -> None:
    (table,) = tables(section(PAGE, "NMI and check digit"))
    nmi = "".join(reversed(table["from the right"]))
    codes = [ord(character) for character in reversed(nmi)]
    doubled = [code * (1 if position % 2 else 2) for position, code in enumerate(codes)]
    digit_sums = [sum(map(int, str(code))) for code in doubled]

    assert table["ASCII code"] == [str(code) for code in codes]
    assert table["every other one doubled"] == [str(code) for code in doubled]
    assert table["sum of its digits"] == [str(digits) for digits in digit_sums]
    assert f"`90 − {sum(digit_sums)} = {check_digit(nmi)}`" in PAGE
    assert f"For the NMI `{nmi}` the check digit is {check_digit(nmi)}:" in PAGE
    assert f"the full NMI is `{nmi}{check_digit(nmi)}`" in PAGE


def test_settlement_dates_are_those_of_an_import() -> None:
    (table,) = tables(section(PAGE, "Dates and NEM time"))
    _, *rows = table.items()

    assert len(rows) == 4
    for text, (settlement_date, _) in rows:
        assert str(read_event_time("DATE", text.strip("`")).settlement_date) == settlement_date


def test_values_of_events_have_the_sign_of_money_earned() -> None:
    _, values = tables(section(PAGE, "Events and their value"))
    _, *rows = values.items()

    assert len(rows) == 4
    for event, (value,) in rows:
        words = re.fullmatch(r"(CHARGE|DISCHARGE) (\d+) kWh at (−?\d+) c/kWh", event)
        assert words, event
        sign = 1 if words[1] == "DISCHARGE" else -1
        assert number(value) == sign * discharge_value(Decimal(words[2]), Decimal(words[3].replace("−", "-")))


def test_drawing_of_spans_shows_the_days_of_each() -> None:
    joined, fee_changed = date(2025, 9, 16), date(2025, 9, 24)
    schedules = [
        PriceSchedule(Period(None, fee_changed), Terms(Decimal(20), Decimal("0.30"))),
        PriceSchedule(Period(fee_changed, None), Terms(Decimal(20), Decimal("0.40"))),
    ]
    members = [Member("A", (Period(),), ()), Member("B", (Period(joined, None),), ())]

    spans = cut_into_spans(MONTH, schedules, members)

    text = section(PAGE, "A month")
    for span_number, span in enumerate(spans, start=1):
        assert f"span {span_number}" in text
        assert f"{span.first_day.day} September" in text
    assert re.findall(r"(\d+) days  ", text) == [str(span.days) for span in spans[:-1]]
    assert f"{spans[-1].days} days\n" in text


@pytest.mark.parametrize("month", range(3))
def test_months_of_one_site_are_settled_as_shown(month: int) -> None:
    (table,) = tables(section(PAGE, "One site"))
    value = discharge_value(number(table["discharge, kWh"][month]), number(table["tariff, c/kWh"][month]))
    terms = Terms(number(table["percentage"][month]), number(table["daily fee"][month]))

    statement = settle_whole_month(
        terms,
        [number(table["battery, kWh"][month])],
        [earnings(value) if value >= 0 else earnings(cost_only_aud=value)],
    )

    (item,) = statement.line_items
    assert number(table["value"][month]) == value
    assert shown(table, month) == computed(item, table)
    assert result(table["cost-only"][month]) == str(statement.totals.cost_only_aud)
    assert result(table["VPP total"][month]) == str(statement.totals.vpp_total_aud)
    assert number(table["4. daily fee due"][month]) == item.daily_fee_aud + item.waived_fee_aud
    assert number(table["rest"][month]) == item.revenue_aud - item.ad_valorem_fee_aud


@pytest.mark.parametrize(
    ("columns", "vpp_total"),
    [((0, 1), "Without a fee the VPP total is 20.00"), ((2, 3), "With the fee it is `20.00 + 8.40 + 8.00 = 36.40")],
)
def test_months_of_two_sites_are_settled_as_shown(columns: tuple[int, int], vpp_total: str) -> None:
    text = section(PAGE, "Two sites")
    (table,) = tables(text)
    terms = {Terms(number(table["percentage"][column]), number(table["daily fee"][column])) for column in columns}

    statement = settle_whole_month(
        terms.pop(),
        [number(table["battery, kWh"][column]) for column in columns],
        [earnings(number(table["revenue"][column])) for column in columns],
    )

    assert not terms
    for item, column in zip(statement.line_items, columns, strict=True):
        assert shown(table, column) == computed(item, table)
    assert vpp_total in text
    assert str(statement.totals.vpp_total_aud) == result(vpp_total)


def test_month_in_which_a_site_joins_is_settled_as_shown() -> None:
    text = section(PAGE, "A site that joins on the 16th")
    spans_table, month_table = tables(text)
    joined = date(2025, 9, 16)
    (percentage,), (daily_fee,), (battery,) = (
        {number(cell) for cell in spans_table[row]} for row in ("percentage", "daily fee", "battery, kWh")
    )
    schedules = [PriceSchedule(Period(), Terms(percentage, daily_fee))]
    capacities = (Capacity(Period(), battery),)
    members = [Member("A", (Period(),), capacities), Member("B", (Period(joined, None),), capacities)]
    revenues = [number(cell) for cell in spans_table["revenue"]]

    spans = cut_into_spans(MONTH, schedules, members)
    statement = settle(
        MONTH, spans, [{"A": earnings(revenues[0])}, {"A": earnings(revenues[1]), "B": earnings(revenues[2])}]
    )

    assert [span.days for span in spans] == [15, 15]
    assert spans_table["days"] == ["15", "15", "15"]
    for column, item in enumerate(statement.line_items):
        assert shown(month_table, column) == computed(item, month_table)
        assert month_table["member days"][column] == str(item.member_days)
    # Both spans together have the figures of the month's line items.
    for row, field in FIGURES.items():
        if row in spans_table:
            first, second, of_b = map(number, spans_table[row])
            assert [first + second, of_b] == [getattr(item, field) for item in statement.line_items]
    assert f"{statement.totals.vpp_total_aud}`" in text
    assert f"The sites get {statement.totals.site_total_aud}" in text


def test_cent_that_is_left_is_allotted_as_shown() -> None:
    text = section(PAGE, "A cent that is left")
    (table,) = tables(text)

    statement = settle_whole_month(
        Terms(Decimal(20), Decimal(0)), [Decimal("13.5")] * 3, [earnings(Decimal("1.00")), earnings(), earnings()]
    )

    assert table["ad valorem fee"][-1] == str(statement.totals.ad_valorem_fee_aud)
    assert [table[nmi][-1] for nmi in "ABC"] == [str(item.before_fees_aud) for item in statement.line_items]
    assert f"event share of {statement.line_items[0].event_share_aud}" in text
    assert f"= {statement.line_items[0].capacity_share_aud}`" in text
