"""What `vpp verify` sees: nothing wrong in a database of ours, and whatever is put wrong by hand."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import db.verification
from db.engine.database import Database
from tests.fixtures.api import Api, new_nmi
from tests.fixtures.readings import kept, readings

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


async def failing(session: AsyncSession) -> list[str]:
    return [each.sentence async for each in db.verification.verify(session) if each.exceptions]


@pytest.fixture
async def lived_in(api: Api, database: Database, worker: None, session: AsyncSession) -> AsyncSession:
    """A transaction, undone afterwards, on what imports that met and repeated each other, a report and parks left."""
    vpp_id, nmi = await api.vpp(daily_fee=0.3), new_nmi()
    await api.site(vpp_id, nmi=nmi, capacity_kwh=13.5)
    row, other = f"{nmi},2025-09-03,DISCHARGE,5,35\n", f"{nmi},2025-09-04,DISCHARGE,5,-35\n"
    first = await api.imported(HEADER + row)
    await api.imported(HEADER + row + "\n")
    for end in ("wrong\n", "wrong\n\n"):
        await api.imported(HEADER + row * 2 + other + end)
    await api.ask("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=first["id"])
    await api.reported(vpp_id, "2025-09")
    one, other_park = await api.park(), await api.park()
    for park_id, powers in ((one, [1, 2, 3]), (one, [5]), (other_park, [4])):
        await kept(database, park_id, readings("Europe/Amsterdam", "2025-09-03", powers))
    return session


async def test_all_agrees_in_a_database_that_was_lived_in(lived_in: AsyncSession) -> None:
    assert await failing(lived_in) == []


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("update event_blocks set revenue_aud = revenue_aud + 0.01", "Each block's sums are those of its events"),
        ("update site_months set event_count = event_count + 1", "Each site month's sums are those of its blocks"),
        ("delete from site_months", "Each site month's sums are those of its blocks"),
        ("update site_months set repeats = null", "Each row counts as often as the import has it"),
        ("update imports set rows_read = rows_read + 1", "Each import has read as many rows"),
        ("delete from import_rejections", "Each import has read as many rows"),
        ("update energy_readings set power = power + 1", "Each park's day is summed up"),
        ("delete from park_days", "Each park's day is summed up"),
        ("update energy_type_days set park_count = 1", "Each day of an energy type is summed up"),
        ("delete from energy_type_days", "Each day of an energy type is summed up"),
        ("update parks set energy_type = 'SOLAR'", "Each day of an energy type is summed up"),
        (
            "update energy_readings set import_id = replaced.import_id from replaced_readings replaced",
            "Each reading that",
        ),
        ("delete from site_line_items", "Each report's totals are the sums of its line items"),
    ],
)
async def test_what_is_put_wrong_is_seen(lived_in: AsyncSession, damage: str, sentence: str) -> None:
    await lived_in.execute(text(damage))

    found = await failing(lived_in)

    assert any(each.startswith(sentence) for each in found), found
