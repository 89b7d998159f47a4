"""Sharing a month's revenue between a VPP and its sites: exactly, and then once to the cent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import starmap
from typing import NamedTuple

from graph.settlement.money import Column, allot, rounded, to_cents
from graph.settlement.month import Month
from graph.settlement.spans import Span
from graph.settlement.statement import LineItem, Statement, Totals

EVENT_PART = Fraction(80, 100)
CAPACITY_PART = Fraction(20, 100)
FEE_DAYS_A_MONTH = 28
NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Earnings:
    """
    What a site's events earned in a span, exact and unrounded.

    `cost_only_aud` is the sum of the discharges whose value is below zero; `revenue_aud` is that of all other events.
    """

    revenue_aud: Decimal
    cost_only_aud: Decimal


class Shares(NamedTuple):
    """The exact figures of a span or a month, one line a site, in order of NMI; zero while it is not a member."""

    revenue_aud: Column
    ad_valorem_fee_aud: Column
    event_share_aud: Column
    capacity_share_aud: Column
    daily_fee_due_aud: Column
    member_days: Column
    capacity_kwh_days: Column


def settle(month: Month, spans: Sequence[Span], earnings: Sequence[Mapping[str, Earnings]]) -> Statement:
    """
    Share a month's revenue between the VPP and every site that was a member on any day of it.

    `spans` make up the month; `earnings` are those of each span by NMI, without the sites that had no events.
    ValueError when a site has earnings in a span that it is no member in.
    """
    nmis = sorted(set().union(*(span.capacities_kwh for span in spans)))
    by_span = [_share(month, span, earned, nmis) for span, earned in zip(spans, earnings, strict=True)]
    over_the_month = Shares(*map(Column.sum, zip(*by_span, strict=True)))
    cost_only = Column.of(site.cost_only_aud for earned in earnings for site in earned.values()).total()
    return _to_the_cent(month, nmis, over_the_month, cost_only)


def _share(month: Month, span: Span, earned: Mapping[str, Earnings], nmis: Sequence[str]) -> Shares:
    """
    Share what was earned in a span, exactly.
    """
    if strangers := earned.keys() - span.capacities_kwh.keys():
        raise ValueError(f"{min(strangers)} has earnings but is no member from {span.first_day} until {span.until}.")

    revenue = Column.of(earned[nmi].revenue_aud if nmi in earned else 0 for nmi in nmis)
    capacity_kwh = Column.of(span.capacities_kwh.get(nmi, 0) for nmi in nmis)
    member_days = Column.of(span.days if nmi in span.capacities_kwh else 0 for nmi in nmis)
    percentage = Fraction(span.terms.revenue_percentage) / 100
    daily_fee_aud = Fraction(span.terms.daily_fee_aud)

    # The VPP takes its percentage of each site's revenue first; what is left of it is the site's rest.
    ad_valorem_fee = revenue * percentage
    rest = revenue * (1 - percentage)

    # Most of a rest goes to the site whose events earned it.
    event_share = rest * EVENT_PART

    # The remainder of all rests is pooled and shared by capacity, whether or not a site had an event.
    capacity_share = _by_capacity(rest * CAPACITY_PART, capacity_kwh)

    # A month counts 28 days, however many it has, and part of a month counts its part of them.
    daily_fee_due = member_days * (daily_fee_aud * FEE_DAYS_A_MONTH / month.days)

    return Shares(
        revenue_aud=revenue,
        ad_valorem_fee_aud=ad_valorem_fee,
        event_share_aud=event_share,
        capacity_share_aud=capacity_share,
        daily_fee_due_aud=daily_fee_due,
        member_days=member_days,
        capacity_kwh_days=capacity_kwh * span.days,
    )


def _by_capacity(parts_aud: Column, capacity_kwh: Column) -> Column:
    """
    Pool the sites' parts and share them in proportion to capacity; where nobody has any, each keeps its own.
    """
    total_kwh = capacity_kwh.total()
    if total_kwh == 0:
        return parts_aud
    return capacity_kwh * (parts_aud.total() / total_kwh)


def _to_the_cent(month: Month, nmis: Sequence[str], exact: Shares, cost_only_aud: Fraction) -> Statement:
    """
    Make a statement of a month's exact shares: the one place where anything is rounded.
    """
    before_fees = Column.sum([exact.event_share_aud, exact.capacity_share_aud])
    total_revenue_aud = to_cents(exact.revenue_aud.total())
    ad_valorem_fee_aud, *before_fees_aud = allot(
        total_revenue_aud, Column.of([exact.ad_valorem_fee_aud.total(), *before_fees])
    )
    lines = zip(
        nmis,
        exact.capacity_kwh_days,
        exact.member_days.numerators,
        allot(total_revenue_aud, exact.revenue_aud),
        allot(ad_valorem_fee_aud, exact.ad_valorem_fee_aud),
        exact.event_share_aud,
        before_fees_aud,
        exact.daily_fee_due_aud,
        strict=True,
    )
    line_items = tuple(starmap(_line_item, lines))

    daily_fees_aud = sum((line.daily_fee_aud for line in line_items), start=NOTHING)
    return Statement(
        month,
        Totals(
            total_revenue_aud=total_revenue_aud,
            ad_valorem_fee_aud=ad_valorem_fee_aud,
            daily_fees_aud=daily_fees_aud,
            cost_only_aud=to_cents(cost_only_aud),
            vpp_total_aud=ad_valorem_fee_aud + daily_fees_aud + to_cents(cost_only_aud),
            site_total_aud=sum((line.after_fees_aud for line in line_items), start=NOTHING),
        ),
        line_items,
    )


def _line_item(
    nmi: str,
    capacity_kwh_days: Fraction,
    member_days: int,
    revenue_aud: Decimal,
    ad_valorem_fee_aud: Decimal,
    event_share: Fraction,
    before_fees_aud: Decimal,
    daily_fee_due: Fraction,
) -> LineItem:
    """
    Make a site's line item of its allotted cents; the daily fee is taken only as far as they cover it.
    """
    event_share_aud = to_cents(event_share)
    daily_fee_due_aud = to_cents(daily_fee_due)
    daily_fee_aud = min(daily_fee_due_aud, max(NOTHING, before_fees_aud))
    return LineItem(
        nmi=nmi,
        capacity_kwh=rounded(capacity_kwh_days / member_days, 6),
        member_days=member_days,
        revenue_aud=revenue_aud,
        ad_valorem_fee_aud=ad_valorem_fee_aud,
        event_share_aud=event_share_aud,
        capacity_share_aud=before_fees_aud - event_share_aud,
        before_fees_aud=before_fees_aud,
        daily_fee_aud=daily_fee_aud,
        waived_fee_aud=daily_fee_due_aud - daily_fee_aud,
        after_fees_aud=before_fees_aud - daily_fee_aud,
    )
