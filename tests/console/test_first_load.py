"""The first load of the console with an empty cache: its size in bytes, and its layout shifts."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, ViewportSize, expect

from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.console.browser import DESKTOP, PHONE, Console

MAX_SCRIPT_BYTES = 250_000
MAX_TOTAL_BYTES = 300_000
MAX_LAYOUT_SHIFT = 0.1
# A mobile network's round trip, so that placeholders are visible while data loads.
ROUND_TRIP_MS = 150

# Cumulative layout shift: the sum of the shifts without recent user input.
OBSERVE_SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
}).observe({ type: "layout-shift", buffered: true });"""


@dataclass
class Loaded:
    """A page loaded with an empty cache, and the bytes received over the network by URL."""

    page: Page
    sizes: dict[str, int] = field(default_factory=dict)
    _urls: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> set[str]:
        return {urlsplit(url).path for url in self.sizes if "/static/" in url}

    @property
    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self._urls.values()} - {""}

    def bytes_of(self, suffix: str = "") -> int:
        return sum(size for url, size in self.sizes.items() if url.endswith(suffix))

    async def watch(self, context: BrowserContext) -> None:
        cdp = await context.new_cdp_session(self.page)
        cdp.on("Network.requestWillBeSent", self._record_request)
        cdp.on("Network.loadingFinished", self._add_bytes)
        await cdp.send("Network.enable")
        slow = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": -1, "uploadThroughput": -1}
        await cdp.send("Network.emulateNetworkConditions", slow)

    def _record_request(self, sent: dict[str, Any]) -> None:
        self._urls[sent["requestId"]] = sent["request"]["url"]

    def _add_bytes(self, finished: dict[str, Any]) -> None:
        url = self._urls[finished["requestId"]]
        self.sizes[url] = self.sizes.get(url, 0) + finished["encodedDataLength"]


async def load(open_context: OpenContext, url: str, viewport: ViewportSize = DESKTOP) -> Loaded:
    """Open a page with an empty cache, and wait until it is loaded completely."""
    context = await open_context(viewport=viewport)
    await context.add_init_script(OBSERVE_SHIFTS)
    loaded = Loaded(await context.new_page())
    await loaded.watch(context)
    await loaded.page.goto(url)
    await expect(loaded.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(loaded.page.locator(".skeleton")).to_have_count(0)
    await loaded.page.wait_for_load_state("networkidle")
    return loaded


@pytest.fixture
def ours(served_console: Serving, servers: EmbeddedServers) -> set[str]:
    """Return the hosts that may be requested: the server, and the object store."""
    return {urlsplit(url).netloc for url in (served_console.url, str(servers.object_store.endpoint_url))}


async def test_the_first_page_loads_at_most_250_kb_of_scripts_and_300_kb_in_total(
    open_context: OpenContext, served_console: Serving, addresses: dict[str, str]
) -> None:
    loaded = await load(open_context, served_console.url + addresses["fleet"])

    assert 50_000 < loaded.bytes_of(".js") <= MAX_SCRIPT_BYTES
    assert loaded.bytes_of(".js") < loaded.bytes_of() <= MAX_TOTAL_BYTES
    assert loaded.hosts == {served_console.url.removeprefix("http://")}


async def test_only_the_graphiql_page_loads_the_editors(
    console: Console, open_context: OpenContext, served_console: Serving, addresses: dict[str, str], ours: set[str]
) -> None:
    graphiql = await load(open_context, f"{served_console.url}/graphql")
    await expect(graphiql.page.locator(".monaco-editor").first).to_be_visible()
    for address in addresses.values():
        await console.open(address)
        await expect(console.page.locator(".skeleton")).to_have_count(0)
        await console.page.wait_for_load_state("networkidle")
    elsewhere = {urlsplit(url).path for url in console.requested_urls}

    assert graphiql.hosts <= ours
    assert chunk_names(elsewhere) >= {"FleetPage", "ImportsPage", "MonthPage", "ParksPage", "AccessPage"}
    alone = graphiql.files - elsewhere
    assert chunk_names(alone) >= {"GraphiQLPage", "monaco"}
    assert sum(size for url, size in graphiql.sizes.items() if urlsplit(url).path in alone) > 1_000_000


def chunk_names(files: set[str]) -> set[str]:
    """Return the names of chunks without their content hashes."""
    return {file.rpartition("/")[2].partition("-")[0] for file in files}


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_page_has_no_layout_shift_while_it_loads(
    open_context: OpenContext, served_console: Serving, address: str, viewport: ViewportSize
) -> None:
    loaded = await load(open_context, served_console.url + address, viewport)

    assert await loaded.page.evaluate("window.shifted") <= MAX_LAYOUT_SHIFT


async def test_graphiql_has_no_layout_shift_while_it_loads(open_context: OpenContext, served_console: Serving) -> None:
    loaded = await load(open_context, f"{served_console.url}/graphql")
    await expect(loaded.page.locator(".monaco-editor").first).to_be_visible()

    assert await loaded.page.evaluate("window.shifted") <= MAX_LAYOUT_SHIFT
