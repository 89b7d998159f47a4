"""The console for those who have no mouse: where the focus is, and whether it can be seen there."""

from typing import Any

from tests.console.browser import Console

# A field is named by its label, and may stand in a frame which shows the focus in its place.
FOCUSED = """() => {
  const focused = document.activeElement;
  const frame = focused.closest(".control, label") ?? focused;
  const box = frame.getBoundingClientRect();
  const atPoint = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const isRinged = [focused, frame].some((each) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(each);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
  return {
    name: (focused.getAttribute("aria-label") ?? focused.labels?.[0]?.innerText ?? focused.innerText).trim(),
    isSeen: isRinged && frame.contains(atPoint),
    isInDialog: focused.closest("[role=dialog]") !== null,
  };
}"""


async def focused(console: Console) -> Any:
    """Return the name of what has the focus, whether it is seen to have it, and whether it is in a dialog."""
    return await console.page.evaluate(FOCUSED)


async def tab_to(console: Console, name: str, *, at_most: int = 40) -> None:
    """Go on by the Tab key until what has a name has the focus; all that is passed must be seen to have it, too."""
    passed = []
    for _ in range(at_most):
        await console.page.keyboard.press("Tab")
        at = await focused(console)
        passed.append(at["name"])
        assert at["isSeen"], at
        if at["name"] == name:
            return
    raise AssertionError(f"The Tab key does not lead to {name!r}, but to {passed}")
