"""
Files on their way into the database, how far each has come, and the rows that were left out.

    AWAITING_UPLOAD ── start ─▶ QUEUED ── claim ─▶ RUNNING ── complete ─▶ COMPLETED ── revert ─▶ REVERTED
           │                      ▲  │               │  │
           │                      │  │               │  └── fail ─▶ FAILED ── start ─▶ QUEUED
           └─────── cancel ───────┴──┴─── cancel ────┴─▶ CANCELLED
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Index,
    Select,
    Uuid,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db import jobs, parks, readings, site_months
from db.engine.database import ReadStatement, disable_statement_timeout, driver_connection
from db.engine.refusals import (
    Conflict,
    LimitExceeded,
    NotFound,
    Unauthorized,
    ValidationFailed,
    refusing,
    violated_constraint,
)
from db.engine.scope import Scope, as_database_owner, scope_of
from db.engine.statements import among
from db.engine.tables import Table, created, instant, is_text
from db.events import EventBlock
from db.jobs import Job
from db.parks import ParkNotFound
from db.site_months import Count


class Status(StrEnum):
    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REVERTED = "REVERTED"


class Import(Table, table=True):
    __tablename__ = "imports"
    __table_args__ = (
        is_text("imports", "file_name", at_most=500),
        CheckConstraint("kind in ('BATTERY_EVENTS', 'PARKS', 'PARK_READINGS')", name="imports_kind_is_known"),
        CheckConstraint(
            "status in ('AWAITING_UPLOAD', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'REVERTED')",
            name="imports_status_is_known",
        ),
        CheckConstraint("charge_tariff in ('COST', 'EARNING')", name="imports_charge_tariff_is_known"),
        CheckConstraint("(kind = 'PARK_READINGS') = (park_id is not null)", name="imports_readings_have_a_park"),
        # The same bytes count once for the same VPPs. S3's ETag is their hash; the size makes a chance meeting of two
        # hashes harmless.
        Index(
            "imports_file_once",
            *("etag", "bytes_total", "vpp_ids"),
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text(
                "kind = 'BATTERY_EVENTS' and status in ('QUEUED', 'RUNNING', 'COMPLETED') and etag is not null"
            ),
        ),
        Index("imports_created_at_id", "created_at", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: str
    status: str = Status.AWAITING_UPLOAD
    file_name: str
    charge_tariff: str
    # The VPPs of whose sites it may speak, since whoever made it is held to them; null for all.
    vpp_ids: list[UUID] | None = Field(default=None, sa_type=ARRAY(Uuid))
    # Whose readings it brings, if it does.
    park_id: UUID | None = Field(default=None, foreign_key="parks.id", ondelete="RESTRICT")
    etag: str | None = None
    bytes_total: int | None = Field(default=None, sa_type=BigInteger)
    bytes_read: int = Field(default=0, sa_type=BigInteger)
    rows_read: int = 0
    rows_imported: int = 0
    rows_duplicated: int = 0
    rows_rejected: int = 0
    failure_reason: str | None = None
    # How often a worker has taken it up. One that was overtaken holds an older number, and may write no more.
    run: int = 0
    # How often it was taken up since it last got any further.
    attempts: int = 0
    created_at: datetime = created()
    started_at: datetime | None = instant()
    finished_at: datetime | None = instant()


class ImportCheckpoint(Table, table=True):
    """How far an import had come when a chunk of it was kept, in the transaction that kept it."""

    __tablename__ = "import_checkpoints"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    chunk_number: int = Field(primary_key=True)
    bytes_read: int = Field(sa_type=BigInteger)
    # Where to go on: in what the file says, which is longer than the file where that is packed.
    text_bytes_read: int = Field(sa_type=BigInteger)
    lines_read: int
    created_at: datetime = created()


class ImportRejection(Table, table=True):
    __tablename__ = "import_rejections"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    line_number: int = Field(primary_key=True)
    column_name: str | None = None
    code: str
    message: str
    row_text: str


class ImportNotFound(NotFound):
    """There is no import with the id {id}."""

    field = ("input", "id")


class FileNameRefused(ValidationFailed):
    """A file name has 1 to 500 characters."""

    constraint = "imports_file_name_is_text"
    field = ("input", "fileName")


class ParkMissing(ValidationFailed):
    """An import of PARK_READINGS says whose readings they are: expected the id of a park."""

    field = ("input", "parkId")


class ParkNotMeant(ValidationFailed):
    """An import of {kind} is of no one park; a parkId goes with PARK_READINGS."""

    field = ("input", "parkId")


class ImportParkNotFound(ParkNotFound):
    """There is no park with the id {id}."""

    constraint = "imports_park_id_fkey"
    field = ("input", "parkId")


class ParksOutOfScope(Unauthorized):
    """Whoever is held to some VPPs imports no parks, which belong to none; an operator of all VPPs does."""


class ImportIdTaken(Conflict):
    """The id {id} is another import's already."""

    field = ("input", "id")


