"""
Objects outside a caller's scope: the API responds as if they did not exist.

There are two VPPs, ours (in the scope of the callers under test) and theirs (out of scope), each with a site. A third
site belongs to theirs until 15 September 2025 and to ours from 16 September on. All sites have events in September
2025, and that month is settled for both VPPs.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
)
from sqlalchemy import text

from db.engine.database import Database
from db.engine.scope import Scope
from graph.schema import schema
from graph.web.server import Serving
from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.graphql_transport_ws import open_socket
from tests.fixtures.readings import readings, store_readings

ADD_FAILED_REVISION = text("""
    insert into revenue_reports (id, vpp_id, month, revision, status)
    select gen_random_uuid(), vpp_id, month, revision + 1, 'FAILED' from revenue_reports where id = :id
""")
EVENTS_HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


@dataclass(frozen=True)
class VppObjects:
    """The ids and names of the objects of one VPP."""

    vpp: str
    name: str
    site: str
    nmi: str
    battery: str
    import_: str
    report: str
    # Parks belong to no VPP, so every park is out of scope for a caller that is limited to some VPPs.
    park: str
    park_name: str


@dataclass(frozen=True)
class MovedSite:
    """The site that moved from their VPP to ours on 16 September 2025."""

    site: str
    nmi: str
    battery: str


@pytest_asyncio.fixture(scope="module")
async def moved(api: Api, vpps: dict[str, str], worker: None) -> MovedSite:
    nmi = new_nmi()
    site_id = await api.create_site(vpps["theirs"], nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=5)
    await api.execute(
        "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }",
        input={"siteId": site_id, "vppId": vpps["ours"], "effectiveFrom": "2025-09-16"},
    )
    rows = "".join(f"{nmi},2025-09-{day},DISCHARGE,{day},10\n" for day in ("10", "20"))
    await api.import_file(EVENTS_HEADER + rows)
    return MovedSite(site_id, nmi, battery_id)


@pytest_asyncio.fixture(scope="module")
async def vpps(api: Api) -> dict[str, str]:
    return {"theirs": await api.create_vpp(name="Theirs"), "ours": await api.create_vpp(name="Ours")}


@pytest_asyncio.fixture(scope="module")
async def objects_by_vpp(api: Api, vpps: dict[str, str], moved: MovedSite, database: Database) -> dict[str, VppObjects]:
    objects = {}
    for owner, vpp_id in vpps.items():
        nmi = new_nmi()
        site_id = await api.create_site(vpp_id, nmi=nmi)
        battery_id = await api.add_battery(site_id, capacity_kwh=10)
        operator = await api.as_role("OPERATOR", vppIds=[vpp_id])
        imported = await operator.import_file(f"{EVENTS_HEADER}{nmi},2025-09-01,DISCHARGE,10,25\nno,,,,\n")
        report = await operator.settle_month(vpp_id, "2025-09")
        assert (imported["rowsImported"], report["status"]) == (1, "READY")
        park_name = new_name()
        park_id = await api.create_park(name=park_name)
        await store_readings(database, park_id, readings("Europe/Amsterdam", "2025-09-01", [1]))
        objects[owner] = VppObjects(
            *(vpp_id, owner.title(), site_id, nmi, battery_id, imported["id"], report["id"], park_id, park_name)
        )
    return objects


@pytest_asyncio.fixture(scope="module")
async def theirs(objects_by_vpp: dict[str, VppObjects]) -> VppObjects:
    return objects_by_vpp["theirs"]


@pytest_asyncio.fixture(scope="module")
async def ours(objects_by_vpp: dict[str, VppObjects]) -> VppObjects:
    return objects_by_vpp["ours"]


@pytest_asyncio.fixture(scope="module")
async def operator(api: Api, ours: VppObjects) -> Api:
    """An OPERATOR that is limited to our VPP."""
    return await api.as_role("OPERATOR", vppIds=[ours.vpp])


@pytest_asyncio.fixture(scope="module")
async def member(api: Api, ours: VppObjects) -> Api:
    """A MEMBER that may see our site."""
    return await api.as_role("MEMBER", siteIds=[ours.site])


ALL_LISTS = """{
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


async def test_scoped_operator_sees_only_its_vpp_and_a_sites_events_of_its_member_days(
    operator: Api, ours: VppObjects, moved: MovedSite
) -> None:
    response = await operator.response(ALL_LISTS)

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
    assert response == {
        "data": {
            "listVpps": {"items": [vpp], "nextToken": None},
            "listSites": {"items": [sites[nmi] for nmi in nmis], "nextToken": None},
            "listRevenueReports": {"items": [report], "nextToken": None},
        }
    }


async def test_member_sees_its_sites_and_their_line_items_of_ready_reports(member: Api, ours: VppObjects) -> None:
    response = await member.response(ALL_LISTS)

    assert response == {
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


async def test_member_whose_sites_were_deleted_sees_nothing(api: Api, ours: VppObjects) -> None:
    site_id = await api.create_site(ours.vpp)
    nobody = await api.as_role("MEMBER", siteIds=[site_id])
    await api.execute("mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }", id=site_id)

    response = await nobody.response(ALL_LISTS)

    assert [page["items"] for page in response["data"].values()] == [[], [], []]


async def test_latest_report_of_a_member_is_the_latest_ready_one(api: Api, database: Database, worker: None) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    member = await api.as_role("MEMBER", siteIds=[site_id])
    first = await api.settle_month(vpp_id, "2025-09")
    async with database.transaction() as session:
        await session.execute(ADD_FAILED_REVISION, {"id": first["id"]})

    latest = 'query ($vpp: ID!) { getLatestRevenueReport(vppId: $vpp, month: "2025-09") { id isLatest revision } }'
    seen, listed = (
        await member.execute(latest, vpp=vpp_id),
        await member.execute("{ listRevenueReports { items { id } } }"),
    )

    assert seen == {"id": first["id"], "isLatest": True, "revision": 1}
    assert listed == {"items": [{"id": first["id"]}]}


# A document for each argument that takes an id, a name or an NMI. THEIR_VPP stands for the id of the VPP out of scope,
# THEIR_PARK_NAME for the attribute `park_name` of its VppObjects, and so on; OUR_VPP and OUR_SITE are in scope.
READS = {
    "getVpp.id": '{ getVpp(id: "THEIR_VPP") { name } }',
    "getVppByName.name": '{ getVppByName(name: "THEIR_NAME") { name } }',
    "getSite.id": '{ getSite(id: "THEIR_SITE") { nmi } }',
    "getSiteByNmi.nmi": '{ getSiteByNmi(nmi: "THEIR_NMI") { address } }',
    "getBattery.id": '{ getBattery(id: "THEIR_BATTERY") { serial } }',
    "getImport.id": '{ getImport(id: "THEIR_IMPORT") { fileName } }',
    "getRevenueReport.id": '{ getRevenueReport(id: "THEIR_REPORT") { month } }',
    "getLatestRevenueReport.vppId": '{ getLatestRevenueReport(vppId: "THEIR_VPP", month: "2025-09") { month } }',
    "getPark.id": '{ getPark(id: "THEIR_PARK") { name readings { items { powerMw } } } }',
    "getParkByName.name": '{ getParkByName(name: "THEIR_PARK_NAME") { timezone } }',
    "EnergyReadingFilterInput.parkNames": """{
        listEnergyReadings(filter: {parkNames: ["THEIR_PARK_NAME"]}) { items { powerMw } }
    }""",
    "StatsFilterInput.parkNames": """{
        listParkDailyStats(filter: {parkNames: ["THEIR_PARK_NAME"]}) { items { date } }
        listEnergyTypeDailyStats(filter: {parkNames: ["THEIR_PARK_NAME"]}) { items { date } }
    }""",
    "SiteFilterInput.vppId": '{ listSites(filter: {vppId: "THEIR_VPP", on: "2025-09-01"}) { items { nmi } } }',
    "RevenueReportFilterInput.vppId": '{ listRevenueReports(filter: {vppId: "THEIR_VPP"}) { items { month } } }',
    "SimulateRevenueReportInput.vppId": """{
        simulateRevenueReport(input: {vppId: "THEIR_VPP", month: "2025-09"}) { month }
    }""",
}
CHANGES = {
    "UpdateVppInput.id": 'mutation { updateVpp(input: {id: "THEIR_VPP", name: "Taken"}) { name } }',
    "DeleteVppInput.id": 'mutation { deleteVpp(input: {id: "THEIR_VPP"}) { name } }',
    "CreateSiteInput.vppId": """mutation {
        createSite(input: {vppId: "THEIR_VPP", nmi: "9999999999", address: "2 King St"}) { nmi }
    }""",
    "UpdateSiteInput.id": 'mutation { updateSite(input: {id: "THEIR_SITE", address: "2 King St"}) { nmi } }',
    "AssignSiteInput.siteId": 'mutation { assignSite(input: {siteId: "THEIR_SITE", vppId: "OUR_VPP"}) { nmi } }',
    "AssignSiteInput.vppId": 'mutation { assignSite(input: {siteId: "OUR_SITE", vppId: "THEIR_VPP"}) { nmi } }',
    "UnassignSiteInput.siteId": """mutation {
        unassignSite(input: {siteId: "THEIR_SITE", effectiveFrom: "2025-09-09"}) { nmi }
    }""",
    "DeleteSiteInput.id": 'mutation { deleteSite(input: {id: "THEIR_SITE"}) { nmi } }',
    "AddBatteryInput.siteId": """mutation {
        addBattery(input: {siteId: "THEIR_SITE", manufacturer: "T", serial: "1", capacityKwh: 1}) { id }
    }""",
    "UpdateBatteryInput.id": 'mutation { updateBattery(input: {id: "THEIR_BATTERY", capacityKwh: 1}) { id } }',
    "RemoveBatteryInput.id": 'mutation { removeBattery(input: {id: "THEIR_BATTERY"}) { id } }',
    "RemoveBatteryInput.id from a day": """mutation {
        removeBattery(input: {id: "THEIR_BATTERY", effectiveFrom: "2025-09-09"}) { id }
    }""",
    "StartImportInput.id": 'mutation { startImport(input: {id: "THEIR_IMPORT"}) { id } }',
    "UpdateImportInput.id": 'mutation { updateImport(input: {id: "THEIR_IMPORT", duplicates: COUNT}) { id } }',
    "CreateImportInput.corrects": """mutation {
        createImport(input: {kind: BATTERY_EVENTS, corrects: "THEIR_IMPORT", fileName: "a.csv"}) { import { id } }
    }""",
    "CreateImportInput.replaces": """mutation {
        createImport(input: {kind: BATTERY_EVENTS, replaces: "THEIR_IMPORT", fileName: "a.csv"}) { import { id } }
    }""",
    "CancelImportInput.id": 'mutation { cancelImport(input: {id: "THEIR_IMPORT"}) { id } }',
    "RevertImportInput.id": 'mutation { revertImport(input: {id: "THEIR_IMPORT"}) { id } }',
    "UpdateParkInput.id": 'mutation { updatePark(input: {id: "THEIR_PARK", name: "Taken"}) { name } }',
    "CreateImportInput.parkId": """mutation {
        createImport(input: {kind: PARK_READINGS, parkId: "THEIR_PARK", fileName: "readings.csv"}) { import { id } }
    }""",
    "GenerateRevenueReportInput.vppId": """mutation {
        generateRevenueReport(input: {vppId: "THEIR_VPP", month: "2025-09"}) { id }
    }""",
}
SUBSCRIPTIONS = {
    "onImportProgress.id": 'subscription { onImportProgress(id: "THEIR_IMPORT") { id } }',
    "onRevenueReport.id": 'subscription { onRevenueReport(id: "THEIR_REPORT") { id } }',
    # Sends no event until a report is settled: test_subscription_to_all_reports_sends_only_reports_in_scope covers it.
    "onRevenueReport.vppId": "",
}
# Arguments without a scope: ids of objects to be created, and ids that only an ADMIN, who has no scope, may send.
EXEMPT = {
    *("CreateVppInput.id", "CreateSiteInput.id", "AddBatteryInput.id", "CreateImportInput.id", "CreateParkInput.id"),
    *("RevokeApiKeyInput.id", "CreateApiKeyInput.vppIds", "CreateApiKeyInput.siteIds"),
    *("AuditEntryFilterInput.objectId",),
}


def id_arguments() -> set[str]:
    """Return every input field and argument of the type ID in the schema."""
    found = set()
    for name, type_ in schema._schema.type_map.items():
        if isinstance(type_, GraphQLInputObjectType):
            found |= {f"{name}.{field}" for field, value in type_.fields.items() if is_id(value)}
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
            for field, definition in type_.fields.items():
                found |= {f"{field}.{argument}" for argument, value in definition.args.items() if is_id(value)}
    return found


def is_id(value: GraphQLArgument | GraphQLInputField) -> bool:
    return get_named_type(value.type).name == "ID"


def test_tables_cover_every_argument_that_takes_an_id() -> None:
    assert id_arguments() - EXEMPT <= {*READS, *CHANGES, *SUBSCRIPTIONS}


@dataclass(frozen=True)
class Probe:
    """The document of a table row, once with an out-of-scope id (or name or NMI), once with one that no object has."""

    out_of_scope_id: str
    unknown_id: str
    out_of_scope: str
    unknown: str

    def assert_same(self, for_out_of_scope: object, for_unknown: object) -> None:
        """Assert that the two responses differ at most in the id that was sent."""
        masked = str(for_out_of_scope).replace(self.out_of_scope_id, "…")
        assert masked == str(for_unknown).replace(self.unknown_id, "…")


def probe(document: str, *, ours: VppObjects, theirs: VppObjects) -> Probe:
    """Fill in the placeholders of a document of the tables."""
    (placeholder,) = set(re.findall(r"THEIR_\w+", document))
    attribute = placeholder.removeprefix("THEIR_").lower()
    out_of_scope_id = getattr(theirs, {"import": "import_"}.get(attribute, attribute))
    unknown_id = {"name": new_name(), "park_name": new_name(), "nmi": new_nmi()}.get(attribute, str(uuid4()))
    document = fill_in_ours(document, ours)
    return Probe(
        *(out_of_scope_id, unknown_id),
        *(document.replace(placeholder, out_of_scope_id), document.replace(placeholder, unknown_id)),
    )


def fill_in_ours(text: str, ours: VppObjects) -> str:
    return text.replace("OUR_VPP", ours.vpp).replace("OUR_SITE", ours.site)


@pytest.mark.parametrize("argument", [*READS, *CHANGES])
async def test_out_of_scope_id_gets_the_same_response_as_an_unknown_id(
    api: Api, operator: Api, ours: VppObjects, theirs: VppObjects, argument: str
) -> None:
    sent = probe({**READS, **CHANGES}[argument], ours=ours, theirs=theirs)
    before = await snapshot(api)

    for_out_of_scope, for_unknown = await operator.response(sent.out_of_scope), await operator.response(sent.unknown)

    sent.assert_same(for_out_of_scope, for_unknown)
    assert await snapshot(api) == before


@pytest.mark.parametrize("argument", READS)
async def test_member_gets_the_same_response_for_an_out_of_scope_id_as_for_an_unknown_id(
    member: Api, ours: VppObjects, theirs: VppObjects, argument: str
) -> None:
    sent = probe(READS[argument], ours=ours, theirs=theirs)

    for_out_of_scope, for_unknown = await member.response(sent.out_of_scope), await member.response(sent.unknown)

    sent.assert_same(for_out_of_scope, for_unknown)


@pytest.mark.parametrize("argument", READS)
async def test_row_level_security_hides_out_of_scope_objects_without_the_scope_filters(
    operator: Api, ours: VppObjects, theirs: VppObjects, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    sent = probe(READS[argument], ours=ours, theirs=theirs)
    for method in ("vpps", "sites", "sites_to_change", "memberships", "events", "reports", "line_items", "imports"):
        monkeypatch.setattr(Scope, method, lambda *_: ())

    for_out_of_scope, for_unknown = await operator.response(sent.out_of_scope), await operator.response(sent.unknown)

    sent.assert_same(for_out_of_scope, for_unknown)


async def test_row_level_security_limits_lists_without_the_scope_filters(
    operator: Api, ours: VppObjects, theirs: VppObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("vpps", "sites", "memberships", "reports", "line_items", "imports"):
        monkeypatch.setattr(Scope, method, lambda *_: ())

    response = await operator.response(ALL_LISTS)

    assert theirs.nmi not in str(response)
    assert theirs.report not in str(response)
    assert "Theirs" not in str(response)
    assert ours.nmi in str(response)


async def snapshot(api: Api) -> Any:
    listed = await api.response("""{
        listImports(limit: 200) { items { id status rowsImported rowsDuplicated } }
        listRevenueReports(filter: {latestOnly: false}, limit: 200) { items { id isStale } }
    }""")
    return await api.fleet_snapshot(), listed


@pytest.mark.parametrize("argument", ["onImportProgress.id", "onRevenueReport.id"])
async def test_subscription_to_an_out_of_scope_id_gets_the_same_events_as_to_an_unknown_id(
    operator: Api, ours: VppObjects, theirs: VppObjects, argument: str
) -> None:
    sent = probe(SUBSCRIPTIONS[argument], ours=ours, theirs=theirs)

    for_out_of_scope = await event_stream(operator, sent.out_of_scope)
    for_unknown = await event_stream(operator, sent.unknown)

    assert "NotFound" in for_out_of_scope
    sent.assert_same(for_out_of_scope, for_unknown)


async def event_stream(api: Api, document: str) -> str:
    """Subscribe by server-sent events, and return the whole body until the stream ends."""
    headers = {"x-api-key": api.key, "accept": "text/event-stream"}
    return (await api.client.post("/graphql", json={"query": document}, headers=headers)).text


async def test_subscription_to_all_reports_sends_only_reports_in_scope(api_server: Serving, served_api: Api) -> None:
    ours, theirs = [await served_api.create_vpp() for _ in range(2)]
    reader = await served_api.as_role("READER", vppIds=[ours])

    async with open_socket(api_server.url, {"x-api-key": reader.key}) as socket:
        reports = socket.subscribe("subscription { onRevenueReport { vppId } }")
        first = asyncio.ensure_future(anext(reports))
        for vpp_id in (theirs, ours):
            await served_api.settle_month(vpp_id, "2025-09")

        assert await first == {"data": {"onRevenueReport": {"vppId": ours}}}


async def test_simulation_is_the_same_for_a_scoped_caller_as_for_an_admin(
    api: Api, operator: Api, ours: VppObjects
) -> None:
    document = """query ($vpp: ID!) { simulateRevenueReport(input: {vppId: $vpp, month: "2025-09"}) {
        totals { totalRevenueAud vppTotalAud siteTotalAud }
        lineItems { nmi memberDays capacityKwh revenueAud afterFeesAud }
    } }"""

    for_operator, for_admin = [await caller.execute(document, vpp=ours.vpp) for caller in (operator, api)]

    assert for_operator["totals"]["totalRevenueAud"] == "4.50"
    assert len(for_operator["lineItems"]) == 2
    assert for_operator == for_admin


async def test_next_token_of_another_caller_shows_nothing_out_of_scope(
    api: Api, operator: Api, ours: VppObjects, theirs: VppObjects
) -> None:
    listing = "query ($token: String) { listSites(limit: 1, nextToken: $token) { items { nmi } nextToken } }"
    token = (await api.execute(listing, token=None))["nextToken"]

    page = await operator.execute(listing, token=token)

    assert theirs.nmi not in str(page)


async def test_scoped_operator_cannot_create_a_vpp(operator: Api) -> None:
    refusal = await operator.refusal(
        "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { id } }", name=new_name()
    )

    message = (
        "Your access is limited to some VPPs, so you cannot create a VPP; ask an operator with access to all VPPs."
    )
    assert refusal == ("Unauthorized", None, message)


async def test_scoped_operator_cannot_create_a_park(api: Api, operator: Api) -> None:
    before = await api.execute("{ listParks { items { id } } }")

    refusal = await operator.refusal(
        """mutation ($name: String!) {
            createPark(input: {name: $name, timezone: "UTC", energyType: WIND}) { id }
        }""",
        name=new_name(),
    )

    message = "Access limited to some VPPs excludes parks; ask an operator with access to all VPPs to create them."
    assert refusal == ("Unauthorized", None, message)
    assert await api.execute("{ listParks { items { id } } }") == before


async def test_scoped_operator_sees_no_parks_and_no_readings(operator: Api) -> None:
    response = await operator.response("""{
        listParks { items { id } }
        listEnergyReadings { items { powerMw } }
        listParkDailyStats { items { date } }
        listEnergyTypeDailyStats { items { date } }
    }""")

    assert [page["items"] for page in response["data"].values()] == [[], [], [], []]


# For each attribute of VppObjects that can be created: the mutation, its input, and the noun of the error.
CREATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "site": (
        "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }",
        {"vppId": "OUR_VPP", "nmi": "9999999998", "address": "2 King St"},
        "site",
    ),
    "battery": (
        "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }",
        {"siteId": "OUR_SITE", "manufacturer": "T", "serial": "2", "capacityKwh": 1},
        "battery",
    ),
    "import_": (
        "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } } }",
        {"kind": "BATTERY_EVENTS", "fileName": "events.csv"},
        "import",
    ),
}


@pytest.mark.parametrize("attribute", CREATES)
async def test_create_with_an_out_of_scope_id_is_refused_without_detail(
    operator: Api, ours: VppObjects, theirs: VppObjects, attribute: str
) -> None:
    document, template, noun = CREATES[attribute]
    taken = getattr(theirs, attribute)
    input = {name: fill_in_ours(value, ours) if isinstance(value, str) else value for name, value in template.items()}

    refusal = await operator.refusal(document, input=input | {"id": taken})

    assert refusal == ("Conflict", ["input", "id"], f"The id {taken} already belongs to another {noun}.")


async def test_scoped_operator_may_change_objects_in_its_scope(operator: Api, ours: VppObjects) -> None:
    site_id = await operator.create_site(ours.vpp, capacity_kwh=3)
    listed = await operator.execute("query ($id: ID!) { getSite(id: $id) { batteries { id } } }", id=site_id)
    battery_id = listed["batteries"][0]["id"]

    changes = [
        ("UpdateVppInput", "updateVpp", {"id": ours.vpp, "dailyFeeAud": 0.5, "effectiveFrom": "2026-01-01"}),
        ("UpdateSiteInput", "updateSite", {"id": site_id, "address": "3 King St"}),
        ("AssignSiteInput", "assignSite", {"siteId": site_id, "vppId": ours.vpp}),
        ("UpdateBatteryInput", "updateBattery", {"id": battery_id, "capacityKwh": 4, "forAllTime": True}),
        ("RemoveBatteryInput", "removeBattery", {"id": battery_id, "forAllTime": True}),
        ("UnassignSiteInput", "unassignSite", {"siteId": site_id, "effectiveFrom": "9999-12-31"}),
        ("DeleteSiteInput", "deleteSite", {"id": site_id}),
    ]
    for kind, mutation, input in changes:
        await operator.execute(f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ id }} }}", input=input)

    assert await operator.execute("query ($id: ID!) { getSite(id: $id) { id } }", id=site_id) is None


