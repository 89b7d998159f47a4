"""The site page: memberships, batteries and events, and changes with a first day."""

import csv
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.console.browser import Console
from tests.fixtures.console.keyboard import focused_element, tab_to

SITE = """query ($id: ID!, $on: AWSDate) { getSite(id: $id) {
    nmi address
    memberships { vpp { id } effectiveFrom effectiveUntil }
    batteries(on: $on) { manufacturer serial capacityKwh effectiveFrom effectiveUntil }
} }"""
EVENTS = """query ($id: ID!) { getSite(id: $id) { events(from: "2025-09-01", until: "2025-10-01", limit: 200) { items {
    settlementDate eventType energyKwh tariffCentsPerKwh valueAud
} } } }"""

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


@pytest.fixture
async def site(api: Api) -> Any:
    """Create a site in a VPP, and return its ids and its NMI."""
    nmi, vpp_id = new_nmi(), await api.create_vpp()
    return {"id": await api.create_site(vpp_id, nmi=nmi, address="426 King St"), "nmi": nmi, "vpp": {"id": vpp_id}}


def dialog(console: Console) -> Locator:
    return console.page.get_by_role("dialog")


async def enter_day(console: Console, label: str, digits: str) -> None:
    """Type a day, as DDMMYYYY, into a field."""
    await console.page.get_by_role("spinbutton", name=f"day, {label}").press_sequentially(digits)


async def expect_cells(console: Console, section: str, column: str, texts: Sequence[str]) -> None:
    """Wait until a column has exactly these texts in a section of the table: tbody or tfoot."""
    await expect(console.page.locator(f"{section} [data-column={column}]")).to_have_text(texts)


def format_plain(figure: float) -> str:
    """Format a Float without exponent and without trailing zeros."""
    return f"{Decimal(repr(figure)).normalize():f}"


async def test_a_site_can_be_assigned_with_the_keyboard_alone(console: Console, api: Api, site: Any) -> None:
    """The VPP is found by part of its name, and the focus is returned."""
    name = f"Hunter {new_name()}"
    vpp_id = await api.create_vpp(name=name)
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await tab_to(console, "Assign to another VPP")
    await console.page.keyboard.press("Enter")
    await expect(dialog(console).get_by_role("combobox", name="VPP")).to_be_focused()
    await console.page.keyboard.type(name.lower())
    await expect(console.page.get_by_role("option", name=name)).to_be_visible()
    await console.page.keyboard.press("ArrowDown")
    await console.page.keyboard.press("Enter")
    await expect(dialog(console).get_by_role("combobox", name="VPP")).to_have_value(name)
    await tab_to(console, "from a date")
    await tab_to(console, "day,")
    await console.page.keyboard.type("15092025")
    await tab_to(console, "Assign")
    await console.page.keyboard.press("Enter")
    await expect(dialog(console)).to_be_hidden()

    await expect(console.page.get_by_role("button", name="Assign to another VPP")).to_be_focused()
    assert (await focused_element(console))["isSeen"]
    memberships = console.page.get_by_role("list", name="Memberships").get_by_role("listitem")
    await expect(memberships).to_contain_text([f"from 15 Sept 2025today{name}", "until 14 Sept 2025VPP"])
    assert (await api.execute(SITE, id=site["id"]))["memberships"] == [
        {"vpp": site["vpp"], "effectiveFrom": None, "effectiveUntil": "2025-09-15"},
        {"vpp": {"id": vpp_id}, "effectiveFrom": "2025-09-15", "effectiveUntil": None},
    ]


async def test_a_site_can_leave_its_vpp_on_a_date(console: Console, api: Api, site: Any) -> None:
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Leave the VPP")
    await enter_day(console, "First day in no VPP", "20092025")
    await expect(dialog(console)).to_contain_text("Days before 20 Sept 2025 do not change")
    await dialog(console).get_by_role("button", name="Leave the VPP").click()
    await expect(dialog(console)).to_be_hidden()

    memberships = console.page.get_by_role("list", name="Memberships").get_by_role("listitem")
    await expect(memberships).to_contain_text(["until 19 Sept 2025"])
    await expect(console.page.get_by_role("button", name="Leave the VPP")).to_have_count(0)
    assert (await api.execute(SITE, id=site["id"]))["memberships"] == [
        {"vpp": site["vpp"], "effectiveFrom": None, "effectiveUntil": "2025-09-20"}
    ]


