import random
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Numeric, literal, select

from db.engine.database import Database
from db.events import EVENTS, EVENTS_OF_SITES, in_full
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
async def test_an_amount_is_written_in_full_with_at_least_its_cents(database: Database, amount: str, text: str) -> None:
    row = await database.row(select(in_full(literal(Decimal(amount), Numeric))))

    assert row is not None
    assert row[0] == text


async def test_events_of_sites_are_those_that_the_view_shows(api: Api, database: Database, worker: None) -> None:
    nmi, digits = new_nmi(), random.Random(7)
    await api.site(await api.vpp(), nmi=nmi)
    numbers = [(energy, tariff) for energy in ENERGIES for tariff in TARIFFS]
    numbers += [(f"{digits.uniform(0, 10**6):.6f}", f"{digits.uniform(-(10**6), 10**6):.6f}") for _ in range(500)]
    rows = [
        f"{nmi},2025-09-{1 + place % 30:02},{'DISCHARGE' if place % 2 else 'CHARGE'},{energy},{tariff}\n"
        for place, (energy, tariff) in enumerate(numbers)
    ]
    header = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
    # Of the second only what the first had not counts, and some of a block.
    await api.imported(header + "".join(rows[:-100]))
    await api.imported(header + "".join(rows[100:]))

    def columns(of: Any) -> list[Any]:
        return [of.import_id, of.line_number, of.site_id, of.month, of.settlement_date, of.event_type, of.value_aud]

    expected = await database.rows(select(*columns(EVENTS.c), EVENTS.c.energy_kwh, EVENTS.c.tariff_cents_per_kwh))
    each = EVENTS_OF_SITES.c
    found = await database.rows(select(*columns(each), each.energy_kwh, each.tariff_cents_per_kwh))

    assert len(expected) == len(rows)
    assert sorted(map(repr, found)) == sorted(repr((*row[:-2], *map(float, row[-2:]))) for row in expected)
