"""
What is another's is as if it were not there.

Two VPPs, theirs and ours, each with a site; a third site belonged to theirs until 15 September and to ours from then
on. Everything has events in September 2025, which is settled.
"""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type
from sqlalchemy import text

from db.engine.database import Database
from db.engine.scope import Scope
from graph.schema import schema
from graph.web.server import Serving
from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.graphql_transport_ws import open_socket
from tests.fixtures.readings import readings, store_readings

NOT_READY = text(
    "update revenue_reports set status = 'FAILED', settled_from = null, total_revenue_aud = null where id = :id"
)
HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


@dataclass(frozen=True)
class Estate:
    """One VPP's things, by their ids."""

    vpp: str
    name: str
    site: str
    nmi: str
    battery: str
    import_: str
    report: str
    # Parks belong to no VPP: to whoever is held to some they are all another's.
    park: str
    park_name: str


@dataclass(frozen=True)
class Moved:
    """The site that went from theirs to ours."""

    site: str
    nmi: str
    battery: str


@pytest_asyncio.fixture(scope="module")
async def moved(api: Api, vpps: dict[str, str], worker: None) -> Moved:
    nmi = new_nmi()
    site_id = await api.create_site(vpps["theirs"], nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=5)
    await api.execute(
        "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }",
        input={"siteId": site_id, "vppId": vpps["ours"], "effectiveFrom": "2025-09-16"},
    )
    rows = "".join(f"{nmi},2025-09-{day},DISCHARGE,{day},10\n" for day in ("10", "20"))
    await api.import_file(HEADER + rows)
    return Moved(site_id, nmi, battery_id)


@pytest_asyncio.fixture(scope="module")
async def vpps(api: Api) -> dict[str, str]:
    return {"theirs": await api.create_vpp(name="Theirs"), "ours": await api.create_vpp(name="Ours")}


@pytest_asyncio.fixture(scope="module")
async def estates(api: Api, vpps: dict[str, str], moved: Moved, database: Database) -> dict[str, Estate]:
    made = {}
    for whose, vpp_id in vpps.items():
        nmi = new_nmi()
        site_id = await api.create_site(vpp_id, nmi=nmi)
        battery_id = await api.add_battery(site_id, capacity_kwh=10)
        operator = await api.as_role("OPERATOR", vppIds=[vpp_id])
        brought = await operator.import_file(f"{HEADER}{nmi},2025-09-01,DISCHARGE,10,25\nno,,,,\n")
        report = await operator.settle_month(vpp_id, "2025-09")
        assert (brought["rowsImported"], report["status"]) == (1, "READY")
        park_name = new_name()
        park_id = await api.create_park(name=park_name)
        await store_readings(database, park_id, readings("Europe/Amsterdam", "2025-09-01", [1]))
        made[whose] = Estate(
            *(vpp_id, whose.title(), site_id, nmi, battery_id, brought["id"], report["id"], park_id, park_name)
        )
    return made


@pytest_asyncio.fixture(scope="module")
async def theirs(estates: dict[str, Estate]) -> Estate:
    return estates["theirs"]


@pytest_asyncio.fixture(scope="module")
async def ours(estates: dict[str, Estate]) -> Estate:
    return estates["ours"]


@pytest_asyncio.fixture(scope="module")
async def operator(api: Api, ours: Estate) -> Api:
    """Whoever operates our VPP, and no other."""
    return await api.as_role("OPERATOR", vppIds=[ours.vpp])


@pytest_asyncio.fixture(scope="module")
async def member(api: Api, ours: Estate) -> Api:
    """The owner of our site."""
    return await api.as_role("MEMBER", siteIds=[ours.site])


EVERYTHING = """{
    listVpps(limit: 20) { items {
        name priceSchedules { revenuePercentage } sites { items { nmi } } revenueReports { items { id } }
    } nextToken }
    listSites(limit: 20) { items {
        nmi vpp { name } memberships { vpp { name } } batteries { id } events { items { settlementDate } }
    } nextToken }
    listRevenueReports(limit: 20) { items {
        id vpp { name } isLatest isStale lineItems { items { nmi site { nmi } } }
    } nextToken }
}"""


