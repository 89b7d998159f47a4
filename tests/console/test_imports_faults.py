"""Imports that take their time, are held up, killed, cut off and given up, as a person sees it all."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest_asyncio
from playwright.async_api import Page, expect

from db.engine.database import Database
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.imports.intake import upload_key
from graph.object_store import ObjectStore
from graph.web.server import Serving, serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import API_KEY, Api, new_name, new_nmi
from tests.fixtures.console.browser import Console, open_tab
from tests.fixtures.console.importing import (
    PATIENCE_MS,
    card,
    choose,
    events_of,
    expect_state,
    figures,
    file,
    of_name,
    progress,
    send,
)
from tests.fixtures.event_file import HEADER, EventFile, event_file
from tests.fixtures.proxy import Proxy, open_proxy
from tests.fixtures.stalling import stall_after_chunk
from tests.fixtures.watching import assert_events_count_once, start_import, wait_until_read
from tests.fixtures.worker_process import WorkerProcess, Workers, open_workers

AN_HOUR_S = 3600
ROWS = 10_000
CHUNKS = 5
# A person is told within so long that a worker was killed.
TOLD_WITHIN_MS = 10_000


@pytest_asyncio.fixture(scope="module")
async def served_console(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """The console without a worker: tests start, hold and kill their own."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as served:
        yield served


@pytest_asyncio.fixture
async def workers(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Workers]:
    async with open_workers(database_url, servers.object_store) as workers:
        yield workers


@pytest_asyncio.fixture
async def s3(servers: EmbeddedServers) -> AsyncIterator[Proxy]:
    """A worker's way to S3, which can be made to stall."""
    async with open_proxy(_port_of(str(servers.object_store.endpoint_url))) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def site(api: Api) -> tuple[str, str]:
    """A site's id, and its NMI."""
    nmi = new_nmi()
    return await api.create_site(await api.create_vpp(), nmi=nmi), nmi


class Held:
    """An import that stands still in its middle, and what it has read by then."""

    def __init__(self, id: str, file: EventFile, first_part: int, worker: WorkerProcess) -> None:
        self.id = id
        self.file = file
        self.worker = worker
        rows = [row for row in file.content[len(HEADER) : first_part].split(b"\n") if row]
        self.rows_read = len(rows)
        last_line = file.content[:first_part].count(b"\n")
        self.rows_imported = sum(event.line_number <= last_line for event in file.events)


async def hold(api: Api, database: Database, workers: Workers, s3: Proxy, nmi: str, *, seed: int) -> Held:
    """Start an import, and hold it behind its first chunks."""
    file = event_file([nmi], rows=ROWS, seed=seed)
    worker = await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    first_part = stall_after_chunk(s3, file, chunk_number=CHUNKS)
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, first_part)
    return Held(import_id, file, first_part, worker)


async def expect_rows_read(page: Page, rows: int) -> None:
    await expect(progress(page)).to_contain_text(f"Rows read{rows:,}", timeout=PATIENCE_MS)


