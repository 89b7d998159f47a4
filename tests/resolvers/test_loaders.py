import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable

import db.batteries
import db.sites
from db.engine.database import Database, ReadConnection
from db.engine.statements import CompiledStatement
from tests.fixtures.api import Api, new_nmi

SITES = """query ($vpp: ID!, $limit: Int) { listSites(filter: {vppId: $vpp}, limit: $limit) { items {
    id nmi capacityKwh vpp { name priceSchedules { dailyFeeAud } } memberships { effectiveFrom }
    batteries { serial site { nmi } } then: batteries(on: "2025-07-01") { serial } events { items { id } nextToken }
} } }"""
VPPS = """query ($limit: Int) { listVpps(filter: {nameContains: "Loaded"}, limit: $limit) { items {
    name priceSchedules { dailyFeeAud }
    sites(limit: 2) { items { nmi batteries { serial } } nextToken }
    then: sites(on: "2025-07-01") { items { nmi } }
    revenueReports { items { month isStale vpp { name } } nextToken }
} } }"""
REPORTS = """query ($limit: Int) { listRevenueReports(limit: $limit) { items {
    month isLatest isStale vpp { name } lineItems { items { nmi site { address } } nextToken }
} } }"""


@contextmanager
def record_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that are sent to Postgres within the block."""
    sent: list[str] = []
    run, run_prepared = Database.rows, ReadConnection.rows

    async def rows(self: Database, statement: Executable) -> Any:
        sent.append(str(statement))
        return await run(self, statement)

    async def prepared_rows(self: ReadConnection, statement: CompiledStatement, arguments: Mapping[str, object]) -> Any:
        sent.append(statement.text)
        return await run_prepared(self, statement, arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "rows", rows)
        patched.setattr(ReadConnection, "rows", prepared_rows)
        yield sent


@pytest.fixture(scope="module")
async def vpp_id(api: Api, database: Database, worker: None) -> str:
    """The id of a VPP with 50 sites, each with a battery. Ten more VPPs have one site and a report without revenue."""
    vpp_id = await api.create_vpp(name="Loaded A")
    async with database.transaction() as session:
        for nmi in [new_nmi() for _ in range(50)]:
            site_id = await db.sites.create(session, id=None, vpp_id=UUID(vpp_id), nmi=nmi, address="1 King St")
            await db.batteries.add(
                session, id=None, site_id=site_id, manufacturer="Tesla", serial=nmi, capacity_kwh=Decimal("13.5")
            )
    others = [await api.create_vpp(name=f"Loaded {number}") for number in range(10)]
    for other_id in others:
        await api.create_site(other_id, capacity_kwh=10)
    await asyncio.gather(*[api.settle_month(other_id, "2025-09") for other_id in others])
    return vpp_id


async def count_items_and_statements(
    monkeypatch: pytest.MonkeyPatch, api: Api, document: str, **variables: Any
) -> tuple[int, int]:
    """Return the number of items of a list, and the number of statements that read it."""
    with record_statements(monkeypatch) as sent:
        listed = await api.execute(document, **variables)
    return len(listed["items"]), len(sent)


@pytest.mark.parametrize(("document", "items", "count"), [(SITES, 50, 9), (VPPS, 11, 8), (REPORTS, 10, 5)])
async def test_number_of_statements_does_not_depend_on_the_length_of_a_list(
    monkeypatch: pytest.MonkeyPatch, api: Api, vpp_id: str, document: str, items: int, count: int
) -> None:
    short = await count_items_and_statements(monkeypatch, api, document, vpp=vpp_id, limit=2)
    long = await count_items_and_statements(monkeypatch, api, document, vpp=vpp_id, limit=items)

    assert (short, long) == ((2, count), (items, count))


async def test_empty_list_takes_one_statement(monkeypatch: pytest.MonkeyPatch, api: Api, vpp_id: str) -> None:
    assert await count_items_and_statements(monkeypatch, api, SITES, vpp=str(uuid4())) == (0, 1)


async def test_each_object_gets_its_own_related_objects(monkeypatch: pytest.MonkeyPatch, api: Api, vpp_id: str) -> None:
    listed = await api.execute("""{ listVpps(filter: {nameContains: "Loaded"}) { items {
        id sites(limit: 1) { items { vpp { id } batteries { capacityKwh } } }
    } } }""")

    sites = {vpp["id"]: vpp["sites"]["items"] for vpp in listed["items"]}
    assert len(sites) == 11
    expected = {id: [{"vpp": {"id": id}, "batteries": [{"capacityKwh": 13.5 if id == vpp_id else 10}]}] for id in sites}
    assert sites == expected


async def test_loader_reads_again_after_each_mutation_of_a_request(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    vpp_id = await api.create_vpp()
    document = """mutation ($id: ID!) {
        first: updateVpp(input: {id: $id, dailyFeeAud: 1}) { dailyFeeAud priceSchedules { dailyFeeAud } }
        second: updateVpp(input: {id: $id, dailyFeeAud: 2}) { dailyFeeAud priceSchedules { dailyFeeAud } }
    }"""

    answer = await api.response(document, id=vpp_id)

    assert answer["data"] == {
        "first": {"dailyFeeAud": 1, "priceSchedules": [{"dailyFeeAud": 1}]},
        "second": {"dailyFeeAud": 2, "priceSchedules": [{"dailyFeeAud": 2}]},
    }
