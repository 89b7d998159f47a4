"""The rows an import left out, as a file: each as it stood with the reason behind it, to correct and import again."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from sqlmodel import col

import db.imports
from db.engine.database import AnyRow, Database
from db.engine.scope import UNRESTRICTED
from db.imports import ImportRejection
from graph.object_store import ObjectStore

# A row may take 10,000 characters.
ROWS_A_READ = 500


async def write_rejected_rows(
    database: Database, object_store: ObjectStore, key: str, *, import_id: UUID, header: bytes
) -> None:
    """Write the rows that an import left out as an object, or none where all are in."""
    first = await _rows_behind(database, import_id, 0)
    if not first:
        return

    async def lines() -> AsyncIterator[bytes]:
        yield _csv_line(header.decode("utf-8-sig").strip(), "REASON")
        rows = first
        while rows:
            yield b"".join(_csv_line(row.row_text, row.message) for row in rows)
            rows = await _rows_behind(database, import_id, rows[-1].line_number)

    await object_store.write_stream(key, lines(), content_type="text/csv; charset=utf-8")


async def _rows_behind(database: Database, import_id: UUID, line_number: int) -> Sequence[AnyRow]:
    rejections = db.imports.rejections(UNRESTRICTED, [import_id]).where(col(ImportRejection.line_number) > line_number)
    return await database.rows(rejections.order_by(col(ImportRejection.line_number)).limit(ROWS_A_READ))


def _csv_line(row: str, reason: str) -> bytes:
    # The row stays as it stood, so that what was right in it need not be found again under another's quoting.
    quoted = reason.replace('"', '""')
    return f'{row},"{quoted}"\r\n'.encode()
