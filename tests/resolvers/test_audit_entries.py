import asyncio
import hashlib
import json
import os
import sys
from asyncio.subprocess import PIPE
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLObjectType
from sqlalchemy import select, text

import db.imports
import db.vpps
from db.engine.database import Database
from graph.schema import schema
from tests.fixtures.api import Api, new_name, new_nmi

LIST = """query ($filter: AuditEntryFilterInput) { listAuditEntries(filter: $filter, limit: 200) { items {
    at authType callerName apiKeyId requestId action objectType objectId old new
} } }"""
CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id prefix } secret } }"
CREATE_VPP = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"
DELETE_VPP = "mutation ($id: ID!) { deleteVpp(input: {id: $id}) { id } }"
CREATE_SITE = "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }"
UPDATE_SITE = "mutation ($input: UpdateSiteInput!) { updateSite(input: $input) { id } }"
ASSIGN_SITE = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"
UNASSIGN_SITE = "mutation ($input: UnassignSiteInput!) { unassignSite(input: $input) { id } }"
DELETE_SITE = "mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }"
ADD_BATTERY = "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }"
UPDATE_BATTERY = "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { id } }"
REMOVE_BATTERY = "mutation ($input: RemoveBatteryInput!) { removeBattery(input: $input) { id } }"
CREATE_IMPORT = "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } } }"
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"
CANCEL = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { status } }"
REVERT = "mutation ($id: ID!) { revertImport(input: {id: $id}) { status } }"
DECIDE = "mutation ($id: ID!) { updateImport(input: {id: $id, duplicates: COUNT}) { id } }"
GENERATE = "mutation ($input: GenerateRevenueReportInput!) { generateRevenueReport(input: $input) { id } }"
CREATE_PARK = "mutation ($input: CreateParkInput!) { createPark(input: $input) { id } }"
UPDATE_PARK = "mutation ($input: UpdateParkInput!) { updatePark(input: $input) { id } }"
REVOKE_KEY = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }"

ALWAYS = {"effectiveFrom": None, "effectiveUntil": None}
UNTIL_JULY = {"effectiveFrom": None, "effectiveUntil": "2025-07-01"}
FROM_JULY = {"effectiveFrom": "2025-07-01", "effectiveUntil": None}
HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
WAITS_FOR_A_LOCK = text("1 from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) <> '{}'")


async def entries(api: Api, **filter: Any) -> list[Any]:
    """Return the audit entries that match a filter, oldest first."""
    listed = await api.execute(LIST, filter=filter)
    return list(reversed(listed["items"]))


async def history(api: Api, object_id: str) -> list[tuple[str, Any, Any]]:
    """Return the entries of an object, oldest first: the action, and the object before and after it."""
    return [
        (entry["action"], entry["old"] and json.loads(entry["old"]), entry["new"] and json.loads(entry["new"]))
        for entry in await entries(api, objectId=object_id)
    ]


async def create_key(api: Api, **input: Any) -> Any:
    return await api.execute(CREATE_KEY, input={"name": new_name(), "role": "OPERATOR"} | input)


async def send(api: Api, secret: str, document: str, **variables: Any) -> Any:
    """Send an operation with a key, and return the response."""
    body = {"query": document, "variables": variables}
    return await api.client.post("/graphql", json=body, headers={"x-api-key": secret})


async def test_entry_names_the_caller_and_the_request(api: Api) -> None:
    name = new_name()
    key = await create_key(api, name=name)

    response = await send(
        api, key["secret"], CREATE_VPP, input={"name": new_name(), "revenuePercentage": 20, "dailyFeeAud": 0.3}
    )

    (entry,) = await entries(api, objectId=response.json()["data"]["createVpp"]["id"])
    assert {field: entry[field] for field in ("authType", "callerName", "apiKeyId", "requestId", "objectType")} == {
        "authType": "API_KEY",
        "callerName": name,
        "apiKeyId": key["apiKey"]["id"],
        "requestId": response.headers["x-amzn-requestid"],
        "objectType": "Vpp",
    }


async def test_entry_of_the_bootstrap_key_has_a_caller_name_and_no_key_id(api: Api) -> None:
    (entry,) = await entries(api, objectId=await api.create_vpp())

    assert (entry["authType"], entry["callerName"], entry["apiKeyId"]) == ("API_KEY", "bootstrap", None)


