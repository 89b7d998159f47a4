"""Parks: who sees them, how they are changed, and the figures of their days."""

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
from tests.fixtures.console.browser import NARROWEST, PHONE, Console
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


async def test_a_park_is_created_renamed_and_stays_chosen_by_its_new_name(console: Console, api: Api) -> None:
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


async def test_a_timezone_under_readings_is_refused_at_its_field(
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
    assert await console.faults() == []


DATED = "Readings are dated in this timezone. It cannot be changed once there are readings."


async def test_figures_of_days_of_92_96_and_100_readings_equal_the_apis(
    console: Console, api: Api, database: Database
) -> None:
    park_id = await api.create_park(name="Clock Park")
    for place, (day, quarters) in enumerate(QUARTERS.items()):
        await store_readings(database, park_id, readings(AMSTERDAM, day, uneven(quarters, place)))

    await console.open("/parks?" + urlencode({"park": "Clock Park", "from": FORWARD, "until": "2020-10-26"}))

    notes = {
        FORWARD: "92 of 92 quarter hours: clocks went forward",
        PLAIN: "Complete",
        BACK: "100 of 100 quarter hours: clocks went back",
    }
    items = (await api.execute(PARK_DAYS, filter={"parkNames": ["Clock Park"]}))["items"]
    assert {item["date"]: item["readingCount"] for item in items} == QUARTERS
    assert await rows(console.page, "Days", 3) == [
        {**figures_of(item), "date": written(item["date"]), "note": notes[item["date"]]} for item in reversed(items)
    ]
    await expect(console.page.get_by_text("3 of 211 days complete.")).to_be_visible()


async def test_figures_by_energy_type_equal_the_apis(console: Console, api: Api, database: Database) -> None:
    one, other, sun = (
        await api.create_park(name="Type Wind One"),
        await api.create_park(name="Type Wind Two"),
        await api.create_park(name="Type Sun", energy_type="SOLAR"),
    )
    await store_readings(database, one, readings(AMSTERDAM, "2019-10-27", uneven(100, 1)))
    await store_readings(database, other, readings(AMSTERDAM, "2019-10-27", uneven(100, 2)))
    await store_readings(database, one, readings(AMSTERDAM, "2019-10-28", uneven(96, 3)))
    await store_readings(database, sun, readings(AMSTERDAM, "2019-10-28", uneven(95, 4)))
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
            **figures_of(item),
            "date": written(item["date"]),
            "of": item["energyType"].capitalize(),
            "parkCount": notes[item["energyType"], item["date"]][0],
            "note": notes[item["energyType"], item["date"]][1],
        }
        for item in items
    ]
    shown = await rows(console.page, "Days", 3)
    assert sorted(shown, key=of_day) == sorted(expected, key=of_day)
    await expect(console.page.get_by_role("figure")).to_have_count(2)


async def test_on_a_desktop_all_columns_of_days_by_energy_type_are_in_sight(
    console: Console, api: Api, database: Database
) -> None:
    for energy_type in ("WIND", "SOLAR"):
        park_id = await api.create_park(name=f"Wide {energy_type}", energy_type=energy_type)
        await store_readings(database, park_id, readings(AMSTERDAM, "2018-10-28", uneven(99, 5)))

    await console.open("/parks?" + urlencode({"by": "type", "from": "2018-10-28", "until": "2018-10-29"}))

    days = console.page.get_by_role("region", name="Days")
    await expect(days.get_by_role("row")).to_have_count(3)
    assert await days.evaluate("(days) => days.scrollWidth - days.clientWidth") == 0


