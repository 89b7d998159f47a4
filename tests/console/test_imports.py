"""The import pages: previewing and uploading files, rejected rows, and reverting imports."""

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Dialog, expect

from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import WAIT_S, Api, new_name, new_nmi
from tests.fixtures.console.browser import Console, open_tab
from tests.fixtures.console.importing import (
    choose_files,
    events_csv,
    expect_cells,
    expect_figures,
    expect_state,
    file_card,
    file_payload,
    find_imports,
    import_file,
    list_events,
    pause_uploads,
    progress_section,
)

REJECTED = 100_000


@pytest.fixture
def s3(servers: EmbeddedServers) -> str:
    return str(servers.object_store.endpoint_url)


async def create_site(api: Api) -> tuple[str, str]:
    """Create a site in a new VPP, and return its id and its NMI."""
    nmi = new_nmi()
    return await api.create_site(await api.create_vpp(), nmi=nmi, capacity_kwh=13.5), nmi


async def test_a_file_is_previewed_before_anything_is_sent(console: Console, api: Api, s3: str) -> None:
    nmi = new_nmi()
    content = (
        f'tariff,Note,nmi,event_type,ENERGY,date\n8,"a, b", {nmi} ,CHARGE,6.0,2025-09-02\n\n22,c,{nmi},DISCHARGE\n'
    )

    await console.open("/imports", title="Imports")
    await choose_files(console.page, file_payload("shown.csv", content))

    shown = file_card(console.page, "shown.csv")
    await expect(shown).to_contain_text(f"{len(content)} bytes · 2 rows")
    await expect(shown.get_by_role("list", name="Columns").get_by_role("listitem")).to_have_text(
        ["NMI found", "DATE found", "EVENT_TYPE found", "ENERGY found", "TARIFF found"]
    )
    await expect(shown).to_contain_text("Ignored columns: Note")
    await expect_cells(
        shown.get_by_role("table"),
        [
            ["2", nmi, "2025-09-02", "CHARGE", "6.0", "8"],
            ["4", "Will be rejected: 4 fields, but the header has 6"],
        ],
    )
    assert await find_imports(api, "shown.csv") == []
    assert [operation for operation in console.operations if "mutation" in operation["query"]] == []
    assert [address for address in console.requested_urls if address.startswith(s3)] == []


async def test_a_gzip_file_is_previewed_and_imported(console: Console, api: Api) -> None:
    site_id, nmi = await create_site(api)
    packed = gzip.compress(events_csv(f"{nmi},2025-09-02,DISCHARGE,5.0,22").encode())

    await console.open("/imports", title="Imports")
    await choose_files(console.page, file_payload("packed.csv.gz", packed))
    shown = file_card(console.page, "packed.csv.gz")
    await expect(shown).to_contain_text(f"{len(packed)} bytes · gzip · 1 row")
    await expect_cells(shown.get_by_role("table"), [["2", nmi, "2025-09-02", "DISCHARGE", "5.0", "22"]])
    await console.press("Import")
    await expect_state(console.page, "Imported")

    assert await list_events(api, site_id) == [("2025-09-02", "1.10")]


@pytest.mark.parametrize(
    "content",
    [
        "NMI;DATE;EVENT_TYPE;ENERGY;TARIFF\r\n{};2025-09-02;DISCHARGE;5.0;22\r\n;;;;\r\n",
        "NMI\tDATE\tEVENT_TYPE\tENERGY\tTARIFF\r{}\t2025-09-02\tDISCHARGE\t5.0\t22\r",
        "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{},2025-09-02,DISCHARGE,5.0\u00a0,22,,\n,,,,\n",
        'NMI,DATE,EVENT_TYPE,ENERGY,TARIFF,\n="{}",2025-09-02,DISCHARGE,5.0,22\n',
    ],
)
async def test_a_file_of_a_spreadsheet_is_previewed_and_imported(console: Console, api: Api, content: str) -> None:
    site_id, nmi = await create_site(api)

    await console.open("/imports", title="Imports")
    await choose_files(console.page, file_payload("sheet.csv", content.format(nmi)))
    shown = file_card(console.page, "sheet.csv")
    await expect(shown).to_contain_text("· 1 row")
    await expect_cells(shown.get_by_role("table"), [["2", nmi, "2025-09-02", "DISCHARGE", "5.0", "22"]])
    await console.press("Import")
    await expect_state(console.page, "Imported")

    assert await list_events(api, site_id) == [("2025-09-02", "1.10")]