async def test_changes_of_a_vpp_are_audited(api: Api) -> None:
    name, renamed = new_name(), new_name()
    vpp_id = await api.create_vpp(name=name, percentage=33.3, daily_fee=0.3)

    await api.execute(UPDATE_VPP, input={"id": vpp_id, "name": renamed})
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 25, "effectiveFrom": "2025-07-01"})
    await api.execute(DELETE_VPP, id=vpp_id)

    terms = {"revenuePercentage": 33.3, "dailyFeeAud": 0.3}
    created = {"name": name, "priceSchedules": [terms | ALWAYS]}
    later = [terms | UNTIL_JULY, terms | {"revenuePercentage": 25} | FROM_JULY]
    assert await history(api, vpp_id) == [
        ("createVpp", None, created),
        ("updateVpp", created, created | {"name": renamed}),
        ("updateVpp", created | {"name": renamed}, {"name": renamed, "priceSchedules": later}),
        ("deleteVpp", {"name": renamed, "priceSchedules": later}, None),
    ]


async def test_changes_of_a_site_are_audited(api: Api) -> None:
    vpp_id, other_id, nmi = await api.create_vpp(), await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=nmi)

    await api.execute(UPDATE_SITE, input={"id": site_id, "address": "2 King St"})
    await api.execute(ASSIGN_SITE, input={"siteId": site_id, "vppId": other_id, "effectiveFrom": "2025-07-01"})
    await api.execute(UNASSIGN_SITE, input={"siteId": site_id, "effectiveFrom": "2025-07-31"})
    await api.execute(UNASSIGN_SITE, input={"siteId": site_id, "effectiveFrom": "2025-07-31"})
    await api.execute(DELETE_SITE, id=site_id)

    created = {"nmi": nmi, "address": "1 King St", "memberships": [{"vppId": vpp_id} | ALWAYS]}
    moved = created | {"address": "2 King St"}
    joined = moved | {"memberships": [{"vppId": vpp_id} | UNTIL_JULY, {"vppId": other_id} | FROM_JULY]}
    last = {"vppId": other_id} | FROM_JULY | {"effectiveUntil": "2025-07-31"}
    left = moved | {"memberships": [{"vppId": vpp_id} | UNTIL_JULY, last]}
    assert await history(api, site_id) == [
        ("createSite", None, created),
        ("updateSite", created, moved),
        ("assignSite", moved, joined),
        ("unassignSite", joined, left),
        ("deleteSite", left, None),
    ]


async def test_changes_of_a_battery_are_audited(api: Api) -> None:
    site_id, serial = await api.create_site(await api.create_vpp()), new_name()
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5, serial=serial)
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "manufacturer": "Sonnen"})
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "capacityKwh": 20, "effectiveFrom": "2025-07-01"})
    await api.execute(REMOVE_BATTERY, input={"id": battery_id, "effectiveFrom": "2025-07-31"})
    await api.execute(REMOVE_BATTERY, input={"id": battery_id, "forAllTime": True})

    created: dict[str, Any] = {"siteId": site_id, "manufacturer": "Tesla", "serial": serial} | ALWAYS
    created |= {"capacities": [{"capacityKwh": 13.5} | ALWAYS]}
    renamed = created | {"manufacturer": "Sonnen"}
    extended = renamed | {"capacities": [{"capacityKwh": 13.5} | UNTIL_JULY, {"capacityKwh": 20} | FROM_JULY]}
    until = {"effectiveUntil": "2025-07-31"}
    removed = extended | until
    removed |= {"capacities": [{"capacityKwh": 13.5} | UNTIL_JULY, {"capacityKwh": 20} | FROM_JULY | until]}
    assert await history(api, battery_id) == [
        ("addBattery", None, created),
        ("updateBattery", created, renamed),
        ("updateBattery", renamed, extended),
        ("removeBattery", extended, removed),
        ("removeBattery", removed, None),
    ]


async def test_deleting_a_site_audits_the_deletion_of_its_batteries(api: Api) -> None:
    site_id = await api.create_site(await api.create_vpp())
    battery_ids = [await api.add_battery(site_id, capacity_kwh=size) for size in (13.5, 10)]

    await api.execute(DELETE_SITE, id=site_id)

    last = [(await history(api, battery_id))[-1] for battery_id in battery_ids]
    assert [(action, old["capacities"][0]["capacityKwh"], new) for action, old, new in last] == [
        ("deleteSite", 13.5, None),
        ("deleteSite", 10, None),
    ]


