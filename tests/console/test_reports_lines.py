"""A report's figures: sums, explanations, sorting, filters and exports."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from db.engine.database import Database
from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import Api
from tests.fixtures.console.browser import Console
from tests.fixtures.console.months import (
    UPDATE_VPP,
    SettledMonth,
    column_amounts,
    expect_column,
    expect_sum,
    find_total,
    footer_cell,
    import_events,
    lines_table,
    open_month,
    open_signed_in,
    parse_amount,
    settle_month,
)
from tests.fixtures.formulas import evaluate
from tests.fixtures.line_items import forget_steps

FIGURES = {
    "revenueAud": "totalRevenueAud",
    "adValoremFeeAud": "adValoremFeeAud",
    "dailyFeeAud": "dailyFeesAud",
    "afterFeesAud": "siteTotalAud",
}
UNEVEN = (
    "A,2025-09-03,DISCHARGE,7.777777,33.33",
    "B,2025-09-04,DISCHARGE,1.111111,77.7",
    "C,2025-09-05,CHARGE,3.333333,11.1",
    "D,2025-09-06,DISCHARGE,100,1.005",
    "E,2025-09-07,DISCHARGE,9.999999,-3",
)


async def explain(console: Console, nmi: str) -> dict[str, list[str]]:
    """Open the explanation of a site's figures. Return each step's amount and its texts, without the rule."""
    await console.press(f"{nmi}: explain its figures")
    dialog = console.dialog(f"Figures of {nmi}, explained")
    await expect(dialog.get_by_role("heading", name="After fees")).to_be_visible()
    steps = {}
    for step in await dialog.locator(".steps > li").all():
        title, figure, _rule, *details = filter(None, (await step.inner_text()).split("\n"))
        steps[title] = [figure, *details]
    return steps


@pytest.mark.parametrize(
    ("capacities", "events", "terms", "totals", "after_fees"),
    [
        (
            [13.5],
            ["A,2025-09-03,DISCHARGE,5,35"],
            {"percentage": 20, "daily_fee": 0.3},
            ["$1.75", "$0.35", "$1.40", "$0.00", "$0.00", "$1.75"],
            ["$0.00"],
        ),
        (
            [10],
            ["A,2025-09-03,DISCHARGE,10,500"],
            {"percentage": 10, "daily_fee": 0.5},
            ["$50.00", "$5.00", "$14.00", "$31.00", "$0.00", "$19.00"],
            ["$31.00"],
        ),
        (
            [10],
            ["A,2025-09-03,DISCHARGE,10,-20"],
            {"percentage": 20, "daily_fee": 0},
            ["$0.00", "$0.00", "$0.00", "$0.00", "−$2.00", "−$2.00"],
            ["$0.00"],
        ),
        (
            [13.5, 13.5],
            ["A,2025-09-03,DISCHARGE,100,100"],
            {"percentage": 20, "daily_fee": 0},
            ["$100.00", "$20.00", "$0.00", "$80.00", "$0.00", "$20.00"],
            ["$72.00", "$8.00"],
        ),
        (
            [13.5, 13.5],
            ["A,2025-09-03,DISCHARGE,100,100"],
            {"percentage": 20, "daily_fee": 0.3},
            ["$100.00", "$20.00", "$16.40", "$63.60", "$0.00", "$36.40"],
            ["$63.60", "$0.00"],
        ),
        (
            [13.5],
            ["A,2025-09-03,CHARGE,10,20"],
            {"percentage": 20, "daily_fee": 0.3},
            ["−$2.00", "−$0.40", "$0.00", "−$1.60", "$0.00", "−$0.40"],
            ["−$1.60"],
        ),
    ],
    ids=["covered-fee", "dear-event", "cost-only", "two-sites", "two-sites-and-a-fee", "negative"],
)
async def test_a_month_shows_where_its_money_went(
    console: Console,
    api: Api,
    capacities: Sequence[float],
    events: Sequence[str],
    terms: dict[str, Any],
    totals: list[str],
    after_fees: list[str],
) -> None:
    month = await settle_month(api, capacities, *events, **terms)

    await open_month(console, month)

    names = ["Total revenue", "Ad valorem fee", "Daily fees", "Site total", "Cost-only", "VPP total"]
    for name, figure in zip(names, totals, strict=True):
        await expect(find_total(console, name)).to_contain_text(figure)
    description = ", ".join(f"{name} {figure}" for name, figure in zip(names[:5], totals[:5], strict=True))
    await expect(console.page.get_by_role("img", name=f"Waterfall: {description}")).to_be_visible()
    await expect_column(lines_table(console), "afterFeesAud", after_fees)


async def test_the_waterfall_steps_down_from_the_total_and_below_zero(console: Console, api: Api) -> None:
    month = await settle_month(
        api, [13.5], "A,2025-09-03,CHARGE,10,20", "A,2025-09-04,DISCHARGE,10,-10", percentage=25, daily_fee=0
    )

    await open_month(console, month)

    chart = console.page.get_by_role("img", name="Waterfall")
    bars = chart.locator(".recharts-bar-rectangle path")
    await expect(bars).to_have_count(5)
    revenue, ad_valorem, daily, sites, cost_only = [await box(bar) for bar in await bars.all()]
    nothing = revenue[1]
    assert ad_valorem[0] == pytest.approx(revenue[0], abs=1)
    assert (ad_valorem[1] - ad_valorem[0]) / (revenue[1] - revenue[0]) == pytest.approx(0.25, abs=0.02)
    assert sites[0] == pytest.approx(ad_valorem[1], abs=1)
    assert daily[1] - daily[0] == pytest.approx(2, abs=1)
    assert sites[1] == pytest.approx(nothing, abs=1)
    assert cost_only[1] == pytest.approx(nothing, abs=1)


async def box(bar: Locator) -> tuple[float, float]:
    """Return the left and right end of a bar, in pixels."""
    found = await bar.bounding_box()
    assert found is not None
    return found["x"], found["x"] + found["width"]


async def test_every_total_opens_to_lines_that_add_up_to_it_to_the_cent(console: Console, api: Api) -> None:
    """The lines are summed up as the page shows them."""
    month = await settle_month(api, [13.5, 5, 0, 10, 27], *UNEVEN, percentage=33.3, daily_fee=0.01)

    await open_month(console, month)

    totals = {name: Decimal(text) for name, text in month.report["totals"].items()}
    for column, name in FIGURES.items():
        await expect_sum(lines_table(console), column, totals[name])
    for name, label in {
        "totalRevenueAud": "Total revenue",
        "adValoremFeeAud": "Ad valorem fee",
        "dailyFeesAud": "Daily fees",
        "siteTotalAud": "Site total",
        "vppTotalAud": "VPP total",
    }.items():
        await find_total(console, label).get_by_role("button").click()
        table = console.page.get_by_role("dialog").get_by_role("table")
        await expect_sum(table, "amount", totals[name])
        await expect(console.page.get_by_role("dialog")).to_contain_text(", to the cent.")
        await console.press("Close")
        await expect(find_total(console, label).get_by_role("button")).to_be_focused()


async def test_the_shown_figures_satisfy_the_settlement_identities(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5, 5, 0, 10, 27], *UNEVEN, percentage=12.5, daily_fee=0.02)

    await open_month(console, month)

    shown_totals = {
        name: parse_amount(await find_total(console, name).inner_text())
        for name in ("Total revenue", "Ad valorem fee", "Daily fees", "Site total", "VPP total", "Cost-only")
    }
    revenue, ad_valorem, daily, sites, vpp, cost_only = shown_totals.values()
    assert revenue == ad_valorem + daily + sites
    assert vpp == ad_valorem + daily + cost_only
    table = lines_table(console)
    await expect(table.locator("tbody tr")).to_have_count(5)
    columns = [
        await column_amounts(table, column)
        for column in ("eventShareAud", "capacityShareAud", "beforeFeesAud", "dailyFeeAud", "afterFeesAud")
    ]
    for event_share, capacity_share, before_fees, daily_fee, after_fees in zip(*columns, strict=True):
        assert before_fees == event_share + capacity_share
        assert after_fees == before_fees - daily_fee


async def test_a_line_opens_to_the_steps_of_its_settlement(console: Console, api: Api) -> None:
    month = await settle_month(
        api,
        [13.5, 13.5],
        "A,2025-09-03,DISCHARGE,100,101",
        "A,2025-09-04,CHARGE,5,20",
        "A,2025-09-05,DISCHARGE,10,-20",
        percentage=20,
        daily_fee=0.3,
    )
    await open_month(console, month)

    steps = await explain(console, month.nmis[0])

    assert steps == {
        "Revenue": ["$100.00"],
        "Ad valorem fee": ["$20.00", "100.00 × 20 % = 20.00"],
        "Rest": ["$80.00", "100.00 − 20.00 = 80.00"],
        "Event share": ["$64.00", "80.00 × 80 % = 64.00"],
        "Capacity share": ["$8.00", "16.00 × 13.5 ÷ 27 = 8.00"],
        "Daily fee due": ["$8.40", "0.30 × 28 × 30 ÷ 30 = 8.40"],
        "Before fees": ["$72.00", "64.00 + 8.00 = 72.00"],
        "Daily fee taken": ["$8.40", "min(8.40, max(0.00, 72.00)) = 8.40"],
        "Waived": ["$0.00", "8.40 − 8.40 = 0.00"],
        "After fees": ["$63.60", "72.00 − 8.40 = 63.60"],
    }
    events = console.page.get_by_role("dialog").get_by_role("table", name="Events")
    await expect_column(events, "valueAud", ["$101.00", "−$1.00", "−$2.00"])
    await expect(footer_cell(events, "valueAud")).to_have_text("$100.00")
    await expect(console.page.get_by_role("dialog")).to_contain_text("without the −$2.00 of cost-only events")


async def test_an_uncovered_fee_is_explained_as_waived(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5, 13.5], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0.3)
    await open_month(console, month)

    steps = await explain(console, month.nmis[1])

    assert steps["Revenue"] == ["$0.00"]
    assert steps["Daily fee taken"] == ["$8.00", "min(8.40, max(0.00, 8.00)) = 8.00"]
    assert steps["Waived"] == ["$0.40", "8.40 − 8.00 = 0.40"]
    assert steps["After fees"] == ["$0.00", "8.00 − 8.00 = 0.00"]
    await expect(console.page.get_by_role("dialog")).to_contain_text("No events.")


async def test_an_allotted_cent_is_explained(console: Console, api: Api) -> None:
    month = await settle_month(api, [9, 9, 9], "A,2025-09-03,DISCHARGE,100,100", percentage=20, daily_fee=0)
    await open_month(console, month)

    first = await explain(console, month.nmis[0])
    await console.press("Close")
    second = await explain(console, month.nmis[1])

    assert first["Capacity share"] == [
        "$5.34",
        "16.00 × 9 ÷ 27 = 5.333333…",
        "5.333333… is $5.34 to the cent, allotted so that all parts add up to the total.",
    ]
    assert first["Before fees"][1] == "64.00 + 5.333333… = 69.333333…"
    assert second["Capacity share"][0] == "$5.33"
    assert second["Capacity share"][2] == "5.333333… is $5.33 to the cent."


async def test_without_capacity_each_site_keeps_its_own_share(console: Console, api: Api) -> None:
    month = await settle_month(api, [0, 0], "A,2025-09-03,DISCHARGE,10,100", percentage=20, daily_fee=0)
    await open_month(console, month)

    steps = await explain(console, month.nmis[0])

    assert steps["Capacity share"] == [
        "$1.60",
        "8.00 × 20 % = 1.60",
        "Where no member has any capacity, each site keeps its own 20 %.",
    ]


async def test_a_month_with_two_terms_is_explained_by_period(console: Console, api: Api) -> None:
    month = await settle_month(
        api, [13.5], "A,2025-09-15,DISCHARGE,10,100", "A,2025-09-16,DISCHARGE,10,100", percentage=20, daily_fee=0.3
    )
    changed = {"revenuePercentage": 50, "dailyFeeAud": 0.1, "effectiveFrom": "2025-09-16"}
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, **changed})
    await api.settle_month(month.vpp_id, "2025-09")
    await open_month(console, month)

    steps = await explain(console, month.nmis[0])

    assert steps["Ad valorem fee"] == [
        "$7.00",
        "1 Sept 2025 to 15 Sept 2025: 10.00 × 20 % = 2.00",
        "16 Sept 2025 to 30 Sept 2025: 10.00 × 50 % = 5.00",
        "Together: 7.00",
    ]
    assert steps["Capacity share"] == [
        "$2.60",
        "1 Sept 2025 to 15 Sept 2025: 1.60 × 13.5 ÷ 13.5 = 1.60",
        "16 Sept 2025 to 30 Sept 2025: 1.00 × 13.5 ÷ 13.5 = 1.00",
        "Together: 2.60",
    ]
    assert steps["Daily fee due"] == [
        "$5.60",
        "1 Sept 2025 to 15 Sept 2025: 0.30 × 28 × 15 ÷ 30 = 4.20",
        "16 Sept 2025 to 30 Sept 2025: 0.10 × 28 × 15 ÷ 30 = 1.40",
        "Together: 5.60",
    ]


async def test_a_site_that_joined_during_the_month_is_explained_by_its_days(console: Console, api: Api) -> None:
    month = await settle_month(api, [13.5], "A,2025-09-03,DISCHARGE,10,500", percentage=20, daily_fee=0.3)
    late = "0000000QTT"
    site_id = await api.create_site(month.vpp_id, nmi=late, effectiveFrom="2025-09-21")
    await api.add_battery(site_id, capacity_kwh=13.5)
    await import_events(api, [late], "A,2025-09-25,DISCHARGE,10,100")
    await api.settle_month(month.vpp_id, "2025-09")
    await open_month(console, month)

    steps = await explain(console, late)

    assert steps["Daily fee due"] == ["$2.80", "0.30 × 28 × 10 ÷ 30 = 2.80"]
    assert steps["Capacity share"] == ["$0.80", "1.60 × 13.5 ÷ 27 = 0.80"]


@pytest.mark.parametrize("role", ["OPERATOR", "MEMBER"])
async def test_every_line_of_arithmetic_is_true_after_the_terms_were_corrected(
    open_context: OpenContext, served_console: Serving, api: Api, role: str
) -> None:
    month = await settle_month(
        api,
        [13.5, 10, 9],
        "A,2025-09-03,DISCHARGE,7.777777,333.33",
        "B,2025-09-04,DISCHARGE,1.111111,777.7",
        "A,2025-09-20,CHARGE,3,11.1",
        percentage=12.5,
        daily_fee=0.07,
    )
    changed = {"revenuePercentage": 33.3, "dailyFeeAud": 0.01, "effectiveFrom": "2025-09-16"}
    await api.execute(UPDATE_VPP, input={"id": month.vpp_id, **changed})
    second = await api.settle_month(month.vpp_id, "2025-09")
    await api.execute(
        UPDATE_VPP, input={"id": month.vpp_id, "revenuePercentage": 60, "dailyFeeAud": 2, "forAllTime": True}
    )
    await import_events(api, month.nmis, "A,2025-09-10,DISCHARGE,1,100")
    await api.settle_month(month.vpp_id, "2025-09")
    scope = {"siteIds": [month.site_ids[0]]} if role == "MEMBER" else {}
    console = await open_signed_in(open_context, served_console, await api.create_key(role, **scope))
    await open_month(console, month, "?revision=2")

    steps = await explain(console, month.nmis[0])

    dialog = console.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(
        "Settled at 12.5 % of revenue and $0.07 a day, 1 Sept 2025 to 15 Sept 2025; "
        "33.3 % of revenue and $0.01 a day, 16 Sept 2025 to 30 Sept 2025."
    )
    await expect(dialog).to_contain_text("Changed since.")
    line = next(line for line in second["lineItems"]["items"] if line["nmi"] == month.nmis[0])
    amounts = {title: parse_amount(figure) for title, (figure, *_) in steps.items()}
    assert amounts["Revenue"] == Decimal(line["revenueAud"])
    assert amounts["Ad valorem fee"] == Decimal(line["adValoremFeeAud"])
    assert amounts["Before fees"] == Decimal(line["beforeFeesAud"])
    assert amounts["Daily fee taken"] + amounts["Waived"] == amounts["Daily fee due"]
    assert amounts["After fees"] == Decimal(line["afterFeesAud"])
    assert steps["Ad valorem fee"][1:4] == [
        "1 Sept 2025 to 15 Sept 2025: 25.9256640741 × 12.5 % = 3.2407080092625",
        "16 Sept 2025 to 30 Sept 2025: (−0.333) × 33.3 % = −0.110889",
        "Together: 3.1298190092625",
    ]
    checked = 0
    for title, (_, *details) in steps.items():
        together = Fraction(0)
        for detail in details:
            if (parts := re.fullmatch(r"(?:.*: )?(.+) = (.+)", detail)) is not None:
                assert are_equal(parts[1], parts[2]), (title, detail)
                together += evaluate(parts[2].replace("…", ""))
                checked += 1
            elif detail.startswith("Together: ") and title not in ("Revenue", "Capacity share"):
                assert together == evaluate(detail.removeprefix("Together: "))
                checked += 1
    assert checked == (18 if role == "OPERATOR" else 16)


def are_equal(formula: str, value: str) -> bool:
    """Evaluate a formula as shown; "…" marks decimals that are cut off."""
    difference = abs(evaluate(formula.replace("…", "")) - evaluate(value.replace("…", "")))
    return difference <= (Fraction(2, 10**6) if "…" in value else 0)


async def test_a_revision_settled_before_steps_were_kept_says_so(
    console: Console, api: Api, database: Database
) -> None:
    month = await settle_month(api, [13.5], "A,2025-09-03,DISCHARGE,10,500", percentage=10, daily_fee=0.5)
    await forget_steps(database, month.nmis[0])
    await open_month(console, month)

    await console.press(f"{month.nmis[0]}: explain its figures")

    dialog = console.dialog(f"Figures of {month.nmis[0]}, explained")
    await expect(dialog).to_contain_text("This revision was settled before the steps of a settlement were kept.")
    await expect(dialog.get_by_role("row", name="After fees")).to_contain_text("$31.00")
    await expect(dialog.locator(".steps")).to_have_count(0)


async def test_lines_are_sorted_numerically(console: Console, api: Api) -> None:
    month = await settle_month(
        api,
        [13.5, 5, 100],
        "A,2025-09-03,DISCHARGE,9,100",
        "B,2025-09-03,DISCHARGE,10,100",
        "C,2025-09-03,CHARGE,10,100",
        percentage=20,
        daily_fee=0,
    )
    await open_month(console, month)

    await lines_table(console).get_by_role("button", name="Revenue").click()

    await expect_column(lines_table(console), "revenueAud", ["$10.00", "$9.00", "−$10.00"])
    heading = lines_table(console).get_by_role("columnheader", name="Revenue")
    await expect(heading).to_have_attribute("aria-sort", "descending")


async def test_filtered_lines_have_their_own_sums(console: Console, api: Api) -> None:
    month = await settle_three_sites(api)
    await open_month(console, month)

    await console.page.get_by_role("searchbox", name="Find by NMI or address").fill("hunter")

    await expect(console.page.get_by_text("2 of 3 lines have “hunter”")).to_be_visible()
    table = lines_table(console)
    await expect_column(table, "address", ["2 Hunter St, Newcastle", "3 Hunter St"])
    for column in ("revenueAud", "afterFeesAud"):
        await expect_sum(table, column, sum(await column_amounts(table, column), start=Decimal(0)))
    await console.page.get_by_role("searchbox").fill(month.nmis[0])
    await expect(table.locator("tbody tr")).to_have_count(1)
    await expect(table.locator("tfoot")).to_contain_text("1 shown")


async def test_an_export_contains_the_shown_lines_and_the_filter(console: Console, api: Api, tmp_path: Path) -> None:
    """Totals equal the screen's; zeros, signs and dates are kept; the file names the filter."""
    month = await settle_three_sites(api)
    await open_month(console, month)
    await console.page.get_by_role("searchbox").fill("Hunter St")
    await expect(console.page.get_by_text("2 of 3 lines")).to_be_visible()

    async with console.page.expect_download() as download:
        await console.press("CSV of the lines shown")
    file = await download.value
    await file.save_as(tmp_path / "lines.csv")

    rows = list(csv.DictReader(io.StringIO((tmp_path / "lines.csv").read_text(encoding="utf-8-sig"), newline="")))
    name = month.name.replace(" ", "_")
    assert file.suggested_filename == f"{name}_2025-09_revision_1_filter_Hunter_St.csv"
    assert [row["nmi"] for row in rows] == month.nmis[1:]
    assert all(nmi.startswith("0") for nmi in month.nmis)
    assert [row["address"] for row in rows] == ["2 Hunter St, Newcastle", "3 Hunter St"]
    assert {row["filter"] for row in rows} == {"Hunter St"}
    assert rows[1]["revenue_aud"] == "-2.00"
    for heading, column in {"revenue_aud": "revenueAud", "after_fees_aud": "afterFeesAud"}.items():
        await expect_sum(lines_table(console), column, sum((Decimal(row[heading]) for row in rows), start=Decimal(0)))


