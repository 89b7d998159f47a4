from decimal import Decimal

import pytest
from sqlalchemy import Numeric, literal, select

from db.engine import Database
from db.events import in_full


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