async def test_line_that_declares_the_separator_is_above_the_header(console: Console) -> None:
    await console.open("/imports", title="Imports")

    await choose_files(console.page, file_payload("declared.csv", "sep=;\nMW;datetime\n1.5;2025-09-01 00:00\n"))

    table = file_card(console.page, "declared.csv").get_by_role("table")
    await expect_cells(table, [["3", "2025-09-01 00:00", "1.5"]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lacking.csv", "NMI,DAY,EVENT_TYPE,ENERGY,TARIFF\n1,2,3,4,5\n", "DATE is missing"),
        ("twice.csv", "NMI,DATE,date,EVENT_TYPE,ENERGY,TARIFF\n1,2,2,3,4,5\n", "more than one column DATE"),
        ("empty.csv", "", "The file is empty; a header and rows below it were expected."),
        ("workbook.xlsx", b"PK\x03\x04\x14\x00", "This is an Excel workbook or a zip file."),
        ("wide.csv", "NMI,DATE\n".encode("utf-16"), "The file is UTF-16."),
        ("damaged.csv.gz", b"\x1f\x8b\x08\x00damaged", "The gzip file is damaged, or has no header."),
    ],
)
async def test_an_invalid_file_is_not_sent_and_shows_the_reason(
    console: Console, name: str, content: str | bytes, message: str
) -> None:
    await console.open("/imports", title="Imports")

    await choose_files(console.page, file_payload(name, content))

    await expect(file_card(console.page, name)).to_contain_text(message)
    await expect(console.page.get_by_role("button", name="Import", exact=True)).to_be_disabled()


async def test_charge_tariffs_have_the_selected_meaning(console: Console, api: Api) -> None:
    site_id, nmi = await create_site(api)

    await console.open("/imports", title="Imports")
    await choose_files(console.page, file_payload("earning.csv", events_csv(f"{nmi},2025-09-02,CHARGE,5,8")))
    await expect(console.page.get_by_role("radiogroup", name="Charge tariffs mean")).to_contain_text(
        "each kWh cost 8 cents, which lowers the revenue"
    )
    await console.page.get_by_text("the earnings from charging").click()
    await expect(console.page.get_by_role("radiogroup", name="Charge tariffs mean")).to_contain_text(
        "each kWh earned 8 cents, which adds to the revenue"
    )
    await console.press("Import")
    await expect_state(console.page, "Imported")

    assert await list_events(api, site_id) == [("2025-09-02", "0.40")]


