"""Properties that hold for every portfolio, and a second, simple implementation of settlement as an oracle."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.settlement.month import Month
from graph.settlement.settle import Earnings, settle
from graph.settlement.spans import Capacity, Member, Period, PriceSchedule, Span, Terms, cut_into_spans
from graph.settlement.statement import LineItem, Statement, Totals
from graph.settlement.steps import Amounts, Rule, explain, settled_numbers
from tests.fixtures.formulas import evaluate

many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class DayEarnings:
    """The values of one site's events on one day."""

    nmi: str
    day: date
    revenue_aud: Decimal
    cost_only_aud: Decimal


@dataclass(frozen=True)
class Portfolio:
    """All inputs of the settlement of a month."""

    month: Month
    price_schedules: tuple[PriceSchedule, ...]
    members: tuple[Member, ...]
    events: tuple[DayEarnings, ...]

    def spans(self) -> tuple[Span, ...]:
        return cut_into_spans(self.month, self.price_schedules, self.members)

    def settled(self) -> Statement:
        return settle(self.month, self.spans(), earnings_in(self.spans(), self.events))


def days_of(month: Month) -> list[date]:
    return [month.first_day + timedelta(days=n) for n in range(month.days)]


def earnings_in(spans: Sequence[Span], events: Iterable[DayEarnings]) -> list[dict[str, Earnings]]:
    """Return the sums of each site's events in each span."""
    earnings: list[dict[str, Earnings]] = [{} for _ in spans]
    for event in events:
        [earned] = [
            earned for span, earned in zip(spans, earnings, strict=True) if span.first_day <= event.day < span.until
        ]
        before = earned.get(event.nmi, Earnings(Decimal(0), Decimal(0)))
        earned[event.nmi] = Earnings(before.revenue_aud + event.revenue_aud, before.cost_only_aud + event.cost_only_aud)
    return earnings


# Generators of portfolios.


def scaled(low: int, high: int, decimals: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda units: Decimal(units).scaleb(-decimals))


MONTHS = st.sampled_from([Month(2024, 2), Month(2025, 2), Month(2025, 9), Month(2025, 12)])
PERCENTAGES = st.sampled_from([Decimal(0), Decimal(20), Decimal(50), Decimal(100)]) | scaled(0, 10**4, 2)
DAILY_FEES_AUD = st.sampled_from([Decimal(0), Decimal("0.30")]) | scaled(0, 10**5, 4)
CAPACITIES_KWH = st.sampled_from([Decimal(0), Decimal(1), Decimal("13.5"), Decimal("13.50")]) | scaled(0, 10**8, 6)
# Tenths of a cent, for ties; whole cents; and fourteen decimals, the most that the value of an event can have.
AMOUNTS_AUD = scaled(-50, 200, 3) | scaled(-20_000, 50_000, 2) | scaled(-(10**16), 5 * 10**16, 14)
# Days on which something changes, counted from the first day of the month; some are outside the month.
CHANGES = st.lists(st.integers(-2, 32), max_size=2)


def periods(month: Month, changes: Iterable[int]) -> list[Period]:
    """Return consecutive periods that cover all time."""
    days = [month.first_day + timedelta(days=change) for change in sorted(set(changes))]
    return [Period(start, until) for start, until in pairwise([None, *days, None])]


@st.composite
def portfolios(draw: st.DrawFn) -> Portfolio:
    month = draw(MONTHS)
    price_schedules = tuple(
        PriceSchedule(period, Terms(draw(PERCENTAGES), draw(DAILY_FEES_AUD)))
        for period in periods(month, draw(CHANGES))
    )
    members, events = [], []
    for nmi in "CABED"[: draw(st.integers(0, 5))]:
        memberships = tuple(period for period in periods(month, draw(CHANGES)) if draw(st.integers(0, 4)))
        batteries = [
            Capacity(period, draw(CAPACITIES_KWH))
            for _ in range(draw(st.integers(0, 2)))
            for period in periods(month, draw(CHANGES))
        ]
        members.append(Member(nmi, memberships, tuple(batteries)))
        days = [day for day in days_of(month) if any(day in period for period in memberships)]
        if days:
            for day in draw(st.lists(st.sampled_from(days), max_size=3)):
                cost_only = draw(st.just(Decimal(0)) | AMOUNTS_AUD)
                events.append(DayEarnings(nmi, day, draw(AMOUNTS_AUD), -abs(cost_only)))
    return Portfolio(month, price_schedules, tuple(members), tuple(events))