async def test_changes_of_an_import_by_callers_are_audited_but_not_those_by_workers(api: Api, worker: None) -> None:
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi)
    imported = await api.import_file(f"{HEADER}{nmi},2025-09-01,DISCHARGE,1,10\n{nmi},2025-09-32,DISCHARGE,1,10\n")

    await api.execute(REVERT, id=imported["id"])

    created: dict[str, Any] = {
        "kind": "BATTERY_EVENTS",
        "status": "AWAITING_UPLOAD",
        "fileName": "events.csv",
        "chargeTariff": "COST",
    }
    created |= {"rowsRead": 0, "rowsImported": 0, "rowsDuplicated": 0, "rowsRejected": 0, "duplicates": "ASK"}
    completed = created | {"status": "COMPLETED", "rowsRead": 2, "rowsImported": 1, "rowsRejected": 1}
    assert await history(api, imported["id"]) == [
        ("createImport", None, created),
        ("startImport", created, created | {"status": "QUEUED"}),
        ("revertImport", completed, completed | {"status": "REVERTED"}),
    ]


async def test_entry_of_a_readings_import_names_the_park(api: Api) -> None:
    park_id = await api.create_park()

    upload = await api.execute(
        CREATE_IMPORT, input={"kind": "PARK_READINGS", "fileName": "readings.csv", "parkId": park_id}
    )

    ((_, _, new),) = await history(api, upload["import"]["id"])
    assert (new["kind"], new["parkId"]) == ("PARK_READINGS", park_id)


async def test_request_for_a_report_is_audited_but_not_its_settlement(api: Api, worker: None) -> None:
    vpp_id = await api.create_vpp()
    first = await api.settle_month(vpp_id, "2025-09")
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 25, "forAllTime": True})
    second = await api.settle_month(vpp_id, "2025-09")

    histories = [await history(api, report["id"]) for report in (first, second)]

    pending = {"vppId": vpp_id, "month": "2025-09", "status": "PENDING"}
    assert histories == [
        [("generateRevenueReport", None, pending | {"revision": 1})],
        [("generateRevenueReport", None, pending | {"revision": 2})],
    ]


async def test_changes_of_a_park_are_audited(api: Api) -> None:
    name = new_name()
    park_id = await api.create_park(name=name, timezone="Europe/Amsterdam", energy_type="WIND")

    await api.execute(UPDATE_PARK, input={"id": park_id, "timezone": "Europe/Volgograd", "energyType": "SOLAR"})

    created = {"name": name, "timezone": "Europe/Amsterdam", "energyType": "WIND"}
    assert await history(api, park_id) == [
        ("createPark", None, created),
        ("updatePark", created, {"name": name, "timezone": "Europe/Volgograd", "energyType": "SOLAR"}),
    ]


async def test_changes_of_a_key_are_audited_without_its_secret(api: Api, database: Database) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    key = await create_key(api, name=name, vppIds=[vpp_id], expiresAt="9000-01-01T10:00+10:00")

    await api.execute(REVOKE_KEY, id=key["apiKey"]["id"])

    (create_action, nothing, created_key), (revoke_action, old, new) = await history(api, key["apiKey"]["id"])
    assert (create_action, nothing, created_key) == (
        "createApiKey",
        None,
        {
            "name": name,
            "prefix": key["apiKey"]["prefix"],
            "role": "OPERATOR",
            "vppIds": [vpp_id],
            "siteIds": None,
            "expiresAt": "9000-01-01T00:00:00.000Z",
            "revokedAt": None,
        },
    )
    assert (revoke_action, old, new) == ("revokeApiKey", created_key, created_key | {"revokedAt": new["revokedAt"]})
    assert new["revokedAt"] is not None
    all_entries = " ".join(row[0] for row in await database.rows(text("select audit_entries::text from audit_entries")))
    assert key["apiKey"]["prefix"] in all_entries
    assert key["secret"][12:] not in all_entries
    assert hashlib.sha256(key["secret"].encode()).hexdigest() not in all_entries


