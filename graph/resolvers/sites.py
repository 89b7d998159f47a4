"""Sites, their memberships in VPPs and what can be done to them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Self
from uuid import UUID

import strawberry
from sqlmodel import col
from strawberry import ID

import db.batteries
import db.events
import db.sites
from db.audit_entries import Kind
from db.engine import AnyRow
from db.events import EVENTS
from db.refusals import ValidationFailed
from db.sites import Site as SiteTable
from graph.context import Info
from graph.loaders import OwnedList
from graph.nmi import MalformedNmi, parse_nmi
from graph.paging import Order, page_request
from graph.permissions import MEMBER, OPERATOR, For
from graph.resolvers.rows import Connection, FromRow, key, there
from graph.resolvers.vpps import Vpp
from graph.scalars import parse_id, parse_optional_id

if TYPE_CHECKING:
    from graph.resolvers.batteries import Battery
    from graph.resolvers.events import BatteryEvent

BY_NMI = Order((col(SiteTable.nmi),))
EVENTS_OF_SITE = OwnedList(
    db.events.events_of_sites,
    owner=EVENTS.c.site_id,
    order=Order((EVENTS.c.settlement_date, EVENTS.c.import_id, EVENTS.c.line_number)),
)


class NmiRefused(ValidationFailed):
    """{reason}"""


@strawberry.type(description="A metered connection point with batteries behind it.")
class Site(FromRow):
    id: ID
    nmi: str = strawberry.field(description="National Metering Identifier: ten characters, without its check digit.")
    address: str

    @strawberry.field(description="The VPP it belongs to on a settlement date; today if none is given.")
    async def vpp(self, info: Info, on: date | None = None) -> Vpp | None:
        vpp_id = await info.context.loaders.vpp_of_site.load((key(self.id), on or info.context.today))
        return None if vpp_id is None else await Vpp.load(info, vpp_id)

    @strawberry.field(description="Every VPP it has belonged to, earliest first.")
    async def memberships(self, info: Info) -> list["Membership"]:
        return Membership.of_each(await info.context.loaders.memberships.load(key(self.id)))

    @strawberry.field(description="Those installed on a settlement date; today if none is given.")
    async def batteries(
        self, info: Info, on: date | None = None
    ) -> list[Annotated["Battery", strawberry.lazy("graph.resolvers.batteries")]]:
        from graph.resolvers.batteries import Battery

        rows = await info.context.loaders.batteries_of_site.load((key(self.id), on or info.context.today))
        return [Battery.of(row) for row in rows]

    @strawberry.field
    async def capacity_kwh(self, info: Info, on: date | None = None) -> float:
        return float(await info.context.loaders.capacity_of_site.load((key(self.id), on or info.context.today)))

    @strawberry.field
    async def events(
        self,
        info: Info,
        from_: Annotated[date | None, strawberry.argument(name="from")] = None,
        until: date | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[Annotated["BatteryEvent", strawberry.lazy("graph.resolvers.events")]]:
        from graph.resolvers.events import BatteryEvent

        page = await info.context.loaders.page(
            EVENTS_OF_SITE, key(self.id), from_, until, limit=limit, next_token=next_token
        )
        return Connection.of(BatteryEvent, page)

    created_at: datetime
    updated_at: datetime

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "Site | None":
        return cls.of_any(await info.context.loaders.site.load(id))


@strawberry.type(description="A site's time in a VPP.")
class Membership(FromRow):
    vpp_id: strawberry.Private[UUID]

    @strawberry.field
    async def vpp(self, info: Info) -> Vpp:
        return there(await Vpp.load(info, self.vpp_id))

    effective_from: date | None
    effective_until: date | None

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(vpp_id=row.vpp_id, effective_from=row.effective.lower, effective_until=row.effective.upper)


@strawberry.input
class CreateSiteInput:
    id: ID | None = None
    vpp_id: ID
    nmi: str = strawberry.field(description="10 characters, or 11 with the check digit.")
    address: str
    effective_from: date | None = None


@strawberry.input
class UpdateSiteInput:
    id: ID
    nmi: str | None = None
    address: str | None = None


@strawberry.input
class AssignSiteInput:
    site_id: ID
    vpp_id: ID
    effective_from: date | None = None


@strawberry.input
class DeleteSiteInput:
    id: ID


@strawberry.input
class SiteFilterInput:
    vpp_id: ID | None = None
    on: date | None = strawberry.field(
        default=None, description="Reads vppId as of this settlement date; today if none is given."
    )
    address_contains: str | None = None


@strawberry.type
class SiteQuery:
    @strawberry.field(extensions=[For(MEMBER)])
    async def get_site(self, info: Info, id: ID) -> Site | None:
        return await Site.load(info, parse_id(id, "id"))

    @strawberry.field(extensions=[For(MEMBER)])
    async def get_site_by_nmi(self, info: Info, nmi: str) -> Site | None:
        read = db.sites.sites(info.context.reach).where(col(SiteTable.nmi) == _nmi(nmi, "nmi"))
        return Site.of_any(await info.context.database.row(read))

    @strawberry.field(extensions=[For(MEMBER)])
    async def list_sites(
        self,
        info: Info,
        filter: SiteFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[Site]:
        page = page_request(limit, next_token, order=BY_NMI, of=("listSites", filter))
        read = db.sites.sites(info.context.reach)
        if filter and filter.vpp_id is not None:
            vpp_id = parse_id(filter.vpp_id, "filter", "vppId")
            read = db.sites.sites_of_vpps(info.context.reach, [vpp_id], filter.on or info.context.today)
        if filter and filter.address_contains is not None:
            read = read.where(col(SiteTable.address).icontains(filter.address_contains, autoescape=True))
        return Connection.of(Site, await page.read(info.context.database, read))


@strawberry.type
class SiteMutation:
    @strawberry.mutation(extensions=[For(OPERATOR)])
    async def create_site(self, info: Info, input: CreateSiteInput) -> Site | None:
        async with info.context.change(info.field_name) as change:
            id = await db.sites.create(
                change.session,
                id=parse_optional_id(input.id, "input", "id"),
                vpp_id=parse_id(input.vpp_id, "input", "vppId"),
                nmi=_nmi(input.nmi, "input", "nmi"),
                address=input.address,
                effective_from=input.effective_from,
            )
            change.created(Kind.SITE, id)
        return await Site.load(info, id)

    @strawberry.mutation(extensions=[For(OPERATOR)])
    async def update_site(self, info: Info, input: UpdateSiteInput) -> Site | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.SITE, id)
            await db.sites.update_site(
                change.session,
                id=id,
                nmi=None if input.nmi is None else _nmi(input.nmi, "input", "nmi"),
                address=input.address,
            )
        return await Site.load(info, id)

    @strawberry.mutation(description="Moves a site to another VPP.", extensions=[For(OPERATOR)])
    async def assign_site(self, info: Info, input: AssignSiteInput) -> Site | None:
        id = parse_id(input.site_id, "input", "siteId")
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.SITE, id)
            await db.sites.assign(
                change.session,
                site_id=id,
                vpp_id=parse_id(input.vpp_id, "input", "vppId"),
                effective_from=input.effective_from,
            )
        return await Site.load(info, id)

    @strawberry.mutation(description="Refused with Conflict once the site has events.", extensions=[For(OPERATOR)])
    async def delete_site(self, info: Info, input: DeleteSiteInput) -> Site | None:
        id = parse_id(input.id, "input", "id")
        async with info.context.change(info.field_name) as change:
            await change.of(Kind.SITE, id)
            # They go with it.
            for battery_id in await db.batteries.held_at_site(change.session, site_id=id):
                await change.of(Kind.BATTERY, battery_id)
            return Site.of(await db.sites.delete_site(change.session, id=id))


def _nmi(text: str, *field: str) -> str:
    try:
        return parse_nmi(text)
    except MalformedNmi as malformed:
        raise NmiRefused(reason=malformed, field=field) from None
