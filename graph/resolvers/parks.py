"""Wind and solar parks and what can be done to them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.parks
import db.readings
from db.audit_entries import Kind
from db.parks import EnergyType, ParksWanted
from db.parks import Park as ParkTable
from db.readings import EnergyReading as ReadingTable
from graph.context import Info
from graph.loaders import OwnedList
from graph.paging import Order, page_request
from graph.permissions import OPERATOR, READER, For
from graph.resolvers.rows import Connection, FromRow, key
from graph.scalars import parse_id, parse_optional_id

if TYPE_CHECKING:
    from graph.resolvers.readings import EnergyReading

BY_NAME = Order((col(ParkTable.name),))
READINGS = OwnedList(
    db.readings.readings_of_parks,
    owner=col(ReadingTable.park_id),
    order=Order((col(ReadingTable.interval_start),)),
)


strawberry.enum(EnergyType)


@strawberry.type(description="A wind or solar park. Its readings are dated in its own timezone.")
class Park(FromRow):
    id: ID
    name: str
    timezone: str = strawberry.field(description="IANA name, such as Europe/Amsterdam.")
    energy_type: EnergyType

    @strawberry.field
    async def readings(
        self,
        info: Info,
        from_: Annotated[datetime | None, strawberry.argument(name="from")] = None,
        until: datetime | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[Annotated["EnergyReading", strawberry.lazy("graph.resolvers.readings")]]:
        from graph.resolvers.readings import EnergyReading

        page = await info.context.loaders.page(READINGS, key(self.id), from_, until, limit=limit, next_token=next_token)
        return Connection.of(EnergyReading, page)

    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Park | None":
        return cls.of_any(await info.context.loaders.park.load(id))


@strawberry.input
class CreateParkInput:
    id: ID | None = None
    name: str
    timezone: str
    energy_type: EnergyType


@strawberry.input
class UpdateParkInput:
    id: ID
    name: str | None = None
    timezone: str | None = None
    energy_type: EnergyType | None = None


@strawberry.input
class ParkFilterInput:
    energy_types: list[EnergyType] | None = None
    timezones: list[str] | None = None


@strawberry.type
class ParkQuery:
    @strawberry.field(extensions=[For(READER)])
    async def get_park(self, info: Info, id: ID) -> Park | None:
        return await Park.load(info, parse_id(id, "id"))

    @strawberry.field(extensions=[For(READER)])
    async def get_park_by_name(self, info: Info, name: str) -> Park | None:
        read = db.parks.parks(info.context.reach, ParksWanted(names=[name.strip()]))
        return Park.of_any(await info.context.database.row(read))

    @strawberry.field(extensions=[For(READER)])
    async def list_parks(
        self,
        info: Info,
        filter: ParkFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[Park]:
        page = page_request(limit, next_token, order=BY_NAME, of=("listParks", filter))
        wanted = ParksWanted(energy_types=filter.energy_types, timezones=filter.timezones) if filter else None
        return Connection.of(Park, await page.read(info.context.database, db.parks.parks(info.context.reach, wanted)))


@strawberry.type
class ParkMutation:
    @strawberry.mutation(extensions=[For(OPERATOR)])
    async def create_park(self, info: Info, input: CreateParkInput) -> Park | None:
        async with info.context.change(info.field_name) as change:
            id = await db.parks.create(
                change.session,
                id=parse_optional_id(input.id, "input", "id"),
                name=input.name,
                timezone=input.timezone,
                energy_type=input.energy_type,
            )
            change.created(Kind.PARK, id)
        return await Park.load(info, id)

    @strawberry.mutation(extensions=[For(OPERATOR)])
    async def update_park(self, info: Info, input: UpdateParkInput) -> Park | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.PARK, id)
            await db.parks.update_park(
                change.session, id=id, name=input.name, timezone=input.timezone, energy_type=input.energy_type
            )
        return await Park.load(info, id)