async def test_every_mutation_is_audited(api: Api, worker: None) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)
    imported = await api.import_file(f"{HEADER}{nmi},2025-10-01,DISCHARGE,1,10\n")
    key = await create_key(api)
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "name": new_name()})
    await api.execute(UPDATE_SITE, input={"id": site_id, "address": "2 King St"})
    await api.execute(ASSIGN_SITE, input={"siteId": site_id, "vppId": await api.create_vpp()})
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "serial": new_name()})
    await api.execute(REMOVE_BATTERY, input={"id": battery_id})
    await api.execute(DECIDE, id=imported["id"])
    await api.execute(REVERT, id=imported["id"])
    await api.execute(CANCEL, id=await api.upload(HEADER))
    await api.execute(GENERATE, input={"vppId": vpp_id, "month": "2025-10"})
    await api.execute(UPDATE_PARK, input={"id": await api.create_park(), "name": new_name()})
    await api.execute(REVOKE_KEY, id=key["apiKey"]["id"])
    await api.execute(DELETE_VPP, id=await api.create_vpp())
    await api.execute(DELETE_SITE, id=await api.create_site(vpp_id))

    audited = {entry["action"] for entry in (await api.execute(LIST))["items"]}

    mutations = schema._schema.mutation_type
    assert isinstance(mutations, GraphQLObjectType)
    assert audited == set(mutations.fields)


async def test_mutations_without_effect_are_not_audited(api: Api, worker: None) -> None:
    vpp_id, site_id, battery_id, import_id, park_id = (str(uuid4()) for _ in range(5))
    nmi = new_nmi()
    creates = [
        (CREATE_VPP, {"id": vpp_id, "name": new_name(), "revenuePercentage": 20}),
        (CREATE_SITE, {"id": site_id, "vppId": vpp_id, "nmi": nmi, "address": "1 King St"}),
        (ADD_BATTERY, {"id": battery_id, "siteId": site_id, "manufacturer": "A", "serial": "1", "capacityKwh": 10}),
        (CREATE_IMPORT, {"id": import_id, "kind": "BATTERY_EVENTS", "fileName": "events.csv"}),
        (CREATE_PARK, {"id": park_id, "name": new_name(), "timezone": "UTC", "energyType": "WIND"}),
    ]
    for document, input in creates:
        await api.execute(document, input=input)
    imported = await api.import_file(f"{HEADER}{nmi},2025-09-01,CHARGE,1,1\n")
    await api.settle_month(vpp_id, "2025-09")
    key = await create_key(api)
    await api.execute(REVOKE_KEY, id=key["apiKey"]["id"])
    await api.execute(CREATE_IMPORT, input=creates[3][1])
    await api.execute(CANCEL, id=import_id)
    before = await entries(api)

    for document, input in creates[:3]:
        await api.execute(document, input=input)
    await api.execute(CREATE_PARK, input=creates[4][1])
    await api.execute(UPDATE_PARK, input={"id": park_id, "timezone": "UTC", "energyType": "WIND"})
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "revenuePercentage": 20.0, "dailyFeeAud": 0})
    await api.execute(UPDATE_SITE, input={"id": site_id, "address": " 1 King St"})
    await api.execute(ASSIGN_SITE, input={"siteId": site_id, "vppId": vpp_id})
    await api.execute(UPDATE_BATTERY, input={"id": battery_id, "capacityKwh": 10})
    await api.execute(START, id=imported["id"])
    await api.execute(CANCEL, id=import_id)
    await api.execute(GENERATE, input={"vppId": vpp_id, "month": "2025-09"})
    await api.execute(REVOKE_KEY, id=key["apiKey"]["id"])

    assert await entries(api) == before


