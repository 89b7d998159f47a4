"""
Battery events, kept in blocks.

A block is what one chunk of one file brought for one site and one month: its sums, and its events as arrays. Its sums
are of those events that are not marked as duplicates. Which blocks count, and when, stands in site_months.py.

A block has no foreign keys: Postgres would look both up a block, which takes as long as all else it does. A site with
events that count is held by its site months; an import is never deleted.
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
    # The one index: from a site month to its blocks.
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

    # One element an event. Energies are in 10^-6 kWh; tariffs in 10^-6 c/kWh, with the sign of money earned.
    days: list[int] = Field(sa_type=ARRAY(SmallInteger))
    discharges: list[bool] = Field(sa_type=ARRAY(Boolean))
    energies: list[int] = Field(sa_type=ARRAY(BigInteger))
    tariffs: list[int] = Field(sa_type=ARRAY(BigInteger))
    line_numbers: list[int] = Field(sa_type=ARRAY(Integer))
    # Which events do not count, since another import brought them first; null where all do.
    duplicates: list[bool] | None = Field(default=None, sa_type=ARRAY(Boolean))


# What is written when a block is brought in; which of its events are duplicates is found out later.
BLOCK_COLUMNS = [name for name in EventBlock.model_fields if name != "duplicates"]

# The view that shows the events that count as rows; a migration makes it.
EVENTS = TableOfView(
    "events",
    MetaData(),
    *(Column("import_id", Uuid, nullable=False), Column("line_number", Integer, nullable=False)),
    *(Column("site_id", Uuid, nullable=False), Column("month", Date, nullable=False)),
    *(Column("settlement_date", Date, nullable=False), Column("event_type", String, nullable=False)),
    *(Column("energy_kwh", Numeric, nullable=False), Column("tariff_cents_per_kwh", Numeric, nullable=False)),
    Column("value_aud", Numeric, nullable=False),
)


# Each event of a block as a row, with arrays opened side by side in what is selected: in half of the time that the view
# takes, where sites are known, but of all sites where they come out of a join.
_OPENED = (
    select(
        *(col(EventBlock.import_id), col(EventBlock.site_id), col(EventBlock.month)),
        func.unnest(col(EventBlock.days)).label("day"),
        func.unnest(col(EventBlock.discharges)).label("is_discharge"),
        func.unnest(col(EventBlock.energies)).label("energy"),
        func.unnest(col(EventBlock.tariffs)).label("tariff"),
        func.unnest(col(EventBlock.line_numbers), type_=Integer).label("line_number"),
        func.unnest(col(EventBlock.duplicates)).label("is_duplicate"),
    )
    .join(
        SiteMonth,
        (col(SiteMonth.import_id) == EventBlock.import_id)
        & (col(SiteMonth.site_id) == EventBlock.site_id)
        & (col(SiteMonth.month) == EventBlock.month),
    )
    .where(col(SiteMonth.repeats).is_(None))
    .subquery("opened")
)
_SIGNED_TARIFF = case((_OPENED.c.is_discharge, _OPENED.c.tariff), else_=-_OPENED.c.tariff)
_MILLION: ColumnElement[float] = literal_column("1000000", Float)
# What the view shows, but for numbers as binary fractions: Postgres divides these in a tenth of the time, and comes to
# the same, since what it divides has no more than 13 digits.
EVENTS_OF_SITES = (
    select(
        *(_OPENED.c.import_id, _OPENED.c.line_number, _OPENED.c.site_id, _OPENED.c.month),
        type_coerce(_OPENED.c.month + (_OPENED.c.day - 1), Date).label("settlement_date"),
        case((_OPENED.c.is_discharge, "DISCHARGE"), else_="CHARGE").label("event_type"),
        (_OPENED.c.energy.cast(Float(53)) / _MILLION).label("energy_kwh"),
        (_SIGNED_TARIFF.cast(Float(53)) / _MILLION).label("tariff_cents_per_kwh"),
        (_OPENED.c.energy.cast(Numeric) * _OPENED.c.tariff * literal_column("0.00000000000001", Numeric)).label(
            "value_aud"
        ),
    )
    .where(_OPENED.c.is_duplicate.is_not(True))
    .subquery("events")
)


async def copy_blocks(session: AsyncSession, blocks: Sequence[memoryview]) -> None:
    """Add blocks, in parts of a COPY: in binary, a tuple a block, in the order of `BLOCK_COLUMNS`."""
    await copy_binary(session, EventBlock.__tablename__, BLOCK_COLUMNS, blocks)


def events_of_sites(scope: Scope, site_ids: Sequence[UUID], from_: date | None, until: date | None) -> ReadStatement:
    """
    Read the events of some sites that count, over settlement dates `[from, until)`.

    What they are worth is written out in AUD, with at least its cents.
    """
    each = EVENTS_OF_SITES.c
    events = select(
        *(each.import_id, each.line_number, each.site_id, each.settlement_date),
        *(each.event_type, each.energy_kwh, each.tariff_cents_per_kwh),
        in_full(each.value_aud).label("value_aud"),
    ).where(equals_any(each.site_id, site_ids), *scope.events(each.site_id, each.settlement_date))
    # The month is in the index of the blocks; the date is known only once a block is opened.
    if from_ is not None:
        events = events.where(each.month >= _month(from_), each.settlement_date >= from_)
    if until is not None:
        events = events.where(each.month < until, each.settlement_date < until)
    return events


def in_full(amount: Any) -> ColumnElement[str]:
    """Return an amount of money written out, with at least its cents."""
    trimmed = func.trim_scale(amount)
    return cast(case((func.scale(trimmed) <= 2, func.round(trimmed, 2)), else_=trimmed), String)


def _month(day: date) -> ColumnElement[date]:
    # By Postgres, so that the day may be one that is not known yet.
    return cast(func.date_trunc("month", cast(day, DateTime)), Date)
