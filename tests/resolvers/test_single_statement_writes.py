"""createSite and addBattery run one statement, and return the same columns as a query afterwards."""

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
def record_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that asyncpg sends to Postgres within the block, by any of its methods."""
    sent: list[str] = []
    methods: list[tuple[Any, str]] = [
        *((asyncpg.Connection, name) for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval")),
        *((PreparedStatement, name) for name in ("executemany", "fetch", "fetchrow", "fetchval")),
    ]

    def recording(method: Any) -> Any:
        async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            sent.append(args[0] if isinstance(self, asyncpg.Connection) else self.get_query())
            return await method(self, *args, **kwargs)

        return run

    with monkeypatch.context() as patched:
        for class_, name in methods:
            patched.setattr(class_, name, recording(getattr(class_, name)))
        yield sent


async def test_create_and_its_returned_columns_take_one_statement(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    vpp_id = await api.create_vpp()
    nmi, serial = new_nmi(), new_name()

    with record_statements(monkeypatch) as site_statements:
        site = await api.execute(CREATE_SITE, input={"vppId": vpp_id, "nmi": nmi, "address": "1 King St"})
    with record_statements(monkeypatch) as battery_statements:
        battery = await api.execute(
            ADD_BATTERY,
            input={"siteId": site["id"], "manufacturer": "Tesla", "serial": serial, "capacityKwh": 13.5},
        )

    assert [statement.split()[0].lower() for statement in site_statements] == ["with"]
    assert [statement.split()[0].lower() for statement in battery_statements] == ["with"]
    assert (site["nmi"], battery["serial"], battery["capacityKwh"]) == (nmi, serial, 13.5)


@pytest.mark.parametrize("effective_from", [None, "2025-07-01", "2999-01-01"])
async def test_create_returns_the_same_columns_as_a_query_afterwards(api: Api, effective_from: str | None) -> None:
    site_fields, vpp_id = "id nmi address createdAt updatedAt", await api.create_vpp()
    battery_fields = "id manufacturer serial capacityKwh effectiveFrom effectiveUntil createdAt updatedAt"

    site = await api.execute(
        f"mutation ($input: CreateSiteInput!) {{ createSite(input: $input) {{ {site_fields} }} }}",
        input={"vppId": vpp_id, "nmi": new_nmi(), "address": " 1 King St ", "effectiveFrom": effective_from},
    )
    battery = await api.execute(
        f"mutation ($input: AddBatteryInput!) {{ addBattery(input: $input) {{ {battery_fields} }} }}",
        input={
            "siteId": site["id"],
            "manufacturer": " Tesla",
            "serial": new_name(),
            "capacityKwh": 0.1,
            "effectiveFrom": effective_from,
        },
    )

    assert site == await api.execute(f"query ($id: ID!) {{ getSite(id: $id) {{ {site_fields} }} }}", id=site["id"])
    assert battery == await api.execute(
        f"query ($id: ID!) {{ getBattery(id: $id) {{ {battery_fields} }} }}", id=battery["id"]
    )
    assert battery["effectiveFrom"] == effective_from


async def test_create_by_a_scoped_caller_runs_in_a_transaction_with_row_level_security(
    monkeypatch: pytest.MonkeyPatch, api: Api
) -> None:
    vpp_id = await api.create_vpp()
    caller = await api.as_role("OPERATOR", vppIds=[vpp_id])

    with record_statements(monkeypatch) as sent:
        site = await caller.execute(CREATE_SITE, input={"vppId": vpp_id, "nmi": new_nmi(), "address": "1 King St"})

    assert site["address"] == "1 King St"
    assert sent[0].startswith("BEGIN")
    assert any("set_config" in statement for statement in sent)
