"""
Whole columns of fields, read at once where they are plainly spelled: exactly, and never by way of floats.

Eight bytes are one word, the first byte its lowest, so that a few operations on words read eight digits side by side.
What is not recognised here may be good all the same: fields.py decides.
"""

from calendar import monthrange
from datetime import date

import numpy as np

from graph.imports.csv.arrays import Flags, Integers, Words
from graph.imports.csv.fields import DECIMALS, FIRST_YEAR, LAST_YEAR, MILLION
from graph.imports.csv.line_positions import Fields

EACH_BYTE = np.uint64(0x01_01_01_01_01_01_01_01)
HIGH_BITS = np.uint64(0x80) * EACH_BYTE
TO_HIGH_BIT = np.uint64(0x80 - 10) * EACH_BYTE
POINTS = np.uint64(ord(".")) * EACH_BYTE
ZEROS = np.uint64(ord("0")) * EACH_BYTE
CAPITALS = np.uint64(0xDF) * EACH_BYTE

DATE_OF_ZEROS = np.uint64(int.from_bytes(b"00-00-00", "little"))
HYPHENS = np.uint64(int.from_bytes(b"\0\0\xff\0\0\xff\0\0", "little"))
CLOCK_OF_ZEROS = np.uint64(int.from_bytes(b"00:00:00", "little"))
COLONS = np.uint64(int.from_bytes(b"\0\0\xff\0\0\xff\0\0", "little"))
FIRST_FIVE_BYTES = np.uint64(0xFF_FFFF_FFFF)
LAST_DAYS = np.array(
    [monthrange(year, month)[1] for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)]
)
# Of each month the day before its first, since 1970.
DAYS_BEFORE = np.array(
    [date(year, month, 1).toordinal() for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)]
) - (date(1970, 1, 1).toordinal() + 1)

CHARGE = int.from_bytes(b"CHARGE", "little")
FIRST_SIX_BYTES = 0xFFFF_FFFF_FFFF
DISCHARG = int.from_bytes(b"DISCHARG", "little")


def plain_months_and_days(fields: Fields) -> tuple[Integers, Integers, Flags]:
    """
    Read days written YYYY-MM-DD, and tell which are recognised; months are counted from the first of FIRST_YEAR.
    """
    digits = fields.words_at(fields.starts + 2) ^ DATE_OF_ZEROS
    pairs = digits * 10 + (digits >> 8)
    year, month, day = ((pairs >> bits & 0xFF).astype(np.int64) for bits in (0, 24, 48))
    months = np.minimum(year * 12 + month - 1, len(LAST_DAYS) - 1)

    is_date = (fields.lengths == 10) & _are_digits(digits) & (digits & HYPHENS == 0)
    is_date &= (fields.bytes_at(fields.starts) == ord("2")) & (fields.bytes_at(fields.starts + 1) == ord("0"))
    is_date &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= LAST_DAYS[months])
    return months, day, is_date


def plain_local_times(fields: Fields) -> tuple[Integers, Flags]:
    """
    Read times written YYYY-MM-DD hh:mm or hh:mm:ss as seconds of the clock since 1970, and tell which are recognised.
    """
    months, days, are_dates = plain_months_and_days(
        Fields(fields.data, fields.words, fields.starts, fields.starts + 10)
    )
    lengths, between = fields.lengths, fields.bytes_at(fields.starts + 10)
    digits = fields.words_at(fields.starts + 11) ^ CLOCK_OF_ZEROS
    digits = np.where(lengths == 16, digits & FIRST_FIVE_BYTES, digits)
    pairs = digits * 10 + (digits >> 8)
    hour, minute, second = ((pairs >> bits & 0xFF).astype(np.int64) for bits in (0, 24, 48))

    are_times = are_dates & ((lengths == 16) | (lengths == 19)) & ((between == ord(" ")) | (between == ord("T")))
    are_times &= _are_digits(digits) & (digits & COLONS == 0) & (hour < 24) & (minute < 60) & (second < 60)
    # Of months that are none, any will do.
    days_since_1970 = DAYS_BEFORE[np.where(are_dates, months, 0)] + days
    return ((days_since_1970 * 24 + hour) * 60 + minute) * 60 + second, are_times


def plain_discharges(fields: Fields) -> tuple[Flags, Flags]:
    """
    Read event types, in any case, as whether they are DISCHARGE, and tell which are recognised.
    """
    # Clearing one bit makes a small letter its capital, and nothing else a letter.
    word = fields.words_at(fields.starts) & CAPITALS
    last = fields.bytes_at(fields.ends - 1) & 0xDF
    is_charge = (fields.lengths == 6) & (word & FIRST_SIX_BYTES == CHARGE)
    is_discharge = (fields.lengths == 9) & (word == DISCHARG) & (last == ord("E"))
    return is_discharge, is_charge | is_discharge


def plain_millionths(fields: Fields, *, at_least: int, at_most: int) -> tuple[Integers, Flags]:
    """
    Read decimal numbers as integers of 10^-6, and tell which are recognised as between the two bounds.
    """
    sign = fields.bytes_at(fields.starts)
    is_negative = sign == ord("-")
    starts = fields.starts + (is_negative | (sign == ord("+")))
    lengths = fields.ends - starts
    head = fields.words_at(starts)
    whole_length = np.minimum(_bytes_before_point(head), lengths)
    fraction_length = np.maximum(lengths - whole_length - 1, 0)
    tail = fields.words_at(starts + whole_length + 1)

    # Whole digits end with their word, fraction digits begin with theirs: zeros take the place of the other bytes.
    after_whole, after_fraction = _bits_of(8 - whole_length), _bits_of(8 - fraction_length)
    whole = (head ^ ZEROS) << after_whole
    fraction = (tail ^ ZEROS) << after_fraction >> after_fraction
    number = _number_of(whole) * MILLION + _number_of(fraction) // 10 ** (8 - DECIMALS)
    number = np.where(is_negative, -number, number)

    is_number = (whole_length < 8) & (fraction_length <= DECIMALS) & (whole_length + fraction_length > 0)
    is_number &= _are_digits(whole) & _are_digits(fraction)
    return number, is_number & (number >= at_least * MILLION) & (number <= at_most * MILLION)


def _are_digits(word: Words) -> Flags:
    # A byte above nine reaches the high bit, or has it and carries into the next, which is no matter then.
    are_digits: Flags = ((word + TO_HIGH_BIT) | word) & HIGH_BITS == 0
    return are_digits


def _number_of(digits: Words) -> Integers:
    pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF
    fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF
    eight = (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF
    return eight.astype(np.int64)


def _bytes_before_point(word: Words) -> Integers:
    differences = word ^ POINTS
    # The lowest bit set is the high bit of the first byte that is zero: below it are eight bits for each byte before.
    marks = (differences - EACH_BYTE) & ~differences & HIGH_BITS
    return np.bitwise_count((marks - 1) & ~marks).astype(np.int64) // 8


def _bits_of(byte_counts: Integers) -> Words:
    return (8 * byte_counts).astype(np.uint64)
