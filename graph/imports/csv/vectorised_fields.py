"""
Vectorised parsers for whole columns of fields in usual formats. They are exact, and never use floats.

They use SIMD within a register (SWAR): eight bytes are loaded as one little-endian word of 64 bits, so that a few
integer operations parse eight digits in parallel. Each parser returns the values and a mask of the fields that it
recognised. A field that is not recognised may still be valid: the exact parsers in fields.py decide.
"""

from calendar import monthrange
from datetime import date

import numpy as np

from graph.imports.csv.arrays import BoolArray, Int64Array, Uint8Array, Uint64Array
from graph.imports.csv.fields import BARE_DAY, DATE_CHARACTERS, FIRST_YEAR, LAST_YEAR, MAX_DECIMALS, MILLION
from graph.imports.csv.line_positions import Fields

# A byte times EACH_BYTE is a word that repeats this byte eight times.
EACH_BYTE = np.uint64(0x01_01_01_01_01_01_01_01)
HIGH_BITS = np.uint64(0x80) * EACH_BYTE
# Added to a digit below 10, it leaves the byte's high bit clear; added to 10 or more, it sets it.
TO_HIGH_BIT = np.uint64(0x80 - 10) * EACH_BYTE
DECIMAL_POINTS = np.uint64(ord(".")) * EACH_BYTE
ZEROS = np.uint64(ord("0")) * EACH_BYTE
# Clears the bit that distinguishes lower case from upper case in ASCII.
UPPER_CASE_MASK = np.uint64(0xDF) * EACH_BYTE

# XOR with this word turns the text of a date without its century into digits, and its hyphens into zeros.
DATE_OF_ZEROS = np.uint64(int.from_bytes(b"00-00-00", "little"))
HYPHEN_MASK = np.uint64(int.from_bytes(b"\0\0\xff\0\0\xff\0\0", "little"))
# The same for a time hh:mm:ss and its colons.
TIME_OF_ZEROS = np.uint64(int.from_bytes(b"00:00:00", "little"))
COLON_MASK = np.uint64(int.from_bytes(b"\0\0\xff\0\0\xff\0\0", "little"))
FIRST_FIVE_BYTES = np.uint64(0xFF_FFFF_FFFF)
# The number of days of each month since January of FIRST_YEAR.
DAYS_IN_MONTH = np.array(
    [monthrange(year, month)[1] for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)]
)
# For each month since January of FIRST_YEAR: the day before its first day, in days since 1970-01-01.
DAYS_BEFORE_MONTH = np.array(
    [date(year, month, 1).toordinal() for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)]
) - (date(1970, 1, 1).toordinal() + 1)

# NEM time is UTC+10.
NEM_OFFSET_S = 10 * 60 * 60
DAY_S = 24 * 60 * 60

CHARGE = int.from_bytes(b"CHARGE", "little")
FIRST_SIX_BYTES = 0xFFFF_FFFF_FFFF
DISCHARG = int.from_bytes(b"DISCHARG", "little")


def read_date_column(fields: Fields) -> tuple[Int64Array, Int64Array, BoolArray]:
    """Parse dates written YYYY-MM-DD; return months since January of FIRST_YEAR, days of the month, and the mask."""
    digits = fields.words_at(fields.starts + 2) ^ DATE_OF_ZEROS
    pairs = digits * 10 + (digits >> 8)
    year, month, day = ((pairs >> bits & 0xFF).astype(np.int64) for bits in (0, 24, 48))
    month_numbers = np.minimum(year * 12 + month - 1, len(DAYS_IN_MONTH) - 1)

    is_date = (fields.lengths == 10) & _are_digits(digits) & (digits & HYPHEN_MASK == 0)
    is_date &= (fields.bytes_at(fields.starts) == ord("2")) & (fields.bytes_at(fields.starts + 1) == ord("0"))
    is_date &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= DAYS_IN_MONTH[month_numbers])
    return month_numbers, day, is_date


def read_local_time_column(fields: Fields) -> tuple[Int64Array, BoolArray]:
    """
    Parse local times written YYYY-MM-DD hh:mm or YYYY-MM-DD hh:mm:ss, with a blank or a T.

    Returns the seconds of local time since 1970-01-01, and the mask of the recognised fields.
    """
    return _read_local_times(fields, fields.lengths)