# The oracle: it settles each day by itself, and shares no code with graph.settlement.


def plain_round(amount: Fraction, decimals: int = 2) -> Decimal:
    units = floor(abs(amount) * 10**decimals + Fraction(1, 2))
    return Decimal(units if amount > 0 else -units).scaleb(-decimals)


def plain_allot(total: Decimal, amounts: list[Fraction]) -> list[Decimal]:
    cents = [floor(amount * 100) for amount in amounts]
    for _ in range(int(total * 100) - sum(cents)):
        # A party that got a cent has a negative loss, so it cannot get the next one.
        lost = [amount * 100 - cent for amount, cent in zip(amounts, cents, strict=True)]
        cents[lost.index(max(lost))] += 1
    return [Decimal(cent).scaleb(-2) for cent in cents]


class PlainShares:
    """The exact figures of each site in a month."""

    def __init__(self) -> None:
        self.revenue: dict[str, Fraction] = defaultdict(Fraction)
        self.ad_valorem: dict[str, Fraction] = defaultdict(Fraction)
        self.event_share: dict[str, Fraction] = defaultdict(Fraction)
        self.capacity_share: dict[str, Fraction] = defaultdict(Fraction)
        self.due: dict[str, Fraction] = defaultdict(Fraction)
        self.kwh_days: dict[str, Fraction] = defaultdict(Fraction)
        self.member_days: dict[str, int] = defaultdict(int)


def plain_shares(portfolio: Portfolio) -> PlainShares:
    shares = PlainShares()
    for day in days_of(portfolio.month):
        [terms] = [schedule.terms for schedule in portfolio.price_schedules if day in schedule.period]
        capacity: dict[str, Fraction] = {}
        for member in portfolio.members:
            if any(day in period for period in member.memberships):
                batteries = [battery for battery in member.capacities if day in battery.period]
                capacity[member.nmi] = sum((Fraction(b.capacity_kwh) for b in batteries), start=Fraction(0))

        for nmi in capacity:
            earned = [e.revenue_aud for e in portfolio.events if (e.nmi, e.day) == (nmi, day)]
            of_the_day = sum(map(Fraction, earned), start=Fraction(0))
            fee = of_the_day * Fraction(terms.revenue_percentage) / 100
            shares.revenue[nmi] += of_the_day
            shares.ad_valorem[nmi] += fee
            shares.event_share[nmi] += (of_the_day - fee) * 8 / 10
            for other in capacity:
                if sum(capacity.values()) > 0:
                    part = capacity[other] / sum(capacity.values())
                else:
                    part = Fraction(1 if other == nmi else 0)
                shares.capacity_share[other] += (of_the_day - fee) * 2 / 10 * part
            shares.due[nmi] += Fraction(terms.daily_fee_aud) * 28 / portfolio.month.days
            shares.kwh_days[nmi] += capacity[nmi]
            shares.member_days[nmi] += 1
    return shares


