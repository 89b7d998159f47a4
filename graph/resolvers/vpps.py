"""VPPs, their price schedules and what can be done to them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Self
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.reports
import db.sites
import db.vpps
from db.audit_entries import Kind
from db.engine import AnyRow
from db.reports import RevenueReport as ReportTable
from db.sites import Membership as MembershipTable
from db.sites import Site as SiteTable
from db.vpps import Terms
from db.vpps import Vpp as VppTable
from graph.context import Info
from graph.loaders import OwnedList
from graph.paging import Order, page_request
from graph.permissions import MEMBER, OPERATOR, For
from graph.resolvers.rows import Connection, FromRow, key
from graph.scalars import exact, exact_or_none, parse_id, parse_optional_id

if TYPE_CHECKING:
    from graph.resolvers.reports import RevenueReport
    from graph.resolvers.sites import Site

BY_NAME = Order((col(VppTable.name),))
SITES = OwnedList(db.sites.sites_of_vpps, owner=col(MembershipTable.vpp_id), order=Order((col(SiteTable.nmi),)))
REPORTS = OwnedList(
    db.reports.reports_of_vpps,
    owner=col(ReportTable.vpp_id),
    order=Order((col(ReportTable.month), col(ReportTable.revision)), descending=True),
)


@strawberry.type(
    description="A Virtual Power Plant: sites whose batteries are traded together,"
    " and the terms on which they share the revenue."
)
class Vpp(FromRow):
    id: ID
    name: str
    revenue_percentage: float = strawberry.field(
        description="The share of revenue the VPP takes, 0 to 100, in force today."
    )
    daily_fee_aud: float = strawberry.field(
        description="Charged to each site for 28 days of every month, in force today."
    )

    @strawberry.field(description="Every price schedule, earliest first.")
    async def price_schedules(self, info: Info) -> list["PriceSchedule"]:
        return PriceSchedule.of_each(await info.context.loaders.price_schedules.load(key(self.id)))

    @strawberry.field(description="Its sites on a settlement date; today if none is given.")
    async def sites(
        self, info: Info, on: date | None = None, limit: int | None = None, next_token: str | None = None
    ) -> Connection[Annotated["Site", strawberry.lazy("graph.resolvers.sites")]]:
        from graph.resolvers.sites import Site

        page = await info.context.loaders.page(
            SITES, key(self.id), on or info.context.today, limit=limit, next_token=next_token
        )
        return Connection.of(Site, page)

    @strawberry.field
    async def revenue_reports(
        self, info: Info, limit: int | None = None, next_token: str | None = None
    ) -> Connection[Annotated["RevenueReport", strawberry.lazy("graph.resolvers.reports")]]:
        from graph.resolvers.reports import RevenueReport

        page = await info.context.loaders.page(REPORTS, key(self.id), limit=limit, next_token=next_token)
        return Connection.of(RevenueReport, page)

    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Vpp | None":
        return cls.of_any(await info.context.loaders.vpp.load((id, info.context.today)))


@strawberry.type(description="What a VPP charges its sites over a period.")
class PriceSchedule(FromRow):
    revenue_percentage: float
    daily_fee_aud: float
    effective_from: date | None
    effective_until: date | None

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(
            revenue_percentage=row.revenue_percentage,
            daily_fee_aud=row.daily_fee_aud,
            effective_from=row.effective.lower,
            effective_until=row.effective.upper,
        )


@strawberry.input
class CreateVppInput:
    id: ID | None = None
    name: str
    revenue_percentage: float
    daily_fee_aud: float | None = 0


@strawberry.input
class UpdateVppInput:
    id: ID
    name: str | None = None
    revenue_percentage: float | None = None
    daily_fee_aud: float | None = None
    effective_from: date | None = None


@strawberry.input
class DeleteVppInput:
    id: ID


@strawberry.input
class VppFilterInput:
    name_contains: str | None = None


@strawberry.type
class VppQuery:
    @strawberry.field(extensions=[For(MEMBER)])
    async def get_vpp(self, info: Info, id: ID) -> Vpp | None:
        return await Vpp.load(info, parse_id(id, "id"))

    @strawberry.field(extensions=[For(MEMBER)])
    async def get_vpp_by_name(self, info: Info, name: str) -> Vpp | None:
        read = db.vpps.vpps(info.context.reach, today=info.context.today).where(col(VppTable.name) == name.strip())
        return Vpp.of_any(await info.context.database.row(read))

    @strawberry.field(extensions=[For(MEMBER)])
    async def list_vpps(
        self,
        info: Info,
        filter: VppFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[Vpp]:
        page = page_request(limit, next_token, order=BY_NAME, of=("listVpps", filter))
        read = db.vpps.vpps(info.context.reach, today=info.context.today)
        if filter and filter.name_contains is not None:
            read = read.where(col(VppTable.name).icontains(filter.name_contains, autoescape=True))
        return Connection.of(Vpp, await page.read(info.context.database, read))


@strawberry.type
class VppMutation:
    @strawberry.mutation(extensions=[For(OPERATOR)])
    async def create_vpp(self, info: Info, input: CreateVppInput) -> Vpp | None:
        async with info.context.change(info.field_name) as change:
            id = await db.vpps.create(
                change.session,
                id=parse_optional_id(input.id, "input", "id"),
                name=input.name,
                terms=Terms(exact(input.revenue_percentage), exact(input.daily_fee_aud or 0)),
            )
            change.created(Kind.VPP, id)
        return await Vpp.load(info, id)

    @strawberry.mutation(
        description="Name and terms. Terms with effectiveFrom start a new price schedule on that day.",
        extensions=[For(OPERATOR)],
    )
    async def update_vpp(self, info: Info, input: UpdateVppInput) -> Vpp | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.VPP, id)
            await db.vpps.update_vpp(
                change.session,
                id=id,
                name=input.name,
                revenue_percentage=exact_or_none(input.revenue_percentage),
                daily_fee_aud=exact_or_none(input.daily_fee_aud),
                effective_from=input.effective_from,
            )
        return await Vpp.load(info, id)

    @strawberry.mutation(
        description="Refused with Conflict while the VPP has sites or reports.", extensions=[For(OPERATOR)]
    )
    async def delete_vpp(self, info: Info, input: DeleteVppInput) -> Vpp | None:
        id = parse_id(input.id, "input", "id")
        vpp = await Vpp.load(info, id)
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.VPP, id)
            await db.vpps.delete_vpp(change.session, id=id)
        return vpp