async def test_a_typed_vpp_name_without_a_selection_is_rejected(console: Console, api: Api, site: Any) -> None:
    await console.open(f"/sites/{site['id']}", title="426 King St")
    await console.press("Assign to another VPP")

    await dialog(console).get_by_role("combobox", name="VPP").fill("No such name")
    await expect(console.page.get_by_text("No VPP matches this name")).to_be_visible()
    await console.page.keyboard.press("Tab")
    await dialog(console).get_by_role("button", name="Assign").click()

    await expect(dialog(console).get_by_role("combobox", name="VPP")).to_be_focused()
    await expect(dialog(console)).to_contain_text("Choose a VPP from the list.")
    await expect(dialog(console).get_by_role("combobox", name="VPP")).to_have_value("No such name")


async def test_a_sites_address_and_nmi_can_be_edited(console: Console, api: Api, site: Any) -> None:
    nmi = new_nmi()
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Edit")
    await dialog(console).get_by_label("Address").fill("428 King St")
    await dialog(console).get_by_label("NMI").fill("O123456789")
    await console.press("Save")
    await expect(dialog(console)).to_contain_text("Character 1 is 'O'; an NMI has only digits and capital letters")
    await expect(dialog(console).get_by_label("Address")).to_have_value("428 King St")
    await dialog(console).get_by_label("NMI").fill(nmi)
    await console.press("Save")

    await expect(console.title).to_have_text("428 King St")
    changed = await api.execute(SITE, id=site["id"])
    assert (changed["address"], changed["nmi"]) == ("428 King St", nmi)


async def test_a_battery_can_be_added_and_extended_from_a_date(console: Console, api: Api, site: Any) -> None:
    serial = new_name()
    batteries = console.page.get_by_role("region", name="Batteries")
    await console.open(f"/sites/{site['id']}", title="426 King St")
    await expect(batteries).to_contain_text("No battery is installed at this site on")

    await console.press("Add a battery")
    await dialog(console).get_by_label("Manufacturer").fill("Tesla")
    await dialog(console).get_by_label("Serial").fill(serial)
    await dialog(console).get_by_label("Capacity").fill("13.5")
    await dialog(console).get_by_role("button", name="Add battery").click()
    await expect(batteries.get_by_role("listitem")).to_contain_text([f"Tesla {serial}for all time13.5 kWh"])
    await console.press(f"Edit Tesla {serial}")
    await dialog(console).get_by_label("Capacity").fill("27")
    await dialog(console).get_by_label("Serial").focus()
    await enter_day(console, "First day", "10092025")
    await console.press("Save")
    await expect(batteries.get_by_role("listitem")).to_contain_text([f"Tesla {serial}for all time27 kWh"])
    await enter_day(console, "On the settlement date", "09092025")

    await expect(batteries.get_by_role("listitem")).to_contain_text([f"Tesla {serial}for all time13.5 kWh"])
    await expect(batteries).to_contain_text("13.5 kWh in total on 9 Sept 2025")
    always = {"manufacturer": "Tesla", "serial": serial, "effectiveFrom": None, "effectiveUntil": None}
    for on, capacity in (("2025-09-09", 13.5), ("2025-09-10", 27)):
        on_day = await api.execute(SITE, id=site["id"], on=on)
        assert on_day["batteries"] == [{**always, "capacityKwh": capacity}]


async def test_a_battery_added_for_later_is_shown_on_its_first_day(console: Console, api: Api, site: Any) -> None:
    serial = new_name()
    await console.open(f"/sites/{site['id']}?on=2025-09-01", title="426 King St")

    await console.press("Add a battery")
    await dialog(console).get_by_label("Manufacturer").fill("Sonnen")
    await dialog(console).get_by_label("Serial").fill(serial)
    await dialog(console).get_by_label("Capacity").fill("10")
    await dialog(console).get_by_text("from a date").click()
    await enter_day(console, "First day", "10092025")
    await dialog(console).get_by_role("button", name="Add battery").click()

    await expect(console.page.get_by_role("list", name="Batteries on 10 Sept 2025")).to_contain_text(
        f"Sonnen {serial}from 10 Sept 202510 kWh"
    )
    assert (await api.execute(SITE, id=site["id"], on="2025-09-09"))["batteries"] == []


