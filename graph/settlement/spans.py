"""Cuts a month into spans: runs of days in which terms, members and capacities stay the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

from graph.settlement.month import Month


@dataclass(frozen=True)
class Period:
    """The settlement dates `[effective_from, effective_until)`; an end that is None is open."""

    effective_from: date | None = None
    effective_until: date | None = None

    def __contains__(self, day: date) -> bool:
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_until is None or day < self.effective_until
        )


@dataclass(frozen=True)
class Terms:
    """The terms of a VPP for each member site: a percentage of its revenue, 0 to 100, and a daily fee."""

    revenue_percentage: Decimal
    daily_fee_aud: Decimal


@dataclass(frozen=True)
class PriceSchedule:
    """A VPP's terms in a period."""

    period: Period
    terms: Terms


@dataclass(frozen=True)
class Capacity:
    """One battery's capacity in a period; the capacities of a site's batteries on one day add up."""

    period: Period
    capacity_kwh: Decimal


@dataclass(frozen=True)
class Member:
    """A site that is a member of the VPP in some periods, and the capacities of its batteries in any period."""

    nmi: str
    memberships: tuple[Period, ...]
    capacities: tuple[Capacity, ...]

    def is_member_on(self, day: date) -> bool:
        return any(day in period for period in self.memberships)

    def capacity_kwh_on(self, day: date) -> Decimal:
        return sum((battery.capacity_kwh for battery in self.capacities if day in battery.period), start=Decimal(0))


@dataclass(frozen=True)
class Span:
    """The days `[first_day, until)`, in which the terms, the members and the capacity of each member stay the same."""

    first_day: date
    until: date
    terms: Terms
    # Keyed by the NMI of every member, including members without a battery.
    capacities_kwh: Mapping[str, Decimal]

    @property
    def days(self) -> int:
        return (self.until - self.first_day).days


def cut_into_spans(
    month: Month, price_schedules: Sequence[PriceSchedule], members: Sequence[Member]
) -> tuple[Span, ...]:
    """
    Cut a month into the longest possible spans, earliest first.

    Price schedules must not overlap. Raises ValueError for the first day that no price schedule covers.
    """
    schedule_changes = _changes_within(month, (schedule.period for schedule in price_schedules))

    # On each day, only members whose periods start or end on that day are evaluated, so the cost grows with the number
    # of changes, not with days times members.
    changed_members: dict[date, list[Member]] = defaultdict(list)
    for member in members:
        periods = (*member.memberships, *(battery.period for battery in member.capacities))
        for day in {month.first_day, *_changes_within(month, periods)}:
            changed_members[day].append(member)

    spans: list[Span] = []
    capacities_kwh: dict[str, Decimal] = {}
    for day, until in pairwise(sorted({month.first_day, month.until, *schedule_changes, *changed_members})):
        terms = _terms_on(day, price_schedules)
        capacities_kwh = dict(capacities_kwh)
        for member in changed_members[day]:
            if member.is_member_on(day):
                capacities_kwh[member.nmi] = member.capacity_kwh_on(day)
            else:
                capacities_kwh.pop(member.nmi, None)

        # A period that is followed by an equal one does not start a new span.
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
