"""Comparing the revisions of a month, and simulating other terms."""

import asyncio
import json

from playwright.async_api import Locator, Route, expect

from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import Api
from tests.fixtures.console.browser import Console, expect_equal
from tests.fixtures.console.keyboard import tab_to
from tests.fixtures.console.months import (
    UPDATE_VPP,
    SettledMonth,
    expect_column,
    expect_sum,
    footer_cell,
    import_events,
    lines_table,
    open_month,
    open_signed_in,
    parse_amount,
    settle_month,
)

SIMULATE = """query ($input: SimulateRevenueReportInput!) { simulateRevenueReport(input: $input) {
    totals { totalRevenueAud adValoremFeeAud dailyFeesAud siteTotalAud costOnlyAud vppTotalAud }
    lineItems { nmi afterFeesAud }
} }"""


def changed_lines_table(console: Console) -> Locator:
    return console.page.get_by_role("table", name="Changed lines")


async def compare(console: Console, month: SettledMonth, revision: int, other: int) -> Locator:
    """Compare a revision with another, and return the section."""
    await open_month(console, month, f"?revision={revision}")
    section = console.page.get_by_role("region", name="Revisions side by side")
    await section.get_by_role("button", name=f"Compare revision {revision} with").click()
    await console.page.get_by_role("option", name=f"Revision {other}").click()
    await expect(section.get_by_role("heading", name="Changes by site")).to_be_visible()
    return section


async def expect_changes(console: Console, changes: dict[str, tuple[str, str, str]]) -> None:
    """Wait until the table of changed lines shows these causes, details and differences, by NMI in this order."""
    texts = zip(*((nmi, *change) for nmi, change in changes.items()), strict=True)
    for column, column_texts in zip(("nmi", "causes", "details", "difference"), texts, strict=True):
        await expect_column(changed_lines_table(console), column, column_texts)


async def test_two_revisions_are_compared_by_site_and_cause(console: Console, api: Api) -> None:
    month = await settle_month(
        api,
        [10, 10, 10, 10],
        "A,2025-09-03,DISCHARGE,100,100",
        "B,2025-09-03,DISCHARGE,10,100",
        percentage=20,
        daily_fee=0,
    )
    await open_month(console, month, "?revision=1")
    before = await read_revision(console)
    await import_events(api, month.nmis, "A,2025-09-04,DISCHARGE,100,100")
    await api.add_battery(month.site_ids[1], capacity_kwh=10)
    elsewhere = await api.create_vpp()
    await api.execute(
        "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }",
        input={"siteId": month.site_ids[3], "vppId": elsewhere, "forAllTime": True},
    )
    newcomer = await api.create_site(month.vpp_id, nmi="0000000QRY", capacity_kwh=10)
    await api.settle_month(month.vpp_id, "2025-09")

    section = await compare(console, month, 2, 1)

    a, b, c, d = month.nmis
    await expect_changes(
        console,
        {
            a: ("Events", "revenue $100.00 → $200.00", "+$66.32"),
            b: ("Batteries", "10 → 20 kWh", "+$9.04"),
            c: ("Other sites", "capacity share +$2.32", "+$2.32"),
            d: ("Membership", "left the VPP", "−$4.40"),
            "0000000QRY": ("Membership", "joined the VPP", "+$6.72"),
        },
    )
    causes = section.locator(".change-causes > li")
    await expect(causes).to_have_count(4)
    await expect(causes).to_contain_text(
        [
            "Membership: 2 sites, +$2.32 after fees",
            "Events: 1 site, +$66.32 after fees",
            "Batteries: 1 site, +$9.04 after fees",
            "Other sites: 1 site, +$2.32 after fees",
        ]
    )
    totals = section.get_by_role("table").first
    await expect(totals.get_by_role("row", name="Site total")).to_have_text("Site total$88.00$168.00+$80.00")
    await expect(footer_cell(changed_lines_table(console), "difference")).to_have_text("+$80.00")
    await open_month(console, month, "?revision=1")
    await expect_equal(lambda: read_revision(console), before)
    await expect(console.page.get_by_text("superseded", exact=True)).to_be_visible()
    assert newcomer


