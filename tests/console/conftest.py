"""Fixtures for the console's tests: one Chromium per session, and a server with its own database per module."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.fixtures import readings
from tests.fixtures.api import API_KEY, WAIT_S, Api, new_nmi
from tests.fixtures.chromium import running_chromium
from tests.fixtures.console.browser import DESKTOP, LOG_CSP_VIOLATIONS, Console, open_tab

# Long enough for a machine that is busy with other tests.
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
    # One process for all tabs compiles each script only once.
    async with running_chromium("--process-per-site") as browser:
        yield browser


@pytest_asyncio.fixture(scope="module")
async def served_console(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """Serve the console and the API like `vpp serve`, with the module's database, which the fixture `api` fills."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=True) as served:
        yield served


@pytest.fixture
async def open_context(browser: Browser) -> AsyncIterator[OpenContext]:
    """Return a function that opens isolated browser contexts, which are closed after the test."""
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
    await context.add_init_script(LOG_CSP_VIOLATIONS)
    return context


@pytest_asyncio.fixture(scope="module")
async def module_window(browser: Browser, served_console: Serving) -> AsyncIterator[BrowserContext]:
    """Open the module's desktop window. Its first tab stays open, so that the browser keeps the compiled scripts."""
    window = await new_window(browser)
    await (await window.new_page()).goto(f"{served_console.url}/livez")
    yield window
    await window.close()


@pytest.fixture
async def window(module_window: BrowserContext) -> AsyncIterator[BrowserContext]:
    """Return the desktop window, and close its tabs after the test, so that no session storage is left."""
    yield module_window
    await module_window.set_offline(False)
    for page in module_window.pages[1:]:
        await page.close()


@pytest.fixture
async def console(window: BrowserContext, served_console: Serving, servers: EmbeddedServers) -> AsyncIterator[Console]:
    """Open a tab, signed in with the page's own key. It must request no other host and log no error."""
    console = await open_tab(window, served_console.url)
    yield console
    ours = {served_console.url.removeprefix("http://"), str(servers.object_store.endpoint_url).removeprefix("http://")}
    assert console.hosts <= ours
    assert console.console_errors == []


@pytest_asyncio.fixture(scope="module")
async def addresses(api: Api, served_console: Serving, database: Database) -> dict[str, str]:
    """Return the path of every page, and create an object of each kind to show."""
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