async def test_a_batterys_manufacturer_and_serial_change_for_all_time(console: Console, api: Api, site: Any) -> None:
    await api.add_battery(site["id"], capacity_kwh=13.5, serial="OLD-1", effectiveFrom="2025-09-01")
    serial = new_name()
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Edit Tesla OLD-1")
    await dialog(console).get_by_label("Manufacturer").fill("BYD")
    await dialog(console).get_by_label("Serial").fill(serial)
    await console.press("Save")
    await expect(dialog(console)).to_be_hidden()

    changed = {"manufacturer": "BYD", "serial": serial, "capacityKwh": 13.5}
    assert (await api.execute(SITE, id=site["id"]))["batteries"] == [
        {**changed, "effectiveFrom": "2025-09-01", "effectiveUntil": None}
    ]


async def test_a_batterys_serial_and_its_capacity_from_a_day_on_change_in_one_dialog(
    console: Console, api: Api, site: Any
) -> None:
    await api.add_battery(site["id"], capacity_kwh=13.5, serial="OLD-2", effectiveFrom="2025-09-01")
    serial = new_name()
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Edit Tesla OLD-2")
    await dialog(console).get_by_label("Serial").fill(serial)
    await dialog(console).get_by_label("Capacity").fill("27")
    await dialog(console).get_by_label("Serial").focus()
    await enter_day(console, "First day", "10092025")
    await console.press("Save")
    await expect(dialog(console)).to_be_hidden()

    changed = {"manufacturer": "Tesla", "serial": serial, "effectiveFrom": "2025-09-01", "effectiveUntil": None}
    for on, capacity in (("2025-09-09", 13.5), ("2025-09-10", 27)):
        on_day = await api.execute(SITE, id=site["id"], on=on)
        assert on_day["batteries"] == [{**changed, "capacityKwh": capacity}]


async def test_a_removed_battery_is_still_shown_on_earlier_days(console: Console, api: Api, site: Any) -> None:
    await api.add_battery(site["id"], capacity_kwh=13.5, serial="LEAVES-1")
    batteries = console.page.get_by_role("region", name="Batteries")
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Remove Tesla LEAVES-1")
    await enter_day(console, "First day", "15092025")
    await expect(dialog(console)).to_contain_text("From 15 Sept 2025 on, its 13.5 kWh are no longer at this site.")
    await console.press("Remove battery")
    await expect(batteries).to_contain_text("No battery is installed at this site on")
    await enter_day(console, "On the settlement date", "14092025")

    await expect(batteries.get_by_role("listitem")).to_contain_text(["Tesla LEAVES-1until 14 Sept 202513.5 kWh"])
    (left,) = (await api.execute(SITE, id=site["id"], on="2025-09-14"))["batteries"]
    assert (left["effectiveFrom"], left["effectiveUntil"]) == (None, "2025-09-15")


async def test_a_battery_can_be_removed_for_all_time(console: Console, api: Api, site: Any) -> None:
    await api.add_battery(site["id"], capacity_kwh=13.5, serial="NEVER-1")
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Remove Tesla NEVER-1")
    await dialog(console).get_by_text("as if it had never been installed").click()
    await expect(dialog(console)).to_contain_text("This cannot be undone.")
    await console.press("Remove battery")
    await expect(dialog(console)).to_be_hidden()

    assert (await api.execute(SITE, id=site["id"], on="2020-01-01"))["batteries"] == []
    # The button that opened the dialog was removed together with the battery.
    await expect(console.page.get_by_role("heading", name="Batteries")).to_be_focused()


async def test_a_site_without_events_can_be_deleted(console: Console, api: Api, site: Any) -> None:
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Delete")
    await console.press("Delete site")

    await expect(console.page).to_have_url(f"{console.url}/vpps/{site['vpp']['id']}")
    assert await api.execute(SITE, id=site["id"]) is None


async def test_a_site_that_cannot_be_deleted_shows_the_apis_message(console: Console, api: Api, site: Any) -> None:
    await api.import_file(f"{HEADER}{site['nmi']},2025-09-02,CHARGE,6.0,8\n")
    await console.open(f"/sites/{site['id']}", title="426 King St")

    await console.press("Delete")
    await console.press("Delete site")

    await expect(dialog(console).get_by_role("alert")).to_contain_text(
        "This site has events; a site that has none can be deleted."
    )


