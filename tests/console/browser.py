"""The console as a person meets it: a tab of a real Chromium, and all it asked of the network and complained of."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, ViewportSize, WebSocket, expect

DESKTOP: ViewportSize = {"width": 1280, "height": 850}
PHONE: ViewportSize = {"width": 390, "height": 844}
# WCAG 2.2's narrowest, which is also a desktop's page at four times its size.
NARROWEST: ViewportSize = {"width": 320, "height": 640}

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Of axe's rules, those that look at colours: the others find the same in the dark.
OF_COLOURS = ["color-contrast", "link-in-text-block"]

# Told as an error, so that it is among the page's complaints; the browser's own line tells workers' too.
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (violation) => {
  console.error(`${violation.effectiveDirective} forbids ${violation.blockedURI}`);
});"""

TOKEN_KEPT = """async () => {
  while (!sessionStorage.getItem("vpp-token")) await new Promise(requestAnimationFrame);
}"""


TWO_FRAMES = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@dataclass
class Console:
    """A tab, and what it asked of the network and complained of since it was opened."""

    page: Page
    url: str
    addresses: list[str] = field(default_factory=list)
    operations: list[Any] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._note)
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

    async def sign_in(self, key: str) -> None:
        """Sign in as somebody else, and wait until a reload finds them signed in, too."""
        await self.page.goto(self.url)
        await self.press("Sign out")
        await self.page.get_by_label("API key").fill(key)
        await self.press("Sign in")
        await self.page.evaluate(TOKEN_KEPT)

    @property
    def title(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    async def press(self, name: str) -> None:
        """Press the button of a name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    @property
    def loading(self) -> Locator:
        """What is still being read."""
        return self.page.get_by_role("status").filter(has_text="Loading")

    def dialog(self, title: str) -> Locator:
        return self.page.get_by_role("dialog", name=title)

    async def faults(self, within: str = "html") -> list[str]:
        """Return what axe finds wrong with the page as it stands, light and dark, by WCAG 2.2 AA and good practice."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self._violations(within, {"runOnly": WCAG_AA})
        await self.page.emulate_media(color_scheme="dark")
        # GraphiQL's editors turn dark a moment after the page.
        await self.page.evaluate(TWO_FRAMES)
        found += await self._violations(within, {"runOnly": OF_COLOURS})
        await self.page.emulate_media(color_scheme="light")
        return found

    async def _violations(self, within: str, options: dict[str, Any]) -> list[str]:
        # React Aria's announcer holds for some seconds what it had screen readers say, though that has left the page.
        where = {"include": [within], "exclude": [["[data-live-announcer]"]]}
        options |= {"resultTypes": ["violations"]}
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

    async def faults_and_overflows(self) -> list[str]:
        """Return what axe finds on a desktop, and what is too wide where it is narrowest."""
        faults = await self.faults()
        await self.page.set_viewport_size(NARROWEST)
        overflows = await self.overflows()
        await self.page.set_viewport_size(DESKTOP)
        return faults + overflows

    async def controls(self) -> set[str]:
        """Return the names of all that can be pressed, filled in or followed on the page itself."""
        return set(await self.page.locator("main").evaluate(CONTROLS))

    async def too_small(self) -> list[str]:
        """Return the buttons and boxes to tick that are smaller than WCAG 2.2's 24 by 24 pixels."""
        return list(await self.page.evaluate(TOO_SMALL))

    async def kept(self) -> str:
        """Return all that the browser keeps of the page: its storage, address and history's state, as one text."""
        text: Any = await self.page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, history.state, document.cookie])"
        )
        return str(text)

    def sent(self, kind: str) -> list[Any]:
        """Return the messages of a kind that went over the WebSocket."""
        return [message for message in map(json.loads, self.frames) if message["type"] == kind]

    def _note(self, request: Request) -> None:
        self.addresses.append(request.url)
        if urlsplit(request.url).path == "/graphql" and request.method == "POST":
            self.operations.append(request.post_data_json)

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

CONTROLS = """(main) => [...main.querySelectorAll("a, button, input")]
  .filter((element) => element.checkVisibility())
  .map((element) => element.getAttribute("aria-label") ?? element.innerText)"""

TOO_SMALL = """[...document.querySelectorAll("main :is(button, label:has([type=checkbox]))")]
  .filter((element) => element.checkVisibility())
  .filter((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width < 24 || height < 24;
  })
  .map((element) => element.outerHTML)"""
