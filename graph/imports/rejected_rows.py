"""Writes an import's rejected rows to a CSV file, each with its reason, so that users can correct and import them."""

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import UUID

from sqlmodel import col

import db.imports
from db.engine.database import AnyRow, Database
from db.engine.scope import UNRESTRICTED
from db.imports import ImportRejection
from graph.imports.csv.lines import Header, split_fields
from graph.imports.csv.rejection import RowRejected
from graph.object_store import ObjectStore

# A stored row has at most 10,000 characters, so 500 rows have at most 5 million.
ROWS_PER_READ = 500


async def write_rejected_rows(
    database: Database, object_store: ObjectStore, key: str, *, import_id: UUID, header: Header
) -> None:
    """Write an import's rejected rows to an object; write no object if no row was rejected."""
    first_rows = await _rows_after(database, import_id, 0)
    if not first_rows:
        return

    async def lines() -> AsyncIterator[bytes]:
        yield BOM_UTF8  # Without it, Excel does not read the file as UTF-8.
        yield _csv_line(header.line, "REASON", header)
        rows = first_rows
        while rows:
            yield b"".join(_csv_line(row.row_text, row.message, header) for row in rows)
            rows = await _rows_after(database, import_id, rows[-1].line_number)

    await object_store.write_stream(key, lines(), content_type="text/csv; charset=utf-8")


async def _rows_after(database: Database, import_id: UUID, line_number: int) -> Sequence[AnyRow]:
    rejections = db.imports.rejections(UNRESTRICTED, [import_id]).where(col(ImportRejection.line_number) > line_number)
    return await database.rows(rejections.order_by(col(ImportRejection.line_number)).limit(ROWS_PER_READ))


def _csv_line(row: str, reason: str, header: Header) -> bytes:
    """
    Return a row with the reason in a further column.

    The row is copied without parsing, because a rejected row may not be valid CSV. Only separators at its end are added
    or removed, so that it has as many fields as the header and the reason is in its own column.
    """
    with suppress(RowRejected):
        missing = header.column_count - len(split_fields(row, len(row), header.separator))
        row += header.separator * missing
        for _ in range(-missing):
            row = row.rstrip(" ").removesuffix(header.separator)
    quoted = reason.replace('"', '""')
    return f'{row}{header.separator}"{quoted}"\r\n'.encode(errors="replace")
