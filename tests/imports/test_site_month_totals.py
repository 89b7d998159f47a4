"""The totals by site and month that a worker sums up are those that Postgres computes from the blocks."""

from collections.abc import Mapping
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import db.site_months
from db.engine.database import copy_binary
from db.engine.refusals import translate_violations
from db.import_runs import SiteDeleted
from db.imports import Import
from db.site_months import SiteMonth
from db.sites import Site
from graph.imports import site_month_totals
from graph.imports.battery_events import BatteryEventReader
from graph.imports.site_month_totals import SiteMonthTotals

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
NUMBERS = ["0", "0.000001", "12.345678", "999999.999999", "1000000", "0.5"]


@pytest.fixture
async def site_ids(session: AsyncSession) -> dict[str, UUID]:
    site_ids = {f"410200000{number}": uuid4() for number in range(5)}
    await session.execute(
        insert(Site), [{"id": id, "nmi": nmi, "address": "1 King St"} for nmi, id in site_ids.items()]
    )
    return site_ids


async def import_of(session: AsyncSession) -> UUID:
    id = uuid4()
    values = {"id": id, "kind": "BATTERY_EVENTS", "file_name": "events.csv", "charge_tariff": "COST"}
    await session.execute(insert(Import).values(status="COMPLETED", **values))
    return id


def new_reader(site_ids: Mapping[str, UUID], import_id: UUID | None = None) -> BatteryEventReader:
    return BatteryEventReader(HEADER, import_id=import_id or uuid4(), charge_tariff_earns=True, site_ids=site_ids)


def totals_of(reader: BatteryEventReader, lines: bytes) -> SiteMonthTotals:
    return reader.read(lines, chunk_number=1, first_line_number=2).totals()


def some_rows(random: Random, nmis: list[str]) -> bytes:
    return "".join(
        f"{random.choice(nmis)},20{random.choice(['00', '25', '99'])}-0{random.choice('19')}-05,"
        f"{random.choice(['CHARGE', 'DISCHARGE'])},{random.choice(NUMBERS)},{random.choice(['', '-'])}"
        f"{random.choice(NUMBERS)}\n"
        for _ in range(random.randint(0, 60))
    ).encode()


@pytest.mark.parametrize("seed", range(10))
async def test_totals_equal_the_sums_that_postgres_computes_from_the_blocks(
    session: AsyncSession, site_ids: dict[str, UUID], seed: int
) -> None:
    random = Random(seed)
    by_blocks, by_totals = await import_of(session), await import_of(session)
    reader, totals_reader = new_reader(site_ids, by_blocks), new_reader(site_ids, by_totals)
    totals: SiteMonthTotals | None = None
    for number in range(5):
        # Each chunk has rows of three of the five sites, so it adds to existing totals and creates new ones.
        nmis = random.sample(list(site_ids), 3)
        chunk = reader.read(some_rows(random, nmis), chunk_number=number, first_line_number=2 + number * 1000)
        totals = chunk.totals() if totals is None else totals.add(chunk.totals())
        chunk.encode()
        await chunk.keep(session)

    await session.execute(db.site_months.INSERT_FROM_BLOCKS, {"import_id": by_blocks})
    assert totals
    await copy_binary(session, "site_months", db.site_months.TOTAL_COLUMNS, totals_reader.encode_totals(totals))

    columns = [getattr(SiteMonth, name) for name in db.site_months.TOTAL_COLUMNS if name != "import_id"]
    found = [
        (await session.execute(select(*columns).where(col(SiteMonth.import_id) == id).order_by(*columns[:2]))).all()
        for id in (by_blocks, by_totals)
    ]
    assert len(found[0]) > 10
    assert found[0] == found[1]


def test_totals_are_dropped_when_there_are_too_many_site_months(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_month_totals, "MAX_SITE_MONTHS", 2)
    nmis = {f"410200000{number}": UUID(int=number) for number in range(3)}
    reader = new_reader(nmis)
    first, second, third = (totals_of(reader, f"{nmi},2025-09-01,CHARGE,1,1\n".encode()) for nmi in nmis)

    two = first.add(second)

    assert two
    assert two.add(first)
    assert two.add(third) is None


def test_totals_are_dropped_before_a_sum_overflows() -> None:
    reader = new_reader({"4102000000": UUID(int=1)})
    most = b"4102000000,2025-09-01,DISCHARGE,1000000,1000000\n" * 1_000_000
    totals: SiteMonthTotals | None = totals_of(reader, most)
    chunks = 1

    while totals and (more := totals.add(totals)):
        totals, chunks = more, chunks * 2

    assert totals
    assert chunks == 8
    assert int(totals.sums[2, 0]) == 8 * 10**6 * 10**12


async def test_totals_of_a_site_deleted_during_the_import_raise_site_deleted(session: AsyncSession) -> None:
    import_id = await import_of(session)
    reader = new_reader({"4102000000": uuid4()}, import_id)
    totals = totals_of(reader, b"4102000000,2025-09-01,CHARGE,1,1\n")

    with (
        pytest.raises(SiteDeleted, match="A site of the file was deleted while it was imported"),
        translate_violations(SiteDeleted()),
    ):
        await db.site_months.add(session, import_id=import_id, totals=reader.encode_totals(totals))
