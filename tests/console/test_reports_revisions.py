"""Revisions of a month side by side, and what a month would come to on other terms."""

import asyncio
import json

from playwright.async_api import Locator, Route, expect

from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import Api
from tests.fixtures.console.browser import Console
from tests.fixtures.console.keyboard import tab_to
from tests.fixtures.console.months import (
    PATIENCE_MS,
    UPDATE_VPP,
    Settled,
    added_up,
    amount,
    brought_in,
    foot,
    lines,
    open_month,
    settled,
    shown,
    signed_in,
)

SIMULATE = """query ($input: SimulateRevenueReportInput!) { simulateRevenueReport(input: $input) {
    totals { totalRevenueAud adValoremFeeAud dailyFeesAud siteTotalAud costOnlyAud vppTotalAud }
    lineItems { nmi afterFeesAud }
} }"""


def changed(console: Console) -> Locator:
    return console.page.get_by_role("table", name="Changed lines")


async def compare(console: Console, month: Settled, revision: int, other: int) -> Locator:
    """Show a revision beside another, and return what is said of both."""
    await open_month(console, month, f"?revision={revision}")
    section = console.page.get_by_role("region", name="Revisions side by side")
    await section.get_by_role("button", name=f"Compare revision {revision} with").click()
    await console.page.get_by_role("option", name=f"Revision {other}").click()
    await expect(section.get_by_role("heading", name="Changes by site")).to_be_visible(timeout=PATIENCE_MS)
    return section


async def causes(console: Console) -> dict[str, tuple[str, str, str]]:
    """Return of each line that changed its cause, what tells of it, and the difference, by NMI."""
    columns = [await shown(changed(console), column) for column in ("nmi", "causes", "details", "difference")]
    return {nmi: (cause, told, difference) for nmi, cause, told, difference in zip(*columns, strict=True)}


async def test_a_later_revision_stands_beside_one_that_never_changes_with_what_changed_by_site_and_cause(
    console: Console, api: Api
) -> None:
    """Console behaviour 20."""
    month = await settled(
        api,
        [10, 10, 10, 10],
        "A,2025-09-03,DISCHARGE,100,100",
        "B,2025-09-03,DISCHARGE,10,100",
        percentage=20,
        daily_fee=0,
    )
    await open_month(console, month, "?revision=1")
    before = await figures(console)
    await brought_in(api, month.nmis, "A,2025-09-04,DISCHARGE,100,100")
    await api.add_battery(month.site_ids[1], capacity_kwh=10)
    elsewhere = await api.create_vpp()
    await api.execute(
        "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }",
        input={"siteId": month.site_ids[3], "vppId": elsewhere},
    )
    newcomer = await api.create_site(month.vpp_id, nmi="0000000QRY", capacity_kwh=10)
    await api.settle_month(month.vpp_id, "2025-09")

    section = await compare(console, month, 2, 1)

    a, b, c, d = month.nmis
    assert await causes(console) == {
        a: ("Events", "revenue $100.00 → $200.00", "+$66.32"),
        b: ("Batteries", "10 → 20 kWh", "+$9.04"),
        c: ("Other sites", "capacity share +$2.32", "+$2.32"),
        d: ("Membership", "left the VPP", "−$4.40"),
        "0000000QRY": ("Membership", "joined the VPP", "+$6.72"),
    }
    told = section.locator(".change-causes > li")
    assert [text.split("\n")[0] for text in await told.all_inner_texts()] == [
        "Membership: 2 sites, +$2.32 after fees",
        "Events: 1 site, +$66.32 after fees",
        "Batteries: 1 site, +$9.04 after fees",
        "Other sites: 1 site, +$2.32 after fees",
    ]
    totals = section.get_by_role("table").first
    await expect(totals.get_by_role("row", name="Site total")).to_have_text("Site total$88.00$168.00+$80.00")
    assert await foot(changed(console), "difference") == "+$80.00"
    await open_month(console, month, "?revision=1")
    assert await figures(console) == before
    await expect(console.page.get_by_text("superseded", exact=True)).to_be_visible()
    assert newcomer


async def figures(console: Console) -> list[str]:
    """Return all that a revision's page says of its money and its lines."""
    money = await console.page.get_by_role("region", name="Where the money went").get_by_role("table").all_inner_texts()
    return [*money, await lines(console).inner_text()]


async def test_terms_that_changed_are_told_as_the_cause(console: Console, api: Api) -> None:
    month = await settled(api, [10, 10], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 50, "dailyFeeAud": 0.1})
    await api.settle_month(month.vpp_id, "2025-09")

    section = await compare(console, month, 2, 1)

    await expect(section).to_contain_text(
        "Terms: 20 % of revenue and $0.00 a day before; 50 % of revenue and $0.10 a day after."
    )
    assert await causes(console) == {
        month.nmis[0]: ("Terms", "fees $20.00 → $52.80", "−$29.80"),
        month.nmis[1]: ("Terms", "fees $0.00 → $2.80", "−$5.80"),
    }


