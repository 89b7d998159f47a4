"""
Revenue reports: settled months of VPPs, as numbered revisions that never change, and their line items.

The inputs of a settlement have an identity: a hash of terms, memberships, capacities and events of the month. A report
stores the identity that it was settled from, so comparing it with the current identity shows whether it is stale.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ColumnElement,
    Date,
    Index,
    Numeric,
    String,
    TextualSelect,
    UniqueConstraint,
    Uuid,
    bindparam,
    false,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, Range, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import Field, col

from db import jobs
from db.batteries import Battery, BatteryCapacity
from db.engine.database import AnyRow, ReadStatement
from db.engine.refusals import NotFound
from db.engine.scope import Scope, as_database_owner, scope_of
from db.engine.statements import equals_any
from db.engine.tables import Table, created_at_column, timestamp_column
from db.jobs import Job
from db.site_months import SiteMonth
from db.sites import Membership, Site
from db.vpps import Vpp, VppNotFound


class Status(StrEnum):
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


def money_column(*, nullable: bool = False) -> Any:
    """Return a column of amounts in AUD, rounded to the cent."""
    return Field(default=None, sa_type=Numeric(20, 2), nullable=nullable)


class RevenueReport(Table, table=True):
    __tablename__ = "revenue_reports"
    __table_args__ = (
        UniqueConstraint("vpp_id", "month", "revision", name="revenue_reports_revision_once"),
        Index("revenue_reports_created_at_id", "created_at", "id"),
        CheckConstraint("status in ('PENDING', 'READY', 'FAILED')", name="revenue_reports_status_is_known"),
        CheckConstraint("extract(day from month) = 1", name="revenue_reports_month_is_first_day"),
        CheckConstraint(
            "(status = 'READY') = (settled_from is not null and total_revenue_aud is not null)",
            name="revenue_reports_ready_has_figures",
        ),
        CheckConstraint(
            "total_revenue_aud = ad_valorem_fee_aud + daily_fees_aud + site_total_aud"
            " and vpp_total_aud = ad_valorem_fee_aud + daily_fees_aud + cost_only_aud",
            name="revenue_reports_totals_add_up",
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    vpp_id: UUID = Field(foreign_key="vpps.id", ondelete="RESTRICT")
    month: date
    revision: int
    status: str = Status.PENDING
    failure_reason: str | None = None
    created_at: datetime = created_at_column()
    finished_at: datetime | None = timestamp_column()

    # The identity, name and terms at the time of the settlement.
    settled_from: str | None = None
    vpp_name: str | None = None
    terms: list[dict[str, Any]] | None = Field(default=None, sa_type=JSONB)
    # The exact numbers of each span (graph/settlement/steps.py). Null in reports that were settled before the numbers
    # were kept.
    settled_spans: list[list[str]] | None = Field(default=None, sa_type=JSONB(none_as_null=True))

    # The keys and the SHA-256, in hexadecimal digits, of the report's files.
    json_key: str | None = None
    json_sha256: str | None = None
    csv_key: str | None = None
    csv_sha256: str | None = None

    total_revenue_aud: Decimal | None = money_column(nullable=True)
    ad_valorem_fee_aud: Decimal | None = money_column(nullable=True)
    daily_fees_aud: Decimal | None = money_column(nullable=True)
    cost_only_aud: Decimal | None = money_column(nullable=True)
    vpp_total_aud: Decimal | None = money_column(nullable=True)
    site_total_aud: Decimal | None = money_column(nullable=True)


class SiteLineItem(Table, table=True):
    __tablename__ = "site_line_items"
    __table_args__ = (
        CheckConstraint(
            "before_fees_aud = event_share_aud + capacity_share_aud"
            " and after_fees_aud = before_fees_aud - daily_fee_aud",
            name="site_line_items_add_up",
        ),
    )

    report_id: UUID = Field(foreign_key="revenue_reports.id", ondelete="CASCADE", primary_key=True)
    nmi: str = Field(primary_key=True)
    # No foreign key: the id of a site that is deleted stays, so that its owner still sees its statements.
    site_id: UUID | None = Field(default=None, index=True)
    address: str
    capacity_kwh: Decimal
    member_days: int
    revenue_aud: Decimal = money_column()
    ad_valorem_fee_aud: Decimal = money_column()
    event_share_aud: Decimal = money_column()
    capacity_share_aud: Decimal = money_column()
    before_fees_aud: Decimal = money_column()
    daily_fee_aud: Decimal = money_column()
    waived_fee_aud: Decimal = money_column()
    after_fees_aud: Decimal = money_column()
    # The exact revenue and capacity in each of the report's `settled_spans`, or null where the site is not a member.
    settled_numbers: list[list[str] | None] | None = Field(default=None, sa_type=JSONB(none_as_null=True))


class ReportVppNotFound(VppNotFound):
    """There is no VPP with the id {id}."""

    field = ("input", "vppId")


class RevenueReportNotFound(NotFound):
    """There is no revenue report with the id {id}."""

    field = ("id",)


# Computes the identity of the inputs of each requested VPP and month. Periods are clipped to the month and numbers are
# normalised by trim_scale, so a change that does not affect the month does not change its identity.
IDENTITIES = text("""
    select
        requested.vpp_id,
        requested.month,
        encode(sha256(convert_to(jsonb_build_array(
            vpps.name,
            (
                select jsonb_agg(
                    jsonb_build_array(
                        schedules.effective * requested.days,
                        trim_scale(schedules.revenue_percentage),
                        trim_scale(schedules.daily_fee_aud)
                    )
                    order by schedules.effective
                )
                from price_schedules schedules
                where schedules.vpp_id = requested.vpp_id and schedules.effective && requested.days
            ),
            (
                select jsonb_agg(
                    jsonb_build_array(sites.id, sites.nmi, sites.address, memberships.effective * requested.days)
                    order by sites.nmi, memberships.effective
                )
                from memberships
                join sites on sites.id = memberships.site_id
                where memberships.vpp_id = requested.vpp_id and memberships.effective && requested.days
            ),
            (
                select jsonb_agg(
                    jsonb_build_array(
                        batteries.id,
                        batteries.site_id,
                        capacities.effective * requested.days,
                        trim_scale(capacities.capacity_kwh)
                    )
                    order by batteries.id, capacities.effective
                )
                from batteries
                join battery_capacities capacities on capacities.battery_id = batteries.id
                where capacities.effective && requested.days
                  and batteries.site_id in (
                      select site_id from memberships where vpp_id = requested.vpp_id and effective && requested.days
                  )
            ),
            (
                select jsonb_agg(
                    jsonb_build_array(site_months.site_id, site_months.import_id, site_months.event_count)
                    order by site_months.site_id, site_months.import_id
                )
                from site_months
                where site_months.month = requested.month
                  and site_months.event_count > 0
                  and site_months.site_id in (
                      select site_id from memberships where vpp_id = requested.vpp_id and effective && requested.days
                  )
            )
        )::text, 'UTF8')), 'hex') as identity
    from (
        select vpp_id, month, daterange(month, (month + interval '1 month')::date) as days
        from unnest(cast(:vpp_ids as uuid[]), cast(:months as date[])) as pairs (vpp_id, month)
    ) requested
    join vpps on vpps.id = requested.vpp_id
