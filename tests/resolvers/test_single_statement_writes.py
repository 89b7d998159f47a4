"""What is created in one statement, and read in another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement

from tests.fixtures.api import Api, new_name, new_nmi

CREATE_SITE = "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id nmi address } }"
ADD_BATTERY = "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id serial capacityKwh } }"


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect all that is sent to Postgres until the block ends, by whichever way asyncpg has."""
    sent: list[str] = []
    ways: list[tuple[Any, str]] = [
        *((asyncpg.Connection, name) for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval")),
        *((PreparedStatement, name) for name in ("executemany", "fetch", "fetchrow", "fetchval")),
    ]

    def counted(way: Any) -> Any:
        async def run(self: Any, *given: Any, **more: Any) -> Any:
            sent.append(given[0] if isinstance(self, asyncpg.Connection) else self.get_query())
            return await way(self, *given, **more)

        return run

    with monkeypatch.context() as patched:
        for of, name in ways:
            patched.setattr(of, name, counted(getattr(of, name)))
        yield sent


async def test_a_create_and_what_it_answers_take_one_statement(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    vpp_id = await api.create_vpp()
    nmi, serial = new_nmi(), new_name()

    with statements(monkeypatch) as for_site:
        site = await api.execute(CREATE_SITE, input={"vppId": vpp_id, "nmi": nmi, "address": "1 King St"})
    with statements(monkeypatch) as for_battery:
        battery = await api.execute(
            ADD_BATTERY,
            input={"siteId": site["id"], "manufacturer": "Tesla", "serial": serial, "capacityKwh": 13.5},
        )

    assert [statement.split()[0].lower() for statement in for_site] == ["with"]
    assert [statement.split()[0].lower() for statement in for_battery] == ["with"]
    assert (site["nmi"], battery["serial"], battery["capacityKwh"]) == (nmi, serial, 13.5)


@pytest.mark.parametrize("effective_from", [None, "2025-07-01", "2999-01-01"])
async def test_a_create_answers_with_what_is_read_of_it_then(api: Api, effective_from: str | None) -> None:
    of_site, vpp_id = "id nmi address createdAt updatedAt", await api.create_vpp()
    of_battery = "id manufacturer serial capacityKwh effectiveFrom effectiveUntil createdAt updatedAt"

    site = await api.execute(
        f"mutation ($input: CreateSiteInput!) {{ createSite(input: $input) {{ {of_site} }} }}",
        input={"vppId": vpp_id, "nmi": new_nmi(), "address": " 1 King St ", "effectiveFrom": effective_from},
    )
    battery = await api.execute(
        f"mutation ($input: AddBatteryInput!) {{ addBattery(input: $input) {{ {of_battery} }} }}",
        input={
            "siteId": site["id"],
            "manufacturer": " Tesla",
            "serial": new_name(),
            "capacityKwh": 0.1,
            "effectiveFrom": effective_from,
        },
    )

    assert site == await api.execute(f"query ($id: ID!) {{ getSite(id: $id) {{ {of_site} }} }}", id=site["id"])
    assert battery == await api.execute(
        f"query ($id: ID!) {{ getBattery(id: $id) {{ {of_battery} }} }}", id=battery["id"]
    )
    assert battery["effectiveFrom"] == effective_from


async def test_whoever_is_held_to_vpps_creates_in_a_transaction_under_their_role(
    monkeypatch: pytest.MonkeyPatch, api: Api
) -> None:
    vpp_id = await api.create_vpp()
    caller = await api.as_role("OPERATOR", vppIds=[vpp_id])

    with statements(monkeypatch) as sent:
        site = await caller.execute(CREATE_SITE, input={"vppId": vpp_id, "nmi": new_nmi(), "address": "1 King St"})

    assert site["address"] == "1 King St"
    assert sent[0].startswith("BEGIN")
    assert any("set_config" in statement for statement in sent)
