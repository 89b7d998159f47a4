"""The rows that count, compared with a simple model: each row as often as in the import with the most occurrences."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.site_months
from db.events import EVENTS
from db.imports import Import
from db.site_months import Count, SiteMonth
from db.sites import Site
from graph.imports.battery_events import BatteryEventReader
from graph.imports.site_month_totals import SiteMonthTotals

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
SITES = {f"100000000{number}": uuid4() for number in range(3)}
EPOCH = datetime(2025, 10, 1, tzinfo=UTC)


def some_rows(random: Random) -> list[str]:
    """Return rows from few possible values, so that files overlap and one file has some rows twice."""
    return [
        f"{random.choice(list(SITES))},2025-0{random.choice('89')}-0{random.choice('123')},"
        f"{random.choice(['CHARGE', 'DISCHARGE'])},{random.choice('12')},{random.choice(['5', '-7'])}"
        for _ in range(random.randint(1, 12))
    ]


def value_of(row: str) -> Decimal:
    _, _, event_type, energy, tariff = row.split(",")
    value = Decimal(energy) * Decimal(tariff) / 100
    return value if event_type == "DISCHARGE" else -value


class Files:
    """The imports of one transaction, with the rows of the completed ones in order of completion."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.completed: dict[UUID, list[str]] = {}
        self.counts: dict[UUID, Count] = {}
        self.seconds = count(1)

    async def complete(self, rows: list[str], *, chunk_rows: int, are_totals_known: bool) -> None:
        import_id = uuid4()
        await self.session.execute(
            insert(Import).values(
                id=import_id,
                kind="BATTERY_EVENTS",
                status="COMPLETED",
                file_name="events.csv",
                charge_tariff="COST",
                finished_at=EPOCH + timedelta(seconds=next(self.seconds)),
            )
        )
        totals: SiteMonthTotals | None = None
        reader = BatteryEventReader(HEADER, import_id=import_id, charge_tariff_earns=False, site_ids=SITES)
        for number, start in enumerate(range(0, len(rows), chunk_rows), start=1):
            chunk = "".join(f"{row}\n" for row in rows[start : start + chunk_rows]).encode()
            checked = reader.read(chunk, chunk_number=number, first_line_number=start + 2)
            totals = checked.totals() if totals is None else totals.add(checked.totals())
            checked.encode()
            await checked.keep(self.session)
        self.completed[import_id] = rows
        copy = reader.encode_totals(totals) if totals and are_totals_known else None
        counts = await db.site_months.add(self.session, import_id=import_id, totals=copy)
        self.counts |= {row_count.import_id: row_count for row_count in counts}

    async def revert(self, import_id: UUID) -> None:
        del self.completed[import_id], self.counts[import_id]
        self.counts |= {
            totals.import_id: totals for totals in await db.site_months.remove(self.session, import_id=import_id)
        }

    def expected(self) -> tuple[Counter[str], dict[UUID, int]]:
        """Return the rows that should count, and how many rows of each import should."""
        counting: Counter[str] = Counter()
        count_by_import = {}
        for import_id, rows in self.completed.items():
            new = Counter(rows) - counting
            counting += new
            count_by_import[import_id] = new.total()
        return counting, count_by_import

    async def found(self) -> tuple[Counter[str], dict[UUID, int]]:
        nmis = {id: nmi for nmi, id in SITES.items()}
        rows = await self.session.execute(select(*EVENTS.c).where(EVENTS.c.import_id.in_(self.completed)))
        counting = Counter(
            f"{nmis[row.site_id]},{row.settlement_date},{row.event_type},"
            f"{row.energy_kwh.normalize():f},{row.tariff_cents_per_kwh.normalize():f}"
            for row in rows
        )
        return counting, {import_id: row_count.rows_imported for import_id, row_count in self.counts.items()}


@pytest.fixture
async def files(session: AsyncSession) -> Files:
    """Three sites without imports."""
    await session.execute(insert(Site), [{"id": id, "nmi": nmi, "address": "1 King St"} for nmi, id in SITES.items()])
    return Files(session)


@pytest.mark.parametrize("seed", range(40))
async def test_a_row_counts_as_often_as_the_import_that_has_it_most_often(files: Files, seed: int) -> None:
    random = Random(seed)

    for _ in range(10):
        if files.completed and random.random() < 0.35:
            await files.revert(random.choice(list(files.completed)))
        else:
            known = [rows for rows in files.completed.values() if random.random() < 0.6]
            # The same file again, its first half, the file with more rows, or other rows.
            rows = random.choice(known) if known else some_rows(random)
            rows = random.choice([rows, rows[: len(rows) // 2] or rows, rows + some_rows(random), some_rows(random)])
            await files.complete(rows, chunk_rows=random.choice([3, 100]), are_totals_known=random.random() < 0.5)

        assert await files.found() == files.expected()
        await check_sums(files)


async def check_sums(files: Files) -> None:
    """Compare the sums of all site months with those of the rows that should count."""
    counting, _ = files.expected()
    expected: dict[tuple[str, str], list[Decimal]] = {}
    for row, times in counting.items():
        nmi, date, event_type, _, _ = row.split(",")
        sums = expected.setdefault((nmi, date[:7]), [Decimal(0), Decimal(0)])
        sums[event_type == "DISCHARGE" and value_of(row) < 0] += value_of(row) * times

    nmis = {id: nmi for nmi, id in SITES.items()}
    found: dict[tuple[str, str], list[Decimal]] = {}
    months = (
        select(SiteMonth).where(col(SiteMonth.import_id).in_(files.completed)).execution_options(populate_existing=True)
    )
    for month in await files.session.scalars(months):
        sums = found.setdefault((nmis[month.site_id], f"{month.month:%Y-%m}"), [Decimal(0), Decimal(0)])
        sums[0] += month.revenue_aud
        sums[1] += month.cost_only_aud
    assert found == expected
