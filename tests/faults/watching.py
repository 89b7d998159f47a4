"""What became of an import, by what the database shows of it."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

import db.verification
from db.engine import AnyRow, Database
from db.imports import Import
from tests.api import Api
from tests.faults.event_file import Event, EventFile
from tests.faults.worker_process import WAIT_S

START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"

EVENTS_SHOWN = text("""
    select line_number, nmi, settlement_date, event_type, energy_kwh, tariff_cents_per_kwh
    from events
    join sites on sites.id = events.site_id
    where import_id = :import_id
    order by line_number
""")


async def started(api: Api, file: EventFile | bytes) -> str:
    """Upload a file, start its import and return its id."""
    import_id = await api.uploaded(file if isinstance(file, bytes) else file.content)
    await api.ask(START, id=import_id)
    return import_id


async def until(api: Api, database: Database, import_id: str, is_so: Callable[[Any], bool]) -> AnyRow:
    """Wait until something is so of an import, and return it as it is then."""
    read = select(
        *(col(Import.status), col(Import.run), col(Import.attempts), col(Import.bytes_read), col(Import.rows_read)),
        col(Import.failure_reason),
    ).where(col(Import.id) == UUID(import_id))
    async with asyncio.timeout(WAIT_S), api.notices.of("imports", import_id) as changed:
        while True:
            changed.clear()
            row = await database.row(read)
            assert row
            if is_so(row):
                return row
            await changed.wait()


async def until_read(api: Api, database: Database, import_id: str, bytes_read: float) -> AnyRow:
    """Wait until so much of an import's file is kept."""
    return await until(api, database, import_id, lambda now: now.bytes_read >= bytes_read)


async def assert_counted_once(api: Api, database: Database, import_id: str, file: EventFile) -> None:
    """Wait for an import to end: all events of its file must count, once each, and no others."""
    imported = await api.finished(import_id)
    shown = await database.rows(EVENTS_SHOWN.bindparams(import_id=UUID(import_id)))

    assert (imported["status"], imported["failureReason"]) == ("COMPLETED", None)
    assert [Event(*row) for row in shown] == file.events
    assert (imported["rowsRead"], imported["rowsImported"], imported["rowsRejected"]) == (
        file.rows_read,
        len(file.events),
        file.rows_rejected,
    )
    async with database.transaction(snapshot=True) as session:
        assert [finding async for finding in db.verification.verify(session) if finding.exceptions] == []