async def test_operator_of_a_former_vpp_may_read_a_site_but_not_change_it(
    api: Api, theirs: VppObjects, moved: MovedSite
) -> None:
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
async def test_days_of_a_site_in_an_out_of_scope_vpp_cannot_be_changed(
    api: Api, operator: Api, ours: VppObjects, moved: MovedSite, effective_from: str | None
) -> None:
    battery = {"manufacturer": "Tesla", "serial": "3", "capacityKwh": 1}
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("AssignSiteInput", "assignSite", {"siteId": moved.site, "vppId": ours.vpp}),
        ("AddBatteryInput", "addBattery", {"siteId": moved.site, **battery}),
        ("UpdateBatteryInput", "updateBattery", {"id": moved.battery, "capacityKwh": 6}),
        ("RemoveBatteryInput", "removeBattery", {"id": moved.battery}),
    ]
    before = await snapshot(api)

    refusals = [
        await operator.refusal(
            f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ id }} }}",
            input=input | {"effectiveFrom": effective_from},
        )
        for kind, mutation, input in changes
    ]

    assert refusals == [("Conflict", ["input", "effectiveFrom"], OTHERS_DAYS)] * 4
    assert await snapshot(api) == before


async def test_site_can_be_changed_from_its_first_day_in_scope(operator: Api, moved: MovedSite) -> None:
    changed = await operator.execute(
        "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { capacityKwh } }",
        input={"id": moved.battery, "capacityKwh": 6, "effectiveFrom": "2025-09-16"},
    )

    assert changed == {"capacityKwh": 6}