""")


TOTALS = (
    *(col(RevenueReport.total_revenue_aud), col(RevenueReport.ad_valorem_fee_aud), col(RevenueReport.daily_fees_aud)),
    *(col(RevenueReport.cost_only_aud), col(RevenueReport.vpp_total_aud), col(RevenueReport.site_total_aud)),
)


def reports(scope: Scope) -> ReadStatement:
    """Select revenue reports."""
    return select(
        *(col(RevenueReport.id), col(RevenueReport.vpp_id), col(RevenueReport.month), col(RevenueReport.revision)),
        *(col(RevenueReport.status), col(RevenueReport.failure_reason), col(RevenueReport.settled_from)),
        *(col(RevenueReport.vpp_name), col(RevenueReport.json_key), col(RevenueReport.csv_key)),
        *(col(RevenueReport.created_at), is_latest(scope).label("is_latest"), *TOTALS),
        col(RevenueReport.terms).label("settled_terms"),
    ).where(*scope.reports(RevenueReport))


def reports_of_vpps(scope: Scope, vpp_ids: Sequence[UUID]) -> ReadStatement:
    """Select all revisions of all months of some VPPs."""
    return reports(scope).where(equals_any(col(RevenueReport.vpp_id), vpp_ids))


def a_minute_ago() -> ReadStatement:
    """
    Select the time one minute ago, by the clock of Postgres.

    `finished_at` is set shortly before the commit that makes a finished report visible; a minute covers the difference.
    """
    return select((func.clock_timestamp() - timedelta(minutes=1)).label("instant"))


def is_latest(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a report is the latest revision of its VPP and month within the scope."""
    later = aliased(RevenueReport)
    return ~(
        select(col(later.id))
        .where(
            *(col(later.vpp_id) == RevenueReport.vpp_id, col(later.month) == RevenueReport.month),
            *(col(later.revision) > RevenueReport.revision, *scope.reports(later)),
        )
        .exists()
    )


