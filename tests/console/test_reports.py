"""The report pages: choosing, settling and reading a month, and what each role sees."""

from datetime import date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from playwright.async_api import Locator, expect

import db.reports
from db.engine.database import Database, driver_connection
from db.jobs import Job
from db.reports import RevenueReport
from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import Api, new_name
from tests.fixtures.console.browser import NARROWEST, Console
from tests.fixtures.console.keyboard import tab_to
from tests.fixtures.console.months import (
    UPDATE_VPP,
    expect_column,
    find_total,
    lines_table,
    open_month,
    open_signed_in,
    settle_month,
)

NEM_TIME = timezone(timedelta(hours=10))
UNKNOWN_ID = "1f0c8f5e-6f0d-4a53-9d0b-000000000000"


def reports(console: Console) -> Locator:
    return console.page.get_by_role("table", name="Reports")


async def create_pending_report(database: Database, vpp_id: str, month: date, revision: int = 1) -> UUID:
    """Create a pending report whose job no worker picks within the hour."""
    async with database.transaction() as session:
        report = RevenueReport(id=uuid4(), vpp_id=UUID(vpp_id), month=month, revision=revision)
        session.add(report)
        await session.flush()
        queries = Queries(AsyncpgDriver(await driver_connection(session)))
        await queries.enqueue(Job.SETTLE, str(report.id).encode(), execute_after=timedelta(hours=1))
        return report.id


async def test_a_month_can_be_settled_and_exported_with_the_keyboard_alone(console: Console, api: Api) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name, daily_fee=0.3)
    await api.create_site(vpp_id, capacity_kwh=13.5)
    keyboard = console.page.keyboard
    await console.open("/reports?month=2025-09", title="Reports")

    await tab_to(console, "VPP")
    await keyboard.type(name)
    await expect(console.page.get_by_role("option", name=name)).to_be_visible()
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await expect(console.page.get_by_role("heading", name=f"Reports of {name}")).to_be_visible()
    await tab_to(console, "Generate the report of September 2025")
    await keyboard.press("Enter")
    await expect(console.page.get_by_text("Revision 1 of September 2025 is settled.")).to_be_visible()
    await tab_to(console, "Open the report")
    await keyboard.press("Enter")
    await expect(console.title).to_have_text(f"{name}, September 2025")
    await expect(lines_table(console).locator("tbody tr")).to_have_count(1)
    async with console.page.expect_download() as download:
        await tab_to(console, "CSV file of revision 1, as it was settled")
        await keyboard.press("Enter")

    assert (await download.value).suggested_filename == f"{name.replace(' ', '_')}_2025-09_revision_1.csv"


async def test_the_vpp_and_month_are_kept_in_the_url(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5])
    url = f"{console.url}/reports?month=2025-09&vppId={month.vpp_id}"
    await console.open("/reports?month=2025-10", title="Reports")

    await console.page.get_by_role("combobox", name="VPP").fill(month.name)
    await console.page.get_by_role("option", name=month.name, exact=True).click()
    await expect(console.page.get_by_role("heading", name=f"Reports of {month.name}")).to_be_visible()
    await console.press("Previous month")
    await expect(console.page).to_have_url(url)
    await console.page.reload()

    await expect(console.page.get_by_role("combobox", name="VPP")).to_have_value(month.name)
    await expect_column(reports(console), "month", ["September 2025"])
    await expect(console.page).to_have_url(url)


async def test_months_show_their_latest_revision_status_and_totals(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5], "A,2025-09-03,DISCHARGE,10,500", percentage=10, daily_fee=0.5)
    await api.settle_month(month.vpp_id, "2025-10")
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 20, "effectiveFrom": "2025-09-01"})
    await api.settle_month(month.vpp_id, "2025-09")
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "dailyFeeAud": 0, "effectiveFrom": "2025-10-01"})

    await console.open(f"/reports?vppId={month.vpp_id}", title="Reports")

    rows = reports(console).locator("tbody tr")
    latest_revisions = [
        ["October 2025", "1", "stale", "$0.00", "$0.00", "$0.00"],
        ["September 2025", "2", "up to date", "$50.00", "$26.00", "$24.00"],
    ]
    await expect(rows).to_have_count(len(latest_revisions))
    for index, texts in enumerate(latest_revisions):
        for column, text in enumerate(texts):
            await expect(rows.nth(index).locator("td").nth(column)).to_have_text(text)


