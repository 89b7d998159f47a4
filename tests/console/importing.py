"""Files as a person imports them with the console, and what its pages say of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from playwright.async_api import FilePayload, Locator, Page, Route, expect

from tests.api import Api
from tests.console.browser import Console

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF"
# What it takes to read, send and import a file of these tests on a busy machine.
PATIENCE_MS = 30_000

LIST_IMPORTS = "{ listImports(limit: 200) { items { id status fileName rowsImported } } }"


def events(*rows: str) -> str:
    """Put rows below a header of battery events."""
    return "".join(f"{line}\n" for line in (HEADER, *rows))


def file(name: str, content: str | bytes) -> FilePayload:
    """Return a file of this machine, as the browser is given it."""
    return {
        "name": name,
        "mimeType": "text/csv",
        "buffer": content if isinstance(content, bytes) else content.encode(),
    }


async def choose(page: Page, *files: FilePayload, button: str = "Choose files") -> None:
    """Choose files by the dialog that a button opens."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name=button, exact=True).click()
    await (await chooser.value).set_files(list(files))


async def send(console: Console, name: str, content: str | bytes) -> None:
    """Choose a file on the page of all imports, import it, and wait until its own page is shown."""
    await console.open("/imports", title="Imports")
    await choose(console.page, file(name, content))
    await console.press("Import")
    await expect(console.title).to_have_text(name, timeout=PATIENCE_MS)


async def expect_state(page: Page, state: str) -> None:
    """Wait until an import's page says this of it."""
    await expect(progress(page).get_by_role("status").first).to_have_text(state, timeout=PATIENCE_MS)


def progress(page: Page) -> Locator:
    return page.get_by_role("region", name="Progress")


def card(page: Page, name: str) -> Locator:
    """Find what is said of a file that was chosen, or is sent."""
    return page.get_by_role("article", name=name)


async def figures(page: Page) -> dict[str, str]:
    """Read the figures on an import's page, by their labels."""
    read: Any = await progress(page).evaluate("""(card) => Object.fromEntries(
        [...card.querySelectorAll(".figure")].map((figure) =>
            [figure.querySelector("dt").textContent, figure.querySelector("dd").textContent])
    )""")
    return dict(read)


async def cells(table: Locator) -> list[list[str]]:
    """Read the rows of a table that are drawn."""
    read: Any = await table.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return [list(row) for row in read]


async def of_name(api: Api, name: str) -> list[Any]:
    """List the imports of a file name, newest first."""
    listed = await api.ask(LIST_IMPORTS)
    return [each for each in listed["items"] if each["fileName"] == name]


async def events_of(api: Api, site_id: str) -> Sequence[tuple[str, str]]:
    """List the days and values of a site's events."""
    site = await api.ask(
        "query ($id: ID!) { getSite(id: $id) { events { items { settlementDate valueAud } } } }", id=site_id
    )
    return [(event["settlementDate"], event["valueAud"]) for event in site["events"]["items"]]


async def hold_uploads(page: Page, s3: str) -> asyncio.Queue[Route]:
    """Hold every upload until its route, which comes in the queue, goes on."""
    held: asyncio.Queue[Route] = asyncio.Queue()

    async def hold(route: Route) -> None:
        if route.request.method == "PUT":
            held.put_nowait(route)
        else:
            await route.continue_()

    await page.route(f"{s3}/**", hold)
    return held
