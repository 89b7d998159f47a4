"""The report page with ten thousand sites."""

from decimal import Decimal
from typing import Any

import pytest_asyncio
from playwright.async_api import expect
from sqlalchemy import text

from db.engine.database import Database
from graph.web.server import Serving
from tests.fixtures.api import WAIT_S, Api
from tests.fixtures.console.browser import Console
from tests.fixtures.console.months import (
    HEADER,
    MONTH,
    SettledMonth,
    footer_cell,
    lines_table,
)

SITES = 10_000
# Fifty pages are loaded one after another.
ALL_READ_MS = 4 * 1000 * WAIT_S

ADD_SITES = text("""
    with added as (
        insert into sites (id, nmi, address)
        select gen_random_uuid(), to_char(7000000000 + number, 'FM0000000000'), number || ' Grid St'
        from generate_series(1, :sites) as number
        returning id, nmi
    ), joined as (
        insert into memberships (site_id, vpp_id, effective)
        select id, :vpp_id, '(,)' from added
    ), placed as (
        insert into batteries (id, site_id, manufacturer, serial, installed)
        select gen_random_uuid(), id, 'Tesla', nmi, '(,)' from added
        returning id
    )
    insert into battery_capacities (battery_id, effective, capacity_kwh)
    select id, '(,)', 13.5 from placed
""")


@pytest_asyncio.fixture(scope="module")
async def many(served_console: Serving, api: Api, database: Database) -> SettledMonth:
    """Settle a month with ten thousand sites; the event of site N is worth N cents."""
    vpp_id = await api.create_vpp(name="Ten thousand", percentage=20, daily_fee=0.5)
    async with database.transaction() as session:
        await session.execute(ADD_SITES, {"sites": SITES, "vpp_id": vpp_id})
    nmis = [str(7_000_000_000 + number) for number in range(1, SITES + 1)]
    rows = "".join(f"{nmi},2025-09-03,DISCHARGE,{number},1\n" for number, nmi in enumerate(nmis, start=1))
    assert (await api.import_file(HEADER + rows))["rowsImported"] == SITES
    requested: Any = await api.execute(
        "mutation ($input: GenerateRevenueReportInput!) { generateRevenueReport(input: $input) { id } }",
        input={"vppId": vpp_id, "month": MONTH},
    )
    report = await api.wait_for_report(requested["id"])
    assert report["totals"]["totalRevenueAud"] == "500050.00"
    return SettledMonth(vpp_id, "Ten thousand", nmis, [], report)


async def test_ten_thousand_lines_can_be_summed_scrolled_and_filtered(console: Console, many: SettledMonth) -> None:
    site_total = many.report["totals"]["siteTotalAud"]
    await console.open(many.path, title=many.title)
    await expect(console.page.get_by_text("lines are loaded so far")).to_be_visible()
    await expect(console.page.get_by_text("10,000 lines in total.")).to_be_visible(timeout=ALL_READ_MS)
    table = lines_table(console)

    await expect(footer_cell(table, "nmi")).to_have_text("All 10,000")
    await expect(footer_cell(table, "revenueAud")).to_have_text("$500,050.00")
    await expect(footer_cell(table, "afterFeesAud")).to_have_text(f"${Decimal(site_total):,}")
    await expect(table).to_have_attribute("aria-rowcount", "10002")
    assert await table.locator("tbody tr").count() < 100

    scroller = console.page.get_by_role("region", name="Lines by site")
    await scroller.evaluate("(scroller) => scroller.scrollIntoView()")
    await scroller.evaluate("(scroller) => scroller.scrollTo(0, scroller.scrollHeight)")
    await expect(table.get_by_role("cell", name="10000 Grid St")).to_be_in_viewport()
    await table.get_by_role("button", name="Revenue").click()
    await scroller.evaluate("(scroller) => scroller.scrollTo(0, 0)")
    await expect(table.locator("tbody tr").first).to_contain_text("$100.00")

    await console.page.get_by_role("searchbox", name="Find by NMI or address").fill("999")
    await expect(console.page.get_by_text("of 10,000 lines have “999”")).to_contain_text(
        "The sums in the footer cover only"
    )
    found = [number for number in range(1, SITES + 1) if "999" in f"{7_000_000_000 + number} {number} Grid St"]
    await expect(footer_cell(table, "nmi")).to_have_text(f"{len(found)} shown")
    await expect(footer_cell(table, "revenueAud")).to_have_text(f"${Decimal(sum(found)) / 100:,.2f}")


async def test_one_of_ten_thousand_lines_is_explained(console: Console, many: SettledMonth) -> None:
    await console.open(f"{many.path}?do=explain&about={many.nmis[-1]}")

    dialog = console.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("80008.00 × 13.5 ÷ 135000 = 8.0008")
    await expect(dialog.get_by_role("table", name="Events")).to_contain_text("$100.00")
