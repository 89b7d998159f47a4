"""
Battery events, stored in blocks.

A block holds the events that one chunk of a file has for one site and one month: the events as arrays, and their sums
without the events that are marked as duplicates. site_months.py describes which blocks count.

A block has no foreign keys, because their checks would double the time that Postgres takes to insert a block. A site
whose events count is protected from deletion by its site months; an import is never deleted.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Uuid,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy import Table as TableOfView
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine.database import ReadStatement, copy_binary
from db.engine.scope import Scope
from db.engine.statements import equals_any
from db.engine.tables import Table
from db.site_months import SiteMonth


class EventBlock(Table, table=True):
    __tablename__ = "event_blocks"
    # The only index, from a site month to its blocks.
    __table_args__ = (PrimaryKeyConstraint("import_id", "site_id", "month", "chunk_number"),)

    import_id: UUID = Field(primary_key=True)
    chunk_number: int = Field(primary_key=True)
    site_id: UUID = Field(primary_key=True)
    month: date = Field(primary_key=True)

    event_count: int
    revenue_aud: Decimal
    cost_only_aud: Decimal
    charged_kwh: Decimal
    discharged_kwh: Decimal

    # One element per event. A tariff is positive for money earned.
    days: list[int] = Field(sa_type=ARRAY(SmallInteger))
    discharges: list[bool] = Field(sa_type=ARRAY(Boolean))
    energies_microkwh: list[int] = Field(sa_type=ARRAY(BigInteger))
    tariffs_microcents_per_kwh: list[int] = Field(sa_type=ARRAY(BigInteger))
    line_numbers: list[int] = Field(sa_type=ARRAY(Integer))
    # Milliseconds of NEM time since the start of the day, 24 hours at the end of its last interval; -1 for an event of
    # which only the day is known. Null if only the days are known of all events, which saves four bytes for each.
    times_ms: list[int] | None = Field(default=None, sa_type=ARRAY(Integer))
    # True for events that do not count, because an earlier import has them too; null if all events count.
    duplicates: list[bool] | None = Field(default=None, sa_type=ARRAY(Boolean))


# The columns of the COPY that inserts blocks; `duplicates` is set when the import completes.
BLOCK_COLUMNS = [name for name in EventBlock.model_fields if name != "duplicates"]

# The view `events` of a migration: the events that count, as rows.
EVENTS = TableOfView(
    "events",
    MetaData(),
    *(Column("import_id", Uuid, nullable=False), Column("line_number", Integer, nullable=False)),
    *(Column("site_id", Uuid, nullable=False), Column("month", Date, nullable=False)),
    *(Column("settlement_date", Date, nullable=False), Column("event_type", String, nullable=False)),
    *(Column("energy_kwh", Numeric, nullable=False), Column("tariff_cents_per_kwh", Numeric, nullable=False)),
    *(Column("value_aud", Numeric, nullable=False), Column("occurred_at", DateTime(timezone=True))),
)


# The events of blocks as rows, for queries with given site ids. They take half the time with `unnest` in the select
# list instead of the lateral `unnest` of the view. If site ids come from a join, use the view: Postgres would unnest
# the blocks of all sites here.
_UNNESTED = (
    select(
        *(col(EventBlock.import_id), col(EventBlock.site_id), col(EventBlock.month)),
        func.unnest(col(EventBlock.days)).label("day"),
        func.unnest(col(EventBlock.discharges)).label("is_discharge"),
        func.unnest(col(EventBlock.energies_microkwh)).label("energy_microkwh"),
        func.unnest(col(EventBlock.tariffs_microcents_per_kwh)).label("tariff_microcents_per_kwh"),
        func.unnest(col(EventBlock.line_numbers), type_=Integer).label("line_number"),
        func.unnest(col(EventBlock.duplicates)).label("is_duplicate"),
        func.unnest(col(EventBlock.times_ms)).label("time_ms"),
    )
    .join(
        SiteMonth,
        (col(SiteMonth.import_id) == EventBlock.import_id)
        & (col(SiteMonth.site_id) == EventBlock.site_id)
        & (col(SiteMonth.month) == EventBlock.month),
    )
    .where(col(SiteMonth.repeats).is_(None))
    .subquery("unnested")
)
_TARIFF_MICROCENTS_PER_KWH = case(
    (_UNNESTED.c.is_discharge, _UNNESTED.c.tariff_microcents_per_kwh), else_=-_UNNESTED.c.tariff_microcents_per_kwh
)
# The unit of a product of an energy in microkWh and a tariff in microcents per kWh.
_AUD: ColumnElement[Decimal] = literal_column("0.00000000000001", Numeric)
_VALUE_AUD = _UNNESTED.c.energy_microkwh.cast(Numeric) * _UNNESTED.c.tariff_microcents_per_kwh * _AUD
# NEM time is UTC+10.
_OCCURRED_AT = case(
    (
        _UNNESTED.c.time_ms >= 0,
        func.timezone(literal_column("interval '10:00'"), (_UNNESTED.c.month + (_UNNESTED.c.day - 1)).cast(DateTime))
        + _UNNESTED.c.time_ms * literal_column("interval '1 millisecond'"),
    )
)
_MILLION: ColumnElement[float] = literal_column("1000000", Float)
# The rows of the view, with float8 instead of numeric. Its division takes a tenth of the time, and returns the float
# nearest to the exact quotient, since no dividend has more than 13 digits.
EVENTS_OF_SITES = (
    select(
        *(_UNNESTED.c.import_id, _UNNESTED.c.line_number, _UNNESTED.c.site_id, _UNNESTED.c.month),
        type_coerce(_UNNESTED.c.month + (_UNNESTED.c.day - 1), Date).label("settlement_date"),
        case((_UNNESTED.c.is_discharge, "DISCHARGE"), else_="CHARGE").label("event_type"),
        (_UNNESTED.c.energy_microkwh.cast(Float(53)) / _MILLION).label("energy_kwh"),
        (_TARIFF_MICROCENTS_PER_KWH.cast(Float(53)) / _MILLION).label("tariff_cents_per_kwh"),
        _VALUE_AUD.label("value_aud"),
        type_coerce(_OCCURRED_AT, DateTime(timezone=True)).label("occurred_at"),
    )
    .where(_UNNESTED.c.is_duplicate.is_not(True))
    .subquery("events")
)


async def copy_blocks(session: AsyncSession, blocks: Sequence[memoryview]) -> None:
    """Insert blocks from the buffers of a binary COPY, one tuple per block in the order of `BLOCK_COLUMNS`."""
    await copy_binary(session, EventBlock.__tablename__, BLOCK_COLUMNS, blocks)


def events_of_sites(scope: Scope, site_ids: Sequence[UUID], from_: date | None, until: date | None) -> ReadStatement:
    """
    Select the events of some sites that count, with settlement dates in `[from, until)`.

    `value_aud` is decimal text with at least two decimals. `occurred_at` is null where only the day is known.
    """
    event = EVENTS_OF_SITES.c
    events = select(
        *(event.import_id, event.line_number, event.site_id, event.settlement_date),
        *(event.event_type, event.energy_kwh, event.tariff_cents_per_kwh),
        *(exact_amount(event.value_aud).label("value_aud"), event.occurred_at),
    ).where(equals_any(event.site_id, site_ids), *scope.events(event.site_id, event.settlement_date))
    # The condition on the month uses the index of the blocks; a date is known only once its block is unnested.
    if from_ is not None:
        events = events.where(event.month >= _month(from_), event.settlement_date >= from_)
    if until is not None:
        events = events.where(event.month < until, event.settlement_date < until)
    return events


def earnings_by_span(site_ids: Sequence[UUID], month: date, first_days: Sequence[int]) -> ReadStatement:
    """
    Select the earnings of some sites in each span of a month, from their events that count.

    `first_days` has the day of the month on which each span starts, in ascending order. A row has a site's earnings as
    arrays with one element per span with events: the span's number, counted from 1, and the amounts, null without any
    event. The blocks are read once, however many spans there are.
    """
    span_number = func.width_bucket(_UNNESTED.c.day, literal(first_days, ARRAY(SmallInteger)))
    value = _UNNESTED.c.energy_microkwh.cast(Numeric) * _UNNESTED.c.tariff_microcents_per_kwh
    is_cost_only = _UNNESTED.c.is_discharge & (_UNNESTED.c.tariff_microcents_per_kwh < 0)
    spans = (
        select(
            *(_UNNESTED.c.site_id, span_number.label("number")),
            (func.sum(value).filter(~is_cost_only) * _AUD).label("revenue_aud"),
            (func.sum(value).filter(is_cost_only) * _AUD).label("cost_only_aud"),
        )
        .where(equals_any(_UNNESTED.c.site_id, site_ids), _UNNESTED.c.month == month)
        .where(_UNNESTED.c.is_duplicate.is_not(True))
        .group_by(_UNNESTED.c.site_id, span_number)
        .subquery("spans")
    )
    # One row per site, because a row costs the driver more than an element of an array.
    return select(
        spans.c.site_id,
        func.array_agg(spans.c.number).label("span_numbers"),
        func.array_agg(spans.c.revenue_aud).label("revenues_aud"),
        func.array_agg(spans.c.cost_only_aud).label("cost_only_aud"),
    ).group_by(spans.c.site_id)


def exact_amount(amount: Any) -> ColumnElement[str]:
    """Return an amount of money as exact decimal text with at least two decimals."""
    trimmed = func.trim_scale(amount)
    return cast(case((func.scale(trimmed) <= 2, func.round(trimmed, 2)), else_=trimmed), String)


def _month(day: date) -> ColumnElement[date]:
    # Computed in SQL, because the day may be a placeholder for a value that is not known yet.
    return cast(func.date_trunc("month", cast(day, DateTime)), Date)
