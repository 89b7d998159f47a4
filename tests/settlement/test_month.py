from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import pytest

from graph.settlement.month import Month, settlement_date


@pytest.mark.parametrize(
    ("text", "first_day", "until", "days"),
    [
        ("2025-09", date(2025, 9, 1), date(2025, 10, 1), 30),
        ("2025-12", date(2025, 12, 1), date(2026, 1, 1), 31),
        ("2025-02", date(2025, 2, 1), date(2025, 3, 1), 28),
        ("2024-02", date(2024, 2, 1), date(2024, 3, 1), 29),
        ("1900-01", date(1900, 1, 1), date(1900, 2, 1), 31),
        ("9998-12", date(9998, 12, 1), date(9999, 1, 1), 31),
    ],
)
def test_month_is_parsed_with_its_first_day_and_number_of_days(
    text: str, first_day: date, until: date, days: int
) -> None:
    month = Month.parse(text)

    assert (month.first_day, month.until, month.days) == (first_day, until, days)
    assert str(month) == text
    assert Month.containing(first_day) == Month.containing(until - timedelta(days=1)) == month


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-9",
        "2025-00",
        "2025-13",
        "2025-09-01",
        "2025/09",
        "202509",
        "25-09",
        " 2025-09",
        "2025-09\n",
        "-025-09",
        "02025-09",
        "1899-12",
        "9999-01",
        "September 2025",
        "\uff12\uff10\uff12\uff15-09",
        "2\u0660\u0662\u0665-09",
    ],
)
def test_invalid_month_raises_value_error_with_the_expected_format(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Expected a month written YYYY-MM, such as 2025-09") as refusal:
        Month.parse(text)

    assert str(refusal.value).endswith("from 1900-01 to 9998-12.")


def test_month_contains_its_own_days_only() -> None:
    month = Month(2025, 9)

    assert date(2025, 8, 31) not in month
    assert date(2025, 9, 1) in month
    assert date(2025, 9, 30) in month
    assert date(2025, 10, 1) not in month
    assert date(2024, 9, 15) not in month


def test_months_are_ordered_by_date() -> None:
    assert Month(2024, 12) < Month(2025, 1) < Month(2025, 2) < Month(2025, 10)


class NoOffset(tzinfo):
    """A timezone without a UTC offset: Python treats an instant in it as naive."""

    def utcoffset(self, instant: datetime | None) -> None:
        return None

    def dst(self, instant: datetime | None) -> None:
        return None

    def tzname(self, instant: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    ("case", "instant", "day"),
    [
        ("a moment before midnight", datetime(2025, 8, 31, 13, 59, 59, 999999, UTC), date(2025, 8, 31)),
        ("midnight in NEM time", datetime(2025, 8, 31, 14, 0, tzinfo=UTC), date(2025, 9, 1)),
        ("Sydney in summer", datetime(2026, 1, 1, 0, 59, tzinfo=timezone(timedelta(hours=11))), date(2025, 12, 31)),
        ("Perth", datetime(2025, 9, 30, 22, 0, tzinfo=timezone(timedelta(hours=8))), date(2025, 10, 1)),
        ("no offset", datetime(2025, 9, 1, 0, 0), date(2025, 9, 1)),  # noqa: DTZ001
        ("late without an offset", datetime(2025, 9, 30, 23, 59), date(2025, 9, 30)),  # noqa: DTZ001
        ("a zone without an offset", datetime(2025, 9, 30, 23, 59, tzinfo=NoOffset()), date(2025, 9, 30)),
    ],
)
def test_instant_is_converted_to_its_date_in_nem_time(case: str, instant: datetime, day: date) -> None:
    assert settlement_date(instant) == day