async def test_import_of_a_scoped_operator_rejects_rows_of_sites_and_days_out_of_scope(
    operator: Api, ours: VppObjects, theirs: VppObjects, moved: MovedSite
) -> None:
    rows = [
        f"{ours.nmi},2025-10-01,DISCHARGE,1,10",
        f"{theirs.nmi},2025-10-01,DISCHARGE,1,10",
        f"{moved.nmi},2025-09-15,DISCHARGE,1,10",
        f"{moved.nmi},2025-09-16,DISCHARGE,1,10",
    ]

    imported = await operator.import_file(EVENTS_HEADER + "\n".join(rows))

    codes = [(rejection["lineNumber"], rejection["code"]) for rejection in imported["rejections"]["items"]]
    messages = [rejection["message"] for rejection in imported["rejections"]["items"]]
    assert (imported["status"], imported["rowsImported"], codes) == (
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


async def test_same_file_is_imported_by_each_operator_for_its_own_sites(
    api: Api, operator: Api, ours: VppObjects, theirs: VppObjects
) -> None:
    file = f"{EVENTS_HEADER}{ours.nmi},2025-11-01,DISCHARGE,1,10\n{theirs.nmi},2025-11-01,DISCHARGE,1,10\n"
    other = await api.as_role("OPERATOR", vppIds=[theirs.vpp])

    imports = [await client.import_file(file, duplicates="SKIP") for client in (other, operator, api)]

    counts = [
        (imported["status"], imported["rowsImported"], imported["rowsDuplicated"], imported["rowsRejected"])
        for imported in imports
    ]
    assert counts == [("COMPLETED", 1, 0, 1), ("COMPLETED", 1, 0, 1), ("COMPLETED", 0, 2, 0)]


async def test_reverting_an_import_makes_its_duplicates_in_other_imports_count(
    api: Api, operator: Api, ours: VppObjects
) -> None:
    row = f"{ours.nmi},2025-12-01,DISCHARGE,1,10\n"
    first = await operator.import_file(EVENTS_HEADER + row)
    second = await api.import_file(EVENTS_HEADER + row + "no,,,,\n", duplicates="SKIP")
    count = "query ($id: ID!) { getImport(id: $id) { rowsImported rowsDuplicated } }"
    before = await api.execute(count, id=second["id"])

    await operator.execute("mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }", id=first["id"])

    assert before == {"rowsImported": 0, "rowsDuplicated": 1}
    assert await api.execute(count, id=second["id"]) == {"rowsImported": 1, "rowsDuplicated": 0}


async def test_import_of_an_event_cannot_be_read_if_it_is_out_of_scope(operator: Api, moved: MovedSite) -> None:
    document = 'query ($id: ID!) { getSite(id: $id) { events(until: "2025-10-01") { items { import { id } } } } }'

    response = await operator.response(document, id=moved.site)

    (error, *_) = response["errors"]
    assert response["data"] == {"getSite": None}
    assert (error["errorType"], error["message"]) == (
        "Unauthorized",
        "Not Authorized to access import on type BatteryEvent",
    )
