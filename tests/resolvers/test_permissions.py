"""
Who may have what. The table below is held against every field of the schema and every role.

`own` is what a MEMBER's sites, and a READER's or OPERATOR's VPPs, let through: see test_reach.py for what that is.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, is_leaf_type

from db.engine.database import Database
from graph.embedded.servers import EmbeddedServers
from graph.schema import schema
from graph.web.server import Serving
from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.readings import readings, store_readings

ROLES = ("MEMBER", "READER", "OPERATOR", "ADMIN")
TABLE = """
    field                             MEMBER  READER  OPERATOR  ADMIN

    Query.getVpp                      own     own     own       yes
    Query.getVppByName                own     own     own       yes
    Query.listVpps                    own     own     own       yes
    Query.getSite                     own     own     own       yes
    Query.getSiteByNmi                own     own     own       yes
    Query.listSites                   own     own     own       yes
    Query.getBattery                  own     own     own       yes
    Query.getImport                   no      own     own       yes
    Query.listImports                 no      own     own       yes
    Query.getRevenueReport            own     own     own       yes
    Query.getLatestRevenueReport      own     own     own       yes
    Query.listRevenueReports          own     own     own       yes
    Query.simulateRevenueReport       no      own     own       yes
    Query.getPark                     no      own     own       yes
    Query.getParkByName               no      own     own       yes
    Query.listParks                   no      own     own       yes
    Query.listEnergyReadings          no      own     own       yes
    Query.listParkDailyStats          no      own     own       yes
    Query.listEnergyTypeDailyStats    no      own     own       yes
    Query.getCaller                   yes     yes     yes       yes
    Query.listApiKeys                 no      no      no        yes
    Query.listAuditEntries            no      no      no        yes

    Mutation.createVpp                no      no      all       yes
    Mutation.updateVpp                no      no      own       yes
    Mutation.deleteVpp                no      no      own       yes
    Mutation.createSite               no      no      own       yes
    Mutation.updateSite               no      no      own       yes
    Mutation.assignSite               no      no      own       yes
    Mutation.deleteSite               no      no      own       yes
    Mutation.addBattery               no      no      own       yes
    Mutation.updateBattery            no      no      own       yes
    Mutation.removeBattery            no      no      own       yes
    Mutation.createImport             no      no      own       yes
    Mutation.startImport              no      no      own       yes
    Mutation.cancelImport             no      no      own       yes
    Mutation.revertImport             no      no      own       yes
    Mutation.generateRevenueReport    no      no      own       yes
    Mutation.createPark               no      no      all       yes
    Mutation.updatePark               no      no      own       yes
    Mutation.createApiKey             no      no      no        yes
    Mutation.revokeApiKey             no      no      no        yes

    Subscription.onImportProgress     no      own     own       yes
    Subscription.onRevenueReport      own     own     own       yes

    Vpp.*                             own     own     own       yes
    PriceSchedule.*                   own     own     own       yes
    VppConnection.*                   own     own     own       yes
    Site.*                            own     own     own       yes
    SiteConnection.*                  own     own     own       yes
    Membership.*                      own     own     own       yes
    Battery.*                         own     own     own       yes
    BatteryEvent.*                    own     own     own       yes
    BatteryEvent.import               no      own     own       yes
    BatteryEventConnection.*          own     own     own       yes
    Import.*                          no      own     own       yes
    ImportConnection.*                no      own     own       yes
    ImportRejection.*                 no      own     own       yes
    ImportRejectionConnection.*       no      own     own       yes
    ImportUpload.*                    no      no      own       yes
    RevenueReport.*                   own     own     own       yes
    RevenueReport.totals              no      own     own       yes
    RevenueReport.downloadUrl         no      own     own       yes
    RevenueReportConnection.*         own     own     own       yes
    RevenueTotals.*                   no      own     own       yes
    RevenueStatement.*                no      own     own       yes
    SiteLineItem.*                    own     own     own       yes
    SiteLineItemConnection.*          own     own     own       yes
    Park.*                            no      own     own       yes
    ParkConnection.*                  no      own     own       yes
    EnergyReading.*                   no      own     own       yes
    EnergyReadingConnection.*         no      own     own       yes
    ParkDailyStats.*                  no      own     own       yes
    ParkDailyStatsConnection.*        no      own     own       yes
    EnergyTypeDailyStats.*            no      own     own       yes
    EnergyTypeDailyStatsConnection.*  no      own     own       yes
    Caller.*                          yes     yes     yes       yes
    ApiKey.*                          no      no      no        yes
    ApiKeyConnection.*                no      no      no        yes
    ApiKeyWithSecret.*                no      no      no        yes
    AuditEntry.*                      no      no      no        yes
    AuditEntryConnection.*            no      no      no        yes
