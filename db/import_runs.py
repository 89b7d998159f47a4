"""
The worker's side of imports: claim an import, advance its checkpoint, complete it or fail it.

imports.py describes the states of an import and has the API's side.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db import import_warnings, site_months
from db.engine.database import driver_connection
from db.engine.refusals import Conflict, translate_violations
from db.engine.scope import UNRESTRICTED
from db.imports import (
    Import,
    ImportCheckpoint,
    ImportRejectionCount,
    Status,
    close,
    rejection_counts,
    update_row_counts,
)


class SiteDeleted(Conflict):
    """A site of the file was deleted while it was imported."""

    constraint = "site_months_site_id_fkey"


class LeaseLost(Exception):
    """Another worker has claimed the import, or it was cancelled: this worker must not write for it any more."""


# Ends the transactions of earlier workers on an import: `bound_transaction` sets their application name.
TERMINATE_EARLIER_WORKERS = text(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = :application_name"
)


# Compares the rows of an import with those of the import that it replaces, whether they count or not, and stores the
# difference. Among the rows of one site, time and type, those that are not the same are paired as changed.
INSERT_REPLACEMENT = text("""
    insert into import_replacements (
        import_id, rows_same, rows_changed, rows_new, rows_gone, value_before_aud, value_after_aud
    )
    with rows as (
        select
            import_id = :import_id as is_new,
            site_id, month, event.*,
            energy_microkwh::numeric * tariff_microcents_per_kwh * 0.00000000000001 as value_aud
        from event_blocks
        cross join lateral unnest(days, times_ms, discharges, energies_microkwh, tariffs_microcents_per_kwh)
            as event (day, time_ms, discharge, energy_microkwh, tariff_microcents_per_kwh)
        where import_id in (:import_id, :replaced_id)
    ),
    kinds as (
        select
            site_id, month, day, time_ms, discharge,
            count(*) filter (where is_new) as times_after,
            count(*) filter (where not is_new) as times_before,
            coalesce(sum(value_aud) filter (where is_new), 0) as value_after_aud,
            coalesce(sum(value_aud) filter (where not is_new), 0) as value_before_aud
        from rows
        group by site_id, month, day, time_ms, discharge, energy_microkwh, tariff_microcents_per_kwh
    ),
    moments as (
        select
            sum(least(times_before, times_after)) as rows_same,
            sum(greatest(times_after - times_before, 0)) as added,
            sum(greatest(times_before - times_after, 0)) as dropped,
            sum(value_before_aud) as value_before_aud,
            sum(value_after_aud) as value_after_aud
        from kinds
        group by site_id, month, day, time_ms, discharge
    )
    select
        :import_id,
        coalesce(sum(rows_same), 0),
        coalesce(sum(least(added, dropped)), 0),
        coalesce(sum(greatest(added - dropped, 0)), 0),
        coalesce(sum(greatest(dropped - added, 0)), 0),
        coalesce(sum(value_before_aud), 0),
        coalesce(sum(value_after_aud), 0)
    from moments
