"""The checks of `vpp verify` of published reports: each is settled again, and its files are read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

import db.reports
from db.verification import Finding, finding
from graph import report_files, settlement_run
from graph.object_store import ObjectChanged, ObjectMissing, ObjectStore, ObjectStoreUnavailable
from graph.report_files import Figures, FileFormat, stored_figures
from graph.settlement.month import Month
from graph.settlement.settle import Earnings, settle
from graph.settlement.spans import Span, Terms
from graph.settlement.statement import Statement, Totals


async def verify(session: AsyncSession, object_store: ObjectStore) -> AsyncIterator[Finding]:
    """Run the checks in a snapshot and yield a finding for each; nothing is changed."""
    yield await _settle_again(session)
    yield await _read_files(session, object_store)


async def _settle_again(session: AsyncSession) -> Finding:
    reports = (await session.execute(db.reports.latest_ready())).all()
    exceptions, not_settled = [], 0
    for report in reports:
        name = f"report {report.id} ({report.vpp_name}, {Month.containing(report.month)}, revision {report.revision})"
        row, line_items = await db.reports.published(session, id=report.id)
        identity = (await session.execute(db.reports.identities([(report.vpp_id, report.month)]))).one().identity
        stored = stored_figures(row, line_items)
        numbers = {item.nmi: item.settled_numbers for item in line_items}
        try:
            if identity == report.settled_from:
                again = await settlement_run.settle_month(
                    session, vpp_id=report.vpp_id, month=Month.containing(report.month)
                )
                exceptions += [f"{name}: {difference}" for difference in _differences(stored, again.figures())]
                if row.settled_spans not in (None, again.numbers.spans):
                    exceptions.append(f"{name}: the numbers of its spans differ from those settled again")
                exceptions += [
                    f"{name}: the numbers of {nmi} differ from those settled again"
                    for nmi in numbers
                    if numbers[nmi] not in (None, again.numbers.sites.get(nmi))
                ]
            elif row.settled_spans is not None:
                # The inputs have changed since, but the report stores the numbers from which it was settled.
                statement = _settle_numbers(stored, row.settled_spans, numbers)
                exceptions += [
                    f"{name}: {difference}" for difference in _differences(stored, replace(stored, statement=statement))
                ]
            else:
                not_settled += 1
        except (ValueError, TypeError) as error:
            exceptions.append(f"{name} cannot be settled again: {error}")
    return finding(
        "Each latest report equals its month settled again"
        + (f", except for {not_settled:,} of version 0.2 whose inputs have changed." if not_settled else "."),
        exceptions,
    )


def _settle_numbers(
    stored: Figures, settled_spans: Sequence[Sequence[str]], numbers: Mapping[str, Sequence[Sequence[str] | None]]
) -> Statement:
    """
    Settle a report again from the numbers that it stores (`graph.settlement.steps.SettledNumbers`).

    They have no cost-only events, so the statement takes their sum from the report.
    """
    spans, earnings = [], []
    for index, (first_day, until, percentage, daily_fee_aud, *_) in enumerate(settled_spans):
        members = {nmi: of_site[index] for nmi, of_site in numbers.items()}
        of_members = {nmi: numbers for nmi, numbers in members.items() if numbers is not None}
        spans.append(
            Span(
                date.fromisoformat(first_day),
                date.fromisoformat(until),
                Terms(Decimal(percentage), Decimal(daily_fee_aud)),
                {nmi: Decimal(capacity_kwh) for nmi, (_, capacity_kwh) in of_members.items()},
            )
        )
        earnings.append(
            {nmi: Earnings(Decimal(revenue_aud), Decimal(0)) for nmi, (revenue_aud, _) in of_members.items()}
        )
    statement = settle(stored.statement.month, spans, earnings)
    totals, cost_only_aud = statement.totals, stored.statement.totals.cost_only_aud
    vpp_total_aud = totals.vpp_total_aud + cost_only_aud
    return replace(statement, totals=replace(totals, cost_only_aud=cost_only_aud, vpp_total_aud=vpp_total_aud))


def _differences(stored: Figures, settled: Figures) -> list[str]:
    """Return how the figures of a report differ from those of the same month settled again."""
    pairs: list[tuple[str, Any, Any]] = [
        ("vpp_name", stored.vpp_name, settled.vpp_name),
        ("terms", report_files.terms(stored), report_files.terms(settled)),
    ]
    stored_totals, settled_totals = asdict(stored.statement.totals), asdict(settled.statement.totals)
    pairs += [(field.name, stored_totals[field.name], settled_totals[field.name]) for field in fields(Totals)]
    lines, lines_again = _lines(stored), _lines(settled)
    pairs += [
        (f"{nmi} {name}", lines.get(nmi, {}).get(name), lines_again.get(nmi, {}).get(name))
        for nmi in sorted(lines.keys() | lines_again.keys())
        for name in lines.get(nmi) or lines_again[nmi]
    ]
    return [f"{name} is {value}, settled again {again}" for name, value, again in pairs if value != again]


def _lines(figures: Figures) -> dict[str, dict[str, Any]]:
    return {item.nmi: asdict(item) | {"address": figures.addresses[item.nmi]} for item in figures.statement.line_items}


async def _read_files(session: AsyncSession, object_store: ObjectStore) -> Finding:
    exceptions = []
    for report in (await session.execute(db.reports.files_of_ready())).all():
        for file_format in FileFormat:
            key = report_files.key_of(report, file_format)
            expected = getattr(report, f"{file_format}_sha256")
            try:
                actual = await _sha256(object_store, key)
            except ObjectMissing:
                exceptions.append(f"{key} is missing: the report's downloadUrl makes it again")
            except (ObjectChanged, ObjectStoreUnavailable) as error:
                exceptions.append(f"{key} cannot be read: {error}")
            else:
                if expected not in (None, actual):
                    exceptions.append(
                        f"{key} is not what was published: delete it, and the report's downloadUrl makes it again"
                    )
    return finding("The files of each report are in the bucket, with the bytes that were published.", exceptions)


async def _sha256(object_store: ObjectStore, key: str) -> str:
    """Return the SHA-256 of an object. Raises ObjectMissing."""
    stored = await object_store.find(key)
    if stored is None:
        raise ObjectMissing
    digest = sha256()
    async for piece in object_store.stream(key, etag=stored.etag):
        digest.update(piece)
    return digest.hexdigest()
