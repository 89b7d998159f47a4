"""
Explains a line item: each rule of the settlement with the site's own numbers.

The numbers are kept with the line item, by span, so the explanation of a published report never changes. The rules are
those of `docs/concepts.md`, "A month", by their names there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, Self

from graph.settlement.money import FractionVector, format_exact
from graph.settlement.month import Month
from graph.settlement.settle import CAPACITY_SHARE, EVENT_SHARE, FEE_DAYS_PER_MONTH, ZERO_AUD, Earnings
from graph.settlement.spans import Span


class Rule(StrEnum):
    """The rules of the settlement for one site, in their order."""

    REVENUE = "REVENUE"
    AD_VALOREM_FEE = "AD_VALOREM_FEE"
    REST = "REST"
    EVENT_SHARE = "EVENT_SHARE"
    CAPACITY_SHARE = "CAPACITY_SHARE"
    DAILY_FEE_DUE = "DAILY_FEE_DUE"
    BEFORE_FEES = "BEFORE_FEES"
    DAILY_FEE_TAKEN = "DAILY_FEE_TAKEN"
    WAIVED_FEE = "WAIVED_FEE"
    AFTER_FEES = "AFTER_FEES"


class SettledNumbers(NamedTuple):
    """
    The numbers from which a month was settled, as texts, so that they can be stored as JSON and stay exact.

    `spans` has the numbers of each span: its first day, the day after its last, the percentage, the daily fee, the pool
    and the capacity of all members. `sites` has, by NMI, the revenue and the capacity of a site in each span, or None
    where it is not a member.
    """

    spans: list[list[str]]
    sites: dict[str, list[list[str] | None]]


@dataclass(frozen=True)
class SiteSpan:
    """The numbers from which one member's part of a span is settled."""

    first_day: date
    until: date
    revenue_percentage: Fraction
    daily_fee_aud: Fraction
    # 20 % of the rests of all members, and the sum of their capacities.
    pool_aud: Fraction
    total_capacity_kwh: Fraction
    revenue_aud: Fraction
    capacity_kwh: Fraction

    @classmethod
    def from_texts(cls, first_day: str, until: str, *numbers: str) -> Self:
        return cls(date.fromisoformat(first_day), date.fromisoformat(until), *map(Fraction, numbers))


class Amounts(NamedTuple):
    """The amounts of a line item, in cents."""

    revenue_aud: Decimal
    ad_valorem_fee_aud: Decimal
    event_share_aud: Decimal
    capacity_share_aud: Decimal
    before_fees_aud: Decimal
    daily_fee_aud: Decimal
    waived_fee_aud: Decimal
    after_fees_aud: Decimal


@dataclass(frozen=True)
class SpanStep:
    """A rule that is applied to a span: the formula with its numbers, and the formula's exact value."""

    first_day: date
    until: date
    formula: str
    exact_aud: Fraction


@dataclass(frozen=True)
class Step:
    """
    A rule that is applied to a month: the formula with its numbers, the formula's exact value, and the amount in cents.

    `spans` has the formula of each span, which the formula of the month adds up; it is empty for rules that apply to
    the whole month. Formulas are written with × ÷ − % and min() and max().
    """

    rule: Rule
    formula: str
    exact_aud: Fraction
    amount_aud: Decimal
    spans: tuple[SpanStep, ...] = ()


def settled_numbers(spans: Sequence[Span], earnings: Sequence[Mapping[str, Earnings]]) -> SettledNumbers:
    """Return the numbers from which `settle` settles a month, given its arguments."""
    numbers = SettledNumbers([], {nmi: [None] * len(spans) for span in spans for nmi in span.capacities_kwh})
    for index, (span, span_earnings) in enumerate(zip(spans, earnings, strict=True)):
        percentage, daily_fee_aud = span.terms.revenue_percentage, span.terms.daily_fee_aud
        all_revenue_aud = FractionVector.from_numbers(site.revenue_aud for site in span_earnings.values()).total()
        pool_aud = all_revenue_aud * (1 - Fraction(percentage) / 100) * CAPACITY_SHARE
        total_capacity_kwh = FractionVector.from_numbers(span.capacities_kwh.values()).total()
        numbers.spans.append(
            [
                *(span.first_day.isoformat(), span.until.isoformat()),
                *(_plain(percentage), _plain(daily_fee_aud), format_exact(pool_aud), format_exact(total_capacity_kwh)),
            ]
        )
        for nmi, capacity_kwh in span.capacities_kwh.items():
            revenue = _plain(span_earnings[nmi].revenue_aud) if nmi in span_earnings else "0"
            numbers.sites[nmi][index] = [revenue, _plain(capacity_kwh)]
    return numbers


