"""
The files of a report: their bytes, made from the report's figures, and their objects in the bucket.

The figures are in Postgres, and a file has no others. So a file that is missing from the bucket is made again, byte for
byte: the report's row has the key and the SHA-256 of each file.
"""

import asyncio
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import structlog

import db.reports
from db.engine.database import Database
from db.engine.refusals import Conflict
from db.engine.scope import as_database_owner
from graph.object_store import ObjectStore
from graph.settlement.month import Month
from graph.settlement.statement import LineItem, Statement, Totals

TERMS = ("from", "until", "revenue_percentage", "daily_fee")
# Spreadsheets run a cell that begins with one of these as a formula.
# See https://owasp.org/www-community/attacks/CSV_Injection.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

log = structlog.get_logger()


class FileFormat(StrEnum):
    """The formats of a report's files; the value is the ending of their names."""

    JSON = "json"
    CSV = "csv"

    @property
    def content_type(self) -> str:
        return {"json": "application/json", "csv": "text/csv; charset=utf-8"}[self]


class ReportFileLost(Conflict):
    """{key} is missing, and the stored figures no longer make the same file: restore it from a backup of the bucket."""


@dataclass(frozen=True)
class Figures:
    """All that the files of a report contain."""

    vpp_name: str
    terms: Sequence[Mapping[str, Any]]
    statement: Statement
    # By NMI.
    addresses: Mapping[str, str]


async def write(object_store: ObjectStore, report_id: UUID, figures: Figures) -> dict[str, str]:
    """
    Write both files of a report, and return the columns of its row that name them.

    Each call writes them with keys of its own. So a write that arrives late, of a worker whose job another worker has
    taken over, does not change the files that the row names.
    """
    attempt = uuid4()
    columns: dict[str, str] = {}
    for file_format in FileFormat:
        data = await asyncio.to_thread(_contents, figures, file_format)
        key = f"reports/{report_id}/{attempt}/vpp_report.{file_format}"
        await object_store.write(key, data, content_type=file_format.content_type)
        columns |= {f"{file_format}_key": key, f"{file_format}_sha256": sha256(data).hexdigest()}
    return columns


def key_of(report: Any, file_format: FileFormat) -> str:
    """Return the key of a file of a READY report, given a row with the columns that `write` returned."""
    # Versions up to 0.2 wrote the files of all attempts with one key, which they did not store.
    return getattr(report, f"{file_format}_key") or f"reports/{report.id}/vpp_report.{file_format}"


async def restore_if_missing(
    database: Database, object_store: ObjectStore, *, report_id: UUID, file_format: FileFormat, key: str
) -> None:
    """Make a file of a READY report again from the stored figures if the bucket lacks it. Raises ReportFileLost."""
    if await object_store.find(key) is not None:
        return
    async with database.transaction(snapshot=True) as session, as_database_owner(session):
        report, line_items = await db.reports.published(session, id=report_id)
    data = await asyncio.to_thread(_contents, stored_figures(report, line_items), file_format)
    if getattr(report, f"{file_format}_sha256") not in (None, sha256(data).hexdigest()):
        raise ReportFileLost(key=key)
    await object_store.write(key, data, content_type=file_format.content_type)
    log.warning("A file of a report was missing; it is made again", key=key)


def stored_figures(report: Any, line_items: Sequence[Any]) -> Figures:
    """Return the figures of a READY report from its row and the rows of its line items."""
    items = [LineItem(**{field.name: getattr(row, field.name) for field in fields(LineItem)}) for row in line_items]
    return Figures(
        vpp_name=report.vpp_name,
        terms=report.terms,
        statement=Statement(
            Month.containing(report.month),
            Totals(**{field.name: getattr(report, field.name) for field in fields(Totals)}),
            tuple(sorted(items, key=lambda item: item.nmi)),
        ),
        addresses={row.nmi: row.address for row in line_items},
    )


def _contents(figures: Figures, file_format: FileFormat) -> bytes:
    return report_json(figures) if file_format is FileFormat.JSON else line_items_csv(figures)


def report_json(figures: Figures) -> bytes:
    """Return a report as the JSON of `vpp_report.json`, with amounts as numbers to the cent."""
    totals = figures.statement.totals
    report = {
        "vpp": figures.vpp_name,
        "month": str(figures.statement.month),
        "totals": {
            "total_revenue": float(totals.total_revenue_aud),
            "vpp_ad_valorem_fee": float(totals.ad_valorem_fee_aud),
            "vpp_daily_fees": float(totals.daily_fees_aud),
            "vpp_cost_only": float(totals.cost_only_aud),
            "vpp_total_revenue": float(totals.vpp_total_aud),
            "site_total_revenue_after_fees": float(totals.site_total_aud),
        },
        "sites": {
            item.nmi: {
                "nmi": item.nmi,
                "address": figures.addresses[item.nmi],
                "site_capacity_kwh": float(item.capacity_kwh),
                "site_member_days": item.member_days,
                "site_revenue": float(item.revenue_aud),
                "site_ad_valorem_fee": float(item.ad_valorem_fee_aud),
                "site_event_share": float(item.event_share_aud),
                "site_capacity_share": float(item.capacity_share_aud),
                "site_revenue_before_fees": float(item.before_fees_aud),
                "site_daily_fee": float(item.daily_fee_aud),
                "site_daily_fee_waived": float(item.waived_fee_aud),
                "site_revenue_after_fees": float(item.after_fees_aud),
            }
            for item in figures.statement.line_items
        },
        "terms": terms(figures),
    }
    return json.dumps(report, indent=2, ensure_ascii=False).encode()


def terms(figures: Figures) -> list[dict[str, Any]]:
    """Return the terms of each span in the order of the file; the JSON that Postgres stores has another order."""
    return [{name: span_terms[name] for name in TERMS} for span_terms in figures.terms]


def file_name(vpp_name: str | None, month: str, revision: int, file_format: FileFormat) -> str:
    """Return the name with which a file of a report is downloaded, such as `North_VPP_2025-09_revision_1.csv`."""
    return re.sub(r"[^\w-]+", "_", f"{vpp_name} {month} revision {revision}") + f".{file_format}"


def line_items_csv(figures: Figures) -> bytes:
    """
    Return a report's line items as CSV, one row per site, in order of NMI.

    It begins with a byte order mark, without which Excel does not read it as UTF-8. An address that a spreadsheet would
    run as a formula begins with an apostrophe.
    """
    rows = [
        {"nmi": item.nmi, "address": _without_formula(figures.addresses[item.nmi]), **asdict(item)}
        for item in figures.statement.line_items
    ]
    file = io.StringIO(newline="")
    columns = ["nmi", "address", *(field.name for field in fields(LineItem) if field.name != "nmi")]
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode("utf-8-sig")


def _without_formula(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
