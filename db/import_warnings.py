"""
Warnings about imports of battery events: rows that were imported, but may not be what their owner means.

The transaction that completes an import inserts its warnings. They describe the database at that time: a row on a day
on which its site was in no VPP keeps its warning when the site joins one later for that day.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db.engine.database import ReadStatement
from db.engine.scope import Scope
from db.engine.statements import equals_any
from db.engine.tables import Table
from db.events import exact_amount
from db.imports import Import


class WarningCode(StrEnum):
    NO_VPP_ON_DAY = "NO_VPP_ON_DAY"
    FUTURE_DAY = "FUTURE_DAY"
    CONFLICTING_VALUES = "CONFLICTING_VALUES"
    DIFFERS_FROM_ANOTHER_IMPORT = "DIFFERS_FROM_ANOTHER_IMPORT"
    NEGATIVE_DISCHARGES = "NEGATIVE_DISCHARGES"


class RowWarning(Table, table=True):
    """The rows of an import that one warning is about, for one settlement month."""

    __tablename__ = "import_warnings"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    code: str = Field(primary_key=True)
    month: date = Field(primary_key=True)
    row_count: int
    # The money that the rows earn, if they count.
    value_aud: Decimal
    # The first of the rows in the file; the header is line 1.
    line_number: int


# Inserts the warning of a code for the rows that `rows` selects: month, line number, energy, tariff.
INSERT = """
    insert into import_warnings (import_id, code, month, row_count, value_aud, line_number)
    select
        :import_id, '{code}', month, count(*),
        sum(energy_microkwh::numeric * tariff_microcents_per_kwh * 0.00000000000001), min(line_number)
    from ({rows}) rows
    group by month
"""
# The events that count of some site months of the import, which are the common table expression `months`.
EVENTS = """
    select
        blocks.site_id, blocks.month, blocks.month + (event.day - 1) as settlement_date,
        event.time_ms, event.discharge, event.energy_microkwh, event.tariff_microcents_per_kwh, event.line_number
    from months
    join event_blocks blocks
      on (blocks.import_id, blocks.site_id, blocks.month) = (:import_id, months.site_id, months.month)
    cross join lateral unnest(
        blocks.days, blocks.times_ms, blocks.discharges, blocks.energies_microkwh, blocks.tariffs_microcents_per_kwh,
        blocks.line_numbers, blocks.duplicates
    ) as event (day, time_ms, discharge, energy_microkwh, tariff_microcents_per_kwh, line_number, is_duplicate)
    where event.is_duplicate is not true