def plain_statement(portfolio: Portfolio) -> Statement:
    month, shares = portfolio.month, plain_shares(portfolio)
    revenue, ad_valorem, event_share = shares.revenue, shares.ad_valorem, shares.event_share
    due, kwh_days, member_days = shares.due, shares.kwh_days, shares.member_days
    cost_only = sum((Fraction(event.cost_only_aud) for event in portfolio.events), start=Fraction(0))

    nmis = sorted(member_days)
    total = plain_round(sum(revenue.values(), start=Fraction(0)))
    before = [event_share[nmi] + shares.capacity_share[nmi] for nmi in nmis]
    vpp_fee, *before_fees = plain_allot(total, [sum(ad_valorem.values(), start=Fraction(0)), *before])
    revenues = plain_allot(total, [revenue[nmi] for nmi in nmis])
    fees = plain_allot(vpp_fee, [ad_valorem[nmi] for nmi in nmis])
    lines = []
    for index, nmi in enumerate(nmis):
        taken = min(plain_round(due[nmi]), max(Decimal(0), before_fees[index]))
        lines.append(
            LineItem(
                nmi=nmi,
                capacity_kwh=plain_round(kwh_days[nmi] / member_days[nmi], 6),
                member_days=member_days[nmi],
                revenue_aud=revenues[index],
                ad_valorem_fee_aud=fees[index],
                event_share_aud=plain_round(event_share[nmi]),
                capacity_share_aud=before_fees[index] - plain_round(event_share[nmi]),
                before_fees_aud=before_fees[index],
                daily_fee_aud=taken,
                waived_fee_aud=plain_round(due[nmi]) - taken,
                after_fees_aud=before_fees[index] - taken,
            )
        )
    taken_in_all = sum((line.daily_fee_aud for line in lines), start=Decimal(0))
    return Statement(
        month,
        Totals(
            total_revenue_aud=total,
            ad_valorem_fee_aud=vpp_fee,
            daily_fees_aud=taken_in_all,
            cost_only_aud=plain_round(cost_only),
            vpp_total_aud=vpp_fee + taken_in_all + plain_round(cost_only),
            site_total_aud=sum((line.after_fees_aud for line in lines), start=Decimal(0)),
        ),
        tuple(lines),
    )


@settings(many, max_examples=700)
@given(portfolios())
def test_settlement_equals_the_oracle_that_settles_day_by_day(portfolio: Portfolio) -> None:
    assert portfolio.settled() == plain_statement(portfolio)


@many
@given(portfolios())
def test_totals_and_line_items_add_up_to_the_cent(portfolio: Portfolio) -> None:
    statement = portfolio.settled()

    totals, lines = statement.totals, statement.line_items
    assert totals.total_revenue_aud == totals.ad_valorem_fee_aud + totals.daily_fees_aud + totals.site_total_aud
    assert totals.vpp_total_aud == totals.ad_valorem_fee_aud + totals.daily_fees_aud + totals.cost_only_aud
    assert totals.vpp_total_aud + totals.site_total_aud == totals.total_revenue_aud + totals.cost_only_aud
    assert totals.total_revenue_aud == sum(line.revenue_aud for line in lines)
    assert totals.ad_valorem_fee_aud == sum(line.ad_valorem_fee_aud for line in lines)
    assert totals.daily_fees_aud == sum(line.daily_fee_aud for line in lines)
    assert totals.site_total_aud == sum(line.after_fees_aud for line in lines)
    for line in lines:
        assert line.before_fees_aud == line.event_share_aud + line.capacity_share_aud
        assert line.after_fees_aud == line.before_fees_aud - line.daily_fee_aud


@many
@given(portfolios())
def test_every_amount_has_two_decimals_and_no_zero_has_a_sign(portfolio: Portfolio) -> None:
    statement = portfolio.settled()

    amounts = [*vars(statement.totals).values()]
    for line in statement.line_items:
        amounts += [amount for name, amount in vars(line).items() if name.endswith("_aud")]
    assert {amount.as_tuple().exponent for amount in amounts} == {-2}
    assert "-0.00" not in map(str, amounts)