async def test_a_failed_revision_shows_the_reason_and_can_be_settled_again(
    console: Console, api: Api, database: Database
) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name)
    report_id = await create_pending_report(database, vpp_id, date(2025, 9, 1))
    await console.open(f"/reports?vppId={vpp_id}&month=2025-09", title="Reports")

    await console.press("Generate the report of September 2025")
    await expect(console.page.get_by_text("Revision 1 of September 2025 is being settled.")).to_be_visible()
    async with database.transaction() as session:
        await db.reports.fail(session, id=report_id, reason="The object store was away for a day.")

    notice = console.page.get_by_role("status").filter(has_text="could not be settled")
    await expect(notice).to_contain_text("The object store was away for a day.")
    await expect(reports(console)).to_contain_text("failed")
    await console.press("Generate the report of September 2025")
    await expect(console.page.get_by_text("Revision 2 of September 2025 is settled.")).to_be_visible()
    await expect(reports(console)).to_contain_text("up to date")


async def test_a_report_requested_by_another_caller_is_updated_live(
    console: Console, api: Api, database: Database
) -> None:
    vpp_id = await api.create_vpp(name=new_name())
    report_id = await create_pending_report(database, vpp_id, date(2025, 9, 1))
    await console.open(f"/reports?vppId={vpp_id}", title="Reports")
    await expect(reports(console)).to_contain_text("settling")

    async with database.transaction() as session:
        await db.reports.fail(session, id=report_id, reason="It was given up.")

    await expect(reports(console)).to_contain_text("failed")


async def test_a_month_whose_last_revision_failed_shows_the_previous_one(
    console: Console, api: Api, database: Database
) -> None:
    month = await settle_month(api, [13.5], "A,2025-09-03,DISCHARGE,10,500")
    report_id = await create_pending_report(database, month.vpp_id, date(2025, 9, 1), revision=2)
    await open_month(console, month)
    await expect(console.page.get_by_text("Revision 2 is being settled. Until it is ready")).to_be_visible()

    async with database.transaction() as session:
        await db.reports.fail(session, id=report_id, reason="It was given up.")

    await expect(console.page.get_by_text("could not be settled. It was given up. This is revision 1.")).to_be_visible()
    await expect(find_total(console, "Total revenue")).to_contain_text("$50.00")
    await console.open(f"{month.path}?revision=2")
    await expect(console.page.get_by_text("Revision 2 could not be settled. It was given up.")).to_be_visible()


async def test_settling_again_without_changes_shows_a_message(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5])
    await open_month(console, month)

    await console.press("Settle again")

    await expect(
        console.page.get_by_text("No input of September 2025 has changed: revision 1 is still current.")
    ).to_be_visible()


async def test_a_stale_report_is_flagged_beside_its_figures_until_it_is_settled_again(
    console: Console, api: Api
) -> None:
    """The period, NEM time and AUD are shown with the amounts."""
    month = await settle_month(api, [13.5], "A,2025-09-03,DISCHARGE,10,500", percentage=10, daily_fee=0.5)
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 20, "forAllTime": True})

    await open_month(console, month)

    for name in ("Where the money went", "Line items"):
        section = console.page.get_by_role("region", name=name)
        await expect(section).to_contain_text("1 Sept 2025 to 30 Sept 2025, NEM time (UTC+10), AUD")
        await expect(section.get_by_text("stale", exact=True)).to_be_visible()
    await expect(console.page.get_by_text("Settle again to add a revision.")).to_be_visible()
    await expect(find_total(console, "Ad valorem fee")).to_contain_text("$5.00")
    await console.press("Settle again")
    await expect(find_total(console, "Ad valorem fee")).to_contain_text("$10.00")
    await expect(console.page.get_by_text("stale", exact=True)).to_have_count(0)