""")


@dataclass(frozen=True)
class RejectionCount:
    """The number of rejections of an import with a code and a column, and the line and the message of the first."""

    code: str
    column: str | None
    row_count: int
    line_number: int
    message: str


@dataclass(frozen=True)
class Claim:
    """The lease of a worker on an import, with the position from which the worker resumes."""

    import_id: UUID
    run: int
    attempts: int
    kind: str
    charge_tariff: str
    timestamps: str
    replaces: UUID | None
    park_id: UUID | None
    vpp_ids: Sequence[UUID] | None
    etag: str
    bytes_total: int
    bytes_read: int
    rows_read: int
    rows_rejected: int
    rejection_counts: Sequence[RejectionCount]
    next_chunk_number: int
    text_bytes_read: int
    lines_read: int


@dataclass(frozen=True)
class Progress:
    """
    The progress of an import by one chunk.

    `bytes_read`, `text_bytes_read` and `lines_read` count from the start of the file; the numbers of rows are for the
    chunk only.
    """

    chunk_number: int
    bytes_read: int
    text_bytes_read: int
    lines_read: int
    rows_read: int
    rows_imported: int
    rows_rejected: int


async def claim(session: AsyncSession, *, id: UUID, idle_timeout_s: float) -> Claim | None:
    """
    Claim an import from its last checkpoint, and end the transactions of an earlier worker.

    Returns None if the import is not waiting for a worker. The claim's transaction is bounded by `idle_timeout_s` too.
    """
    await session.execute(TERMINATE_EARLIER_WORKERS, {"application_name": _application_name(id)})
    await bound_transaction(session, id=id, idle_timeout_s=idle_timeout_s)
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
    claimed_import = claimed.one_or_none()
    if claimed_import is None:
        return None
    last = (
        await session.scalars(
            select(ImportCheckpoint)
            .where(col(ImportCheckpoint.import_id) == id)
            .order_by(col(ImportCheckpoint.chunk_number).desc())
            .limit(1)
        )
    ).one_or_none()
    assert claimed_import.etag is not None  # noqa: S101
    assert claimed_import.bytes_total is not None  # noqa: S101
    return Claim(
        import_id=id,
        run=claimed_import.run,
        attempts=claimed_import.attempts,
        kind=claimed_import.kind,
        charge_tariff=claimed_import.charge_tariff,
        timestamps=claimed_import.timestamps,
        replaces=claimed_import.replaces,
        park_id=claimed_import.park_id,
        vpp_ids=claimed_import.vpp_ids,
        etag=claimed_import.etag,
        bytes_total=claimed_import.bytes_total,
        bytes_read=claimed_import.bytes_read,
        rows_read=claimed_import.rows_read,
        rows_rejected=claimed_import.rows_rejected,
        rejection_counts=await _rejection_counts(session, import_id=id),
        next_chunk_number=last.chunk_number + 1 if last else 1,
        text_bytes_read=last.text_bytes_read if last else 0,
        lines_read=last.lines_read if last else 0,
    )


async def bound_transaction(session: AsyncSession, *, id: UUID, idle_timeout_s: float) -> None:
    """
    Limit how long this transaction may stay open without its worker, so that its locks do not block others for ever.

    Postgres ends it after an idle timeout. During a COPY that timeout does not apply, so the next worker that claims
    the import also terminates the transaction, which it finds by the application name.
    """
    limits = select(
        func.set_config("application_name", _application_name(id), True),
        func.set_config("idle_in_transaction_session_timeout", str(round(idle_timeout_s * 1000)), True),
    )
    await session.execute(limits)


async def has_lost_lease(session: AsyncSession, claim: Claim) -> bool:
    """Return whether another worker has claimed the import since, or it is no longer running."""
    claimed = select(col(Import.id)).where(*_is_claimed_by(claim))
    return await session.scalar(claimed) is None


async def advance(session: AsyncSession, claim: Claim, progress: Progress) -> None:
    """
    Add a chunk to the import's counts, and insert its checkpoint, in the transaction that inserts the chunk's rows.

    Raises LeaseLost.
    """
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
    """
    Count rows of a chunk as duplicates or rejections that `advance` counted as imported.

    They are known only once the chunk's rows are inserted. Raises LeaseLost.
    """
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
    """Insert rejections: the line number, the column at fault, the code, the message and the text of the row."""
    connection = await driver_connection(session)
    await connection.copy_records_to_table(
        "import_rejections",
        records=[(import_id, *rejection) for rejection in rejections],
        columns=["import_id", "line_number", "column_name", "code", "message", "row_text"],
    )


async def count_rejections(session: AsyncSession, *, import_id: UUID, row_counts: Mapping[int, int]) -> None:
    """Add to the numbers of rejections, by the line number of the first rejection with their code and column."""
    if row_counts:
        new = upsert(ImportRejectionCount).values(
            [
                {"import_id": import_id, "example_line_number": line_number, "row_count": row_count}
                for line_number, row_count in row_counts.items()
            ]
        )
        await session.execute(
            new.on_conflict_do_update(
                index_elements=[col(ImportRejectionCount.import_id), col(ImportRejectionCount.example_line_number)],
                set_={"row_count": ImportRejectionCount.row_count + new.excluded.row_count},
            )
        )


async def complete(session: AsyncSession, claim: Claim) -> None:
    """
    Complete an import of parks or readings, whose rows count already.

    Raises LeaseLost.
    """
    await _change_claimed(session, claim, status=Status.COMPLETED, finished_at=func.clock_timestamp())


async def complete_events(
    session: AsyncSession, claim: Claim, totals: Sequence[memoryview] | None, *, today: date
) -> None:
    """
    Complete an import of events: they count from now on, except those that a completed import has already.

    If the import replaces another one that still counts, that one is reverted, and the difference is stored. `totals`
    are the buffers of a COPY into site_months, from a worker that processed the file from its start; None makes
    Postgres sum up the blocks. `today` is in NEM time. Raises LeaseLost, SiteDeleted.
    """
    await session.execute(site_months.LOCK)
    await complete(session, claim)
    if claim.replaces is not None:
        replaced = (
            await session.scalars(select(Import).where(col(Import.id) == claim.replaces).with_for_update())
        ).one()
        if replaced.status == Status.COMPLETED:
            difference = {"import_id": claim.import_id, "replaced_id": claim.replaces}
            await session.execute(INSERT_REPLACEMENT, difference)
            await close(session, id=claim.replaces, status=Status.REVERTED)
            await update_row_counts(session, await site_months.remove(session, import_id=claim.replaces))
    with translate_violations(SiteDeleted()):
        counts = await site_months.add(session, import_id=claim.import_id, totals=totals)
    await update_row_counts(session, counts)
    await import_warnings.add(session, import_id=claim.import_id, tomorrow=today + timedelta(days=1))


async def fail(session: AsyncSession, claim: Claim, *, reason: str) -> None:
    """
    Fail an import for a reason that its owner can act on.

    Raises LeaseLost.
    """
    await _change_claimed(
        session, claim, status=Status.FAILED, failure_reason=reason, finished_at=func.clock_timestamp()
    )


async def _rejection_counts(session: AsyncSession, *, import_id: UUID) -> list[RejectionCount]:
    rows = await session.execute(rejection_counts(UNRESTRICTED, [import_id]))
    return [RejectionCount(row.code, row.column_name, row.row_count, row.line_number, row.message) for row in rows]


async def _change_claimed(session: AsyncSession, claim: Claim, **changes: Any) -> None:
    claimed = update(Import).where(*_is_claimed_by(claim))
    changed_id = await session.scalar(claimed.values(**changes).returning(col(Import.id)))
    if changed_id is None:
        raise LeaseLost


def _is_claimed_by(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (col(Import.id) == claim.import_id, col(Import.run) == claim.run, col(Import.status) == Status.RUNNING)


def _application_name(id: UUID) -> str:
    return f"vpp import {id}"
