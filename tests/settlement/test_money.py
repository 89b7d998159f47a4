from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.settlement.money import CENT, FractionVector, allot, round_half_away_from_zero, round_to_cents


# Amounts are compared as strings, because as decimals -0.00 equals 0.00, and 1.4 equals 1.40.
@pytest.mark.parametrize(
    ("exact", "cents"),
    [
        ("0", "0.00"),
        ("1.4", "1.40"),
        ("0.0049999999999999", "0.00"),
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("0.025", "0.03"),
        ("2.675", "2.68"),
        ("-0.0049999999999999", "0.00"),
        ("-0.005", "-0.01"),
        ("-0.015", "-0.02"),
        ("-1", "-1.00"),
        ("-0", "0.00"),
        ("1/3", "0.33"),
        ("2/3", "0.67"),
        ("-2/3", "-0.67"),
        ("1/200", "0.01"),
        ("-1/200", "-0.01"),
        ("1234567890123456789012345678901234567890.125", "1234567890123456789012345678901234567890.13"),
    ],
)
def test_cents_are_rounded_half_away_from_zero_and_zero_has_no_sign(exact: str, cents: str) -> None:
    assert str(round_to_cents(Fraction(exact) if "/" in exact else Decimal(exact))) == cents


def test_rounding_ignores_the_precision_of_the_decimal_context() -> None:
    with localcontext(prec=3):
        assert str(round_to_cents(Decimal("123456.785"))) == "123456.79"


def test_quantity_is_rounded_to_the_given_number_of_decimals() -> None:
    assert str(round_half_away_from_zero(Fraction(50, 3), 6)) == "16.666667"


@pytest.mark.parametrize(
    ("case", "total", "exact", "parts"),
    [
        ("whole cents stay", "3.00", ["1", "2"], ["1.00", "2.00"]),
        ("a third each: the first", "1.00", ["1/3", "1/3", "1/3"], ["0.34", "0.33", "0.33"]),
        ("two thirds each: the first two", "2.00", ["2/3", "2/3", "2/3"], ["0.67", "0.67", "0.66"]),
        ("the party that lost most", "1.00", ["0.501", "0.209", "0.29"], ["0.50", "0.21", "0.29"]),
        ("not the party with most", "1.00", ["0.902", "0.098"], ["0.90", "0.10"]),
        (
            "most lost, then the first",
            "0.05",
            ["0.014", "0.018", "0.014", "0.004"],
            ["0.02", "0.02", "0.01", "0.00"],
        ),
        ("a tie of two", "0.01", ["0.005", "0.005"], ["0.01", "0.00"]),
        ("a total rounded up", "0.01", ["0.001", "0.004"], ["0.00", "0.01"]),
        ("a total rounded down", "0.00", ["0.001", "0.003"], ["0.00", "0.00"]),
        ("whole cents get none left over", "0.02", ["0.01", "0.005"], ["0.01", "0.01"]),
        ("nothing", "0.00", ["0", "0"], ["0.00", "0.00"]),
        ("no parties", "0.00", [], []),
        ("below zero, whole", "-3.00", ["-1", "-2"], ["-1.00", "-2.00"]),
        ("below zero, a third each", "-1.00", ["-1/3", "-1/3", "-1/3"], ["-0.33", "-0.33", "-0.34"]),
        ("below zero, the party that lost most", "-0.01", ["-0.001", "-0.004", "-0.005"], ["0.00", "0.00", "-0.01"]),
        ("below zero, a tie of two", "-0.01", ["-0.005", "-0.005"], ["0.00", "-0.01"]),
        ("below zero, rounded away", "-0.01", ["-0.001", "-0.004"], ["0.00", "-0.01"]),
        ("one up, one down", "0.00", ["0.005", "-0.005"], ["0.01", "-0.01"]),
        ("one down, one up", "0.00", ["-0.005", "0.005"], ["0.00", "0.00"]),
        ("a debt among gains", "1.00", ["1.506", "-0.506"], ["1.51", "-0.51"]),
    ],
)
def test_leftover_cents_go_to_the_parties_that_lost_most_by_rounding_down(
    case: str, total: str, exact: list[str], parts: list[str]
) -> None:
    assert [str(part) for part in allot(Decimal(total), FractionVector.from_numbers(map(Fraction, exact)))] == parts


@pytest.mark.parametrize(("total", "exact"), [("0.01", ["0"]), ("1.00", ["0.99"]), ("0.98", ["0.99"]), ("0.01", [])])
def test_total_that_is_not_the_sum_of_the_amounts_raises_value_error(total: str, exact: list[str]) -> None:
    with pytest.raises(ValueError, match=f"do not add up to {total}"):
        allot(Decimal(total), FractionVector.from_numbers(map(Fraction, exact)))


@given(st.lists(st.fractions(-10, 10, max_denominator=600), max_size=8))
def test_parts_add_up_to_the_total_and_each_is_less_than_a_cent_from_its_amount(exact: list[Fraction]) -> None:
    total = round_to_cents(sum(exact, start=Fraction(0)))

    parts = allot(total, FractionVector.from_numbers(exact))

    assert sum(parts) == total
    assert all(abs(part - amount) < Fraction(CENT) for part, amount in zip(map(Fraction, parts), exact, strict=True))
    assert "-0.00" not in map(str, parts)