class FileImportedAlready(Conflict):
    """This file was imported already, as {file_name}, by the import {import_id}; revert that one to import it again."""

    constraint = "imports_file_once"
    field = ("input", "id")


class NotUploaded(ValidationFailed):
    """The file is not uploaded yet: PUT it to the import's uploadUrl first."""

    field = ("input", "id")


class FileEmpty(ValidationFailed):
    """The uploaded file is empty; a header and rows below it were expected."""

    field = ("input", "id")


class FileTooLarge(LimitExceeded):
    """The file has {size} bytes, and at most {limit} are taken: split it. It was deleted."""

    field = ("input", "id")


class FileChanged(Conflict):
    """The file was changed after part of it had been imported; cancel this import and create another."""

    field = ("input", "id")


class ImportCancelled(Conflict):
    """This import is {status}; create another to import the file."""

    field = ("input", "id")


class ImportNotCancellable(Conflict):
    """This import is {status}, and can no longer be cancelled; a completed one can be reverted."""

    field = ("input", "id")


class ImportNotRevertible(Conflict):
    """This import is {status}; only a completed one can be reverted, others can be cancelled."""

    field = ("input", "id")


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


def imports(scope: Scope) -> ReadStatement:
    """Read imports."""
    return select(
        *(col(Import.id), col(Import.kind), col(Import.status), col(Import.file_name), col(Import.park_id)),
        *(col(Import.bytes_total), col(Import.bytes_read), col(Import.rows_read), col(Import.rows_imported)),
        *(col(Import.rows_duplicated), col(Import.rows_rejected), col(Import.failure_reason)),
        *(col(Import.created_at), col(Import.started_at), col(Import.finished_at)),
    ).where(*scope.imports(col(Import.vpp_ids)))


def rejections(scope: Scope, import_ids: Sequence[UUID]) -> ReadStatement:
    """Read the rows some imports left out."""
    reached = select(col(Import.id)).where(among(col(Import.id), import_ids), *scope.imports(col(Import.vpp_ids)))
    import_id = col(ImportRejection.import_id)
    return select(
        *(col(ImportRejection.line_number), col(ImportRejection.column_name), col(ImportRejection.code)),
        *(col(ImportRejection.message), col(ImportRejection.row_text)),
    ).where(import_id.in_(reached) if scope.is_restricted else among(import_id, import_ids))


async def create(
    session: AsyncSession,
    *,
    id: UUID | None,
    kind: str,
    file_name: str,
    charge_tariff: str,
    park_id: UUID | None = None,
) -> UUID:
    """Register a file that is to be uploaded; sent again, find the import it registered."""
    _check_park(session, kind=kind, park_id=park_id)
    id, file_name, vpp_ids = id or uuid4(), file_name.strip(), scope_of(session).vpp_ids
    new = upsert(Import).values(
        id=id,
        kind=kind,
        file_name=file_name,
        charge_tariff=charge_tariff,
        vpp_ids=None if vpp_ids is None else sorted(vpp_ids),
        park_id=park_id,
    )
    with refusing(FileNameRefused(), ImportParkNotFound(id=park_id)):
        created_id = await session.scalar(
            new.on_conflict_do_nothing(index_elements=[col(Import.id)]).returning(col(Import.id))
        )
    if created_id is None:
        try:
            there = await lock_import(session, id=id)
        except ImportNotFound:
            raise ImportIdTaken(id=id) from None
        if (there.kind, there.file_name, there.charge_tariff, there.park_id) != (
            kind,
            file_name,
            charge_tariff,
            park_id,
        ):
            raise ImportIdTaken(id=id)
    return id


async def lock_import(session: AsyncSession, *, id: UUID) -> Import:
    """Return an import, and let nobody else change it until the transaction ends."""
    of_these = (col(Import.id) == id, *scope_of(session).imports(col(Import.vpp_ids)))
    there = (await session.scalars(select(Import).where(*of_these).with_for_update())).one_or_none()
    if there is None:
        raise ImportNotFound(id=id)
    return there


async def start(session: AsyncSession, *, id: UUID, etag: str | None, bytes_total: int, bytes_at_most: int) -> None:
    """
    Queue an import whose file is uploaded, and the job with it; a file that is not there has no ETag.

    A failed one goes on from its last checkpoint. Starting one that is under way or done changes nothing.
    """
    there = await lock_import(session, id=id)
    if there.status in (Status.QUEUED, Status.RUNNING, Status.COMPLETED):
        return
    if there.status in (Status.CANCELLED, Status.REVERTED):
        raise ImportCancelled(status=there.status)
    if etag is None:
        raise NotUploaded
    if not bytes_total:
        raise FileEmpty
    if bytes_total > bytes_at_most:
        raise FileTooLarge(size=bytes_total, limit=bytes_at_most)
    if there.etag != etag and there.bytes_read > 0:
        raise FileChanged
    queued = (
        update(Import)
        .where(col(Import.id) == id)
        .values(
            status=Status.QUEUED,
            etag=etag,
            bytes_total=bytes_total,
            attempts=0,
            failure_reason=None,
            finished_at=None,
        )
    )
    try:
        async with session.begin_nested():
            await session.execute(queued)
    except IntegrityError as error:
        if violated_constraint(error) != FileImportedAlready.constraint:
            raise
        before = (await session.scalars(_in_use(there, etag=etag, bytes_total=bytes_total))).one()
        raise FileImportedAlready(
            import_id=before.id, file_name=before.file_name, info={"importId": str(before.id)}
        ) from error
    async with as_database_owner(session):
        await jobs.enqueue(session, Job.IMPORT, id=id)


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
    with refusing(SiteDeleted()):
        counts = await site_months.add(session, import_id=claim.import_id, totals=totals)
    await _keep_counts(session, counts)


