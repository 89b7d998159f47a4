"""
Which role may use which field: the tests compare TABLE with every field of the schema and every role.

yes  the role may use the field
no   the field is null, with an error of the type Unauthorized
own  the role may use the field, for objects in the scope of the caller: see test_scope.py
all  the role may use the field, unless the caller is limited to some VPPs: see test_scope.py
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from db.engine.database import Database
from graph.embedded.servers import EmbeddedServers
from graph.schema import schema
from graph.web.server import Serving
from tests.fixtures.api import WAIT_S, Api, new_name, new_nmi
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
    Mutation.unassignSite             no      no      own       yes
    Mutation.deleteSite               no      no      own       yes
    Mutation.addBattery               no      no      own       yes
    Mutation.updateBattery            no      no      own       yes
    Mutation.removeBattery            no      no      own       yes
    Mutation.createImport             no      no      own       yes
    Mutation.startImport              no      no      own       yes
    Mutation.updateImport             no      no      own       yes
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
    BatteryCapacity.*                 own     own     own       yes
    BatteryEvent.*                    own     own     own       yes
    BatteryEvent.import               no      own     own       yes
    BatteryEventConnection.*          own     own     own       yes
    Import.*                          no      own     own       yes
    ImportConnection.*                no      own     own       yes
    ImportOverlap.*                   no      own     own       yes
    ImportWarning.*                   no      own     own       yes
    ImportRejectionCount.*            no      own     own       yes
    ImportReplacement.*               no      own     own       yes
    ImportRejection.*                 no      own     own       yes
    ImportRejectionConnection.*       no      own     own       yes
    ImportUpload.*                    no      no      own       yes
    RevenueReport.*                   own     own     own       yes
    RevenueReport.totals              no      own     own       yes
    RevenueReport.downloadUrl         no      own     own       yes
    RevenueReportConnection.*         own     own     own       yes
    RevenueTotals.*                   no      own     own       yes
    SpanTerms.*                       own     own     own       yes
    RevenueStatement.*                no      own     own       yes
    SiteLineItem.*                    own     own     own       yes
    SiteLineItemConnection.*          own     own     own       yes
    SettlementStep.*                  own     own     own       yes
    SpanStep.*                        own     own     own       yes
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
PERMISSIONS = {
    field: dict(zip(ROLES, permissions, strict=True))
    for field, *permissions in (line.split() for line in TABLE.splitlines()[2:] if line.strip())
}

# An operation that selects an object of each type; `…` stands for the field under test.
OPERATIONS = {
    "Query": "query { … }",
    "Mutation": "mutation { … }",
    "Vpp": '{ getVpp(id: "{vpp}") { … } }',
    "PriceSchedule": '{ getVpp(id: "{vpp}") { priceSchedules { … } } }',
    "VppConnection": "{ listVpps { … } }",
    "Site": '{ getSite(id: "{site}") { … } }',
    "SiteConnection": "{ listSites { … } }",
    "Membership": '{ getSite(id: "{site}") { memberships { … } } }',
    "Battery": '{ getBattery(id: "{battery}") { … } }',
    "BatteryCapacity": '{ getBattery(id: "{battery}") { capacities { … } } }',
    "BatteryEvent": '{ getSite(id: "{site}") { events { items { … } } } }',
    "BatteryEventConnection": '{ getSite(id: "{site}") { events { … } } }',
    "Import": '{ getImport(id: "{import}") { … } }',
    "ImportConnection": "{ listImports { … } }",
    "ImportOverlap": '{ getImport(id: "{import}") { overlaps { … } } }',
    "ImportWarning": '{ getImport(id: "{import}") { warnings { … } } }',
    "ImportRejectionCount": '{ getImport(id: "{import}") { rejectionCounts { … } } }',
    "ImportReplacement": '{ getImport(id: "{import}") { replacement { … } } }',
    "ImportRejection": '{ getImport(id: "{import}") { rejections { items { … } } } }',
    "ImportRejectionConnection": '{ getImport(id: "{import}") { rejections { … } } }',
    "ImportUpload": 'mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "a.csv"}) { … } }',
    "RevenueReport": '{ getRevenueReport(id: "{report}") { … } }',
    "RevenueReportConnection": "{ listRevenueReports { … } }",
    "RevenueTotals": '{ getRevenueReport(id: "{report}") { totals { … } } }',
    "SpanTerms": '{ getRevenueReport(id: "{report}") { terms { … } } }',
    "RevenueStatement": '{ simulateRevenueReport(input: {vppId: "{vpp}", month: "2025-09"}) { … } }',
    "SiteLineItem": '{ getRevenueReport(id: "{report}") { lineItems { items { … } } } }',
    "SiteLineItemConnection": '{ getRevenueReport(id: "{report}") { lineItems { … } } }',
    "SettlementStep": '{ getRevenueReport(id: "{report}") { lineItems { items { steps { … } } } } }',
    "SpanStep": '{ getRevenueReport(id: "{report}") { lineItems { items { steps { spans { … } } } } } }',
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
# The arguments of root fields, and of other fields that require some. An unknown id serves as well as a known one: the
# role is checked first.
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
    "createSite": 'input: {vppId: "{unknown}", nmi: "{nmi}", address: "1 King St"}',
    "assignSite": 'input: {siteId: "{unknown}", vppId: "{unknown}"}',
    "unassignSite": 'input: {siteId: "{unknown}", effectiveFrom: "2025-09-21"}',
    "addBattery": 'input: {siteId: "{unknown}", manufacturer: "Tesla", serial: "{new}", capacityKwh: 10}',
    "createImport": 'input: {kind: BATTERY_EVENTS, fileName: "a.csv"}',
    "updateImport": 'input: {id: "{unknown}", duplicates: COUNT}',
    "generateRevenueReport": 'input: {vppId: "{unknown}", month: "2025-09"}',
    "RevenueReport.lineItem": 'nmi: "{nmi}"',
    "getPark": 'id: "{park}"',
    "getParkByName": 'name: "a name"',
    "createPark": 'input: {name: "{new}", timezone: "Europe/Amsterdam", energyType: WIND}',
    "createApiKey": 'input: {name: "{new}", role: READER}',
    **dict.fromkeys(
        (
            *("updateVpp", "deleteVpp", "updateSite", "deleteSite", "updateBattery", "removeBattery"),
            *("startImport", "cancelImport", "revertImport", "updatePark", "revokeApiKey"),
        ),
        'input: {id: "{unknown}"}',
    ),
}


def fields() -> Iterator[tuple[str, str]]:
    """Yield every field of every object type of the schema, as the names of type and field."""
    for name, kind in schema._schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            yield from ((name, field) for field in kind.fields)


def permissions_of(type_: str, field: str) -> dict[str, str]:
    """Return the row of the table for a field, or else for all fields of its type."""
    return PERMISSIONS.get(f"{type_}.{field}") or PERMISSIONS[f"{type_}.*"]


@pytest_asyncio.fixture(scope="module")
async def objects(served_api: Api, servers: EmbeddedServers) -> dict[str, str]:
    """The ids of a VPP with a site, a battery, events, rejections and a report, and of a park with a reading."""
    api, nmi = served_api, new_nmi()
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=10)
    imported = await api.import_file(f"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{nmi},2025-09-01,DISCHARGE,10,25\nno,,,,\n")
    report = await api.settle_month(vpp_id, "2025-09")
    assert (imported["rowsImported"], imported["rowsRejected"], report["status"]) == (1, 1, "READY")
    park_id = await api.create_park()
    database = Database(servers.database_url)
    await store_readings(database, park_id, readings("Europe/Amsterdam", "2025-09-01", [1]))
    await database.close()
    return {
        "vpp": vpp_id,
        "site": site_id,
        "nmi": nmi,
        "battery": battery_id,
        "import": imported["id"],
        "report": report["id"],
        "park": park_id,
    }


@pytest_asyncio.fixture(scope="module")
async def callers(served_api: Api, objects: dict[str, str]) -> dict[str, Api]:
    scopes = {"MEMBER": {"siteIds": [objects["site"]]}}
    return {role: await served_api.as_role(role, **scopes.get(role, {})) for role in ROLES}


def operation_for(type_: str, field: str, objects: dict[str, str]) -> str:
    """Return an operation that selects a field of a type."""
    parent = schema._schema.type_map[type_]
    assert isinstance(parent, GraphQLObjectType)
    named_type = get_named_type(parent.fields[field].type)
    key = field if type_ in ("Query", "Mutation") else f"{type_}.{field}"
    arguments = f"({ARGUMENTS[key]})" if key in ARGUMENTS else ""
    selection = "" if is_leaf_type(named_type) else " { __typename }"
    text = OPERATIONS[type_].replace("…", f"{field}{arguments}{selection}")
    for name, value in {**objects, "unknown": str(uuid4()), "new": new_name()}.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_table_covers_every_field_of_the_schema_and_no_other() -> None:
    rows = {f"{type_}.{field}" for type_, field in fields()} | {f"{type_}.*" for type_, _ in fields()}

    assert set(PERMISSIONS) <= rows
    assert all(permissions_of(type_, field) for type_, field in fields())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("type_", "field"), [(type_, field) for type_, field in fields() if type_ != "Subscription"])
async def test_role_may_use_the_fields_that_the_table_allows(
    callers: dict[str, Api], objects: dict[str, str], type_: str, field: str, role: str
) -> None:
    response = await callers[role].response(operation_for(type_, field, objects))

    denials = [error for error in response.get("errors", []) if error["errorType"] == "Unauthorized"]
    assert bool(denials) == (permissions_of(type_, field)[role] == "no"), response
    assert all(error["message"].startswith("Not Authorized to access ") for error in denials)


async def test_denied_field_is_null_beside_the_other_fields(callers: dict[str, Api], objects: dict[str, str]) -> None:
    document = "query ($id: ID!) { getRevenueReport(id: $id) { month totals { siteTotalAud } } }"

    response = await callers["MEMBER"].response(document, id=objects["report"])

    assert response == {
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


async def test_denied_mutation_has_no_effect(served_api: Api, callers: dict[str, Api]) -> None:
    name = new_name()

    response = await callers["READER"].response(
        "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { id } }", name=name
    )

    assert response["data"] == {"createVpp": None}
    assert await served_api.execute("query ($name: String!) { getVppByName(name: $name) { id } }", name=name) is None


async def first_event(api_server: Serving, caller: Api, document: str) -> Any:
    """Subscribe by server-sent events, and return the first event."""
    headers = {"x-api-key": caller.key, "accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=api_server.url, timeout=WAIT_S) as client,
        client.stream("POST", "/graphql", json={"query": document}, headers=headers) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                return json.loads(line.removeprefix("data: "))
    raise AssertionError("The subscription ended without an event.")


def subscriptions(objects: dict[str, Any]) -> dict[str, str]:
    return {
        "onImportProgress": f'subscription {{ onImportProgress(id: "{objects["import"]}") {{ id }} }}',
        "onRevenueReport": f'subscription {{ onRevenueReport(id: "{objects["report"]}") {{ id }} }}',
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("field", ["onImportProgress", "onRevenueReport"])
async def test_role_may_use_the_subscriptions_that_the_table_allows(
    api_server: Serving, callers: dict[str, Api], objects: dict[str, str], field: str, role: str
) -> None:
    first = await first_event(api_server, callers[role], subscriptions(objects)[field])

    denied = [error["errorType"] for error in first.get("errors", [])]
    assert denied == (["Unauthorized"] if permissions_of("Subscription", field)[role] == "no" else [])
