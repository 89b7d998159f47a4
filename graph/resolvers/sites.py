"""Queries and mutations for sites and their memberships in VPPs."""

from datetime import date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.batteries
import db.events
import db.sites
from db.audit_entries import Kind
from db.engine.database import ReadStatement
from db.engine.refusals import ValidationFailed
from db.engine.statements import contains_ignoring_case, equals_any
from db.events import EVENTS_OF_SITES
from db.sites import Site as SiteTable
from graph.auth.callers import MEMBER, OPERATOR
from graph.resolvers.context import Info
from graph.resolvers.fields import Connection, RowType, column_field, query_field
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import parse_id, parse_optional_id
from graph.resolvers.vpps import FOR_ALL_TIME, Vpp, vpps_by_id
from graph.settlement.nmi import MalformedNmi, parse_nmi

if TYPE_CHECKING:
    from graph.resolvers.batteries import Battery
    from graph.resolvers.events import BatteryEvent

BY_NMI = Order((col(SiteTable.nmi),))
BY_DAY = Order((EVENTS_OF_SITES.c.settlement_date, EVENTS_OF_SITES.c.import_id, EVENTS_OF_SITES.c.line_number))


class InvalidNmi(ValidationFailed):
    """{reason}"""


def _site(context: ReadContext, id: ID) -> ReadStatement:
    return db.sites.sites(context.scope).where(col(SiteTable.id) == context.id(id, "id"))


def _site_by_nmi(context: ReadContext, nmi: str) -> ReadStatement:
    return db.sites.sites(context.scope).where(
        col(SiteTable.nmi) == context.parsed(nmi, lambda text: parse_nmi_field(text, "nmi"))
    )


def _sites(context: ReadContext, filter: "SiteFilterInput | None" = None) -> ReadStatement:
    statement = db.sites.sites(context.scope)
    if filter and filter.vpp_id is not None:
        vpp_id = context.id(filter.vpp_id, "filter", "vppId")
        statement = db.sites.sites_of_vpps(context.scope, vpp_id, context.day(filter.on))
    if filter and filter.address_contains is not None:
        statement = statement.where(contains_ignoring_case(col(SiteTable.address), filter.address_contains))
    return statement


def _vpp(context: ReadContext, on: date | None = None) -> ReadStatement:
    return db.sites.vpps_of_sites(context.scope, context.keys, on=context.day(on), today=context.today)


def _memberships(context: ReadContext) -> ReadStatement:
    return db.sites.memberships(context.scope, context.keys)


def _batteries(context: ReadContext, on: date | None = None) -> ReadStatement:
    return db.batteries.batteries_of_sites(context.scope, context.keys, on=context.day(on))


def _capacity(context: ReadContext, on: date | None = None) -> ReadStatement:
    return db.batteries.capacities_of_sites(context.scope, context.keys, on=context.day(on))


def _events(
    context: ReadContext,
    from_: Annotated[date | None, strawberry.argument(name="from")] = None,
    until: date | None = None,
) -> ReadStatement:
    return db.events.events_of_sites(context.scope, context.keys, from_, until)


def sites_by_id(context: ReadContext) -> ReadStatement:
    """Select sites by their ids."""
    return db.sites.sites(context.scope).where(equals_any(col(SiteTable.id), context.keys))


SITE = FieldQuery(_site)