async def fail(session: AsyncSession, claim: Claim, *, reason: str) -> None:
    """Give an import up for a reason its owner can act on."""
    await _change_claimed(
        session, claim, status=Status.FAILED, failure_reason=reason, finished_at=func.clock_timestamp()
    )


async def cancel(session: AsyncSession, *, id: UUID) -> None:
    """
    Give up an import that is not completed; what it brought in will never count, and is swept away.

    Parks and readings, which count from their chunk on, are what they were before it.
    """
    await disable_statement_timeout(session)
    there = await lock_import(session, id=id)
    if there.status == Status.CANCELLED:
        return
    if there.status in (Status.COMPLETED, Status.REVERTED):
        raise ImportNotCancellable(status=there.status)
    await _close(session, id=id, status=Status.CANCELLED)
    await _undo(session, there)


async def lock_settled_totals(session: AsyncSession) -> None:
    """Let nobody else change what counts until the transaction ends; call it before an import is held."""
    await session.execute(site_months.LOCK)


async def revert(session: AsyncSession, *, id: UUID) -> None:
    """
    Let an import's rows no longer count; rows of other imports that were its duplicates count again.

    Parks and readings are what they were before it, where no later import has changed them.
    """
    await disable_statement_timeout(session)
    await lock_settled_totals(session)
    there = await lock_import(session, id=id)
    if there.status == Status.REVERTED:
        return
    if there.status != Status.COMPLETED:
        raise ImportNotRevertible(status=there.status)
    await _close(session, id=id, status=Status.REVERTED)
    await _undo(session, there)
    if there.kind == "BATTERY_EVENTS":
        async with as_database_owner(session):
            await _keep_counts(session, await site_months.remove(session, import_id=id))


async def sweep(session: AsyncSession, *, id: UUID) -> None:
    """Delete the blocks of an import whose rows will never count again."""
    gone = select(col(Import.id)).where(
        col(Import.id) == id, col(Import.status).in_([Status.CANCELLED, Status.REVERTED])
    )
    await session.execute(delete(EventBlock).where(col(EventBlock.import_id).in_(gone)))


async def _undo(session: AsyncSession, there: Import) -> None:
    if there.kind == "PARKS":
        await parks.undo_import(session, import_id=there.id)
    elif there.park_id is not None:
        await readings.undo_import(session, park_id=there.park_id, import_id=there.id)


def _check_park(session: AsyncSession, *, kind: str, park_id: UUID | None) -> None:
    if kind == "PARK_READINGS" and park_id is None:
        raise ParkMissing
    if kind != "PARK_READINGS" and park_id is not None:
        raise ParkNotMeant(kind=kind)
    if kind != "BATTERY_EVENTS" and scope_of(session).is_restricted:
        raise ParksOutOfScope


async def _close(session: AsyncSession, *, id: UUID, status: Status) -> None:
    closed = update(Import).where(col(Import.id) == id)
    await session.execute(closed.values(status=status, finished_at=func.clock_timestamp()))
    async with as_database_owner(session):
        await jobs.enqueue(session, Job.SWEEP_IMPORT, id=id)


async def _change_claimed(session: AsyncSession, claim: Claim, **changes: Any) -> None:
    mine = update(Import).where(*_is_claimed_by(claim))
    changed = await session.scalar(mine.values(**changes).returning(col(Import.id)))
    if changed is None:
        raise LeaseLost


def _is_claimed_by(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (col(Import.id) == claim.import_id, col(Import.run) == claim.run, col(Import.status) == Status.RUNNING)


def _holder(id: UUID) -> str:
    return f"vpp import {id}"


async def _keep_counts(session: AsyncSession, counts: Sequence[Count]) -> None:
    for count in counts:
        kept = update(Import).where(col(Import.id) == count.import_id)
        await session.execute(kept.values(rows_imported=count.rows_imported, rows_duplicated=count.rows_duplicated))


def _in_use(like: Import, *, etag: str, bytes_total: int) -> Select[Import]:
    return select(Import).where(
        *(col(Import.etag) == etag, col(Import.bytes_total) == bytes_total),
        col(Import.vpp_ids).is_not_distinct_from(like.vpp_ids),
        col(Import.status).in_([Status.QUEUED, Status.RUNNING, Status.COMPLETED]),
    )
