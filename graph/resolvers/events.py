"""Battery events: rows of the files that were imported."""

from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Self
from uuid import UUID

import strawberry
from strawberry import ID

from db.engine import AnyRow
from graph.context import Info
from graph.permissions import READER, FieldDenied, For
from graph.resolvers.rows import FromRow, there
from graph.resolvers.sites import Site
from graph.scalars import written

if TYPE_CHECKING:
    from graph.resolvers.imports import Import


@strawberry.enum
class BatteryEventType(Enum):
    CHARGE = "CHARGE"
    DISCHARGE = "DISCHARGE"


@strawberry.type(
    description="Energy into or out of a site's batteries, at the tariff it was traded at.",
)
class BatteryEvent(FromRow):
    id: ID
    site_id: strawberry.Private[UUID]
    import_id: strawberry.Private[UUID]

    @strawberry.field
    async def site(self, info: Info) -> Site:
        return there(await Site.load(info, self.site_id))

    @strawberry.field(name="import", extensions=[For(READER)])
    async def import_(self, info: Info) -> Annotated["Import", strawberry.lazy("graph.resolvers.imports")]:
        from graph.resolvers.imports import Import

        brought = await Import.load(info, self.import_id)
        if brought is None:
            # It could speak of other VPPs, too.
            raise FieldDenied(name="import", type="BatteryEvent")
        return brought

    line_number: int = strawberry.field(description="Where it stood in the imported file; the header is line 1.")
    settlement_date: date
    event_type: BatteryEventType
    energy_kwh: float
    tariff_cents_per_kwh: float
    value_aud: str = strawberry.field(description="Money earned, or below zero money spent; not rounded to the cent.")

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(
            id=ID(f"{row.import_id}:{row.line_number}"),
            site_id=row.site_id,
            import_id=row.import_id,
            line_number=row.line_number,
            settlement_date=row.settlement_date,
            event_type=BatteryEventType(row.event_type),
            energy_kwh=row.energy_kwh,
            tariff_cents_per_kwh=row.tariff_cents_per_kwh,
            value_aud=written(row.value_aud),
        )
