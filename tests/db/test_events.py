import random
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Numeric, literal, select

from db.engine.database import Database
from db.events import EVENTS, EVENTS_OF_SITES, exact_amount
from tests.fixtures.api import Api, new_nmi

ENERGIES = ["0", "0.000001", "0.1", "13.5", "999999.999999", "1000000"]
TARIFFS = ["0", "0.000001", "-0.000001", "33.333333", "-999999.999999", "1000000", "-1000000"]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1.75", "1.75"),
        ("0", "0.00"),
        ("-2", "-2.00"),
        ("1.750000", "1.75"),
        ("0.001", "0.001"),
        ("-0.00000000000001", "-0.00000000000001"),
        ("1E+3", "1000.00"),
        ("123456789012345678.90", "123456789012345678.90"),
    ],
)
async def test_an_amount_is_exact_text_with_at_least_two_decimals(database: Database, amount: str, text: str) -> None:
    row = await database.row(select(exact_amount(literal(Decimal(amount), Numeric))))

    assert row is not None
    assert row[0] == text


async def test_events_of_sites_selects_the_same_rows_as_the_view(api: Api, database: Database, worker: None) -> None:
    nmi, generator = new_nmi(), random.Random(7)
    await api.create_site(await api.create_vpp(), nmi=nmi)
    numbers = [(energy, tariff) for energy in ENERGIES for tariff in TARIFFS]
    numbers += [(f"{generator.uniform(0, 10**6):.6f}", f"{generator.uniform(-(10**6), 10**6):.6f}") for _ in range(500)]
    rows = [
        f"{nmi},2025-09-{1 + index % 30:02},{'DISCHARGE' if index % 2 else 'CHARGE'},{energy},{tariff}\n"
        for index, (energy, tariff) in enumerate(numbers)
    ]
    header = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
    # In the second file only the last 100 rows count: some rows of its block are duplicates, others are not.
    await api.import_file(header + "".join(rows[:-100]))
    await api.import_file(header + "".join(rows[100:]))

    def columns(c: Any) -> list[Any]:
        return [c.import_id, c.line_number, c.site_id, c.month, c.settlement_date, c.event_type, c.value_aud]

    expected = await database.rows(select(*columns(EVENTS.c), EVENTS.c.energy_kwh, EVENTS.c.tariff_cents_per_kwh))
    event = EVENTS_OF_SITES.c
    found = await database.rows(select(*columns(event), event.energy_kwh, event.tariff_cents_per_kwh))

    assert len(expected) == len(rows)
    assert sorted(map(repr, found)) == sorted(repr((*row[:-2], *map(float, row[-2:]))) for row in expected)