async def read_revision(console: Console) -> list[str]:
    """Return the texts of a revision's money flow and lines."""
    money = await console.page.get_by_role("region", name="Where the money went").get_by_role("table").all_inner_texts()
    return [*money, await lines_table(console).inner_text()]


async def test_changed_terms_are_shown_as_the_cause(console: Console, api: Api) -> None:
    month = await settle_month(api, [10, 10], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await api.execute(
        UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 50, "dailyFeeAud": 0.1, "forAllTime": True}
    )
    await api.settle_month(month.vpp_id, "2025-09")

    section = await compare(console, month, 2, 1)

    await expect(section).to_contain_text(
        "Terms: 20 % of revenue and $0.00 a day before; 50 % of revenue and $0.10 a day after."
    )
    await expect_changes(
        console,
        {
            month.nmis[0]: ("Terms", "fees $20.00 → $52.80", "−$29.80"),
            month.nmis[1]: ("Terms", "fees $0.00 → $2.80", "−$5.80"),
        },
    )


async def test_a_site_with_a_corrected_nmi_is_still_the_same_site(console: Console, api: Api) -> None:
    month = await settle_month(api, [10], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await api.execute(
        "mutation ($input: UpdateSiteInput!) { updateSite(input: $input) { id } }",
        input={"id": month.site_ids[0], "nmi": "0000000QVB"},
    )
    await api.settle_month(month.vpp_id, "2025-09")

    await compare(console, month, 1, 2)

    await expect_changes(console, {"0000000QVB": ("Name", f"NMI {month.nmis[0]} → 0000000QVB", "$0.00")})


async def test_a_member_sees_the_changes_of_own_sites(
    open_context: OpenContext, served_console: Serving, api: Api
) -> None:
    month = await settle_month(api, [10, 10], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 50, "forAllTime": True})
    await api.settle_month(month.vpp_id, "2025-09")
    member = await open_signed_in(
        open_context, served_console, await api.create_key("MEMBER", siteIds=[month.site_ids[0]])
    )

    section = await compare(member, month, 2, 1)

    await expect_changes(member, {month.nmis[0]: ("Terms", "fees $20.00 → $50.00", "−$27.00")})
    await expect(section.get_by_role("row", name="Your sites, after fees")).to_contain_text("$72.00")
    await expect(section.get_by_role("row", name="Total revenue")).to_have_count(0)
    assert member.console_errors == []


def simulation_table(console: Console) -> Locator:
    return console.page.get_by_role("table", name="Settled and simulated")


async def two_sites(api: Api) -> SettledMonth:
    return await settle_month(
        api, [13.5, 13.5], "A,2025-09-03,DISCHARGE,100,100", "B,2025-09-05,CHARGE,1,50", percentage=20, daily_fee=0.3
    )


async def test_terms_can_be_simulated_with_the_keyboard_and_are_not_stored(console: Console, api: Api) -> None:
    """Each slider also has a number field."""
    month = await two_sites(api)
    await open_month(console, month)
    percentage = console.page.get_by_role("slider", name="Share of revenue the VPP takes")

    await percentage.focus()
    for _ in range(3):
        await console.page.keyboard.press("ArrowRight")
    await console.page.keyboard.press("Tab")
    await expect(console.page.get_by_role("textbox", name="Share of revenue the VPP takes, in %")).to_be_focused()
    await expect(console.page.get_by_role("textbox", name="Share of revenue the VPP takes, in %")).to_have_value("21.5")
    await console.page.keyboard.press("Tab")
    await expect(console.page.get_by_role("slider", name="Daily fee per site")).to_be_focused()
    await console.page.keyboard.press("Tab")
    await console.page.keyboard.type("0.1")
    await tab_to(console, "Show the lines")
    await console.page.keyboard.press("Enter")

    expected = await api.execute(
        SIMULATE,
        input={"vppId": month.vpp_id, "month": "2025-09", "revenuePercentage": 21.5, "dailyFeeAud": 0.1},
    )
    site_total = simulation_table(console).get_by_role("row", name="Site total").locator("td")
    await expect(site_total.nth(0)).to_have_text(f"${month.report['totals']['siteTotalAud']}")
    await expect(site_total.nth(1)).to_have_text(f"${expected['totals']['siteTotalAud']}")
    table = console.page.get_by_role("table", name="Lines with the simulated terms")
    await expect_column(table, "simulated", [f"${line['afterFeesAud']}" for line in expected["lineItems"]])
    await expect_sum(table, "difference", parse_amount(await site_total.nth(2).inner_text()))
    listed = await api.execute(
        "query ($id: ID!) { listRevenueReports(filter: {vppId: $id, latestOnly: false}) { items { id } } }",
        id=month.vpp_id,
    )
    assert listed == {"items": [{"id": month.report["id"]}]}
    assert (await api.wait_for_report(month.report["id"]))["isStale"] is False
    await expect(console.page.get_by_text("Nothing is stored.")).to_be_visible()
    await expect(console.page.get_by_role("link", name="Change the VPP's terms")).to_have_attribute(
        "href", f"/vpps/{month.vpp_id}"
    )