async def test_an_operator_sees_its_own_vpps_and_what_was_theirs_in_their_time(
    operator: Api, ours: Estate, moved: Moved
) -> None:
    answer = await operator.response(EVERYTHING)

    nmis = sorted([ours.nmi, moved.nmi])
    sites = {
        ours.nmi: {
            "nmi": ours.nmi,
            "vpp": {"name": "Ours"},
            "memberships": [{"vpp": {"name": "Ours"}}],
            "batteries": [{"id": ours.battery}],
            "events": {"items": [{"settlementDate": "2025-09-01"}]},
        },
        moved.nmi: {
            "nmi": moved.nmi,
            "vpp": {"name": "Ours"},
            "memberships": [{"vpp": {"name": "Ours"}}],
            "batteries": [{"id": moved.battery}],
            "events": {"items": [{"settlementDate": "2025-09-20"}]},
        },
    }
    report = {
        "id": ours.report,
        "vpp": {"name": "Ours"},
        "isLatest": True,
        "isStale": False,
        "lineItems": {"items": [{"nmi": nmi, "site": {"nmi": nmi}} for nmi in nmis]},
    }
    vpp = {
        "name": "Ours",
        "priceSchedules": [{"revenuePercentage": 20}],
        "sites": {"items": [{"nmi": nmi} for nmi in nmis]},
        "revenueReports": {"items": [{"id": ours.report}]},
    }
    assert answer == {
        "data": {
            "listVpps": {"items": [vpp], "nextToken": None},
            "listSites": {"items": [sites[nmi] for nmi in nmis], "nextToken": None},
            "listRevenueReports": {"items": [report], "nextToken": None},
        }
    }


async def test_a_member_sees_its_own_sites_and_their_lines_of_ready_reports(member: Api, ours: Estate) -> None:
    answer = await member.response(EVERYTHING)

    assert answer == {
        "data": {
            "listVpps": {
                "items": [
                    {
                        "name": "Ours",
                        "priceSchedules": [{"revenuePercentage": 20}],
                        "sites": {"items": [{"nmi": ours.nmi}]},
                        "revenueReports": {"items": [{"id": ours.report}]},
                    }
                ],
                "nextToken": None,
            },
            "listSites": {
                "items": [
                    {
                        "nmi": ours.nmi,
                        "vpp": {"name": "Ours"},
                        "memberships": [{"vpp": {"name": "Ours"}}],
                        "batteries": [{"id": ours.battery}],
                        "events": {"items": [{"settlementDate": "2025-09-01"}]},
                    }
                ],
                "nextToken": None,
            },
            "listRevenueReports": {
                "items": [
                    {
                        "id": ours.report,
                        "vpp": {"name": "Ours"},
                        "isLatest": True,
                        "isStale": False,
                        "lineItems": {"items": [{"nmi": ours.nmi, "site": {"nmi": ours.nmi}}]},
                    }
                ],
                "nextToken": None,
            },
        }
    }


async def test_a_member_without_sites_sees_nothing(api: Api, ours: Estate) -> None:
    site_id = await api.create_site(ours.vpp)
    nobody = await api.as_role("MEMBER", siteIds=[site_id])
    await api.execute("mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }", id=site_id)

    answer = await nobody.response(EVERYTHING)

    assert [page["items"] for page in answer["data"].values()] == [[], [], []]


async def test_the_report_a_member_sees_is_the_latest_that_is_ready(api: Api, database: Database, worker: None) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    member = await api.as_role("MEMBER", siteIds=[site_id])
    first = await api.settle_month(vpp_id, "2025-09")
    await api.execute("mutation ($id: ID!) { updateVpp(input: {id: $id, revenuePercentage: 30}) { id } }", id=vpp_id)
    second = await api.settle_month(vpp_id, "2025-09")
    async with database.transaction() as session:
        await session.execute(NOT_READY, {"id": second["id"]})

    latest = 'query ($vpp: ID!) { getLatestRevenueReport(vppId: $vpp, month: "2025-09") { id isLatest revision } }'
    seen, listed = (
        await member.execute(latest, vpp=vpp_id),
        await member.execute("{ listRevenueReports { items { id } } }"),
    )

    assert seen == {"id": first["id"], "isLatest": True, "revision": 1}
    assert listed == {"items": [{"id": first["id"]}]}


