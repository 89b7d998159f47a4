"""What holds of every page: who sees it by ear or by keyboard, on a phone, in the dark, and with nothing to show."""

import pytest
from playwright.async_api import ViewportSize, expect

from tests.fixtures.console.browser import DESKTOP, NARROWEST, PHONE, Console

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


async def open_page(console: Console, address: str, viewport: ViewportSize = DESKTOP) -> None:
    await console.page.emulate_media(reduced_motion="reduce")
    await console.page.set_viewport_size(viewport)
    await console.open(address)
    await expect(console.page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    await expect(console.page.locator(".skeleton")).to_have_count(0)


async def test_axe_finds_nothing(console: Console, address: str) -> None:
    """Console behaviour 3."""
    await open_page(console, address)

    assert await console.faults() == []


async def test_no_page_is_wider_than_a_narrow_window_and_no_way_is_lost_there(console: Console, address: str) -> None:
    """Console behaviour 5: 320 px is also a desktop's window at 400 %, and wider than one at 200 %."""
    await open_page(console, address, NARROWEST)

    assert await console.overflows() == []
    ways = console.page.get_by_role("navigation", name="Pages").get_by_role("link")
    assert await ways.all_inner_texts() == ["Fleet", "Imports", "Reports", "Parks", "Access", "GraphiQL"]
    assert await console.faults() == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_what_the_keyboard_reaches_is_seen_and_marked(
    console: Console, address: str, viewport: ViewportSize
) -> None:
    """Console behaviour 4."""
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


async def test_each_page_has_a_title_of_its_own(console: Console, addresses: dict[str, str]) -> None:
    titles = {}
    for name in ("fleet", "vpp", "site", "imports", "import", "reports", "month", "parks", "access"):
        await open_page(console, addresses[name])
        titles[name] = await console.page.title()

    assert len(set(titles.values())) == len(titles)
    assert all(title.endswith(" · vpp") for title in titles.values())
