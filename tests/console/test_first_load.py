"""What is sent when the console is opened for the first time, and whether it stays in its place while it comes."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, ViewportSize, expect

from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.console.browser import DESKTOP, PHONE, Console

SCRIPTS_AT_MOST = 250_000
ALL_AT_MOST = 300_000
SHIFTED_AT_MOST = 0.1
# A round trip as by mobile phone, so that what is shown meanwhile is seen meanwhile.
ROUND_TRIP_MS = 150

# What moves without having been told to, as a part of the window times a part of its way; added up.
OBSERVE_SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
}).observe({ type: "layout-shift", buffered: true });"""


@dataclass
class Loaded:
    """What a window was sent, with nothing kept from before: bytes as they went over the wire, by address."""

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
        cdp.on("Network.requestWillBeSent", self._note)
        cdp.on("Network.loadingFinished", self._add)
        await cdp.send("Network.enable")
        slow = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": -1, "uploadThroughput": -1}
        await cdp.send("Network.emulateNetworkConditions", slow)

    def _note(self, sent: dict[str, Any]) -> None:
        self._urls[sent["requestId"]] = sent["request"]["url"]

    def _add(self, finished: dict[str, Any]) -> None:
        url = self._urls[finished["requestId"]]
        self.sizes[url] = self.sizes.get(url, 0) + finished["encodedDataLength"]


async def load(open_context: OpenContext, url: str, viewport: ViewportSize = DESKTOP) -> Loaded:
    """Open a page with nothing kept from before, and wait until all of it is there."""
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
    """The hosts that may be asked: the server's own, and that of the object store."""
    return {urlsplit(url).netloc for url in (served_console.url, str(servers.object_store.endpoint_url))}


async def test_the_first_page_takes_250_kb_of_scripts_and_300_kb_in_all(
    open_context: OpenContext, served_console: Serving, addresses: dict[str, str]
) -> None:
    """Console behaviour 2."""
    loaded = await load(open_context, served_console.url + addresses["fleet"])

    assert 50_000 < loaded.bytes_of(".js") <= SCRIPTS_AT_MOST
    assert loaded.bytes_of(".js") < loaded.bytes_of() <= ALL_AT_MOST
    assert loaded.hosts == {served_console.url.removeprefix("http://")}


async def test_the_editors_of_graphiql_are_sent_for_its_own_page_alone(
    console: Console, open_context: OpenContext, served_console: Serving, addresses: dict[str, str], ours: set[str]
) -> None:
    """Console behaviour 2."""
    graphiql = await load(open_context, f"{served_console.url}/graphql")
    await expect(graphiql.page.locator(".monaco-editor").first).to_be_visible()
    for address in addresses.values():
        await console.open(address)
        await expect(console.page.locator(".skeleton")).to_have_count(0)
        await console.page.wait_for_load_state("networkidle")
    elsewhere = {urlsplit(asked).path for asked in console.addresses}

    assert graphiql.hosts <= ours
    assert names_of(elsewhere) >= {"FleetPage", "ImportsPage", "MonthPage", "ParksPage", "AccessPage"}
    alone = graphiql.files - elsewhere
    assert names_of(alone) >= {"GraphiQLPage", "monaco"}
    assert sum(size for url, size in graphiql.sizes.items() if urlsplit(url).path in alone) > 1_000_000


def names_of(files: set[str]) -> set[str]:
    """Return what files are named before the hashes of what is in them."""
    return {file.rpartition("/")[2].partition("-")[0] for file in files}


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_nothing_moves_while_a_page_loads(
    open_context: OpenContext, served_console: Serving, address: str, viewport: ViewportSize
) -> None:
    """Console behaviour 1."""
    loaded = await load(open_context, served_console.url + address, viewport)

    assert await loaded.page.evaluate("window.shifted") <= SHIFTED_AT_MOST


async def test_nothing_moves_while_graphiql_loads(open_context: OpenContext, served_console: Serving) -> None:
    """Console behaviour 1."""
    loaded = await load(open_context, f"{served_console.url}/graphql")
    await expect(loaded.page.locator(".monaco-editor").first).to_be_visible()

    assert await loaded.page.evaluate("window.shifted") <= SHIFTED_AT_MOST
