"""
Settles a month: shares its revenue between a VPP and its sites.

The steps follow `docs/concepts.md`: rules 1 to 7 of "A month", in their order, and the rounding of "Cents". Amounts are
exact fractions up to `_round_to_cents`, the only step that rounds.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import starmap
from typing import NamedTuple

from graph.settlement.money import FractionVector, allot, round_half_away_from_zero, round_to_cents
from graph.settlement.month import Month
from graph.settlement.spans import Span
from graph.settlement.statement import LineItem, Statement, Totals

# Rule 2: 80 % of a site's rest goes to the site whose events earned it.
EVENT_SHARE = Fraction(80, 100)
# Rule 3: the other 20 % of all rests is shared by capacity.
CAPACITY_SHARE = Fraction(20, 100)
# Rule 4: a month counts 28 days of daily fees, however long it is.
FEE_DAYS_PER_MONTH = 28
# `LineItem.capacity_kwh` is rounded to six decimals, like every quantity that is stored.
CAPACITY_DECIMALS = 6
ZERO_AUD = Decimal("0.00")


class Earnings(NamedTuple):
    """
    The exact values of a site's events in a span.

    `cost_only_aud` is the sum of the discharges whose value is below zero, and `revenue_aud` the sum of all other
    events.
    """

    revenue_aud: Decimal
    cost_only_aud: Decimal


class Shares(NamedTuple):
    """The exact figures of a span or a month, with one element per site, in order of NMI; zero while not a member."""

    revenue_aud: FractionVector
    ad_valorem_fee_aud: FractionVector
    event_share_aud: FractionVector
    capacity_share_aud: FractionVector
    daily_fee_due_aud: FractionVector
    member_days: FractionVector
    capacity_kwh_days: FractionVector


def settle(month: Month, spans: Sequence[Span], earnings: Sequence[Mapping[str, Earnings]]) -> Statement:
    """
    Share a month's revenue between the VPP and every site that was a member on any day of the month.

    `spans` are all spans of the month. `earnings` has one mapping per span, from the NMIs of the sites with events in
    the span. Raises ValueError if a site has earnings in a span in which it is not a member.
    """
    nmis = sorted(set().union(*(span.capacities_kwh for span in spans)))
    shares_by_span = [
        _share_span(month, span, span_earnings, nmis) for span, span_earnings in zip(spans, earnings, strict=True)
    ]
    shares = Shares(*map(FractionVector.sum, zip(*shares_by_span, strict=True)))
    return _round_to_cents(month, nmis, shares, _total_cost_only(earnings))


def _share_span(month: Month, span: Span, earnings: Mapping[str, Earnings], nmis: Sequence[str]) -> Shares:
    """Apply rules 1 to 4 to a span."""
    if non_members := earnings.keys() - span.capacities_kwh.keys():
        raise ValueError(
            f"{min(non_members)} has earnings but is not a member from {span.first_day} until {span.until}."
        )

    revenue_aud = FractionVector.from_numbers(earnings[nmi].revenue_aud if nmi in earnings else 0 for nmi in nmis)
    capacity_kwh = FractionVector.from_numbers(span.capacities_kwh.get(nmi, 0) for nmi in nmis)
    member_days = FractionVector.from_numbers(span.days if nmi in span.capacities_kwh else 0 for nmi in nmis)

    ad_valorem_fee_aud, rest_aud = _deduct_ad_valorem_fee(revenue_aud, span.terms.revenue_percentage)
    return Shares(
        revenue_aud=revenue_aud,
        ad_valorem_fee_aud=ad_valorem_fee_aud,
        event_share_aud=_share_by_events(rest_aud),
        capacity_share_aud=_share_by_capacity(rest_aud, capacity_kwh),
        daily_fee_due_aud=_compute_daily_fee_due(month, member_days, span.terms.daily_fee_aud),
        member_days=member_days,
        capacity_kwh_days=capacity_kwh * span.days,
    )


def _deduct_ad_valorem_fee(
    revenue_aud: FractionVector, revenue_percentage: Decimal
) -> tuple[FractionVector, FractionVector]:
    """Rule 1: return the VPP's percentage of each site's revenue, and each site's rest."""
    fee_rate = Fraction(revenue_percentage) / 100
    return revenue_aud * fee_rate, revenue_aud * (1 - fee_rate)


def _share_by_events(rest_aud: FractionVector) -> FractionVector:
    """Rule 2: 80 % of each site's rest goes to the site whose events earned it."""
    return rest_aud * EVENT_SHARE


