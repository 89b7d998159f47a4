from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from graph.resolvers.scalars import (
    MalformedId,
    exact,
    parse_date,
    parse_date_time,
    parse_id,
    serialize_date_time,
)

ID = UUID("6f9619ff-8b86-4d01-b42d-00c04fc964ff")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-09-01", date(2025, 9, 1)),
        ("2024-02-29", date(2024, 2, 29)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
        ("2025-09-01Z", date(2025, 9, 1)),
        ("2025-09-01+10:00", date(2025, 9, 1)),
        ("2025-09-01-07:00:00", date(2025, 9, 1)),
    ],
)
def test_offset_of_a_date_is_ignored(text: str, day: date) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize(
    "value",
    [
        *("", "today", "2025-9-1", "20250901", "2025-W36-1", "01/09/2025", "2025-09-01T00:00:00Z", " 2025-09-01"),
        *("2025-02-29", "2025-13-01", "0000-01-01", "10000-01-01", "-2025-09-01", "\uff12025-09-01", "2025-09-01\n"),
        *(20250901, 1.5, True, None, ["2025-09-01"], {"day": 1}),
    ],
)
def test_invalid_date_is_refused_with_the_expected_format(value: Any) -> None:
    with pytest.raises(ValueError, match=r"AWSDate is a day written YYYY-MM-DD, not ") as refusal:
        parse_date(value)

    assert str(refusal.value) == f"AWSDate is a day written YYYY-MM-DD, not {value!r}."


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-09-01T12:00Z", datetime(2025, 9, 1, 12, tzinfo=UTC)),
        ("2025-09-01T12:00:30Z", datetime(2025, 9, 1, 12, 0, 30, tzinfo=UTC)),
        ("2025-09-01T12:00:30.5Z", datetime(2025, 9, 1, 12, 0, 30, 500_000, tzinfo=UTC)),
        ("2025-09-01T12:00:30.123456789Z", datetime(2025, 9, 1, 12, 0, 30, 123_456, tzinfo=UTC)),
        ("2025-09-01T12:00:00+10:00", datetime(2025, 9, 1, 12, tzinfo=timezone(timedelta(hours=10)))),
        ("2025-09-01T12:00:00-09:30", datetime(2025, 9, 1, 12, tzinfo=timezone(-timedelta(hours=9, minutes=30)))),
    ],
)
def test_an_instant_is_read_to_the_microsecond_with_its_offset(text: str, instant: datetime) -> None:
    assert parse_date_time(text) == instant
    assert parse_date_time(text).utcoffset() == instant.utcoffset()


@pytest.mark.parametrize(
    "value",
    [
        *("", "now", "2025-09-01", "2025-09-01T12:00:00", "2025-09-01 12:00:00Z", "2025-09-01T24:01Z"),
        *("2025-09-01T12Z", "2025-02-29T00:00Z", "2025-09-01T12:00:00.1234567890Z", "2025-09-01T12:00:00+25:00"),
        *("0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", 1_756_728_000, None, ["2025-09-01T12:00Z"]),
    ],
)
def test_invalid_instant_is_refused_with_the_expected_format(value: Any) -> None:
    with pytest.raises(ValueError, match="AWSDateTime is an instant") as refusal:
        parse_date_time(value)

    expected = "AWSDateTime is an instant written YYYY-MM-DDThh:mm:ss and Z or an offset, not "
    assert str(refusal.value) == f"{expected}{value!r}."


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2025, 9, 1, 12, tzinfo=UTC), "2025-09-01T12:00:00.000Z"),
        (datetime(2025, 9, 1, 12, 0, 0, 123_999, tzinfo=UTC), "2025-09-01T12:00:00.123Z"),
        (datetime(2025, 9, 1, 2, tzinfo=timezone(timedelta(hours=10))), "2025-09-01T02:00:00.000+10:00"),
    ],
)
def test_instant_is_written_with_its_offset_to_the_millisecond(instant: datetime, text: str) -> None:
    assert serialize_date_time(instant) == text


@pytest.mark.parametrize("text", [str(ID), str(ID).upper(), ID.hex])
def test_id_is_accepted_in_every_notation_of_a_uuid(text: str) -> None:
    assert parse_id(text, "input", "id") == ID


@pytest.mark.parametrize("text", ["", "5", "VPP 1", str(ID)[:-1], f"{ID}0", str(ID).replace("f", "g")])
def test_invalid_id_is_refused_with_the_field_that_holds_it(text: str) -> None:
    with pytest.raises(MalformedId) as refusal:
        parse_id(text, "input", "siteId")

    assert str(refusal.value) == (f'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not "{text}".')
    assert refusal.value.info == {"field": ["input", "siteId"]}


def test_long_invalid_id_is_truncated_in_the_error() -> None:
    with pytest.raises(MalformedId, match=rf', not "{"x" * 100}"\.$'):
        parse_id("x" * 10_000, "id")


@pytest.mark.parametrize(
    ("value", "decimal"), [(0.1, "0.1"), (13.5, "13.5"), (20, "20"), (1e-7, "1E-7"), (33.333333, "33.333333")]
)
def test_float_becomes_the_decimal_with_the_same_digits(value: float, decimal: str) -> None:
    assert exact(value) == Decimal(decimal)