async def test_a_corrected_nmi_is_the_same_site_by_another_name(console: Console, api: Api) -> None:
    month = await settled(api, [10], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await api.execute(
        "mutation ($input: UpdateSiteInput!) { updateSite(input: $input) { id } }",
        input={"id": month.site_ids[0], "nmi": "0000000QVB"},
    )
    await api.settle_month(month.vpp_id, "2025-09")

    await compare(console, month, 1, 2)

    assert await causes(console) == {"0000000QVB": ("Name", f"NMI {month.nmis[0]} → 0000000QVB", "$0.00")}


async def test_a_member_sees_what_changed_for_its_own_sites(
    open_context: OpenContext, served_console: Serving, api: Api
) -> None:
    month = await settled(api, [10, 10], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 50})
    await api.settle_month(month.vpp_id, "2025-09")
    member = await signed_in(open_context, served_console, await api.create_key("MEMBER", siteIds=[month.site_ids[0]]))

    section = await compare(member, month, 2, 1)

    assert await causes(member) == {month.nmis[0]: ("Terms", "fees $20.00 → $50.00", "−$27.00")}
    await expect(section.get_by_role("row", name="Your sites, after fees")).to_contain_text("$72.00")
    await expect(section.get_by_role("row", name="Total revenue")).to_have_count(0)
    assert member.complaints == []


def tried(console: Console) -> Locator:
    return console.page.get_by_role("table", name="Settled and simulated")


async def two_sites(api: Api) -> Settled:
    return await settled(
        api, [13.5, 13.5], "A,2025-09-03,DISCHARGE,100,100", "B,2025-09-05,CHARGE,1,50", percentage=20, daily_fee=0.3
    )


async def test_other_terms_are_tried_by_sliders_from_the_keyboard_and_stored_nowhere(
    console: Console, api: Api
) -> None:
    """Console behaviour 4: and each slider has a field beside it."""
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
    await expect(tried(console).get_by_role("row", name="Site total").locator("td").nth(1)).to_have_text(
        f"${expected['totals']['siteTotalAud']}"
    )
    table = console.page.get_by_role("table", name="Lines with the simulated terms")
    assert await shown(table, "simulated") == [f"${line['afterFeesAud']}" for line in expected["lineItems"]]
    assert await added_up(table, "difference") == amount(
        await tried(console).get_by_role("row", name="Site total").locator("td").nth(2).inner_text()
    )
    settled_total = await tried(console).get_by_role("row", name="Site total").locator("td").nth(0).inner_text()
    assert settled_total == f"${month.report['totals']['siteTotalAud']}"
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


async def test_a_slider_that_was_typed_beyond_its_end_ends_there_while_it_is_moved(console: Console, api: Api) -> None:
    await open_month(console, await two_sites(api))
    fee = console.page.get_by_role("slider", name="Daily fee per site")
    typed = console.page.get_by_role("textbox", name="Daily fee per site, in AUD")
    await expect(fee).to_have_attribute("max", "2")

    await typed.fill("10")
    await typed.press("Enter")
    await fee.press("ArrowLeft")

    await expect(typed).to_have_value("9.95")
    await expect(fee).to_have_attribute("max", "10")


async def test_an_older_answer_never_takes_a_newer_ones_place(console: Console, api: Api) -> None:
    month = await two_sites(api)
    asked_first, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold_the_first(route: Route) -> None:
        sent = json.loads(route.request.post_data or "{}")
        if sent.get("variables", {}).get("input", {}).get("revenuePercentage") == 50:
            asked_first.set()
            await may_go_on.wait()
        await route.continue_()

    await open_month(console, month)
    await console.page.route("**/graphql", hold_the_first)
    percentage = console.page.get_by_role("textbox", name="Share of revenue the VPP takes, in %")
    await percentage.fill("50")
    await percentage.press("Enter")
    await asked_first.wait()
    await percentage.fill("100")
    await percentage.press("Enter")
    vpp_total = tried(console).get_by_role("row", name="Ad valorem fee").locator("td").nth(1)
    await expect(vpp_total).to_have_text("$99.50")

    may_go_on.set()
    await console.page.unroute_all(behavior="wait")

    await expect(tried(console)).to_have_attribute("aria-busy", "false")
    await expect(vpp_total).to_have_text("$99.50")


async def test_an_answer_on_its_way_moves_nothing_on_the_page(console: Console, api: Api) -> None:
    month = await two_sites(api)
    await open_month(console, month)
    below = console.page.get_by_role("heading", name="Revisions side by side")
    stood_at = await below.bounding_box()

    await console.page.get_by_role("slider", name="Share of revenue the VPP takes").press("PageUp")
    await expect(tried(console)).to_have_attribute("aria-busy", "true")
    on_its_way_at = await below.bounding_box()
    await expect(tried(console)).to_have_attribute("aria-busy", "false")

    assert stood_at is not None
    assert on_its_way_at is not None
    assert on_its_way_at["y"] - stood_at["y"] == await console.page.evaluate("-scrollY")
    answered_at = await below.bounding_box()
    assert answered_at == on_its_way_at


async def test_the_settled_terms_are_gone_back_to(console: Console, api: Api) -> None:
    month = await two_sites(api)
    await open_month(console, month)
    percentage = console.page.get_by_role("textbox", name="Share of revenue the VPP takes, in %")
    await percentage.fill("60")
    await percentage.press("Enter")
    await expect(tried(console).get_by_role("row", name="Ad valorem fee")).to_contain_text("$59.70")

    await console.press("Reset to the settled terms")

    await expect(percentage).to_have_value("20")
    await expect(tried(console).get_by_role("row", name="Ad valorem fee")).not_to_contain_text("$59.70")
    await expect(console.page.get_by_role("slider", name="Share of revenue the VPP takes")).to_have_value("20")