async def test_the_file_holds_the_apis_figures_to_the_last_digit(
    console: Console, api: Api, database: Database, tmp_path: Path
) -> None:
    park_id = await api.create_park(name="=File Park")
    await store_readings(database, park_id, readings(AMSTERDAM, FORWARD, uneven(92, 7)))
    await store_readings(database, park_id, readings(AMSTERDAM, PLAIN, uneven(90, 8)))

    await console.open("/parks?" + urlencode({"park": "=File Park", "from": FORWARD, "until": "2020-06-02"}))
    async with console.page.expect_download() as downloading:
        await console.press("Download as CSV")
    download = await downloading.value
    await download.save_as(tmp_path / "days.csv")

    items = (await api.execute(PARK_DAYS, filter={"parkNames": ["=File Park"]}))["items"]
    with (tmp_path / "days.csv").open(encoding="utf-8", newline="") as file:
        written_rows = list(csv.DictReader(file))
    names = ("minPowerMw", "meanPowerMw", "maxPowerMw", "sumPowerMw", "readingCount")
    assert [{"date": row["date"]} | {name: float(row[name]) for name in names} for row in written_rows] == items
    assert [(row["park"], row["quarterCount"], row["isComplete"]) for row in written_rows] == [
        ("=File Park", "92", "true"),
        ("=File Park", "96", "false"),
    ]
    assert download.suggested_filename == "daily-power-by-park-File-Park-2020-03-29-to-2020-06-01.csv"


async def test_what_is_chosen_stands_in_the_address(console: Console, api: Api, database: Database) -> None:
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
    assert [row["of"] for row in await rows(page, "Days", 2)] == ["Shared One", "Shared Two"]
    await expect(page.get_by_role("radio", name="7 days")).to_be_checked()
    await expect(page.get_by_role("radio", name="Park", exact=True)).to_be_checked()

    await page.get_by_role("spinbutton", name="day, First day").press_sequentially("01")
    await page.get_by_role("spinbutton", name="month, First day").press_sequentially("06")
    await expect(page).to_have_url(
        f"{console.url}/parks?park=Shared+One&park=Shared+Two&from=2020-06-01&until=2020-06-02"
    )
    await expect(page.get_by_text("1 June 2020 to 1 June 2020: each")).to_be_visible()


async def test_of_two_parks_chosen_at_once_none_is_lost(console: Console, api: Api) -> None:
    for name in ("At Once One", "At Once Two"):
        await api.create_park(name=name)
    await console.open("/parks", title="Parks")
    chosen = console.page.get_by_role("checkbox", name="Show the days of At Once")
    await expect(chosen).to_have_count(2)

    # Both in one turn of the browser's, as where it is too busy to draw between them.
    await chosen.evaluate_all("(boxes) => boxes.forEach((box) => box.click())")

    await expect(console.page).to_have_url(f"{console.url}/parks?park=At+Once+One&park=At+Once+Two")
    for park in await chosen.all():
        await expect(park).to_be_checked()


async def test_the_last_days_are_counted_from_the_last_that_has_readings(
    console: Console, api: Api, database: Database
) -> None:
    park_id = await api.create_park(name="Old Park")
    await store_readings(database, park_id, readings(AMSTERDAM, "2003-02-01", [1] * 96))
    await store_readings(database, park_id, of_days("2004-06-01", 150))

    await console.open("/parks?park=Old+Park&last=7")

    await expect(console.page.get_by_text("22 Oct 2004 to 28 Oct 2004: each park's local days")).to_be_visible()
    assert len(await rows(console.page, "Days", 7)) == 7


async def test_one_page_follows_the_other_until_all_days_are_there(
    console: Console, api: Api, database: Database
) -> None:
    await store_readings(database, await api.create_park(name="Long Park"), of_days("2010-01-01", 450))
    console.operations.clear()

    await console.open("/parks?" + urlencode({"park": "Long Park", "from": "2010-01-01", "until": "2012-01-01"}))

    await expect(console.page.get_by_role("status").get_by_text("450 rows")).to_be_visible()
    await expect(console.page.get_by_role("table", name="Days")).to_have_attribute("aria-rowcount", "451")
    assert sum("listParkDailyStats" in asked["query"] for asked in console.operations) == 3


