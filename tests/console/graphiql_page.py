"""GraphiQL's page, as its tests use it."""

from playwright.async_api import Locator, expect

from tests.console.browser import Console

# Pasted, since the editors close brackets and quotes of their own accord for whoever types.
PASTE = """(textbox, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  textbox.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


class GraphiQL(Console):
    """GraphiQL's page."""

    @property
    def result(self) -> Locator:
        return self.page.get_by_role("region", name="Result Window")

    @property
    def tab(self) -> Locator:
        """The name of the open tab, which closes by another button beside it."""
        return self.page.get_by_role("tab", selected=True).get_by_role("button").first

    @property
    def headers(self) -> Locator:
        return self.page.get_by_role("region", name="Headers")

    async def write(self, editor: Locator, text: str) -> None:
        """Put the text in place of what the editor holds."""
        textbox = editor.get_by_role("textbox", name="Editor content")
        await textbox.press("ControlOrMeta+A")
        await textbox.evaluate(PASTE, text)

    async def run(self, name: str, operation: str) -> None:
        """Write the operation, and run it once its name has reached the tab."""
        await self.write(self.page.get_by_role("region", name="Operation Editor"), operation)
        await expect(self.tab).to_have_text(name)
        await self.page.get_by_role("button", name="Execute query").click()