# Every way to give an id, a name or an NMI, with `…` for what is another's.
ASKED = {
    "getVpp.id": ("vpp", '{ getVpp(id: "…") { name } }'),
    "getVppByName.name": ("name", '{ getVppByName(name: "…") { name } }'),
    "getSite.id": ("site", '{ getSite(id: "…") { nmi } }'),
    "getSiteByNmi.nmi": ("nmi", '{ getSiteByNmi(nmi: "…") { address } }'),
    "getBattery.id": ("battery", '{ getBattery(id: "…") { serial } }'),
    "getImport.id": ("import_", '{ getImport(id: "…") { fileName } }'),
    "getRevenueReport.id": ("report", '{ getRevenueReport(id: "…") { month } }'),
    "getLatestRevenueReport.vppId": ("vpp", '{ getLatestRevenueReport(vppId: "…", month: "2025-09") { month } }'),
    "getPark.id": ("park", '{ getPark(id: "…") { name readings { items { powerMw } } } }'),
    "getParkByName.name": ("park_name", '{ getParkByName(name: "…") { timezone } }'),
    "EnergyReadingFilterInput.parkNames": (
        "park_name",
        '{ listEnergyReadings(filter: {parkNames: ["…"]}) { items { powerMw } } }',
    ),
    "StatsFilterInput.parkNames": (
        "park_name",
        """{
            listParkDailyStats(filter: {parkNames: ["…"]}) { items { date } }
            listEnergyTypeDailyStats(filter: {parkNames: ["…"]}) { items { date } }
        }""",
    ),
    "SiteFilterInput.vppId": ("vpp", '{ listSites(filter: {vppId: "…", on: "2025-09-01"}) { items { nmi } } }'),
    "RevenueReportFilterInput.vppId": ("vpp", '{ listRevenueReports(filter: {vppId: "…"}) { items { month } } }'),
    "SimulateRevenueReportInput.vppId": (
        "vpp",
        '{ simulateRevenueReport(input: {vppId: "…", month: "2025-09"}) { month } }',
    ),
}
CHANGED = {
    "UpdateVppInput.id": ("vpp", 'mutation { updateVpp(input: {id: "…", name: "Taken"}) { name } }'),
    "DeleteVppInput.id": ("vpp", 'mutation { deleteVpp(input: {id: "…"}) { name } }'),
    "CreateSiteInput.vppId": (
        "vpp",
        'mutation { createSite(input: {vppId: "…", nmi: "9999999999", address: "2 King St"}) { nmi } }',
    ),
    "UpdateSiteInput.id": ("site", 'mutation { updateSite(input: {id: "…", address: "2 King St"}) { nmi } }'),
    "AssignSiteInput.siteId": ("site", 'mutation { assignSite(input: {siteId: "…", vppId: "{vpp}"}) { nmi } }'),
    "AssignSiteInput.vppId": ("vpp", 'mutation { assignSite(input: {siteId: "{site}", vppId: "…"}) { nmi } }'),
    "DeleteSiteInput.id": ("site", 'mutation { deleteSite(input: {id: "…"}) { nmi } }'),
    "AddBatteryInput.siteId": (
        "site",
        'mutation { addBattery(input: {siteId: "…", manufacturer: "T", serial: "1", capacityKwh: 1}) { id } }',
    ),
    "UpdateBatteryInput.id": ("battery", 'mutation { updateBattery(input: {id: "…", capacityKwh: 1}) { id } }'),
    "RemoveBatteryInput.id": ("battery", 'mutation { removeBattery(input: {id: "…"}) { id } }'),
    "RemoveBatteryInput.id from a day": (
        "battery",
        'mutation { removeBattery(input: {id: "…", effectiveFrom: "2025-09-09"}) { id } }',
    ),
    "StartImportInput.id": ("import_", 'mutation { startImport(input: {id: "…"}) { id } }'),
    "CancelImportInput.id": ("import_", 'mutation { cancelImport(input: {id: "…"}) { id } }'),
    "RevertImportInput.id": ("import_", 'mutation { revertImport(input: {id: "…"}) { id } }'),
    "UpdateParkInput.id": ("park", 'mutation { updatePark(input: {id: "…", name: "Taken"}) { name } }'),
    "CreateImportInput.parkId": (
        "park",
        """mutation { createImport(input: {kind: PARK_READINGS, parkId: "…", fileName: "readings.csv"}) {
            import { id }
        } }""",
    ),
    "GenerateRevenueReportInput.vppId": (
        "vpp",
        'mutation { generateRevenueReport(input: {vppId: "…", month: "2025-09"}) { id } }',
    ),
}
SUBSCRIBED = {
    "onImportProgress.id": ("import_", 'subscription { onImportProgress(id: "…") { id } }'),
    "onRevenueReport.id": ("report", 'subscription { onRevenueReport(id: "…") { id } }'),
    "onRevenueReport.vppId": ("vpp", ""),  # It tells nothing until there is something to tell, and then: see below.
}
# Ids for what is to be created, and what only an ADMIN, who is held to nothing, gives.
OTHERWISE = {
    *("CreateVppInput.id", "CreateSiteInput.id", "AddBatteryInput.id", "CreateImportInput.id", "CreateParkInput.id"),
    *("RevokeApiKeyInput.id", "CreateApiKeyInput.vppIds", "CreateApiKeyInput.siteIds"),
    *("AuditEntryFilterInput.objectId",),
}


