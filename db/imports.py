"""
Imports of uploaded files: their states and checkpoints, the rejected rows, and the API's side of them.

    AWAITING_UPLOAD ── start ─▶ QUEUED ── claim ─▶ RUNNING ── complete ─▶ COMPLETED ── revert ─▶ REVERTED
           │                      ▲  │               │  │
           │                      │  │               │  └── fail ─▶ FAILED ── start ─▶ QUEUED
           └─────── cancel ───────┴──┴─── cancel ────┴─▶ CANCELLED

The worker's side is in import_runs.py.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    Select,
    Uuid,
    case,
    delete,
    func,
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
from db.engine.database import ReadStatement, disable_statement_timeout
from db.engine.refusals import (
    Conflict,
    LimitExceeded,
    NotFound,
    Unauthorized,
    ValidationFailed,
    translate_violations,
    violated_constraint,
)
from db.engine.scope import Scope, as_database_owner, scope_of
from db.engine.statements import equals_any
from db.engine.tables import Table, created_at_column, text_length_check, timestamp_column
from db.events import EventBlock, exact_amount
from db.jobs import Job
from db.parks import ParkNotFound
from db.site_months import Count, ImportOverlap

# The maximum number of attempts of `start` to queue an import. An attempt fails if another import of the same file
# exists. `start` then reads the id of that import for the refusal, and if that import was reverted meanwhile, tries
# again.
START_ATTEMPTS = 2


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
        text_length_check("imports", "file_name", max_length=500),
        CheckConstraint("kind in ('BATTERY_EVENTS', 'PARKS', 'PARK_READINGS')", name="imports_kind_is_known"),
        CheckConstraint(
            "status in ('AWAITING_UPLOAD', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'REVERTED')",
            name="imports_status_is_known",
        ),
        CheckConstraint("charge_tariff in ('COST', 'EARNING')", name="imports_charge_tariff_is_known"),
        CheckConstraint("timestamps in ('INTERVAL_START', 'INTERVAL_END')", name="imports_timestamps_are_known"),
        CheckConstraint("duplicates in ('ASK', 'SKIP', 'COUNT')", name="imports_duplicates_are_known"),
        CheckConstraint("(kind = 'PARK_READINGS') = (park_id is not null)", name="imports_readings_have_a_park"),
        # A file can be imported once for each set of VPPs. S3's ETag is the hash of its bytes; the size is compared
        # too, in case two hashes collide.
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
    # Whether a time of day is the start or the end of the interval of an event.
    timestamps: str = "INTERVAL_START"
    # What happens to rows that another import may have already; see site_months.py.
    duplicates: str = "ASK"
    # The import whose rejected rows this file has, corrected.
    corrects: UUID | None = Field(default=None, foreign_key="imports.id")
    # The first import of a chain of corrections; null if the import corrects none.
    root_id: UUID | None = None
    # The import that is reverted in the transaction that completes this one.
    replaces: UUID | None = Field(default=None, foreign_key="imports.id")
    # The scope of the caller who created the import: the file may only name sites of these VPPs; null for all VPPs.
    vpp_ids: list[UUID] | None = Field(default=None, sa_type=ARRAY(Uuid))
    # The park that the readings belong to; null unless the kind is PARK_READINGS.
    park_id: UUID | None = Field(default=None, foreign_key="parks.id", ondelete="RESTRICT")
    etag: str | None = None
    bytes_total: int | None = Field(default=None, sa_type=BigInteger)
    bytes_read: int = Field(default=0, sa_type=BigInteger)
    rows_read: int = 0
    rows_imported: int = 0
    rows_duplicated: int = 0
    rows_undecided: int = 0
    rows_rejected: int = 0
    failure_reason: str | None = None
    # The fencing token: each claim increments it, and a worker whose claim has an older number can no longer write.
    run: int = 0
    # The number of claims since the last checkpoint.
    attempts: int = 0
    created_at: datetime = created_at_column()
    started_at: datetime | None = timestamp_column()
    finished_at: datetime | None = timestamp_column()


class ImportCheckpoint(Table, table=True):
    """The position in the file after a chunk, written in the transaction that inserts the rows of the chunk."""

    __tablename__ = "import_checkpoints"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    chunk_number: int = Field(primary_key=True)
    bytes_read: int = Field(sa_type=BigInteger)
    # The offset in the decompressed text at which the next run resumes; equal to `bytes_read` for an uncompressed file.
    text_bytes_read: int = Field(sa_type=BigInteger)
    lines_read: int
    created_at: datetime = created_at_column()


class ImportReplacement(Table, table=True):
    """The difference that an import made when it replaced another one."""

    __tablename__ = "import_replacements"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    rows_same: int
    # Rows of the same site, time and type, with another energy or tariff.
    rows_changed: int
    rows_new: int
    rows_gone: int
    value_before_aud: Decimal
    value_after_aud: Decimal


class ImportRejection(Table, table=True):
    __tablename__ = "import_rejections"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    line_number: int = Field(primary_key=True)
    column_name: str | None = None
    code: str
    message: str
    row_text: str


class ImportRejectionCount(Table, table=True):
    """
    The number of an import's rejections with the same code and column as an example, the first of them.

    It is updated in the transaction that inserts the rejections of a chunk.
    """

    __tablename__ = "import_rejection_counts"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    example_line_number: int = Field(primary_key=True)
    row_count: int


class ImportNotFound(NotFound):
    """There is no import with the id {id}."""

    field = ("input", "id")


class FileNameRefused(ValidationFailed):
    """A file name has 1 to 500 characters."""

    constraint = "imports_file_name_is_text"
    field = ("input", "fileName")


class ParkIdRequired(ValidationFailed):
    """An import of PARK_READINGS needs a parkId: the id of the park that the readings belong to."""

    field = ("input", "parkId")


class ParkIdNotAllowed(ValidationFailed):
    """An import of {kind} takes no parkId; only an import of PARK_READINGS does."""

    field = ("input", "parkId")


class ImportParkNotFound(ParkNotFound):
    """There is no park with the id {id}."""

    constraint = "imports_park_id_fkey"
    field = ("input", "parkId")


class ParksOutOfScope(Unauthorized):
    """Access limited to some VPPs excludes parks; ask an operator with access to all VPPs to import them."""


class OnlyForBatteryEvents(ValidationFailed):
    """An import of {kind} takes no {name}; only an import of BATTERY_EVENTS does."""


class CorrectedImportNotFound(NotFound):
    """There is no import with the id {id}."""

    field = ("input", "corrects")


class ReplacedImportNotFound(NotFound):
    """There is no import with the id {id}."""

    field = ("input", "replaces")


class NotCorrectable(Conflict):
    """The import {id} of {kind} is {status}; only a COMPLETED import of BATTERY_EVENTS is corrected or replaced."""


class CorrectsAndReplaces(ValidationFailed):
    """An import either corrects rejected rows of another one or replaces all of its rows; give only one of the two."""

    field = ("input", "replaces")


class ImportIdTaken(Conflict):
    """The id {id} already belongs to another import."""

    field = ("input", "id")


class FileImportedAlready(Conflict):
    """This file was imported already, as {file_name}, by the import {import_id}; revert it to import the file again."""

    constraint = "imports_file_once"
    field = ("input", "id")


class FileBeingImported(Conflict):
    """Other imports of this file are being started and reverted at this moment; try again."""

    field = ("input", "id")


class NotUploaded(ValidationFailed):
    """The file is not uploaded yet: PUT it to the import's uploadUrl first."""

    field = ("input", "id")


