"""
A settlement run reads the inputs of a month, settles it, writes the report's files and stores the revision.

The inputs and their identity (a hash, see db/reports.py) are read in one snapshot, so all figures are from one instant,
and the identity belongs to exactly these inputs.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.events
import db.reports
import db.vpps
from db.engine.database import Database
from db.engine.scope import scope_of
from db.vpps import Vpp
from graph import report_files
from graph.object_store import ObjectStore
from graph.report_files import Figures
from graph.settlement.month import Month
from graph.settlement.settle import Earnings, settle
from graph.settlement.spans import Capacity, Member, Period, PriceSchedule, Span, Terms, cut_into_spans
from graph.settlement.statement import Statement
from graph.settlement.steps import SettledNumbers, settled_numbers

NO_EARNINGS = Decimal(0)
# With this memory, Postgres sums the earnings of ten thousand sites in 26 spans without a temporary file.
SET_WORK_MEM = text("select set_config('work_mem', '64MB', true)")


@dataclass(frozen=True)
class Settled:
    """A settled month: the statement, the names and terms that it was settled with, and the identity of its inputs."""

    vpp_name: str
    terms: Sequence[Mapping[str, Any]]
    statement: Statement
    sites: Mapping[str, "SettledSite"]
    numbers: SettledNumbers
    settled_from: str

    def figures(self) -> Figures:
        """Return the figures of the report's files."""
        addresses = {nmi: site.address for nmi, site in self.sites.items()}
        return Figures(self.vpp_name, self.terms, self.statement, addresses)


@dataclass(frozen=True)
class SettledSite:
    """The id and address of a member site."""

    id: UUID
    address: str


async def run(database: Database, object_store: ObjectStore, *, report_id: UUID) -> None:
    """
    Settle a PENDING report and make it READY; do nothing if it is not PENDING.

    If two workers settle a report at once, because one of them was overtaken, only the first to commit makes it READY.
    """
    async with database.transaction(snapshot=True) as session:
        report = await db.reports.pending(session, id=report_id)
        if report is None:
            return
        settled = await settle_month(session, vpp_id=report.vpp_id, month=Month.containing(report.month))
    # The files are written before the commit that makes the report READY, and outside of a transaction: no lock waits
    # for the object store.
    files = await report_files.write(object_store, report_id, settled.figures())
    async with database.transaction() as session:
        report = await db.reports.lock_pending(session, id=report_id)
        if report is None:
            return
        await db.reports.store(
            session,
            report,
            figures={
                "settled_from": settled.settled_from,
                "vpp_name": settled.vpp_name,
                "terms": settled.terms,
                "settled_spans": settled.numbers.spans,
                **asdict(settled.statement.totals),
                **files,
            },
            line_items=[
                {
                    "site_id": settled.sites[item.nmi].id,
                    "address": settled.sites[item.nmi].address,
                    **asdict(item),
                    "settled_numbers": settled.numbers.sites[item.nmi],
                }
                for item in settled.statement.line_items
            ],
        )


async def settle_month(
    session: AsyncSession,
    *,
    vpp_id: UUID,
    month: Month,
    revenue_percentage: Decimal | None = None,
    daily_fee_aud: Decimal | None = None,
) -> Settled:
    """
    Settle a month of a VPP from the current data; the session should be a snapshot.

    For simulations, `revenue_percentage` and `daily_fee_aud` replace the terms of the price schedules in the whole
    month. Raises ReportVppNotFound.
    """
    vpp_name = await session.scalar(
        select(col(Vpp.name)).where(col(Vpp.id) == vpp_id, *scope_of(session).vpps(col(Vpp.id)))
    )
    if vpp_name is None:
        raise db.reports.ReportVppNotFound(id=vpp_id)
    identity = (await session.execute(db.reports.identities([(vpp_id, month.first_day)]))).one().identity
    members, sites = await _members(session, vpp_id, month)
    overrides = {"revenue_percentage": revenue_percentage, "daily_fee_aud": daily_fee_aud}
    schedules = [
        PriceSchedule(
            Period(row.effective.lower, row.effective.upper),
            Terms(**{term: getattr(row, term) if value is None else value for term, value in overrides.items()}),
        )
        for row in await session.execute(db.vpps.price_schedules(scope_of(session), [vpp_id]))
    ]
    spans = cut_into_spans(month, schedules, members)
    nmis = {site.id: nmi for nmi, site in sites.items()}
    earnings = await _earnings(session, month, spans, nmis)
    return Settled(
        vpp_name=vpp_name,
        terms=_terms(spans),
        # Settling runs in a thread: for ten thousand sites it would block the event loop.
        statement=await asyncio.to_thread(settle, month, spans, earnings),
        sites=sites,
        numbers=await asyncio.to_thread(settled_numbers, spans, earnings),
        settled_from=identity,
    )


async def _members(session: AsyncSession, vpp_id: UUID, month: Month) -> tuple[list[Member], dict[str, SettledSite]]:
    days = Range(month.first_day, month.until)
    capacities: dict[UUID, list[Capacity]] = defaultdict(list)
    for row in await session.execute(db.reports.capacities_in_month(vpp_id, days)):
        capacities[row.site_id].append(Capacity(Period(row.effective.lower, row.effective.upper), row.capacity_kwh))
    memberships: dict[str, list[Period]] = defaultdict(list)
    sites: dict[str, SettledSite] = {}
    for row in await session.execute(db.reports.members_in_month(vpp_id, days)):
        memberships[row.nmi].append(Period(row.effective.lower, row.effective.upper))
        sites[row.nmi] = SettledSite(row.id, row.address)
    members = [Member(nmi, tuple(periods), tuple(capacities[sites[nmi].id])) for nmi, periods in memberships.items()]
    return members, sites


async def _earnings(
    session: AsyncSession, month: Month, spans: Sequence[Span], nmis: Mapping[UUID, str]
) -> list[dict[str, Earnings]]:
    """Read the earnings in each span of the sites that are members in it, by NMI."""
    # The earnings of a whole month are the stored sums of its site months; only a part of a month needs single events.
    if len(spans) == 1:
        rows = await session.execute(db.reports.month_earnings([*nmis], month.first_day))
        return [{nmis[row.site_id]: Earnings(row.revenue_aud, row.cost_only_aud) for row in rows}]
    by_span: list[dict[str, Earnings]] = [{} for _ in spans]
    await session.execute(SET_WORK_MEM)
    first_days = [span.first_day.day for span in spans]
    for row in await session.execute(db.events.earnings_by_span([*nmis], month.first_day, first_days)):
        nmi = nmis[row.site_id]
        for number, revenue_aud, cost_only_aud in zip(
            row.span_numbers, row.revenues_aud, row.cost_only_aud, strict=True
        ):
            # A site also has events on days on which it is not a member.
            if nmi in spans[number - 1].capacities_kwh:
                by_span[number - 1][nmi] = Earnings(revenue_aud or NO_EARNINGS, cost_only_aud or NO_EARNINGS)
    return by_span


def _terms(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Return the terms of each span as JSON values, for the report: numbers, and dates as YYYY-MM-DD."""
    return [
        {
            "from": span.first_day.isoformat(),
            "until": span.until.isoformat(),
            "revenue_percentage": float(span.terms.revenue_percentage),
            "daily_fee": float(span.terms.daily_fee_aud),
        }
        for span in spans
    ]
