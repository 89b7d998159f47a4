"""Cutting a month into spans: runs of days in which nothing that matters to settlement changes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

from graph.settlement.month import Month


@dataclass(frozen=True)
class Period:
    """Settlement dates from `effective_from` on and before `effective_until`; None leaves that end open."""

    effective_from: date | None = None
    effective_until: date | None = None

    def __contains__(self, day: date) -> bool:
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_until is None or day < self.effective_until
        )


@dataclass(frozen=True)
class Terms:
    """What a VPP charges: a percentage of revenue, 0 to 100, and a daily fee a site."""

    revenue_percentage: Decimal
    daily_fee_aud: Decimal


@dataclass(frozen=True)
class PriceSchedule:
    """A VPP's terms over a period."""

    period: Period
    terms: Terms


@dataclass(frozen=True)
class Capacity:
    """One battery's capacity over a period; batteries installed at once add up."""

    period: Period
    capacity_kwh: Decimal


@dataclass(frozen=True)
class Member:
    """A site that belongs to the VPP over some periods, and all its batteries, whenever they were installed."""

    nmi: str
    memberships: tuple[Period, ...]
    capacities: tuple[Capacity, ...]

    def belongs_on(self, day: date) -> bool:
        return any(day in period for period in self.memberships)

    def capacity_kwh_on(self, day: date) -> Decimal:
        return sum((battery.capacity_kwh for battery in self.capacities if day in battery.period), start=Decimal(0))


@dataclass(frozen=True)
class Span:
    """A run of days with one set of terms, one set of members, and one capacity for each; the keys are the members."""

    first_day: date
    until: date
    terms: Terms
    capacities_kwh: Mapping[str, Decimal]

    @property
    def days(self) -> int:
        return (self.until - self.first_day).days


def cut(month: Month, price_schedules: Sequence[PriceSchedule], members: Sequence[Member]) -> tuple[Span, ...]:
    """
    Cut a month into the longest spans in which terms, members and capacities stay the same, earliest first.

    Price schedules do not overlap; ValueError names the first day that none of them covers.
    """
    schedule_changes = _changes_within(month, (schedule.period for schedule in price_schedules))

    # Only those whose periods start or end on a day are looked at again on it: the cost is that of the changes,
    # not of days times members.
    changed: dict[date, list[Member]] = defaultdict(list)
    for member in members:
        periods = (*member.memberships, *(battery.period for battery in member.capacities))
        for day in {month.first_day, *_changes_within(month, periods)}:
            changed[day].append(member)

    spans: list[Span] = []
    capacities_kwh: dict[str, Decimal] = {}
    for day, until in pairwise(sorted({month.first_day, month.until, *schedule_changes, *changed})):
        terms = _terms_on(day, price_schedules)
        capacities_kwh = dict(capacities_kwh)
        for member in changed[day]:
            if member.belongs_on(day):
                capacities_kwh[member.nmi] = member.capacity_kwh_on(day)
            else:
                capacities_kwh.pop(member.nmi, None)

        # Periods that end where an equal one starts change nothing, so they do not cut.
        if spans and spans[-1].terms == terms and spans[-1].capacities_kwh == capacities_kwh:
            spans[-1] = replace(spans[-1], until=until)
        else:
            spans.append(Span(day, until, terms, capacities_kwh))
    return tuple(spans)


def _changes_within(month: Month, periods: Iterable[Period]) -> set[date]:
    ends = {end for period in periods for end in (period.effective_from, period.effective_until)}
    return {end for end in ends if end is not None and end in month}


def _terms_on(day: date, price_schedules: Sequence[PriceSchedule]) -> Terms:
    for schedule in price_schedules:
        if day in schedule.period:
            return schedule.terms
    raise ValueError(f"No price schedule covers {day}.")
