"""The console as a person meets it: a tab of a real Chromium, and all it asked of the network and complained of."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, WebSocket, expect

DESKTOP = {"width": 1280, "height": 850}
PHONE = {"width": 390, "height": 844}
# WCAG 2.2's narrowest, which is also a desktop's page at four times its size.
NARROWEST = {"width": 320, "height": 640}

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Told as an error, so that it is among the page's complaints; the browser's own line tells workers' too.
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (violation) => {
  console.error(`${violation.effectiveDirective} forbids ${violation.blockedURI}`);
});"""


@dataclass
class Console:
    """A tab, and what it asked of the network and complained of since it was opened."""

    page: Page
    url: str
    addresses: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("websocket", self._follow)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)

    @property
    def hosts(self) -> set[str]:
        """The hosts that were asked for anything; a page's own data and blobs have none."""
        return {urlsplit(address).netloc for address in self.addresses} - {""}

    async def open(self, path: str, *, title: str | None = None) -> None:
        """Go to a page, and wait until it has its title."""
        await self.page.goto(self.url + path)
        await expect(
            self.title if title is None else self.page.get_by_role("heading", level=1, name=title)
        ).to_be_visible()

    @property
    def title(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    async def press(self, name: str) -> None:
        """Press the button of a name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    def dialog(self, title: str) -> Locator:
        return self.page.get_by_role("dialog", name=title)

    async def faults(self, within: str = "html") -> list[str]:
        """Return what axe finds wrong with the page as it stands, by WCAG 2.2 AA and good practice."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        options = {"runOnly": WCAG_AA, "resultTypes": ["violations"]}
        # React Aria's announcer holds for some seconds what it had screen readers say, though that has left the page.
        where = {"include": [within], "exclude": [["[data-live-announcer]"]]}
        found: Any = await self.page.evaluate("([where, options]) => axe.run(where, options)", [where, options])
        return [
            f"{violation['id']}: {violation['help']} ({node['html']}; {node['failureSummary']})"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    async def overflows(self) -> list[str]:
        """Return what makes the page wider than its window, other than what scrolls within itself."""
        found: Any = await self.page.evaluate(OVERFLOWS)
        return [str(each) for each in found]

    async def kept(self) -> str:
        """Return all that the browser keeps of the page: its storage, address and history's state, as one text."""
        text: Any = await self.page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, history.state, document.cookie])"
        )
        return str(text)

    def sent(self, kind: str) -> list[Any]:
        """Return the messages of a kind that went over the WebSocket."""
        return [message for message in map(json.loads, self.frames) if message["type"] == kind]

    def _follow(self, socket: WebSocket) -> None:
        self.addresses.append(socket.url)
        socket.on("framesent", lambda frame: self.frames.append(str(frame)))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


async def open_tab(context: BrowserContext, url: str) -> Console:
    """Open another tab of a window."""
    return Console(await context.new_page(), url)


OVERFLOWS = """() => {
  const width = document.documentElement.clientWidth;
  const isHeld = (element) =>
    element && (/auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX) || isHeld(element.parentElement));
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !isHeld(element.parentElement))
    .map((element) => element.outerHTML.slice(0, 120));
}"""