async def test_refused_mutations_are_not_audited(api: Api) -> None:
    vpp_id, taken = await api.create_vpp(), new_name()
    await api.create_vpp(name=taken)
    site_id = await api.create_site(vpp_id, capacity_kwh=10)
    import_id = await api.upload(HEADER)
    reader = await create_key(api, role="READER")
    before = await entries(api)

    refusals = [
        await api.refusal(CREATE_VPP, input={"name": taken, "revenuePercentage": 20}),
        # The statement that changes the name is rolled back when the fee is refused.
        await api.refusal(UPDATE_VPP, input={"id": vpp_id, "name": new_name(), "dailyFeeAud": -1}),
        await api.refusal(UPDATE_VPP, input={"id": str(uuid4()), "name": new_name()}),
        await api.refusal(DELETE_VPP, id=vpp_id),
        await api.refusal(ASSIGN_SITE, input={"siteId": site_id, "vppId": str(uuid4())}),
        await api.refusal(REVERT, id=import_id),
        await api.refusal(GENERATE, input={"vppId": str(uuid4()), "month": "2025-09"}),
        await api.refusal(REVOKE_KEY, id=str(uuid4())),
    ]
    refused = await send(api, reader["secret"], UPDATE_SITE, input={"id": site_id, "address": "2 King St"})

    assert [kind for kind, _, _ in refusals] == [
        *("Conflict", "ValidationFailed", "NotFound", "Conflict", "NotFound", "Conflict", "NotFound", "NotFound")
    ]
    assert refused.json()["errors"][0]["errorType"] == "Unauthorized"
    assert await entries(api) == before


async def test_refused_mutation_is_not_audited_while_others_of_its_request_are(api: Api) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    document = """mutation ($id: ID!, $name: String!) {
        first: updateVpp(input: {id: $id, name: $name}) { id }
        second: updateVpp(input: {id: $id, name: ""}) { id }
        third: updateVpp(input: {id: $id, dailyFeeAud: 1}) { id }
    }"""

    await api.response(document, id=vpp_id, name=name)

    _, renamed, repriced = await history(api, vpp_id)
    assert renamed[2]["name"] == name
    assert repriced[1] == renamed[2]
    assert repriced[2]["priceSchedules"][0]["dailyFeeAud"] == 1


async def test_entries_of_concurrent_changes_form_a_chain(api: Api) -> None:
    vpp_id = await api.create_vpp()
    names = [new_name() for _ in range(8)]

    await asyncio.gather(*(api.execute(UPDATE_VPP, input={"id": vpp_id, "name": name}) for name in names))

    entries_of_vpp = await history(api, vpp_id)
    assert [old for _, old, _ in entries_of_vpp[1:]] == [new for _, _, new in entries_of_vpp[:-1]]
    assert sorted(new["name"] for _, _, new in entries_of_vpp[1:]) == sorted(names)


async def test_create_sent_many_times_concurrently_is_audited_once(api: Api) -> None:
    vpp_id = str(uuid4())
    input = {"id": vpp_id, "name": new_name(), "revenuePercentage": 20}

    await asyncio.gather(*(api.execute(CREATE_VPP, input=input) for _ in range(8)))

    assert len(await history(api, vpp_id)) == 1


async def test_revert_waits_for_the_lock_on_settled_totals_before_it_locks_the_import(
    api: Api, worker: None, database: Database
) -> None:
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi)
    imported = await api.import_file(f"{HEADER}{nmi},2025-11-01,DISCHARGE,1,10\n")

    async with database.transaction() as session:
        await db.imports.lock_settled_totals(session)
        reverting = asyncio.create_task(api.execute(REVERT, id=imported["id"]))
        while await database.row(select(WAITS_FOR_A_LOCK)) is None:
            assert not reverting.done()
        # Completing another import locks this import to recount its duplicates. If the revert had locked it before the
        # totals, the two transactions would deadlock.
        await db.imports.lock_import(session, id=imported["id"])

    assert await reverting == {"status": "REVERTED"}


async def test_numbers_in_entries_keep_all_digits(api: Api, database: Database) -> None:
    async with database.transaction() as session:
        terms = db.vpps.Terms(Decimal("12.345678901234567890123"), Decimal("0.100"))
        vpp_id = await db.vpps.create(session, id=None, name=new_name(), terms=terms)

    await api.execute(UPDATE_VPP, input={"id": str(vpp_id), "name": new_name()})

    (entry,) = await entries(api, objectId=str(vpp_id))
    assert '"dailyFeeAud": 0.1,' in entry["old"]
    assert '"revenuePercentage": 12.345678901234567890123}' in entry["new"]


