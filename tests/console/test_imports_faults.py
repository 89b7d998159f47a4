"""The import page of running imports: stalled, killed, offline, cancelled and failed ones."""

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest_asyncio
from playwright.async_api import Page, expect

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.imports.intake import imported_key, upload_key
from graph.object_store import ObjectStore
from graph.web.server import Serving, serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import API_KEY, Api, new_name, new_nmi
from tests.fixtures.console.browser import Console, expect_equal, open_tab
from tests.fixtures.console.importing import (
    choose_files,
    expect_figures,
    expect_state,
    file_card,
    file_payload,
    find_imports,
    import_file,
    list_events,
    progress_section,
    read_figures,
)
from tests.fixtures.event_file import HEADER, EventFile, event_file
from tests.fixtures.proxy import Proxy, open_proxy
from tests.fixtures.stalling import stall_after_chunk
from tests.fixtures.watching import assert_events_count_once, start_import, wait_until_read
from tests.fixtures.worker_process import WorkerProcess, Workers, open_workers

AN_HOUR_S = 3600
ROWS = 10_000
CHUNKS = 5


@pytest_asyncio.fixture(scope="module")
async def served_console(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """Serve the console without a worker: the tests start, stall and kill their own."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as served:
        yield served


@pytest_asyncio.fixture
async def workers(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Workers]:
    async with open_workers(database_url, servers.object_store) as workers:
        yield workers


@pytest_asyncio.fixture
async def s3(servers: EmbeddedServers) -> AsyncIterator[Proxy]:
    """Return a proxy between the worker and S3, which can stall."""
    async with open_proxy(_port_of(str(servers.object_store.endpoint_url))) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def site(api: Api) -> tuple[str, str]:
    """Create a site, and return its id and its NMI."""
    nmi = new_nmi()
    return await api.create_site(await api.create_vpp(), nmi=nmi), nmi


class StalledImport:
    """An import that stalled midway, and the rows it has read so far."""

    def __init__(self, id: str, file: EventFile, stalled_at: int, worker: WorkerProcess) -> None:
        self.id = id
        self.file = file
        self.worker = worker
        rows = [row for row in file.content[len(HEADER) : stalled_at].split(b"\n") if row]
        self.rows_read = len(rows)
        last_line = file.content[:stalled_at].count(b"\n")
        self.rows_imported = sum(event.line_number <= last_line for event in file.events)


async def stall_import(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmi: str, *, seed: int
) -> StalledImport:
    """Start an import, and stall it after its first chunks."""
    file = event_file([nmi], rows=ROWS, seed=seed)
    # The lease outlives the test, so that the worker claims the import once, however slow the machine is.
    worker = await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S, lease_s=AN_HOUR_S)
    stalled_at = stall_after_chunk(s3, file, chunk_number=CHUNKS)
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, stalled_at)
    return StalledImport(import_id, file, stalled_at, worker)


async def expect_rows_read(page: Page, rows: int) -> None:
    await expect(progress_section(page)).to_contain_text(f"Rows read{rows:,}")


async def test_an_import_shows_its_progress_from_start_to_end(
    console: Console, api: Api, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    file = event_file([site[1]], rows=ROWS, seed=1)
    stalled_at = stall_after_chunk(s3, file, chunk_number=CHUNKS)
    rows_read = len([row for row in file.content[len(HEADER) : stalled_at].split(b"\n") if row])

    await import_file(console, "from its start.csv", file.content)
    await expect_state(console.page, "Queued")
    await expect(progress_section(console.page)).to_contain_text("The import starts automatically.")
    await expect_equal(
        lambda: read_figures(console.page),
        {
            "Rows read": "none yet",
            "Rows imported": "none yet",
            "Duplicate rows": "none yet",
            "Rows rejected": "none yet",
            "File": "not read yet",
            "Rows per second": "measuring",
            "Time left": "measuring",
        },
    )
    await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    await expect_rows_read(console.page, rows_read)
    await expect_state(console.page, "Running")
    await expect_figures(console.page, {"Rows read": f"{rows_read:,}", "File": f"{stalled_at / 1000:.1f} kB read"})
    await expect(console.page.get_by_role("progressbar", name="Read")).to_have_attribute(
        "aria-valuetext", f"{round(100 * stalled_at / len(file.content), 1):g} %"
    )
    await s3.heal()

    await expect_state(console.page, "Imported")
    await expect_figures(
        console.page, {"Rows imported": f"{len(file.events):,}", "Rows rejected": f"{file.rows_rejected:,}"}
    )


async def test_the_list_shows_the_progress_of_each_import(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    await stall_import(api, database, workers, s3, site[1], seed=2)
    await console.open("/imports", title="Imports")
    state = console.page.get_by_role("table", name="Imports").get_by_role("row").nth(1)

    await expect(state).to_contain_text("Running")
    await expect(state).to_contain_text(" %")
    await s3.heal()

    await expect(state).to_contain_text("Imported")


async def test_reload_second_tab_and_frozen_page_show_the_same_import(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=3)
    await console.open(f"/imports/{stalled.id}")
    await expect_rows_read(console.page, stalled.rows_read)

    await console.page.reload()
    second = await open_tab(console.page.context, console.url)
    await second.open(f"/imports/{stalled.id}")
    await expect_rows_read(console.page, stalled.rows_read)
    await expect_rows_read(second.page, stalled.rows_read)
    # A frozen page runs no script, like on a sleeping machine.
    devtools = await console.page.context.new_cdp_session(second.page)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    await s3.heal()
    await expect_state(console.page, "Imported")
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await expect_state(second.page, "Imported")

    await expect_equal(lambda: read_figures(second.page), await read_figures(console.page))
    ended = await wait_until_read(api, database, stalled.id, len(stalled.file.content))
    assert ended.run == 1
    await assert_events_count_once(api, database, stalled.id, stalled.file)


async def test_an_import_resumes_from_the_announced_row_after_its_worker_was_killed(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=4)
    await console.open(f"/imports/{stalled.id}")
    await expect_rows_read(console.page, stalled.rows_read)

    await stalled.worker.kill()
    message = progress_section(console.page).get_by_text("The worker has not responded for")
    await expect(message).to_contain_text(f"The import resumes automatically from row {stalled.rows_read + 1:,}.")
    await expect_state(console.page, "Running")
    await s3.heal()
    await workers.start()
    await expect_state(console.page, "Imported")

    await expect(message).to_have_count(0)
    await assert_events_count_once(api, database, stalled.id, stalled.file)


async def test_offline_pages_show_a_banner_and_refresh_without_losing_input(
    api: Api,
    database: Database,
    workers: Workers,
    s3: Proxy,
    site: tuple[str, str],
    open_context: OpenContext,
    served_console: Serving,
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=5)
    park = f"Reef of {new_name()}"
    await api.create_park(name=park)
    async with open_proxy(_port_of(served_console.url)) as proxy:
        context = await open_context()
        import_tab = await open_tab(context, f"http://127.0.0.1:{proxy.port}")
        upload_tab = await open_tab(context, import_tab.url)
        await import_tab.open(f"/imports/{stalled.id}")
        await expect_rows_read(import_tab.page, stalled.rows_read)
        await upload_tab.open("/imports", title="Imports")
        await choose_files(upload_tab.page, file_payload("readings.csv", "datetime,MW\n2025-09-01 00:00:00,1.5\n"))
        await file_card(upload_tab.page, "readings.csv").get_by_role("combobox", name="Park").fill("reef")
        # include_hidden: React Aria hides the table while the list of parks is open.
        row = upload_tab.page.locator(".table-scroller tbody").get_by_role("row", include_hidden=True).first
        await expect(row).to_contain_text("Running")

        proxy.fail("refuse")
        await context.set_offline(True)
        for tab in (import_tab, upload_tab):
            await expect(tab.page.get_by_text("The server cannot be reached.")).to_be_visible()
        await s3.heal()
        await api.wait_for_import(stalled.id)
        await expect_state(import_tab.page, "Running")
        await proxy.heal()
        await context.set_offline(False)

        await expect_state(import_tab.page, "Imported")
        await expect(row).to_contain_text("Imported")
        for tab in (import_tab, upload_tab):
            await expect(tab.page.get_by_text("The server cannot be reached.")).to_have_count(0)
        await expect(file_card(upload_tab.page, "readings.csv").get_by_role("combobox", name="Park")).to_have_value(
            "reef"
        )
        await upload_tab.page.get_by_role("combobox", name="Park").press("ArrowDown")
        await expect(upload_tab.page.get_by_role("option")).to_have_text([park])


async def test_an_unreachable_server_is_noticed_while_the_network_is_up(
    api: Api,
    database: Database,
    workers: Workers,
    s3: Proxy,
    site: tuple[str, str],
    open_context: OpenContext,
    served_console: Serving,
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=6)
    async with open_proxy(_port_of(served_console.url)) as proxy:
        import_tab = await open_tab(await open_context(), f"http://127.0.0.1:{proxy.port}")
        await import_tab.open(f"/imports/{stalled.id}")
        await expect_rows_read(import_tab.page, stalled.rows_read)

        proxy.fail("refuse")
        await expect(import_tab.page.get_by_text("The server cannot be reached.")).to_be_visible()
        await expect(progress_section(import_tab.page).get_by_text("The worker has not responded")).to_have_count(0)
        await proxy.heal()

        await expect(import_tab.page.get_by_text("The server cannot be reached.")).to_have_count(0)
        await s3.heal()
        await expect_state(import_tab.page, "Imported")


async def test_cancelling_an_import_has_the_announced_consequences(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=7)
    rows_rejected = stalled.rows_read - stalled.rows_imported
    await console.open(f"/imports/{stalled.id}")
    await expect_rows_read(console.page, stalled.rows_read)

    await console.press("Cancel import")
    dialog = console.dialog("Cancel this import?")
    await expect(dialog.get_by_role("listitem")).to_have_text(
        [
            f"None of its rows will count: the {stalled.rows_imported:,} imported so far are removed.",
            "Its rejected rows stay visible here.",
            "It stays in the list as cancelled, and cannot be restarted. You can import the file again.",
            "Reports do not change.",
        ]
    )
    await console.press("Keep the import")
    await expect(dialog).to_have_count(0)
    await expect_state(console.page, "Running")
    await console.press("Cancel import")
    await console.press("Cancel the import")
    await expect_state(console.page, "Cancelled")
    await s3.heal()
    await stalled.worker.terminate()
    await console.page.reload()

    await expect_state(console.page, "Cancelled")
    await expect(progress_section(console.page)).to_contain_text("None of its rows count.")
    await expect_figures(
        console.page, {"Rows removed": f"{stalled.rows_imported:,}", "Rows rejected": f"{rows_rejected:,}"}
    )
    await expect(console.page.get_by_role("table", name="Rejected rows")).to_have_attribute(
        "aria-rowcount", str(rows_rejected + 1)
    )
    await expect(console.page.get_by_role("button", name="Cancel import")).to_have_count(0)
    assert await list_events(api, site[0]) == []
    assert [item["status"] for item in await find_imports(api, "events.csv") if item["id"] == stalled.id] == [
        "CANCELLED"
    ]


async def test_a_failed_import_resumes_from_its_checkpoint_when_restarted(
    console: Console,
    api: Api,
    database: Database,
    object_store: ObjectStore,
    workers: Workers,
    s3: Proxy,
    site: tuple[str, str],
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=8)
    content, id = stalled.file.content, UUID(stalled.id)
    await stalled.worker.kill()
    await object_store.delete(imported_key(id, hashlib.md5(content, usedforsecurity=False).hexdigest()))
    await s3.heal()
    await workers.start()
    await console.open(f"/imports/{stalled.id}")
    await expect_state(console.page, "Failed")
    await expect(progress_section(console.page)).to_contain_text(
        "The uploaded file was deleted from the object store; upload it again as a new import."
    )

    await object_store.write(upload_key(id), content, content_type="text/csv")
    await console.press("Restart import")
    await expect_state(console.page, "Imported")

    await expect(console.page.get_by_role("alert")).to_have_count(0)
    await assert_events_count_once(api, database, stalled.id, stalled.file)


async def test_a_stalled_imports_page_has_no_axe_violations_and_fits_narrow_windows(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    stalled = await stall_import(api, database, workers, s3, site[1], seed=9)

    await console.open(f"/imports/{stalled.id}")
    await expect(progress_section(console.page).get_by_text("The worker has not responded")).to_be_visible()
    assert await console.axe_violations_and_overflows() == []
    await console.press("Cancel import")
    await expect(console.dialog("Cancel this import?")).to_be_visible()
    assert await console.axe_violations_and_overflows() == []
    await console.press("Cancel the import")
    await expect_state(console.page, "Cancelled")


def _port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port