async def test_a_typed_value_extends_the_sliders_range(console: Console, api: Api) -> None:
    await open_month(console, await two_sites(api))
    fee = console.page.get_by_role("slider", name="Daily fee per site")
    typed = console.page.get_by_role("textbox", name="Daily fee per site, in AUD")
    await expect(fee).to_have_attribute("max", "2")

    await typed.fill("10")
    await typed.press("Enter")
    await expect(fee).to_have_attribute("max", "10")
    await fee.press("ArrowLeft")

    await expect(typed).to_have_value("9.95")
    await expect(fee).to_have_attribute("max", "10")


async def hold_simulation(console: Console, percentage: float) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold the request for a percentage. Return the event that its arrival sets, and the one that lets it continue."""
    requested, may_continue = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        sent = json.loads(route.request.post_data or "{}")
        if sent.get("variables", {}).get("input", {}).get("revenuePercentage") == percentage:
            requested.set()
            await may_continue.wait()
        await route.continue_()

    await console.page.route("**/graphql", hold)
    return requested, may_continue


async def test_a_late_response_does_not_replace_a_newer_one(console: Console, api: Api) -> None:
    month = await two_sites(api)
    await open_month(console, month)
    first_requested, may_continue = await hold_simulation(console, 50)
    percentage = console.page.get_by_role("textbox", name="Share of revenue the VPP takes, in %")
    await percentage.fill("50")
    await percentage.press("Enter")
    await first_requested.wait()
    await percentage.fill("100")
    await percentage.press("Enter")
    vpp_total = simulation_table(console).get_by_role("row", name="Ad valorem fee").locator("td").nth(1)
    await expect(vpp_total).to_have_text("$99.50")

    may_continue.set()
    await console.page.unroute_all(behavior="wait")

    await expect(simulation_table(console)).to_have_attribute("aria-busy", "false")
    await expect(vpp_total).to_have_text("$99.50")


async def test_a_pending_simulation_causes_no_layout_shift(console: Console, api: Api) -> None:
    month = await two_sites(api)
    await open_month(console, month)
    requested, may_continue = await hold_simulation(console, 30)
    below = console.page.get_by_role("heading", name="Revisions side by side")
    before = await below.bounding_box()

    await console.page.get_by_role("slider", name="Share of revenue the VPP takes").press("PageUp")
    await requested.wait()
    await expect(simulation_table(console)).to_have_attribute("aria-busy", "true")
    pending = await below.bounding_box()
    may_continue.set()
    await expect(simulation_table(console)).to_have_attribute("aria-busy", "false")

    assert before is not None
    assert pending is not None
    assert pending["y"] - before["y"] == await console.page.evaluate("-scrollY")
    after = await below.bounding_box()
    assert after == pending


async def test_the_simulation_can_be_reset_to_the_settled_terms(console: Console, api: Api) -> None:
    month = await two_sites(api)
    await open_month(console, month)
    percentage = console.page.get_by_role("textbox", name="Share of revenue the VPP takes, in %")
    await percentage.fill("60")
    await percentage.press("Enter")
    await expect(simulation_table(console).get_by_role("row", name="Ad valorem fee")).to_contain_text("$59.70")

    await console.press("Reset to the settled terms")

    await expect(percentage).to_have_value("20")
    await expect(simulation_table(console).get_by_role("row", name="Ad valorem fee")).not_to_contain_text("$59.70")
    await expect(console.page.get_by_role("slider", name="Share of revenue the VPP takes")).to_have_value("20")
