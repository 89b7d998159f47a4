"""The checks of `vpp verify` of published reports: each is settled again, and its files are read."""

from collections.abc import AsyncIterator
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

import db.reports
from db.verification import Finding, finding
from graph import report_files, settlement_run
from graph.object_store import ObjectChanged, ObjectMissing, ObjectStore, ObjectStoreUnavailable
from graph.report_files import Figures, FileFormat, stored_figures
from graph.settlement.month import Month
from graph.settlement.statement import Totals


async def verify(session: AsyncSession, object_store: ObjectStore) -> AsyncIterator[Finding]:
    """Run the checks in a snapshot and yield a finding for each; nothing is changed."""
    yield await _settle_again(session)
    yield await _read_files(session, object_store)


async def _settle_again(session: AsyncSession) -> Finding:
    reports = (await session.execute(db.reports.latest_ready())).all()
    exceptions, settled_again = [], 0
    for report in reports:
        identity = (await session.execute(db.reports.identities([(report.vpp_id, report.month)]))).one().identity
        # The inputs of a stale report are no longer stored as they were.
        if identity != report.settled_from:
            continue
        settled_again += 1
        month = Month.containing(report.month)
        name = f"report {report.id} ({report.vpp_name}, {month}, revision {report.revision})"
        row, line_items = await db.reports.published(session, id=report.id)
        stored = stored_figures(row, line_items)
        try:
            settled = await settlement_run.settle_month(session, vpp_id=report.vpp_id, month=month)
        except ValueError as error:
            exceptions.append(f"{name} cannot be settled again: {error}")
        else:
            exceptions += [f"{name}: {difference}" for difference in _differences(stored, settled.figures())]
    stale = len(reports) - settled_again
    return finding(
        "Each latest report equals its month settled again"
        + (f", except for {stale:,} whose inputs have changed since." if stale else "."),
        exceptions,
    )


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
