"""Queries and mutations for wind and solar parks."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.parks
import db.readings
from db.audit_entries import Kind
from db.engine.database import ReadStatement
from db.engine.names import normalised
from db.engine.statements import equals_any
from db.parks import EnergyType, ParkFilter
from db.parks import Park as ParkTable
from db.readings import EnergyReading as ReadingTable
from graph.auth.callers import OPERATOR, READER
from graph.resolvers.context import Info
from graph.resolvers.fields import Connection, RowType, column_field, query_field
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import parse_id, parse_optional_id

if TYPE_CHECKING:
    from graph.resolvers.readings import EnergyReading

BY_NAME = Order((col(ParkTable.name),))
BY_INSTANT = Order((col(ReadingTable.interval_start),))


strawberry.enum(EnergyType)


def _park(context: ReadContext, id: ID) -> ReadStatement:
    return db.parks.parks(context.scope).where(col(ParkTable.id) == context.id(id, "id"))


def _park_by_name(context: ReadContext, name: str) -> ReadStatement:
    return db.parks.parks(context.scope).where(col(ParkTable.name) == context.parsed(name, normalised))


def _parks(context: ReadContext, filter: "ParkFilterInput | None" = None) -> ReadStatement:
    park_filter = ParkFilter(energy_types=filter.energy_types, timezones=filter.timezones) if filter else None
    return db.parks.parks(context.scope, park_filter)


def parks_by_id(context: ReadContext) -> ReadStatement:
    """Select parks by their ids."""
    return db.parks.parks(context.scope).where(equals_any(col(ParkTable.id), context.keys))


def _readings(
    context: ReadContext,
    from_: Annotated[datetime | None, strawberry.argument(name="from")] = None,
    until: datetime | None = None,
) -> ReadStatement:
    return db.readings.readings_of_parks(context.scope, context.keys, from_, until)


PARK = FieldQuery(_park)


@strawberry.type(description="A wind or solar park. The days of its readings are local days of its timezone.")
class Park(RowType):
    id: ID
    name: str
    timezone: str = strawberry.field(description="Name in the IANA time zone database, such as Europe/Amsterdam.")
    energy_type: EnergyType = column_field("energy_type", convert=EnergyType)
    readings: Connection[Annotated["EnergyReading", strawberry.lazy("graph.resolvers.readings")]] = query_field(
        FieldQuery(_readings, parent_column="id", order=BY_INSTANT),
        description="Readings in order of time, including `from` and excluding `until`; null is open-ended.",
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Park | None":
        return await cls.load_first(info, PARK, id=str(id))


@strawberry.input
class CreateParkInput:
    id: ID | None = None
    name: str = strawberry.field(description="1 to 200 characters, unique among parks in Unicode NFC.")
    timezone: str = strawberry.field(description="Name in the IANA time zone database, such as Europe/Amsterdam.")
    energy_type: EnergyType = column_field("energy_type", convert=EnergyType)


@strawberry.input
class UpdateParkInput:
    id: ID
    name: str | None = None
    timezone: str | None = None
    energy_type: EnergyType | None = None


@strawberry.input(description="A null list matches every park, an empty list none.")
class ParkFilterInput:
    energy_types: list[EnergyType] | None = None
    timezones: list[str] | None = None


@strawberry.type
class ParkQuery:
    get_park: Park | None = query_field(PARK, RequiresRole(READER))
    get_park_by_name: Park | None = query_field(FieldQuery(_park_by_name), RequiresRole(READER))
    list_parks: Connection[Park] = query_field(
        FieldQuery(_parks, order=BY_NAME), RequiresRole(READER), description="In order of name."
    )


@strawberry.type
class ParkMutation:
    @strawberry.mutation(extensions=[RequiresRole(OPERATOR)])
    async def create_park(self, info: Info, input: CreateParkInput) -> Park | None:
        async with info.context.change(info.field_name) as change:
            id = await db.parks.create(
                change.session,
                id=parse_optional_id(input.id, "input", "id"),
                name=input.name,
                timezone=input.timezone,
                energy_type=input.energy_type,
            )
            change.track_created(Kind.PARK, id)
        return await Park.load(info, id)

    @strawberry.mutation(
        description="Fails with Conflict if it changes the timezone of a park that has readings.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def update_park(self, info: Info, input: UpdateParkInput) -> Park | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.PARK, id)
            await db.parks.update_park(
                change.session, id=id, name=input.name, timezone=input.timezone, energy_type=input.energy_type
            )
        return await Park.load(info, id)
