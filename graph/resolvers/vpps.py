"""Queries and mutations for VPPs and their price schedules."""

from datetime import date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.reports
import db.sites
import db.vpps
from db.audit_entries import Kind
from db.engine.database import ReadStatement
from db.engine.names import normalised
from db.engine.statements import contains_ignoring_case, equals_any
from db.reports import RevenueReport as ReportTable
from db.sites import Site as SiteTable
from db.vpps import Terms
from db.vpps import Vpp as VppTable
from graph.auth.callers import MEMBER, OPERATOR
from graph.resolvers.context import Info
from graph.resolvers.fields import Connection, RowType, column_field, query_field
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import exact, exact_or_none, parse_id, parse_optional_id

if TYPE_CHECKING:
    from graph.resolvers.reports import RevenueReport
    from graph.resolvers.sites import Site

FOR_ALL_TIME = (
    "Without effectiveFrom, a change that would rewrite a history of several periods or a settled month"
    " is refused with Conflict, unless this is true."
)
BY_NAME = Order((col(VppTable.name),))


def _vpp(context: ReadContext, id: ID) -> ReadStatement:
    return db.vpps.vpps(context.scope, today=context.today).where(col(VppTable.id) == context.id(id, "id"))


def vpps_by_id(context: ReadContext) -> ReadStatement:
    """Select VPPs by their ids."""
    return db.vpps.vpps(context.scope, today=context.today).where(equals_any(col(VppTable.id), context.keys))


def _vpp_by_name(context: ReadContext, name: str) -> ReadStatement:
    in_nfc = context.parsed(name, normalised)
    return db.vpps.vpps(context.scope, today=context.today).where(col(VppTable.name) == in_nfc)


def _vpps(context: ReadContext, filter: "VppFilterInput | None" = None) -> ReadStatement:
    statement = db.vpps.vpps(context.scope, today=context.today)
    if filter and filter.name_contains is not None:
        statement = statement.where(contains_ignoring_case(col(VppTable.name), filter.name_contains))
    return statement


def _price_schedules(context: ReadContext) -> ReadStatement:
    return db.vpps.price_schedules(context.scope, context.keys)


def _sites(context: ReadContext, on: date | None = None) -> ReadStatement:
    return db.sites.sites_of_vpps(context.scope, context.keys, context.day(on))


def _revenue_reports(context: ReadContext) -> ReadStatement:
    return db.reports.reports_of_vpps(context.scope, context.keys)


VPP = FieldQuery(_vpp)
SITES = FieldQuery(_sites, parent_column="id", order=Order((col(SiteTable.nmi),)))
REVENUE_REPORTS = FieldQuery(
    _revenue_reports,
    parent_column="id",
    order=Order((col(ReportTable.month), col(ReportTable.revision)), descending=True),
)


@strawberry.type(
    description="A Virtual Power Plant: a group of sites whose batteries are traded together,"
    " and the terms for sharing the revenue."
)
class Vpp(RowType):
    id: ID
    name: str
    revenue_percentage: float = strawberry.field(
        description="The VPP's share of each site's revenue in percent, 0 to 100, in force today."
    )
    daily_fee_aud: float = strawberry.field(
        description="The daily fee for each site in AUD, in force today. Every month is charged as 28 days."
    )

    price_schedules: list["PriceSchedule"] = query_field(
        FieldQuery(_price_schedules, parent_column="id", key_column="vpp_id", is_list=True),
        description="All price schedules, earliest first.",
    )
    sites: Connection[Annotated["Site", strawberry.lazy("graph.resolvers.sites")]] = query_field(
        SITES, description="Sites that belong to the VPP on a settlement date, today if null. In order of NMI."
    )
    revenue_reports: Connection[Annotated["RevenueReport", strawberry.lazy("graph.resolvers.reports")]] = query_field(
        REVENUE_REPORTS, description="All revisions for all months, latest month and revision first."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Vpp | None":
        return await cls.load_first(info, VPP, id=str(id))


@strawberry.type(description="The terms of a VPP during a period.")
class PriceSchedule(RowType):
    revenue_percentage: float = strawberry.field(description="From 0 to 100.")
    daily_fee_aud: float = strawberry.field(description="Fee per site and day, for 28 days of every month.")
    effective_from: date | None = column_field("effective", convert=attrgetter("lower"))
    effective_until: date | None = column_field("effective", convert=attrgetter("upper"))


@strawberry.input
class CreateVppInput:
    id: ID | None = None
    name: str = strawberry.field(description="1 to 200 characters, unique among VPPs in Unicode NFC.")
    revenue_percentage: float = strawberry.field(description="From 0 to 100.")
    daily_fee_aud: float | None = strawberry.field(default=0, description="From 0 to 1,000,000.")


@strawberry.input
class UpdateVppInput:
    id: ID
    name: str | None = None
    revenue_percentage: float | None = None
    daily_fee_aud: float | None = None
    effective_from: date | None = strawberry.field(
        default=None,
        description="First day of the new terms; null changes the terms for all time. Refused with name.",
    )
    for_all_time: bool | None = strawberry.field(default=False, description=FOR_ALL_TIME)


@strawberry.input
class DeleteVppInput:
    id: ID


@strawberry.input
class VppFilterInput:
    name_contains: str | None = strawberry.field(default=None, description="A part of the name, in any case.")


@strawberry.type
class VppQuery:
    get_vpp: Vpp | None = query_field(VPP, RequiresRole(MEMBER))
    get_vpp_by_name: Vpp | None = query_field(FieldQuery(_vpp_by_name), RequiresRole(MEMBER))
    list_vpps: Connection[Vpp] = query_field(
        FieldQuery(_vpps, order=BY_NAME), RequiresRole(MEMBER), description="In order of name."
    )


@strawberry.type
class VppMutation:
    @strawberry.mutation(extensions=[RequiresRole(OPERATOR)])
    async def create_vpp(self, info: Info, input: CreateVppInput) -> Vpp | None:
        async with info.context.change(info.field_name) as change:
            id = await db.vpps.create(
                change.session,
                id=parse_optional_id(input.id, "input", "id"),
                name=input.name,
                terms=Terms(exact(input.revenue_percentage), exact(input.daily_fee_aud or 0)),
            )
            change.track_created(Kind.VPP, id)
        return await Vpp.load(info, id)

    @strawberry.mutation(
        description="Changes the name or the terms. With effectiveFrom, a new price schedule starts on that day.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def update_vpp(self, info: Info, input: UpdateVppInput) -> Vpp | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.VPP, id)
            await db.vpps.update_vpp(
                change.session,
                id=id,
                name=input.name,
                revenue_percentage=exact_or_none(input.revenue_percentage),
                daily_fee_aud=exact_or_none(input.daily_fee_aud),
                effective_from=input.effective_from,
                for_all_time=bool(input.for_all_time),
            )
        return await Vpp.load(info, id)

    @strawberry.mutation(
        description="Fails with Conflict if the VPP has or ever had sites, or has reports.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def delete_vpp(self, info: Info, input: DeleteVppInput) -> Vpp | None:
        id = parse_id(input.id, "input", "id")
        vpp = await Vpp.load(info, id)
        async with info.context.change(info.field_name) as change:
            await change.track(Kind.VPP, id)
            await db.vpps.delete_vpp(change.session, id=id)
        return vpp