class FileEmpty(ValidationFailed):
    """The uploaded file is empty; a header and rows below it were expected."""

    field = ("input", "id")


class FileHasNoRows(ValidationFailed):
    """The uploaded file has a header and no rows; a header and rows below it were expected."""

    field = ("input", "id")


class FileTooLarge(LimitExceeded):
    """The file has {size} bytes; at most {limit} are accepted. It was deleted; split the file and import its parts."""

    field = ("input", "id")


class FileChanged(Conflict):
    """The file was changed after part of it had been imported; cancel this import and create another."""

    field = ("input", "id")


class UploadedAfterStart(Conflict):
    """This import is {status} with an earlier file; create another import for the file that was uploaded since."""

    field = ("input", "id")


class UploadClosed(Conflict):
    """The import {id} is {status} and takes no other file; create another import, with another id or none."""

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


def imports(scope: Scope) -> ReadStatement:
    """Select imports."""
    return select(
        *(col(Import.id), col(Import.kind), col(Import.status), col(Import.file_name), col(Import.park_id)),
        *(col(Import.bytes_total), col(Import.bytes_read), col(Import.rows_read), col(Import.rows_imported)),
        *(col(Import.rows_duplicated), col(Import.rows_undecided), col(Import.rows_rejected)),
        *(col(Import.failure_reason), col(Import.timestamps), col(Import.duplicates)),
        *(col(Import.corrects), col(Import.replaces)),
        *(col(Import.created_at), col(Import.started_at), col(Import.finished_at)),
    ).where(*scope.imports(col(Import.vpp_ids)))