def ids_that_can_be_given() -> set[str]:
    found = set()
    for name, kind in schema._schema.type_map.items():
        if isinstance(kind, GraphQLInputObjectType):
            found |= {
                f"{name}.{field}" for field, given in kind.fields.items() if get_named_type(given.type).name == "ID"
            }
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field, asked in kind.fields.items():
                given_ids = (arg for arg, given in asked.args.items() if get_named_type(given.type).name == "ID")
                found |= {f"{field}.{arg}" for arg in given_ids}
    return found


def test_every_argument_that_takes_an_id_is_tried_with_anothers() -> None:
    tried = {*ASKED, *CHANGED, *SUBSCRIBED}

    assert ids_that_can_be_given() - OTHERWISE <= tried


def absent(kind: str) -> str:
    return {"name": new_name(), "park_name": new_name(), "nmi": new_nmi()}.get(kind, str(uuid4()))


def filled(document: str, given: str, own: Estate) -> str:
    return document.replace("…", given).replace("{vpp}", own.vpp).replace("{site}", own.site)


@pytest.mark.parametrize("tried", [*ASKED, *CHANGED])
async def test_what_is_anothers_is_answered_like_what_is_not_there(
    api: Api, operator: Api, ours: Estate, theirs: Estate, tried: str
) -> None:
    kind, document = {**ASKED, **CHANGED}[tried]
    of_theirs, of_nobody = getattr(theirs, kind), absent(kind)
    before = await everything(api)

    there = await operator.response(filled(document, of_theirs, ours))
    not_there = await operator.response(filled(document, of_nobody, ours))

    assert str(there).replace(of_theirs, "…") == str(not_there).replace(of_nobody, "…")
    assert await everything(api) == before


@pytest.mark.parametrize("tried", ASKED)
async def test_another_site_is_to_a_member_as_if_it_were_not_there(
    member: Api, ours: Estate, theirs: Estate, tried: str
) -> None:
    kind, document = ASKED[tried]
    of_theirs, of_nobody = getattr(theirs, kind), absent(kind)

    there = await member.response(filled(document, of_theirs, ours))
    not_there = await member.response(filled(document, of_nobody, ours))

    assert str(there).replace(of_theirs, "…") == str(not_there).replace(of_nobody, "…")


@pytest.mark.parametrize("tried", ASKED)
async def test_a_filter_that_was_forgotten_shows_nothing(
    operator: Api, ours: Estate, theirs: Estate, monkeypatch: pytest.MonkeyPatch, tried: str
) -> None:
    kind, document = ASKED[tried]
    of_theirs, of_nobody = getattr(theirs, kind), absent(kind)
    for forgotten in ("vpps", "sites", "sites_to_change", "memberships", "events", "reports", "line_items", "imports"):
        monkeypatch.setattr(Scope, forgotten, lambda *_: ())

    there = await operator.response(filled(document, of_theirs, ours))
    not_there = await operator.response(filled(document, of_nobody, ours))

    assert str(there).replace(of_theirs, "…") == str(not_there).replace(of_nobody, "…")


