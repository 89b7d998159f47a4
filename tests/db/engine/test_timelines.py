from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import Range

from db.engine.timelines import Timeline, timeline

FIRST = date(2025, 7, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(-2, 12)]


def days(since: date | None, until: date | None) -> Range[date]:
    return Range(since, until)


def periods(*values: tuple[date | None, date | None, int]) -> Timeline[int]:
    """Return a timeline of (from, until, value)."""
    return Timeline(tuple((days(since, until), value) for since, until, value in values))


def value_on(line: Timeline[int], day: date) -> int | None:
    """Return the value on a day, and check that at most one period contains the day."""
    values = [value for period, value in line.periods if period.contains(day)]
    assert len(values) <= 1
    return values[0] if values else None


@st.composite
def timelines(draw: st.DrawFn) -> Timeline[int]:
    """Generate timelines with gaps and open ends, over the days from 1 to 10 July."""
    cuts = sorted(draw(st.sets(st.sampled_from(DAYS[2:12]), min_size=1, max_size=5)))
    bounds: list[date | None] = [None, *cuts, None]
    values = draw(st.lists(st.none() | st.integers(1, 3), min_size=len(bounds) - 1, max_size=len(bounds) - 1))
    drawn = zip(bounds, bounds[1:], values, strict=False)
    return periods(*((since, until, value) for since, until, value in drawn if value is not None))


JULY, AUGUST, SEPTEMBER = date(2025, 7, 1), date(2025, 8, 1), date(2025, 9, 1)


@pytest.mark.parametrize(
    ("before", "effective_from", "after"),
    [
        (periods((None, None, 1)), None, periods((None, None, 2))),
        (periods((None, None, 1)), JULY, periods((None, JULY, 1), (JULY, None, 2))),
        (periods((None, JULY, 1), (JULY, None, 2)), None, periods((None, JULY, 2), (JULY, None, 4))),
        (
            periods((None, JULY, 1), (JULY, None, 2)),
            AUGUST,
            periods((None, JULY, 1), (JULY, AUGUST, 2), (AUGUST, None, 4)),
        ),
        (
            periods((None, AUGUST, 1), (AUGUST, None, 3)),
            JULY,
            periods((None, JULY, 1), (JULY, AUGUST, 2), (AUGUST, None, 6)),
        ),
        (periods((JULY, AUGUST, 1)), SEPTEMBER, periods((JULY, AUGUST, 1))),
        (periods((AUGUST, None, 1)), JULY, periods((AUGUST, None, 2))),
        (periods((None, JULY, 2), (JULY, None, 1)), JULY, periods((None, None, 2))),
    ],
)
def test_a_change_applies_from_its_day_on_or_to_all_days(
    before: Timeline[int], effective_from: date | None, after: Timeline[int]
) -> None:
    assert before.changed(lambda value: 2 * value, effective_from=effective_from) == after


@pytest.mark.parametrize(
    ("before", "effective_from", "after"),
    [
        (periods(), None, periods((None, None, 9))),
        (periods(), JULY, periods((JULY, None, 9))),
        (periods((None, None, 1)), None, periods((None, None, 9))),
        (periods((JULY, None, 1)), None, periods((None, None, 9))),
        (periods((None, None, 1)), JULY, periods((None, JULY, 1), (JULY, None, 9))),
        (periods((None, AUGUST, 1), (AUGUST, None, 2)), JULY, periods((None, JULY, 1), (JULY, None, 9))),
        (periods((AUGUST, None, 1)), JULY, periods((JULY, None, 9))),
        (periods((JULY, AUGUST, 1)), SEPTEMBER, periods((JULY, AUGUST, 1), (SEPTEMBER, None, 9))),
        (periods((None, JULY, 9), (JULY, None, 1)), JULY, periods((None, None, 9))),
    ],
)
def test_a_replaced_value_applies_without_end(
    before: Timeline[int], effective_from: date | None, after: Timeline[int]
) -> None:
    assert before.replaced(9, effective_from=effective_from) == after


@pytest.mark.parametrize(
    ("before", "effective_from", "after"),
    [
        (periods((None, None, 1)), None, periods()),
        (periods((None, None, 1)), JULY, periods((None, JULY, 1))),
        (periods((JULY, AUGUST, 1), (AUGUST, None, 2)), AUGUST, periods((JULY, AUGUST, 1))),
        (periods((AUGUST, None, 1)), JULY, periods()),
    ],
)
def test_an_ended_timeline_has_no_values_from_the_day_on(
    before: Timeline[int], effective_from: date | None, after: Timeline[int]
) -> None:
    assert before.ended(effective_from=effective_from) == after


@given(timelines(), st.sampled_from(DAYS))
def test_the_days_before_a_change_keep_their_values(line: Timeline[int], day: date) -> None:
    changed = line.changed(lambda value: value + 1, effective_from=day)
    replaced, ended = line.replaced(9, effective_from=day), line.ended(effective_from=day)

    for checked in DAYS:
        before = value_on(line, checked)
        after = [value_on(new, checked) for new in (changed, replaced, ended)]
        assert after == ([before] * 3 if checked < day else [before and before + 1, 9, None])


@given(timelines(), st.none() | st.sampled_from(DAYS))
def test_adjacent_periods_with_equal_values_are_merged(line: Timeline[int], day: date | None) -> None:
    for after in (line.changed(lambda _: 1, effective_from=day), line.replaced(2, effective_from=day)):
        for (earlier, value), (later, next_value) in zip(after.periods, after.periods[1:], strict=False):
            assert (earlier.upper, value) != (later.lower, next_value)


@given(timelines(), st.randoms())
def test_periods_are_sorted(line: Timeline[int], random: Random) -> None:
    shuffled = list(line.periods)
    random.shuffle(shuffled)

    assert timeline(shuffled) == line


def test_an_open_start_sorts_before_the_earliest_date() -> None:
    line = periods((None, date.min, 1), (date.min, None, 2))

    assert timeline(list(reversed(line.periods))) == line


@given(timelines(), timelines())
def test_differences_are_the_days_with_different_values(one: Timeline[int], other: Timeline[int]) -> None:
    differences = one.differences(other)

    for day in DAYS:
        found = [(value, other_value) for period, value, other_value in differences if period.contains(day)]
        values = (value_on(one, day), value_on(other, day))
        assert found == ([values] if values[0] != values[1] else [])


@pytest.mark.parametrize(
    ("line", "has_history"),
    [
        (periods(), False),
        (periods((None, None, 1)), False),
        (periods((JULY, None, 1)), False),
        (periods((None, JULY, 1)), True),
        (periods((None, JULY, 1), (JULY, None, 2)), True),
    ],
)
def test_a_timeline_has_a_history_once_a_value_has_ended(line: Timeline[int], has_history: bool) -> None:
    assert line.has_history is has_history
