"""Imports: a file's way into the database, step by step, and what became of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.imports
from db.audit_entries import Kind
from db.engine.database import Read
from db.imports import FileTooLarge, ImportNotFound, Status
from db.imports import Import as ImportTable
from db.imports import ImportRejection as RejectionTable
from graph.auth.callers import OPERATOR, READER
from graph.imports.csv.rejection import RejectionCode
from graph.imports.intake import rejections_key, upload_key
from graph.resolvers.context import Info
from graph.resolvers.directives import AwsSubscribe
from graph.resolvers.fields import Connection, FromRow, key, read, shown, there
from graph.resolvers.paging import Order
from graph.resolvers.parks import Park, parks_by_id
from graph.resolvers.permissions import For
from graph.resolvers.reads import Asked, Reads
from graph.resolvers.scalars import AWSURL, parse_id, parse_optional_id

UPLOAD_LINK_S = 3600
DOWNLOAD_LINK_S = 300
# A subscriber is told this often while an import runs, changed or not: silence would look like a lost connection.
TELL_EVERY_S = 1.0
# A notice lost while Postgres was away is made up for this soon.
LOOK_EVERY_S = 15.0
UNDER_WAY = (Status.QUEUED, Status.RUNNING)

NEWEST_FIRST = Order((col(ImportTable.created_at), col(ImportTable.id)), descending=True)
BY_LINE = Order((col(RejectionTable.line_number),))


@strawberry.enum
class ImportKind(Enum):
    BATTERY_EVENTS = "BATTERY_EVENTS"
    PARKS = "PARKS"
    PARK_READINGS = "PARK_READINGS"


strawberry.enum(Status, name="ImportStatus")


strawberry.enum(RejectionCode, name="ImportRejectionCode")


@strawberry.enum(description="What the tariff on a charge event says: what charging cost, or what it earned.")
class ChargeTariff(Enum):
    COST = "COST"
    EARNING = "EARNING"


def _import(asked: Asked, id: ID) -> Read:
    return db.imports.imports(asked.reach).where(col(ImportTable.id) == asked.id(id, "id"))


def _imports(asked: Asked, filter: "ImportFilterInput | None" = None) -> Read:
    read = db.imports.imports(asked.reach)
    if filter and filter.kind is not None:
        read = read.where(col(ImportTable.kind) == filter.kind)
    if filter and filter.status is not None:
        read = read.where(col(ImportTable.status) == filter.status)
    return read


def _rejections(asked: Asked) -> Read:
    return db.imports.rejections(asked.reach, asked.keys)


def _percent_complete(status: str, bytes_total: int | None, bytes_read: int) -> float | None:
    if status == Status.COMPLETED:
        return 100.0
    return None if not bytes_total else round(100 * bytes_read / bytes_total, 1)


IMPORT = Reads(_import)


@strawberry.type(description="A CSV file on its way into the database.")
class Import(FromRow):
    id: ID
    kind: ImportKind = shown("kind", by=ImportKind)
    status: Status = shown("status", by=Status)
    file_name: str
    park_id: strawberry.Private[UUID | None]

    park: Park | None = read(
        Reads(parks_by_id, by="park_id", owner="id"), description="The park the readings belong to, for PARK_READINGS."
    )
    percent_complete: float | None = shown(
        *("status", "bytes_total", "bytes_read"),
        by=_percent_complete,
        description="From 0 to 100, by bytes; null until the size of the file is known.",
    )
    bytes_total: float | None
    bytes_read: float
    rows_read: int
    rows_imported: int
    rows_duplicated: int = strawberry.field(description="Rows that another import had already brought in.")
    rows_rejected: int

    rejections: Connection["ImportRejection"] = read(
        Reads(_rejections, by="id", order=BY_LINE), description="In file order."
    )

    @strawberry.field(
        description="All rejected rows as a CSV file with a reason column, to correct and import again."
        " Null where there are none."
    )
    async def rejections_url(self, info: Info) -> AWSURL | None:
        if not self.rows_rejected or self.status not in (Status.COMPLETED, Status.REVERTED):
            return None
        return AWSURL(
            await info.context.object_store.download_link(
                rejections_key(key(self.id)),
                file_name=f"rejections of {self.file_name}",
                content_type="text/csv; charset=utf-8",
                expires_in_s=DOWNLOAD_LINK_S,
            )
        )

    failure_reason: str | None = strawberry.field(description="Why it stopped, when status is FAILED.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Import | None":
        return await cls.first(info, IMPORT, id=str(id))


@strawberry.type
class ImportRejection(FromRow):
    line_number: int
    column: str | None = shown("column_name", description="The column at fault, where there is one.")
    code: RejectionCode = shown("code", by=RejectionCode)
    message: str
    row: str = shown("row_text", description="The row as it stood in the file.")


@strawberry.type(description="Where to put the file: an HTTP PUT of its bytes to uploadUrl, before expiresAt.")
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
    file_name: str
    park_id: ID | None = strawberry.field(description="Required for PARK_READINGS.", default=None)
    charge_tariff: ChargeTariff | None = ChargeTariff.COST


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
    get_import: Import | None = read(IMPORT, For(READER))
    list_imports: Connection[Import] = read(Reads(_imports, order=NEWEST_FIRST), For(READER))


@strawberry.type
class ImportMutation:
    @strawberry.mutation(
        description="First step of an import: registers the file and says where to PUT it.", extensions=[For(OPERATOR)]
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
            )
            change.created(Kind.IMPORT, id)
        expires_at = datetime.now(UTC) + timedelta(seconds=UPLOAD_LINK_S)
        url = await info.context.object_store.upload_link(upload_key(id), expires_in_s=UPLOAD_LINK_S)
        return ImportUpload(
            registered=there(await Import.load(info, id)), upload_url=AWSURL(url), expires_at=expires_at
        )

    @strawberry.mutation(
        description="Second step, once the file is uploaded. Starting an import twice changes nothing.",
        extensions=[For(OPERATOR)],
    )
    async def start_import(self, info: Info, input: StartImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        store = info.context.object_store
        file = await store.find(upload_key(id))
        try:
            async with info.context.change(info.field_name) as change:
                await change.of(Kind.IMPORT, id)
                await db.imports.start(
                    change.session,
                    id=id,
                    etag=file.etag if file else None,
                    bytes_total=file.size_bytes if file else 0,
                    bytes_at_most=store.upload_bytes_at_most,
                )
        except FileTooLarge:
            await store.delete(upload_key(id))
            raise
        return await Import.load(info, id)

    @strawberry.mutation(extensions=[For(OPERATOR)])
    async def cancel_import(self, info: Info, input: CancelImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.IMPORT, id)
            await db.imports.cancel(change.session, id=id)
        return await Import.load(info, id)

    @strawberry.mutation(description="Takes back every row an import brought in.", extensions=[For(OPERATOR)])
    async def revert_import(self, info: Info, input: RevertImportInput) -> Import | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await db.imports.hold_what_counts(change.session)
            await change.of(Kind.IMPORT, id)
            await db.imports.revert(change.session, id=id)
        return await Import.load(info, id)


@strawberry.type
class ImportSubscription:
    @strawberry.subscription(
        description="The import, each time its status or progress changes. Starts with its present state.",
        directives=[AwsSubscribe(mutations=["startImport", "cancelImport", "revertImport"])],
        extensions=[For(READER)],
    )
    async def on_import_progress(self, info: Info, id: ID) -> AsyncGenerator[Import | None, None]:
        import_id, told = parse_id(id, "id"), None
        async with info.context.notices.of("imports", import_id) as changed:
            while True:
                changed.clear()
                now = await Import.load(info, import_id)
                if now is None:
                    raise ImportNotFound(id=import_id, field=("id",))
                if now != told or now.status is Status.RUNNING:
                    yield now
                told = now
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), TELL_EVERY_S if now.status in UNDER_WAY else LOOK_EVERY_S)