async def test_a_months_events_show_exact_energy_and_value(console: Console, api: Api, site: Any) -> None:
    """Energy and money are on one screen, summed exactly; the CSV file has the API's figures."""
    rows = ["2025-09-02,CHARGE,6.123456,8", "2025-09-02,DISCHARGE,5.0,22", "2025-09-30,DISCHARGE,0.1,0.000003"]
    other_rows = ["2025-08-31,CHARGE,1,1", "2025-10-01,CHARGE,1,1"]
    imported = await api.import_file(HEADER + "".join(f"{site['nmi']},{row}\n" for row in rows + other_rows))
    api_events = (await api.execute(EVENTS, id=site["id"]))["events"]["items"]

    await console.open(f"/sites/{site['id']}?month=2025-09", title="426 King St")
    await expect(console.page.get_by_text("3 events")).to_be_visible()
    async with console.page.expect_download() as download:
        await console.press("Export as CSV")
    file = await (await download.value).path()

    await expect_cells(console, "tbody", "settlementDate", ["2 Sept 2025", "2 Sept 2025", "30 Sept 2025"])
    await expect_cells(console, "tbody", "charged", ["6.123456", "", ""])
    await expect_cells(console, "tbody", "discharged", ["", "5", "0.1"])
    await expect_cells(console, "tbody", "tariffCentsPerKwh", ["8", "22", "0.000003"])
    await expect_cells(console, "tbody", "valueAud", ["\N{MINUS SIGN}$0.48987648", "$1.10", "$0.000000003"])
    assert [event["valueAud"] for event in api_events] == ["-0.48987648", "1.10", "0.000000003"]
    await expect_cells(console, "tfoot", "charged", ["6.123456"])
    await expect_cells(console, "tfoot", "discharged", ["5.1"])
    await expect_cells(console, "tfoot", "valueAud", ["$0.610123523"])
    assert (await download.value).suggested_filename == f"events-{site['nmi']}-2025-09.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        exported = list(csv.DictReader(lines))
    assert {row.pop("nmi") for row in exported} == {site["nmi"]}
    for event in api_events:
        event |= {name: format_plain(event[name]) for name in ("energyKwh", "tariffCentsPerKwh")}
    assert exported == api_events
    await expect(console.page.get_by_role("link", name="Line 2, ")).to_have_attribute(
        "href", f"/imports/{imported['id']}"
    )


async def test_events_name_their_period_and_currency(console: Console, api: Api, site: Any) -> None:
    await api.import_file(f"{HEADER}{site['nmi']},2025-09-02,DISCHARGE,5,22\n")

    await console.open(f"/sites/{site['id']}?month=2025-09", title="426 King St")

    events = console.page.get_by_role("region", name="Events", exact=True)
    await expect(events).to_contain_text("Settlement dates in NEM time (UTC+10). Values are in AUD")
    await expect(console.page.get_by_role("table", name="Events of September 2025")).to_be_visible()
    await expect(events.get_by_role("columnheader")).to_have_text(
        ["Date", "Type", "Charged, kWh", "Discharged, kWh", "Tariff, c/kWh", "Value, AUD", "Import"]
    )
    await expect(console.page.get_by_role("region", name="Today", exact=True)).to_contain_text("NEM time (UTC+10)")


async def test_a_month_without_events_links_to_the_imports(console: Console, api: Api, site: Any) -> None:
    await api.import_file(f"{HEADER}{site['nmi']},2025-09-02,DISCHARGE,5,22\n")

    await console.open(f"/sites/{site['id']}?month=2025-10", title="426 King St")
    await expect(console.page.get_by_role("heading", name="No events in October 2025")).to_be_visible()
    await expect(console.page.get_by_role("link", name="Import a file")).to_have_attribute("href", "/imports")
    await expect(console.page.get_by_role("button", name="Export as CSV")).to_be_disabled()
    await console.press("Previous month")

    await expect(console.page.get_by_text("1 event", exact=True)).to_be_visible()
    await expect(console.page).to_have_url(f"{console.url}/sites/{site['id']}?month=2025-09")