"""
MAY = {
    field: dict(zip(ROLES, may, strict=True))
    for field, *may in (line.split() for line in TABLE.splitlines()[2:] if line.strip())
}

# How to get at an object of each type, with `…` for a field of it.
WAYS = {
    "Query": "query { … }",
    "Mutation": "mutation { … }",
    "Vpp": '{ getVpp(id: "{vpp}") { … } }',
    "PriceSchedule": '{ getVpp(id: "{vpp}") { priceSchedules { … } } }',
    "VppConnection": "{ listVpps { … } }",
    "Site": '{ getSite(id: "{site}") { … } }',
    "SiteConnection": "{ listSites { … } }",
    "Membership": '{ getSite(id: "{site}") { memberships { … } } }',
    "Battery": '{ getBattery(id: "{battery}") { … } }',
    "BatteryEvent": '{ getSite(id: "{site}") { events { items { … } } } }',
    "BatteryEventConnection": '{ getSite(id: "{site}") { events { … } } }',
    "Import": '{ getImport(id: "{import}") { … } }',
    "ImportConnection": "{ listImports { … } }",
    "ImportRejection": '{ getImport(id: "{import}") { rejections { items { … } } } }',
    "ImportRejectionConnection": '{ getImport(id: "{import}") { rejections { … } } }',
    "ImportUpload": 'mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "a.csv"}) { … } }',
    "RevenueReport": '{ getRevenueReport(id: "{report}") { … } }',
    "RevenueReportConnection": "{ listRevenueReports { … } }",
    "RevenueTotals": '{ getRevenueReport(id: "{report}") { totals { … } } }',
    "RevenueStatement": '{ simulateRevenueReport(input: {vppId: "{vpp}", month: "2025-09"}) { … } }',
    "SiteLineItem": '{ getRevenueReport(id: "{report}") { lineItems { items { … } } } }',
    "SiteLineItemConnection": '{ getRevenueReport(id: "{report}") { lineItems { … } } }',
    "Park": '{ getPark(id: "{park}") { … } }',
    "ParkConnection": "{ listParks { … } }",
    "EnergyReading": "{ listEnergyReadings { items { … } } }",
    "EnergyReadingConnection": "{ listEnergyReadings { … } }",
    "ParkDailyStats": "{ listParkDailyStats { items { … } } }",
    "ParkDailyStatsConnection": "{ listParkDailyStats { … } }",
    "EnergyTypeDailyStats": "{ listEnergyTypeDailyStats { items { … } } }",
    "EnergyTypeDailyStatsConnection": "{ listEnergyTypeDailyStats { … } }",
    "Caller": "{ getCaller { … } }",
    "ApiKey": "{ listApiKeys { items { … } } }",
    "ApiKeyConnection": "{ listApiKeys { … } }",
    "AuditEntry": "{ listAuditEntries { items { … } } }",
    "AuditEntryConnection": "{ listAuditEntries { … } }",
    "ApiKeyWithSecret": 'mutation { createApiKey(input: {name: "another", role: READER}) { … } }',
}
# What the fields of the roots are asked with. What is not there is as good as what is: it is found out later.
ARGUMENTS = {
    "getVpp": 'id: "{vpp}"',
    "getVppByName": 'name: "a name"',
    "getSite": 'id: "{site}"',
    "getSiteByNmi": 'nmi: "{nmi}"',
    "getBattery": 'id: "{battery}"',
    "getImport": 'id: "{import}"',
    "getRevenueReport": 'id: "{report}"',
    "getLatestRevenueReport": 'vppId: "{vpp}", month: "2025-09"',
    "simulateRevenueReport": 'input: {vppId: "{vpp}", month: "2025-09"}',
    "createVpp": 'input: {name: "{new}", revenuePercentage: 20}',
    "createSite": 'input: {vppId: "{nothing}", nmi: "{nmi}", address: "1 King St"}',
    "assignSite": 'input: {siteId: "{nothing}", vppId: "{nothing}"}',
    "addBattery": 'input: {siteId: "{nothing}", manufacturer: "Tesla", serial: "{new}", capacityKwh: 10}',
    "createImport": 'input: {kind: BATTERY_EVENTS, fileName: "a.csv"}',
    "generateRevenueReport": 'input: {vppId: "{nothing}", month: "2025-09"}',
    "getPark": 'id: "{park}"',
    "getParkByName": 'name: "a name"',
    "createPark": 'input: {name: "{new}", timezone: "Europe/Amsterdam", energyType: WIND}',
    "createApiKey": 'input: {name: "{new}", role: READER}',
    **dict.fromkeys(
        (
            *("updateVpp", "deleteVpp", "updateSite", "deleteSite", "updateBattery", "removeBattery"),
            *("startImport", "cancelImport", "revertImport", "updatePark", "revokeApiKey"),
        ),
        'input: {id: "{nothing}"}',
    ),
}


def fields() -> Iterator[tuple[str, str]]:
    """Every field of the schema that can be asked for, by its type."""
    for name, kind in schema._schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            yield from ((name, field) for field in kind.fields)


def row(type_: str, field: str) -> dict[str, str]:
    return MAY.get(f"{type_}.{field}") or MAY[f"{type_}.*"]


@pytest_asyncio.fixture(scope="module")
async def estate(served_api: Api, servers: EmbeddedServers) -> dict[str, str]:
    """A VPP with a site, a battery, events, rejections and a report, and a park with a reading."""
    api, nmi = served_api, new_nmi()
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=10)
    done = await api.import_file(f"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{nmi},2025-09-01,DISCHARGE,10,25\nno,,,,\n")
    report = await api.settle_month(vpp_id, "2025-09")
    assert (done["rowsImported"], done["rowsRejected"], report["status"]) == (1, 1, "READY")
    park_id = await api.create_park()
    database = Database(servers.database_url)
    await store_readings(database, park_id, readings("Europe/Amsterdam", "2025-09-01", [1]))
    await database.close()
    return {
        "vpp": vpp_id,
        "site": site_id,
        "nmi": nmi,
        "battery": battery_id,
        "import": done["id"],
        "report": report["id"],
        "park": park_id,
    }


@pytest_asyncio.fixture(scope="module")
async def callers(served_api: Api, estate: dict[str, str]) -> dict[str, Api]:
    held_to = {"MEMBER": {"siteIds": [estate["site"]]}}
    return {role: await served_api.as_role(role, **held_to.get(role, {})) for role in ROLES}


def document(type_: str, field: str, estate: dict[str, str]) -> str:
    kind = schema._schema.type_map[type_]
    assert isinstance(kind, GraphQLObjectType)
    asked = kind.fields[field].type
    while hasattr(asked, "of_type"):
        asked = asked.of_type
    arguments = f"({ARGUMENTS[field]})" if field in ARGUMENTS and type_ in ("Query", "Mutation") else ""
    text = WAYS[type_].replace("…", f"{field}{arguments}" + ("" if is_leaf_type(asked) else " { __typename }"))
    for name, value in {**estate, "nothing": str(uuid4()), "new": new_name()}.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_the_table_has_every_field_of_the_schema_and_no_other() -> None:
    of_schema = {f"{type_}.{field}" for type_, field in fields()} | {f"{type_}.*" for type_, _ in fields()}

    assert set(MAY) <= of_schema
    assert all(row(type_, field) for type_, field in fields())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("type_", "field"), [(type_, field) for type_, field in fields() if type_ != "Subscription"])
async def test_a_role_has_what_the_table_says(
    callers: dict[str, Api], estate: dict[str, str], type_: str, field: str, role: str
) -> None:
    answer = await callers[role].response(document(type_, field, estate))

    denials = [error for error in answer.get("errors", []) if error["errorType"] == "Unauthorized"]
    assert bool(denials) == (row(type_, field)[role] == "no"), answer
    assert all(error["message"].startswith("Not Authorized to access ") for error in denials)


async def test_a_denied_field_is_null_and_the_rest_is_answered(callers: dict[str, Api], estate: dict[str, str]) -> None:
    document = "query ($id: ID!) { getRevenueReport(id: $id) { month totals { siteTotalAud } } }"

    answer = await callers["MEMBER"].response(document, id=estate["report"])

    assert answer == {
        "data": {"getRevenueReport": {"month": "2025-09", "totals": None}},
        "errors": [
            {
                "message": "Not Authorized to access totals on type RevenueReport",
                "errorType": "Unauthorized",
                "errorInfo": None,
                "data": None,
                "path": ["getRevenueReport", "totals"],
                "locations": [{"line": 1, "column": 54}],
            }
        ],
    }


async def test_what_a_denied_mutation_would_have_done_is_not_done(served_api: Api, callers: dict[str, Api]) -> None:
    name = new_name()

    answer = await callers["READER"].response(
        "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { id } }", name=name
    )

    assert answer["data"] == {"createVpp": None}
    assert await served_api.execute("query ($name: String!) { getVppByName(name: $name) { id } }", name=name) is None


async def first_told(api_server: Serving, caller: Api, document: str) -> Any:
    """Subscribe, and return the first that is told."""
    headers = {"x-api-key": caller.key, "accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=api_server.url) as client,
        client.stream("POST", "/graphql", json={"query": document}, headers=headers) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                return json.loads(line.removeprefix("data: "))
    raise AssertionError("nothing was told")


def subscriptions(estate: dict[str, Any]) -> dict[str, str]:
    return {
        "onImportProgress": f'subscription {{ onImportProgress(id: "{estate["import"]}") {{ id }} }}',
        "onRevenueReport": f'subscription {{ onRevenueReport(id: "{estate["report"]}") {{ id }} }}',
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("field", ["onImportProgress", "onRevenueReport"])
async def test_a_role_may_subscribe_to_what_the_table_says(
    api_server: Serving, callers: dict[str, Api], estate: dict[str, str], field: str, role: str
) -> None:
    first = await first_told(api_server, callers[role], subscriptions(estate)[field])

    denied = [error["errorType"] for error in first.get("errors", [])]
    assert denied == (["Unauthorized"] if row("Subscription", field)[role] == "no" else [])
