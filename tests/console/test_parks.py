"""The parks page: permissions, creating and editing parks, and daily statistics."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import FloatRect, Locator, Page, expect
from sqlalchemy import text

from db.engine.database import Database
from db.readings import Readings
from tests.fixtures.api import Api
from tests.fixtures.console.browser import NARROWEST, PHONE, Console, expect_equal
from tests.fixtures.readings import readings, store_readings

AMSTERDAM = "Europe/Amsterdam"
FORWARD, PLAIN, BACK = "2020-03-29", "2020-06-01", "2020-10-25"
MINUS = "\N{MINUS SIGN}"
QUARTERS = {FORWARD: 92, PLAIN: 96, BACK: 100}

PARK_DAYS = """query ($filter: StatsFilterInput) { listParkDailyStats(filter: $filter) { items {
    date minPowerMw meanPowerMw maxPowerMw sumPowerMw readingCount
} } }"""
ENERGY_TYPE_DAYS = """query ($filter: StatsFilterInput) { listEnergyTypeDailyStats(filter: $filter) { items {
    energyType date minPowerMw meanPowerMw maxPowerMw sumPowerMw readingCount parkCount
} } }"""
ROWS = """(table) => [...table.tBodies[0].rows].map(
  (row) => Object.fromEntries([...row.cells].map((cell) => [cell.dataset.column, cell.innerText]))
)"""


async def test_a_renamed_park_stays_selected(console: Console, api: Api) -> None:
    await console.open("/parks", title="Parks")
    await console.press("Create a park")
    dialog = console.dialog("Create a park")
    await dialog.get_by_label("Name").fill("Dune")
    await dialog.get_by_role("combobox", name="Timezone").fill("amster")
    await console.page.get_by_role("option", name=AMSTERDAM).click()
    await console.press("Create park")
    await expect(dialog).to_be_hidden()

    await console.page.get_by_role("link", name="Dune").click()
    await console.press("Edit Dune")
    dialog = console.dialog("Edit Dune")
    await dialog.get_by_label("Name").fill("Dune West")
    await console.press("Save")
    await expect(dialog).to_be_hidden()

    await expect(console.page.get_by_role("checkbox", name="Show the days of Dune West")).to_be_checked()
    await expect(console.page).to_have_url(f"{console.url}/parks?park=Dune+West")
    kept_as = await api.execute('{ getParkByName(name: "Dune West") { timezone energyType } }')
    assert kept_as == {"timezone": AMSTERDAM, "energyType": "WIND"}


async def test_a_timezone_change_with_readings_is_rejected_at_its_field(
    console: Console, api: Api, database: Database
) -> None:
    park_id = await api.create_park(name="Dated Park")
    await store_readings(database, park_id, readings(AMSTERDAM, PLAIN, [1] * 96))

    await console.open(f"/parks?do=edit-park&about={park_id}")
    dialog = console.dialog("Edit Dated Park")
    await dialog.get_by_role("combobox", name="Timezone").fill("Australia/Sydney")
    await expect(console.page.get_by_role("option", name="Australia/Sydney")).to_be_visible()
    await console.page.keyboard.press("Escape")
    await console.press("Save")

    refusal = (
        "The park Dated Park has readings dated in Europe/Amsterdam: "
        "revert their imports to change its timezone or delete it."
    )
    field = dialog.get_by_role("combobox", name="Timezone")
    await expect(field).to_have_accessible_description(f"{DATED} {refusal}")
    await expect(field).to_have_attribute("aria-invalid", "true")
    assert (await api.execute('{ getParkByName(name: "Dated Park") { timezone } }'))["timezone"] == AMSTERDAM
    assert await console.axe_violations() == []


DATED = "Readings are dated in this timezone. It cannot be changed once there are readings."


async def test_figures_of_days_with_92_96_and_100_readings_equal_the_apis(
    console: Console, api: Api, database: Database
) -> None:
    park_id = await api.create_park(name="Clock Park")
    for index, (day, quarters) in enumerate(QUARTERS.items()):
        await store_readings(database, park_id, readings(AMSTERDAM, day, uneven_powers(quarters, index)))

    await console.open("/parks?" + urlencode({"park": "Clock Park", "from": FORWARD, "until": "2020-10-26"}))

    notes = {
        FORWARD: "92 of 92 quarter hours: clocks went forward",
        PLAIN: "Complete",
        BACK: "100 of 100 quarter hours: clocks went back",
    }
    items = (await api.execute(PARK_DAYS, filter={"parkNames": ["Clock Park"]}))["items"]
    assert {item["date"]: item["readingCount"] for item in items} == QUARTERS
    await expect_equal(
        lambda: read_rows(console.page),
        [
            {**figures_from_api(item), "date": format_day(item["date"]), "note": notes[item["date"]]}
            for item in reversed(items)
        ],
    )
    await expect(console.page.get_by_text("3 of 211 days complete.")).to_be_visible()


async def test_figures_by_energy_type_equal_the_apis(console: Console, api: Api, database: Database) -> None:
    one, other, sun = (
        await api.create_park(name="Type Wind One"),
        await api.create_park(name="Type Wind Two"),
        await api.create_park(name="Type Sun", energy_type="SOLAR"),
    )
    await store_readings(database, one, readings(AMSTERDAM, "2019-10-27", uneven_powers(100, 1)))
    await store_readings(database, other, readings(AMSTERDAM, "2019-10-27", uneven_powers(100, 2)))
    await store_readings(database, one, readings(AMSTERDAM, "2019-10-28", uneven_powers(96, 3)))
    await store_readings(database, sun, readings(AMSTERDAM, "2019-10-28", uneven_powers(95, 4)))
    named = ["Type Wind One", "Type Wind Two", "Type Sun"]

    chosen = [("park", name) for name in named] + [("by", "type"), ("from", "2019-10-27"), ("until", "2019-10-29")]
    await console.open("/parks?" + urlencode(chosen))

    notes = {
        ("WIND", "2019-10-27"): ("2 of 2", "200 of 200 quarter hours: clocks went back"),
        ("WIND", "2019-10-28"): ("1 of 2", "Complete"),
        ("SOLAR", "2019-10-28"): ("1 of 1", "Incomplete: 95 of 96 quarter hours"),
    }
    items = (await api.execute(ENERGY_TYPE_DAYS, filter={"parkNames": named}))["items"]
    expected = [
        {
            **figures_from_api(item),
            "date": format_day(item["date"]),
            "of": item["energyType"].capitalize(),
            "parkCount": notes[item["energyType"], item["date"]][0],
            "note": notes[item["energyType"], item["date"]][1],
        }
        for item in items
    ]

    async def shown() -> list[dict[str, Any]]:
        return sorted(await read_rows(console.page), key=sort_key)

    await expect_equal(shown, sorted(expected, key=sort_key))
    await expect(console.page.get_by_role("figure")).to_have_count(2)


async def test_all_columns_of_days_by_energy_type_fit_into_a_desktop_window(
    console: Console, api: Api, database: Database
) -> None:
    for energy_type in ("WIND", "SOLAR"):
        park_id = await api.create_park(name=f"Wide {energy_type}", energy_type=energy_type)
        await store_readings(database, park_id, readings(AMSTERDAM, "2018-10-28", uneven_powers(99, 5)))

    await console.open("/parks?" + urlencode({"by": "type", "from": "2018-10-28", "until": "2018-10-29"}))

    days = console.page.get_by_role("region", name="Days")
    await expect(days.get_by_role("row")).to_have_count(3)
    await expect_equal(lambda: days.evaluate("(days) => days.scrollWidth - days.clientWidth"), 0)


async def test_the_csv_file_has_the_apis_figures_with_all_digits(
    console: Console, api: Api, database: Database, tmp_path: Path
) -> None:
    park_id = await api.create_park(name="=File Park")
    await store_readings(database, park_id, readings(AMSTERDAM, FORWARD, uneven_powers(92, 7)))
    await store_readings(database, park_id, readings(AMSTERDAM, PLAIN, uneven_powers(90, 8)))

    await console.open("/parks?" + urlencode({"park": "=File Park", "from": FORWARD, "until": "2020-06-02"}))
    async with console.page.expect_download() as downloading:
        await console.press("Download as CSV")
    download = await downloading.value
    await download.save_as(tmp_path / "days.csv")

    items = (await api.execute(PARK_DAYS, filter={"parkNames": ["=File Park"]}))["items"]
    with (tmp_path / "days.csv").open(encoding="utf-8-sig", newline="") as file:
        written_rows = list(csv.DictReader(file))
    names = ("minPowerMw", "meanPowerMw", "maxPowerMw", "sumPowerMw", "readingCount")
    assert [{"date": row["date"]} | {name: float(row[name]) for name in names} for row in written_rows] == items
    assert [(row["park"], row["quarterCount"], row["isComplete"]) for row in written_rows] == [
        ("'=File Park", "92", "true"),
        ("'=File Park", "96", "false"),
    ]
    assert download.suggested_filename == "daily-power-by-park-File-Park-2020-03-29-to-2020-06-01.csv"


async def test_the_selection_is_kept_in_the_url(console: Console, api: Api, database: Database) -> None:
    for name in ("Shared One", "Shared Two"):
        await store_readings(database, await api.create_park(name=name), readings(AMSTERDAM, PLAIN, [2] * 96))
    await console.open("/parks", title="Parks")
    page = console.page

    for name in ("Shared One", "Shared Two"):
        await page.get_by_role("checkbox", name=f"Show the days of {name}").click()
        await expect(page.get_by_role("checkbox", name=f"Show the days of {name}")).to_be_checked()
    await page.get_by_role("radio", name="7 days").click()
    await expect(page).to_have_url(f"{console.url}/parks?park=Shared+One&park=Shared+Two&last=7")
    await page.reload()

    await expect(page.get_by_text("26 May 2020 to 1 June 2020: each park's local days")).to_be_visible()
    await expect(days_table(page).locator("tbody td[data-column=of]")).to_have_text(["Shared One", "Shared Two"])
    await expect(page.get_by_role("radio", name="7 days")).to_be_checked()
    await expect(page.get_by_role("radio", name="Park", exact=True)).to_be_checked()

    await page.get_by_role("spinbutton", name="day, First day").press_sequentially("01")
    await page.get_by_role("spinbutton", name="month, First day").press_sequentially("06")
    await expect(page).to_have_url(
        f"{console.url}/parks?park=Shared+One&park=Shared+Two&from=2020-06-01&until=2020-06-02"
    )
    await expect(page.get_by_text("1 June 2020 to 1 June 2020: each")).to_be_visible()


async def test_two_parks_selected_in_one_render_are_both_kept(console: Console, api: Api) -> None:
    for name in ("At Once One", "At Once Two"):
        await api.create_park(name=name)
    await console.open("/parks", title="Parks")
    chosen = console.page.get_by_role("checkbox", name="Show the days of At Once")
    await expect(chosen).to_have_count(2)

    # Both clicks in one browser task, without a render between them.
    await chosen.evaluate_all("(boxes) => boxes.forEach((box) => box.click())")

    await expect(console.page).to_have_url(f"{console.url}/parks?park=At+Once+One&park=At+Once+Two")
    for park in await chosen.all():
        await expect(park).to_be_checked()


async def test_the_last_days_end_with_the_last_day_with_readings(
    console: Console, api: Api, database: Database
) -> None:
    park_id = await api.create_park(name="Old Park")
    await store_readings(database, park_id, readings(AMSTERDAM, "2003-02-01", [1] * 96))
    await store_readings(database, park_id, daily_readings("2004-06-01", 150))

    await console.open("/parks?park=Old+Park&last=7")

    await expect(console.page.get_by_text("22 Oct 2004 to 28 Oct 2004: each park's local days")).to_be_visible()
    await expect(days_table(console.page).locator("tbody tr")).to_have_count(7)


async def test_all_pages_of_days_are_loaded(console: Console, api: Api, database: Database) -> None:
    await store_readings(database, await api.create_park(name="Long Park"), daily_readings("2010-01-01", 450))
    console.operations.clear()

    await console.open("/parks?" + urlencode({"park": "Long Park", "from": "2010-01-01", "until": "2012-01-01"}))

    await expect(console.page.get_by_role("status").get_by_text("450 rows")).to_be_visible()
    await expect(console.page.get_by_role("table", name="Days")).to_have_attribute("aria-rowcount", "451")
    assert sum("listParkDailyStats" in operation["query"] for operation in console.operations) == 3


async def test_negative_power_is_drawn_below_zero(console: Console, api: Api, database: Database) -> None:
    park_id = await api.create_park(name="Drawing Park")
    await store_readings(database, park_id, readings(AMSTERDAM, "2020-06-02", [-2, -1] * 48))
    await store_readings(database, park_id, readings(AMSTERDAM, "2020-06-03", [-3, -1] * 48))

    await console.open("/parks?" + urlencode({"park": "Drawing Park", "from": "2020-06-02", "until": "2020-06-04"}))

    chart = console.page.get_by_role("figure", name="Daily power of Drawing Park")
    await expect(chart.get_by_text(f"{MINUS}3 MW", exact=True)).to_be_visible()
    zero = await bounding_box(chart.locator(".zero line"))
    band = await bounding_box(chart.locator(".recharts-area-area"))
    mean = await bounding_box(chart.locator(".recharts-line-curve"))
    a_mw = (band["y"] + band["height"] - zero["y"]) / 3
    assert band["y"] - zero["y"] == pytest.approx(a_mw, abs=1.5)
    assert mean["y"] - zero["y"] == pytest.approx(1.5 * a_mw, abs=2.5)
    await expect(chart.get_by_text(f"Lowest {MINUS}3 MW on 3 June 2020, highest {MINUS}1 MW on 2 June")).to_be_visible()


async def test_charts_are_ordered_by_name(console: Console, api: Api, database: Database) -> None:
    await store_readings(database, await api.create_park(name="Order 2"), daily_readings("2015-01-01", 3))
    await store_readings(database, await api.create_park(name="Order 1"), daily_readings("2015-01-02", 1))

    days = [("from", "2015-01-01"), ("until", "2015-01-04")]
    await console.open("/parks?" + urlencode([("park", "Order 2"), ("park", "Order 1"), *days]))

    names = console.page.get_by_role("figure").locator("figcaption strong")
    await expect(names).to_have_text(["Order 1", "Order 2"])


async def test_a_failed_search_for_the_last_day_can_be_retried(console: Console, api: Api, database: Database) -> None:
    await store_readings(database, await api.create_park(name="Found Again"), readings(AMSTERDAM, PLAIN, [1] * 96))
    async with database.transaction() as session:
        await session.execute(text("alter table energy_type_days rename to elsewhere"))
    await console.open("/parks?last=7", title="Parks")
    alert = console.page.get_by_role("alert")
    await expect(alert).to_contain_text("Something went wrong on the server, and it is logged there.")

    async with database.transaction() as session:
        await session.execute(text("alter table elsewhere rename to energy_type_days"))
    await console.press("Try again")

    await expect(console.page.get_by_role("table", name="Days")).to_be_visible()
    await expect(alert).to_have_count(0)


async def test_the_chart_can_be_read_with_the_keyboard(console: Console, api: Api, database: Database) -> None:
    park_id = await api.create_park(name="Read Park")
    await store_readings(
        database, park_id, readings(AMSTERDAM, BACK, [4] * 99 + [5]), readings(AMSTERDAM, "2020-10-26", [1])
    )

    await console.open("/parks?" + urlencode({"park": "Read Park", "from": BACK, "until": "2020-10-27"}))
    chart = console.page.get_by_role("figure", name="Daily power of Read Park")
    await chart.get_by_role("application").focus()
    await expect(chart.get_by_text("100 of 100 quarter hours: clocks went back")).to_be_visible()
    await console.page.keyboard.press("ArrowRight")

    await expect(chart.get_by_text("Incomplete: 1 of 96 quarter hours")).to_be_visible()


async def test_parks_can_be_selected_and_removed_with_the_keyboard(console: Console, api: Api) -> None:
    for number in range(1, 6):
        await api.create_park(name=f"Key Park {number}")
    await console.open("/parks", title="Parks")
    page = console.page
    await page.get_by_role("searchbox").fill("Key Park")

    for number in range(1, 5):
        park = page.get_by_role("checkbox", name=f"Show the days of Key Park {number}")
        await park.press("Space")
        await expect(park).to_be_checked()
    await expect(page.get_by_role("checkbox", name="Show the days of Key Park 5")).to_be_disabled()
    await expect(page.get_by_text("At most 4 parks are shown.")).to_be_visible()
    await page.get_by_role("button", name="Remove Key Park 2").press("Enter")

    await expect(page.get_by_role("checkbox", name="Show the days of Key Park 5")).to_be_enabled()
    await expect(page.get_by_role("checkbox", name="Show the days of Key Park 2")).not_to_be_checked()
    await expect(page.get_by_text("There are no readings of these parks yet")).to_be_visible()


async def test_an_unknown_park_in_the_url_shows_a_message(console: Console, api: Api) -> None:
    await api.create_park(name="There")

    await console.open("/parks?park=Nowhere", title="Parks")

    await expect(console.page.get_by_text("There is no park named Nowhere.")).to_be_visible()


@pytest.mark.parametrize("role", ["MEMBER", "READER", "OPERATOR"])
async def test_the_parks_page_is_forbidden_for_members_and_restricted_callers(
    console: Console, api: Api, role: str
) -> None:
    """No query is sent, so no data can be shown even for a moment."""
    vpp_id = await api.create_vpp()
    await api.create_park(name=f"Hidden from a {role}")
    scope = {"siteIds": [await api.create_site(vpp_id)]} if role == "MEMBER" else {"vppIds": [vpp_id]}
    await console.sign_in(await api.create_key(role, **scope))
    console.operations.clear()

    await console.open("/parks", title="This page is for callers with access to all VPPs")

    assert [operation for operation in console.operations if "getCaller" not in operation["query"]] == []
    await expect(console.page.get_by_text("Hidden from")).to_have_count(0)
    await expect(console.page.get_by_role("link", name="Parks", exact=True)).to_have_count(0)


async def test_a_reader_sees_parks_without_buttons_for_changes(console: Console, api: Api) -> None:
    park_id = await api.create_park(name="Read Only Park")
    await console.sign_in(await api.create_key("READER"))

    await console.open(f"/parks?do=edit-park&about={park_id}", title="Parks")

    await expect(console.page.get_by_role("link", name="Read Only Park")).to_be_visible()
    await expect(console.page.get_by_role("button", name="Create a park")).to_have_count(0)
    await expect(console.page.get_by_role("button", name="Edit Read Only Park")).to_have_count(0)
    await expect(console.page.get_by_role("dialog")).to_have_count(0)


async def test_the_parks_page_has_no_axe_violations(console: Console, api: Api, database: Database) -> None:
    for name in ("One", "Two"):
        park_id = await api.create_park(name=f"Axe {name}")
        await store_readings(
            database, park_id, readings(AMSTERDAM, BACK, uneven_powers(100, 1)), readings(AMSTERDAM, PLAIN, [1])
        )

    await console.open("/parks?" + urlencode([("park", f"Axe {name}") for name in ("One", "Two", "None")]))
    await expect(console.page.get_by_role("application")).to_have_count(2)
    assert await console.axe_violations() == []

    await console.press("Create a park")
    await console.dialog("Create a park").get_by_label("Name").fill("Axe")
    assert await console.axe_violations() == []


@pytest.mark.parametrize("viewport", [NARROWEST, PHONE])
async def test_narrow_windows_keep_every_control(console: Console, api: Api, database: Database, viewport: Any) -> None:
    name = f"A park with a name that is longer than such a window is wide, of {viewport['width']} pixels"
    await store_readings(database, await api.create_park(name=name), readings(AMSTERDAM, BACK, uneven_powers(99, 1)))
    address = "/parks?" + urlencode({"park": name})
    await console.open(address)
    await expect(console.page.get_by_role("application")).to_be_visible()
    await expect(console.loading).to_have_count(0)
    wide = await console.controls()

    await console.page.set_viewport_size(viewport)

    await expect_equal(console.controls, wide)
    assert await console.overflows() == []
    assert await console.small_targets() == []


async def test_reduced_motion_stops_every_animation(console: Console, api: Api, database: Database) -> None:
    await store_readings(
        database, await api.create_park(name="Still Park"), readings(AMSTERDAM, PLAIN, uneven_powers(96, 1))
    )
    await console.page.emulate_media(reduced_motion="reduce")

    await console.open("/parks?" + urlencode({"park": "Still Park"}))
    await expect(console.page.get_by_role("application")).to_be_visible()

    moving = "document.getAnimations().filter(({ playState }) => playState === 'running').length"
    await expect_equal(lambda: console.page.evaluate(moving), 0)


def uneven_powers(count: int, seed: int) -> list[str]:
    """Return positive and negative powers with three decimals."""
    return [f"{(index * 37 + seed * 101) % 4099 / 1000 - 0.024:.3f}" for index in range(count)]


def daily_readings(first: str, count: int) -> Readings:
    """Return one reading per day, at noon UTC."""
    days = [date.fromisoformat(first) + timedelta(days=index) for index in range(count)]
    return Readings(
        instants=[datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days],
        local_dates=days,
        powers_w=[10**6 + index for index in range(count)],
    )


def figures_from_api(item: Any) -> dict[str, str | float]:
    """Return an item's figures as `read_rows` reads them: rounded to the six decimals shown."""
    figures = {name: round(item[name], 6) for name in FIGURES}
    return {**figures, "readingCount": item["readingCount"]}


FIGURES = ("minPowerMw", "meanPowerMw", "maxPowerMw", "sumPowerMw")


async def read_rows(page: Page) -> list[dict[str, Any]]:
    """Read the table of days: cells by column, figures as numbers."""
    read: Sequence[dict[str, str]] = await days_table(page).evaluate(ROWS)
    return [
        {name: parse_number(text) if name in (*FIGURES, "readingCount") else text for name, text in row.items()}
        for row in read
    ]


def days_table(page: Page) -> Locator:
    return page.get_by_role("table", name="Days", exact=True)


def parse_number(text: str) -> float:
    return float(text.replace(MINUS, "-").replace(",", ""))


def format_day(day: str) -> str:
    """Format a day as the page does: 25 Oct 2020."""
    names = {"03": "Mar", "06": "June", "10": "Oct"}
    year, month, day_of_month = day.split("-")
    return f"{int(day_of_month)} {names[month]} {year}"


def sort_key(row: dict[str, Any]) -> tuple[str, str]:
    return row["date"], row["of"]


async def bounding_box(locator: Locator) -> FloatRect:
    found = await locator.bounding_box()
    assert found is not None
    return found
