"""
Values that hold over periods of settlement dates: terms, memberships, capacities.

One rule for every change: without `effective_from` it holds for all time, as if it had always been so; with it, the
days before stay as they were.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from sqlalchemy.dialects.postgresql import Range

Value = TypeVar("Value")


@dataclass(frozen=True)
class Timeline(Generic[Value]):
    """Stretches of days `[from, until)`, in order, none overlapping another, each with the value that holds in it."""

    periods: tuple[tuple[Range[date], Value], ...]

    def changed(self, change: Callable[[Value], Value], *, effective_from: date | None = None) -> "Timeline[Value]":
        """Change the values from a day on, or all of them; days without a value stay without one."""
        before, after = self._parted(effective_from)
        return _joined(*before, *((days, change(value)) for days, value in after))

    def replaced(self, value: Value, *, effective_from: date | None = None) -> "Timeline[Value]":
        """Let one value hold from a day on, without end, or for all time."""
        before, _ = self._parted(effective_from)
        return _joined(*before, (Range(effective_from, None), value))

    def ended(self, *, effective_from: date | None = None) -> "Timeline[Value]":
        """Let no value hold from a day on, or ever."""
        before, _ = self._parted(effective_from)
        return Timeline(before)

    def _parted(
        self, day: date | None
    ) -> tuple[tuple[tuple[Range[date], Value], ...], tuple[tuple[Range[date], Value], ...]]:
        if day is None:
            return (), self.periods
        before = ((days * Range(None, day), value) for days, value in self.periods)
        after = ((days * Range(day, None), value) for days, value in self.periods)
        return tuple(s for s in before if not s[0].is_empty), tuple(s for s in after if not s[0].is_empty)


def timeline(periods: list[tuple[Range[date], Value]]) -> Timeline[Value]:
    """Put periods, in whatever order they were read, into a timeline."""
    # An open start comes before every day, the first there is included.
    return Timeline(tuple(sorted(periods, key=lambda s: (s[0].lower is not None, s[0].lower or date.min))))


def _joined(*periods: tuple[Range[date], Value]) -> Timeline[Value]:
    joined: list[tuple[Range[date], Value]] = []
    for days, value in periods:
        if joined and joined[-1][1] == value and joined[-1][0].upper == days.lower:
            joined[-1] = (Range(joined[-1][0].lower, days.upper), value)
        else:
            joined.append((days, value))
    return Timeline(tuple(joined))
