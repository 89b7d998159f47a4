"""Battery events, which are rows of imported files."""

from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.imports
from db.engine.database import ReadStatement
from db.engine.statements import equals_any
from db.imports import Import as ImportTable
from graph.auth.callers import READER
from graph.resolvers.fields import RowType, column_field, query_field
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.sites import Site, sites_by_id

if TYPE_CHECKING:
    from graph.resolvers.imports import Import


@strawberry.enum
class BatteryEventType(Enum):
    CHARGE = "CHARGE"
    DISCHARGE = "DISCHARGE"


def _imports(context: ReadContext) -> ReadStatement:
    return db.imports.imports(context.scope).where(equals_any(col(ImportTable.id), context.keys))


@strawberry.type(description="Energy charged into or discharged from a site's batteries, and its tariff.")
class BatteryEvent(RowType):
    id: ID = column_field("import_id", "line_number", convert="{}:{}".format)
    site_id: strawberry.Private[UUID]
    import_id: strawberry.Private[UUID]

    site: Site = query_field(FieldQuery(sites_by_id, parent_column="site_id", key_column="id"))
    import_: Annotated["Import", strawberry.lazy("graph.resolvers.imports")] = query_field(
        FieldQuery(_imports, parent_column="import_id", key_column="id"),
        RequiresRole(READER),
        name="import",
        description="The import whose file contains the event.",
    )
    line_number: int = strawberry.field(description="Line in the imported file; the header is line 1.")
    settlement_date: date
    occurred_at: datetime | None = strawberry.field(
        description="When the event started, or ended if the import's timestamps are INTERVAL_END."
        "\nNull if the file gives only the day."
    )
    event_type: BatteryEventType = column_field("event_type", convert=BatteryEventType)
    energy_kwh: float
    tariff_cents_per_kwh: float = strawberry.field(
        description="For CHARGE the cost of charging, for DISCHARGE the feed-in tariff; either can be negative."
    )
    value_aud: str = strawberry.field(
        description="Money earned; negative if money was spent. Exact, not rounded to the cent."
    )
