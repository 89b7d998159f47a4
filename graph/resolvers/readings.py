"""Energy readings of parks, and the statistics of their days."""

from datetime import date, datetime
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

import strawberry
from sqlmodel import col

import db.readings
from db.energy_type_days import EnergyTypeDay as EnergyTypeDayTable
from db.engine import AnyRow
from db.parks import EnergyType, ParksWanted
from db.parks import Park as ParkTable
from db.readings import EnergyReading as ReadingTable
from db.readings import ParkDay as ParkDayTable
from graph.context import Info
from graph.paging import Order, page_request
from graph.permissions import READER, For
from graph.resolvers.parks import Park
from graph.resolvers.rows import Connection, FromRow, there

# A power is kept in 10^-6 MW. Python divides integers exactly, to the nearest float.
MW = 10**6

BY_PARK = Order((col(ReadingTable.park_id), col(ReadingTable.interval_start)), grouped=True)
BY_DAY_AND_PARK = Order((col(ParkDayTable.local_date), col(ParkDayTable.park_id)))
BY_DAY_AND_ENERGY_TYPE = Order((col(EnergyTypeDayTable.local_date), col(EnergyTypeDayTable.energy_type)))
OF_PARKS_BY_DAY_AND_ENERGY_TYPE = Order((col(ParkDayTable.local_date), col(ParkTable.energy_type)))


@strawberry.type(
    description="Mean power over the interval that starts at this instant. Below zero, the park drew power."
)
class EnergyReading(FromRow):
    park_id: strawberry.Private[UUID]

    @strawberry.field
    async def park(self, info: Info) -> Park:
        return there(await Park.load(info, self.park_id))

    interval_start: datetime = strawberry.field(description="With the offset of the park's timezone at that instant.")
    power_mw: float

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(
            park_id=row.park_id,
            interval_start=row.interval_start.astimezone(ZoneInfo(row.timezone)),
            power_mw=row.power / MW,
        )


@strawberry.type
class ParkDailyStats(FromRow):
    park_id: strawberry.Private[UUID]

    @strawberry.field
    async def park(self, info: Info) -> Park:
        return there(await Park.load(info, self.park_id))

    date: date
    min_power_mw: float
    max_power_mw: float
    sum_power_mw: float
    mean_power_mw: float
    reading_count: int

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        return cls(
            park_id=row.park_id,
            date=row.local_date,
            min_power_mw=row.min_power / MW,
            max_power_mw=row.max_power / MW,
            sum_power_mw=row.sum_power / MW,
            mean_power_mw=row.sum_power / (MW * row.reading_count),
            reading_count=row.reading_count,
        )


@strawberry.type
class EnergyTypeDailyStats(FromRow):
    energy_type: EnergyType
    date: date
    min_power_mw: float
    max_power_mw: float
    sum_power_mw: float
    mean_power_mw: float
    reading_count: int
    park_count: int

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        # Postgres sums integers up as decimals.
        sum_power, reading_count = int(row.sum_power), int(row.reading_count)
        return cls(
            energy_type=EnergyType(row.energy_type),
            date=row.local_date,
            min_power_mw=row.min_power / MW,
            max_power_mw=row.max_power / MW,
            sum_power_mw=sum_power / MW,
            mean_power_mw=sum_power / (MW * reading_count),
            reading_count=reading_count,
            park_count=row.park_count,
        )


@strawberry.input
class EnergyReadingFilterInput:
    park_names: list[str] | None = None
    energy_types: list[EnergyType] | None = None
    timezones: list[str] | None = None
    from_: datetime | None = strawberry.field(name="from", default=None)
    until: datetime | None = None


@strawberry.input
class StatsFilterInput:
    park_names: list[str] | None = None
    energy_types: list[EnergyType] | None = None
    timezones: list[str] | None = None
    from_: date | None = strawberry.field(name="from", default=None)
    until: date | None = None


@strawberry.type
class ReadingQuery:
    @strawberry.field(extensions=[For(READER)])
    async def list_energy_readings(
        self,
        info: Info,
        filter: EnergyReadingFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[EnergyReading]:
        page = page_request(limit, next_token, order=BY_PARK, of=("listEnergyReadings", filter))
        filter = filter or EnergyReadingFilterInput()
        read = db.readings.readings(info.context.reach, _wanted(filter), filter.from_, filter.until)
        return Connection.of(EnergyReading, await page.read(info.context.database, read))

    @strawberry.field(description="One row per park and local day.", extensions=[For(READER)])
    async def list_park_daily_stats(
        self,
        info: Info,
        filter: StatsFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[ParkDailyStats]:
        page = page_request(limit, next_token, order=BY_DAY_AND_PARK, of=("listParkDailyStats", filter))
        filter = filter or StatsFilterInput()
        read = db.readings.park_daily_stats(info.context.reach, _wanted(filter), filter.from_, filter.until)
        return Connection.of(ParkDailyStats, await page.read(info.context.database, read))

    @strawberry.field(
        description="One row per energy type and day, each park counted in its own local day.",
        extensions=[For(READER)],
    )
    async def list_energy_type_daily_stats(
        self,
        info: Info,
        filter: StatsFilterInput | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> Connection[EnergyTypeDailyStats]:
        of, filter = ("listEnergyTypeDailyStats", filter), filter or StatsFilterInput()
        if filter.park_names is None:
            order, stats = BY_DAY_AND_ENERGY_TYPE, db.readings.energy_type_daily_stats
        else:
            order, stats = OF_PARKS_BY_DAY_AND_ENERGY_TYPE, db.readings.energy_type_daily_stats_of_parks
        page = page_request(limit, next_token, order=order, of=of)
        read = stats(info.context.reach, _wanted(filter), filter.from_, filter.until)
        return Connection.of(EnergyTypeDailyStats, await page.read(info.context.database, read))


def _wanted(filter: EnergyReadingFilterInput | StatsFilterInput) -> ParksWanted:
    return ParksWanted(filter.park_names, filter.energy_types, filter.timezones)
