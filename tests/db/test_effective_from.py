"""Changes with a first day are refused for fields that have no periods."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

import db.batteries
import db.sites
import db.vpps
from db.batteries import Battery, NameplateWithEffectiveFrom
from db.engine.database import Database
from db.engine.scope import UNRESTRICTED
from db.vpps import NameWithEffectiveFrom, Terms, Vpp
from tests.fixtures.api import new_name, new_nmi

JULY = date(2025, 7, 1)


@pytest.fixture
async def vpp_id(database: Database) -> UUID:
    async with database.transaction() as session:
        return await db.vpps.create(session, id=None, name=new_name(), terms=Terms(Decimal(20), Decimal(0)))


@pytest.fixture
async def battery_id(database: Database, vpp_id: UUID) -> UUID:
    async with database.transaction() as session:
        site_id = await db.sites.create(session, id=None, vpp_id=vpp_id, nmi=new_nmi(), address="1 King St")
        battery: dict[str, Any] = {"manufacturer": "Tesla", "serial": new_name(), "capacity_kwh": Decimal(10)}
        return await db.batteries.add(session, id=None, site_id=site_id, **battery)


async def stored_vpp(database: Database, id: UUID) -> Any:
    vpp = await database.row(select(col(Vpp.name), col(Vpp.updated_at)).where(col(Vpp.id) == id))
    return vpp, await database.rows(db.vpps.price_schedules(UNRESTRICTED, [id]))


async def stored_battery(database: Database, id: UUID) -> Any:
    return await database.row(db.batteries.batteries(UNRESTRICTED, on=JULY).where(col(Battery.id) == id))


@pytest.mark.parametrize("terms", [{}, {"revenue_percentage": Decimal(25)}, {"daily_fee_aud": Decimal(1)}])
async def test_a_vpps_name_cannot_change_from_a_day_on(database: Database, vpp_id: UUID, terms: Any) -> None:
    before = await stored_vpp(database, vpp_id)

    with pytest.raises(NameWithEffectiveFrom) as refusal:
        async with database.transaction() as session:
            await db.vpps.update_vpp(session, id=vpp_id, name=new_name(), effective_from=JULY, **terms)

    assert refusal.value.info == {"field": ["input", "effectiveFrom"]}
    assert str(refusal.value) == (
        "effectiveFrom applies only to revenuePercentage and dailyFeeAud: leave it out, or send name in another call."
    )
    assert await stored_vpp(database, vpp_id) == before


@pytest.mark.parametrize("capacity", [{}, {"capacity_kwh": Decimal(20)}])
@pytest.mark.parametrize("field", ["manufacturer", "serial"])
async def test_a_batterys_manufacturer_and_serial_cannot_change_from_a_day_on(
    database: Database, battery_id: UUID, field: str, capacity: Any
) -> None:
    before, changes = await stored_battery(database, battery_id), {field: new_name(), **capacity}

    with pytest.raises(NameplateWithEffectiveFrom) as refusal:
        async with database.transaction() as session:
            await db.batteries.update_battery(session, id=battery_id, effective_from=JULY, **changes)

    assert refusal.value.info == {"field": ["input", "effectiveFrom"]}
    assert str(refusal.value) == (
        "effectiveFrom applies only to capacityKwh: leave it out, or send manufacturer and serial in another call."
    )
    assert await stored_battery(database, battery_id) == before


async def test_a_day_without_any_change_changes_nothing(database: Database, vpp_id: UUID, battery_id: UUID) -> None:
    vpp, battery = await stored_vpp(database, vpp_id), await stored_battery(database, battery_id)

    async with database.transaction() as session:
        await db.vpps.update_vpp(session, id=vpp_id, effective_from=JULY)
        await db.batteries.update_battery(session, id=battery_id, effective_from=JULY)

    assert (await stored_vpp(database, vpp_id))[1] == vpp[1]
    assert (await stored_battery(database, battery_id)).capacity_kwh == battery.capacity_kwh