def read_event_time_column(
    fields: Fields, *, is_interval_end: bool = False
) -> tuple[Int64Array, Int64Array, Int64Array, BoolArray]:
    """
    Parse dates, and instants written YYYY-MM-DD hh:mm or YYYY-MM-DD hh:mm:ss, with a blank or a T, and then nothing for
    NEM time, Z for UTC or an offset such as +10:00.

    Returns the months since January of FIRST_YEAR and the days of the month of the settlement dates, the times of day
    as `read_event_time` returns them, and the mask of the recognised fields.
    """
    lengths = fields.lengths
    if not (lengths > DATE_CHARACTERS).any():
        month_numbers, days, are_dates = read_date_column(fields)
        return month_numbers, days, np.full(len(days), BARE_DAY), are_dates
    is_date = lengths <= DATE_CHARACTERS
    has_z = ~is_date & (fields.bytes_at(fields.ends - 1) == ord("Z"))
    sign = fields.bytes_at(fields.ends - 6)
    has_offset = (lengths > 16) & ((sign == ord("+")) | (sign == ord("-")))
    offsets_s, are_offsets = _read_offsets(fields, sign)
    offsets_s = np.where(has_offset, offsets_s, np.where(has_z, 0, NEM_OFFSET_S))
    local_lengths = lengths - np.where(has_offset, 6, 0) - has_z
    seconds, are_times = _read_local_times(fields, local_lengths)
    seconds += NEM_OFFSET_S - offsets_s
    # Days since 1970-01-01: the day to which an instant at midnight belongs is the day before, if it ends an interval.
    day_numbers = (seconds - is_interval_end) // DAY_S
    times_ms = (seconds - day_numbers * DAY_S) * 1000
    timed_month_numbers = np.searchsorted(DAYS_BEFORE_MONTH, day_numbers) - 1
    timed_days = day_numbers - DAYS_BEFORE_MONTH[timed_month_numbers]
    are_times &= are_offsets | ~has_offset
    # The last month has no successor in the table, so its number of days is checked.
    are_times &= (timed_month_numbers >= 0) & (timed_days <= DAYS_IN_MONTH[timed_month_numbers])

    month_numbers, days, are_dates = read_date_column(fields)
    return (
        np.where(is_date, month_numbers, timed_month_numbers),
        np.where(is_date, days, timed_days),
        np.where(is_date, BARE_DAY, times_ms),
        np.where(is_date, are_dates, are_times),
    )


def _read_local_times(fields: Fields, lengths: Int64Array) -> tuple[Int64Array, BoolArray]:
    """Parse the local times in the first `lengths` bytes of fields; see `read_local_time_column`."""
    month_numbers, days, are_dates = read_date_column(
        Fields(fields.data, fields.words, fields.starts, fields.starts + DATE_CHARACTERS)
    )
    separator = fields.bytes_at(fields.starts + 10)
    digits = fields.words_at(fields.starts + 11) ^ TIME_OF_ZEROS
    digits = np.where(lengths == 16, digits & FIRST_FIVE_BYTES, digits)
    pairs = digits * 10 + (digits >> 8)
    hour, minute, second = ((pairs >> bits & 0xFF).astype(np.int64) for bits in (0, 24, 48))

    are_times = are_dates & ((lengths == 16) | (lengths == 19)) & ((separator == ord(" ")) | (separator == ord("T")))
    are_times &= _are_digits(digits) & (digits & COLON_MASK == 0) & (hour < 24) & (minute < 60) & (second < 60)
    # For a field that is not a date, any valid index is good enough.
    days_since_1970 = DAYS_BEFORE_MONTH[np.where(are_dates, month_numbers, 0)] + days
    return ((days_since_1970 * 24 + hour) * 60 + minute) * 60 + second, are_times


