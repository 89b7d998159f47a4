"""Subscriptions over a real WebSocket: each starts with the current state, and each receives the final state."""

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
    updateVpp(input: {id: $vppId, revenuePercentage: $percentage, forAllTime: true}) { id }
}"""


async def first_state(states: AsyncIterator[Any]) -> Any:
    (state,) = (await anext(states))["data"].values()
    return state


async def test_finished_import_is_sent_at_once_and_again_when_it_is_reverted(served_api: Api, socket: Socket) -> None:
    nmi = new_nmi()
    await served_api.create_site(await served_api.create_vpp(), nmi=nmi)
    imported = await served_api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n")

    states = []
    async for payload in socket.subscribe(PROGRESS, id=imported["id"]):
        states.append(payload["data"]["onImportProgress"])
        if len(states) == 1:
            await served_api.execute(REVERT, id=imported["id"])
        if states[-1]["status"] == "REVERTED":
            break

    assert states[0] == {"status": "COMPLETED", "rowsImported": 1}


async def test_all_of_many_subscribers_receive_the_end_of_an_import(served_api: Api, socket: Socket) -> None:
    import_id = await served_api.upload(HEADER + "9999999999,2025-09-03,CHARGE,1,1\n")
    for id in map(str, range(10)):
        await socket.send(
            {"id": id, "type": "subscribe", "payload": {"query": PROGRESS, "variables": {"id": import_id}}}
        )

    await served_api.execute(START, id=import_id)

    waiting = set(map(str, range(10)))
    while waiting:
        message = await socket.receive()
        if message["payload"]["data"]["onImportProgress"]["status"] == "FAILED":
            waiting.discard(message["id"])


async def test_subscribing_to_an_import_that_does_not_exist_is_an_error(socket: Socket) -> None:
    unknown_id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"

    async for payload in socket.subscribe(PROGRESS, id=unknown_id):
        (error,) = payload["errors"]
        break

    assert (error["errorType"], error["errorInfo"]) == ("NotFound", {"field": ["id"]})


async def test_report_is_sent_to_subscribers_of_its_vpp_and_month(served_api: Api, socket: Socket) -> None:
    vpp_id, other_vpp_id = await served_api.create_vpp(), await served_api.create_vpp()
    received = asyncio.create_task(
        first_state(
            socket.subscribe(
                """subscription ($vppId: ID!) { onRevenueReport(vppId: $vppId, month: "2025-09") {
                    month status vpp { id }
                } }""",
                vppId=vpp_id,
            )
        )
    )

    # The protocol does not confirm that a subscription has started: settle the month again until a report is received.
    for percentage in range(100):
        await served_api.execute(UPDATE, vppId=vpp_id, percentage=percentage)
        for settled_vpp_id, month in ((other_vpp_id, "2025-09"), (vpp_id, "2025-08"), (vpp_id, "2025-09")):
            await served_api.settle_month(settled_vpp_id, month)
        if received.done():
            break

    assert await received == {"month": "2025-09", "status": "READY", "vpp": {"id": vpp_id}}


async def test_ready_report_is_sent_at_once_to_subscribers_of_its_id(served_api: Api, socket: Socket) -> None:
    report = await served_api.settle_month(await served_api.create_vpp(), "2025-09")

    states = socket.subscribe("subscription ($id: ID!) { onRevenueReport(id: $id) { id status } }", id=report["id"])

    assert await first_state(states) == {"id": report["id"], "status": "READY"}
