"""
Values in the binary format of PostgreSQL's COPY FROM STDIN (FORMAT binary), as numpy structured types.

Sources: PostgreSQL's documentation of COPY, section "Binary Format", and the receive functions numeric_recv and
array_recv. All numbers are big-endian, and the length of a value in bytes precedes the value. A numeric is a list of
digits of base 10^4. PostgreSQL accepts leading and trailing zero digits, so all numerics of a column get the number of
digits of the longest possible value, and every row has the same length.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from graph.imports.blocks import Amounts
from graph.imports.csv.arrays import Int64Array, StructArray
from graph.imports.csv.fields import FIRST_YEAR, LAST_YEAR

# The signature, no flags, and no header extension.
FILE_HEADER = memoryview(b"PGCOPY\n\xff\r\n\0" + bytes(8))
# A column count of -1.
FILE_TRAILER = memoryview(b"\xff\xff")

# The sign of a negative numeric, as in PostgreSQL's numeric.c.
NUMERIC_NEG = 0x4000
# Digits of base 10^4 after the decimal point.
FRACTION_DIGITS_AUD, FRACTION_DIGITS_KWH = 4, 2

# For each month since January of FIRST_YEAR: its first day, in days since 2000-01-01, PostgreSQL's epoch of dates.
MONTHS = np.arange(f"{FIRST_YEAR}-01", f"{LAST_YEAR + 1}-01", dtype="M8[M]")
DAYS_FROM_2000 = (MONTHS.astype("M8[D]") - np.datetime64("2000-01-01")).astype(np.int64)


def value_type(type: DTypeLike) -> np.dtype[np.void]:
    """Return the type of a value of a fixed length, preceded by that length."""
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
    """Return the type of a row, or of its first columns: the column count, followed by the columns."""
    return np.dtype([("column_count", ">i2"), *columns.items()])


def row_template(type: np.dtype[np.void], *, column_count: int) -> StructArray:
    """Return one row with the column count and the lengths of its values; the values are zero."""
    row = np.zeros(1, type)
    row["column_count"] = column_count
    for name in (type.names or ())[1:]:
        row[name]["length"] = row[name].dtype.itemsize - 4
    return row


def write_amounts(numerics: StructArray, amounts: Amounts) -> None:
    """Write amounts of money into a column."""
    is_negative = amounts.cents < 0
    # A numeric is a sign and a magnitude, but the cents are rounded down: -1.2 cents is -2 cents and 0.8 * 10^12
    # picocents. So for a negative amount with a remainder, one cent moves from the cents to the remainder.
    has_remainder = is_negative & (amounts.picocents > 0)
    cents = abs(amounts.cents + has_remainder)
    picocents = np.where(has_remainder, 10**12 - amounts.picocents, amounts.picocents)

    numerics["sign"] = np.where(is_negative, NUMERIC_NEG, 0)
    numerics["scale"] = 14
    _write_digits(numerics, cents // 100, cents % 100 * 10**14 + picocents * 100, FRACTION_DIGITS_AUD)


def write_energies(numerics: StructArray, energies_microkwh: Int64Array) -> None:
    """Write energies into a column."""
    numerics["scale"] = 6
    _write_digits(numerics, energies_microkwh // 10**6, energies_microkwh % 10**6 * 100, FRACTION_DIGITS_KWH)


def _write_digits(numerics: StructArray, wholes: Int64Array, fractions: Int64Array, fraction_digits: int) -> None:
    digits = numerics["digits"]
    digit_count = digits.shape[1]
    whole_digits = digit_count - fraction_digits
    numerics["digit_count"] = digit_count
    numerics["weight"] = whole_digits - 1
    for position in reversed(range(whole_digits)):
        wholes, digits[:, position] = np.divmod(wholes, 10**4)
    for position in reversed(range(whole_digits, digit_count)):
        fractions, digits[:, position] = np.divmod(fractions, 10**4)