async def test_power_that_a_park_drew_is_drawn_below_zero(console: Console, api: Api, database: Database) -> None:
    park_id = await api.create_park(name="Drawing Park")
    await store_readings(database, park_id, readings(AMSTERDAM, "2020-06-02", [-2, -1] * 48))
    await store_readings(database, park_id, readings(AMSTERDAM, "2020-06-03", [-3, -1] * 48))

    await console.open("/parks?" + urlencode({"park": "Drawing Park", "from": "2020-06-02", "until": "2020-06-04"}))

    chart = console.page.get_by_role("figure", name="Daily power of Drawing Park")
    zero = await box(chart.locator(".zero line"))
    band = await box(chart.locator(".recharts-area-area"))
    mean = await box(chart.locator(".recharts-line-curve"))
    a_mw = (band["y"] + band["height"] - zero["y"]) / 3
    assert band["y"] - zero["y"] == pytest.approx(a_mw, abs=1.5)
    assert mean["y"] - zero["y"] == pytest.approx(1.5 * a_mw, abs=2.5)
    await expect(chart.get_by_text(f"{MINUS}3 MW", exact=True)).to_be_visible()
    await expect(chart.get_by_text(f"Lowest {MINUS}3 MW on 3 June 2020, highest {MINUS}1 MW on 2 June")).to_be_visible()


async def test_charts_stand_in_the_order_of_their_names(console: Console, api: Api, database: Database) -> None:
    await store_readings(database, await api.create_park(name="Order 2"), of_days("2015-01-01", 3))
    await store_readings(database, await api.create_park(name="Order 1"), of_days("2015-01-02", 1))

    days = [("from", "2015-01-01"), ("until", "2015-01-04")]
    await console.open("/parks?" + urlencode([("park", "Order 2"), ("park", "Order 1"), *days]))

    names = console.page.get_by_role("figure").locator("figcaption strong")
    await expect(names).to_have_text(["Order 1", "Order 2"])


async def test_where_the_last_day_cannot_be_found_it_is_looked_for_again(
    console: Console, api: Api, database: Database
) -> None:
    """Console behaviour 24."""
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


async def test_the_chart_is_read_by_keyboard(console: Console, api: Api, database: Database) -> None:
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


async def test_parks_are_chosen_and_taken_out_by_keyboard(console: Console, api: Api) -> None:
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


async def test_a_park_that_is_not_there_is_told_of(console: Console, api: Api) -> None:
    await api.create_park(name="There")

    await console.open("/parks?park=Nowhere", title="Parks")

    await expect(console.page.get_by_text("There is no park named Nowhere.")).to_be_visible()


@pytest.mark.parametrize("role", ["MEMBER", "READER", "OPERATOR"])
async def test_members_and_whoever_is_held_to_vpps_are_told_that_parks_are_not_theirs(
    console: Console, api: Api, role: str
) -> None:
    """Console behaviour 25: nothing is asked, so nothing can flash up."""
    vpp_id = await api.create_vpp()
    await api.create_park(name=f"Hidden from a {role}")
    held_to = {"siteIds": [await api.create_site(vpp_id)]} if role == "MEMBER" else {"vppIds": [vpp_id]}
    await console.sign_in(await api.create_key(role, **held_to))
    console.operations.clear()

    await console.open("/parks", title="This page is for callers with access to all VPPs")

    assert [asked for asked in console.operations if "getCaller" not in asked["query"]] == []
    await expect(console.page.get_by_text("Hidden from")).to_have_count(0)
    await expect(console.page.get_by_role("link", name="Parks", exact=True)).to_have_count(0)


async def test_a_reader_sees_parks_and_changes_none(console: Console, api: Api) -> None:
    park_id = await api.create_park(name="Read Only Park")
    await console.sign_in(await api.create_key("READER"))

    await console.open(f"/parks?do=edit-park&about={park_id}", title="Parks")

    await expect(console.page.get_by_role("link", name="Read Only Park")).to_be_visible()
    await expect(console.page.get_by_role("button", name="Create a park")).to_have_count(0)
    await expect(console.page.get_by_role("button", name="Edit Read Only Park")).to_have_count(0)
    await expect(console.page.get_by_role("dialog")).to_have_count(0)