async def test_a_month_that_is_not_over_is_flagged_as_incomplete(console: Console, api: Api) -> None:
    today = datetime.now(NEM_TIME).date()
    name = new_name()
    vpp_id = await api.create_vpp(name=name)
    await api.create_site(vpp_id, capacity_kwh=13.5)
    await api.settle_month(vpp_id, f"{today:%Y-%m}")

    await console.open(f"/reports/{vpp_id}/{today:%Y-%m}", title=f"{name}, {today:%B %Y}")

    money = console.page.get_by_role("region", name="Where the money went")
    await expect(money.get_by_text("incomplete", exact=True)).to_be_visible()
    await expect(console.page.get_by_text("before the month was over")).to_contain_text("in NEM time (UTC+10)")
    await expect(console.page.get_by_text("No events.")).to_be_visible()
    await console.open(f"/reports?vppId={vpp_id}", title="Reports")
    await expect(reports(console)).to_contain_text("incomplete")


async def test_a_report_can_be_generated_on_the_page_of_a_month(console: Console, api: Api) -> None:
    name = new_name()
    vpp_id = await api.create_vpp(name=name)
    await console.open(f"/reports/{vpp_id}/2025-08", title=f"{name}, August 2025")
    await expect(console.page.get_by_role("heading", name="August 2025 has no report yet")).to_be_visible()

    await console.press("Generate the report of August 2025")

    await expect(console.page.get_by_text("No site was a member on any day of August 2025.")).to_be_visible()


@pytest.mark.parametrize(
    ("address", "noun"),
    [
        (f"/reports/{UNKNOWN_ID}/2025-09", "VPP"),
        ("/reports/no-id/2025-09", "VPP"),
        (f"/reports?vppId={UNKNOWN_ID}", "VPP"),
        ("/reports?vppId=no-id", "VPP"),
        (f"/reports/{UNKNOWN_ID}/2025-13", "month"),
    ],
)
async def test_an_unknown_vpp_or_month_is_not_found(console: Console, address: str, noun: str) -> None:
    await console.open(address, title=f"There is no such {noun}")


async def test_an_unknown_revision_is_not_found(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5])

    await console.open(f"{month.path}?revision=7", title="There is no such revision")


async def test_a_month_out_of_scope_looks_like_a_missing_one(
    open_context: OpenContext, served_console: Serving, api: Api
) -> None:
    month, own = await settle_month(api, [13.5]), await api.create_vpp()
    operator = await open_signed_in(open_context, served_console, await api.create_key("OPERATOR", vppIds=[own]))

    await operator.open(month.path, title="There is no such VPP")
    main = operator.page.get_by_role("main")
    content = await main.inner_text()
    await operator.open(f"/reports/{UNKNOWN_ID}/2025-09", title="There is no such VPP")

    await expect(main).to_have_text(content, use_inner_text=True)
    assert operator.console_errors == []


async def test_a_reader_cannot_settle(open_context: OpenContext, served_console: Serving, api: Api) -> None:
    month = await settle_month(api, [13.5])
    reader = await open_signed_in(open_context, served_console, await api.create_key("READER"))

    await open_month(reader, month)

    await expect(find_total(reader, "Total revenue")).to_contain_text("$0.00")
    await expect(reader.page.get_by_role("button", name="Settle again")).to_have_count(0)
    await expect(reader.page.get_by_role("link", name="Change the VPP's terms")).to_have_count(0)
    assert reader.console_errors == []