async def test_an_import_says_what_it_is_at_from_its_start_to_its_end(
    console: Console, api: Api, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    """Console behaviour 7."""
    file = event_file([site[1]], rows=ROWS, seed=1)
    first_part = stall_after_chunk(s3, file, chunk_number=CHUNKS)
    rows_read = len([row for row in file.content[len(HEADER) : first_part].split(b"\n") if row])

    await send(console, "from its start.csv", file.content)
    await expect_state(console.page, "Queued")
    await expect(progress(console.page)).to_contain_text("The import starts automatically.")
    waiting = await figures(console.page)
    await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    await expect_rows_read(console.page, rows_read)
    await expect_state(console.page, "Running")
    running = await figures(console.page)
    bar = await console.page.get_by_role("progressbar", name="Read").get_attribute("aria-valuetext")
    await s3.heal()
    await expect_state(console.page, "Imported")
    ended = await figures(console.page)

    assert waiting == {
        "Rows read": "none yet",
        "Rows imported": "none yet",
        "Duplicate rows": "none yet",
        "Rows rejected": "none yet",
        "File": "not read yet",
        "Rows per second": "measuring",
        "Time left": "measuring",
    }
    assert running["Rows read"] == f"{rows_read:,}"
    assert running["File"] == f"{first_part / 1000:.1f} kB read"
    assert bar == f"{round(100 * first_part / len(file.content), 1):g} %"
    assert ended["Rows imported"] == f"{len(file.events):,}"
    assert ended["Rows rejected"] == f"{file.rows_rejected:,}"


async def test_a_list_shows_how_far_each_of_its_imports_is(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    await hold(api, database, workers, s3, site[1], seed=2)
    await console.open("/imports", title="Imports")
    state = console.page.get_by_role("table", name="Imports").get_by_role("row").nth(1)

    await expect(state).to_contain_text("Running")
    await expect(state).to_contain_text(" %")
    await s3.heal()

    await expect(state).to_contain_text("Imported", timeout=PATIENCE_MS)


async def test_a_reload_a_second_tab_and_a_sleeping_machine_change_nothing_of_an_import(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    """Console behaviour 8."""
    held = await hold(api, database, workers, s3, site[1], seed=3)
    await console.open(f"/imports/{held.id}")
    await expect_rows_read(console.page, held.rows_read)

    await console.page.reload()
    second = await open_tab(console.page.context, console.url)
    await second.open(f"/imports/{held.id}")
    await expect_rows_read(console.page, held.rows_read)
    await expect_rows_read(second.page, held.rows_read)
    # Nothing of a frozen page runs, as on a machine that sleeps.
    devtools = await console.page.context.new_cdp_session(second.page)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    await s3.heal()
    await expect_state(console.page, "Imported")
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await expect_state(second.page, "Imported")

    assert await figures(console.page) == await figures(second.page)
    ended = await wait_until_read(api, database, held.id, len(held.file.content))
    assert ended.run == 1
    await assert_events_count_once(api, database, held.id, held.file)


async def test_a_killed_workers_import_says_from_which_row_it_resumes_and_does_so(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    """Console behaviour 9."""
    held = await hold(api, database, workers, s3, site[1], seed=4)
    await console.open(f"/imports/{held.id}")
    await expect_rows_read(console.page, held.rows_read)

    await held.worker.kill()
    told = progress(console.page).get_by_text("The worker has not responded for")
    await expect(told).to_contain_text(
        f"The import resumes automatically from row {held.rows_read + 1:,}.", timeout=TOLD_WITHIN_MS
    )
    await expect_state(console.page, "Running")
    await s3.heal()
    await workers.start()
    await expect_state(console.page, "Imported")

    await expect(told).to_have_count(0)
    await assert_events_count_once(api, database, held.id, held.file)


async def test_pages_that_were_cut_off_say_so_catch_up_by_themselves_and_lose_nothing_that_was_typed(
    api: Api,
    database: Database,
    workers: Workers,
    s3: Proxy,
    site: tuple[str, str],
    open_context: OpenContext,
    served_console: Serving,
) -> None:
    """Console behaviour 10."""
    held = await hold(api, database, workers, s3, site[1], seed=5)
    park = f"Reef of {new_name()}"
    await api.create_park(name=park)
    async with open_proxy(_port_of(served_console.url)) as way:
        context = await open_context()
        followed = await open_tab(context, f"http://127.0.0.1:{way.port}")
        typing = await open_tab(context, followed.url)
        await followed.open(f"/imports/{held.id}")
        await expect_rows_read(followed.page, held.rows_read)
        await typing.open("/imports", title="Imports")
        await choose(typing.page, file("readings.csv", "datetime,MW\n2025-09-01 00:00:00,1.5\n"))
        await card(typing.page, "readings.csv").get_by_role("combobox", name="Park").fill("reef")
        # Behind the list of parks that is open.
        row = typing.page.locator(".table-scroller tbody").get_by_role("row", include_hidden=True).first
        await expect(row).to_contain_text("Running")

        way.fail("refuse")
        await context.set_offline(True)
        for tab in (followed, typing):
            await expect(tab.page.get_by_text("The server cannot be reached.")).to_be_visible(timeout=PATIENCE_MS)
        await s3.heal()
        await api.wait_for_import(held.id)
        await expect_state(followed.page, "Running")
        await way.heal()
        await context.set_offline(False)

        await expect_state(followed.page, "Imported")
        await expect(row).to_contain_text("Imported", timeout=PATIENCE_MS)
        for tab in (followed, typing):
            await expect(tab.page.get_by_text("The server cannot be reached.")).to_have_count(0)
        await expect(card(typing.page, "readings.csv").get_by_role("combobox", name="Park")).to_have_value("reef")
        await typing.page.get_by_role("combobox", name="Park").press("ArrowDown")
        await expect(typing.page.get_by_role("option")).to_have_text([park])


async def test_a_server_that_is_away_without_the_network_being_so_is_noticed_and_caught_up_with(
    api: Api,
    database: Database,
    workers: Workers,
    s3: Proxy,
    site: tuple[str, str],
    open_context: OpenContext,
    served_console: Serving,
) -> None:
    """Console behaviour 10."""
    held = await hold(api, database, workers, s3, site[1], seed=6)
    async with open_proxy(_port_of(served_console.url)) as way:
        followed = await open_tab(await open_context(), f"http://127.0.0.1:{way.port}")
        await followed.open(f"/imports/{held.id}")
        await expect_rows_read(followed.page, held.rows_read)

        way.fail("refuse")
        await expect(followed.page.get_by_text("The server cannot be reached.")).to_be_visible(timeout=PATIENCE_MS)
        await expect(progress(followed.page).get_by_text("The worker has not responded")).to_have_count(0)
        await way.heal()

        await expect(followed.page.get_by_text("The server cannot be reached.")).to_have_count(0, timeout=PATIENCE_MS)
        await s3.heal()
        await expect_state(followed.page, "Imported")


async def test_a_cancelled_import_is_what_it_was_said_it_would_be(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    """Console behaviour 15."""
    held = await hold(api, database, workers, s3, site[1], seed=7)
    rows_rejected = held.rows_read - held.rows_imported
    await console.open(f"/imports/{held.id}")
    await expect_rows_read(console.page, held.rows_read)

    await console.press("Cancel import")
    dialog = console.dialog("Cancel this import?")
    await expect(dialog.get_by_role("listitem")).to_have_text(
        [
            f"None of its rows will count: the {held.rows_imported:,} imported so far are removed.",
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
    await held.worker.terminate()
    await console.page.reload()

    await expect_state(console.page, "Cancelled")
    await expect(progress(console.page)).to_contain_text("None of its rows count.")
    shown = await figures(console.page)
    assert (shown["Rows removed"], shown["Rows rejected"]) == (f"{held.rows_imported:,}", f"{rows_rejected:,}")
    await expect(console.page.get_by_role("table", name="Rejected rows")).to_have_attribute(
        "aria-rowcount", str(rows_rejected + 1)
    )
    await expect(console.page.get_by_role("button", name="Cancel import")).to_have_count(0)
    assert await events_of(api, site[0]) == []
    assert [each["status"] for each in await of_name(api, "events.csv") if each["id"] == held.id] == ["CANCELLED"]


async def test_a_failed_import_goes_on_from_where_it_was_when_it_is_started_again(
    console: Console,
    api: Api,
    database: Database,
    object_store: ObjectStore,
    workers: Workers,
    s3: Proxy,
    site: tuple[str, str],
) -> None:
    held = await hold(api, database, workers, s3, site[1], seed=8)
    key = upload_key(UUID(held.id))
    await held.worker.kill()
    await object_store.delete(key)
    await s3.heal()
    await workers.start()
    await console.open(f"/imports/{held.id}")
    await expect_state(console.page, "Failed")
    await expect(progress(console.page)).to_contain_text(
        "The uploaded file was deleted from the object store; upload it again as a new import."
    )

    await console.press("Restart import")
    await expect(console.page.get_by_role("alert")).to_contain_text("The file is not uploaded yet")
    await object_store.write(key, held.file.content, content_type="text/csv")
    await console.press("Restart import")
    await expect_state(console.page, "Imported")

    await expect(console.page.get_by_role("alert")).to_have_count(0)
    await assert_events_count_once(api, database, held.id, held.file)


async def test_nothing_keeps_anyone_from_following_an_import(
    console: Console, api: Api, database: Database, workers: Workers, s3: Proxy, site: tuple[str, str]
) -> None:
    held = await hold(api, database, workers, s3, site[1], seed=9)

    await console.open(f"/imports/{held.id}")
    await expect(progress(console.page).get_by_text("The worker has not responded")).to_be_visible(
        timeout=TOLD_WITHIN_MS
    )
    assert await console.faults_and_overflows() == []
    await console.press("Cancel import")
    await expect(console.dialog("Cancel this import?")).to_be_visible()
    assert await console.faults_and_overflows() == []
    await console.press("Cancel the import")
    await expect_state(console.page, "Cancelled")


def _port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port