def overlaps(scope: Scope, import_ids: Sequence[UUID]) -> ReadStatement:
    """Select the rows of some imports that do not count because of another import, by that other import."""
    in_scope = select(col(Import.id)).where(equals_any(col(Import.id), import_ids), *scope.imports(col(Import.vpp_ids)))
    row_count, value_aud = func.sum(ImportOverlap.row_count), func.sum(ImportOverlap.value_aud)
    ambiguous_rows = func.sum(ImportOverlap.ambiguous_row_count)
    ambiguous_value_aud = func.sum(ImportOverlap.ambiguous_value_aud)
    is_undecided = col(Import.duplicates) == "ASK"
    import_id = col(ImportOverlap.import_id)
    return (
        select(
            import_id,
            col(ImportOverlap.other_import_id),
            row_count.label("row_count"),
            exact_amount(value_aud).label("value_aud"),
            case((is_undecided, ambiguous_rows), else_=0).cast(Integer).label("rows_undecided"),
            exact_amount(case((is_undecided, ambiguous_value_aud), else_=0)).label("undecided_value_aud"),
        )
        .join(Import, col(Import.id) == import_id)
        .where(import_id.in_(in_scope) if scope.is_restricted else equals_any(import_id, import_ids))
        .group_by(import_id, col(Import.duplicates), col(ImportOverlap.other_import_id))
    )


def replacements(scope: Scope, import_ids: Sequence[UUID]) -> ReadStatement:
    """Select the differences that some imports made when they replaced another one."""
    in_scope = select(col(Import.id)).where(equals_any(col(Import.id), import_ids), *scope.imports(col(Import.vpp_ids)))
    return select(
        col(ImportReplacement.import_id),
        *(col(ImportReplacement.rows_same), col(ImportReplacement.rows_changed)),
        *(col(ImportReplacement.rows_new), col(ImportReplacement.rows_gone)),
        exact_amount(ImportReplacement.value_before_aud).label("value_before_aud"),
        exact_amount(ImportReplacement.value_after_aud).label("value_after_aud"),
    ).where(
        col(ImportReplacement.import_id).in_(in_scope)
        if scope.is_restricted
        else equals_any(col(ImportReplacement.import_id), import_ids)
    )


def rejections(scope: Scope, import_ids: Sequence[UUID]) -> ReadStatement:
    """Select the rejected rows of some imports."""
    in_scope = select(col(Import.id)).where(equals_any(col(Import.id), import_ids), *scope.imports(col(Import.vpp_ids)))
    import_id = col(ImportRejection.import_id)
    return select(
        *(col(ImportRejection.line_number), col(ImportRejection.column_name), col(ImportRejection.code)),
        *(col(ImportRejection.message), col(ImportRejection.row_text)),
    ).where(import_id.in_(in_scope) if scope.is_restricted else equals_any(import_id, import_ids))


def rejection_counts(scope: Scope, import_ids: Sequence[UUID]) -> ReadStatement:
    """Select the numbers of rejected rows with the same code and column, each with its first rejection."""
    import_id = col(ImportRejectionCount.import_id)
    in_scope = select(col(Import.id)).where(equals_any(col(Import.id), import_ids), *scope.imports(col(Import.vpp_ids)))
    return (
        select(
            *(import_id, col(ImportRejectionCount.row_count)),
            *(col(ImportRejection.line_number), col(ImportRejection.column_name), col(ImportRejection.code)),
            *(col(ImportRejection.message), col(ImportRejection.row_text)),
        )
        .join_from(
            ImportRejectionCount,
            ImportRejection,
            (col(ImportRejection.import_id) == import_id)
            & (col(ImportRejection.line_number) == col(ImportRejectionCount.example_line_number)),
        )
        .where(import_id.in_(in_scope) if scope.is_restricted else equals_any(import_id, import_ids))
        .order_by(col(ImportRejectionCount.row_count).desc(), col(ImportRejection.line_number))
    )


