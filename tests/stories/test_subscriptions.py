"""Subscriptions over a real socket: each starts with the present state, and none misses the last."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tests.fixtures.api import Api, new_nmi
from tests.fixtures.graphql_transport_ws import Socket

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
PROGRESS = "subscription ($id: ID!) { onImportProgress(id: $id) { status rowsImported } }"
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { id } }"
REVERT = "mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }"
UPDATE = """mutation ($vppId: ID!, $percentage: Float!) {
    updateVpp(input: {id: $vppId, revenuePercentage: $percentage}) { id }
}"""


async def first(states: AsyncIterator[Any]) -> Any:
    (state,) = (await anext(states))["data"].values()
    return state


async def test_a_finished_import_is_told_at_once_and_again_when_it_is_reverted(served_api: Api, socket: Socket) -> None:
    nmi = new_nmi()
    await served_api.create_site(await served_api.create_vpp(), nmi=nmi)
    imported = await served_api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n")

    told = []
    async for payload in socket.subscribe(PROGRESS, id=imported["id"]):
        told.append(payload["data"]["onImportProgress"])
        if len(told) == 1:
            await served_api.execute(REVERT, id=imported["id"])
        if told[-1]["status"] == "REVERTED":
            break

    assert told[0] == {"status": "COMPLETED", "rowsImported": 1}


async def test_many_subscribers_of_one_import_all_hear_its_end(served_api: Api, socket: Socket) -> None:
    import_id = await served_api.upload(HEADER)
    for id in map(str, range(10)):
        await socket.send(
            {"id": id, "type": "subscribe", "payload": {"query": PROGRESS, "variables": {"id": import_id}}}
        )

    await served_api.execute(START, id=import_id)

    waiting = set(map(str, range(10)))
    while waiting:
        message = await socket.receive()
        if message["payload"]["data"]["onImportProgress"]["status"] == "COMPLETED":
            waiting.discard(message["id"])


async def test_an_import_that_is_not_there_is_an_error(socket: Socket) -> None:
    nowhere = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"

    async for payload in socket.subscribe(PROGRESS, id=nowhere):
        (error,) = payload["errors"]
        break

    assert (error["errorType"], error["errorInfo"]) == ("NotFound", {"field": ["id"]})


async def test_a_report_is_told_by_its_vpp_and_month(served_api: Api, socket: Socket) -> None:
    ours, theirs = await served_api.create_vpp(), await served_api.create_vpp()
    heard = asyncio.create_task(
        first(
            socket.subscribe(
                """subscription ($vppId: ID!) { onRevenueReport(vppId: $vppId, month: "2025-09") {
                    month status vpp { id }
                } }""",
                vppId=ours,
            )
        )
    )

    # Nothing says when a subscription has begun; so the month is settled anew until one of its reports is heard of.
    for percentage in range(100):
        await served_api.execute(UPDATE, vppId=ours, percentage=percentage)
        for vpp_id, month in ((theirs, "2025-09"), (ours, "2025-08"), (ours, "2025-09")):
            await served_api.settle_month(vpp_id, month)
        if heard.done():
            break

    assert await heard == {"month": "2025-09", "status": "READY", "vpp": {"id": ours}}


async def test_a_report_that_is_ready_is_told_at_once_by_its_id(served_api: Api, socket: Socket) -> None:
    report = await served_api.settle_month(await served_api.create_vpp(), "2025-09")

    states = socket.subscribe("subscription ($id: ID!) { onRevenueReport(id: $id) { id status } }", id=report["id"])

    assert await first(states) == {"id": report["id"], "status": "READY"}
