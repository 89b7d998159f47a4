from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.settlement.money import CENT, Column, allot, rounded, to_cents


# Amounts are compared as they are written: "-0.00" and "1.4" are other texts than "0.00" and "1.40".
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
    assert str(to_cents(Fraction(exact) if "/" in exact else Decimal(exact))) == cents


def test_rounding_does_not_depend_on_the_precision_in_force() -> None:
    with localcontext(prec=3):
        assert str(to_cents(Decimal("123456.785"))) == "123456.79"


def test_other_quantities_round_to_their_own_decimals() -> None:
    assert str(rounded(Fraction(50, 3), 6)) == "16.666667"


@pytest.mark.parametrize(
    ("case", "total", "exact", "parts"),
    [
        ("whole cents stay", "3.00", ["1", "2"], ["1.00", "2.00"]),
        ("a third each: the first", "1.00", ["1/3", "1/3", "1/3"], ["0.34", "0.33", "0.33"]),
        ("two thirds each: the first two", "2.00", ["2/3", "2/3", "2/3"], ["0.67", "0.67", "0.66"]),
        ("who lost most", "1.00", ["0.501", "0.209", "0.29"], ["0.50", "0.21", "0.29"]),
        ("not who has most", "1.00", ["0.902", "0.098"], ["0.90", "0.10"]),
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
        ("nobody", "0.00", [], []),
        ("below zero, whole", "-3.00", ["-1", "-2"], ["-1.00", "-2.00"]),
        ("below zero, a third each", "-1.00", ["-1/3", "-1/3", "-1/3"], ["-0.33", "-0.33", "-0.34"]),
        ("below zero, who lost most", "-0.01", ["-0.001", "-0.004", "-0.005"], ["0.00", "0.00", "-0.01"]),
        ("below zero, a tie of two", "-0.01", ["-0.005", "-0.005"], ["0.00", "-0.01"]),
        ("below zero, rounded away", "-0.01", ["-0.001", "-0.004"], ["0.00", "-0.01"]),
        ("one up, one down", "0.00", ["0.005", "-0.005"], ["0.01", "-0.01"]),
        ("one down, one up", "0.00", ["-0.005", "0.005"], ["0.00", "0.00"]),
        ("a debt among gains", "1.00", ["1.506", "-0.506"], ["1.51", "-0.51"]),
    ],
)
def test_a_total_is_allotted_to_those_who_lost_most_by_rounding_down(
    case: str, total: str, exact: list[str], parts: list[str]
) -> None:
    assert [str(part) for part in allot(Decimal(total), Column.of(map(Fraction, exact)))] == parts


@pytest.mark.parametrize(("total", "exact"), [("0.01", ["0"]), ("1.00", ["0.99"]), ("0.98", ["0.99"]), ("0.01", [])])
def test_a_total_that_is_not_that_of_the_amounts_is_refused(total: str, exact: list[str]) -> None:
    with pytest.raises(ValueError, match=f"do not add up to {total}"):
        allot(Decimal(total), Column.of(map(Fraction, exact)))


@given(st.lists(st.fractions(-10, 10, max_denominator=600), max_size=8))
def test_parts_add_up_to_the_total_and_none_is_a_cent_away_from_its_amount(exact: list[Fraction]) -> None:
    total = to_cents(sum(exact, start=Fraction(0)))

    parts = allot(total, Column.of(exact))

    assert sum(parts) == total
    assert all(abs(part - amount) < Fraction(CENT) for part, amount in zip(map(Fraction, parts), exact, strict=True))
    assert "-0.00" not in map(str, parts)