async def test_whoever_forgot_all_filters_still_lists_no_more_than_its_own(
    operator: Api, ours: Estate, theirs: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for forgotten in ("vpps", "sites", "memberships", "reports", "line_items", "imports"):
        monkeypatch.setattr(Scope, forgotten, lambda *_: ())

    answer = await operator.response(EVERYTHING)

    assert theirs.nmi not in str(answer)
    assert theirs.report not in str(answer)
    assert "Theirs" not in str(answer)
    assert ours.nmi in str(answer)


async def everything(api: Api) -> Any:
    listed = await api.response("""{
        listImports(limit: 200) { items { id status rowsImported rowsDuplicated } }
        listRevenueReports(filter: {latestOnly: false}, limit: 200) { items { id isStale } }
    }""")
    return await api.fleet_snapshot(), listed


@pytest.mark.parametrize("tried", ["onImportProgress.id", "onRevenueReport.id"])
async def test_what_is_anothers_is_subscribed_to_like_what_is_not_there(
    operator: Api, ours: Estate, theirs: Estate, tried: str
) -> None:
    kind, document = SUBSCRIBED[tried]
    of_theirs, of_nobody = getattr(theirs, kind), absent(kind)

    there, not_there = [await told(operator, filled(document, id, ours)) for id in (of_theirs, of_nobody)]

    assert "NotFound" in there
    assert there.replace(of_theirs, "…") == not_there.replace(of_nobody, "…")


async def told(api: Api, document: str) -> str:
    """Subscribe, and return all that is told."""
    headers = {"x-api-key": api.key, "accept": "text/event-stream"}
    return (await api.client.post("/graphql", json={"query": document}, headers=headers)).text


async def test_who_follows_all_reports_is_told_of_its_own(api_server: Serving, served_api: Api) -> None:
    ours, theirs = [await served_api.create_vpp() for _ in range(2)]
    reader = await served_api.as_role("READER", vppIds=[ours])

    async with open_socket(api_server.url, {"x-api-key": reader.key}) as socket:
        reports = socket.subscribe("subscription { onRevenueReport { vppId } }")
        first = asyncio.ensure_future(anext(reports))
        for vpp_id in (theirs, ours):
            await served_api.settle_month(vpp_id, "2025-09")

        assert await first == {"data": {"onRevenueReport": {"vppId": ours}}}


async def test_a_month_comes_to_the_same_for_whoever_may_see_it(api: Api, operator: Api, ours: Estate) -> None:
    document = """query ($vpp: ID!) { simulateRevenueReport(input: {vppId: $vpp, month: "2025-09"}) {
        totals { totalRevenueAud vppTotalAud siteTotalAud }
        lineItems { nmi memberDays capacityKwh revenueAud afterFeesAud }
    } }"""

    seen, whole = [await each.execute(document, vpp=ours.vpp) for each in (operator, api)]

    assert seen["totals"]["totalRevenueAud"] == "4.50"
    assert len(seen["lineItems"]) == 2
    assert seen == whole


async def test_a_next_token_of_another_shows_no_more_than_ones_own(
    api: Api, operator: Api, ours: Estate, theirs: Estate
) -> None:
    listing = "query ($token: String) { listSites(limit: 1, nextToken: $token) { items { nmi } nextToken } }"
    token = (await api.execute(listing, token=None))["nextToken"]

    page = await operator.execute(listing, token=token)

    assert theirs.nmi not in str(page)


async def test_an_operator_of_some_vpps_creates_no_other(operator: Api) -> None:
    refusal = await operator.refusal(
        "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { id } }", name=new_name()
    )

    message = "Your access is limited to some VPPs, so you cannot create another; ask an operator for all VPPs."
    assert refusal == ("Unauthorized", None, message)


async def test_an_operator_of_some_vpps_creates_no_park(api: Api, operator: Api) -> None:
    before = await api.execute("{ listParks { items { id } } }")

    refusal = await operator.refusal(
        """mutation ($name: String!) {
            createPark(input: {name: $name, timezone: "UTC", energyType: WIND}) { id }
        }""",
        name=new_name(),
    )

    message = (
        "Your access is limited to some VPPs, and parks belong to none; ask an operator for all VPPs to create them."
    )
    assert refusal == ("Unauthorized", None, message)
    assert await api.execute("{ listParks { items { id } } }") == before


async def test_who_is_held_to_some_vpps_sees_no_park_nor_what_is_of_one(operator: Api) -> None:
    answer = await operator.response("""{
        listParks { items { id } }
        listEnergyReadings { items { powerMw } }
        listParkDailyStats { items { date } }
        listEnergyTypeDailyStats { items { date } }
    }""")

    assert [page["items"] for page in answer["data"].values()] == [[], [], [], []]


CREATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "site": (
        "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }",
        {"vppId": "{vpp}", "nmi": "9999999998", "address": "2 King St"},
        "site",
    ),
    "battery": (
        "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }",
        {"siteId": "{site}", "manufacturer": "T", "serial": "2", "capacityKwh": 1},
        "battery",
    ),
    "import_": (
        "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } } }",
        {"kind": "BATTERY_EVENTS", "fileName": "events.csv"},
        "import",
    ),
}


