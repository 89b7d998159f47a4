"""
The check before a change that applies to all days: it must not rewrite a history or a settled month unasked.

The caller asks for it with `for_all_time`; with `effective_from` the days before it stay as they are.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Date, Integer, Uuid, column, select, table
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine.database import AnyRow
from db.engine.names import escaped
from db.engine.refusals import Conflict, ValidationFailed
from db.engine.scope import scope_of
from db.engine.statements import equals_any
from db.engine.timelines import Timeline, Value

# Only the columns that are needed here; the modules that define these tables import this module.
VPPS = table("vpps", column("id", Uuid), column("name"))
REPORTS = table(
    "revenue_reports",
    *(column("id", Uuid), column("vpp_id", Uuid), column("month", Date), column("revision", Integer), column("status")),
)
# A refusal names at most this many reports, and counts the others.
MAX_REPORTS_NAMED = 10


class RewritesHistory(Conflict):
    """Without effectiveFrom this would rewrite {history}; send effectiveFrom, or forAllTime: true to rewrite them."""

    field = ("input", "effectiveFrom")


class DayWithForAllTime(ValidationFailed):
    """effectiveFrom and forAllTime exclude each other: send effectiveFrom, or forAllTime: true."""

    field = ("input", "forAllTime")


def check_day_or_for_all_time(effective_from: date | None, *, for_all_time: bool) -> None:
    """
    Check that a change does not apply both from a day on and for all time.

    Raises DayWithForAllTime.
    """
    if for_all_time and effective_from is not None:
        raise DayWithForAllTime


async def check_rewrites_nothing(
    session: AsyncSession,
    old: Timeline[Value],
    new: Timeline[Value],
    *,
    noun: str,
    changed_days: Iterable[tuple[UUID, Range[date]]],
) -> None:
    """
    Check that a change of a timeline for all days rewrites neither a history nor a settled month.

    `noun` names a period of the timeline. `changed_days` are the VPPs that the change affects, and on which days.

    Raises RewritesHistory.
    """
    if not old.differences(new):
        return
    reports = await _settled_reports(session, list(changed_days))
    if not reports and not old.has_history:
        return
    rewritten = [_count(len(old.periods), noun)] if old.has_history else []
    if reports:
        named = [
            f"{row.month:%Y-%m} ({escaped(row.name)}, revision {row.revision})" for row in reports[:MAX_REPORTS_NAMED]
        ]
        more = [f"{len(reports) - len(named)} more"] if len(reports) > len(named) else []
        rewritten.append(f"{_count(len(reports), 'settled month')}: {', '.join([*named, *more])}")
    raise RewritesHistory(
        history=" and ".join(rewritten),
        info={
            "reportCount": len(reports),
            "reports": [
                {"id": str(row.id), "vppId": str(row.vpp_id), "month": f"{row.month:%Y-%m}", "revision": row.revision}
                for row in reports[:MAX_REPORTS_NAMED]
            ],
        },
    )


async def _settled_reports(session: AsyncSession, changed_days: Sequence[tuple[UUID, Range[date]]]) -> list[AnyRow]:
    """Return the latest READY report of each VPP and month that has one of the changed days, earliest month first."""
    statement = (
        select(REPORTS.c.id, REPORTS.c.vpp_id, REPORTS.c.month, REPORTS.c.revision, VPPS.c.name)
        .join(VPPS, VPPS.c.id == REPORTS.c.vpp_id)
        .where(equals_any(REPORTS.c.vpp_id, sorted({vpp_id for vpp_id, _ in changed_days})))
        .where(REPORTS.c.status == "READY", *scope_of(session).reports(REPORTS.c))
        .order_by(REPORTS.c.month, VPPS.c.name, REPORTS.c.revision)
    )
    # Of several revisions of a month, the last one replaces the others.
    latest = {(row.vpp_id, row.month): row for row in await session.execute(statement)}
    return [
        row
        for row in latest.values()
        if any(vpp_id == row.vpp_id and days.overlaps(_days_of_month(row.month)) for vpp_id, days in changed_days)
    ]


def _days_of_month(first_day: date) -> Range[date]:
    return Range(first_day, (first_day + timedelta(days=31)).replace(day=1))


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
