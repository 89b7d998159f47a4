"""Battery events: rows of the files that were imported."""

from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.imports
from db.engine.database import Read
from db.engine.statements import among
from db.imports import Import as ImportTable
from graph.auth.callers import READER
from graph.resolvers.fields import FromRow, read, shown
from graph.resolvers.permissions import For
from graph.resolvers.reads import Asked, Reads
from graph.resolvers.sites import Site, sites_by_id

if TYPE_CHECKING:
    from graph.resolvers.imports import Import


@strawberry.enum
class BatteryEventType(Enum):
    CHARGE = "CHARGE"
    DISCHARGE = "DISCHARGE"


def _imports(asked: Asked) -> Read:
    return db.imports.imports(asked.reach).where(among(col(ImportTable.id), asked.keys))


@strawberry.type(
    description="Energy into or out of a site's batteries, at the tariff it was traded at.",
)
class BatteryEvent(FromRow):
    id: ID = shown("import_id", "line_number", by="{}:{}".format)
    site_id: strawberry.Private[UUID]
    import_id: strawberry.Private[UUID]

    site: Site = read(Reads(sites_by_id, by="site_id", owner="id"))
    import_: Annotated["Import", strawberry.lazy("graph.resolvers.imports")] = read(
        Reads(_imports, by="import_id", owner="id"), For(READER), name="import"
    )
    line_number: int = strawberry.field(description="Where it stood in the imported file; the header is line 1.")
    settlement_date: date
    event_type: BatteryEventType = shown("event_type", by=BatteryEventType)
    energy_kwh: float
    tariff_cents_per_kwh: float
    value_aud: str = strawberry.field(description="Money earned, or below zero money spent; not rounded to the cent.")