def _share_by_capacity(rest_aud: FractionVector, capacity_kwh: FractionVector) -> FractionVector:
    """
    Rule 3: the other 20 % of all rests is pooled and shared by all members in proportion to their capacity.

    A member without events gets its share, too. If no member has any capacity, each keeps its own 20 %.
    """
    contributions_aud = rest_aud * CAPACITY_SHARE
    total_capacity_kwh = capacity_kwh.total()
    if total_capacity_kwh == 0:
        return contributions_aud
    return capacity_kwh * (contributions_aud.total() / total_capacity_kwh)


def _compute_daily_fee_due(month: Month, member_days: FractionVector, daily_fee_aud: Decimal) -> FractionVector:
    """Rule 4: a whole month costs 28 daily fees, and a part of the month costs the same part of them."""
    return member_days * (Fraction(daily_fee_aud) * FEE_DAYS_PER_MONTH / month.days)


def _add_shares(shares: Shares) -> FractionVector:
    """Rule 5: a site's amount before fees is the sum of its event shares and capacity shares."""
    return FractionVector.sum([shares.event_share_aud, shares.capacity_share_aud])


def _cap_daily_fee(daily_fee_due_aud: Decimal, before_fees_aud: Decimal) -> Decimal:
    """Rule 6: the daily fee never takes a site below zero; the part of it that is not taken is waived."""
    return min(daily_fee_due_aud, max(ZERO_AUD, before_fees_aud))


def _total_cost_only(earnings: Sequence[Mapping[str, Earnings]]) -> Fraction:
    """Return the sum of all cost-only events, which the VPP bears alone."""
    return FractionVector.from_numbers(
        site.cost_only_aud for span_earnings in earnings for site in span_earnings.values()
    ).total()


def _round_to_cents(month: Month, nmis: Sequence[str], shares: Shares, cost_only_aud: Fraction) -> Statement:
    """Round a month's exact shares to a statement, as in "Cents"."""
    # The rounded total is allotted, so that the parts always add up to it: the ad valorem fee first, then the sites.
    total_revenue_aud = round_to_cents(shares.revenue_aud.total())
    ad_valorem_fee_aud, *before_fees_aud = allot(
        total_revenue_aud,
        FractionVector.from_numbers([shares.ad_valorem_fee_aud.total(), *_add_shares(shares)]),
    )
    lines = zip(
        nmis,
        shares.capacity_kwh_days,
        shares.member_days.numerators,
        allot(total_revenue_aud, shares.revenue_aud),
        allot(ad_valorem_fee_aud, shares.ad_valorem_fee_aud),
        shares.event_share_aud,
        before_fees_aud,
        shares.daily_fee_due_aud,
        strict=True,
    )
    line_items = tuple(starmap(_round_line_item, lines))

    daily_fees_aud = sum((line.daily_fee_aud for line in line_items), start=ZERO_AUD)
    rounded_cost_only_aud = round_to_cents(cost_only_aud)
    return Statement(
        month,
        Totals(
            total_revenue_aud=total_revenue_aud,
            ad_valorem_fee_aud=ad_valorem_fee_aud,
            daily_fees_aud=daily_fees_aud,
            cost_only_aud=rounded_cost_only_aud,
            vpp_total_aud=ad_valorem_fee_aud + daily_fees_aud + rounded_cost_only_aud,
            site_total_aud=sum((line.after_fees_aud for line in line_items), start=ZERO_AUD),
        ),
        line_items,
    )


def _round_line_item(
    nmi: str,
    capacity_kwh_days: Fraction,
    member_days: int,
    revenue_aud: Decimal,
    ad_valorem_fee_aud: Decimal,
    exact_event_share_aud: Fraction,
    before_fees_aud: Decimal,
    exact_daily_fee_due_aud: Fraction,
) -> LineItem:
    """Return a site's line item from its allotted cents and exact shares, with rules 6 and 7 applied to the cents."""
    event_share_aud = round_to_cents(exact_event_share_aud)
    daily_fee_due_aud = round_to_cents(exact_daily_fee_due_aud)
    daily_fee_aud = _cap_daily_fee(daily_fee_due_aud, before_fees_aud)
    return LineItem(
        nmi=nmi,
        capacity_kwh=round_half_away_from_zero(capacity_kwh_days / member_days, CAPACITY_DECIMALS),
        member_days=member_days,
        revenue_aud=revenue_aud,
        ad_valorem_fee_aud=ad_valorem_fee_aud,
        event_share_aud=event_share_aud,
        capacity_share_aud=before_fees_aud - event_share_aud,
        before_fees_aud=before_fees_aud,
        daily_fee_aud=daily_fee_aud,
        waived_fee_aud=daily_fee_due_aud - daily_fee_aud,
        # Rule 7.
        after_fees_aud=before_fees_aud - daily_fee_aud,
    )
