"""The API as a test uses it: GraphQL sent, whole answers compared."""

import asyncio
import json
from itertools import count
from typing import Any

import httpx

from db.notices import Notices

API_KEY = "da2-the-key-of-the-tests"
WAIT_S = 30
# What an answer says of an operation that asks for one object.
COST = {"cost": {"requested": 1, "maximum": 12_000}}

numbers = count(1)


def new_name() -> str:
    """A name no other test has."""
    return f"VPP {next(numbers)}"


def new_nmi() -> str:
    """An NMI no other test has."""
    return f"{next(numbers):010}"


def uncharged(answer: Any) -> Any:
    """Return an answer without what it cost."""
    return {name: value for name, value in answer.items() if name != "extensions"}


class Api:
    """A client that holds a key, if no other is given one that may do everything."""

    def __init__(
        self, client: httpx.AsyncClient, s3: httpx.AsyncClient, notices: Notices, *, key: str = API_KEY
    ) -> None:
        self.client = client
        self.s3 = s3
        self.notices = notices
        self.key = key

    async def key_of(self, role: str, **held_to: Any) -> str:
        """Make a key for a role, held to VPPs or sites, and return its secret."""
        created = await self.ask(
            "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }",
            input={"name": new_name(), "role": role, **held_to},
        )
        return str(created["secret"])

    async def called_by(self, role: str, **held_to: Any) -> "Api":
        """Return the API as someone of a role sees it."""
        return Api(self.client, self.s3, self.notices, key=await self.key_of(role, **held_to))

    async def answer(self, document: str, **variables: Any) -> Any:
        """Send an operation, and return the whole of the answer, but for what it cost."""
        # Not httpx's own JSON, which refuses NaN and halves of surrogate pairs.
        response = await self.client.post(
            "/graphql",
            content=json.dumps({"query": document, "variables": variables}),
            headers={"x-api-key": self.key, "content-type": "application/json"},
        )
        assert response.status_code == 200, response.text
        return uncharged(response.json())

    async def ask(self, document: str, **variables: Any) -> Any:
        """Send an operation that must not be refused, and return its one field."""
        answer = await self.answer(document, **variables)
        assert "errors" not in answer, answer
        (field,) = answer["data"].values()
        return field

    async def refusal(self, document: str, **variables: Any) -> tuple[str, Any, str]:
        """Send an operation that must be refused, and return the error's type, the field at fault and its message."""
        answer = await self.answer(document, **variables)
        (error,) = answer["errors"]
        return error["errorType"], (error["errorInfo"] or {}).get("field"), error["message"]

    async def kept(self) -> Any:
        """Return all that is kept of VPPs, sites and batteries: after a refusal it is what it was before."""
        answer = await self.answer("""{
            listVpps(limit: 200) { items {
                id name updatedAt priceSchedules { revenuePercentage dailyFeeAud effectiveFrom effectiveUntil }
            } }
            listSites(limit: 200) { items {
                id nmi address updatedAt
                memberships { vpp { id } effectiveFrom effectiveUntil }
                batteries { id manufacturer serial capacityKwh effectiveFrom effectiveUntil updatedAt }
            } }
        }""")
        assert "errors" not in answer, answer
        return answer["data"]

    async def vpp(self, *, name: str | None = None, percentage: float = 20, daily_fee: float = 0) -> str:
        """Create a VPP and return its id."""
        created = await self.ask(
            "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }",
            input={"name": name or new_name(), "revenuePercentage": percentage, "dailyFeeAud": daily_fee},
        )
        return str(created["id"])

    async def site(self, vpp_id: str, *, nmi: str | None = None, capacity_kwh: float | None = None, **more: Any) -> str:
        """Create a site, with a battery where a capacity is given, and return its id."""
        created = await self.ask(
            "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }",
            input={"vppId": vpp_id, "nmi": nmi or new_nmi(), "address": "1 King St", **more},
        )
        if capacity_kwh is not None:
            await self.battery(created["id"], capacity_kwh=capacity_kwh)
        return str(created["id"])

    async def battery(self, site_id: str, *, capacity_kwh: float, **more: Any) -> str:
        """Put a battery at a site and return its id."""
        added = await self.ask(
            "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }",
            input={
                "siteId": site_id,
                "manufacturer": "Tesla",
                "serial": f"S{next(numbers)}",
                "capacityKwh": capacity_kwh,
                **more,
            },
        )
        return str(added["id"])

    async def park(
        self, *, name: str | None = None, timezone: str = "Europe/Amsterdam", energy_type: str = "WIND"
    ) -> str:
        """Create a park and return its id."""
        created = await self.ask(
            "mutation ($input: CreateParkInput!) { createPark(input: $input) { id } }",
            input={"name": name or new_name(), "timezone": timezone, "energyType": energy_type},
        )
        return str(created["id"])

    async def uploaded(self, content: str | bytes, **more: Any) -> str:
        """Register an import, upload its file and return its id."""
        upload = await self.ask(
            "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } uploadUrl } }",
            input={"kind": "BATTERY_EVENTS", "fileName": "events.csv", **more},
        )
        response = await self.s3.put(
            upload["uploadUrl"], content=content.encode() if isinstance(content, str) else content
        )
        assert response.status_code == 200, response.text
        return str(upload["import"]["id"])

    async def imported(self, content: str | bytes, **more: Any) -> Any:
        """Import a file to its end, and return the import."""
        import_id = await self.uploaded(content, **more)
        await self.ask("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
        return await self.finished(import_id)

    async def finished(self, import_id: str) -> Any:
        """Wait until an import is no longer under way, and return it."""
        return await self._settled(
            """query ($id: ID!) { getImport(id: $id) {
                id status rowsRead rowsImported rowsDuplicated rowsRejected percentComplete failureReason
                rejections { items { lineNumber column code message row } }
            } }""",
            "imports",
            import_id,
            under_way=("QUEUED", "RUNNING"),
        )

    async def reported(self, vpp_id: str, month: str) -> Any:
        """Settle a month, wait for its report, and return it."""
        report = await self.ask(
            "mutation ($input: GenerateRevenueReportInput!) { generateRevenueReport(input: $input) { id } }",
            input={"vppId": vpp_id, "month": month},
        )
        return await self.report(report["id"])

    async def report(self, report_id: str) -> Any:
        """Wait until a report is settled, and return it."""
        return await self._settled(
            """query ($id: ID!) { getRevenueReport(id: $id) {
                id month revision isLatest isStale status failureReason
                totals { totalRevenueAud adValoremFeeAud dailyFeesAud costOnlyAud vppTotalAud siteTotalAud }
                lineItems { items {
                    nmi capacityKwh memberDays revenueAud adValoremFeeAud eventShareAud capacityShareAud
                    beforeFeesAud dailyFeeAud waivedFeeAud afterFeesAud
                } }
            } }""",
            "revenue_reports",
            report_id,
            under_way=("PENDING",),
        )

    async def _settled(self, document: str, table: str, id: str, *, under_way: tuple[str, ...]) -> Any:
        async with asyncio.timeout(WAIT_S), self.notices.of(table, id) as changed:
            while (thing := await self.ask(document, id=id))["status"] in under_way:
                await changed.wait()
                changed.clear()
        return thing