async def test_readings_are_imported_into_the_park_found_by_name(console: Console, api: Api) -> None:
    name = f"Dunes of {new_name()}"
    park_id = await api.create_park(name=name)
    await api.create_park(name=f"Polder of {new_name()}")

    await console.open("/imports", title="Imports")
    await choose_files(console.page, file_payload("readings.csv", "datetime,MW\n2025-09-01 00:00:00,1.5\n"))
    shown = file_card(console.page, "readings.csv")
    await expect(shown.get_by_role("button", name="Kind")).to_contain_text("Readings of a park")
    await expect(console.page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    await shown.get_by_role("combobox", name="Park").fill("dunes")
    await console.page.get_by_role("option").click()
    await expect(shown).to_contain_text("Times are local times in Europe/Amsterdam")
    await console.press("Import")
    await expect_state(console.page, "Imported")

    await expect(console.page.get_by_role("main")).to_contain_text(f"Readings of {name}")
    park = await api.execute(
        "query ($id: ID!) { getPark(id: $id) { readings { items { intervalStart powerMw } } } }", id=park_id
    )
    assert park["readings"]["items"] == [{"intervalStart": "2025-09-01T00:00:00.000+02:00", "powerMw": 1.5}]


async def test_several_files_are_uploaded_one_after_another(console: Console, api: Api, s3: str) -> None:
    _, nmi = await create_site(api)
    park = f"Park of {new_name()}"
    await console.open("/imports", title="Imports")
    paused_uploads = await pause_uploads(console.page, s3)

    await choose_files(
        console.page,
        file_payload("first.csv", events_csv(f"{nmi},2025-09-02,DISCHARGE,5,22")),
        file_payload("second.csv", f"park_name,timezone,energy_type\n{park},Europe/Amsterdam,Wind\n"),
        file_payload("third.csv", "who,knows\n1,2\n"),
    )
    await expect(file_card(console.page, "second.csv").get_by_role("button", name="Kind")).to_contain_text("Parks")
    await console.press("Import 2 of 3 files")
    await expect(file_card(console.page, "first.csv")).to_contain_text("Uploading")
    await expect(file_card(console.page, "second.csv")).to_contain_text("Waiting for the previous file.")
    await expect(file_card(console.page, "third.csv")).to_contain_text("are missing")
    await (await paused_uploads.get()).continue_()
    await expect(file_card(console.page, "first.csv")).to_contain_text("View the import")
    await expect(file_card(console.page, "second.csv")).to_contain_text("Uploading")
    await (await paused_uploads.get()).continue_()
    await expect(file_card(console.page, "second.csv")).to_contain_text("View the import")

    rows = console.page.get_by_role("table", name="Imports").get_by_role("row")
    for name in ("first.csv", "second.csv"):
        await expect(rows.filter(has_text=name)).to_contain_text("Imported")
    assert paused_uploads.empty()
    assert await api.execute("query ($name: String!) { getParkByName(name: $name) { energyType } }", name=park) == {
        "energyType": "WIND"
    }


async def test_files_can_be_imported_with_the_keyboard_alone(console: Console, api: Api) -> None:
    site_id, nmi = await create_site(api)
    keyboard = console.page.keyboard

    async def tab_to(role: str, name: str) -> None:
        for _ in range(40):
            await keyboard.press("Tab")
            focused: Any = await console.page.evaluate("document.activeElement.textContent")
            if name in focused:
                break
        await expect(console.page.get_by_role(role, name=name, exact=True)).to_be_focused()  # type: ignore[arg-type]

    await console.open("/imports", title="Imports")
    async with console.page.expect_file_chooser() as chooser:
        await tab_to("button", "Choose files")
        await keyboard.press("Enter")
    await (await chooser.value).set_files(file_payload("keys.csv", events_csv(f"{nmi},2025-09-02,DISCHARGE,5,22")))
    await expect(console.page.get_by_role("button", name="Import", exact=True)).to_be_enabled()
    await tab_to("button", "Import")
    await keyboard.press("Enter")

    await expect_state(console.page, "Imported")
    assert await list_events(api, site_id) == [("2025-09-02", "1.10")]


async def test_files_can_be_dropped(console: Console, tmp_path: Path) -> None:
    dropped = tmp_path / "dropped.csv"
    dropped.write_text("datetime,MW\n2025-09-01 00:00,1\n")
    await console.open("/imports", title="Imports")
    await expect(console.loading).to_have_count(0)
    # Drag files by the DevTools protocol, as from another program's window.
    devtools = await console.page.context.new_cdp_session(console.page)
    at = await console.page.get_by_text("Drop files here").last.bounding_box()
    assert at

    for event in ("dragEnter", "dragOver", "drop"):
        await devtools.send(
            "Input.dispatchDragEvent",
            {
                "type": event,
                "x": at["x"] + at["width"] / 2,
                "y": at["y"] + at["height"] / 2,
                "data": {"items": [], "files": [str(dropped)], "dragOperationsMask": 1},
            },
        )

    table = file_card(console.page, "dropped.csv").get_by_role("table")
    await expect_cells(table, [["2", "2025-09-01 00:00", "1"]])


async def test_rejected_rows_are_counted_by_cause_and_can_be_corrected_and_imported(
    console: Console, api: Api, tmp_path: Path
) -> None:
    site_id, nmi = await create_site(api)
    await import_file(
        console,
        "faulty.csv",
        events_csv(
            f"{nmi},2025-09-01,DISCHARGE,1,10",
            f"{nmi},2025-09-31,DISCHARGE,2,10",
            f"{nmi},2025-09-31,DISCHARGE,3,10",
            f"{nmi},2025-09-02,EXPLODE,4,10",
        ),
    )
    await expect_state(console.page, "Imported")

    causes = console.page.get_by_role("radiogroup", name="Filter by cause").get_by_role("radio")
    await expect(causes).to_have_text(
        [
            "3All causes",
            "2DATE is not a date in the expected formatUse the expected format. Most often: 2025-09-31 2 times",
            "1EVENT_TYPE is not an event typeWrite CHARGE or DISCHARGE.",
        ]
    )
    table = console.page.get_by_role("table", name="Rejected rows")
    await expect_cells(
        table,
        [
            [
                "3",
                "DATE",
                "'2025-09-31' is not a calendar date; expected a date that exists, such as 2025-09-30.",
                f"{nmi},2025-09-31,DISCHARGE,2,10",
            ],
            [
                "4",
                "DATE",
                "'2025-09-31' is not a calendar date; expected a date that exists, such as 2025-09-30.",
                f"{nmi},2025-09-31,DISCHARGE,3,10",
            ],
            [
                "5",
                "EVENT_TYPE",
                "'EXPLODE' is not an event type; expected CHARGE or DISCHARGE.",
                f"{nmi},2025-09-02,EXPLODE,4,10",
            ],
        ],
    )
    await causes.nth(2).click()
    await expect(table.locator("tbody tr")).to_have_count(1)

    async with console.page.expect_download() as download:
        await console.press("Download rejected rows")
    csv_file = tmp_path / "rejections.csv"
    await (await download.value).save_as(csv_file)
    text = csv_file.read_text(encoding="utf-8")
    header, *_ = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    repaired = text.replace("2025-09-31", "2025-09-30").replace(",EXPLODE,", ",DISCHARGE,")
    await import_file(console, "repaired.csv", repaired)
    await expect_state(console.page, "Imported")

    assert (await download.value).suggested_filename == "rejections of faulty.csv"
    assert header == ["NMI", "DATE", "EVENT_TYPE", "ENERGY", "TARIFF", "REASON"]
    await expect(progress_section(console.page)).to_contain_text("All 3 rows are imported and count.")
    assert sorted(await list_events(api, site_id)) == [
        ("2025-09-01", "0.10"),
        ("2025-09-02", "0.40"),
        ("2025-09-30", "0.20"),
        ("2025-09-30", "0.30"),
    ]


async def test_warnings_and_rejections_are_separate_sections_with_links(console: Console, api: Api) -> None:
    _, nmi = await create_site(api)
    same, other = f"{nmi},2025-09-01T08:00,DISCHARGE,1,10", f"{nmi},2025-09-02,DISCHARGE,1,10"
    await api.import_file(events_csv(same))
    again = await api.import_file(events_csv(same, other, f"{nmi},2025-09-03,EXPLODE,1,10"), fileName="again.csv")

    await console.open(f"/imports/{again['id']}#warnings", title="again.csv")
    await expect(console.page.get_by_role("heading", name="Warnings")).to_be_focused()
    await progress_section(console.page).get_by_role("link", name="1").last.click()
    await expect(console.page.get_by_role("heading", name="1 rejected row")).to_be_focused()

    warnings = console.page.get_by_role("region", name="Warnings")
    await expect(warnings).to_contain_text("1 duplicate row. Another import contains the same events")
    await expect(warnings).to_contain_text("No action is needed.")
    await expect_figures(
        console.page, {"Rows read": "3", "Rows imported": "1", "Duplicate rows": "1", "Rows rejected": "1"}
    )


async def test_rows_that_no_report_will_have_are_warned_of_with_their_value(console: Console, api: Api) -> None:
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi, effectiveFrom="2025-09-10")
    imported = await api.import_file(
        events_csv(f"{nmi},2025-09-05,DISCHARGE,100,50", f"{nmi},2025-09-10,DISCHARGE,1,1")
    )

    await console.open(f"/imports/{imported['id']}", title="events.csv")

    await expect(console.page.get_by_role("region", name="Warnings")).to_contain_text(
        "1 row of September 2025, worth $50.00. On these days the site was in no VPP, so the rows are in no report."
        " The first is line 2."
    )


