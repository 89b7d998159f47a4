"""Imports of CSV files: create, start, cancel and revert an import, and follow its progress."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Optional
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.import_warnings
import db.imports
from db.audit_entries import Kind
from db.engine.database import ReadStatement
from db.import_warnings import WarningCode
from db.imports import FileTooLarge, ImportNotFound, Status
from db.imports import Import as ImportTable
from db.imports import ImportRejection as RejectionTable
from graph.auth.callers import OPERATOR, READER
from graph.imports.csv.chunks import has_rows
from graph.imports.csv.rejection import RejectionCode
from graph.imports.intake import rejections_key, upload_key
from graph.resolvers.context import Info
from graph.resolvers.directives import AwsSubscribe
from graph.resolvers.fields import (
    ColumnField,
    Connection,
    RowType,
    column_field,
    embedded_object,
    query_field,
    require_row,
    to_uuid,
)
from graph.resolvers.paging import Order
from graph.resolvers.parks import Park, parks_by_id
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import AWSURL, parse_id, parse_optional_id

UPLOAD_LINK_S = 3600
DOWNLOAD_LINK_S = 300
# While an import runs, its state is sent to subscribers this often even if it is unchanged: silence would look like a
# lost connection.
PROGRESS_INTERVAL_S = 1.0
# Reading the import this often makes up for notifications that were lost while Postgres was unreachable.
POLL_INTERVAL_S = 15.0
ACTIVE_STATUSES = (Status.QUEUED, Status.RUNNING)

NEWEST_FIRST = Order((col(ImportTable.created_at), col(ImportTable.id)), descending=True)
BY_LINE = Order((col(RejectionTable.line_number),))


@strawberry.enum
class ImportKind(Enum):
    BATTERY_EVENTS = "BATTERY_EVENTS"
    PARKS = "PARKS"
    PARK_READINGS = "PARK_READINGS"


strawberry.enum(
    Status,
    name="ImportStatus",
    description="AWAITING_UPLOAD until startImport; then QUEUED, RUNNING, and COMPLETED or FAILED."
    "\nA FAILED import can be started again.",
)


strawberry.enum(RejectionCode, name="ImportRejectionCode")


@strawberry.enum(
    description="How a file writes the tariff of a CHARGE event: as the cost of charging, or as money earned."
)
class ChargeTariff(Enum):
    COST = "COST"
    EARNING = "EARNING"


@strawberry.enum(
    description="Whether the times of day in a file are the starts or the ends of intervals."
    "\nWith INTERVAL_END, midnight belongs to the day that ends then."
)
class Timestamps(Enum):
    INTERVAL_START = "INTERVAL_START"
    INTERVAL_END = "INTERVAL_END"


@strawberry.enum(
    description="What happens to rows that another import may have already: rows of the same site, day, event type,"
    "\nenergy and tariff, of which at least one gives no time of day."
    "\nASK: they do not count until updateImport decides. SKIP: they are the same events, and do not count again."
    "\nCOUNT: all rows of the file are events of their own, and count."
)
class Duplicates(Enum):
    ASK = "ASK"
    SKIP = "SKIP"
    COUNT = "COUNT"


strawberry.enum(
    WarningCode,
    name="ImportWarningCode",
    description="NO_VPP_ON_DAY: the site was in no VPP on the day, so the rows are in no report."
    "\nFUTURE_DAY: the day has not come yet."
    "\nCONFLICTING_VALUES: rows of the file have the same site, time and event type, but not the same values."
    "\nDIFFERS_FROM_ANOTHER_IMPORT: the same, with a row of an earlier import."
    "\nNEGATIVE_DISCHARGES: nearly all discharges of the file lose money; the sign of the tariff may be wrong.",
)


def _warnings(context: ReadContext) -> ReadStatement:
    return db.import_warnings.warnings(context.scope, context.keys)


def _overlaps(context: ReadContext) -> ReadStatement:
    return db.imports.overlaps(context.scope, context.keys)


def _replacements(context: ReadContext) -> ReadStatement:
    return db.imports.replacements(context.scope, context.keys)


def _import(context: ReadContext, id: ID) -> ReadStatement:
    return db.imports.imports(context.scope).where(col(ImportTable.id) == context.id(id, "id"))


def _imports(context: ReadContext, filter: "ImportFilterInput | None" = None) -> ReadStatement:
    statement = db.imports.imports(context.scope)
    if filter and filter.kind is not None:
        statement = statement.where(col(ImportTable.kind) == filter.kind)
    if filter and filter.status is not None:
        statement = statement.where(col(ImportTable.status) == filter.status)
    return statement


def _rejections(context: ReadContext) -> ReadStatement:
    return db.imports.rejections(context.scope, context.keys)


def _rejection_counts(context: ReadContext) -> ReadStatement:
    return db.imports.rejection_counts(context.scope, context.keys)


def _percent_complete(status: str, bytes_total: int | None, bytes_read: int) -> float | None:
    if status == Status.COMPLETED:
        return 100.0
    return None if not bytes_total else round(100 * bytes_read / bytes_total, 1)


IMPORT = FieldQuery(_import)


@strawberry.type(description="The import of a CSV file: its progress and its result.")
class Import(RowType):
    id: ID
    kind: ImportKind = column_field("kind", convert=ImportKind)
    status: Status = column_field("status", convert=Status)
    file_name: str
    park_id: strawberry.Private[UUID | None]

    park: Park | None = query_field(
        FieldQuery(parks_by_id, parent_column="park_id", key_column="id"),
        description="The park that the readings belong to, for PARK_READINGS; otherwise null.",
    )
    percent_complete: float | None = column_field(
        *("status", "bytes_total", "bytes_read"),
        convert=_percent_complete,
        description="From 0 to 100, by bytes read. Null until startImport, when the size of the file is known.",
    )
    bytes_total: float | None = strawberry.field(description="Size of the file. Null until startImport.")
    bytes_read: float
    rows_read: int
    rows_imported: int
    rows_duplicated: int = strawberry.field(
        description="Rows that do not count, because another import already contains the same row."
    )
    rows_undecided: int = strawberry.field(
        description="Rows that another import may have already; they do not count until updateImport decides."
    )
    timestamps: Timestamps = column_field("timestamps", convert=Timestamps)
    duplicates: Duplicates = column_field("duplicates", convert=Duplicates)
    overlaps: list["ImportOverlap"] = query_field(
        FieldQuery(_overlaps, parent_column="id", key_column="import_id", is_list=True),
        description="The duplicate and undecided rows, by the import that may have them already.",
    )
    warnings: list["RowWarning"] = query_field(
        FieldQuery(_warnings, parent_column="id", key_column="import_id", is_list=True),
        description="Rows that were imported, but may not be what you mean. By code and settlement month.",
    )
    corrects: ID | None = strawberry.field(description="The import whose rejected rows the file has, corrected.")
    replaces: ID | None = strawberry.field(
        description="The import that is reverted in the moment in which this one is COMPLETED."
    )
    replacement: Optional["ImportReplacement"] = query_field(
        FieldQuery(_replacements, parent_column="id", key_column="import_id"),
        description="What changed when this import replaced another one; null unless it is COMPLETED and did.",
    )
    rows_rejected: int

    rejections: Connection["ImportRejection"] = query_field(
        FieldQuery(_rejections, parent_column="id", order=BY_LINE),
        description="Rejected rows, in the order of the file.",
    )
    rejection_counts: list["ImportRejectionCount"] = query_field(
        FieldQuery(_rejection_counts, parent_column="id", key_column="import_id", is_list=True),
        description="The causes of rejections, with the number of rows of each; the most frequent first.",
    )

    @strawberry.field(
        description="Link to a CSV file of all rejected rows with a reason column, to correct and import again."
        "\nValid for 5 minutes. Null unless rows were rejected and the import is COMPLETED or REVERTED."
    )
    async def rejections_url(self, info: Info) -> AWSURL | None:
        if not self.rows_rejected or self.status not in (Status.COMPLETED, Status.REVERTED):
            return None
        return AWSURL(
            await info.context.object_store.download_link(
                rejections_key(to_uuid(self.id)),
                file_name=f"rejections of {self.file_name}",
                content_type="text/csv; charset=utf-8",
                expires_in_s=DOWNLOAD_LINK_S,
            )
        )

    failure_reason: str | None = strawberry.field(
        description="Why the import stopped, when status is FAILED; otherwise null."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Import | None":
        return await cls.load_first(info, IMPORT, id=str(id))


# Not named ImportWarning in Python, which is a built-in exception.
@strawberry.type(
    name="ImportWarning", description="Rows of an import, in one settlement month, that may not be what you mean."
)
class RowWarning(RowType):
    code: WarningCode = column_field("code", convert=WarningCode)
    month: str = column_field("month", convert="{:%Y-%m}".format)
    row_count: int
    value_aud: str = strawberry.field(description="The money that the rows earn, exact.")
    line_number: int = strawberry.field(description="The first of the rows in the file; the header is line 1.")


@strawberry.type(description="The rows of an import that do not count because of one other import.")
class ImportOverlap(RowType):
    other_import_id: ID
    row_count: int
    value_aud: str = strawberry.field(description="The money that the rows would earn if they counted, exact.")
    rows_undecided: int = strawberry.field(description="How many of them updateImport can decide to count.")
    undecided_value_aud: str


@strawberry.type(description="The rows of an import, compared with those of the import that it replaced.")
class ImportReplacement(RowType):
    rows_same: int
    rows_changed: int = strawberry.field(
        description="Rows of the same site, time and event type, with another energy or tariff."
    )
    rows_new: int
    rows_gone: int
    value_before_aud: str = strawberry.field(description="The value of all rows of the replaced import, exact.")
    value_after_aud: str = strawberry.field(description="The value of all rows of this import, exact.")


@strawberry.type
class ImportRejection(RowType):
    line_number: int
    column: str | None = column_field(
        "column_name", description="The column at fault; null if the whole row is at fault."
    )
    code: RejectionCode = column_field("code", convert=RejectionCode)
    message: str
    row: str = column_field("row_text", description="The text of the row in the file.")


@strawberry.type(description="The number of an import's rejections with the same code and column.")
class ImportRejectionCount(RowType):
    code: RejectionCode = column_field("code", convert=RejectionCode)
    column: str | None = column_field(
        "column_name", description="The column at fault; null if the whole row is at fault."
    )
    count: int = column_field("row_count")
    example: ImportRejection = embedded_object(
        lambda: ImportRejection, ColumnField(("line_number",), bool), description="The first of these rejections."
    )


@strawberry.type(description="Where to upload the file: send its bytes with HTTP PUT to uploadUrl before expiresAt.")
class ImportUpload:
    @strawberry.field(name="import")
    def import_(self) -> Import:
        return self.registered

    upload_url: AWSURL
    expires_at: datetime
    registered: strawberry.Private[Import]


@strawberry.input
class CreateImportInput:
    id: ID | None = None
    kind: ImportKind
    file_name: str = strawberry.field(description="1 to 500 characters.")
    park_id: ID | None = strawberry.field(
        description="Required for PARK_READINGS, not allowed for other kinds.", default=None
    )
    charge_tariff: ChargeTariff | None = ChargeTariff.COST
    timestamps: Timestamps | None = strawberry.field(
        description="INTERVAL_START by default. Only for BATTERY_EVENTS, as the fields below.", default=None
    )
    duplicates: Duplicates | None = strawberry.field(
        description="ASK by default; with corrects or replaces, that of the other import.", default=None
    )
    corrects: ID | None = strawberry.field(
        description="A COMPLETED import whose rejected rows this file has, corrected."
        "\nThe rows are compared with those of other imports, not with that one's.",
        default=None,
    )
    replaces: ID | None = strawberry.field(
        description="A COMPLETED import that this file replaces as a whole."
        "\nIt is reverted in the moment in which this one is COMPLETED.",
        default=None,
    )


@strawberry.input
class UpdateImportInput:
    id: ID
    duplicates: Duplicates


@strawberry.input
class StartImportInput:
    id: ID


@strawberry.input
class CancelImportInput:
    id: ID


@strawberry.input
class RevertImportInput:
    id: ID


@strawberry.input
class ImportFilterInput:
    kind: ImportKind | None = None
    status: Status | None = None


@strawberry.type
class ImportQuery:
    get_import: Import | None = query_field(IMPORT, RequiresRole(READER))
    list_imports: Connection[Import] = query_field(
        FieldQuery(_imports, order=NEWEST_FIRST), RequiresRole(READER), description="Newest first."
    )


@strawberry.type
class ImportMutation:
    @strawberry.mutation(
        description="Step 1 of an import: registers a file and returns the URL for its upload.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def create_import(self, info: Info, input: CreateImportInput) -> ImportUpload | None:
        async with info.context.change(info.field_name) as change:
            id = await db.imports.create(
                change.session,
                id=parse_optional_id(input.id, "input", "id"),
                kind=input.kind.value,
                file_name=input.file_name,
                park_id=parse_optional_id(input.park_id, "input", "parkId"),
                charge_tariff=(input.charge_tariff or ChargeTariff.COST).value,
                timestamps=input.timestamps.value if input.timestamps else None,
                duplicates=input.duplicates.value if input.duplicates else None,
                corrects=parse_optional_id(input.corrects, "input", "corrects"),
                replaces=parse_optional_id(input.replaces, "input", "replaces"),
            )
            change.track_created(Kind.IMPORT, id)
        expires_at = datetime.now(UTC) + timedelta(seconds=UPLOAD_LINK_S)
        url = await info.context.object_store.upload_link(upload_key(id), expires_in_s=UPLOAD_LINK_S)
        return ImportUpload(
            registered=require_row(await Import.load(info, id)), upload_url=AWSURL(url), expires_at=expires_at
        )

    @strawberry.mutation(
        description="Step 2, after the upload: queues the import. Starting an import twice changes nothing.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def start_import(self, info: Info, input: StartImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        store = info.context.object_store
        file = await store.find(upload_key(id))
        await store.sync()
        try:
            async with info.context.change(info.field_name) as change:
                await change.track(Kind.IMPORT, id)
                await db.imports.start(
                    change.session,
                    id=id,
                    etag=file.etag if file else None,
                    bytes_total=file.size_bytes if file else 0,
                    max_bytes=store.max_upload_bytes,
                    has_rows=file is None or await has_rows(store, upload_key(id), file),
                )
        except FileTooLarge:
            await store.delete(upload_key(id))
            raise
        return await Import.load(info, id)

    @strawberry.mutation(
        description="Decides whether rows that another import may have already count. No other upload is needed.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def update_import(self, info: Info, input: UpdateImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await db.imports.lock_settled_totals(change.session)
            await change.track(Kind.IMPORT, id)
            await db.imports.decide_duplicates(change.session, id=id, duplicates=input.duplicates.value)
        return await Import.load(info, id)

    @strawberry.mutation(
        description="Cancels an import that is not yet COMPLETED; its rows will not count.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def cancel_import(self, info: Info, input: CancelImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.IMPORT, id)
            await db.imports.cancel(change.session, id=id)
        return await Import.load(info, id)

    @strawberry.mutation(
        description="Undoes a COMPLETED import: its rows no longer count.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def revert_import(self, info: Info, input: RevertImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await db.imports.lock_settled_totals(change.session)
            await change.track(Kind.IMPORT, id)
            await db.imports.revert(change.session, id=id)
        return await Import.load(info, id)


@strawberry.type
class ImportSubscription:
    @strawberry.subscription(
        description="Sends the import once immediately, and again whenever its status or progress changes.",
        directives=[AwsSubscribe(mutations=["startImport", "updateImport", "cancelImport", "revertImport"])],
        extensions=[RequiresRole(READER)],
    )
    async def on_import_progress(self, info: Info, id: ID) -> AsyncGenerator[Import | None, None]:
        import_id, last_sent = parse_id(id, "id"), None
        async with info.context.notices.subscribe("imports", import_id) as changed:
            while True:
                changed.clear()
                current = await Import.load(info, import_id)
                if current is None:
                    raise ImportNotFound(id=import_id, field=("id",))
                if current != last_sent or current.status is Status.RUNNING:
                    yield current
                last_sent = current
                interval_s = PROGRESS_INTERVAL_S if current.status in ACTIVE_STATUSES else POLL_INTERVAL_S
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), interval_s)
