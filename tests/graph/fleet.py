"""A little of everything that can be read: for tests that read whatever there is."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from db.engine import Database
from graph.callers import Caller
from graph.embedded.servers import EmbeddedServers
from graph.nmi import check_digit
from graph.worker import Worker
from tests.api import Api
from tests.park_files import START
from tests.readings import kept, readings

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
MONTHS = ("2025-08", "2025-09", "2025-10")
NAMES = ('Müller\'s "Sun" \\ 🔋', "plain", "a\nb\tc\u2028<&>\x7f", "Ünder %_ {0} $1", "none of it")
NMIS = tuple(f"FLEET{number:05}" for number in range(11))

UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"
ASSIGN = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"
UPDATE_BATTERY = "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { id } }"
DELETE_SITE = "mutation ($id: ID!) { deleteSite(input: {id: $id}) { id } }"
REMOVE_BATTERY = "mutation ($input: RemoveBatteryInput!) { removeBattery(input: $input) { id } }"
CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }"
REVOKE_KEY = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }"
CANCEL = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }"
REVERT = "mutation ($id: ID!) { revertImport(input: {id: $id}) { id } }"
SETTLE = 'mutation ($vpp: ID!) { generateRevenueReport(input: {vppId: $vpp, month: "2025-08"}) { id } }'
# Nothing in the files makes a settlement fail.
FAILED = text(
    "update revenue_reports set status = 'FAILED', failure_reason = E'It failed, \"so\" \\\\ 🔥',"
    " settled_from = null, total_revenue_aud = null where id = :id"
)
USED = text("update api_keys set last_used_at = '2025-10-26T00:30:00.123456Z' where id = :id")

# Days of parks: with the clock set forward and back, by half an hour too, and with an offset that has seconds.
PARK_DAYS = {
    ("Noord \"1\" 🌬", "Europe/Amsterdam", "WIND"): {"2025-03-30": 92, "2025-10-25": 3, "2025-10-26": 100},
    ("Lord \\ Howe", "Australia/Lord_Howe", "SOLAR"): {"2025-04-06": 98, "2025-10-05": 94},
    ("Kathmandu", "Asia/Kathmandu", "SOLAR"): {"2025-10-25": 4},
    ("Monrovia", "Africa/Monrovia", "WIND"): {"1970-01-01": 3},
    ("nothing yet", "America/St_Johns", "WIND"): {},
}  # fmt: skip
POWERS = ("0", "-0.25", "12.5", "0.000001", "1234.567891", "100")


@dataclass(frozen=True)
class Fleet:
    """What there is: ids by the names of their types, and who may call."""

    ids: Mapping[str, Sequence[str]]
    callers: Mapping[str, Caller]


async def filled(api: Api, database: Database, servers: EmbeddedServers) -> Fleet:
    """Fill an empty database, in which nothing changes any more after this."""
    async with _at_work(database.url, servers):
        vpps = await _vpps(api)
        sites, batteries = await _sites(api, vpps)
        parks = await _parks(api, database)
        held = await api.called_by("OPERATOR", vppIds=[vpps[0]])
        imports = await _imports(api, held, parks)
        reports = await _reports(api, database, vpps)
        # It has lines of reports, but no events.
        await api.ask(DELETE_SITE, id=sites[9])
        keys = await _keys(api, database, vpps, sites)
    # With nobody at work, these stay as they are.
    imports.append(await api.uploaded("no header\n", fileName="waits.csv"))
    await api.ask(START, id=imports[-1])
    imports.append(await api.uploaded("", fileName="never put there.csv"))
    reports.append((await api.ask(SETTLE, vpp=vpps[2]))["id"])
    of_vpps = {"Vpp": vpps, "Site": sites, "Battery": batteries, "RevenueReport": reports}
    return Fleet({**of_vpps, "Import": imports, "Park": parks, "ApiKey": keys}, _callers(vpps, sites))


@asynccontextmanager
async def _at_work(database_url: str, servers: EmbeddedServers) -> AsyncIterator[None]:
    worker = Worker(database_url=database_url, object_store=servers.object_store)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def _vpps(api: Api) -> list[str]:
    terms = ((20, 0), (33.333333, 0.3), (0, 1_000_000), (100, 0.01), (12.5, 1e-7))
    vpps = [
        await api.vpp(name=name, percentage=percentage, daily_fee=fee)
        for name, (percentage, fee) in zip(NAMES, terms, strict=True)
    ]
    for place, percentage, fee, day in (
        *((0, 25, 0.5, "2025-09-01"), (0, 25, 0.75, "2025-09-16"), (0, 10, 0, "2099-01-01")),
        (1, 0.1, 123456.789, "2025-10-01"),
    ):
        changed = {"revenuePercentage": percentage, "dailyFeeAud": fee, "effectiveFrom": day}
        await api.ask(UPDATE_VPP, input={"id": vpps[place], **changed})
    return vpps


async def _sites(api: Api, vpps: Sequence[str]) -> tuple[list[str], list[str]]:
    sites, batteries = [], []
    for number, nmi in enumerate(NMIS):
        address = f"{number} {NAMES[number % len(NAMES)]} St"
        since: dict[str, Any] = {"effectiveFrom": "2025-09-10"} if number % 3 == 2 else {}
        sites.append(await api.site(vpps[number % 3], nmi=nmi, address=address, **since))
    for place, vpp, day in ((0, 1, "2025-09-16"), (0, 0, "2025-10-01"), (1, 2, "2025-09-05"), (3, 1, "2099-01-01")):
        await api.ask(ASSIGN, input={"siteId": sites[place], "vppId": vpps[vpp], "effectiveFrom": day})
    for place, capacity, since in (
        *((0, 13.5, {}), (0, 0, {"effectiveFrom": "2025-09-20"}), (0, 1e-6, {}), (1, 1_000_000, {})),
        *((2, 12.345678901234, {}), (3, 7, {"effectiveFrom": "2099-01-01"}), (5, 10, {"effectiveFrom": "2025-08-15"})),
    ):
        batteries.append(await api.battery(sites[place], capacity_kwh=capacity, **since))
    await api.ask(UPDATE_BATTERY, input={"id": batteries[0], "capacityKwh": 27, "effectiveFrom": "2025-09-12"})
    await api.ask(UPDATE_BATTERY, input={"id": batteries[3], "manufacturer": NAMES[0], "serial": NAMES[2]})
    await api.ask(REMOVE_BATTERY, input={"id": batteries[2], "effectiveFrom": "2025-10-01"})
    await api.ask(REMOVE_BATTERY, input={"id": batteries[6], "effectiveFrom": "2025-09-01"})
    return sites, batteries


async def _parks(api: Api, database: Database) -> list[str]:
    parks = []
    for (name, timezone, energy_type), days in PARK_DAYS.items():
        parks.append(await api.park(name=name, timezone=timezone, energy_type=energy_type))
        for day, count in days.items():
            powers = [POWERS[place % len(POWERS)] for place in range(count)]
            await kept(database, parks[-1], readings(timezone, day, powers))
    return parks


async def _imports(api: Api, held: Api, parks: Sequence[str]) -> list[str]:
    amounts = ("DISCHARGE,5,35", "CHARGE,0.000001,20.5", "DISCHARGE,0,0", "DISCHARGE,10.123456,-7.654321", "CHARGE,3,0")
    # The days on which sites came and went are among them.
    days = ("2025-08-31", "2025-09-01", "2025-09-10", "2025-09-15", "2025-09-16", "2025-10-01")
    rows = [f"{nmi},{day},{amount}\n" for nmi in NMIS[:6] for day, amount in zip(days, 2 * amounts, strict=False)]
    wrong = f'{NMIS[0]},2025-09-31,DISCHARGE,1,1\nno,"a ""b"" \\ 🔥",,,\n{NMIS[0]},2025-09-01,WASTE,1,1\n1,2\n'
    first = await api.imported(HEADER + "".join(rows) + wrong, fileName='events "1" \\ 🔋.csv')
    second = await held.imported(
        HEADER + f"{NMIS[0]},2025-09-02,DISCHARGE,2,2\n{NMIS[4]},2025-09-02,CHARGE,2,2\n" + "".join(rows[:4]),
        fileName="events 2.csv",
    )
    reverted = await api.imported(f"{HEADER}{NMIS[1]},2025-09-03,DISCHARGE,1,1\n", fileName="reverted.csv")
    await api.ask(REVERT, id=reverted["id"])
    failed = await api.imported("not,a,header\n1,2,3\n", fileName="failed.csv")
    cancelled = await api.uploaded(HEADER, fileName="cancelled.csv")
    await api.ask(CANCEL, id=cancelled)
    of_parks = await api.imported("park_name,timezone,energy_type\nnothing else,Nowhere,WIND\n", kind="PARKS")
    of_park = await api.imported(
        "datetime,MW\n2025-10-27 00:00,1.5\n2025-10-27 00:15,x\n", kind="PARK_READINGS", parkId=parks[0]
    )
    assert (first["rowsRejected"], second["rowsDuplicated"], failed["status"]) == (4, 4, "FAILED")
    return [*(each["id"] for each in (first, second, reverted, failed)), cancelled, of_parks["id"], of_park["id"]]


async def _reports(api: Api, database: Database, vpps: Sequence[str]) -> list[str]:
    reports = [await api.reported(vpp_id, month) for vpp_id in vpps[:3] for month in MONTHS[:2]]
    # A second revision of one; another is stale from now on.
    await api.ask(UPDATE_VPP, input={"id": vpps[0], "dailyFeeAud": 0.85, "effectiveFrom": "2025-09-16"})
    reports.append(await api.reported(vpps[0], MONTHS[1]))
    reports.append(await api.reported(vpps[1], MONTHS[2]))
    reports.append(await api.reported(vpps[4], MONTHS[1]))
    await api.ask(UPDATE_VPP, input={"id": vpps[1], "dailyFeeAud": 2, "effectiveFrom": "2025-09-02"})
    async with database.transaction() as session:
        await session.execute(FAILED, {"id": UUID(reports[-2]["id"])})
    assert [each["status"] for each in reports] == ["READY"] * 9
    return [each["id"] for each in reports]


async def _keys(api: Api, database: Database, vpps: Sequence[str], sites: Sequence[str]) -> list[str]:
    made = [
        (await api.ask(CREATE_KEY, input={"name": name, "role": role, **more}))["apiKey"]["id"]
        for name, role, more in (
            (NAMES[0], "ADMIN", {}),
            ("of two VPPs", "OPERATOR", {"vppIds": vpps[:2]}),
            ("of sites", "MEMBER", {"siteIds": sites[:3]}),
            ("until then", "READER", {"expiresAt": "2099-12-31T23:59:59.999999999+05:45"}),
        )
    ]
    await api.ask(REVOKE_KEY, id=made[1])
    async with database.transaction() as session:
        await session.execute(USED, {"id": UUID(made[0])})
    return made


def _callers(vpps: Sequence[str], sites: Sequence[str]) -> dict[str, Caller]:
    vpp_ids, site_ids = [UUID(id) for id in vpps], [UUID(id) for id in sites]
    return {
        "ADMIN": Caller("API_KEY", "admin", "ADMIN"),
        "OPERATOR": Caller("OIDC", NAMES[0], "OPERATOR"),
        "OPERATOR of one": Caller("API_KEY", "operator", "OPERATOR", vpp_ids=vpp_ids[:1]),
        "READER": Caller("IAM", "reader", "READER"),
        "READER of one": Caller("API_KEY", "reader", "READER", vpp_ids=vpp_ids[1:2]),
        "MEMBER of some": Caller("API_KEY", "member", "MEMBER", site_ids=[site_ids[0], site_ids[3]]),
        "MEMBER of none": Caller("API_KEY", "nobody", "MEMBER", site_ids=[]),
    }


def with_check_digit(nmi: str) -> str:
    return f"{nmi}{check_digit(nmi)}"
