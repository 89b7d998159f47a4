"""From an empty database to a downloaded report, with rejected rows, a reload and a restart of the server."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from sqlalchemy import text

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import API_KEY
from tests.fixtures.console.browser import Console, open_tab
from tests.fixtures.console.importing import choose_files, expect_state, file_payload

NMI = "9876543210"
GOOD = "".join(f"{NMI},2025-09-{day:02},DISCHARGE,5,35\n" for day in range(1, 11))
BAD = f"{NMI},2025-09-31,DISCHARGE,5,35\n{NMI},2025-09-12,EXPLODE,5,35\n1234567890,2025-09-13,DISCHARGE,5,35\n"
FILE = f"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{GOOD}{BAD}"


class Restartable:
    """A server that can be stopped and started again at the same URL."""

    def __init__(self, infrastructure: Infrastructure) -> None:
        self._backing = infrastructure
        self._running = AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        port = int(self.url.rpartition(":")[2] or 0)
        opened = serving(self._backing, host="127.0.0.1", port=port, any_port=port == 0, worker=True)
        self.url = (await self._running.enter_async_context(opened)).url

    async def stop(self) -> None:
        await self._running.aclose()


@pytest_asyncio.fixture
async def server(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Restartable]:
    server = Restartable(Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def console(open_context: OpenContext, server: Restartable) -> Console:
    return await open_tab(await open_context(), server.url)


async def download(page: Page, button: str) -> bytes:
    """Press a button, and return the content of the downloaded file."""
    async with page.expect_download() as download:
        await page.get_by_role("button", name=button, exact=True).click()
    path = await (await download.value).path()
    return await asyncio.to_thread(path.read_bytes)


async def test_a_month_from_an_empty_database_to_a_downloaded_report(
    console: Console, server: Restartable, database: Database
) -> None:
    page = console.page

    # The empty state says how to start.
    await console.open("/", title="Fleet")
    await expect(page.get_by_text("There is no VPP yet")).to_be_visible()

    # Create a VPP, a site and a battery.
    await console.press("Create a VPP")
    await console.dialog("Create a VPP").get_by_label("Name").fill("Test VPP One")
    await console.dialog("Create a VPP").get_by_label("Daily fee").fill("0.30")
    await console.press("Create VPP")
    await expect(console.title).to_have_text("Test VPP One")
    await console.press("Create a site")
    await page.get_by_role("dialog").get_by_label("NMI").fill(NMI)
    await page.get_by_role("dialog").get_by_label("Address").fill("426 King St Newcastle West NSW 2302")
    await console.press("Create site")
    await expect(console.title).to_have_text("426 King St Newcastle West NSW 2302")
    await console.press("Add a battery")
    await page.get_by_role("dialog").get_by_label("Manufacturer").fill("Tesla")
    await page.get_by_role("dialog").get_by_label("Serial").fill("38764527113388")
    await page.get_by_role("dialog").get_by_label("Capacity").fill("13.5")
    await console.press("Add battery")
    await expect(page.get_by_text("38764527113388")).to_be_visible()

    # Import a month's file with three invalid rows. A table lock stalls the import before it can store rows.
    async with database.transaction() as lock:
        await lock.execute(text("lock table event_blocks in share mode"))
        await page.get_by_role("link", name="Imports").click()
        await choose_files(page, file_payload("september.csv", FILE))
        await console.press("Import")
        await expect(console.title).to_have_text("september.csv")
        await expect_state(page, "Running")

        # A reload shows the same import, and so does the page after a restart of the server.
        await page.reload()
        await expect_state(page, "Running")
        await server.stop()
        await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
        await server.start()
        await expect(page.get_by_text("The server cannot be reached.")).to_have_count(0)
    await expect_state(page, "Imported")

    # Download the rejected rows, correct them, and import them.
    rejected = list(csv.reader(io.StringIO((await download(page, "Download rejected rows")).decode())))
    assert [row[1] for row in rejected[1:]] == ["2025-09-31", "2025-09-12", "2025-09-13"]
    repaired = f"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{NMI},2025-09-30,DISCHARGE,5,35\n{NMI},2025-09-12,DISCHARGE,5,35\n"
    await page.get_by_role("link", name="Imports").first.click()
    await choose_files(page, file_payload("repaired.csv", repaired))
    await console.press("Import")
    await expect_state(page, "Imported")

    # Settle the month: twelve discharges of $1.75; the VPP takes 20 %, and then $8.40.
    await page.get_by_role("link", name="Reports").click()
    await page.get_by_role("combobox", name="VPP").fill("Test VPP")
    await page.get_by_role("option", name="Test VPP One").click()
    month = page.get_by_role("group", name="Month").get_by_role("button")
    await month.nth(1).click()
    await page.get_by_role("option", name="September").click()
    await month.nth(2).click()
    await page.get_by_role("option", name="2025").click()
    await console.press("Generate the report of September 2025")
    await page.get_by_role("link", name="September 2025").click()
    await expect(console.title).to_have_text("Test VPP One, September 2025")
    await expect(page.get_by_text("up to date")).to_be_visible()

    # The downloaded file has the same totals.
    assert json.loads(await download(page, "JSON file of revision 1, as it was settled"))["totals"] == {
        "total_revenue": 21.0,
        "vpp_ad_valorem_fee": 4.2,
        "vpp_daily_fees": 8.4,
        "vpp_cost_only": 0.0,
        "vpp_total_revenue": 12.6,
        "site_total_revenue_after_fees": 8.4,
    }
    console.console_errors.clear()  # Requests that failed while the server was down.
