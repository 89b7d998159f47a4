"""What the console's tests share: a Chromium, and for each module a server on a database of its own."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.fixtures import readings
from tests.fixtures.api import API_KEY, WAIT_S, Api, new_nmi
from tests.fixtures.console.browser import DESKTOP, TELL_VIOLATIONS, Console, open_tab

# On a machine that is busy with other tests, too.
expect.set_options(timeout=1000 * WAIT_S)

OpenContext = Callable[..., Awaitable[BrowserContext]]

PAGES = {
    "fleet": "/",
    "vpp": "/vpps/{vpp}",
    "site": "/sites/{site}",
    "imports": "/imports",
    "import": "/imports/{import}",
    "reports": "/reports",
    "month": "/reports/{vpp}/2025-09",
    "parks": "/parks",
    "access": "/access",
    "not-found": "/vpps/1f0c8f5e-6f0d-4a53-9d0b-000000000000",
    "nowhere": "/reports/of/no/such/page",
}


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None and "CI" not in os.environ:
        pytest.skip("needs chromium (on Debian: apt-get install chromium); where CI is set, this fails instead")

    async with async_playwright() as playwright:
        # Its own sandbox refuses root. All tabs in one process, a script is compiled once.
        args = ["--no-sandbox", "--process-per-site"]
        browser = await playwright.chromium.launch(executable_path=chromium or "chromium", args=args)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module")
async def served_console(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """What `vpp serve` serves, on this module's database: the fixture `api` prepares what the browser then sees."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=True) as served:
        yield served


@pytest.fixture
async def open_context(browser: Browser) -> AsyncIterator[OpenContext]:
    """Opens windows, as of people who share nothing; they are closed after the test."""
    opened: list[BrowserContext] = []

    async def open_one(**options: Any) -> BrowserContext:
        opened.append(await new_window(browser, **options))
        return opened[-1]

    yield open_one
    for context in opened:
        await context.close()


async def new_window(browser: Browser, **options: Any) -> BrowserContext:
    settings: dict[str, Any] = {
        "viewport": DESKTOP,
        "locale": "en-AU",
        "timezone_id": "Australia/Sydney",
        "accept_downloads": True,
    }
    context = await browser.new_context(**settings | options)
    await context.add_init_script(TELL_VIOLATIONS)
    return context


@pytest_asyncio.fixture(scope="module")
async def window_of_all(browser: Browser, served_console: Serving) -> AsyncIterator[BrowserContext]:
    """A desktop's window with a tab that stays, and with it what the browser has made of the console's scripts."""
    window = await new_window(browser)
    await (await window.new_page()).goto(f"{served_console.url}/livez")
    yield window
    await window.close()


@pytest.fixture
async def window(window_of_all: BrowserContext) -> AsyncIterator[BrowserContext]:
    """A desktop's window, whose tabs are closed after the test: nothing that a tab keeps outlives it."""
    yield window_of_all
    await window_of_all.set_offline(False)
    for page in window_of_all.pages[1:]:
        await page.close()


@pytest.fixture
async def console(window: BrowserContext, served_console: Serving, servers: EmbeddedServers) -> AsyncIterator[Console]:
    """A tab of a desktop's window, signed in by the page's own key. It asks no other host, and complains of nothing."""
    console = await open_tab(window, served_console.url)
    yield console
    ours = {served_console.url.removeprefix("http://"), str(servers.object_store.endpoint_url).removeprefix("http://")}
    assert console.hosts <= ours
    assert console.complaints == []


@pytest_asyncio.fixture(scope="module")
async def addresses(api: Api, served_console: Serving, database: Database) -> dict[str, str]:
    """Every page's address, with something of each kind to show."""
    vpp = await api.create_vpp(name="Harbour Virtual Power Plant", percentage=20, daily_fee=0.3)
    nmi = new_nmi()
    site = await api.create_site(vpp, nmi=nmi, capacity_kwh=13.5, address="426 King St Newcastle West NSW 2302")
    imported = await api.import_file(
        f"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{nmi},2025-09-03,DISCHARGE,5,35\n{nmi},2025-09-31,DISCHARGE,5,35\n"
    )
    await api.settle_month(vpp, "2025-09")
    park = await api.create_park(name="Bemmel")
    await readings.store_readings(
        database, park, readings.readings("Europe/Amsterdam", "2025-03-30", ["-0.028"] * 46 + [1.5] * 46)
    )
    return {name: page.format(vpp=vpp, site=site, **{"import": imported["id"]}) for name, page in PAGES.items()}


@pytest.fixture(params=PAGES)
def address(request: pytest.FixtureRequest, addresses: dict[str, str]) -> str:
    return addresses[request.param]