async def test_axe_finds_nothing_on_the_page_of_parks(console: Console, api: Api, database: Database) -> None:
    """Console behaviour 3."""
    for name in ("One", "Two"):
        park_id = await api.create_park(name=f"Axe {name}")
        await store_readings(
            database, park_id, readings(AMSTERDAM, BACK, uneven(100, 1)), readings(AMSTERDAM, PLAIN, [1])
        )

    await console.open("/parks?" + urlencode([("park", f"Axe {name}") for name in ("One", "Two", "None")]))
    await expect(console.page.get_by_role("application")).to_have_count(2)
    assert await console.faults() == []

    await console.press("Create a park")
    await console.dialog("Create a park").get_by_label("Name").fill("Axe")
    assert await console.faults() == []


@pytest.mark.parametrize("viewport", [NARROWEST, PHONE])
async def test_no_control_is_lost_where_the_window_is_narrow(
    console: Console, api: Api, database: Database, viewport: Any
) -> None:
    """Console behaviours 5 and 6."""
    name = f"A park with a name that is longer than such a window is wide, of {viewport['width']} pixels"
    await store_readings(database, await api.create_park(name=name), readings(AMSTERDAM, BACK, uneven(99, 1)))
    address = "/parks?" + urlencode({"park": name})
    await console.open(address)
    await expect(console.page.get_by_role("application")).to_be_visible()
    wide = await console.controls()

    await console.page.set_viewport_size(viewport)

    assert await console.controls() == wide
    assert await console.overflows() == []
    assert await console.too_small() == []


async def test_nothing_moves_of_its_own_accord(console: Console, api: Api, database: Database) -> None:
    """Console behaviour 6."""
    await store_readings(database, await api.create_park(name="Still Park"), readings(AMSTERDAM, PLAIN, uneven(96, 1)))
    await console.page.emulate_media(reduced_motion="reduce")

    await console.open("/parks?" + urlencode({"park": "Still Park"}))
    await expect(console.page.get_by_role("application")).to_be_visible()

    moving = "document.getAnimations().filter(({ playState }) => playState === 'running').length"
    assert await console.page.evaluate(moving) == 0


def uneven(count: int, seed: int) -> list[str]:
    """Powers of a park that gives and draws, with three digits behind the point."""
    return [f"{(place * 37 + seed * 101) % 4099 / 1000 - 0.024:.3f}" for place in range(count)]


def of_days(first: str, count: int) -> Readings:
    """One reading a day, at noon in UTC."""
    days = [date.fromisoformat(first) + timedelta(days=place) for place in range(count)]
    return Readings(
        instants=[datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days],
        local_dates=days,
        powers_w=[10**6 + place for place in range(count)],
    )


def figures_of(item: Any) -> dict[str, str | float]:
    """Return an item's figures as `rows` reads them off the page: of means, the six digits that are shown."""
    figures = {name: round(item[name], 6) for name in FIGURES}
    return {**figures, "readingCount": item["readingCount"]}


FIGURES = ("minPowerMw", "meanPowerMw", "maxPowerMw", "sumPowerMw")


async def rows(page: Page, table: str, count: int) -> list[dict[str, Any]]:
    """Read the rows of a table once there are so many: cells by their columns, figures as numbers."""
    found = page.get_by_role("table", name=table, exact=True)
    await expect(found).to_have_attribute("aria-rowcount", str(count + 1))
    read: Sequence[dict[str, str]] = await found.evaluate(ROWS)
    return [
        {name: number(text) if name in (*FIGURES, "readingCount") else text for name, text in row.items()}
        for row in read
    ]


def number(text: str) -> float:
    return float(text.replace(MINUS, "-").replace(",", ""))


def written(day: str) -> str:
    """Write a day as the page does: 25 Oct 2020."""
    names = {"03": "Mar", "06": "June", "10": "Oct"}
    year, month, of = day.split("-")
    return f"{int(of)} {names[month]} {year}"


def of_day(row: dict[str, Any]) -> tuple[str, str]:
    return row["date"], row["of"]


async def box(locator: Locator) -> FloatRect:
    found = await locator.bounding_box()
    assert found is not None
    return found
