"""Queries and mutations for batteries at sites."""

from datetime import date, datetime
from operator import attrgetter
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.batteries
from db.audit_entries import Kind
from db.batteries import Battery as BatteryTable
from db.engine.database import ReadStatement
from db.retroactive_changes import check_day_or_for_all_time
from graph.auth.callers import MEMBER, OPERATOR
from graph.resolvers.context import Info
from graph.resolvers.fields import RowType, column_field, query_field
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import exact, exact_or_none, parse_id, parse_optional_id
from graph.resolvers.sites import Site, sites_by_id
from graph.resolvers.vpps import FOR_ALL_TIME


def _battery(context: ReadContext, id: ID) -> ReadStatement:
    return db.batteries.batteries(context.scope, on=context.today).where(col(BatteryTable.id) == context.id(id, "id"))


def _capacities(context: ReadContext) -> ReadStatement:
    return db.batteries.capacities(context.scope, context.keys)


BATTERY = FieldQuery(_battery)


@strawberry.type(description="A battery at a site. A battery that moves to another site is a new Battery there.")
class Battery(RowType):
    id: ID
    site_id: strawberry.Private[UUID]
    site: Site = query_field(FieldQuery(sites_by_id, parent_column="site_id", key_column="id"))
    manufacturer: str
    serial: str
    capacity_kwh: float = strawberry.field(
        description="Capacity today, or on the date `on` in Site.batteries."
        " If the battery is not installed today, its last capacity."
    )
    capacities: list["BatteryCapacity"] = query_field(
        FieldQuery(_capacities, parent_column="id", key_column="battery_id", is_list=True),
        description="All capacities since its installation, earliest first.",
    )
    effective_from: date | None = column_field("installed", convert=attrgetter("lower"))
    effective_until: date | None = column_field("installed", convert=attrgetter("upper"))
    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Battery | None":
        return await cls.load_first(info, BATTERY, id=str(id))


@strawberry.type(description="The capacity of a battery during a period.")
class BatteryCapacity(RowType):
    capacity_kwh: float
    effective_from: date | None = column_field("effective", convert=attrgetter("lower"))
    effective_until: date | None = column_field("effective", convert=attrgetter("upper"))


@strawberry.input
class AddBatteryInput:
    id: ID | None = None
    site_id: ID
    manufacturer: str = strawberry.field(description="1 to 200 characters.")
    serial: str = strawberry.field(
        description="1 to 200 characters. A manufacturer's serial can be installed at only one site on any day."
    )
    capacity_kwh: float = strawberry.field(description="From 0 to 1,000,000.")
    effective_from: date | None = strawberry.field(
        default=None, description="First day at the site; null means that the battery has always been there."
    )


@strawberry.input
class UpdateBatteryInput:
    id: ID
    manufacturer: str | None = None
    serial: str | None = None
    capacity_kwh: float | None = None
    effective_from: date | None = strawberry.field(
        default=None,
        description="First day of the new capacity; null changes it for all time. Refused with manufacturer or serial.",
    )
    for_all_time: bool | None = strawberry.field(default=False, description=FOR_ALL_TIME)


@strawberry.input
class RemoveBatteryInput:
    id: ID
    effective_from: date | None = strawberry.field(
        default=None, description="First day without the battery; null removes it as if it had never been installed."
    )
    for_all_time: bool | None = strawberry.field(default=False, description=FOR_ALL_TIME)


@strawberry.type
class BatteryQuery:
    get_battery: Battery | None = query_field(BATTERY, RequiresRole(MEMBER))


@strawberry.type
class BatteryMutation:
    @strawberry.mutation(extensions=[RequiresRole(OPERATOR)])
    async def add_battery(self, info: Info, input: AddBatteryInput) -> Battery | None:
        created = await info.context.create(
            Kind.BATTERY,
            info.field_name,
            db.batteries.add,
            id=parse_optional_id(input.id, "input", "id"),
            site_id=parse_id(input.site_id, "input", "siteId"),
            manufacturer=input.manufacturer,
            serial=input.serial,
            capacity_kwh=exact(input.capacity_kwh),
            effective_from=input.effective_from,
        )
        return await Battery.load_created(info, created, BATTERY)

    @strawberry.mutation(extensions=[RequiresRole(OPERATOR)])
    async def update_battery(self, info: Info, input: UpdateBatteryInput) -> Battery | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.BATTERY, id)
            await db.batteries.update_battery(
                change.session,
                id=id,
                manufacturer=input.manufacturer,
                serial=input.serial,
                capacity_kwh=exact_or_none(input.capacity_kwh),
                effective_from=input.effective_from,
                for_all_time=bool(input.for_all_time),
            )
        return await Battery.load(info, id)

    @strawberry.mutation(
        description="Removes a battery from its site, from a day on or for all time.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def remove_battery(self, info: Info, input: RemoveBatteryInput) -> Battery | None:
        id = parse_id(input.id, "input", "id")
        check_day_or_for_all_time(input.effective_from, for_all_time=bool(input.for_all_time))
        if input.effective_from is None:
            # Loaded first: the battery's row is deleted, and the mutation returns it.
            removed = await Battery.load(info, id)
            async with info.context.change(info.field_name) as change:
                await change.track(Kind.BATTERY, id)
                await db.batteries.remove_for_all_time(change.session, id=id, rewrites_history=bool(input.for_all_time))
            return removed
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.BATTERY, id)
            await db.batteries.remove(change.session, id=id, effective_from=input.effective_from)
        return await Battery.load(info, id)
