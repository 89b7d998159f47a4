"""The fleet pages: finding, creating and changing VPPs, and changes with a first day."""

import re
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.console.browser import Console
from tests.fixtures.console.keyboard import focused_element, tab_to

ABSENT_ID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"

UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"
VPP = """query ($id: ID!) { getVpp(id: $id) {
    name priceSchedules { revenuePercentage dailyFeeAud effectiveFrom effectiveUntil }
} }"""

# Record all text that the page shows from now on, even for a moment.
RECORD_SHOWN_TEXT = """() => {
  window.shownTexts = [];
  const record = () => window.shownTexts.push(document.body.innerText, document.title);
  new MutationObserver(record).observe(document, { childList: true, subtree: true, characterData: true });
}"""


async def find_vpp(api: Api, name: str) -> Any:
    """Return the id and the terms of the VPP with a name."""
    document = "query ($name: String!) { getVppByName(name: $name) { id revenuePercentage dailyFeeAud } }"
    return await api.execute(document, name=name)


def periods(console: Console, label: str) -> Locator:
    return console.page.get_by_role("list", name=label).get_by_role("listitem")


async def test_a_vpp_can_be_created_with_the_keyboard_alone(console: Console, api: Api) -> None:
    """The focus is visible, trapped in the dialog, and returned; the draft is kept meanwhile."""
    await console.open("/", title="Fleet")

    await tab_to(console, "Create a VPP")
    await console.page.keyboard.press("Enter")
    dialog = console.dialog("Create a VPP")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await console.page.keyboard.type("Harbour")
    visited = []
    for _ in range(10):
        await console.page.keyboard.press("Tab")
        visited.append(await focused_element(console))
    await console.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    # React Aria returns the focus in the next animation frame.
    await expect(console.page.get_by_role("button", name="Create a VPP")).to_be_focused()
    await console.page.keyboard.press("Enter")
    await expect(dialog.get_by_label("Name")).to_have_value("Harbour")
    await tab_to(console, "Daily fee per site (AUD)")
    await console.page.keyboard.type("0.30")
    await console.page.keyboard.press("Enter")
    await expect(console.title).to_have_text("Harbour")

    assert all(at["isSeen"] and at["isInDialog"] for at in visited)
    assert {at["name"] for at in visited} >= {"Name", "Share of revenue the VPP takes (%)", "Cancel", "Create VPP"}
    created = await find_vpp(api, "Harbour")
    assert (created["revenuePercentage"], created["dailyFeeAud"]) == (20, 0.3)
    await expect(console.page).to_have_url(f"{console.url}/vpps/{created['id']}")


async def test_going_back_from_a_created_vpp_does_not_reopen_the_dialog(console: Console) -> None:
    name = new_name()
    await console.open("/", title="Fleet")
    await console.press("Create a VPP")
    await console.dialog("Create a VPP").get_by_label("Name").fill(name)
    await console.press("Create VPP")
    await expect(console.title).to_have_text(name)

    await console.page.go_back()

    await expect(console.title).to_have_text("Fleet")
    await expect(console.page.get_by_role("dialog")).to_have_count(0)


async def test_a_rejected_vpp_shows_the_error_at_the_invalid_field(console: Console, api: Api) -> None:
    """The error is shown at the field, which has the focus, and the typed values are kept."""
    name = new_name()
    await api.create_vpp(name=name)
    await console.open("/", title="Fleet")
    await console.press("Create a VPP")
    dialog = console.dialog("Create a VPP")
    share, fee = dialog.get_by_label("Share of revenue"), dialog.get_by_label("Daily fee")

    await dialog.get_by_label("Name").fill(name)
    await share.fill("120")
    await fee.fill("")
    await console.press("Create VPP")
    await expect(fee).to_be_focused()
    await expect(fee).to_have_accessible_description(
        "Charged for 28 days of every month Enter the fee as a number; 0 for none."
    )
    await fee.fill("0.30")
    await console.press("Create VPP")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await expect(dialog.get_by_label("Name")).to_have_accessible_description(f'There is a VPP named "{name}" already.')
    await dialog.get_by_label("Name").fill(f"{name} again")
    await console.press("Create VPP")

    await expect(share).to_be_focused()
    await expect(share).to_have_accessible_description("A revenue percentage is from 0 to 100, not 120.0.")
    await expect(share).to_have_value("120")
    await expect(dialog.get_by_label("Name")).to_have_value(f"{name} again")
    await expect(fee).to_have_value("0.3")
    assert await find_vpp(api, f"{name} again") is None