async def test_a_member_sees_own_lines_but_no_totals_or_files(
    open_context: OpenContext, served_console: Serving, api: Api
) -> None:
    month = await settle_month(
        api,
        [13.5, 13.5],
        "A,2025-09-03,DISCHARGE,100,100",
        "B,2025-09-03,DISCHARGE,100,300",
        percentage=20,
        daily_fee=0.3,
        addresses=["1 King St", "99 Neighbour St"],
    )
    unrelated = await settle_month(api, [13.5])
    member = await open_signed_in(
        open_context, served_console, await api.create_key("MEMBER", siteIds=[month.site_ids[0]])
    )

    await member.open("/reports", title="Statements")
    statements = member.page.get_by_role("table", name="Statements")
    await expect_column(statements, "own", ["$87.60"])
    await statements.get_by_role("link", name="September 2025").click()
    await expect(member.title).to_have_text(month.title)

    await expect_column(lines_table(member), "afterFeesAud", ["$87.60"])
    await expect(member.page.get_by_role("region", name="What your sites received")).to_contain_text("$87.60")
    for name in ("Where the money went", "What if the terms were different?"):
        await expect(member.page.get_by_role("region", name=name)).to_have_count(0)
    await expect(member.page.get_by_role("button", name="as it was settled")).to_have_count(0)
    await member.press(f"{month.nmis[0]}: explain its figures")
    dialog = member.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("100.00 × 20 % = 20.00")
    await expect(dialog).to_contain_text("Settled at 20 % of revenue and $0.30 a day.")
    await expect(dialog).to_contain_text("so the pool and your share of it are not shown")
    page = await member.page.content()
    assert all(hidden not in page for hidden in (month.nmis[1], "99 Neighbour St", "$400.00", "$300.00"))
    await member.open(unrelated.path, title="There is no such VPP")
    assert member.console_errors == []


async def test_a_member_without_statements_sees_an_explanation(
    open_context: OpenContext, served_console: Serving, api: Api
) -> None:
    site_id = await api.create_site(await api.create_vpp())
    member = await open_signed_in(open_context, served_console, await api.create_key("MEMBER", siteIds=[site_id]))

    await member.open("/reports", title="Statements")

    await expect(member.page.get_by_role("heading", name="There is no statement for your sites yet")).to_be_visible()
    assert await member.axe_violations() == []


async def expect_panel(console: Console, address: str) -> None:
    """Wait until a page is loaded, with the panel that its address opens."""
    await expect(console.page.get_by_role("dialog")).to_have_count(1 if "do=" in address else 0)
    await expect(console.page.locator(".skeleton")).to_have_count(0)


async def test_the_report_pages_and_panels_have_no_axe_violations(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5, 5], "A,2025-09-03,DISCHARGE,7,77", percentage=20, daily_fee=0.3)
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 30, "effectiveFrom": "2025-09-10"})
    await api.settle_month(month.vpp_id, "2025-09")
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 40, "forAllTime": True})
    await console.page.emulate_media(reduced_motion="reduce")

    found = []
    for address in (
        f"/reports?vppId={month.vpp_id}",
        f"{month.path}?with=1",
        f"{month.path}?do=explain&about={month.nmis[0]}",
        f"{month.path}?do=lines&about=vppTotalAud",
    ):
        await console.open(address)
        await expect_panel(console, address)
        found += await console.axe_violations()

    assert found == []


async def test_the_report_pages_and_panels_fit_a_narrow_window(console: Console, api: Api) -> None:
    long = "A Virtual Power Plant of the Hunter, the Central Coast and the Northern Beaches"
    month = await settle_month(api, [13.5, 5], "A,2025-09-03,DISCHARGE,70000,7777", percentage=20, daily_fee=0.3)
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, "name": long, "revenuePercentage": 25, "forAllTime": True})
    await api.settle_month(month.vpp_id, "2025-09")
    await console.page.set_viewport_size(NARROWEST)

    for address in (
        f"/reports?vppId={month.vpp_id}",
        f"{month.path}?with=1",
        f"{month.path}?do=explain&about={month.nmis[0]}",
        f"{month.path}?do=lines&about=vppTotalAud",
    ):
        await console.open(address)
        await expect_panel(console, address)
        assert await console.overflows() == []
        for dialog in await console.page.get_by_role("dialog").all():
            assert await dialog.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
