"""Revenue reports: generate, read, simulate and follow the settlement of a month."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self
from uuid import UUID

import strawberry
from sqlalchemy import Date, false
from sqlmodel import col
from strawberry import ID

import db.reports
from db.audit_entries import Kind
from db.engine.database import ReadStatement
from db.engine.refusals import ValidationFailed
from db.reports import RevenueReport as ReportTable
from db.reports import RevenueReportNotFound, Status
from db.reports import SiteLineItem as LineItemTable
from db.vpps import DailyFeeOutOfRange, PercentageOutOfRange
from graph import report_files, settlement_run
from graph.auth.callers import MEMBER, OPERATOR, READER
from graph.report_files import FileFormat
from graph.resolvers.context import Info
from graph.resolvers.directives import AwsSubscribe
from graph.resolvers.fields import (
    COLUMN_FIELD,
    ColumnField,
    Connection,
    RowType,
    column_field,
    embedded_object,
    object_list,
    query_field,
    require_row,
    to_uuid,
)
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext
from graph.resolvers.scalars import AWSURL, exact_or_none, parse_id, parse_optional_id
from graph.resolvers.sites import Site, parse_nmi_field, sites_by_id
from graph.resolvers.vpps import Vpp, vpps_by_id
from graph.settlement.money import format_exact
from graph.settlement.month import Month
from graph.settlement.statement import LineItem
from graph.settlement.steps import Amounts, Rule, explain

DOWNLOAD_LINK_S = 300
# Reading the reports this often makes up for notifications that were lost while Postgres was unreachable.
POLL_INTERVAL_S = 15.0

NEWEST_FIRST = Order((col(ReportTable.created_at), col(ReportTable.id)), descending=True)
BY_NMI = Order((col(LineItemTable.nmi),))


class InvalidMonth(ValidationFailed):
    """{reason}"""


strawberry.enum(
    Status,
    name="RevenueReportStatus",
    description="PENDING until the month is settled, then READY; FAILED if it cannot be settled.",
)


strawberry.enum(
    Rule,
    name="SettlementRule",
    description="""The rules of the settlement of a month for one site, in their order:
  REVENUE          the value of its events that are not cost-only
  AD_VALOREM_FEE   the VPP's percentage of the revenue
  REST             the revenue less the ad valorem fee
  EVENT_SHARE      80 % of the rest
  CAPACITY_SHARE   its share, by battery capacity, of the pool: 20 % of the rests of all members
  DAILY_FEE_DUE    28 daily fees for a whole month, and for a part of the month its part of them
  BEFORE_FEES      event share plus capacity share
  DAILY_FEE_TAKEN  the daily fee due, at most what there is before fees
  WAIVED_FEE       the part of the daily fee due that is not taken; it is not charged later
  AFTER_FEES       what the site receives: before fees less the daily fee taken""",
)


@strawberry.enum
class RevenueReportFormat(Enum):
    JSON = "JSON"
    CSV = "CSV"


def _report(context: ReadContext, id: ID) -> ReadStatement:
    return db.reports.reports(context.scope).where(col(ReportTable.id) == context.id(id, "id"))


def _latest_report(context: ReadContext, vpp_id: ID, month: str) -> ReadStatement:
    return db.reports.reports(context.scope).where(
        col(ReportTable.vpp_id) == context.id(vpp_id, "vppId"),
        col(ReportTable.month) == context.parsed(month, lambda text: _parse_month_field(text, "month").first_day, Date),
        db.reports.is_latest(context.scope),
    )


def _reports(context: ReadContext, filter: "RevenueReportFilterInput | None" = None) -> ReadStatement:
    statement = db.reports.reports(context.scope)
    if filter and filter.vpp_id is not None:
        statement = statement.where(col(ReportTable.vpp_id) == context.id(filter.vpp_id, "filter", "vppId"))
    if filter and filter.month is not None:
        month = context.parsed(filter.month, lambda text: _parse_month_field(text, "filter", "month").first_day, Date)
        statement = statement.where(col(ReportTable.month) == month)
    if filter is None or filter.latest_only is not False:
        statement = statement.where(db.reports.is_latest(context.scope))
    return statement


def _line_items(context: ReadContext) -> ReadStatement:
    return db.reports.line_items(context.scope, context.keys)


# The argument is optional, since Amplify's code generator gives nested fields no arguments.
def _line_item(context: ReadContext, nmi: str | None = None) -> ReadStatement:
    if nmi is None:
        return _line_items(context).where(false())
    of_site = col(LineItemTable.nmi) == context.parsed(nmi, lambda text: parse_nmi_field(text, "nmi"))
    return _line_items(context).where(of_site)


def _terms(terms: str | None) -> "list[SpanTerms] | None":
    # PENDING and FAILED reports have either SQL's null or JSON's.
    spans = json.loads(terms) if terms is not None else None
    if spans is None:
        return None
    return [
        SpanTerms(
            from_=date.fromisoformat(span["from"]),
            until=date.fromisoformat(span["until"]),
            revenue_percentage=span["revenue_percentage"],
            daily_fee_aud=span["daily_fee"],
        )
        for span in spans
    ]


def _steps(
    settled_spans: str | None, settled_numbers: str | None, shows_pool: bool, *amounts: str | Decimal
) -> "list[SettlementStep] | None":
    """Return the steps of a line item from the stored JSON of its report and of the line item."""
    if settled_spans is None or settled_numbers is None:
        return None
    steps = explain(
        json.loads(settled_spans), json.loads(settled_numbers), Amounts(*map(Decimal, amounts)), shows_pool=shows_pool
    )
    return [
        SettlementStep(
            rule=step.rule,
            formula=step.formula,
            exact_aud=format_exact(step.exact_aud, min_decimals=2),
            amount_aud=str(step.amount_aud),
            spans=[
                SpanStep(
                    from_=span.first_day,
                    until=span.until,
                    formula=span.formula,
                    exact_aud=format_exact(span.exact_aud, min_decimals=2),
                )
                for span in step.spans
            ],
        )
        for step in steps
    ]


def _format_month(first_day: date) -> str:
    return str(Month.containing(first_day))


def amount(description: str | None = None) -> Any:
    """Declare a field for an amount of money, returned as an exact decimal string."""
    return strawberry.field(description=description, metadata={COLUMN_FIELD: ColumnField((), convert=str)})


REVENUE_REPORT = FieldQuery(_report)


@strawberry.type(
    description="The settlement of a month for a VPP. A report never changes; settling the month again adds a revision."
)
class RevenueReport(RowType):
    id: ID
    vpp_id: ID

    vpp: Vpp = query_field(FieldQuery(vpps_by_id, parent_column="vpp_id", key_column="id"))
    month: str = column_field("month", convert=_format_month)
    revision: int = strawberry.field(description="Revision number, counted from 1 for each VPP and month.")
    is_latest: bool

    @strawberry.field(description="Whether any input of the settlement has changed since then.")
    async def is_stale(self, info: Info) -> bool:
        if self.settled_from is None:
            return False
        month = Month.parse(self.month).first_day
        return await info.context.loaders.identity.load((to_uuid(self.vpp_id), month)) != self.settled_from

    status: Status = column_field("status", convert=Status)
    failure_reason: str | None = strawberry.field(
        description="Why the month could not be settled, when status is FAILED; otherwise null."
    )
    totals: "RevenueTotals | None" = embedded_object(
        lambda: RevenueTotals,
        ColumnField(("status",), convert=Status.READY.__eq__),
        RequiresRole(READER),
        description="Null until status is READY. Not authorized for MEMBER callers.",
    )
    terms: list["SpanTerms"] | None = object_list(
        "settled_terms",
        convert=_terms,
        description="The terms that the month was settled with, by span, earliest first. Null until status is READY.",
    )
    line_items: Connection["SiteLineItem"] = query_field(
        FieldQuery(_line_items, parent_column="id", order=BY_NMI),
        description="One item for each site that belongs to the VPP on any day of the month, in order of NMI."
        "\nEmpty until status is READY.",
    )
    line_item: "SiteLineItem | None" = query_field(
        FieldQuery(_line_item, parent_column="id", key_column="report_id"),
        description="The item of the site with an NMI, of 10 characters or 11 with the check digit; null without it.",
    )

    @strawberry.field(
        description="Link to the whole report as a file, valid for 5 minutes. Null until status is READY.",
        extensions=[RequiresRole(READER)],
    )
    async def download_url(
        self, info: Info, format: RevenueReportFormat | None = RevenueReportFormat.JSON
    ) -> AWSURL | None:
        if self.status is not Status.READY:
            return None
        file_format = FileFormat[(format or RevenueReportFormat.JSON).name]
        key, object_store = report_files.key_of(self, file_format), info.context.object_store
        await report_files.restore_if_missing(
            info.context.database, object_store, report_id=to_uuid(self.id), file_format=file_format, key=key
        )
        return AWSURL(
            await object_store.download_link(
                key,
                file_name=report_files.file_name(self.vpp_name, self.month, self.revision, file_format),
                content_type=file_format.content_type,
                expires_in_s=DOWNLOAD_LINK_S,
            )
        )

    created_at: datetime
    settled_from: strawberry.Private[str | None]
    vpp_name: strawberry.Private[str | None]
    json_key: strawberry.Private[str | None]
    csv_key: strawberry.Private[str | None]
    settled_terms: strawberry.Private[str | None]

    @classmethod
    async def load(cls, info: Info, id: UUID) -> "RevenueReport | None":
        return await cls.load_first(info, REVENUE_REPORT, id=str(id))


@strawberry.type(description="The terms of the days from `from` up to but not including `until`: a span of a month.")
class SpanTerms:
    from_: date = strawberry.field(name="from")
    until: date
    revenue_percentage: float = strawberry.field(description="From 0 to 100.")
    daily_fee_aud: float = strawberry.field(description="Fee per site and day, for 28 days of every month.")


@strawberry.type(description="The result of simulateRevenueReport. It is not stored, and its line items are not paged.")
class RevenueStatement:
    vpp: Vpp
    month: str
    totals: "RevenueTotals"
    line_items: list["SiteLineItem"]


@strawberry.type(
    description="""To the cent:
  totalRevenueAud = adValoremFeeAud + dailyFeesAud + siteTotalAud
  vppTotalAud     = adValoremFeeAud + dailyFeesAud + costOnlyAud"""
)
class RevenueTotals(RowType):
    total_revenue_aud: str = amount("Value of all events that are not cost-only. Negative if charging cost more.")
    ad_valorem_fee_aud: str = amount("The VPP's percentage of the total revenue.")
    daily_fees_aud: str = amount("Daily fees taken from the sites, without the waived part.")
    cost_only_aud: str = amount(
        "Value of the discharge events that cost money: zero or negative. The VPP bears it alone."
    )
    vpp_total_aud: str = amount()
    site_total_aud: str = amount("Sum of afterFeesAud over all line items.")


@strawberry.type(
    description="""To the cent:
  beforeFeesAud = eventShareAud + capacityShareAud
  afterFeesAud  = beforeFeesAud - dailyFeeAud"""
)
class SiteLineItem(RowType):
    site_id: strawberry.Private[UUID | None]
    site: Site | None = query_field(
        FieldQuery(sites_by_id, parent_column="site_id", key_column="id"),
        description="Null if the site was deleted after the settlement.",
    )
    nmi: str = strawberry.field(description="NMI, address and capacity are as they were when the month was settled.")
    address: str
    capacity_kwh: float = strawberry.field(description="Mean capacity over the member days.")
    member_days: int = strawberry.field(description="Number of days of the month on which the site belongs to the VPP.")
    revenue_aud: str = amount("Value of the site's own events that are not cost-only.")
    ad_valorem_fee_aud: str = amount("The VPP's percentage of revenueAud, deducted first.")
    event_share_aud: str = amount("80 % of revenueAud less adValoremFeeAud.")
    capacity_share_aud: str = amount("The site's share, by battery capacity, of the other 20 % of all sites together.")
    before_fees_aud: str = amount()
    daily_fee_aud: str = amount("Daily fee taken: at most beforeFeesAud, and never negative.")
    waived_fee_aud: str = amount(
        "The part of the daily fee that beforeFeesAud does not cover. It is not charged later."
    )
    after_fees_aud: str = amount()
    steps: list["SettlementStep"] | None = object_list(
        "settled_spans",
        "settled_numbers",
        "shows_pool",
        *Amounts._fields,
        convert=_steps,
        description="How each amount was settled, one step for each rule. Null if the month was settled before"
        " the numbers of the steps were kept; simulateRevenueReport has the steps for the present data.",
    )
    settled_spans: strawberry.Private[str | None]
    settled_numbers: strawberry.Private[str | None]
    shows_pool: strawberry.Private[bool]

    @classmethod
    def from_settlement(
        cls, item: LineItem, *, site_id: UUID | None, address: str, settled_spans: str, settled_numbers: str
    ) -> Self:
        amounts: Any = {f.name: str(getattr(item, f.name)) for f in fields(LineItem) if f.name.endswith("_aud")}
        return cls(
            site_id=site_id,
            nmi=item.nmi,
            address=address,
            capacity_kwh=float(item.capacity_kwh),
            member_days=item.member_days,
            settled_spans=settled_spans,
            settled_numbers=settled_numbers,
            shows_pool=True,
            **amounts,
        )


@strawberry.type(
    description="A rule with the numbers of one site."
    " Amounts are exact until they are rounded or allotted to the amounts of the line item."
)
class SettlementStep:
    rule: Rule
    formula: str = strawberry.field(
        description="The rule with the numbers that the month was settled from, written with × ÷ − % + and with min()"
        " and max(). It adds up the formulas of the spans."
        " For MEMBER callers a capacity share is only its value in each span, since the pool tells what others earn."
    )
    exact_aud: str = strawberry.field(
        description="The exact value of the formula: a decimal, or a fraction such as 16/3 if no decimal is exact."
    )
    amount_aud: str = strawberry.field(description="The amount in the line item, to the cent.")
    spans: list["SpanStep"] = strawberry.field(
        description="The rule in each span of the month in which the site was a member, earliest first."
        " Empty for the rules that apply to the whole month, from BEFORE_FEES on."
    )


@strawberry.type(description="A rule in a span: the days from `from` up to but not including `until`.")
class SpanStep:
    from_: date = strawberry.field(name="from")
    until: date
    formula: str
    exact_aud: str


@strawberry.input
class GenerateRevenueReportInput:
    vpp_id: ID
    month: str


@strawberry.input
class SimulateRevenueReportInput:
    vpp_id: ID
    month: str
    revenue_percentage: float | None = strawberry.field(
        default=None, description="For the whole month, instead of the VPP's own percentage; null uses its own."
    )
    daily_fee_aud: float | None = strawberry.field(
        default=None, description="For the whole month, instead of the VPP's own fee; null uses its own."
    )


@strawberry.input
class RevenueReportFilterInput:
    vpp_id: ID | None = None
    month: str | None = None
    latest_only: bool | None = strawberry.field(default=True, description="Whether to leave out superseded revisions.")


@strawberry.type
class ReportQuery:
    get_revenue_report: RevenueReport | None = query_field(REVENUE_REPORT, RequiresRole(MEMBER))
    get_latest_revenue_report: RevenueReport | None = query_field(
        FieldQuery(_latest_report), RequiresRole(MEMBER), description="The latest revision for a VPP and month."
    )
    list_revenue_reports: Connection[RevenueReport] = query_field(
        FieldQuery(_reports, order=NEWEST_FIRST), RequiresRole(MEMBER), description="Newest first."
    )

    @strawberry.field(
        description="Settles a month without storing the result, with the VPP's terms or with others.",
        extensions=[RequiresRole(READER)],
    )
    async def simulate_revenue_report(self, info: Info, input: SimulateRevenueReportInput) -> RevenueStatement:
        vpp_id, month = parse_id(input.vpp_id, "input", "vppId"), _parse_month_field(input.month, "input", "month")
        _check_simulated_terms(input)
        async with info.context.database.transaction(snapshot=True) as session:
            settled = await settlement_run.settle_month(
                session,
                vpp_id=vpp_id,
                month=month,
                revenue_percentage=exact_or_none(input.revenue_percentage),
                daily_fee_aud=exact_or_none(input.daily_fee_aud),
            )
        settled_spans = json.dumps(settled.numbers.spans)
        return RevenueStatement(
            vpp=require_row(await Vpp.load(info, vpp_id)),
            month=str(month),
            totals=RevenueTotals.from_row(settled.statement.totals),
            line_items=[
                SiteLineItem.from_settlement(
                    item,
                    site_id=settled.sites[item.nmi].id,
                    address=settled.sites[item.nmi].address,
                    settled_spans=settled_spans,
                    settled_numbers=json.dumps(settled.numbers.sites[item.nmi]),
                )
                for item in settled.statement.line_items
            ],
        )


@strawberry.type
class ReportMutation:
    @strawberry.mutation(
        description="Settles a month as a new revision."
        " Returns the latest revision instead if it still waits for a worker, or if its inputs have not changed.",
        extensions=[RequiresRole(OPERATOR)],
    )
    async def generate_revenue_report(self, info: Info, input: GenerateRevenueReportInput) -> RevenueReport | None:
        async with info.context.change(info.field_name) as change:
            id = await db.reports.request(
                change.session,
                vpp_id=parse_id(input.vpp_id, "input", "vppId"),
                month=_parse_month_field(input.month, "input", "month").first_day,
            )
            change.track_created(Kind.REVENUE_REPORT, id)
        return await RevenueReport.load(info, id)


@strawberry.type
class ReportSubscription:
    @strawberry.subscription(
        description="Sends each report that becomes READY or FAILED."
        " Given an id, sends the report's present state first.",
        directives=[AwsSubscribe(mutations=["generateRevenueReport"])],
        extensions=[RequiresRole(MEMBER)],
    )
    async def on_revenue_report(
        self, info: Info, id: ID | None = None, vpp_id: ID | None = None, month: str | None = None
    ) -> AsyncGenerator[RevenueReport | None, None]:
        report_id, filter_vpp_id = parse_optional_id(id, "id"), parse_optional_id(vpp_id, "vppId")
        statement = db.reports.reports(info.context.scope)
        if filter_vpp_id is not None:
            statement = statement.where(col(ReportTable.vpp_id) == filter_vpp_id)
        if month is not None:
            statement = statement.where(col(ReportTable.month) == _parse_month_field(month, "month").first_day)
        if report_id is None:
            reports = _stream_finished_reports(info, statement)
        else:
            reports = _stream_report(info, statement, report_id)
        async with aclosing(reports):
            async for report in reports:
                yield report


async def _stream_report(info: Info, statement: ReadStatement, id: UUID) -> AsyncGenerator[RevenueReport, None]:
    """Yield the current state of a report, and the new state after each change. Raises RevenueReportNotFound."""
    statement, last_sent = statement.where(col(ReportTable.id) == id), None
    async with info.context.notices.subscribe("revenue_reports", id) as changed:
        while True:
            changed.clear()
            row = await info.context.database.row(statement)
            if row is None:
                raise RevenueReportNotFound(id=id)
            if row != last_sent:
                yield RevenueReport.from_row(row)
            last_sent = row
            await _wait_for_change(changed)


async def _stream_finished_reports(info: Info, statement: ReadStatement) -> AsyncGenerator[RevenueReport, None]:
    """Yield every report that becomes READY or FAILED from now on."""
    async with info.context.notices.subscribe("revenue_reports") as changed:
        since = await info.context.database.row(db.reports.a_minute_ago())
        assert since is not None  # noqa: S101
        finished_at = col(ReportTable.finished_at)
        statement = statement.where(finished_at > since.instant).order_by(finished_at)
        seen = {row.id for row in await info.context.database.rows(statement)}
        while True:
            changed.clear()
            for row in await info.context.database.rows(statement):
                if row.id not in seen:
                    yield RevenueReport.from_row(row)
                seen.add(row.id)
            await _wait_for_change(changed)


async def _wait_for_change(changed: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), POLL_INTERVAL_S)


def _check_simulated_terms(input: SimulateRevenueReportInput) -> None:
    # Simulated terms are never stored, so no database constraint checks them.
    percentage, fee = exact_or_none(input.revenue_percentage), exact_or_none(input.daily_fee_aud)
    if percentage is not None and not 0 <= percentage <= 100:
        raise PercentageOutOfRange(revenue_percentage=percentage)
    if fee is not None and not 0 <= fee <= 1_000_000:
        raise DailyFeeOutOfRange(daily_fee_aud=fee)


def _parse_month_field(text: str, *field: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise InvalidMonth(reason=error, field=field) from None