async def test_terms_from_a_date_leave_earlier_days_unchanged(console: Console, api: Api) -> None:
    id = await api.create_vpp(percentage=20, daily_fee=0.3)
    await console.open(f"/vpps/{id}")

    await console.press("Change terms")
    dialog = console.page.get_by_role("dialog")
    await dialog.get_by_label("Share of revenue").fill("17.5")
    await dialog.get_by_role("spinbutton", name="day, First day").press_sequentially("15092025")
    await expect(dialog).to_contain_text(
        "Days before 15 Sept 2025 do not change; September 2025 is settled in two spans"
    )
    await dialog.get_by_role("button", name="Change terms").click()
    await expect(dialog).to_be_hidden()

    await expect(periods(console, "Terms by period")).to_have_text(
        [
            "from 15 Sept 2025today17.5 % of revenue, daily fee $0.30 AUD",
            "until 14 Sept 202520 % of revenue, daily fee $0.30 AUD",
        ]
    )
    assert (await api.execute(VPP, id=id))["priceSchedules"] == [
        {"revenuePercentage": 20, "dailyFeeAud": 0.3, "effectiveFrom": None, "effectiveUntil": "2025-09-15"},
        {"revenuePercentage": 17.5, "dailyFeeAud": 0.3, "effectiveFrom": "2025-09-15", "effectiveUntil": None},
    ]


async def test_terms_for_all_time_name_the_terms_they_replace(console: Console, api: Api) -> None:
    id = await api.create_vpp(percentage=20, daily_fee=0.3)
    await api.execute(UPDATE_VPP, input={"id": id, "revenuePercentage": 25, "effectiveFrom": "2025-07-01"})
    await console.open(f"/vpps/{id}")

    await console.press("Change terms")
    dialog = console.page.get_by_role("dialog")
    await dialog.get_by_label("Share of revenue").fill("30")
    await expect(dialog.get_by_text("It replaces the")).to_have_count(0)
    await dialog.get_by_text("for all time").click()
    await expect(dialog).to_contain_text("It replaces the terms that would take effect on 1 July 2025.")
    await dialog.get_by_role("button", name="Change terms").click()
    await expect(dialog).to_be_hidden()

    await expect(periods(console, "Terms by period")).to_have_text(
        ["for all timetoday30 % of revenue, daily fee $0.30 AUD"]
    )
    assert (await api.execute(VPP, id=id))["priceSchedules"] == [
        {"revenuePercentage": 30, "dailyFeeAud": 0.3, "effectiveFrom": None, "effectiveUntil": None},
    ]


async def test_a_vpp_can_be_renamed(console: Console, api: Api) -> None:
    id, name = await api.create_vpp(), new_name()
    await console.open(f"/vpps/{id}")

    await console.press("Rename")
    await console.page.get_by_role("dialog").get_by_label("Name").fill(name)
    await console.page.get_by_role("dialog").get_by_role("button", name="Rename").click()

    await expect(console.title).to_have_text(name)
    assert (await api.execute(VPP, id=id))["name"] == name


