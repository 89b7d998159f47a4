"""Checks of every page: accessibility, keyboard, narrow windows, and titles."""

import re

import pytest
from playwright.async_api import ViewportSize, expect

from tests.fixtures.console.browser import DESKTOP, NARROWEST, PHONE, Console

# The focused element must be visible, not covered by a sticky bar, and have a focus indicator.
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


async def open_page(console: Console, address: str, viewport: ViewportSize = DESKTOP) -> None:
    await console.page.emulate_media(reduced_motion="reduce")
    await console.page.set_viewport_size(viewport)
    await console.open(address)
    await expect(console.page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    await expect(console.page.locator(".skeleton")).to_have_count(0)


async def test_every_page_has_no_axe_violations(console: Console, address: str) -> None:
    await open_page(console, address)

    assert await console.axe_violations() == []


async def test_every_page_fits_a_narrow_window_with_all_navigation_links(console: Console, address: str) -> None:
    """320 px is also a 1280 px desktop window at a zoom of 400 %."""
    await open_page(console, address, NARROWEST)

    assert await console.overflows() == []
    links = console.page.get_by_role("navigation", name="Pages").get_by_role("link")
    await expect(links).to_have_text(["Fleet", "Imports", "Reports", "Parks", "Access", "GraphiQL"])
    assert await console.axe_violations() == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_keyboard_focus_is_visible_and_marked(console: Console, address: str, viewport: ViewportSize) -> None:
    await open_page(console, address, viewport)
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


async def test_every_page_has_a_unique_title(console: Console, addresses: dict[str, str]) -> None:
    titles = {}
    for name in ("fleet", "vpp", "site", "imports", "import", "reports", "month", "parks", "access"):
        await open_page(console, addresses[name])
        await expect(console.page).to_have_title(re.compile(" · vpp$"))
        titles[name] = await console.page.title()

    assert len(set(titles.values())) == len(titles)