def explain(
    spans: Sequence[Sequence[str]],
    site: Sequence[Sequence[str] | None],
    amounts: Amounts,
    *,
    shows_pool: bool,
) -> list[Step]:
    """
    Return the steps of a line item, in the order of `Rule`, from the `SettledNumbers` of its month and of its site.

    The pool and the capacities of all members tell what other sites earned: without `shows_pool` the formula of the
    capacity share is its exact value in each span.
    """
    due_aud = amounts.daily_fee_aud + amounts.waived_fee_aud
    by_span = [
        _explain_span(SiteSpan.from_texts(*span, *numbers), shows_pool=shows_pool)
        for span, numbers in zip(spans, site, strict=True)
        if numbers is not None
    ]
    steps = {
        rule: _add_spans(rule, [steps[rule] for steps in by_span], amount_aud)
        for rule, amount_aud in {
            Rule.REVENUE: amounts.revenue_aud,
            Rule.AD_VALOREM_FEE: amounts.ad_valorem_fee_aud,
            Rule.REST: amounts.revenue_aud - amounts.ad_valorem_fee_aud,
            Rule.EVENT_SHARE: amounts.event_share_aud,
            Rule.CAPACITY_SHARE: amounts.capacity_share_aud,
            Rule.DAILY_FEE_DUE: due_aud,
        }.items()
    }
    event_share_aud, capacity_share_aud = steps[Rule.EVENT_SHARE].exact_aud, steps[Rule.CAPACITY_SHARE].exact_aud
    before_fees = Step(
        Rule.BEFORE_FEES,
        f"{_aud(event_share_aud)} + {_aud(capacity_share_aud)}",
        event_share_aud + capacity_share_aud,
        amounts.before_fees_aud,
    )
    # From here on, amounts are in cents.
    due, before, taken = _aud(due_aud), _aud(amounts.before_fees_aud), _aud(amounts.daily_fee_aud)
    return [
        *steps.values(),
        before_fees,
        _in_cents(Rule.DAILY_FEE_TAKEN, f"min({due}, max({_aud(ZERO_AUD)}, {before}))", amounts.daily_fee_aud),
        _in_cents(Rule.WAIVED_FEE, f"{due} − {taken}", amounts.waived_fee_aud),
        _in_cents(Rule.AFTER_FEES, f"{before} − {taken}", amounts.after_fees_aud),
    ]


def _explain_span(span: SiteSpan, *, shows_pool: bool) -> dict[Rule, SpanStep]:
    """Return the steps of the rules that apply to a span."""
    days, month = (span.until - span.first_day).days, Month.containing(span.first_day)
    revenue_aud, percentage = span.revenue_aud, span.revenue_percentage
    ad_valorem_fee_aud = revenue_aud * percentage / 100
    rest_aud = revenue_aud - ad_valorem_fee_aud
    if span.total_capacity_kwh == 0:
        capacity_share = f"{_aud(rest_aud)} × {_percent(CAPACITY_SHARE)}"
        capacity_share_aud = rest_aud * CAPACITY_SHARE
    else:
        capacity_share_aud = span.pool_aud * span.capacity_kwh / span.total_capacity_kwh
        capacity_share = (
            f"{_aud(span.pool_aud)} × {format_exact(span.capacity_kwh)} ÷ {format_exact(span.total_capacity_kwh)}"
            if shows_pool
            else _aud(capacity_share_aud)
        )
    formulas = {
        Rule.REVENUE: (_aud(revenue_aud), revenue_aud),
        Rule.AD_VALOREM_FEE: (f"{_aud(revenue_aud)} × {format_exact(percentage)} %", ad_valorem_fee_aud),
        Rule.REST: (f"{_aud(revenue_aud)} − {_aud(ad_valorem_fee_aud)}", rest_aud),
        Rule.EVENT_SHARE: (f"{_aud(rest_aud)} × {_percent(EVENT_SHARE)}", rest_aud * EVENT_SHARE),
        Rule.CAPACITY_SHARE: (capacity_share, capacity_share_aud),
        Rule.DAILY_FEE_DUE: (
            f"{_aud(span.daily_fee_aud)} × {FEE_DAYS_PER_MONTH} × {days} ÷ {month.days}",
            span.daily_fee_aud * FEE_DAYS_PER_MONTH * days / month.days,
        ),
    }
    return {rule: SpanStep(span.first_day, span.until, *formula) for rule, formula in formulas.items()}


def _add_spans(rule: Rule, spans: Sequence[SpanStep], amount_aud: Decimal) -> Step:
    return Step(
        rule=rule,
        formula=" + ".join(span.formula for span in spans),
        exact_aud=sum((span.exact_aud for span in spans), start=Fraction(0)),
        amount_aud=amount_aud,
        spans=tuple(spans),
    )


def _in_cents(rule: Rule, formula: str, amount_aud: Decimal) -> Step:
    return Step(rule, formula, Fraction(amount_aud), amount_aud)


def _aud(exact_aud: Decimal | Fraction) -> str:
    """Format an amount for a formula; an amount below zero is in brackets."""
    text = format_exact(exact_aud, min_decimals=2)
    return f"(−{text[1:]})" if text.startswith("-") else text


def _plain(number: Decimal) -> str:
    """Format a decimal as `format_exact` does, in a fraction of its time: a month may have 10,000 sites in 26 spans."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(share: Fraction) -> str:
    return f"{format_exact(share * 100)} %"