async def test_a_vpp_without_sites_can_be_deleted(console: Console, api: Api) -> None:
    id = await api.create_vpp()
    await console.open(f"/vpps/{id}")

    await console.press("Delete")
    await expect(console.page.get_by_role("dialog")).to_contain_text("deleted permanently")
    await console.press("Delete VPP")

    await expect(console.title).to_have_text("Fleet")
    assert await api.execute(VPP, id=id) is None


async def test_a_vpp_that_cannot_be_deleted_shows_the_apis_message(console: Console, api: Api) -> None:
    id = await api.create_vpp()
    await api.create_site(id)
    await console.open(f"/vpps/{id}")

    await console.press("Delete")
    await console.press("Delete VPP")

    await expect(console.page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "This VPP has sites, or has had them; a VPP that never had any can be deleted."
    )
    assert await api.execute(VPP, id=id) is not None


async def test_a_site_can_be_created_in_a_vpp_from_a_date(console: Console, api: Api) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    await console.open(f"/vpps/{vpp_id}")

    await console.press("Create a site")
    dialog = console.page.get_by_role("dialog")
    await dialog.get_by_label("NMI").fill(nmi[:9])
    await dialog.get_by_label("Address").fill("426 King St Newcastle West NSW 2302")
    await dialog.get_by_text("from a date").click()
    await dialog.get_by_role("spinbutton", name="day, First day").press_sequentially("01092025")
    await console.press("Create site")
    await expect(dialog.get_by_label("NMI")).to_have_accessible_description(
        "10 characters, or 11 with the check digit"
        " An NMI has 10 characters, or 11 with its check digit; this text has 9."
    )
    await dialog.get_by_label("NMI").fill(nmi)
    await console.press("Create site")

    await expect(console.title).to_have_text("426 King St Newcastle West NSW 2302")
    document = "query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { id memberships { vpp { id } effectiveFrom } } }"
    site = await api.execute(document, nmi=nmi)
    assert site["memberships"] == [{"vpp": {"id": vpp_id}, "effectiveFrom": "2025-09-01"}]
    await expect(console.page).to_have_url(f"{console.url}/sites/{site['id']}")


async def test_a_vpps_sites_are_those_of_the_selected_day(console: Console, api: Api) -> None:
    before, after = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(before, address="1 Darby St", capacity_kwh=13.5)
    await api.create_site(before, address="2 Hunter St")
    assign = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"
    await api.execute(assign, input={"siteId": site_id, "vppId": after, "effectiveFrom": "2025-09-15"})
    rows = console.page.get_by_role("table").get_by_role("row")

    await console.open(f"/vpps/{before}?on=2025-09-15")
    await expect(console.page.get_by_role("table", name="Sites on 15 Sept 2025")).to_be_visible()
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("2 Hunter St0 kWh")
    await console.page.get_by_role("spinbutton", name="day, On the settlement date").press_sequentially("14092025")
    await expect(console.page.get_by_role("table", name="Sites on 14 Sept 2025")).to_be_visible()
    await expect(rows).to_have_count(3)
    await console.page.get_by_label("Find by address").fill("darby")

    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("1 Darby St13.5 kWh")
    await expect(console.page).to_have_url(f"{console.url}/vpps/{before}?on=2025-09-14&address=darby")


async def test_a_site_is_found_by_nmi_or_part_of_its_address(console: Console, api: Api) -> None:
    id = await api.create_site(await api.create_vpp(), nmi="QB12345678", address="12 Crown St Wollongong NSW 2500")
    await console.open("/", title="Fleet")
    search, found = console.page.get_by_label("NMI, or part"), console.page.get_by_role("list", name="Sites found")

    await search.fill("wollongong")
    await expect(found.get_by_role("listitem")).to_have_text(["QB1234567812 Crown St Wollongong NSW 2500"])
    await search.fill("QB123456780")
    await expect(console.page.get_by_role("status").last).to_contain_text("The check digit of QB12345678 is 9, not 0.")
    await search.fill("QB12345679")
    await expect(console.page.get_by_text("There is no site with this NMI.")).to_be_visible()
    await search.fill("qb123456789")
    await found.get_by_role("link", name="QB12345678").click()

    await expect(console.title).to_have_text("12 Crown St Wollongong NSW 2500")
    await expect(console.page).to_have_url(f"{console.url}/sites/{id}")


