"""Energy readings of parks, and daily statistics for each park and each energy type."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import strawberry
from sqlmodel import col

import db.readings
from db.energy_type_days import EnergyTypeDay as EnergyTypeDayTable
from db.engine.database import ReadStatement
from db.parks import EnergyType, ParkFilter
from db.parks import Park as ParkTable
from db.readings import EnergyReading as ReadingTable
from db.readings import ParkDay as ParkDayTable
from graph.auth.callers import READER
from graph.resolvers.context import Info
from graph.resolvers.fields import Connection, RowType, column_field, query_field
from graph.resolvers.paging import Order, page_request
from graph.resolvers.parks import Park, parks_by_id
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import FieldQuery, ReadContext

# The database stores power in W, as integers. Python's division of integers returns the float nearest to the exact
# quotient.
W_PER_MW = 10**6

BY_PARK = Order((col(ReadingTable.park_id), col(ReadingTable.interval_start)), grouped=True)
BY_DAY_AND_PARK = Order((col(ParkDayTable.local_date), col(ParkDayTable.park_id)))
BY_DAY_AND_ENERGY_TYPE = Order((col(EnergyTypeDayTable.local_date), col(EnergyTypeDayTable.energy_type)))
PARKS_BY_DAY_AND_ENERGY_TYPE = Order((col(ParkDayTable.local_date), col(ParkTable.energy_type)))


def _readings(context: ReadContext, filter: "EnergyReadingFilterInput | None" = None) -> ReadStatement:
    filter = filter or EnergyReadingFilterInput()
    return db.readings.readings(context.scope, _park_filter(filter), filter.from_, filter.until)


def _park_days(context: ReadContext, filter: "StatsFilterInput | None" = None) -> ReadStatement:
    filter = filter or StatsFilterInput()
    return db.readings.park_daily_stats(context.scope, _park_filter(filter), filter.from_, filter.until)


def _power_mw(power_w: int | Decimal) -> float:
    # Decimal, since Postgres's sum() of bigint is numeric.
    return int(power_w) / W_PER_MW


def _mean_power_mw(sum_power_w: int | Decimal, reading_count: int | Decimal) -> float:
    return int(sum_power_w) / (W_PER_MW * int(reading_count))


@strawberry.type(
    description="Mean power over the interval that starts at intervalStart. Negative if the park drew power."
)
class EnergyReading(RowType):
    park_id: strawberry.Private[UUID]
    park: Park = query_field(FieldQuery(parks_by_id, parent_column="park_id", key_column="id"))
    interval_start: datetime = column_field(
        *("interval_start", "timezone"),
        convert=lambda instant, timezone: instant.astimezone(ZoneInfo(timezone)),
        description="With the UTC offset of the park's timezone at that instant.",
    )
    power_mw: float = column_field("power_w", convert=_power_mw)


@strawberry.type(description="Statistics of a park's readings on one local day.")
class ParkDailyStats(RowType):
    park_id: strawberry.Private[UUID]
    park: Park = query_field(FieldQuery(parks_by_id, parent_column="park_id", key_column="id"))
    local_date: date = strawberry.field(name="date")
    min_power_mw: float = column_field("min_power_w", convert=_power_mw)
    max_power_mw: float = column_field("max_power_w", convert=_power_mw)
    sum_power_mw: float = column_field(
        "sum_power_w", convert=_power_mw, description="Sum of the power of all readings."
    )
    mean_power_mw: float = column_field("sum_power_w", "reading_count", convert=_mean_power_mw)
    reading_count: int


@strawberry.type(description="Statistics of all readings of one energy type on one day.")
class EnergyTypeDailyStats(RowType):
    energy_type: EnergyType = column_field("energy_type", convert=EnergyType)
    local_date: date = strawberry.field(name="date")
    min_power_mw: float = column_field("min_power_w", convert=_power_mw)
    max_power_mw: float = column_field("max_power_w", convert=_power_mw)
    sum_power_mw: float = column_field(
        "sum_power_w", convert=_power_mw, description="Sum of the power of all readings."
    )
    mean_power_mw: float = column_field("sum_power_w", "reading_count", convert=_mean_power_mw)
    reading_count: int = column_field("reading_count", convert=int)
    park_count: int = column_field(
        "park_count", convert=int, description="Number of parks that have readings on the day."
    )


@strawberry.input(description="A null list matches every park, an empty list none.")
class EnergyReadingFilterInput:
    park_names: list[str] | None = None
    energy_types: list[EnergyType] | None = None
    timezones: list[str] | None = None
    from_: datetime | None = strawberry.field(
        name="from", default=None, description="The start of the range, inclusive."
    )
    until: datetime | None = strawberry.field(default=None, description="The end of the range, exclusive.")


@strawberry.input(description="A null list matches every park, an empty list none.")
class StatsFilterInput:
    park_names: list[str] | None = None
    energy_types: list[EnergyType] | None = None
    timezones: list[str] | None = None
    from_: date | None = strawberry.field(name="from", default=None, description="The first day, included.")
    until: date | None = strawberry.field(default=None, description="The day after the last day.")


def _energy_type_days(context: ReadContext, filter: StatsFilterInput | None = None) -> ReadStatement:
    filter = filter or StatsFilterInput()
    return db.readings.energy_type_daily_stats(context.scope, _park_filter(filter), filter.from_, filter.until)


def _energy_type_days_of_parks(context: ReadContext, filter: StatsFilterInput) -> ReadStatement:
    return db.readings.energy_type_daily_stats_of_parks(context.scope, _park_filter(filter), filter.from_, filter.until)


ENERGY_TYPE_DAYS = FieldQuery(_energy_type_days, order=BY_DAY_AND_ENERGY_TYPE)
ENERGY_TYPE_DAYS_OF_PARKS = FieldQuery(_energy_type_days_of_parks, order=PARKS_BY_DAY_AND_ENERGY_TYPE)


@strawberry.type
class ReadingQuery:
    list_energy_readings: Connection[EnergyReading] = query_field(
        FieldQuery(_readings, order=BY_PARK),
        RequiresRole(READER),
        description="In order of time within each park.",
    )
    list_park_daily_stats: Connection[ParkDailyStats] = query_field(
        FieldQuery(_park_days, order=BY_DAY_AND_PARK),
        RequiresRole(READER),
        description="One item per park and local day, in order of day.",
    )

    @strawberry.field(
        description="One item per energy type and day, in order of day. A park counts in its own local day.",
        extensions=[RequiresRole(READER)],
    )
    async def list_energy_type_daily_stats(
        self,
        info: Info,
        filter: StatsFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[EnergyTypeDailyStats]:
        reads = ENERGY_TYPE_DAYS if filter is None or filter.park_names is None else ENERGY_TYPE_DAYS_OF_PARKS
        assert reads.order is not None  # noqa: S101
        request = page_request(limit, next_token, order=reads.order, list_identity=("listEnergyTypeDailyStats", filter))
        page = await info.context.loaders.page(reads, {"filter": filter}, request)
        return Connection.from_page(EnergyTypeDailyStats, page)


def _park_filter(filter: EnergyReadingFilterInput | StatsFilterInput) -> ParkFilter:
    return ParkFilter(filter.park_names, filter.energy_types, filter.timezones)