@strawberry.type(description="A metered connection point with batteries behind it.")
class Site(RowType):
    id: ID
    nmi: str = strawberry.field(description="National Metering Identifier: 10 characters, without the check digit.")
    address: str
    vpp: Vpp | None = query_field(
        FieldQuery(_vpp, parent_column="id", key_column="site_id"),
        description="The VPP that the site belongs to on a settlement date, today if null. Null if it belongs to none.",
    )
    memberships: list["Membership"] = query_field(
        FieldQuery(_memberships, parent_column="id", key_column="site_id", is_list=True),
        description="The periods in which the site belongs to a VPP, earliest first.",
    )
    batteries: list[Annotated["Battery", strawberry.lazy("graph.resolvers.batteries")]] = query_field(
        FieldQuery(_batteries, parent_column="id", key_column="site_id", is_list=True),
        description="Batteries installed at the site on a settlement date, today if null.",
    )
    capacity_kwh: float = query_field(
        FieldQuery(_capacity, parent_column="id", key_column="site_id", value_column="capacity_kwh", default=0.0),
        description="Total capacity of the batteries installed on a settlement date, today if null.",
    )
    events: Connection[Annotated["BatteryEvent", strawberry.lazy("graph.resolvers.events")]] = query_field(
        FieldQuery(_events, parent_column="id", order=BY_DAY),
        description="Events in order of settlement date, including `from` and excluding `until`; null is open-ended.",
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Site | None":
        return await cls.load_first(info, SITE, id=str(id))


@strawberry.type(description="A period in which a site belongs to a VPP.")
class Membership(RowType):
    vpp_id: strawberry.Private[UUID]
    vpp: Vpp = query_field(FieldQuery(vpps_by_id, parent_column="vpp_id", key_column="id"))
    effective_from: date | None = column_field("effective", convert=attrgetter("lower"))
    effective_until: date | None = column_field("effective", convert=attrgetter("upper"))


@strawberry.input
class CreateSiteInput:
    id: ID | None = None
    vpp_id: ID
    nmi: str = strawberry.field(
        description="10 characters, or 11 with the check digit, which is verified and not stored."
    )
    address: str = strawberry.field(description="1 to 500 characters.")
    effective_from: date | None = strawberry.field(
        default=None, description="First day in the VPP; null means that the site has always belonged to it."
    )


@strawberry.input
class UpdateSiteInput:
    id: ID
    nmi: str | None = strawberry.field(
        default=None, description="10 characters, or 11 with the check digit, which is verified and not stored."
    )
    address: str | None = None


@strawberry.input
class AssignSiteInput:
    site_id: ID
    vpp_id: ID
    effective_from: date | None = strawberry.field(
        default=None, description="First day in the VPP; null means that the site has always belonged to it."
    )
    for_all_time: bool | None = strawberry.field(default=False, description=FOR_ALL_TIME)


@strawberry.input
class UnassignSiteInput:
    site_id: ID
    effective_from: date = strawberry.field(description="First day on which the site belongs to no VPP.")


@strawberry.input
class DeleteSiteInput:
    id: ID


@strawberry.input
class SiteFilterInput:
    vpp_id: ID | None = strawberry.field(default=None, description="Sites that belong to this VPP on the date `on`.")
    on: date | None = strawberry.field(default=None, description="Settlement date for vppId, today if null.")
    address_contains: str | None = strawberry.field(default=None, description="A part of the address, in any case.")


@strawberry.type
class SiteQuery:
    get_site: Site | None = query_field(SITE, RequiresRole(MEMBER))
    get_site_by_nmi: Site | None = query_field(FieldQuery(_site_by_nmi), RequiresRole(MEMBER))
    list_sites: Connection[Site] = query_field(
        FieldQuery(_sites, order=BY_NMI), RequiresRole(MEMBER), description="In order of NMI."
    )


@strawberry.type
class SiteMutation:
    @strawberry.mutation(extensions=[RequiresRole(OPERATOR)])
    async def create_site(self, info: Info, input: CreateSiteInput) -> Site | None:
        created = await info.context.create(
            Kind.SITE,
            info.field_name,
            db.sites.create,
            id=parse_optional_id(input.id, "input", "id"),
            vpp_id=parse_id(input.vpp_id, "input", "vppId"),
            nmi=parse_nmi_field(input.nmi, "input", "nmi"),
            address=input.address,
            effective_from=input.effective_from,
        )
        return await Site.load_created(info, created, SITE)

    @strawberry.mutation(extensions=[RequiresRole(OPERATOR)])
    async def update_site(self, info: Info, input: UpdateSiteInput) -> Site | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.SITE, id)
            await db.sites.update_site(
                change.session,
                id=id,
                nmi=None if input.nmi is None else parse_nmi_field(input.nmi, "input", "nmi"),
                address=input.address,
            )
        return await Site.load(info, id)

    @strawberry.mutation(
        description="Moves a site to a VPP, from a day on or for all time.", extensions=[RequiresRole(OPERATOR)]
    )
    async def assign_site(self, info: Info, input: AssignSiteInput) -> Site | None:
        id = parse_id(input.site_id, "input", "siteId")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.SITE, id)
            await db.sites.assign(
                change.session,
                site_id=id,
                vpp_id=parse_id(input.vpp_id, "input", "vppId"),
                effective_from=input.effective_from,
                for_all_time=bool(input.for_all_time),
            )
        return await Site.load(info, id)

    @strawberry.mutation(
        description="Takes a site out of its VPP: from a day on it belongs to no VPP, and its events count for none."
        " The days before stay as they are.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def unassign_site(self, info: Info, input: UnassignSiteInput) -> Site | None:
        id = parse_id(input.site_id, "input", "siteId")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.SITE, id)
            await db.sites.unassign(change.session, site_id=id, effective_from=input.effective_from)
        return await Site.load(info, id)

    @strawberry.mutation(
        description="Deletes a site and its batteries. Fails with Conflict once the site has events.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def delete_site(self, info: Info, input: DeleteSiteInput) -> Site | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.SITE, id)
            # Deleting a site deletes its batteries; each gets an audit entry of its own.
            for battery_id in await db.batteries.lock_batteries_of_site(change.session, site_id=id):
                await change.track(Kind.BATTERY, battery_id)
            return Site.from_row(await db.sites.delete_site(change.session, id=id))


def parse_nmi_field(text: str, *field: str) -> str:
    try:
        return parse_nmi(text)
    except MalformedNmi as malformed:
        raise InvalidNmi(reason=malformed, field=field) from None
