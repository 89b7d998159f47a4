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


def of(*periods: tuple[date | None, date | None, int]) -> Timeline[int]:
    return Timeline(tuple((days(since, until), value) for since, until, value in periods))


def on(line: Timeline[int], day: date) -> int | None:
    """Return the value that holds on a day, which at most one does."""
    values = [value for period, value in line.periods if period.contains(day)]
    assert len(values) <= 1
    return values[0] if values else None


@st.composite
def timelines(draw: st.DrawFn) -> Timeline[int]:
    """Timelines with gaps and open ends, over the days from 1 to 10 July."""
    cuts = sorted(draw(st.sets(st.sampled_from(DAYS[2:12]), min_size=1, max_size=5)))
    bounds: list[date | None] = [None, *cuts, None]
    values = draw(st.lists(st.none() | st.integers(1, 3), min_size=len(bounds) - 1, max_size=len(bounds) - 1))
    periods = zip(bounds, bounds[1:], values, strict=False)
    return of(*((since, until, value) for since, until, value in periods if value is not None))


JULY, AUGUST, SEPTEMBER = date(2025, 7, 1), date(2025, 8, 1), date(2025, 9, 1)


@pytest.mark.parametrize(
    ("before", "effective_from", "after"),
    [
        (of((None, None, 1)), None, of((None, None, 2))),
        (of((None, None, 1)), JULY, of((None, JULY, 1), (JULY, None, 2))),
        (of((None, JULY, 1), (JULY, None, 2)), None, of((None, JULY, 2), (JULY, None, 4))),
        (of((None, JULY, 1), (JULY, None, 2)), AUGUST, of((None, JULY, 1), (JULY, AUGUST, 2), (AUGUST, None, 4))),
        (of((None, AUGUST, 1), (AUGUST, None, 3)), JULY, of((None, JULY, 1), (JULY, AUGUST, 2), (AUGUST, None, 6))),
        (of((JULY, AUGUST, 1)), SEPTEMBER, of((JULY, AUGUST, 1))),
        (of((AUGUST, None, 1)), JULY, of((AUGUST, None, 2))),
        (of((None, JULY, 2), (JULY, None, 1)), JULY, of((None, None, 2))),
    ],
)
def test_a_change_holds_from_its_day_on_or_for_all_time(
    before: Timeline[int], effective_from: date | None, after: Timeline[int]
) -> None:
    assert before.changed(lambda value: 2 * value, effective_from=effective_from) == after


@pytest.mark.parametrize(
    ("before", "effective_from", "after"),
    [
        (of(), None, of((None, None, 9))),
        (of(), JULY, of((JULY, None, 9))),
        (of((None, None, 1)), None, of((None, None, 9))),
        (of((JULY, None, 1)), None, of((None, None, 9))),
        (of((None, None, 1)), JULY, of((None, JULY, 1), (JULY, None, 9))),
        (of((None, AUGUST, 1), (AUGUST, None, 2)), JULY, of((None, JULY, 1), (JULY, None, 9))),
        (of((AUGUST, None, 1)), JULY, of((JULY, None, 9))),
        (of((JULY, AUGUST, 1)), SEPTEMBER, of((JULY, AUGUST, 1), (SEPTEMBER, None, 9))),
        (of((None, JULY, 9), (JULY, None, 1)), JULY, of((None, None, 9))),
    ],
)
def test_a_value_put_in_place_of_others_holds_without_end(
    before: Timeline[int], effective_from: date | None, after: Timeline[int]
) -> None:
    assert before.replaced(9, effective_from=effective_from) == after


@pytest.mark.parametrize(
    ("before", "effective_from", "after"),
    [
        (of((None, None, 1)), None, of()),
        (of((None, None, 1)), JULY, of((None, JULY, 1))),
        (of((JULY, AUGUST, 1), (AUGUST, None, 2)), AUGUST, of((JULY, AUGUST, 1))),
        (of((AUGUST, None, 1)), JULY, of()),
    ],
)
def test_nothing_holds_once_a_timeline_has_ended(
    before: Timeline[int], effective_from: date | None, after: Timeline[int]
) -> None:
    assert before.ended(effective_from=effective_from) == after


@given(timelines(), st.sampled_from(DAYS))
def test_the_days_before_a_change_stay_as_they_were(line: Timeline[int], day: date) -> None:
    changed = line.changed(lambda value: value + 1, effective_from=day)
    replaced, ended = line.replaced(9, effective_from=day), line.ended(effective_from=day)

    for each in DAYS:
        was = on(line, each)
        if each < day:
            assert on(changed, each) == on(replaced, each) == on(ended, each) == was
        else:
            assert (on(changed, each), on(replaced, each), on(ended, each)) == (was and was + 1, 9, None)


@given(timelines(), st.none() | st.sampled_from(DAYS))
def test_stretches_that_meet_and_say_the_same_are_one(line: Timeline[int], day: date | None) -> None:
    for after in (line.changed(lambda _: 1, effective_from=day), line.replaced(2, effective_from=day)):
        for (earlier, value), (later, next_value) in zip(after.periods, after.periods[1:], strict=False):
            assert (earlier.upper, value) != (later.lower, next_value)


@given(timelines(), st.randoms())
def test_stretches_are_put_in_order_however_they_were_read(line: Timeline[int], random: Random) -> None:
    read = list(line.periods)
    random.shuffle(read)

    assert timeline(read) == line


def test_an_open_start_comes_before_the_first_day_there_is() -> None:
    line = of((None, date.min, 1), (date.min, None, 2))

    assert timeline(list(reversed(line.periods))) == line
