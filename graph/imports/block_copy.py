"""
Blocks as COPY event_blocks FROM STDIN (FORMAT binary) takes them.
"""

from uuid import UUID

import numpy as np
from numpy.typing import DTypeLike

from graph.imports import copy_values
from graph.imports.blocks import Blocks
from graph.imports.copy_values import DAYS_FROM_2000, put_amounts, put_energies, value_type
from graph.imports.csv.arrays import Bytes, Flags, Integers, Ints, Records, Shorts

# As many blocks at a time as stay near the processor: a third faster than all at once where blocks are many.
BATCH = 8_192

SMALLINT, BOOLEAN, BIGINT, INTEGER = 21, 16, 20, 23
ARRAY_COUNT = 5

# The columns before the arrays.
COLUMNS = {
    "import_id": copy_values.UUID,
    "chunk_number": copy_values.INTEGER,
    "site_id": copy_values.UUID,
    "month": copy_values.DATE,
    "event_count": copy_values.INTEGER,
    "revenue_aud": copy_values.AUD,
    "cost_only_aud": copy_values.AUD,
    "charged_kwh": copy_values.KWH,
    "discharged_kwh": copy_values.KWH,
}
ROW = copy_values.row_type(COLUMNS)
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
    row = copy_values.empty_row(ROW, column_count=len(COLUMNS) + ARRAY_COUNT)
    row["import_id"]["value"] = np.void(import_id.bytes)
    row["chunk_number"]["value"] = chunk_number
    batches = [_encoded(batch, row, site_ids).data for batch in blocks.batches(BATCH)]
    return [copy_values.PREAMBLE, *batches, copy_values.TRAILER]


def _encoded(blocks: Blocks, row: Records, site_ids: Records) -> Bytes:
    rows = np.repeat(row, len(blocks.counts))
    rows["site_id"]["value"] = site_ids[blocks.events.sites[blocks.firsts]]
    rows["month"]["value"] = DAYS_FROM_2000[blocks.events.months[blocks.firsts]]
    rows["event_count"]["value"] = blocks.counts
    put_amounts(rows["revenue_aud"], blocks.revenues)
    put_amounts(rows["cost_only_aud"], blocks.cost_only)
    put_energies(rows["charged_kwh"], blocks.charged)
    put_energies(rows["discharged_kwh"], blocks.discharged)

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


def _array_heads(element_type: int, element_size: int, counts: Integers) -> Records:
    heads = np.zeros(len(counts), ARRAY)
    heads["length"] = ARRAY.itemsize - 4 + counts * element_size
    heads["dimensions"] = 1
    heads["element_type"] = element_type
    heads["size"] = counts
    heads["lower_bound"] = 1
    return heads


def _elements(type: DTypeLike, values: Integers | Ints | Shorts | Flags) -> Records:
    elements = np.empty(len(values), value_type(type))
    elements["length"] = elements.itemsize - 4
    elements["value"] = values
    return elements


def _place(records: Records, copy: Bytes, positions: Integers) -> None:
    size = records.itemsize
    places: Records = np.ndarray(len(copy) - size + 1, f"V{size}", copy, strides=(1,))
    places[positions] = records.view(f"V{size}")
