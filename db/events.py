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
    select,
)
from sqlalchemy import Table as TableOfView
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from db.engine import Read, copy_binary
from db.prepared import among
from db.reach import Reach
from db.tables import Table


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


async def copy_blocks(session: AsyncSession, blocks: Sequence[memoryview]) -> None:
    """Add blocks, in parts of a COPY: in binary, a tuple a block, in the order of `BLOCK_COLUMNS`."""
    await copy_binary(session, EventBlock.__tablename__, BLOCK_COLUMNS, blocks)


def events_of_sites(reach: Reach, site_ids: Sequence[UUID], from_: date | None, until: date | None) -> Read:
    """
    Read the events of some sites that count, over settlement dates `[from, until)`.

    What they are worth is written out in AUD, with at least its cents.
    """
    events = select(
        *(EVENTS.c.import_id, EVENTS.c.line_number, EVENTS.c.site_id, EVENTS.c.settlement_date),
        *(EVENTS.c.event_type, EVENTS.c.energy_kwh, EVENTS.c.tariff_cents_per_kwh),
        in_full(EVENTS.c.value_aud).label("value_aud"),
    ).where(among(EVENTS.c.site_id, site_ids), *reach.events(EVENTS.c.site_id, EVENTS.c.settlement_date))
    # The month is in the index of the blocks; the date is known only once a block is opened.
    if from_ is not None:
        events = events.where(EVENTS.c.month >= _month(from_), EVENTS.c.settlement_date >= from_)
    if until is not None:
        events = events.where(EVENTS.c.month < until, EVENTS.c.settlement_date < until)
    return events


def in_full(amount: Any) -> ColumnElement[str]:
    """Return an amount of money written out, with at least its cents."""
    trimmed = func.trim_scale(amount)
    return cast(case((func.scale(trimmed) <= 2, func.round(trimmed, 2)), else_=trimmed), String)


def _month(day: date) -> ColumnElement[date]:
    # By Postgres, so that the day may be one that is not known yet.
    return cast(func.date_trunc("month", cast(day, DateTime)), Date)