def identities(vpp_months: Sequence[tuple[UUID, date]]) -> TextualSelect:
    """Select the current identity of the inputs of each VPP's month."""
    vpp_ids, months = [vpp_id for vpp_id, _ in vpp_months], [month for _, month in vpp_months]
    read = IDENTITIES.bindparams(bindparam("vpp_ids", vpp_ids, ARRAY(Uuid)), bindparam("months", months, ARRAY(Date)))
    return read.columns(vpp_id=Uuid, month=Date, identity=String)


def line_items(scope: Scope, report_ids: Sequence[UUID]) -> ReadStatement:
    """
    Select the line items of some reports.

    `shows_pool` is false for a scope of sites: the pool and the capacities of all members tell what other sites earned.
    """
    in_scope = scope.line_items(col(SiteLineItem.report_id), col(SiteLineItem.site_id))
    columns = SiteLineItem.__table__.c  # type: ignore[attr-defined]
    shows_pool = (true() if scope.site_ids is None else false()).label("shows_pool")
    report = aliased(RevenueReport)
    spans = select(col(report.settled_spans)).where(col(report.id) == SiteLineItem.report_id).scalar_subquery()
    return select(*columns, spans.label("settled_spans"), shows_pool).where(
        equals_any(col(SiteLineItem.report_id), report_ids), *in_scope
    )


def members_in_month(vpp_id: UUID, month: Range[date]) -> ReadStatement:
    """Select the sites that are members of a VPP on any day of a month, each with its days of membership."""
    return (
        select(
            *(col(Site.id), col(Site.nmi), col(Site.address)),
            (col(Membership.effective) * month).label("effective"),
        )
        .join(Membership, col(Membership.site_id) == Site.id)
        .where(col(Membership.vpp_id) == vpp_id, col(Membership.effective).op("&&")(month))
        .order_by(col(Site.nmi), col(Membership.effective))
    )


def capacities_in_month(vpp_id: UUID, month: Range[date]) -> ReadStatement:
    """Select the battery capacities of all sites that are members of a VPP on any day of a month."""
    members = select(col(Membership.site_id)).where(
        col(Membership.vpp_id) == vpp_id, col(Membership.effective).op("&&")(month)
    )
    return (
        select(
            *(col(Battery.site_id), col(BatteryCapacity.capacity_kwh)),
            (col(BatteryCapacity.effective) * month).label("effective"),
        )
        .join(BatteryCapacity, col(BatteryCapacity.battery_id) == Battery.id)
        .where(col(Battery.site_id).in_(members), col(BatteryCapacity.effective).op("&&")(month))
    )


def month_earnings(site_ids: Sequence[UUID], month: date) -> ReadStatement:
    """Select the earnings of some sites in a whole month, from its site months."""
    return (
        select(
            col(SiteMonth.site_id),
            func.sum(SiteMonth.revenue_aud).label("revenue_aud"),
            func.sum(SiteMonth.cost_only_aud).label("cost_only_aud"),
        )
        .where(col(SiteMonth.month) == month, equals_any(col(SiteMonth.site_id), site_ids))
        .group_by(col(SiteMonth.site_id))
    )


async def request(session: AsyncSession, *, vpp_id: UUID, month: date) -> UUID:
    """
    Create a new revision of a month's report and enqueue its settlement, and return the id of the report.

    The id of the latest revision is returned instead if it is READY and not stale, or if its job is still queued: a
    worker that picks the job later reads a snapshot with all changes until now. Raises ReportVppNotFound.
    """
    # The lock serialises concurrent calls, so that only one call adds a revision.
    conditions = (col(Vpp.id) == vpp_id, *scope_of(session).vpps(col(Vpp.id)))
    if await session.scalar(select(col(Vpp.id)).where(*conditions).with_for_update(key_share=True)) is None:
        raise ReportVppNotFound(id=vpp_id)
    async with as_database_owner(session):
        return await _request(session, vpp_id=vpp_id, month=month)


