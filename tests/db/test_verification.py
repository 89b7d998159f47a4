"""`vpp verify` finds no exception in a database that was in use, and reports each kind of damage made by SQL."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import db.verification
from db.engine.database import Database
from tests.fixtures.api import Api, new_nmi
from tests.fixtures.readings import readings, store_readings

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


async def failing(session: AsyncSession) -> list[str]:
    return [finding.sentence async for finding in db.verification.verify(session) if finding.exceptions]


@pytest.fixture
async def used_database(api: Api, database: Database, worker: None, session: AsyncSession) -> AsyncSession:
    """A transaction, rolled back afterwards, on data of overlapping and repeated imports, a report and parks."""
    vpp_id, nmi = await api.create_vpp(daily_fee=0.3), new_nmi()
    await api.create_site(vpp_id, nmi=nmi, capacity_kwh=13.5)
    row, other = f"{nmi},2025-09-03,DISCHARGE,5,35\n", f"{nmi},2025-09-04,DISCHARGE,5,-35\n"
    first = await api.import_file(HEADER + row)
    await api.import_file(HEADER + row + "\n")
    for end in ("wrong\n", "wrong\n\n"):
        await api.import_file(HEADER + row * 2 + other + end)
    await api.execute("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=first["id"])
    await api.settle_month(vpp_id, "2025-09")
    one, other_park = await api.create_park(), await api.create_park()
    for park_id, powers in ((one, [1, 2, 3]), (one, [5]), (other_park, [4])):
        await store_readings(database, park_id, readings("Europe/Amsterdam", "2025-09-03", powers))
    return session


async def test_all_checks_pass_in_a_database_that_was_in_use(used_database: AsyncSession) -> None:
    assert await failing(used_database) == []


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            "update event_blocks set revenue_aud = revenue_aud + 0.01",
            "The sums of each block equal those of its events",
        ),
        (
            "update site_months set event_count = event_count + 1",
            "The sums of each site month equal those of its blocks",
        ),
        ("delete from site_months", "The sums of each site month equal those of its blocks"),
        ("update site_months set repeats = null", "Each row that another import has already"),
        ("update imports set rows_read = rows_read + 1", "The rows that each import has read are"),
        ("delete from import_rejections", "The rows that each import has read are"),
        ("update energy_readings set power_w = power_w + 1", "The totals of each park's day equal"),
        ("delete from park_days", "The totals of each park's day equal"),
        ("update energy_type_days set park_count = 1", "The totals of each day of an energy type equal"),
        ("delete from energy_type_days", "The totals of each day of an energy type equal"),
        ("update parks set energy_type = 'SOLAR'", "The totals of each day of an energy type equal"),
        (
            "update energy_readings set import_id = replaced.import_id from replaced_readings replaced",
            "Each replaced reading has a current reading",
        ),
        (
            "alter table site_line_items disable trigger user; delete from site_line_items",
            "The totals of each report equal the sums of its line items",
        ),
    ],
)
async def test_each_kind_of_damage_is_reported(used_database: AsyncSession, damage: str, sentence: str) -> None:
    for statement in damage.split("; "):
        await used_database.execute(text(statement))

    failed = await failing(used_database)

    assert any(failed_sentence.startswith(sentence) for failed_sentence in failed), failed