async def test_lists_are_paginated_without_counting(console: Console, api: Api) -> None:
    for number in range(60):
        await api.create_vpp(name=f"Paged {number:02}")
    page = 'query { listVpps(filter: {nameContains: "Paged"}) { nextToken } }'
    token = (await api.execute(page))["nextToken"]
    table = console.page.get_by_role("table", name="VPPs")

    await console.open("/?vpp=Paged", title="Fleet")
    await expect(table).to_have_attribute("aria-rowcount", "51")
    await console.press("Show more")
    await expect(table).to_have_attribute("aria-rowcount", "61")

    await expect(console.page.get_by_role("button", name="Show more")).to_have_count(0)
    first, second = [request for request in console.operations if "listVpps" in request["query"]]
    assert first["variables"] == {"filter": {"nameContains": "Paged"}, "nextToken": None}
    assert second["variables"] == {"filter": {"nameContains": "Paged"}, "nextToken": token}
    assert not re.search("count|total", first["query"], re.IGNORECASE)


@pytest.mark.parametrize("kind", ["vpps", "sites"])
async def test_an_object_out_of_scope_looks_like_a_missing_one(console: Console, api: Api, kind: str) -> None:
    """Both pages are equal, and no foreign data is shown even for a moment."""
    own_vpp_id, other_vpp_id = await api.create_vpp(), await api.create_vpp(name=f"Secret of {new_name()}")
    foreign_id = other_vpp_id if kind == "vpps" else await api.create_site(other_vpp_id, address="Secret Rd 1")
    await console.sign_in(await api.create_key("OPERATOR", vppIds=[own_vpp_id]))
    title = f"There is no such {'VPP' if kind == 'vpps' else 'site'}"
    contents = []

    for id in (ABSENT_ID, foreign_id, "no-id-at-all"):
        await console.open("/", title="Fleet")
        await console.page.evaluate(RECORD_SHOWN_TEXT)
        await console.page.evaluate(
            "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')) }", f"/{kind}/{id}"
        )
        await expect(console.title).to_have_text(title)
        await expect(console.page).to_have_title(f"{title} · vpp")
        contents.append(await console.page.get_by_role("main").inner_html())
        texts = await console.page.evaluate("window.shownTexts")
        assert texts
        assert not any("Secret" in text for text in texts)

    assert contents[0] == contents[1] == contents[2]


async def test_a_new_caller_sees_no_data_of_the_previous_one(console: Console, api: Api) -> None:
    """Another caller signs in on an open page."""
    own_vpp_id, other_vpp_id = await api.create_vpp(), await api.create_vpp(name=f"Secret of {new_name()}")
    key = await api.create_key("OPERATOR", vppIds=[own_vpp_id])
    await console.open(f"/vpps/{other_vpp_id}")
    await expect(console.title).to_contain_text("Secret")

    await console.press("Sign out")
    await console.page.evaluate(RECORD_SHOWN_TEXT)
    await console.page.get_by_label("API key").fill(key)
    await console.press("Sign in")

    await expect(console.title).to_have_text("There is no such VPP")
    assert not any("Secret" in text for text in await console.page.evaluate("window.shownTexts"))


