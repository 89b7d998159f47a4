"""Exact numbers, and the only functions that round them, as in `docs/concepts.md`, "Cents"."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Self

CENT = Decimal("0.01")


@dataclass(frozen=True)
class FractionVector:
    """Exact fractions with a common denominator, so that adding ten thousand of them adds only integers."""

    numerators: Sequence[int]
    denominator: int

    @classmethod
    def from_numbers(cls, numbers: Iterable[int | Decimal | Fraction]) -> Self:
        """Create a vector from exact numbers, with their least common denominator."""
        ratios = [number.as_integer_ratio() for number in numbers]
        common = lcm(*{denominator for _, denominator in ratios})
        return cls([numerator * (common // denominator) for numerator, denominator in ratios], common)

    @classmethod
    def sum(cls, vectors: Sequence[Self]) -> Self:
        """Add vectors of the same length, element by element."""
        common = lcm(*(vector.denominator for vector in vectors))
        scaled = [(vector * (common // vector.denominator)).numerators for vector in vectors]
        return cls([sum(elements) for elements in zip(*scaled, strict=True)], common)

    def __mul__(self, factor: int | Fraction) -> Self:
        numerator, denominator = factor.as_integer_ratio()
        return type(self)([element * numerator for element in self.numerators], self.denominator * denominator)

    def __iter__(self) -> Iterator[Fraction]:
        return (Fraction(numerator, self.denominator) for numerator in self.numerators)

    def total(self) -> Fraction:
        return Fraction(sum(self.numerators), self.denominator)


def round_half_away_from_zero(exact: Decimal | Fraction, decimals: int) -> Decimal:
    """Round to a number of decimals, half away from zero; the result is never a negative zero."""
    numerator, denominator = exact.as_integer_ratio()
    units = (2 * 10**decimals * abs(numerator) + denominator) // (2 * denominator)
    # A Decimal is constructed from a string, which is exact at any precision of the decimal context.
    return Decimal(f"{units if numerator > 0 else -units}E-{decimals}")


def round_to_cents(exact_aud: Decimal | Fraction) -> Decimal:
    """Round to the cent, half away from zero."""
    return round_half_away_from_zero(exact_aud, 2)


def format_exact(number: Decimal | Fraction, *, min_decimals: int = 0) -> str:
    """Format a number as a decimal, or as a fraction such as 16/3 if no decimal is exact."""
    numerator, denominator = number.as_integer_ratio()
    twos = (denominator & -denominator).bit_length() - 1
    fives, other_factors = 0, denominator >> twos
    while other_factors % 5 == 0:
        fives, other_factors = fives + 1, other_factors // 5
    if other_factors != 1:
        return f"{numerator}/{denominator}"
    decimals = max(twos, fives, min_decimals)
    return f"{Decimal(f'{numerator * 10**decimals // denominator}E-{decimals}'):f}"


def allot(total_aud: Decimal, exact_aud: FractionVector) -> list[Decimal]:
    """
    Allot a total of whole cents among parties by their exact amounts, so that the parts add up to the total.

    This is the largest remainder method. Each amount is rounded down to the cent (towards minus infinity). The cents
    left over go one each to the parties that lost most by rounding, the earlier party first on a tie. Raises ValueError
    if the total differs from the sum of the amounts by a cent or more.
    """
    denominator = exact_aud.denominator
    hundredfold = [100 * numerator for numerator in exact_aud.numerators]
    cents = [numerator // denominator for numerator in hundredfold]
    remainders = [numerator % denominator for numerator in hundredfold]
    cents_left = int(total_aud / CENT) - sum(cents)
    if abs(cents_left * denominator - sum(remainders)) >= denominator:
        raise ValueError(f"The amounts do not add up to {total_aud} to the cent.")

    # sorted() is stable, so the earlier party comes first on a tie.
    by_remainder = sorted(range(len(cents)), key=remainders.__getitem__, reverse=True)
    for party in by_remainder[:cents_left]:
        cents[party] += 1
    return [Decimal(f"{amount}E-2") for amount in cents]