async def test_an_export_has_texts_without_formulas_and_numbers_as_they_are(
    console: Console, api: Api, tmp_path: Path
) -> None:
    month = await settle_month(
        api,
        [13.5, 13.5, 0],
        "C,2025-09-05,CHARGE,10,20",
        addresses=['=HYPERLINK("http://example.invalid")', "+61 Zürich St", "-3"],
        percentage=20,
        daily_fee=0.01,
    )
    await open_month(console, month)

    async with console.page.expect_download() as download:
        await console.press("CSV of all lines")
    await (await download.value).save_as(tmp_path / "lines.csv")

    content = (tmp_path / "lines.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert content.startswith(codecs.BOM_UTF8)
    assert [row["address"] for row in rows] == ['\'=HYPERLINK("http://example.invalid")', "'+61 Zürich St", "-3"]
    assert rows[2]["revenue_aud"] == "-2.00"


async def test_an_export_of_all_lines_adds_up_to_the_reports_totals(console: Console, api: Api, tmp_path: Path) -> None:
    month = await settle_month(api, [13.5, 5, 0, 10, 27], *UNEVEN, percentage=33.3, daily_fee=0.01)
    await open_month(console, month)

    async with console.page.expect_download() as download:
        await console.press("CSV of all lines")
    file = await download.value
    await file.save_as(tmp_path / "lines.csv")

    rows = list(csv.DictReader(io.StringIO((tmp_path / "lines.csv").read_text(encoding="utf-8-sig"), newline="")))
    assert file.suggested_filename.endswith("_2025-09_revision_1_all_lines.csv")
    for column, heading in {
        "totalRevenueAud": "revenue_aud",
        "adValoremFeeAud": "ad_valorem_fee_aud",
        "dailyFeesAud": "daily_fee_aud",
        "siteTotalAud": "after_fees_aud",
    }.items():
        assert sum(Decimal(row[heading]) for row in rows) == Decimal(month.report["totals"][column])


@pytest.mark.parametrize("format", ["JSON", "CSV"])
async def test_a_reports_files_equal_the_settled_ones(console: Console, api: Api, tmp_path: Path, format: str) -> None:
    month = await settle_three_sites(api)
    url = await api.execute(
        "query ($id: ID!, $format: RevenueReportFormat) { getRevenueReport(id: $id) { downloadUrl(format: $format) } }",
        id=month.report["id"],
        format=format,
    )
    await open_month(console, month)

    async with console.page.expect_download() as download:
        await console.press(f"{format} file of revision 1, as it was settled")
    file = await download.value
    await file.save_as(tmp_path / "report")

    assert file.suggested_filename == f"{month.name.replace(' ', '_')}_2025-09_revision_1.{format.lower()}"
    assert (tmp_path / "report").read_bytes() == (await api.s3.get(url["downloadUrl"])).content


async def settle_three_sites(api: Api) -> SettledMonth:
    """Settle a month with three sites: two in the same street, one with a negative amount."""
    return await settle_month(
        api,
        [13.5, 13.5, 0],
        "A,2025-09-03,DISCHARGE,100,1.5",
        "B,2025-09-04,DISCHARGE,10,33.3",
        "C,2025-09-05,CHARGE,10,20",
        addresses=["1 King St", "2 Hunter St, Newcastle", "3 Hunter St"],
        percentage=20,
        daily_fee=0.01,
    )
