"""
Blocks as COPY event_blocks FROM STDIN (FORMAT binary) takes them.

Sources: PostgreSQL's documentation of COPY, "Binary Format", and its receive functions of numeric and of arrays. All
numbers are big-endian, and before each value stands its length in bytes. A numeric is written in digits of 10^4;
leading and trailing zeros may stand there, so all numerics of a column are made as long as the longest.
"""

from uuid import UUID

import numpy as np
from numpy.typing import DTypeLike

from graph.imports.arrays import Bytes, Flags, Integers, Ints, Records, Shorts
from graph.imports.blocks import Amounts, Blocks
from graph.imports.fields import FIRST_YEAR, LAST_YEAR

PREAMBLE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# As many blocks at a time as stay near the processor: a third faster than all at once where blocks are many.
BATCH = 8_192

SMALLINT, BOOLEAN, BIGINT, INTEGER = 21, 16, 20, 23
ARRAY_COUNT = 5
NEGATIVE = 0x4000
FRACTION_DIGITS_AUD, FRACTION_DIGITS_KWH = 4, 2

MONTHS = np.arange(f"{FIRST_YEAR}-01", f"{LAST_YEAR + 1}-01", dtype="M8[M]")
DAYS_FROM_2000 = (MONTHS.astype("M8[D]") - np.datetime64("2000-01-01")).astype(np.int64)


def _value_type(type: DTypeLike) -> np.dtype[np.void]:
    return np.dtype([("length", ">i4"), ("value", type)])


def _numeric_type(digit_count: int) -> np.dtype[np.void]:
    head = [("length", ">i4"), ("digit_count", ">i2"), ("weight", ">i2"), ("sign", ">i2"), ("scale", ">i2")]
    return np.dtype([*head, ("digits", ">i2", (digit_count,))])


# The columns before the arrays.
COLUMNS = {
    "import_id": _value_type("V16"),
    "chunk_number": _value_type(">i4"),
    "site_id": _value_type("V16"),
    "month": _value_type(">i4"),
    "event_count": _value_type(">i4"),
    "revenue_aud": _numeric_type(5 + FRACTION_DIGITS_AUD),
    "cost_only_aud": _numeric_type(5 + FRACTION_DIGITS_AUD),
    "charged_kwh": _numeric_type(4 + FRACTION_DIGITS_KWH),
    "discharged_kwh": _numeric_type(4 + FRACTION_DIGITS_KWH),
}
ROW = np.dtype([("column_count", ">i2"), *COLUMNS.items()])
ARRAY = np.dtype(
    [
        ("length", ">i4"),
        ("dimensions", ">i4"),
        ("has_nulls", ">i4"),
        ("element_type", ">i4"),
        ("size", ">i4"),
        ("lower_bound", ">i4"),
    ]
)


def encode_blocks(blocks: Blocks, *, site_ids: Records, import_id: UUID, chunk_number: int) -> list[memoryview]:
    """
    Encode blocks as one whole COPY, in parts; a site's id is found at its number, as 16 bytes.
    """
    row = _row_of_all(import_id, chunk_number)
    batches = [_encoded(batch, row, site_ids).data for batch in blocks.batches(BATCH)]
    return [memoryview(PREAMBLE), *batches, memoryview(TRAILER)]


def _row_of_all(import_id: UUID, chunk_number: int) -> Records:
    row = np.zeros(1, ROW)
    row["column_count"] = len(COLUMNS) + ARRAY_COUNT
    for name, column in COLUMNS.items():
        row[name]["length"] = column.itemsize - 4
    row["import_id"]["value"] = np.void(import_id.bytes)
    row["chunk_number"]["value"] = chunk_number
    return row


def _encoded(blocks: Blocks, row: Records, site_ids: Records) -> Bytes:
    rows = np.repeat(row, len(blocks.counts))
    rows["site_id"]["value"] = site_ids[blocks.events.sites[blocks.firsts]]
    rows["month"]["value"] = DAYS_FROM_2000[blocks.events.months[blocks.firsts]]
    rows["event_count"]["value"] = blocks.counts
    _put_amounts(rows["revenue_aud"], blocks.revenues)
    _put_amounts(rows["cost_only_aud"], blocks.cost_only)
    _put_energies(rows["charged_kwh"], blocks.charged)
    _put_energies(rows["discharged_kwh"], blocks.discharged)

    arrays = [
        (SMALLINT, _elements(">i2", blocks.events.days)),
        (BOOLEAN, _elements("?", blocks.events.discharges)),
        (BIGINT, _elements(">i8", blocks.events.energies)),
        (BIGINT, _elements(">i8", blocks.events.tariffs)),
        (INTEGER, _elements(">i4", blocks.events.line_numbers)),
    ]
    event_size = sum(elements.itemsize for _, elements in arrays)
    sizes = ROW.itemsize + ARRAY_COUNT * ARRAY.itemsize + blocks.counts * event_size
    ends = np.cumsum(sizes)
    copy = np.empty(ends[-1], np.uint8)

    at = ends - sizes
    _place(rows, copy, at)
    at += ROW.itemsize
    index_in_block = np.arange(len(blocks.events.line_numbers)) - np.repeat(blocks.firsts, blocks.counts)
    for element_type, elements in arrays:
        _place(_array_heads(element_type, elements.itemsize, blocks.counts), copy, at)
        at += ARRAY.itemsize
        _place(elements, copy, np.repeat(at, blocks.counts) + index_in_block * elements.itemsize)
        at += blocks.counts * elements.itemsize
    return copy


def _put_amounts(numerics: Records, amounts: Amounts) -> None:
    is_negative = amounts.cents < 0
    # Cents were rounded down: below zero, what is above them brings the amount nearer to zero.
    is_nearer = is_negative & (amounts.trillionths > 0)
    cents = abs(amounts.cents + is_nearer)
    trillionths = np.where(is_nearer, 10**12 - amounts.trillionths, amounts.trillionths)

    numerics["sign"] = np.where(is_negative, NEGATIVE, 0)
    numerics["scale"] = 14
    _put_digits(numerics, cents // 100, cents % 100 * 10**14 + trillionths * 100, FRACTION_DIGITS_AUD)


def _put_energies(numerics: Records, energies: Integers) -> None:
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


def _array_heads(element_type: int, element_size: int, counts: Integers) -> Records:
    heads = np.zeros(len(counts), ARRAY)
    heads["length"] = ARRAY.itemsize - 4 + counts * element_size
    heads["dimensions"] = 1
    heads["element_type"] = element_type
    heads["size"] = counts
    heads["lower_bound"] = 1
    return heads


def _elements(type: DTypeLike, values: Integers | Ints | Shorts | Flags) -> Records:
    elements = np.empty(len(values), _value_type(type))
    elements["length"] = elements.itemsize - 4
    elements["value"] = values
    return elements


def _place(records: Records, copy: Bytes, positions: Integers) -> None:
    size = records.itemsize
    places: Records = np.ndarray(len(copy) - size + 1, f"V{size}", copy, strides=(1,))
    places[positions] = records.view(f"V{size}")