@many
@given(portfolios())
def test_fee_never_takes_a_site_below_zero_and_is_waived_only_at_zero(portfolio: Portfolio) -> None:
    statement = portfolio.settled()

    for line in statement.line_items:
        assert line.daily_fee_aud >= 0
        assert line.waived_fee_aud >= 0
        assert line.after_fees_aud >= min(Decimal(0), line.before_fees_aud)
        assert line.waived_fee_aud == 0 or line.after_fees_aud <= 0


@many
@given(portfolios(), st.randoms(use_true_random=False))
def test_order_of_the_inputs_does_not_matter(portfolio: Portfolio, random: Random) -> None:
    shuffled = replace(
        portfolio,
        price_schedules=tuple(random.sample(portfolio.price_schedules, len(portfolio.price_schedules))),
        members=tuple(random.sample(portfolio.members, len(portfolio.members))),
        events=tuple(random.sample(portfolio.events, len(portfolio.events))),
    )

    assert shuffled.settled() == portfolio.settled()


@many
@given(portfolios(), st.sets(st.integers(1, 30), max_size=4))
def test_additional_cuts_do_not_change_the_statement(portfolio: Portfolio, days_in: set[int]) -> None:
    spans = portfolio.spans()
    cuts = {portfolio.month.first_day + timedelta(days=n) for n in days_in}
    finer = [
        replace(span, first_day=first_day, until=until)
        for span in spans
        for first_day, until in pairwise(
            [span.first_day, *sorted(day for day in cuts if span.first_day < day < span.until), span.until]
        )
    ]

    statement = settle(portfolio.month, finer, earnings_in(finer, portfolio.events))

    assert statement == portfolio.settled()


@many
@given(portfolios())
def test_a_fifth_of_the_rest_is_shared_by_capacity(portfolio: Portfolio) -> None:
    statement = portfolio.settled()

    pool_aud = (statement.totals.total_revenue_aud - statement.totals.ad_valorem_fee_aud) / 5
    shared_aud = sum(line.capacity_share_aud for line in statement.line_items)
    # Each share differs from its exact amount by less than 1.5 cents, and the pool by 0.3 cents.
    assert abs(shared_aud - pool_aud) <= Decimal("0.015") * len(statement.line_items) + Decimal("0.003")


@many
@given(portfolios())
def test_site_without_events_or_capacity_does_not_change_the_other_line_items(portfolio: Portfolio) -> None:
    idle = Member("AA", (Period(),), ())
    with_idle = replace(portfolio, members=(idle, *portfolio.members))

    statement = with_idle.settled()

    others = tuple(line for line in statement.line_items if line.nmi != "AA")
    assert replace(statement, line_items=others) == portfolio.settled()


@many
@given(portfolios(), st.sampled_from([Decimal(3), Decimal("0.5")]))
def test_only_the_ratio_of_capacities_matters(portfolio: Portfolio, factor: Decimal) -> None:
    other_batteries = replace(
        portfolio,
        members=tuple(
            replace(
                member,
                capacities=tuple(replace(b, capacity_kwh=b.capacity_kwh * factor) for b in member.capacities),
            )
            for member in portfolio.members
        ),
    )

    statement = other_batteries.settled()

    assert without_capacities(statement) == without_capacities(portfolio.settled())


def without_capacities(statement: Statement) -> Statement:
    return replace(statement, line_items=tuple(replace(line, capacity_kwh=Decimal(0)) for line in statement.line_items))


@many
@given(portfolios())
def test_spans_are_correct_on_each_of_their_days_and_as_long_as_possible(portfolio: Portfolio) -> None:
    spans = portfolio.spans()

    assert [span.first_day for span in spans] == [portfolio.month.first_day, *(span.until for span in spans[:-1])]
    assert spans[-1].until == portfolio.month.until
    for span in spans:
        for day in (span.first_day + timedelta(days=n) for n in range(span.days)):
            [terms] = [schedule.terms for schedule in portfolio.price_schedules if day in schedule.period]
            capacities_kwh = {
                member.nmi: sum(battery.capacity_kwh for battery in member.capacities if day in battery.period)
                for member in portfolio.members
                if any(day in period for period in member.memberships)
            }
            assert (span.terms, span.capacities_kwh) == (terms, capacities_kwh)
    for span, following in pairwise(spans):
        assert (span.terms, span.capacities_kwh) != (following.terms, following.capacities_kwh)


