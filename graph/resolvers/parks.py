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
from db.engine.database import Read
from db.engine.statements import among
from db.parks import EnergyType, ParksWanted
from db.parks import Park as ParkTable
from db.readings import EnergyReading as ReadingTable
from graph.auth.callers import OPERATOR, READER
from graph.resolvers.context import Info
from graph.resolvers.fields import Connection, FromRow, read, shown
from graph.resolvers.paging import Order
from graph.resolvers.permissions import For
from graph.resolvers.reads import Asked, Reads
from graph.resolvers.scalars import parse_id, parse_optional_id

if TYPE_CHECKING:
    from graph.resolvers.readings import EnergyReading

BY_NAME = Order((col(ParkTable.name),))
BY_INSTANT = Order((col(ReadingTable.interval_start),))


strawberry.enum(EnergyType)


def _park(asked: Asked, id: ID) -> Read:
    return db.parks.parks(asked.reach).where(col(ParkTable.id) == asked.id(id, "id"))


def _park_of_name(asked: Asked, name: str) -> Read:
    return db.parks.parks(asked.reach).where(col(ParkTable.name) == asked.parsed(name, str.strip))


def _parks(asked: Asked, filter: "ParkFilterInput | None" = None) -> Read:
    wanted = ParksWanted(energy_types=filter.energy_types, timezones=filter.timezones) if filter else None
    return db.parks.parks(asked.reach, wanted)


def parks_by_id(asked: Asked) -> Read:
    """Read the parks that are asked for."""
    return db.parks.parks(asked.reach).where(among(col(ParkTable.id), asked.keys))


def _readings(
    asked: Asked,
    from_: Annotated[datetime | None, strawberry.argument(name="from")] = None,
    until: datetime | None = None,
) -> Read:
    return db.readings.readings_of_parks(asked.reach, asked.keys, from_, until)


PARK = Reads(_park)


@strawberry.type(description="A wind or solar park. Its readings are dated in its own timezone.")
class Park(FromRow):
    id: ID
    name: str
    timezone: str = strawberry.field(description="IANA name, such as Europe/Amsterdam.")
    energy_type: EnergyType = shown("energy_type", by=EnergyType)
    readings: Connection[Annotated["EnergyReading", strawberry.lazy("graph.resolvers.readings")]] = read(
        Reads(_readings, by="id", order=BY_INSTANT)
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Park | None":
        return await cls.first(info, PARK, id=str(id))


@strawberry.input
class CreateParkInput:
    id: ID | None = None
    name: str
    timezone: str
    energy_type: EnergyType = shown("energy_type", by=EnergyType)


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
    get_park: Park | None = read(PARK, For(READER))
    get_park_by_name: Park | None = read(Reads(_park_of_name), For(READER))
    list_parks: Connection[Park] = read(Reads(_parks, order=BY_NAME), For(READER))


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
