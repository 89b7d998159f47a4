"""Which rows count, compared with a model that takes the imports one after the other in the order of completion."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.imports
import db.site_months
import db.verification
from db.events import EVENTS
from db.imports import Import
from db.site_months import Count, ImportOverlap, SiteMonth
from db.sites import Site
from graph.imports.battery_events import BatteryEventReader
from graph.imports.site_month_totals import SiteMonthTotals

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
SITES = {f"100000000{number}": uuid4() for number in range(3)}
EPOCH = datetime(2025, 10, 1, tzinfo=UTC)


def some_rows(random: Random, *, times: list[str]) -> list[str]:
    """Return rows from few possible values, so that files overlap and one file has some rows twice."""
    return [
        f"{random.choice(list(SITES))},2025-0{random.choice('89')}-0{random.choice('12')}{random.choice(times)},"
        f"{random.choice(['CHARGE', 'DISCHARGE'])},{random.choice('12')},{random.choice(['5', '-7'])}"
        for _ in range(random.randint(1, 12))
    ]


def value_of(row: str) -> Decimal:
    _, _, event_type, energy, tariff = row.split(",")
    value = Decimal(energy) * Decimal(tariff) / 100
    return value if event_type == "DISCHARGE" else -value


def day_and_time(row: str) -> tuple[str, str]:
    """Split a row into what the rows of one day are compared by, and its time of day, which may be empty."""
    nmi, instant, *rest = row.split(",")
    return ",".join([nmi, instant[:10], *rest]), instant[10:]


@dataclass
class File:
    """A completed import: its rows, the decision on its duplicates, and the first import of its corrections."""

    rows: list[str]
    duplicates: str
    root: UUID


@dataclass
class Result:
    """The rows of an import that count, those that are duplicates, and those that are ambiguous."""

    counting: list[str]
    duplicates: list[str]
    ambiguous: list[str]


def model(files: dict[UUID, File]) -> dict[UUID, Result]:
    """Decide about each row, import by import, as the docstring of site_months.py describes it."""
    # The number of events so far, by everything and the time of day.
    events: dict[str, Counter[str]] = {}
    rows_by_root: dict[UUID, Counter[str]] = {}
    results = {}
    for import_id, file in files.items():
        result = results[import_id] = Result([], [], [])
        before = {day: times.copy() for day, times in events.items()}
        new_on_day: Counter[str] = Counter()
        occurrences = rows_by_root.setdefault(file.root, Counter())
        for row in sorted(file.rows, key=day_and_time):
            day, time = day_and_time(row)
            earlier, current = before.get(day, Counter()), events.setdefault(day, Counter())
            timed_before = earlier.total() - earlier[""]
            occurrences[row] += 1
            if file.duplicates == "COUNT":
                current[time] += 1
                result.counting.append(row)
                continue
            is_repeated = occurrences[row] <= earlier[time]
            current[time] = max(current[time], occurrences[row])
            if time == "":
                counts = not is_repeated and occurrences[row] > timed_before
                certain = False
            else:
                new_on_day[day] += not is_repeated
                counts = not is_repeated and timed_before + new_on_day[day] > earlier[""]
                certain = is_repeated
            (result.counting if counts else result.duplicates if certain else result.ambiguous).append(row)
    return results


class Files:
    """The imports of one transaction, with the rows of the completed ones in order of completion."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.completed: dict[UUID, File] = {}
        self.counts: dict[UUID, Count] = {}
        self.seconds = count(1)

    async def complete(
        self,
        rows: list[str],
        *,
        duplicates: str = "ASK",
        corrects: UUID | None = None,
        chunk_rows: int = 100,
        are_totals_known: bool = True,
    ) -> UUID:
        import_id = uuid4()
        root_id = None
        if corrects is not None:
            root = func.coalesce(col(Import.root_id), col(Import.id))
            corrected = select(root, col(Import.duplicates)).where(col(Import.id) == corrects)
            root_id, duplicates = (await self.session.execute(corrected)).one()
        await self.session.execute(
            insert(Import).values(
                id=import_id,
                kind="BATTERY_EVENTS",
                status="COMPLETED",
                file_name="events.csv",
                charge_tariff="COST",
                duplicates=duplicates,
                corrects=corrects,
                root_id=root_id,
                rows_read=len(rows),
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
        self.completed[import_id] = File(rows, duplicates, root_id or import_id)
        copy = reader.encode_totals(totals) if totals and are_totals_known else None
        await self.keep_counts(await db.site_months.add(self.session, import_id=import_id, totals=copy))
        return import_id

    async def revert(self, import_id: UUID) -> None:
        del self.completed[import_id], self.counts[import_id]
        counts = await db.site_months.remove(self.session, import_id=import_id)
        await self.session.execute(update(Import).where(col(Import.id) == import_id).values(status="REVERTED"))
        await self.keep_counts(counts)

    async def decide(self, import_id: UUID, duplicates: str) -> None:
        self.completed[import_id].duplicates = duplicates
        changed = update(Import).where(col(Import.id) == import_id).values(duplicates=duplicates)
        await self.session.execute(changed)
        await self.keep_counts(await db.site_months.compare_again(self.session, import_id=import_id))

    async def keep_counts(self, counts: list[Count]) -> None:
        self.counts |= {row_count.import_id: row_count for row_count in counts}
        await db.imports.update_row_counts(self.session, counts)

    def expected(self) -> tuple[Counter[str], dict[UUID, Count]]:
        """Return the rows that should count, and the counts of each import."""
        counting: Counter[str] = Counter()
        counts = {}
        for import_id, result in model(self.completed).items():
            counting.update(result.counting)
            is_undecided = self.completed[import_id].duplicates == "ASK"
            undecided = len(result.ambiguous) if is_undecided else 0
            duplicated = len(result.duplicates) + len(result.ambiguous) - undecided
            counts[import_id] = Count(import_id, len(result.counting), duplicated, undecided)
        return counting, counts

    async def found(self) -> tuple[Counter[str], dict[UUID, Count]]:
        nmis = {id: nmi for nmi, id in SITES.items()}
        rows = await self.session.execute(select(*EVENTS.c).where(EVENTS.c.import_id.in_(self.completed)))
        counting = Counter(
            f"{nmis[row.site_id]},{row.settlement_date}{time_of(row.occurred_at)},{row.event_type},"
            f"{row.energy_kwh.normalize():f},{row.tariff_cents_per_kwh.normalize():f}"
            for row in rows
        )
        return counting, self.counts


def time_of(occurred_at: datetime | None) -> str:
    return "" if occurred_at is None else f"{occurred_at + timedelta(hours=10):T%H:%M}"


@pytest.fixture
async def files(session: AsyncSession) -> Files:
    """Three sites without imports."""
    await session.execute(insert(Site), [{"id": id, "nmi": nmi, "address": "1 King St"} for nmi, id in SITES.items()])
    await session.execute(db.site_months.LOCK)
    return Files(session)


@pytest.mark.parametrize("seed", range(60))
async def test_rows_count_as_in_the_model(files: Files, seed: int) -> None:
    random = Random(seed)
    # Files with bare days only, with times only, and with both.
    times = [[""], ["T08:00", "T17:00"], ["", "T08:00", "T17:00"]][seed % 3]

    for _ in range(10):
        step = random.random()
        if files.completed and step < 0.25:
            await files.revert(random.choice(list(files.completed)))
        elif files.completed and step < 0.4:
            await files.decide(random.choice(list(files.completed)), random.choice(["ASK", "SKIP", "COUNT"]))
        else:
            known = [file.rows for file in files.completed.values() if random.random() < 0.6]
            # The same file again, its first half, the file with more rows, or other rows.
            rows = random.choice(known) if known else some_rows(random, times=times)
            more = some_rows(random, times=times)
            rows = random.choice([rows, rows[: len(rows) // 2] or rows, rows + more, more])
            await files.complete(
                rows,
                duplicates=random.choice(["ASK", "SKIP", "COUNT"]),
                corrects=random.choice(list(files.completed)) if files.completed and step > 0.8 else None,
                chunk_rows=random.choice([3, 100]),
                are_totals_known=random.random() < 0.5,
            )

        assert await files.found() == files.expected()
        await check_sums(files)
        await check_overlaps(files)
    assert [finding async for finding in db.verification.verify(files.session) if finding.exceptions] == []


async def check_overlaps(files: Files) -> None:
    """Compare the number and the value of the rows that do not count with the model's."""
    results = model(files.completed)
    expected = {
        import_id: (
            len(result.duplicates) + len(result.ambiguous),
            sum(map(value_of, result.duplicates + result.ambiguous), Decimal(0)),
            len(result.ambiguous),
            sum(map(value_of, result.ambiguous), Decimal(0)),
        )
        for import_id, result in results.items()
        if result.duplicates or result.ambiguous
    }
    rows = await files.session.execute(
        select(
            col(ImportOverlap.import_id),
            func.sum(ImportOverlap.row_count),
            func.sum(ImportOverlap.value_aud),
            func.sum(ImportOverlap.ambiguous_row_count),
            func.sum(ImportOverlap.ambiguous_value_aud),
        )
        .where(col(ImportOverlap.import_id).in_(files.completed))
        .group_by(col(ImportOverlap.import_id))
    )
    assert {row[0]: tuple(row[1:]) for row in rows} == expected
    others = select(ImportOverlap).where(col(ImportOverlap.import_id).in_(files.completed))
    order = list(files.completed)
    for overlap in await files.session.scalars(others.execution_options(populate_existing=True)):
        assert order.index(overlap.other_import_id) < order.index(overlap.import_id)


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