async def _request(session: AsyncSession, *, vpp_id: UUID, month: date) -> UUID:
    of_month = (col(RevenueReport.vpp_id) == vpp_id, col(RevenueReport.month) == month)
    latest = (
        await session.scalars(
            select(RevenueReport).where(*of_month).order_by(col(RevenueReport.revision).desc()).limit(1)
        )
    ).one_or_none()
    if latest is not None and latest.status == Status.PENDING:
        # Once its job is picked, the settlement may have read its snapshot already.
        if await jobs.is_queued(session, Job.SETTLE, id=latest.id):
            return latest.id
    elif latest is not None and latest.status == Status.READY:
        identity = (await session.execute(identities([(vpp_id, month)]))).one().identity
        if latest.settled_from == identity:
            return latest.id
    report = RevenueReport(vpp_id=vpp_id, month=month, revision=latest.revision + 1 if latest else 1)
    session.add(report)
    await session.flush()
    await jobs.enqueue(session, Job.SETTLE, id=report.id)
    return report.id


async def pending(session: AsyncSession, *, id: UUID) -> RevenueReport | None:
    """Return a report, or None if it is not PENDING."""
    report = await session.get(RevenueReport, id)
    return report if report is not None and report.status == Status.PENDING else None


async def lock_pending(session: AsyncSession, *, id: UUID) -> RevenueReport | None:
    """Return a report and lock its row, or None if it is not PENDING."""
    report = await session.get(RevenueReport, id, with_for_update=True)
    return report if report is not None and report.status == Status.PENDING else None


async def published(session: AsyncSession, *, id: UUID) -> tuple[AnyRow, Sequence[AnyRow]]:
    """Return the row of a READY report and the rows of its line items."""
    report = select(RevenueReport.__table__).where(  # type: ignore[attr-defined]
        col(RevenueReport.id) == id, col(RevenueReport.status) == Status.READY
    )
    items = select(SiteLineItem.__table__).where(col(SiteLineItem.report_id) == id)  # type: ignore[attr-defined]
    return (await session.execute(report)).one(), (await session.execute(items)).all()


def latest_ready() -> ReadStatement:
    """Select the latest READY revision of each month of each VPP."""
    month = (col(RevenueReport.vpp_id), col(RevenueReport.month))
    return (
        select(
            *(col(RevenueReport.id), *month, col(RevenueReport.revision)),
            *(col(RevenueReport.vpp_name), col(RevenueReport.settled_from)),
        )
        .where(col(RevenueReport.status) == Status.READY)
        .ext(distinct_on(*month))
        .order_by(*month, col(RevenueReport.revision).desc())
    )


def files_of_ready() -> ReadStatement:
    """Select the keys and the SHA-256 of the files of all READY reports."""
    return select(
        col(RevenueReport.id),
        *(col(RevenueReport.json_key), col(RevenueReport.json_sha256)),
        *(col(RevenueReport.csv_key), col(RevenueReport.csv_sha256)),
    ).where(col(RevenueReport.status) == Status.READY)


async def store(
    session: AsyncSession, report: RevenueReport, *, figures: Mapping[str, Any], line_items: Sequence[Mapping[str, Any]]
) -> None:
    """Make a report READY with its figures (columns of RevenueReport) and its line items (rows of SiteLineItem)."""
    await session.execute(
        update(RevenueReport)
        .where(col(RevenueReport.id) == report.id)
        .values(status=Status.READY, finished_at=func.clock_timestamp(), **figures)
    )
    if line_items:
        await session.execute(insert(SiteLineItem), [{"report_id": report.id, **item} for item in line_items])


async def fail(session: AsyncSession, *, id: UUID, reason: str) -> None:
    """Make a PENDING report FAILED, for a reason that its owner can act on."""
    await session.execute(
        update(RevenueReport)
        .where(col(RevenueReport.id) == id, col(RevenueReport.status) == Status.PENDING)
        .values(status=Status.FAILED, failure_reason=reason, finished_at=func.clock_timestamp())
    )