async def test_entry_of_a_scoped_operator_holds_the_whole_object(api: Api) -> None:
    vpp_id, other_id, nmi = await api.create_vpp(), await api.create_vpp(), new_nmi()
    site_id = await api.create_site(other_id, nmi=nmi)
    await api.execute(ASSIGN_SITE, input={"siteId": site_id, "vppId": vpp_id, "effectiveFrom": "2025-07-01"})
    key = await create_key(api, vppIds=[vpp_id])
    visible = await send(
        api, key["secret"], "query ($id: ID!) { getSite(id: $id) { memberships { vpp { id } } } }", id=site_id
    )

    await send(api, key["secret"], UPDATE_SITE, input={"id": site_id, "address": "2 King St"})
    created = await send(
        api, key["secret"], CREATE_SITE, input={"vppId": vpp_id, "nmi": new_nmi(), "address": "3 King St"}
    )
    generated = await send(api, key["secret"], GENERATE, input={"vppId": vpp_id, "month": "2025-09"})
    deleted_id = created.json()["data"]["createSite"]["id"]
    deleted = await send(api, key["secret"], DELETE_SITE, id=deleted_id)

    assert visible.json()["data"]["getSite"]["memberships"] == [{"vpp": {"id": vpp_id}}]
    memberships = [{"vppId": other_id} | UNTIL_JULY, {"vppId": vpp_id} | FROM_JULY]
    before = {"nmi": nmi, "address": "1 King St", "memberships": memberships}
    assert (await history(api, site_id))[-1] == ("updateSite", before, before | {"address": "2 King St"})
    assert "errors" not in deleted.json()
    assert [action for action, _, _ in await history(api, deleted_id)] == ["createSite", "deleteSite"]
    ((_, _, report),) = await history(api, generated.json()["data"]["generateRevenueReport"]["id"])
    assert report == {"vppId": vpp_id, "month": "2025-09", "revision": 1, "status": "PENDING"}


@pytest.mark.parametrize("role", ["MEMBER", "READER", "OPERATOR"])
async def test_only_an_admin_may_list_entries(api: Api, role: str) -> None:
    caller = await api.as_role(
        role, **({"siteIds": [await api.create_site(await api.create_vpp())]} if role == "MEMBER" else {})
    )

    response = await send(api, caller.key, LIST)

    (error,) = response.json()["errors"]
    assert response.json()["data"] is None
    assert (error["errorType"], error["message"]) == (
        "Unauthorized",
        "Not Authorized to access listAuditEntries on type Query",
    )


async def test_entries_are_filtered_by_object_action_caller_and_time(api: Api) -> None:
    name = new_name()
    key = await create_key(api, name=name)
    created = await send(api, key["secret"], CREATE_VPP, input={"name": new_name(), "revenuePercentage": 20})
    vpp_id = created.json()["data"]["createVpp"]["id"]
    await api.execute(UPDATE_VPP, input={"id": vpp_id, "name": new_name()})
    await api.create_site(vpp_id)

    first, second = await entries(api, objectId=vpp_id)

    assert await entries(api, callerName=name) == [first]
    assert await entries(api, objectId=vpp_id, action="updateVpp") == [second]
    assert await entries(api, objectId=vpp_id, objectType="Vpp", until="9000-01-01T00:00Z") == [first, second]
    assert await entries(api, objectId=vpp_id, **{"from": "9000-01-01T00:00Z"}) == []
    assert await entries(api, objectId=vpp_id, until="2000-01-01T00:00Z") == []
    assert await entries(api, objectId=vpp_id, objectType="Site") == []
    assert {entry["action"] for entry in await entries(api, objectType="Site")} >= {"createSite"}


async def test_filter_by_an_invalid_id_is_refused(api: Api) -> None:
    refusal = await api.refusal(LIST, filter={"objectId": "all"})

    message = 'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not "all".'
    assert refusal == ("ValidationFailed", ["filter", "objectId"], message)


async def test_key_created_on_the_command_line_is_audited_as_a_command(api: Api, database_url: str) -> None:
    name = new_name()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "key", "create", name, "--role", "READER"),
        env=os.environ | {"VPP_DATABASE_URL": database_url, "VPP_S3_BUCKET": "vpp"},
        stdout=PIPE,
    )
    secret, _ = await process.communicate()

    (entry,) = await entries(api, callerName="vpp key create")

    assert [entry[field] for field in ("authType", "apiKeyId", "requestId", "action", "objectType", "old")] == [
        *("COMMAND", None, None, "createApiKey", "ApiKey", None)
    ]
    assert json.loads(entry["new"])["prefix"] == secret.decode()[:12]
