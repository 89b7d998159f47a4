"""What holds of every page: who sees it by ear or by keyboard, on a phone, in the dark, and with nothing to show."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from graph.serving import Serving
from tests.console.browser import DESKTOP, NARROWEST, PHONE, Console, open_tab
from tests.console.conftest import OpenContext

# Tabbed through until the focus comes round: what has it must be seen, not lie below a bar that stays in place.
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const { x, y, width, height } = element.getBoundingClientRect();
  const inset = 2;
  const corners = [[x + width / 2, y + height / 2], [x + inset, y + inset], [x + width - inset, y + height - inset]];
  const isSeen = corners.some(([left, top]) => {
    const hit = document.elementFromPoint(left, top);
    return hit && (hit === element || element.contains(hit) || hit.contains(element));
  });
  const { outlineStyle, boxShadow } = getComputedStyle(element);
  const within = element.closest("[data-focus-within], [data-focused], [data-focus-visible], label");
  const isMarked = outlineStyle !== "none" || boxShadow !== "none" || within !== null;
  return { html: element.outerHTML.slice(0, 160), isSeen, isMarked, isFirst: element.matches(".skip") };
}"""


@pytest_asyncio.fixture
async def tabs(open_context: OpenContext, served_console: Serving) -> AsyncIterator[Any]:
    """Opens a page in a window of its own; no page may complain."""
    opened: list[Console] = []

    async def open_one(address: str, **options: Any) -> Console:
        console = await open_tab(await open_context(**options), served_console.url)
        opened.append(console)
        await console.open(address)
        await expect(console.page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
        await expect(console.page.locator(".skeleton")).to_have_count(0)
        return console

    yield open_one
    assert [complaint for console in opened for complaint in console.complaints] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(tabs: Any, address: str, scheme: str) -> None:
    """Console behaviour 3."""
    console: Console = await tabs(address, color_scheme=scheme, reduced_motion="reduce")

    assert await console.faults() == []


async def test_no_page_is_wider_than_a_narrow_window_and_no_way_is_lost_there(tabs: Any, address: str) -> None:
    """Console behaviour 5: 320 px is also a desktop's window at 400 %, and wider than one at 200 %."""
    console: Console = await tabs(address, viewport=NARROWEST)

    assert await console.overflows() == []
    ways = console.page.get_by_role("navigation", name="Pages").get_by_role("link")
    assert await ways.all_inner_texts() == ["Fleet", "Imports", "Reports", "Parks", "Access", "GraphiQL"]
    assert await console.faults() == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_what_the_keyboard_reaches_is_seen_and_marked(tabs: Any, address: str, viewport: Any) -> None:
    """Console behaviour 4."""
    console: Console = await tabs(address, viewport=viewport)
    faults = []
    reached = 0

    for _ in range(200):
        await console.page.keyboard.press("Tab")
        at = await console.page.evaluate(FOCUS)
        if at is None or (at["isFirst"] and reached):
            break
        reached += 1
        if not (at["isSeen"] and at["isMarked"]):
            faults.append(at)

    assert faults == []
    assert reached > 6


async def test_each_page_has_a_title_of_its_own(tabs: Any, addresses: dict[str, str]) -> None:
    titles = {}
    for name in ("fleet", "vpp", "site", "imports", "import", "reports", "month", "parks", "access"):
        console: Console = await tabs(addresses[name])
        titles[name] = await console.page.title()

    assert len(set(titles.values())) == len(titles)
    assert all(title.endswith(" · vpp") for title in titles.values())