@pytest.mark.parametrize("kind", CREATES)
async def test_an_id_that_is_anothers_is_taken_and_no_more_is_said_of_it(
    operator: Api, ours: Estate, theirs: Estate, kind: str
) -> None:
    document, asked, noun = CREATES[kind]
    taken = getattr(theirs, kind)
    given = {name: filled(str(value), "", ours) if name.endswith("Id") else value for name, value in asked.items()}

    refusal = await operator.refusal(document, input=given | {"id": taken})

    assert refusal == ("Conflict", ["input", "id"], f"The id {taken} already belongs to another {noun}.")


async def test_an_operator_does_with_its_own_what_an_operator_does(operator: Api, ours: Estate) -> None:
    site_id = await operator.create_site(ours.vpp, capacity_kwh=3)
    listed = await operator.execute("query ($id: ID!) { getSite(id: $id) { batteries { id } } }", id=site_id)
    battery_id = listed["batteries"][0]["id"]

    changes = [
        ("UpdateVppInput", "updateVpp", {"id": ours.vpp, "dailyFeeAud": 0.5, "effectiveFrom": "2026-01-01"}),
        ("UpdateSiteInput", "updateSite", {"id": site_id, "address": "3 King St"}),
        ("AssignSiteInput", "assignSite", {"siteId": site_id, "vppId": ours.vpp}),
        ("UpdateBatteryInput", "updateBattery", {"id": battery_id, "capacityKwh": 4}),
        ("RemoveBatteryInput", "removeBattery", {"id": battery_id}),
        ("DeleteSiteInput", "deleteSite", {"id": site_id}),
    ]
    for kind, mutation, given in changes:
        await operator.execute(f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ id }} }}", input=given)

    assert await operator.execute("query ($id: ID!) { getSite(id: $id) { id } }", id=site_id) is None


async def test_a_site_that_has_left_is_seen_and_no_longer_changed(api: Api, theirs: Estate, moved: Moved) -> None:
    before = await api.as_role("OPERATOR", vppIds=[theirs.vpp])

    seen = await before.execute(
        "query ($id: ID!) { getSite(id: $id) { nmi vpp { id } events { items { settlementDate } } } }", id=moved.site
    )
    refusal = await before.refusal(
        'mutation ($id: ID!) { updateSite(input: {id: $id, address: "2 King St"}) { id } }', id=moved.site
    )

    assert seen == {"nmi": moved.nmi, "vpp": None, "events": {"items": [{"settlementDate": "2025-09-10"}]}}
    assert refusal == ("NotFound", ["input", "id"], f"There is no site with the id {moved.site}.")


OTHERS_DAYS = "On some of these days the site belonged to a VPP outside your access; send an effectiveFrom after them."


