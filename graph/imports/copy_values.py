"""
Values as COPY FROM STDIN (FORMAT binary) takes them.

Sources: PostgreSQL's documentation of COPY, "Binary Format", and its receive functions of numeric and of arrays. All
numbers are big-endian, and before each value stands its length in bytes. A numeric is written in digits of 10^4;
leading and trailing zeros may stand there, so all numerics of a column are made as long as the longest.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from graph.imports.blocks import Amounts
from graph.imports.csv.arrays import Integers, Records
from graph.imports.csv.fields import FIRST_YEAR, LAST_YEAR

PREAMBLE = memoryview(b"PGCOPY\n\xff\r\n\0" + bytes(8))
TRAILER = memoryview(b"\xff\xff")

NEGATIVE = 0x4000
FRACTION_DIGITS_AUD, FRACTION_DIGITS_KWH = 4, 2

MONTHS = np.arange(f"{FIRST_YEAR}-01", f"{LAST_YEAR + 1}-01", dtype="M8[M]")
DAYS_FROM_2000 = (MONTHS.astype("M8[D]") - np.datetime64("2000-01-01")).astype(np.int64)


def value_type(type: DTypeLike) -> np.dtype[np.void]:
    """
    A value of a fixed length, and its length before it.
    """
    return np.dtype([("length", ">i4"), ("value", type)])


def _numeric_type(digit_count: int) -> np.dtype[np.void]:
    head = [("length", ">i4"), ("digit_count", ">i2"), ("weight", ">i2"), ("sign", ">i2"), ("scale", ">i2")]
    return np.dtype([*head, ("digits", ">i2", (digit_count,))])


UUID = value_type("V16")
INTEGER = value_type(">i4")
DATE = INTEGER
AUD = _numeric_type(5 + FRACTION_DIGITS_AUD)
KWH = _numeric_type(4 + FRACTION_DIGITS_KWH)


def row_type(columns: Mapping[str, np.dtype[np.void]]) -> np.dtype[np.void]:
    """
    A row, or its beginning: how many columns it has, and these.
    """
    return np.dtype([("column_count", ">i2"), *columns.items()])


def empty_row(type: np.dtype[np.void], *, column_count: int) -> Records:
    """
    Make one row with all that is the same in every row; its values are to be filled in.
    """
    row = np.zeros(1, type)
    row["column_count"] = column_count
    for name in (type.names or ())[1:]:
        row[name]["length"] = row[name].dtype.itemsize - 4
    return row


def put_amounts(numerics: Records, amounts: Amounts) -> None:
    """
    Fill in amounts of money.
    """
    is_negative = amounts.cents < 0
    # Cents were rounded down: below zero, what is above them brings the amount nearer to zero.
    is_nearer = is_negative & (amounts.trillionths > 0)
    cents = abs(amounts.cents + is_nearer)
    trillionths = np.where(is_nearer, 10**12 - amounts.trillionths, amounts.trillionths)

    numerics["sign"] = np.where(is_negative, NEGATIVE, 0)
    numerics["scale"] = 14
    _put_digits(numerics, cents // 100, cents % 100 * 10**14 + trillionths * 100, FRACTION_DIGITS_AUD)


def put_energies(numerics: Records, energies: Integers) -> None:
    """
    Fill in energies, given in 10^-6 kWh.
    """
    numerics["scale"] = 6
    _put_digits(numerics, energies // 10**6, energies % 10**6 * 100, FRACTION_DIGITS_KWH)


def _put_digits(numerics: Records, wholes: Integers, fractions: Integers, fraction_digits: int) -> None:
    digits = numerics["digits"]
    digit_count = digits.shape[1]
    whole_digits = digit_count - fraction_digits
    numerics["digit_count"] = digit_count
    numerics["weight"] = whole_digits - 1
    for place in reversed(range(whole_digits)):
        wholes, digits[:, place] = np.divmod(wholes, 10**4)
    for place in reversed(range(whole_digits, digit_count)):
        fractions, digits[:, place] = np.divmod(fractions, 10**4)
