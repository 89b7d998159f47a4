"""
An ASGI application that returns the same responses without GraphQL: the "floor", or least cost, of a Python server.

The SQL and the assembly of responses are written by hand for each operation. It reads a request, queries Postgres and
writes the response; it does not authenticate, count, limit or log requests.
"""

import asyncio
import os
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
import orjson
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

TODAY = "timezone(interval '10 hours', now())::date"
VPP = f"""
    select id, name, revenue_percentage::float8, daily_fee_aud::float8
    from vpps
    join price_schedules on vpp_id = id and effective @> {TODAY}
    where id = $1
"""  # noqa: S608 The SQL contains only our own constants.
SITES = f"""
    select sites.id, nmi, address, vpps.id, name
    from sites
    left join memberships on site_id = sites.id and effective @> {TODAY}
    left join vpps on vpps.id = vpp_id
    order by nmi
    limit $1
"""  # noqa: S608 The SQL contains only our own constants.
BATTERIES = f"""
    select site_id, id, manufacturer, serial, capacity_kwh::float8
    from batteries
    join battery_capacities on battery_id = id and effective @> {TODAY}
    where site_id = any($1) and installed @> {TODAY}
    order by manufacturer, serial
"""  # noqa: S608 The SQL contains only our own constants.
REPORT = "select id from revenue_reports where id = $1"
LINES = """
    select
        nmi, address, capacity_kwh::float8, member_days, revenue_aud::text, ad_valorem_fee_aud::text,
        event_share_aud::text, capacity_share_aud::text, before_fees_aud::text, daily_fee_aud::text,
        waived_fee_aud::text, after_fees_aud::text
    from site_line_items
    where report_id = $1
    order by nmi
    limit $2
"""
SITE = "select id from sites where id = $1"
EVENTS = """
    select line_number, settlement_date, event_type, energy_kwh, tariff_cents_per_kwh, value_aud::text
    from api.events
    where site_id = $1
    order by settlement_date, import_id, line_number
    limit $2
"""
ADD_BATTERY = """
    with battery as (
        insert into batteries (id, site_id, manufacturer, serial, installed)
        values (gen_random_uuid(), $1, $2, $3, '(,)')
        returning *
    ),
    capacity as (
        insert into battery_capacities (battery_id, effective, capacity_kwh)
        select id, installed, $4::float8 from battery
        returning *
    )
    select battery.id, manufacturer, serial, capacity_kwh::float8 from battery, capacity
"""

Variables: TypeAlias = dict[str, Any]


class HandwrittenApp:
    """
    The ASGI application, with a connection pool of its own.

    asyncpg's pool would send a statement to reset a connection each time one is released.
    """

    def __init__(self) -> None:
        self._pool: asyncio.LifoQueue[asyncpg.Connection] = asyncio.LifoQueue()
        self._handlers: dict[str, Callable[[Variables], Awaitable[object]]] = {
            "/Q1": self._vpp,
            "/Q2": self._sites,
            "/Q3": self._line_items,
            "/Q4": self._events,
            "/M1": self._add_battery,
            "/empty": self._empty,
        }

    async def connect(self) -> None:
        for _ in range(int(os.environ["POOL_SIZE"])):
            self._pool.put_nowait(await asyncpg.connect(os.environ["VPP_DATABASE_URL"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        response = orjson.dumps({"data": await self._handlers[scope["path"]](orjson.loads(body))})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(response))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": response})

    async def _rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        connection = await self._pool.get()
        try:
            return await connection.fetch(statement, *values)
        finally:
            self._pool.put_nowait(connection)

    async def _vpp(self, variables: Variables) -> object:
        [(id, name, percentage, fee)] = await self._rows(VPP, variables["id"])
        return {"getVpp": {"id": str(id), "name": name, "revenuePercentage": percentage, "dailyFeeAud": fee}}

    async def _sites(self, variables: Variables) -> object:
        sites = await self._rows(SITES, variables["limit"])
        batteries = defaultdict(list)
        for site_id, id, manufacturer, serial, capacity in await self._rows(BATTERIES, [site[0] for site in sites]):
            batteries[site_id].append(
                {"id": str(id), "manufacturer": manufacturer, "serial": serial, "capacityKwh": capacity}
            )
        items = [
            {
                "id": str(id),
                "nmi": nmi,
                "address": address,
                "vpp": {"id": str(vpp_id), "name": name} if vpp_id else None,
                "batteries": batteries[id],
            }
            for id, nmi, address, vpp_id, name in sites
        ]
        return {"listSites": {"items": items}}

    async def _line_items(self, variables: Variables) -> object:
        [(id,)] = await self._rows(REPORT, variables["id"])
        items = [
            {
                "nmi": line[0],
                "address": line[1],
                "capacityKwh": line[2],
                "memberDays": line[3],
                "revenueAud": line[4],
                "adValoremFeeAud": line[5],
                "eventShareAud": line[6],
                "capacityShareAud": line[7],
                "beforeFeesAud": line[8],
                "dailyFeeAud": line[9],
                "waivedFeeAud": line[10],
                "afterFeesAud": line[11],
            }
            for line in await self._rows(LINES, id, variables["limit"])
        ]
        return {"getRevenueReport": {"id": str(id), "lineItems": {"items": items}}}

    async def _events(self, variables: Variables) -> object:
        [(id,)] = await self._rows(SITE, variables["id"])
        items = [
            {
                "lineNumber": line_number,
                "settlementDate": settlement_date,
                "eventType": event_type,
                "energyKwh": energy,
                "tariffCentsPerKwh": tariff,
                "valueAud": value,
            }
            for line_number, settlement_date, event_type, energy, tariff, value in await self._rows(
                EVENTS, id, variables["limit"]
            )
        ]
        return {"getSite": {"id": str(id), "events": {"items": items}}}

    async def _add_battery(self, variables: Variables) -> object:
        input = variables["input"]
        [(id, manufacturer, serial, capacity)] = await self._rows(
            ADD_BATTERY, input["siteId"], input["manufacturer"], input["serial"], input["capacityKwh"]
        )
        battery = {"id": str(id), "manufacturer": manufacturer, "serial": serial, "capacityKwh": capacity}
        return {"addBattery": battery}

    async def _empty(self, _variables: Variables) -> object:
        return None


async def _serve() -> None:
    app = HandwrittenApp()
    await app.connect()
    # asyncio sets TCP_NODELAY only on a socket that was created with IPPROTO_TCP. Without it, the body of a response
    # waits until the client has acknowledged the head.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201
        config = uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False)
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(_serve())