async def create(
    session: AsyncSession,
    *,
    id: UUID | None,
    kind: str,
    file_name: str,
    charge_tariff: str,
    park_id: UUID | None = None,
    timestamps: str | None = None,
    duplicates: str | None = None,
    corrects: UUID | None = None,
    replaces: UUID | None = None,
) -> UUID:
    """
    Create an import for a file that is to be uploaded, and return its id; the same call sent again returns the same id.

    `timestamps` is by default INTERVAL_START, `duplicates` ASK, or that of the import whose rows are corrected. Raises
    ParkIdRequired, ParkIdNotAllowed, ParksOutOfScope, OnlyForBatteryEvents, CorrectsAndReplaces,
    CorrectedImportNotFound, ReplacedImportNotFound, NotCorrectable, FileNameRefused, ImportParkNotFound, ImportIdTaken,
    UploadClosed.
    """
    _check_park(session, kind=kind, park_id=park_id)
    if kind != "BATTERY_EVENTS":
        choices = {"timestamps": timestamps, "duplicates": duplicates, "corrects": corrects, "replaces": replaces}
        for name, value in choices.items():
            if value is not None:
                raise OnlyForBatteryEvents(kind=kind, name=name, field=("input", name))
    if corrects is not None and replaces is not None:
        raise CorrectsAndReplaces
    corrected = await _correctable(session, corrects, CorrectedImportNotFound)
    replaced = await _correctable(session, replaces, ReplacedImportNotFound)
    # Rows that are corrected or replaced are compared with other imports as the rows before them were.
    earlier = corrected or replaced
    id, file_name, vpp_ids = id or uuid4(), file_name.strip(), scope_of(session).vpp_ids
    new = upsert(Import).values(
        id=id,
        kind=kind,
        file_name=file_name,
        charge_tariff=charge_tariff,
        timestamps=timestamps or "INTERVAL_START",
        duplicates=duplicates or (earlier.duplicates if earlier else "ASK"),
        corrects=corrects,
        root_id=corrected and (corrected.root_id or corrected.id),
        replaces=replaces,
        vpp_ids=None if vpp_ids is None else sorted(vpp_ids),
        park_id=park_id,
    )
    with translate_violations(FileNameRefused(), ImportParkNotFound(id=park_id)):
        created_id = await session.scalar(
            new.on_conflict_do_nothing(index_elements=[col(Import.id)]).returning(col(Import.id))
        )
    if created_id is None:
        try:
            existing = await lock_import(session, id=id)
        except ImportNotFound:
            raise ImportIdTaken(id=id) from None
        existing_fields = (
            *(existing.kind, existing.file_name, existing.charge_tariff, existing.park_id),
            *(existing.timestamps, existing.corrects, existing.replaces),
        )
        fields = (kind, file_name, charge_tariff, park_id, timestamps or "INTERVAL_START", corrects, replaces)
        if existing_fields != fields:
            raise ImportIdTaken(id=id)
        if not (existing.status == Status.AWAITING_UPLOAD or _can_start_over(existing)):
            raise UploadClosed(id=id, status=existing.status)
    return id


async def lock_import(session: AsyncSession, *, id: UUID) -> Import:
    """
    Return an import and lock its row until the transaction ends.

    Raises ImportNotFound.
    """
    conditions = (col(Import.id) == id, *scope_of(session).imports(col(Import.vpp_ids)))
    existing = (await session.scalars(select(Import).where(*conditions).with_for_update())).one_or_none()
    if existing is None:
        raise ImportNotFound(id=id)
    return existing