@many
@given(portfolios(), st.booleans())
def test_steps_have_the_amounts_of_the_line_item_and_formulas_their_exact_value(
    portfolio: Portfolio, shows_pool: bool
) -> None:
    spans, sites = settled_numbers(portfolio.spans(), earnings_in(portfolio.spans(), portfolio.events))

    statement = portfolio.settled()

    assert sites.keys() == {line.nmi for line in statement.line_items}
    for line in statement.line_items:
        amounts = Amounts(*(getattr(line, name) for name in Amounts._fields))
        steps = {step.rule: step for step in explain(spans, sites[line.nmi], amounts, shows_pool=shows_pool)}
        assert list(steps) == list(Rule)
        assert {rule: step.amount_aud for rule, step in steps.items()} == {
            Rule.REVENUE: line.revenue_aud,
            Rule.AD_VALOREM_FEE: line.ad_valorem_fee_aud,
            Rule.REST: line.revenue_aud - line.ad_valorem_fee_aud,
            Rule.EVENT_SHARE: line.event_share_aud,
            Rule.CAPACITY_SHARE: line.capacity_share_aud,
            Rule.DAILY_FEE_DUE: line.daily_fee_aud + line.waived_fee_aud,
            Rule.BEFORE_FEES: line.before_fees_aud,
            Rule.DAILY_FEE_TAKEN: line.daily_fee_aud,
            Rule.WAIVED_FEE: line.waived_fee_aud,
            Rule.AFTER_FEES: line.after_fees_aud,
        }
        assert sum((part.until - part.first_day).days for part in steps[Rule.REVENUE].spans) == line.member_days
        for step in steps.values():
            assert evaluate(step.formula) == step.exact_aud
            for part in step.spans:
                assert evaluate(part.formula) == part.exact_aud
            assert not step.spans or sum(part.exact_aud for part in step.spans) == step.exact_aud
        # The exact values are rounded or allotted to the amounts: less than a cent apart.
        for rule in (Rule.REVENUE, Rule.AD_VALOREM_FEE, Rule.BEFORE_FEES):
            assert abs(steps[rule].exact_aud - Fraction(steps[rule].amount_aud)) < Fraction(1, 100)
        for rule in (Rule.EVENT_SHARE, Rule.DAILY_FEE_DUE):
            assert plain_round(steps[rule].exact_aud) == steps[rule].amount_aud
        for rule in (Rule.DAILY_FEE_TAKEN, Rule.WAIVED_FEE, Rule.AFTER_FEES):
            assert steps[rule].exact_aud == steps[rule].amount_aud


@many
@given(portfolios())
def test_exact_steps_equal_those_of_the_oracle(portfolio: Portfolio) -> None:
    spans, sites = settled_numbers(portfolio.spans(), earnings_in(portfolio.spans(), portfolio.events))

    oracle = plain_shares(portfolio)

    for nmi, site in sites.items():
        steps = explain(spans, site, Amounts(*[Decimal(0)] * 8), shows_pool=True)
        assert {step.rule: step.exact_aud for step in steps[:6]} == {
            Rule.REVENUE: oracle.revenue[nmi],
            Rule.AD_VALOREM_FEE: oracle.ad_valorem[nmi],
            Rule.REST: oracle.revenue[nmi] - oracle.ad_valorem[nmi],
            Rule.EVENT_SHARE: oracle.event_share[nmi],
            Rule.CAPACITY_SHARE: oracle.capacity_share[nmi],
            Rule.DAILY_FEE_DUE: oracle.due[nmi],
        }
