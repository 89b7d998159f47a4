"""Months that were settled, and how the pages of reports show them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from playwright.async_api import Locator, expect

from graph.serving import Serving
from tests.api import Api, new_name, new_nmi
from tests.console.browser import Console, open_tab
from tests.console.conftest import OpenContext

MONTH = "2025-09"
HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"
# What it takes a worker on a busy machine to settle a month.
PATIENCE_MS = 30_000


@dataclass(frozen=True)
class Settled:
    """A VPP whose month was settled: its sites stand in the order of their NMIs."""

    vpp_id: str
    name: str
    nmis: list[str]
    site_ids: list[str]
    report: Any

    @property
    def path(self) -> str:
        return f"/reports/{self.vpp_id}/{MONTH}"

    @property
    def title(self) -> str:
        return f"{self.name}, September 2025"


async def settled(
    api: Api, capacities_kwh: Sequence[float], *events: str, addresses: Sequence[str] = (), **terms: Any
) -> Settled:
    """
    Settle September 2025 of a VPP with a site for each capacity.

    Each event is `SITE,DATE,EVENT_TYPE,ENERGY,TARIFF`, its site a letter: A for the first.
    """
    name = new_name()
    vpp_id = await api.vpp(name=name, **terms)
    nmis = [new_nmi() for _ in capacities_kwh]
    site_ids = []
    for place, (nmi, capacity_kwh) in enumerate(zip(nmis, capacities_kwh, strict=True)):
        address = addresses[place] if place < len(addresses) else f"{place + 1} King St"
        site_ids.append(await api.site(vpp_id, nmi=nmi, capacity_kwh=capacity_kwh, address=address))
    if events:
        await brought_in(api, nmis, *events)
    report = await api.reported(vpp_id, MONTH)
    assert report["status"] == "READY"
    return Settled(vpp_id, name, nmis, site_ids, report)


async def brought_in(api: Api, nmis: Sequence[str], *events: str) -> Any:
    """Import events, each written as for `settled`."""
    rows = [f"{nmis[ord(event[0]) - ord('A')]}{event[1:]}\n" for event in events]
    imported = await api.imported(HEADER + "".join(rows))
    assert imported["rowsImported"] == len(events)
    return imported


async def signed_in(open_context: OpenContext, served: Serving, key: str) -> Console:
    """Open a window of somebody with a key of their own."""
    console = await open_tab(await open_context(), served.url)
    await console.sign_in(key)
    return console


def amount(text: str) -> Decimal:
    """Read the amount in what a page says: `−$1,234.50`."""
    found = re.search(r"(−?)\$([\d,]+\.\d+)", text)
    assert found, text
    return Decimal(found[2].replace(",", "")) * (-1 if found[1] else 1)


async def shown(table: Locator, column: str) -> list[str]:
    """List what the rows of a table have in a column, once there are any."""
    await expect(table.locator("tbody tr").first).to_be_visible()
    return await table.locator(f"tbody td[data-column={column}]").all_inner_texts()


async def foot(table: Locator, column: str) -> str:
    return await table.locator(f"tfoot td[data-column={column}]").inner_text()


async def added_up(table: Locator, column: str) -> Decimal:
    """Add up the amounts that the rows of a table have in a column."""
    return sum((amount(text) for text in await shown(table, column)), start=Decimal(0))


def lines(console: Console) -> Locator:
    return console.page.get_by_role("table", name="Lines by site")


async def open_month(console: Console, month: Settled, query: str = "") -> None:
    """Open the page of a month, and wait until all its lines are there."""
    await console.open(month.path + query)
    await expect(console.page.locator(".skeleton")).to_have_count(0, timeout=PATIENCE_MS)


def total(console: Console, name: str) -> Locator:
    """Find a total among the figures of where the money went."""
    rows = console.page.get_by_role("region", name="Where the money went").get_by_role("row")
    return rows.filter(has=console.page.get_by_role("rowheader", name=re.compile(f"^{name}"))).first