"""
OWN_MONTHS = "select site_id, month from site_months where import_id = :import_id and event_count > 0"

# The rows of each warning. Only the blocks of site months that may have such rows are unnested.
ROWS: dict[WarningCode, str] = {
    WarningCode.NO_VPP_ON_DAY: """
        with coverage as (
            select site_id, range_agg(effective) as days from memberships group by site_id
        ),
        months as materialized (
            select site_id, month, coverage.days
            from ({OWN_MONTHS}) own
            left join coverage using (site_id)
            where coalesce(not coverage.days @> daterange(month, (month + interval '1 month')::date), true)
        )
        select events.*
        from ({EVENTS}) events
        join months using (site_id, month)
        where coalesce(not months.days @> events.settlement_date, true)
    """,
    WarningCode.FUTURE_DAY: """
        with months as materialized (
            select site_id, month from ({OWN_MONTHS}) own where month + interval '1 month' > :tomorrow
        )
        select * from ({EVENTS}) events where settlement_date >= :tomorrow
    """,
    WarningCode.CONFLICTING_VALUES: """
        with own as materialized ({OWN_MONTHS}),
        moments as materialized (
            select blocks.site_id, blocks.month, event.day, event.time_ms, event.discharge
            from own
            join event_blocks blocks
              on (blocks.import_id, blocks.site_id, blocks.month) = (:import_id, own.site_id, own.month)
            cross join lateral unnest(
                blocks.days, blocks.times_ms, blocks.discharges, blocks.energies_microkwh,
                blocks.tariffs_microcents_per_kwh
            ) as event (day, time_ms, discharge, energy_microkwh, tariff_microcents_per_kwh)
            where blocks.times_ms is not null and event.time_ms >= 0
            group by blocks.site_id, blocks.month, event.day, event.time_ms, event.discharge
            having min(energy_microkwh) <> max(energy_microkwh)
                or min(tariff_microcents_per_kwh) <> max(tariff_microcents_per_kwh)
        ),
        months as materialized (select distinct site_id, month from moments)
        select events.*
        from ({EVENTS}) events
        join moments
          on (moments.site_id, moments.month, moments.day, moments.time_ms, moments.discharge)
           = (events.site_id, events.month, extract(day from events.settlement_date), events.time_ms, events.discharge)
    """,
    WarningCode.DIFFERS_FROM_ANOTHER_IMPORT: """
        with months as materialized (
            select site_id, month
            from ({OWN_MONTHS}) own
            where exists (
                select
                from site_months other
                where (other.site_id, other.month) = (own.site_id, own.month) and other.import_id <> :import_id
            )
        ),
        others as materialized (
            select
                blocks.site_id, blocks.month + (event.day - 1) as settlement_date, event.time_ms, event.discharge,
                event.energy_microkwh, event.tariff_microcents_per_kwh
            from months
            join site_months using (site_id, month)
            join event_blocks blocks using (import_id, site_id, month)
            cross join lateral unnest(
                blocks.days, blocks.times_ms, blocks.discharges, blocks.energies_microkwh,
                blocks.tariffs_microcents_per_kwh
            ) as event (day, time_ms, discharge, energy_microkwh, tariff_microcents_per_kwh)
            where site_months.import_id <> :import_id and blocks.times_ms is not null and event.time_ms >= 0
        )
        select *
        from ({EVENTS}) events
        where time_ms >= 0
          and exists (
              select
              from others
              where (others.site_id, others.settlement_date, others.time_ms, others.discharge)
                  = (events.site_id, events.settlement_date, events.time_ms, events.discharge)
                and (others.energy_microkwh, others.tariff_microcents_per_kwh)
                 <> (events.energy_microkwh, events.tariff_microcents_per_kwh)
          )
    """,
    # Discharges below zero happen when prices are negative. If nearly all are, the sign is probably wrong. Then they
    # cost more than the file earns, which is checked first, as it needs no event.
    WarningCode.NEGATIVE_DISCHARGES: """
        with months as materialized (
            select site_id, month
            from ({OWN_MONTHS}) own
            where (
                select -sum(cost_only_aud) > greatest(sum(revenue_aud), 0) from site_months where import_id = :import_id
            )
        ),
        discharges as (
            select *, tariff_microcents_per_kwh < 0 and energy_microkwh > 0 as is_negative
            from ({EVENTS}) events
            where discharge
        )
        select *
        from discharges
        where is_negative
          and (
              select count(*) >= 10 and count(*) filter (where is_negative) >= 0.9 * count(*) from discharges
          )
    """,
}

STATEMENTS = [
    text(INSERT.format(code=code, rows=rows.format(OWN_MONTHS=OWN_MONTHS, EVENTS=EVENTS)))
    for code, rows in ROWS.items()
]


def warnings(scope: Scope, import_ids: Sequence[UUID]) -> ReadStatement:
    """Select the warnings of some imports, by code and settlement month."""
    in_scope = select(col(Import.id)).where(equals_any(col(Import.id), import_ids), *scope.imports(col(Import.vpp_ids)))
    import_id = col(RowWarning.import_id)
    return (
        select(
            *(import_id, col(RowWarning.code), col(RowWarning.month), col(RowWarning.row_count)),
            *(exact_amount(RowWarning.value_aud).label("value_aud"), col(RowWarning.line_number)),
        )
        .where(import_id.in_(in_scope) if scope.is_restricted else equals_any(import_id, import_ids))
        .order_by(import_id, col(RowWarning.code), col(RowWarning.month))
    )


async def add(session: AsyncSession, *, import_id: UUID, tomorrow: date) -> None:
    """Insert the warnings of an import whose site months were added; `tomorrow` is in NEM time."""
    for statement in STATEMENTS:
        await session.execute(statement, {"import_id": import_id, "tomorrow": tomorrow})
