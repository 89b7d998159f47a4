from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from graph.settlement.month import Month
from graph.settlement.spans import Capacity, Member, Period, PriceSchedule, Span, Terms, cut_into_spans

SEPTEMBER = Month(2025, 9)
ALWAYS = Period()
TERMS = Terms(Decimal(20), Decimal("0.30"))
DEARER = Terms(Decimal(25), Decimal("0.30"))


def day(of_september: int) -> date:
    return date(2025, 9, of_september)


def since(of_september: int) -> Period:
    return Period(effective_from=day(of_september))


def before(of_september: int) -> Period:
    return Period(effective_until=day(of_september))


def between(first: int, until: int) -> Period:
    return Period(day(first), day(until))


def member(nmi: str, *memberships: Period, batteries: Sequence[tuple[Period, str]] = ((ALWAYS, "10"),)) -> Member:
    return Member(nmi, memberships, tuple(Capacity(period, Decimal(kwh)) for period, kwh in batteries))


def schedules(*periods: tuple[Period, Terms]) -> list[PriceSchedule]:
    return [PriceSchedule(period, terms) for period, terms in periods]


def capacities(spans: Sequence[Span]) -> list[tuple[int, dict[str, str]]]:
    """Return each span as the day of the month on which it starts, and its members' capacities."""
    return [(span.first_day.day, {nmi: str(kwh) for nmi, kwh in span.capacities_kwh.items()}) for span in spans]


# Every battery has 10 kWh unless the case states another capacity.
@pytest.mark.parametrize(
    ("case", "members", "expected"),
    [
        ("no members", [], [(1, {})]),
        ("two all month", [member("A", ALWAYS), member("B", ALWAYS)], [(1, {"A": "10", "B": "10"})]),
        ("assigned from the 16th", [member("A", since(16))], [(1, {}), (16, {"A": "10"})]),
        ("moved out on the 16th", [member("A", before(16))], [(1, {"A": "10"}), (16, {})]),
        ("member from the 5th to the 7th", [member("A", between(5, 8))], [(1, {}), (5, {"A": "10"}), (8, {})]),
        (
            "not a member from the 5th to the 7th",
            [member("A", before(5), since(8))],
            [(1, {"A": "10"}), (5, {}), (8, {"A": "10"})],
        ),
        ("back on the day it left", [member("A", before(5), since(5))], [(1, {"A": "10"})]),
        (
            "one joins on the day another leaves",
            [member("A", before(16)), member("B", since(16))],
            [(1, {"A": "10"}), (16, {"B": "10"})],
        ),
        ("from the first day", [member("A", since(1))], [(1, {"A": "10"})]),
        ("from the last day", [member("A", since(30))], [(1, {}), (30, {"A": "10"})]),
        ("left before the month", [member("A", Period(None, date(2025, 9, 1)))], [(1, {})]),
        ("joins after the month", [member("A", Period(date(2025, 10, 1), None))], [(1, {})]),
        ("member in an earlier year", [member("A", Period(date(2024, 9, 5), date(2024, 9, 8)))], [(1, {})]),
        ("no battery", [member("A", ALWAYS, batteries=[])], [(1, {"A": "0"})]),
        (
            "two batteries",
            [member("A", ALWAYS, batteries=[(ALWAYS, "10"), (ALWAYS, "3.5")])],
            [(1, {"A": "13.5"})],
        ),
        (
            "added from the 16th",
            [member("A", ALWAYS, batteries=[(ALWAYS, "10"), (since(16), "3.5")])],
            [(1, {"A": "10"}), (16, {"A": "13.5"})],
        ),
        (
            "extended from the 16th",
            [member("A", ALWAYS, batteries=[(before(16), "10"), (since(16), "12")])],
            [(1, {"A": "10"}), (16, {"A": "12"})],
        ),
        (
            "removed from the 16th",
            [member("A", ALWAYS, batteries=[(before(16), "10")])],
            [(1, {"A": "10"}), (16, {"A": "0"})],
        ),
        (
            "replaced by one of the same capacity",
            [member("A", ALWAYS, batteries=[(before(16), "10"), (since(16), "10.0")])],
            [(1, {"A": "10"})],
        ),
        (
            "replaced by two of half the capacity",
            [member("A", ALWAYS, batteries=[(before(16), "10"), (since(16), "4"), (since(16), "6")])],
            [(1, {"A": "10"})],
        ),
        (
            "changed before it was a member",
            [member("A", since(16), batteries=[(before(5), "10"), (since(5), "12")])],
            [(1, {}), (16, {"A": "12"})],
        ),
        (
            "two changes on one day",
            [member("A", since(16)), member("B", ALWAYS, batteries=[(before(16), "10"), (since(16), "12")])],
            [(1, {"B": "10"}), (16, {"B": "12", "A": "10"})],
        ),
    ],
)
def test_month_is_cut_where_members_or_their_capacities_change(
    case: str, members: list[Member], expected: list[tuple[int, dict[str, str]]]
) -> None:
    assert capacities(cut_into_spans(SEPTEMBER, schedules((ALWAYS, TERMS)), members)) == expected


@pytest.mark.parametrize(
    ("case", "price_schedules", "expected"),
    [
        ("one price", schedules((ALWAYS, TERMS)), [(1, TERMS)]),
        ("dearer from the 11th", schedules((before(11), TERMS), (since(11), DEARER)), [(1, TERMS), (11, DEARER)]),
        ("in any order", schedules((since(11), DEARER), (before(11), TERMS)), [(1, TERMS), (11, DEARER)]),
        ("renewed with the same terms", schedules((before(11), TERMS), (since(11), TERMS)), [(1, TERMS)]),
        (
            "dearer for a day",
            schedules((before(11), TERMS), (between(11, 12), DEARER), (since(12), TERMS)),
            [(1, TERMS), (11, DEARER), (12, TERMS)],
        ),
        ("dearer next month", schedules((Period(None, date(2025, 10, 1)), TERMS)), [(1, TERMS)]),
        (
            "the same, written with more digits",
            schedules((before(11), TERMS), (since(11), Terms(Decimal("20.0"), Decimal("0.3")))),
            [(1, TERMS)],
        ),
    ],
)
def test_month_is_cut_where_terms_change(
    case: str, price_schedules: list[PriceSchedule], expected: list[tuple[int, Terms]]
) -> None:
    spans = cut_into_spans(SEPTEMBER, price_schedules, [member("A", ALWAYS)])

    assert [(span.first_day.day, span.terms) for span in spans] == expected


def test_spans_cover_the_month_without_gaps() -> None:
    price_schedules = schedules((before(11), TERMS), (since(11), DEARER))

    spans = cut_into_spans(SEPTEMBER, price_schedules, [member("A", since(30)), member("B", before(11))])

    assert [(span.first_day, span.until, span.days) for span in spans] == [
        (day(1), day(11), 10),
        (day(11), day(30), 19),
        (day(30), date(2025, 10, 1), 1),
    ]


@pytest.mark.parametrize(
    ("price_schedules", "uncovered"),
    [([], "2025-09-01"), (schedules((since(2), TERMS)), "2025-09-01"), (schedules((before(11), TERMS)), "2025-09-11")],
)
def test_day_without_a_price_schedule_raises_value_error(price_schedules: list[PriceSchedule], uncovered: str) -> None:
    with pytest.raises(ValueError, match=rf"^No price schedule covers {uncovered}\.$"):
        cut_into_spans(SEPTEMBER, price_schedules, [])