async def test_rows_that_another_import_may_have_are_asked_about_with_their_value(console: Console, api: Api) -> None:
    site_id, nmi = await create_site(api)
    row = f"{nmi},2025-09-01,DISCHARGE,1,10"
    first = await api.import_file(events_csv(row, row), fileName="morning.csv")
    second = await api.import_file(events_csv(row), fileName="evening.csv")

    await console.open(f"/imports/{second['id']}", title="evening.csv")
    question = console.page.get_by_role("region", name="Undecided rows")
    await expect(question).to_contain_text("1 row may be in another import already.")
    await expect(question).to_contain_text("1 row like those of this import, worth $0.10")
    await expect(question.get_by_role("link", name="this import")).to_have_attribute("href", f"/imports/{first['id']}")
    assert len(await list_events(api, site_id)) == 2

    await question.get_by_role("button", name="They are other events: count them").click()

    await expect(question).to_be_hidden()
    await expect_figures(console.page, {"Rows read": "1", "Rows imported": "1", "Duplicate rows": "none"})
    assert len(await list_events(api, site_id)) == 3


async def test_a_hundred_thousand_rejections_are_loaded_but_only_visible_rows_are_rendered(
    console: Console, api: Api
) -> None:
    nmi = new_nmi()
    rows = [f"{nmi},2025-09-01,DISCHARGE,{number},1" for number in range(REJECTED)]
    await import_file(console, "unknown.csv", events_csv(*rows))

    await expect(
        console.page.get_by_role("radiogroup", name="Filter by cause").get_by_role("radio").first
    ).to_have_text("100,000All causes", timeout=4 * 1000 * WAIT_S)
    table = console.page.get_by_role("table", name="Rejected rows")
    scroller = console.page.locator(".table-scroller")
    await scroller.scroll_into_view_if_needed()
    await scroller.evaluate("(scroller) => scroller.scrollTo(0, scroller.scrollHeight)")
    last = table.get_by_role("row").filter(has_text=rows[-1])

    await expect(last).to_contain_text("100,001")
    await expect(last).to_be_in_viewport()
    await expect(table).to_have_attribute("aria-rowcount", "100001")
    assert await table.locator("tbody tr").count() < 60