@pytest.mark.parametrize("effective_from", [None, "2025-09-15"])
async def test_the_days_in_which_a_site_was_anothers_are_not_changed(
    api: Api, operator: Api, ours: Estate, moved: Moved, effective_from: str | None
) -> None:
    battery = {"manufacturer": "Tesla", "serial": "3", "capacityKwh": 1}
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("AssignSiteInput", "assignSite", {"siteId": moved.site, "vppId": ours.vpp}),
        ("AddBatteryInput", "addBattery", {"siteId": moved.site, **battery}),
        ("UpdateBatteryInput", "updateBattery", {"id": moved.battery, "capacityKwh": 6}),
        ("RemoveBatteryInput", "removeBattery", {"id": moved.battery}),
    ]
    before = await everything(api)

    refusals = [
        await operator.refusal(
            f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ id }} }}",
            input=given | {"effectiveFrom": effective_from},
        )
        for kind, mutation, given in changes
    ]

    assert refusals == [("Conflict", ["input", "effectiveFrom"], OTHERS_DAYS)] * 4
    assert await everything(api) == before


async def test_from_the_day_a_site_came_it_can_be_changed(operator: Api, moved: Moved) -> None:
    changed = await operator.execute(
        "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { capacityKwh } }",
        input={"id": moved.battery, "capacityKwh": 6, "effectiveFrom": "2025-09-16"},
    )

    assert changed == {"capacityKwh": 6}


async def test_an_operators_import_brings_no_row_of_anothers_site_or_day(
    operator: Api, ours: Estate, theirs: Estate, moved: Moved
) -> None:
    rows = [
        f"{ours.nmi},2025-10-01,DISCHARGE,1,10",
        f"{theirs.nmi},2025-10-01,DISCHARGE,1,10",
        f"{moved.nmi},2025-09-15,DISCHARGE,1,10",
        f"{moved.nmi},2025-09-16,DISCHARGE,1,10",
    ]

    brought = await operator.import_file(HEADER + "\n".join(rows))

    codes = [(each["lineNumber"], each["code"]) for each in brought["rejections"]["items"]]
    messages = [each["message"] for each in brought["rejections"]["items"]]
    assert (brought["status"], brought["rowsImported"], codes) == (
        "COMPLETED",
        2,
        [(3, "UNKNOWN_NMI"), (4, "UNKNOWN_NMI")],
    )
    assert messages == [
        f"'{theirs.nmi}' is not the NMI of a site;"
        " expected the NMI of an existing site: create the site or correct the NMI.",
        f"'{moved.nmi}' is not the NMI of a site of your VPPs on 2025-09-15;"
        " expected the NMI of a site that was a member on that date.",
    ]


async def test_a_file_another_imported_is_imported_for_ones_own_sites(
    api: Api, operator: Api, ours: Estate, theirs: Estate
) -> None:
    file = f"{HEADER}{ours.nmi},2025-11-01,DISCHARGE,1,10\n{theirs.nmi},2025-11-01,DISCHARGE,1,10\n"
    other = await api.as_role("OPERATOR", vppIds=[theirs.vpp])

    brought = [await each.import_file(file) for each in (other, operator, api)]

    counts = [(each["status"], each["rowsImported"], each["rowsDuplicated"], each["rowsRejected"]) for each in brought]
    assert counts == [("COMPLETED", 1, 0, 1), ("COMPLETED", 1, 0, 1), ("COMPLETED", 0, 2, 0)]


async def test_reverting_ones_own_import_lets_the_rows_of_others_count(api: Api, operator: Api, ours: Estate) -> None:
    row = f"{ours.nmi},2025-12-01,DISCHARGE,1,10\n"
    first = await operator.import_file(HEADER + row)
    second = await api.import_file(HEADER + row + "no,,,,\n")
    count = "query ($id: ID!) { getImport(id: $id) { rowsImported rowsDuplicated } }"
    before = await api.execute(count, id=second["id"])

    await operator.execute("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=first["id"])

    assert before == {"rowsImported": 0, "rowsDuplicated": 1}
    assert await api.execute(count, id=second["id"]) == {"rowsImported": 1, "rowsDuplicated": 0}


async def test_an_event_that_came_with_others_does_not_show_its_import(operator: Api, moved: Moved) -> None:
    document = 'query ($id: ID!) { getSite(id: $id) { events(until: "2025-10-01") { items { import { id } } } } }'

    answer = await operator.response(document, id=moved.site)

    (error, *_) = answer["errors"]
    assert answer["data"] == {"getSite": None}
    assert (error["errorType"], error["message"]) == (
        "Unauthorized",
        "Not Authorized to access import on type BatteryEvent",
    )