async def start(
    session: AsyncSession, *, id: UUID, etag: str | None, bytes_total: int, max_bytes: int, has_rows: bool = True
) -> None:
    """
    Queue an import and its job, given the ETag and the size of the uploaded file; `etag` is None if there is no file.

    A failed import resumes from its last checkpoint, or from the start of the file if all rows were rejected, since the
    cause may be mended; with its file, if none was uploaded since. A queued, running or completed one stays as it is.
    Raises ImportNotFound, ImportCancelled, UploadedAfterStart, NotUploaded, FileEmpty, FileHasNoRows, FileTooLarge,
    FileChanged, FileImportedAlready, FileBeingImported.
    """
    existing = await lock_import(session, id=id)
    if existing.status in (Status.QUEUED, Status.RUNNING, Status.COMPLETED):
        if etag is not None and etag != existing.etag:
            raise UploadedAfterStart(status=existing.status)
        return
    if existing.status in (Status.CANCELLED, Status.REVERTED):
        raise ImportCancelled(status=existing.status)
    if etag is None:
        # A worker that has started an import moves its file away from the key of the upload link.
        if existing.etag is None or existing.bytes_total is None:
            raise NotUploaded
        etag, bytes_total = existing.etag, existing.bytes_total
    if not bytes_total:
        raise FileEmpty
    if not has_rows:
        raise FileHasNoRows
    if bytes_total > max_bytes:
        raise FileTooLarge(size=bytes_total, limit=max_bytes)
    if _can_start_over(existing):
        await _start_over(session, existing)
    if existing.etag != etag and existing.bytes_read > 0:
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
    for _ in range(START_ATTEMPTS):
        try:
            async with session.begin_nested():
                await session.execute(queued)
            break
        except IntegrityError as error:
            if violated_constraint(error) != FileImportedAlready.constraint:
                raise
            other = (await session.scalars(_with_same_file(existing, etag=etag, bytes_total=bytes_total))).one_or_none()
            if other is not None:
                raise FileImportedAlready(
                    import_id=other.id, file_name=other.file_name, info={"importId": str(other.id)}
                ) from error
    else:
        raise FileBeingImported
    async with as_database_owner(session):
        await jobs.enqueue(session, Job.IMPORT, id=id)


async def decide_duplicates(session: AsyncSession, *, id: UUID, duplicates: str) -> None:
    """
    Change what happens to the rows of an import that another import may have already.

    A completed import is compared again. Call `lock_settled_totals` first. Raises ImportNotFound, OnlyForBatteryEvents,
    ImportCancelled.
    """
    await disable_statement_timeout(session)
    existing = await lock_import(session, id=id)
    if existing.kind != "BATTERY_EVENTS":
        raise OnlyForBatteryEvents(kind=existing.kind, name="duplicates", field=("input", "duplicates"))
    if existing.status in (Status.CANCELLED, Status.REVERTED):
        raise ImportCancelled(status=existing.status)
    await session.execute(update(Import).where(col(Import.id) == id).values(duplicates=duplicates))
    if existing.status == Status.COMPLETED:
        async with as_database_owner(session):
            await update_row_counts(session, await site_months.compare_again(session, import_id=id))


async def cancel(session: AsyncSession, *, id: UUID) -> None:
    """
    Cancel an import that is not completed. Its events will never count, and a job deletes them.

    Parks and readings, which count as soon as their chunk is committed, are restored to their state before the import.
    Raises ImportNotFound, ImportNotCancellable, ParkHasReadings, ParkHasImports.
    """
    await disable_statement_timeout(session)
    existing = await lock_import(session, id=id)
    if existing.status == Status.CANCELLED:
        return
    if existing.status in (Status.COMPLETED, Status.REVERTED):
        raise ImportNotCancellable(status=existing.status)
    async with as_database_owner(session):
        await close(session, id=id, status=Status.CANCELLED)
    await _undo_parks_and_readings(session, existing)


async def lock_settled_totals(session: AsyncSession) -> None:
    """Take the advisory lock for the sums of site months; to avoid a deadlock, call it before locking an import."""
    await session.execute(site_months.LOCK)


async def revert(session: AsyncSession, *, id: UUID) -> None:
    """
    Revert a completed import: its rows no longer count, and rows of other imports that were its duplicates do.

    Parks and readings are restored to their state before the import, unless a later import has changed them. Raises
    ImportNotFound, ImportNotRevertible, ParkHasReadings, ParkHasImports.
    """
    await disable_statement_timeout(session)
    await lock_settled_totals(session)
    existing = await lock_import(session, id=id)
    if existing.status == Status.REVERTED:
        return
    if existing.status != Status.COMPLETED:
        raise ImportNotRevertible(status=existing.status)
    await _undo_parks_and_readings(session, existing)
    async with as_database_owner(session):
        await close(session, id=id, status=Status.REVERTED)
        if existing.kind == "BATTERY_EVENTS":
            await update_row_counts(session, await site_months.remove(session, import_id=id))


