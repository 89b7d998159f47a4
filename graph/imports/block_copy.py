"""
Encodes blocks for COPY event_blocks FROM STDIN (FORMAT binary).

The format is described in PostgreSQL's documentation of COPY, section "Binary Format".
"""

from uuid import UUID

import numpy as np
from numpy.typing import DTypeLike

from graph.imports import copy_values
from graph.imports.blocks import Blocks
from graph.imports.copy_values import DAYS_FROM_2000, value_type, write_amounts, write_energies
from graph.imports.csv.arrays import BoolArray, Int16Array, Int32Array, Int64Array, StructArray, Uint8Array

# A batch of 8,192 blocks fits the processor's cache: where there are many blocks, encoding them in batches is a third
# faster than encoding all in one pass.
BLOCKS_PER_BATCH = 8_192

# The types' object identifiers in PostgreSQL's catalogue pg_type.
SMALLINT_OID, BOOLEAN_OID, BIGINT_OID, INTEGER_OID = 21, 16, 20, 23
# The array columns that every block has; `times_ms`, which may be null, is the last column.
ARRAY_COUNT = 5

# The columns of a fixed length, which precede the array columns.
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
# The length and header of an array of one dimension, as array_recv in PostgreSQL's arrayfuncs.c reads them.
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
# A value that is null has no bytes and this length.
NULL = np.array(-1, ">i4")


def encode_blocks(blocks: Blocks, *, site_ids: StructArray, import_id: UUID, chunk_number: int) -> list[memoryview]:
    """Encode blocks as one complete COPY, in parts; `site_ids` maps site numbers to ids of 16 bytes."""
    row = copy_values.row_template(ROW, column_count=len(COLUMNS) + ARRAY_COUNT + 1)
    row["import_id"]["value"] = np.void(import_id.bytes)
    row["chunk_number"]["value"] = chunk_number
    batches = [_encode_batch(batch, row, site_ids).data for batch in blocks.batches(BLOCKS_PER_BATCH)]
    return [copy_values.FILE_HEADER, *batches, copy_values.FILE_TRAILER]


def _encode_batch(blocks: Blocks, row: StructArray, site_ids: StructArray) -> Uint8Array:
    rows = np.repeat(row, len(blocks.event_counts))
    rows["site_id"]["value"] = site_ids[blocks.events.site_numbers[blocks.starts]]
    rows["month"]["value"] = DAYS_FROM_2000[blocks.events.month_numbers[blocks.starts]]
    rows["event_count"]["value"] = blocks.event_counts
    write_amounts(rows["revenue_aud"], blocks.revenues)
    write_amounts(rows["cost_only_aud"], blocks.cost_only)
    write_energies(rows["charged_kwh"], blocks.charged_microkwh)
    write_energies(rows["discharged_kwh"], blocks.discharged_microkwh)

    arrays = [
        (SMALLINT_OID, _array_elements(">i2", blocks.events.days)),
        (BOOLEAN_OID, _array_elements("?", blocks.events.discharges)),
        (BIGINT_OID, _array_elements(">i8", blocks.events.energies_microkwh)),
        (BIGINT_OID, _array_elements(">i8", blocks.events.tariffs_microcents_per_kwh)),
        (INTEGER_OID, _array_elements(">i4", blocks.events.line_numbers)),
    ]
    are_timed = blocks.are_timed
    timed_events = np.repeat(are_timed, blocks.event_counts)
    times = _array_elements(">i4", blocks.events.times_ms[timed_events])
    event_bytes = sum(elements.itemsize for _, elements in arrays)
    block_bytes = ROW.itemsize + ARRAY_COUNT * ARRAY.itemsize + blocks.event_counts * event_bytes
    block_bytes += np.where(are_timed, ARRAY.itemsize + blocks.event_counts * times.itemsize, NULL.itemsize)
    block_ends = np.cumsum(block_bytes)
    copy = np.empty(block_ends[-1], np.uint8)

    # The next byte to write in each block.
    offsets = block_ends - block_bytes
    _scatter(rows, copy, offsets)
    offsets += ROW.itemsize
    index_in_block = np.arange(len(blocks.events.line_numbers)) - np.repeat(blocks.starts, blocks.event_counts)
    for element_type, elements in arrays:
        _scatter(_array_headers(element_type, elements.itemsize, blocks.event_counts), copy, offsets)
        offsets += ARRAY.itemsize
        _scatter(elements, copy, np.repeat(offsets, blocks.event_counts) + index_in_block * elements.itemsize)
        offsets += blocks.event_counts * elements.itemsize
    _scatter(np.full(np.count_nonzero(~are_timed), NULL), copy, offsets[~are_timed])
    if len(times):
        _scatter(_array_headers(INTEGER_OID, times.itemsize, blocks.event_counts[are_timed]), copy, offsets[are_timed])
        first_elements = np.repeat(offsets + ARRAY.itemsize, blocks.event_counts)[timed_events]
        _scatter(times, copy, first_elements + index_in_block[timed_events] * times.itemsize)
    return copy


def _array_headers(element_type: int, element_bytes: int, element_counts: Int64Array) -> StructArray:
    headers = np.zeros(len(element_counts), ARRAY)
    headers["length"] = ARRAY.itemsize - 4 + element_counts * element_bytes
    headers["dimensions"] = 1
    headers["element_type"] = element_type
    headers["size"] = element_counts
    headers["lower_bound"] = 1
    return headers


def _array_elements(type: DTypeLike, values: Int64Array | Int32Array | Int16Array | BoolArray) -> StructArray:
    elements = np.empty(len(values), value_type(type))
    elements["length"] = elements.itemsize - 4
    elements["value"] = values
    return elements


def _scatter(records: StructArray, copy: Uint8Array, offsets: Int64Array) -> None:
    """Write each record into `copy`, starting at its offset."""
    size = records.itemsize
    # An overlapping view of `copy` with an element at every byte, so that one assignment writes all records.
    slots: StructArray = np.ndarray(len(copy) - size + 1, f"V{size}", copy, strides=(1,))
    slots[offsets] = records.view(f"V{size}")