def _read_offsets(fields: Fields, sign: Uint8Array) -> tuple[Int64Array, BoolArray]:
    """Parse the UTC offsets hh:mm in the last five bytes of fields, in seconds."""
    digits = (fields.words_at(fields.ends - 5) ^ TIME_OF_ZEROS) & FIRST_FIVE_BYTES
    pairs = digits * 10 + (digits >> 8)
    hour, minute = ((pairs >> bits & 0xFF).astype(np.int64) for bits in (0, 24))
    are_offsets = _are_digits(digits) & (digits & COLON_MASK == 0) & (hour < 24) & (minute < 60)
    seconds = (hour * 60 + minute) * 60
    return np.where(sign == ord("-"), -seconds, seconds), are_offsets


def read_event_type_column(fields: Fields) -> tuple[BoolArray, BoolArray]:
    """Parse event types in any case; return whether each is DISCHARGE, and the mask of the recognised fields."""
    # Clearing one bit converts lower case to upper case. It turns no other byte into a letter.
    word = fields.words_at(fields.starts) & UPPER_CASE_MASK
    last = fields.bytes_at(fields.ends - 1) & 0xDF
    is_charge = (fields.lengths == 6) & (word & FIRST_SIX_BYTES == CHARGE)
    is_discharge = (fields.lengths == 9) & (word == DISCHARG) & (last == ord("E"))
    return is_discharge, is_charge | is_discharge


def read_millionths_column(fields: Fields, *, minimum: int, maximum: int) -> tuple[Int64Array, BoolArray]:
    """Parse decimal numbers as integers of 10^-6; return them and a mask of those recognised and within the bounds."""
    sign = fields.bytes_at(fields.starts)
    is_negative = sign == ord("-")
    starts = fields.starts + (is_negative | (sign == ord("+")))
    lengths = fields.ends - starts
    head = fields.words_at(starts)
    whole_length = np.minimum(_bytes_before_point(head), lengths)
    fraction_length = np.maximum(lengths - whole_length - 1, 0)
    tail = fields.words_at(starts + whole_length + 1)

    # Align the whole digits to the end of their word and the fraction digits to the start; fill the rest with zeros.
    after_whole, after_fraction = _bit_counts(8 - whole_length), _bit_counts(8 - fraction_length)
    whole = (head ^ ZEROS) << after_whole
    fraction = (tail ^ ZEROS) << after_fraction >> after_fraction
    eight_decimals = _parse_eight_digits(fraction)
    millionths = eight_decimals // 10 ** (8 - MAX_DECIMALS)
    number = _parse_eight_digits(whole) * MILLION + millionths
    number = np.where(is_negative, -number, number)

    is_number = (whole_length < 8) & (fraction_length <= 8) & (whole_length + fraction_length > 0)
    is_number &= _are_digits(whole) & _are_digits(fraction)
    # The seventh and the eighth decimal may only be zeros.
    is_number &= millionths * 10 ** (8 - MAX_DECIMALS) == eight_decimals
    return number, is_number & (number >= minimum * MILLION) & (number <= maximum * MILLION)


def _are_digits(word: Uint64Array) -> BoolArray:
    # A byte of 10 to 0x7F sets its high bit by the addition; in a byte of 0x80 or more it is set already. The latter
    # may carry into the next byte, which does not matter because the word is rejected anyway.
    are_digits: BoolArray = ((word + TO_HIGH_BIT) | word) & HIGH_BITS == 0
    return are_digits


def _parse_eight_digits(digits: Uint64Array) -> Int64Array:
    # Combine neighbours three times: eight digits to four pairs, to two groups of four, to one number.
    pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF
    fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF
    eight = (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF
    return eight.astype(np.int64)


def _bytes_before_point(word: Uint64Array) -> Int64Array:
    differences = word ^ DECIMAL_POINTS
    # The classic zero-byte test: the lowest bit set in `marks` is the high bit of the first byte that is a point. The
    # number of bits below it, divided by eight, is the number of bytes before the point.
    marks = (differences - EACH_BYTE) & ~differences & HIGH_BITS
    return np.bitwise_count((marks - 1) & ~marks).astype(np.int64) // 8


def _bit_counts(byte_counts: Int64Array) -> Uint64Array:
    return (8 * byte_counts).astype(np.uint64)
