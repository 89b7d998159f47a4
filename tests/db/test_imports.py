"""The start of an import whose file another import has already."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlmodel import col

import db.imports
from db.engine.database import Database
from db.imports import FileImportedAlready, Import, Status

CSV: dict[str, Any] = {"file_name": "a.csv", "charge_tariff": "COST"}


@pytest.fixture
def etag() -> str:
    return str(uuid4())


async def completed_import(database: Database, etag: str, *, kind: str = "BATTERY_EVENTS") -> UUID:
    """Insert a completed import without rows."""
    id = uuid4()
    async with database.transaction() as session:
        file = {**CSV, "etag": etag, "bytes_total": 10}
        await session.execute(insert(Import).values(id=id, kind=kind, status=Status.COMPLETED, **file))
    return id


async def awaiting_import(database: Database) -> UUID:
    async with database.transaction() as session:
        return await db.imports.create(session, id=None, kind="BATTERY_EVENTS", **CSV)


async def status_of(database: Database, id: UUID) -> str:
    row = await database.row(select(col(Import.status)).where(col(Import.id) == id))
    assert row is not None
    return str(row.status)


async def start(database: Database, id: UUID, etag: str) -> None:
    async with database.transaction() as session:
        await db.imports.start(session, id=id, etag=etag, bytes_total=10, max_bytes=10)


async def test_refusal_names_the_import_of_the_same_kind(database: Database, etag: str) -> None:
    await completed_import(database, etag, kind="PARKS")
    first_id = await completed_import(database, etag)
    second_id = await awaiting_import(database)

    with pytest.raises(FileImportedAlready) as refusal:
        await start(database, second_id, etag)

    assert refusal.value.info["importId"] == str(first_id)
    assert await status_of(database, second_id) == Status.AWAITING_UPLOAD


async def test_import_starts_if_the_other_import_is_reverted_during_the_refusal(
    database: Database, etag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_id, second_id = await completed_import(database, etag), await awaiting_import(database)

    async with database.transaction() as session:
        scalars = session.scalars

        async def revert_and_select(statement: Any) -> Any:
            # The statement after the violated constraint looks for the other import.
            if "etag" in str(statement.whereclause):
                monkeypatch.undo()
                async with database.transaction() as other_session:
                    await db.imports.revert(other_session, id=first_id)
            return await scalars(statement)

        monkeypatch.setattr(session, "scalars", revert_and_select)
        await db.imports.start(session, id=second_id, etag=etag, bytes_total=10, max_bytes=10)

    assert await status_of(database, first_id) == Status.REVERTED
    assert await status_of(database, second_id) == Status.QUEUED