async def test_a_member_sees_only_their_own_sites(console: Console, api: Api) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name)
    site_id = await api.create_site(vpp_id, nmi="QM00000001", address="7 Beaumont St", capacity_kwh=13.5)
    other_id = await api.create_site(vpp_id, address="8 Beaumont St")
    await console.sign_in(await api.create_key("MEMBER", siteIds=[site_id]))

    await console.open("/", title="My sites")
    await expect(console.page.get_by_role("main")).to_contain_text(
        "You see your own sites and their statements, nothing else."
    )
    await expect(console.page.get_by_role("list", name="My sites").get_by_role("listitem")).to_have_text(
        [f"7 Beaumont StNMIQM00000001Capacity today13.5 kWhVPP today{name}"]
    )
    statements = console.page.get_by_role("main").get_by_role("link", name="Statements")
    await expect(statements).to_have_attribute("href", "/reports")
    await console.page.get_by_role("link", name="7 Beaumont St").click()
    await expect(console.title).to_have_text("7 Beaumont St")
    await expect(console.page.get_by_role("main").get_by_role("link", name=name)).to_have_count(0)
    await expect(console.page.get_by_role("button", name="Edit")).to_have_count(0)

    await console.open(f"/sites/{other_id}", title="There is no such site")
    await console.open(f"/vpps/{vpp_id}", title="This page is for readers, operators and administrators")


async def test_a_reader_sees_no_buttons_for_changes(console: Console, api: Api) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id, capacity_kwh=13.5)
    await console.sign_in(await api.create_key("READER"))
    buttons = console.page.get_by_role("main").get_by_role("button")

    offered = []
    for path in ("/", f"/vpps/{vpp_id}", f"/sites/{site_id}"):
        await console.open(path)
        await expect(console.loading).to_have_count(0)
        offered += await buttons.all_inner_texts()

    assert not {"Create a VPP", "Rename", "Delete", "Change terms", "Create a site", "Edit", "Remove"} & set(offered)


async def test_amounts_name_their_period_and_currency(console: Console, api: Api) -> None:
    """Days are in NEM time, and money is in AUD."""
    id = await api.create_vpp(daily_fee=0.3)

    await console.open("/", title="Fleet")
    await expect(console.page.get_by_role("main")).to_contain_text("their terms today in NEM time (UTC+10)")
    await expect(console.page.get_by_role("columnheader", name="Daily fee, AUD")).to_be_visible()
    await console.open(f"/vpps/{id}")

    today = console.page.get_by_role("region", name="Terms today")
    await expect(today).to_contain_text("NEM time (UTC+10)")
    await expect(today).to_contain_text("Daily fee per site, AUD$0.30for 28 days of every month")
    await expect(periods(console, "Terms by period")).to_contain_text(
        ["for all timetoday20 % of revenue, daily fee $0.30 AUD"]
    )


async def test_the_fleet_pages_have_no_axe_violations_and_fit_narrow_windows(console: Console, api: Api) -> None:
    """Checks the dialogs with rejected input, too."""
    id = await api.create_vpp()
    await api.execute(UPDATE_VPP, input={"id": id, "revenuePercentage": 25, "effectiveFrom": "2025-07-01"})
    await api.create_site(id, address="426 King St Newcastle West NSW 2302")
    faults = []

    for path in ("/?site=king", "/?site=QB123456780", f"/vpps/{id}", f"/vpps/{ABSENT_ID}"):
        await console.open(path)
        await expect(console.loading).to_have_count(0)
        faults += await console.axe_violations_and_overflows()
    for path, submit in (
        ("/?do=create-vpp", "Create VPP"),
        (f"/vpps/{id}?do=rename-vpp", "Rename"),
        (f"/vpps/{id}?do=change-terms", "Change terms"),
        (f"/vpps/{id}?do=create-site", "Create site"),
        (f"/vpps/{id}?do=delete-vpp", "Delete VPP"),
    ):
        await console.page.goto(console.url + path)
        dialog = console.page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        for field in await dialog.get_by_role("textbox").all():
            await field.fill("")
        await dialog.get_by_role("button", name=submit).click()
        await expect(dialog.locator("[data-invalid], [role=alert]").first).to_be_visible()
        faults += await console.axe_violations_and_overflows()

    assert "\n".join(faults) == ""
