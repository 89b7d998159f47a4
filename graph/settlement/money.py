"""Exact numbers, and the only ways to make cents of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Self

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Column:
    """Exact numbers over one denominator, one a line; so to add up ten thousand of them is to add integers."""

    numerators: Sequence[int]
    denominator: int

    @classmethod
    def of(cls, numbers: Iterable[int | Decimal | Fraction]) -> Self:
        """
        Bring exact numbers over one denominator.
        """
        ratios = [number.as_integer_ratio() for number in numbers]
        common = lcm(*{denominator for _, denominator in ratios})
        return cls([numerator * (common // denominator) for numerator, denominator in ratios], common)

    @classmethod
    def sum(cls, columns: Sequence[Self]) -> Self:
        """
        Add up columns line by line.
        """
        common = lcm(*(column.denominator for column in columns))
        scaled = [(column * (common // column.denominator)).numerators for column in columns]
        return cls([sum(line) for line in zip(*scaled, strict=True)], common)

    def __mul__(self, factor: int | Fraction) -> Self:
        by, over = factor.as_integer_ratio()
        return type(self)([numerator * by for numerator in self.numerators], self.denominator * over)

    def __iter__(self) -> Iterator[Fraction]:
        return (Fraction(numerator, self.denominator) for numerator in self.numerators)

    def total(self) -> Fraction:
        return Fraction(sum(self.numerators), self.denominator)


def rounded(exact: Decimal | Fraction, decimals: int) -> Decimal:
    """
    Round to so many decimals, half away from zero; a zero has no sign.
    """
    numerator, denominator = exact.as_integer_ratio()
    units = (2 * 10**decimals * abs(numerator) + denominator) // (2 * denominator)
    # Made of its digits a Decimal is exact, whatever the precision in force.
    return Decimal(f"{units if numerator > 0 else -units}E-{decimals}")


def to_cents(exact_aud: Decimal | Fraction) -> Decimal:
    """
    Round to the cent, half away from zero.
    """
    return rounded(exact_aud, 2)


def allot(total_aud: Decimal, exact_aud: Column) -> list[Decimal]:
    """
    Allot a total, itself whole cents, among parties by their exact amounts, so that the parts add up to it.

    Each amount is rounded down to the cent (towards minus infinity); the cents left over go one each to those that
    lost most by it, the earlier party first on a tie. ValueError when the total is a cent or more away from the sum.
    """
    denominator = exact_aud.denominator
    hundredfold = [100 * numerator for numerator in exact_aud.numerators]
    cents = [numerator // denominator for numerator in hundredfold]
    lost = [numerator % denominator for numerator in hundredfold]
    cents_left = int(total_aud / CENT) - sum(cents)
    if abs(cents_left * denominator - sum(lost)) >= denominator:
        raise ValueError(f"The amounts do not add up to {total_aud} to the cent.")

    most_lost = sorted(range(len(cents)), key=lost.__getitem__, reverse=True)
    for party in most_lost[:cents_left]:
        cents[party] += 1
    return [Decimal(f"{amount}E-2") for amount in cents]