async def test_thousands_of_events_are_paginated(console: Console, api: Api, site: Any) -> None:
    lines = [f"{site['nmi']},2025-09-{1 + number % 30:02},DISCHARGE,0.1,30\n" for number in range(2_100)]
    await api.import_file(HEADER + "".join(lines))

    await console.open(f"/sites/{site['id']}?month=2025-09", title="426 King St")
    await expect(console.page.get_by_text("2,100 events", exact=True)).to_be_visible()

    table = console.page.get_by_role("table", name="Events of September 2025")
    await expect(table).to_have_attribute("aria-rowcount", "2102")
    await expect_cells(console, "tfoot", "discharged", ["210"])
    await expect_cells(console, "tfoot", "valueAud", ["$63.00"])
    # Only the visible rows and some around them are rendered.
    assert await table.locator("tbody tr").count() < 60
    pages = [operation["variables"] for operation in console.operations if "ListEvents" in operation["query"]]
    assert [page["limit"] for page in pages] == [200] * 11
    assert len({page["nextToken"] for page in pages}) == 11


async def test_a_member_sees_events_without_their_imports(console: Console, api: Api, site: Any) -> None:
    await api.import_file(f"{HEADER}{site['nmi']},2025-09-02,DISCHARGE,5,22\n")
    await console.sign_in(await api.create_key("MEMBER", siteIds=[site["id"]]))

    await console.open(f"/sites/{site['id']}?month=2025-09", title="426 King St")
    await expect(console.page.get_by_text("1 event", exact=True)).to_be_visible()

    await expect(console.page.get_by_role("columnheader", name="Import")).to_have_count(0)
    assert [
        operation["variables"]["withImports"] for operation in console.operations if "ListEvents" in operation["query"]
    ] == [False]


async def test_events_are_shown_without_an_import_that_is_out_of_scope(console: Console, api: Api, site: Any) -> None:
    other_nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=other_nmi)
    await api.import_file(f"{HEADER}{site['nmi']},2025-09-02,DISCHARGE,5,22\n{other_nmi},2025-09-02,DISCHARGE,5,22\n")
    await console.sign_in(await api.create_key("OPERATOR", vppIds=[site["vpp"]["id"]]))

    await console.open(f"/sites/{site['id']}?month=2025-09", title="426 King St")

    await expect(console.page.get_by_text("1 event", exact=True)).to_be_visible()
    await expect(console.page.get_by_role("alert")).to_have_count(0)
    await expect(console.page.get_by_role("columnheader", name="Import")).to_have_count(0)


async def test_a_site_that_left_the_callers_vpp_cannot_be_changed(console: Console, api: Api, site: Any) -> None:
    await api.execute(
        "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }",
        input={"siteId": site["id"], "vppId": await api.create_vpp(), "effectiveFrom": "2025-09-15"},
    )
    await console.sign_in(await api.create_key("OPERATOR", vppIds=[site["vpp"]["id"]]))

    await console.open(f"/sites/{site['id']}", title="426 King St")

    await expect(console.page.get_by_role("region", name="Today", exact=True)).to_contain_text(
        "None that you can access"
    )
    await expect(console.page.get_by_role("list", name="Memberships").get_by_role("listitem")).to_contain_text(
        ["until 14 Sept 2025"]
    )
    for change in ("Edit", "Delete", "Assign to another VPP", "Add a battery"):
        await expect(console.page.get_by_role("button", name=change)).to_have_count(0)


async def test_the_site_page_has_no_axe_violations_and_fits_narrow_windows(
    console: Console, api: Api, site: Any
) -> None:
    """Checks the dialogs with rejected input, too."""
    id, battery_id = site["id"], await api.add_battery(site["id"], capacity_kwh=13.5)
    await api.import_file(f"{HEADER}{site['nmi']},2025-09-02,DISCHARGE,5,22\n")
    faults = []

    for query in ("", "?month=2025-09", "?on=1999-01-01"):
        await console.open(f"/sites/{id}{query}", title="426 King St")
        await expect(console.loading).to_have_count(0)
        faults += await console.axe_violations_and_overflows()
    for query, submit in (
        ("do=edit-site", "Save"),
        ("do=assign-site", "Assign"),
        ("do=unassign-site", None),
        ("do=delete-site", "Delete site"),
        ("do=add-battery", "Add battery"),
        (f"do=edit-battery&about={battery_id}", "Save"),
        (f"do=remove-battery&about={battery_id}", None),
    ):
        await console.page.goto(f"{console.url}/sites/{id}?{query}")
        await expect(dialog(console)).to_be_visible()
        for field in await dialog(console).get_by_role("textbox").all():
            await field.fill("")
        if submit:
            await dialog(console).get_by_role("button", name=submit).click()
            await expect(dialog(console).locator("[data-invalid], [role=alert]").first).to_be_visible()
        faults += await console.axe_violations_and_overflows()

    assert "\n".join(faults) == ""