async def close(session: AsyncSession, *, id: UUID, status: Status) -> None:
    """Set the final status of an import, and queue the job that deletes its blocks."""
    closed = update(Import).where(col(Import.id) == id)
    await session.execute(closed.values(status=status, finished_at=func.clock_timestamp()))
    await jobs.enqueue(session, Job.SWEEP_IMPORT, id=id)


async def sweep(session: AsyncSession, *, id: UUID) -> Import | None:
    """
    Delete the blocks of a cancelled or reverted import, whose rows will never count again, and return the import.

    Return None if the import is neither.
    """
    is_closed = col(Import.status).in_([Status.CANCELLED, Status.REVERTED])
    closed = (await session.scalars(select(Import).where(col(Import.id) == id, is_closed))).one_or_none()
    if closed is not None:
        await session.execute(delete(EventBlock).where(col(EventBlock.import_id) == id))
    return closed


async def update_row_counts(session: AsyncSession, counts: Sequence[Count]) -> None:
    """Store how many rows of some imports count, how many are duplicates, and how many are undecided."""
    for count in counts:
        of_import = update(Import).where(col(Import.id) == count.import_id)
        row_counts = {
            "rows_imported": count.rows_imported,
            "rows_duplicated": count.rows_duplicated,
            "rows_undecided": count.rows_undecided,
        }
        await session.execute(of_import.values(**row_counts))


async def _undo_parks_and_readings(session: AsyncSession, undone: Import) -> None:
    if undone.kind == "PARKS":
        await parks.undo_import(session, import_id=undone.id)
    elif undone.park_id is not None:
        await readings.undo_import(session, park_id=undone.park_id, import_id=undone.id)


def _can_start_over(existing: Import) -> bool:
    """Return whether an import has failed before a row of it was accepted, so that it can read another file."""
    return existing.status == Status.FAILED and existing.rows_read == existing.rows_rejected


async def _correctable(
    session: AsyncSession, id: UUID | None, not_found: type[CorrectedImportNotFound | ReplacedImportNotFound]
) -> Import | None:
    if id is None:
        return None
    conditions = (col(Import.id) == id, *scope_of(session).imports(col(Import.vpp_ids)))
    existing = (await session.scalars(select(Import).where(*conditions))).one_or_none()
    if existing is None:
        raise not_found(id=id)
    if (existing.kind, existing.status) != ("BATTERY_EVENTS", Status.COMPLETED):
        raise NotCorrectable(id=id, kind=existing.kind, status=existing.status, field=not_found.field)
    return existing


async def _start_over(session: AsyncSession, existing: Import) -> None:
    async with as_database_owner(session):
        for table in (ImportCheckpoint, ImportRejection, ImportRejectionCount):
            await session.execute(delete(table).where(col(table.import_id) == existing.id))
    for name in ("bytes_read", "rows_read", "rows_rejected"):
        setattr(existing, name, 0)
    await session.flush()


def _check_park(session: AsyncSession, *, kind: str, park_id: UUID | None) -> None:
    if kind == "PARK_READINGS" and park_id is None:
        raise ParkIdRequired
    if kind != "PARK_READINGS" and park_id is not None:
        raise ParkIdNotAllowed(kind=kind)
    if kind != "BATTERY_EVENTS" and scope_of(session).is_restricted:
        raise ParksOutOfScope


def _with_same_file(existing: Import, *, etag: str, bytes_total: int) -> Select[Import]:
    # The conditions of the unique index imports_file_once.
    return select(Import).where(
        *(col(Import.kind) == "BATTERY_EVENTS", col(Import.etag) == etag, col(Import.bytes_total) == bytes_total),
        col(Import.vpp_ids).is_not_distinct_from(existing.vpp_ids),
        col(Import.status).in_([Status.QUEUED, Status.RUNNING, Status.COMPLETED]),
    )
