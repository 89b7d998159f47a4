"""
A worker's side of imports: claiming one, moving its checkpoint, and ending it.

The states an import goes through, and the API's side, are in imports.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db import site_months
from db.engine.database import driver_connection
from db.engine.refusals import Conflict, translate_violations
from db.imports import Import, ImportCheckpoint, Status, update_row_counts


class SiteDeleted(Conflict):
    """A site of the file was deleted while it was imported."""

    constraint = "site_months_site_id_fkey"


class LeaseLost(Exception):
    """Another worker has taken the import up, or it was cancelled: what this one still holds must not be written."""


# While a worker writes for an import, its session goes by the import's name.
END_HOLDERS = text("select pg_terminate_backend(pid) from pg_stat_activity where application_name = :holder")


@dataclass(frozen=True)
class Claim:
    """A worker's hold on an import, and where to go on from."""

    import_id: UUID
    run: int
    attempts: int
    kind: str
    charge_tariff: str
    park_id: UUID | None
    vpp_ids: Sequence[UUID] | None
    etag: str
    bytes_total: int
    rows_read: int
    rows_rejected: int
    next_chunk_number: int
    text_bytes_read: int
    lines_read: int


@dataclass(frozen=True)
class Progress:
    """What one chunk adds to an import; bytes and lines are counted from the start of the file, or of its text."""

    chunk_number: int
    bytes_read: int
    text_bytes_read: int
    lines_read: int
    rows_read: int
    rows_imported: int
    rows_rejected: int


async def claim(session: AsyncSession, *, id: UUID) -> Claim | None:
    """Take an import up, from its last checkpoint; None when there is nothing left to do."""
    await session.execute(END_HOLDERS, {"holder": _holder(id)})
    waiting = col(Import.status).in_([Status.QUEUED, Status.RUNNING])
    claimed = await session.scalars(
        update(Import)
        .where(col(Import.id) == id, waiting)
        .values(
            status=Status.RUNNING,
            run=Import.run + 1,
            attempts=Import.attempts + 1,
            started_at=func.coalesce(Import.started_at, func.now()),
        )
        .returning(Import)
    )
    there = claimed.one_or_none()
    if there is None:
        return None
    last = (
        await session.scalars(
            select(ImportCheckpoint)
            .where(col(ImportCheckpoint.import_id) == id)
            .order_by(col(ImportCheckpoint.chunk_number).desc())
            .limit(1)
        )
    ).one_or_none()
    assert there.etag is not None  # noqa: S101
    assert there.bytes_total is not None  # noqa: S101
    return Claim(
        import_id=id,
        run=there.run,
        attempts=there.attempts,
        kind=there.kind,
        charge_tariff=there.charge_tariff,
        park_id=there.park_id,
        vpp_ids=there.vpp_ids,
        etag=there.etag,
        bytes_total=there.bytes_total,
        rows_read=there.rows_read,
        rows_rejected=there.rows_rejected,
        next_chunk_number=last.chunk_number + 1 if last else 1,
        text_bytes_read=last.text_bytes_read if last else 0,
        lines_read=last.lines_read if last else 0,
    )


async def bound_transaction(session: AsyncSession, *, id: UUID, idle_timeout_s: float) -> None:
    """
    Let Postgres end this transaction when its worker goes silent in it, and whoever overtakes the worker end it sooner.

    What it holds would keep others waiting: in a COPY, Postgres waits for its client however long that takes.
    """
    limits = select(
        func.set_config("application_name", _holder(id), True),
        func.set_config("idle_in_transaction_session_timeout", str(round(idle_timeout_s * 1000)), True),
    )
    await session.execute(limits)


async def has_lost_lease(session: AsyncSession, claim: Claim) -> bool:
    """Tell whether an import is no longer this worker's."""
    mine = select(col(Import.id)).where(*_is_claimed_by(claim))
    return await session.scalar(mine) is None


async def advance(session: AsyncSession, claim: Claim, progress: Progress) -> None:
    """Count a chunk in and move the checkpoint behind it; the chunk's rows go into the same transaction."""
    await _change_claimed(
        session,
        claim,
        attempts=0,
        bytes_read=progress.bytes_read,
        rows_read=Import.rows_read + progress.rows_read,
        rows_imported=Import.rows_imported + progress.rows_imported,
        rows_rejected=Import.rows_rejected + progress.rows_rejected,
    )
    await session.execute(
        insert(ImportCheckpoint).values(
            import_id=claim.import_id,
            chunk_number=progress.chunk_number,
            bytes_read=progress.bytes_read,
            text_bytes_read=progress.text_bytes_read,
            lines_read=progress.lines_read,
        )
    )


async def recount_chunk(session: AsyncSession, claim: Claim, *, rows_duplicated: int, rows_rejected: int) -> None:
    """Count rows of a chunk otherwise, which `advance` counted as imported, for what came out while they were kept."""
    if rows_duplicated or rows_rejected:
        await _change_claimed(
            session,
            claim,
            rows_imported=Import.rows_imported - rows_duplicated - rows_rejected,
            rows_duplicated=Import.rows_duplicated + rows_duplicated,
            rows_rejected=Import.rows_rejected + rows_rejected,
        )


async def keep_rejections(
    session: AsyncSession, *, import_id: UUID, rejections: Iterable[tuple[int, str | None, str, str, str]]
) -> None:
    """Keep rows that were left out: the line, the column at fault, the code, the message and the row as it stood."""
    connection = await driver_connection(session)
    await connection.copy_records_to_table(
        "import_rejections",
        records=[(import_id, *rejection) for rejection in rejections],
        columns=["import_id", "line_number", "column_name", "code", "message", "row_text"],
    )


async def complete(session: AsyncSession, claim: Claim) -> None:
    """Complete an import whose rows have counted since they were kept."""
    await _change_claimed(session, claim, status=Status.COMPLETED, finished_at=func.clock_timestamp())


async def complete_events(session: AsyncSession, claim: Claim, totals: Sequence[memoryview] | None) -> None:
    """
    Let an import's events count from now on, but for those that other imports had brought before.

    A worker that brought all of them has their totals at hand, in parts of a COPY into site_months.
    """
    await session.execute(site_months.LOCK)
    await complete(session, claim)
    with translate_violations(SiteDeleted()):
        counts = await site_months.add(session, import_id=claim.import_id, totals=totals)
    await update_row_counts(session, counts)


async def fail(session: AsyncSession, claim: Claim, *, reason: str) -> None:
    """Give an import up for a reason its owner can act on."""
    await _change_claimed(
        session, claim, status=Status.FAILED, failure_reason=reason, finished_at=func.clock_timestamp()
    )


async def _change_claimed(session: AsyncSession, claim: Claim, **changes: Any) -> None:
    mine = update(Import).where(*_is_claimed_by(claim))
    changed = await session.scalar(mine.values(**changes).returning(col(Import.id)))
    if changed is None:
        raise LeaseLost


def _is_claimed_by(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (col(Import.id) == claim.import_id, col(Import.run) == claim.run, col(Import.status) == Status.RUNNING)


def _holder(id: UUID) -> str:
    return f"vpp import {id}"
