"""
Timelines: values that apply in periods of settlement dates, such as terms, memberships and capacities.

One rule for every change: without `effective_from` it applies to all days, past ones included; with `effective_from`
the days before it keep their values. `db.retroactive_changes` checks changes of all days.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Generic, TypeVar

from sqlalchemy.dialects.postgresql import Range

Value = TypeVar("Value")


@dataclass(frozen=True)
class Timeline(Generic[Value]):
    """Periods `[from, until)` in order, without overlaps, each with its value."""

    periods: tuple[tuple[Range[date], Value], ...]

    @property
    def has_history(self) -> bool:
        """Whether a value has ever ended: there are several periods, or the only one has ended."""
        return len(self.periods) > 1 or any(days.upper is not None for days, _ in self.periods)

    def changed(self, change: Callable[[Value], Value], *, effective_from: date | None = None) -> "Timeline[Value]":
        """Apply a function to the values from a day on, or to all values; days without a value stay without one."""
        before, after = self._split(effective_from)
        return _merge_adjacent(*before, *((days, change(value)) for days, value in after))

    def replaced(self, value: Value, *, effective_from: date | None = None) -> "Timeline[Value]":
        """Set one value from a day on without end, or for all days."""
        before, _ = self._split(effective_from)
        return _merge_adjacent(*before, (Range(effective_from, None), value))

    def ended(self, *, effective_from: date | None = None) -> "Timeline[Value]":
        """Remove the values from a day on, or all values."""
        before, _ = self._split(effective_from)
        return Timeline(before)

    def differences(self, other: "Timeline[Value]") -> list[tuple[Range[date], Value | None, Value | None]]:
        """Return the days on which two timelines differ, as periods with both values; None where there is no value."""
        periods = [days for days, _ in (*self.periods, *other.periods)]
        ends = sorted({end for days in periods for end in (days.lower, days.upper) if end is not None})
        values = [
            (days, self._value_throughout(days), other._value_throughout(days))
            for days in (Range(lower, upper) for lower, upper in pairwise([None, *ends, None]))
        ]
        return [(days, value, other_value) for days, value, other_value in values if value != other_value]

    def _value_throughout(self, days: Range[date]) -> Value | None:
        return next((value for period, value in self.periods if period.contains(days)), None)

    def _split(
        self, day: date | None
    ) -> tuple[tuple[tuple[Range[date], Value], ...], tuple[tuple[Range[date], Value], ...]]:
        if day is None:
            return (), self.periods
        before = ((days * Range(None, day), value) for days, value in self.periods)
        after = ((days * Range(day, None), value) for days, value in self.periods)
        return _without_empty(before), _without_empty(after)


def timeline(periods: list[tuple[Range[date], Value]]) -> Timeline[Value]:
    """Return a timeline of periods that are given in any order."""

    def start(period: tuple[Range[date], Value]) -> tuple[bool, date]:
        lower = period[0].lower
        # An open start sorts before every day, date.min included.
        return lower is not None, lower or date.min

    return Timeline(tuple(sorted(periods, key=start)))


def _without_empty(periods: Iterable[tuple[Range[date], Value]]) -> tuple[tuple[Range[date], Value], ...]:
    return tuple((days, value) for days, value in periods if not days.is_empty)


def _merge_adjacent(*periods: tuple[Range[date], Value]) -> Timeline[Value]:
    merged: list[tuple[Range[date], Value]] = []
    for days, value in periods:
        if merged and merged[-1][1] == value and merged[-1][0].upper == days.lower:
            merged[-1] = (Range(merged[-1][0].lower, days.upper), value)
        else:
            merged.append((days, value))
    return Timeline(tuple(merged))