async def test_importing_the_same_file_again_changes_nothing(console: Console, api: Api) -> None:
    site_id, nmi = await create_site(api)
    content = events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10")
    before = await api.import_file(content, fileName="original.csv")

    await console.open("/imports", title="Imports")
    await choose_files(console.page, file_payload("copy.csv", content))
    await console.press("Import")

    notice = file_card(console.page, "copy.csv").get_by_role("status")
    await expect(notice).to_contain_text("The same file was uploaded before: original.csv, imported on")
    await expect(notice).to_contain_text("Nothing was changed.")
    assert [item["status"] for item in await find_imports(api, "copy.csv")] == ["CANCELLED"]
    assert await list_events(api, site_id) == [("2025-09-01", "0.10")]
    await notice.get_by_role("link", name="original.csv").click()
    await expect(console.title).to_have_text("original.csv")
    await expect(console.page).to_have_url(f"{console.url}/imports/{before['id']}")


async def test_an_upload_can_be_retried_after_a_broken_connection(console: Console, api: Api, s3: str) -> None:
    site_id, nmi = await create_site(api)
    await console.open("/imports", title="Imports")
    paused_uploads = await pause_uploads(console.page, s3)
    await choose_files(console.page, file_payload("broken.csv", events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10")))
    await console.press("Import")
    broken = file_card(console.page, "broken.csv")
    await expect(broken).to_contain_text("Uploading")

    async with console.page.expect_console_message(lambda message: "ERR_CONNECTION_RESET" in message.text):
        await (await paused_uploads.get()).abort("connectionreset")
    await expect(broken).to_contain_text("The connection was lost before the upload was complete.")
    assert len(console.console_errors) == 1
    assert "ERR_CONNECTION_RESET" in console.console_errors.pop()
    await console.page.unroute_all()
    await console.press("Try again")
    await expect_state(console.page, "Imported")

    assert [item["status"] for item in await find_imports(api, "broken.csv")] == ["COMPLETED"]
    assert await list_events(api, site_id) == [("2025-09-01", "0.10")]


async def test_an_upload_interrupted_by_a_reload_can_be_resumed_with_the_same_file(
    console: Console, api: Api, s3: str
) -> None:
    site_id, nmi = await create_site(api)
    content = events_csv(f"{nmi},2025-09-01,CHARGE,1,10")
    await console.open("/imports", title="Imports")
    await pause_uploads(console.page, s3)
    await choose_files(console.page, file_payload("reloaded.csv", content))
    await console.page.get_by_text("the earnings from charging").click()
    await console.press("Import")
    await expect(file_card(console.page, "reloaded.csv")).to_contain_text("Uploading")

    dialogs: list[str] = []

    async def leave(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        await dialog.accept()

    console.page.on("dialog", leave)
    await console.page.reload()
    await console.page.unroute_all()
    await console.page.get_by_role("link", name="reloaded.csv").click()
    await expect_state(console.page, "Awaiting file")
    await choose_files(console.page, file_payload("another.csv", content), button="Choose the file")
    await expect(
        console.page.get_by_text("This import expects reloaded.csv, but you chose another.csv.")
    ).to_be_visible()
    await choose_files(console.page, file_payload("reloaded.csv", content), button="Choose the file")
    await console.press("Import")
    await expect_state(console.page, "Imported")

    assert dialogs == ["beforeunload"]
    assert [item["status"] for item in await find_imports(api, "reloaded.csv")] == ["COMPLETED"]
    assert await list_events(api, site_id) == [("2025-09-01", "0.10")]


async def test_an_import_awaiting_a_duplicate_file_is_cancelled(console: Console, api: Api) -> None:
    _, nmi = await create_site(api)
    content = events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10")
    awaited = await api.execute(
        'mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "twin.csv"}) { import { id } } }'
    )
    await api.import_file(content, fileName="brought before.csv")

    await console.open(f"/imports/{awaited['import']['id']}", title="twin.csv")
    await choose_files(console.page, file_payload("twin.csv", content), button="Choose the file")
    await console.press("Import")

    await expect_state(console.page, "Cancelled")
    await expect(file_card(console.page, "twin.csv")).to_contain_text("brought before.csv, imported on")


async def test_stopping_an_upload_cancels_its_import(console: Console, api: Api, s3: str) -> None:
    nmi = new_nmi()
    await console.open("/imports", title="Imports")
    await pause_uploads(console.page, s3)
    await choose_files(console.page, file_payload("stopped.csv", events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10")))
    await console.press("Import")
    await expect(file_card(console.page, "stopped.csv")).to_contain_text("Uploading")

    await console.press("Stop uploading stopped.csv")

    await expect(file_card(console.page, "stopped.csv")).to_have_count(0)
    row = console.page.get_by_role("table", name="Imports").get_by_role("row").filter(has_text="stopped.csv")
    await expect(row).to_contain_text("Cancelled")
    assert [item["status"] for item in await find_imports(api, "stopped.csv")] == ["CANCELLED"]


async def test_an_import_is_reverted_after_its_consequences_are_shown(console: Console, api: Api) -> None:
    site_id, nmi = await create_site(api)
    imported = await api.import_file(
        events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10", f"{nmi},2025-09-02,DISCHARGE,1,10"), fileName="taken back.csv"
    )

    await console.open(f"/imports/{imported['id']}", title="taken back.csv")
    await console.press("Revert import")
    dialog = console.dialog("Revert this import?")
    await expect(dialog).to_contain_text("Its 2 rows no longer count.")
    await expect(dialog).to_contain_text("are marked as stale")
    assert await list_events(api, site_id) == [("2025-09-01", "0.10"), ("2025-09-02", "0.10")]
    await console.press("Revert the import")

    await expect_state(console.page, "Reverted")
    await expect(progress_section(console.page)).to_contain_text("Its rows were removed: none of them count.")
    await expect_figures(console.page, {"Rows removed": "2"})
    assert await list_events(api, site_id) == []


async def test_a_failed_import_shows_the_reason_and_what_counts(console: Console, api: Api) -> None:
    failed = await api.import_file("NMI,DAY\n1,2\n", fileName="failed.csv")

    await console.open(f"/imports/{failed['id']}", title="failed.csv")

    await expect_state(console.page, "Failed")
    await expect(progress_section(console.page)).to_contain_text("The header has no column DATE;")
    await expect(progress_section(console.page)).to_contain_text("None of its rows count.")


async def test_imports_are_listed_newest_first_filtered_and_paginated(console: Console, api: Api) -> None:
    create = "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } } }"
    for number in range(60):
        await api.execute(create, input={"kind": "PARKS", "fileName": f"park list {number}.csv"})

    await console.open("/imports?kind=PARKS&status=AWAITING_UPLOAD", title="Imports")
    table = console.page.get_by_role("table", name="Imports")
    await expect(table).to_have_attribute("aria-rowcount", "51")
    first_cells = table.locator("tbody tr").first.locator("td")
    await expect(first_cells).to_contain_text(["park list 59.csv", "Awaiting file", "—", "—", "Parks"])
    await console.press("Show more")
    await expect(table).to_have_attribute("aria-rowcount", "61")
    await console.page.get_by_role("button", name="Status").click()
    await console.page.get_by_role("option", name="Reverted").click()

    await expect(console.page.get_by_text("No imports match the filter")).to_be_visible()
    await expect(console.page).to_have_url(f"{console.url}/imports?kind=PARKS&status=REVERTED")


async def test_an_import_out_of_scope_is_not_found_and_readers_see_no_actions(
    api: Api, open_context: OpenContext, served_console: Serving
) -> None:
    site_id, nmi = await create_site(api)
    imported = await api.import_file(events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10"), fileName="ours.csv")
    elsewhere = await api.create_key("OPERATOR", vppIds=[await api.create_vpp()])
    reader, member = await api.create_key("READER"), await api.create_key("MEMBER", siteIds=[site_id])

    async def signed_in(key: str, path: str) -> Console:
        console = await open_tab(await open_context(), served_console.url)
        await console.page.goto(served_console.url + path)
        await console.press("Sign out")
        await console.page.get_by_label("API key").fill(key)
        await console.press("Sign in")
        return console

    others = await signed_in(elsewhere, f"/imports/{imported['id']}")
    await expect(others.title).to_have_text("There is no such import")

    reading = await signed_in(reader, f"/imports/{imported['id']}")
    await expect(reading.title).to_have_text("ours.csv")
    await expect(reading.page.get_by_role("button", name="Revert import")).to_have_count(0)
    await reading.page.get_by_role("link", name="← Imports").click()
    await expect(reading.page.get_by_role("table", name="Imports")).to_be_visible()
    await expect(reading.page.get_by_role("button", name="Choose files")).to_have_count(0)

    owner = await signed_in(member, "/imports")
    await expect(owner.title).to_have_text("This page is for readers, operators and administrators")


async def test_the_import_pages_have_no_axe_violations_and_fit_narrow_windows(console: Console, api: Api) -> None:
    _, nmi = await create_site(api)
    await api.import_file(events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10"))
    imported = await api.import_file(
        events_csv(f"{nmi},2025-09-01,DISCHARGE,1,10", f"{nmi},2025-09-31,DISCHARGE,1,10"),
        fileName="a-file-with-a-name-that-is-longer-than-a-telephone-is-wide-and-has-no-blank-in-it.csv",
    )
    awaited = await api.execute(
        'mutation { createImport(input: {kind: PARKS, fileName: "awaited.csv"}) { import { id } } }'
    )

    await console.open("/imports", title="Imports")
    await choose_files(
        console.page,
        file_payload("events.csv", events_csv(f"{nmi},2025-09-01,CHARGE,1,10")),
        file_payload("readings.csv", "datetime,MW\n2025-09-01 00:00:00,1.5\n"),
        file_payload("lacking.csv", "NMI,DATE\n1,2\n"),
        file_payload("empty.csv", ""),
    )
    await expect(file_card(console.page, "lacking.csv").get_by_role("table")).to_be_visible()
    assert await console.axe_violations_and_overflows() == []
    await console.open(f"/imports/{imported['id']}")
    await expect(console.page.get_by_role("table", name="Rejected rows")).to_be_visible()
    assert await console.axe_violations_and_overflows() == []
    await console.press("Revert import")
    await expect(console.dialog("Revert this import?")).to_be_visible()
    assert await console.axe_violations_and_overflows() == []
    await console.open(f"/imports/{awaited['import']['id']}", title="awaited.csv")
    assert await console.axe_violations_and_overflows() == []
    await console.press("Cancel import")
    await expect(console.dialog("Cancel this import?")).to_be_visible()
    assert await console.axe_violations_and_overflows() == []
    await console.open("/imports/00000000-0000-4000-8000-000000000000", title="There is no such import")
    assert await console.axe_violations_and_overflows() == []
