"""
Takes the pictures of docs/images from a running console.

Start `vpp serve` with an empty data folder, set VPP_URL and VPP_API_KEY to what it prints, and run
`python -m tests.docs.screenshots`. The data is always the same. The system's fonts, such as DejaVu, have the arrows
that the font of the tests' Chromium lacks.
"""

import asyncio
import os
import random
import time
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests.fixtures.chromium import running_chromium
from tests.fixtures.markdown import ROOT

IMAGES = ROOT / "docs" / "images"
WIDTH = 1280
URL, KEY = os.environ.get("VPP_URL", ""), os.environ.get("VPP_API_KEY", "")
MONTH = "2025-09"
HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF"
# One site per capacity; the last one has no events.
CAPACITIES_KWH = (13.5, 13.5, 27, 10, 13.5, 9.8, 6.4)
POLL_INTERVAL_S = 0.2


def graphql(query: str, **variables: Any) -> Any:
    """Send an operation that must succeed, and return the value of its only field."""
    request = {"query": query, "variables": variables}
    response = httpx.post(f"{URL}/graphql", headers={"x-api-key": KEY}, json=request).json()
    if "errors" in response:
        raise RuntimeError(response["errors"][0]["message"])
    (value,) = response["data"].values()
    return value


def nmi_of(site: int) -> str:
    return f"{9876543210 + site}"


def create_fleet() -> str:
    """Create the VPP with its sites and batteries, and return its id."""
    vpp = graphql(
        "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }",
        input={"name": "Test VPP One", "revenuePercentage": 20, "dailyFeeAud": 0.3},
    )
    for site, capacity_kwh in enumerate(CAPACITIES_KWH):
        created = graphql(
            "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }",
            input={
                "vppId": vpp["id"],
                "nmi": nmi_of(site),
                "address": f"{426 + 2 * site} King St Newcastle West NSW 2302",
            },
        )
        graphql(
            "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }",
            input={
                "siteId": created["id"],
                "manufacturer": "Tesla",
                "serial": f"{38764527113388 + site}",
                "capacityKwh": capacity_kwh,
            },
        )
    return str(vpp["id"])


def month_of_events() -> str:
    """Return a file with a charge and a discharge of most sites on each day."""
    numbers = random.Random(2025)
    rows = [HEADER]
    for day in range(1, 31):
        for site, capacity_kwh in enumerate(CAPACITIES_KWH[:-1]):
            charged_kwh = round(capacity_kwh * numbers.uniform(0.4, 0.7), 1)
            discharged_kwh = round(charged_kwh * 0.9, 1)
            rows.append(f"{nmi_of(site)},{MONTH}-{day:02},CHARGE,{charged_kwh},{numbers.randint(2, 9)}")
            # On one day, discharging costs money.
            tariff = -6 if (day, site) == (14, 2) else numbers.randint(24, 52)
            rows.append(f"{nmi_of(site)},{MONTH}-{day:02},DISCHARGE,{discharged_kwh},{tariff}")
    return "\n".join(rows) + "\n"


def faulty_file() -> str:
    """Return a file in which some rows have faults of several kinds."""
    rows = [f"{nmi_of(day % 6)},2025-10-{day:02},DISCHARGE,{day % 7 + 3},{day % 9 + 24}" for day in range(1, 31)]
    rows += [f"6001234567,2025-10-{day:02},DISCHARGE,5,30" for day in range(1, 9)]
    rows += [f"{nmi_of(site)},{day}/10/2025,DISCHARGE,5,30" for site, day in ((0, 12), (1, 13), (4, 14))]
    rows += [f"{nmi_of(2)},2025-10-31,DISCHARGE,-4.5,30", f"{nmi_of(4)},2025-10-31,SELL,4.5,30"]
    return "\n".join([HEADER, *rows]) + "\n"


def import_events(text: str, file_name: str) -> str:
    """Import a file, and return the import's id."""
    upload = graphql(
        "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } uploadUrl } }",
        input={"kind": "BATTERY_EVENTS", "fileName": file_name},
    )
    httpx.put(upload["uploadUrl"], content=text.encode()).raise_for_status()
    import_id = str(upload["import"]["id"])
    graphql("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
    wait_for("query ($id: ID!) { getImport(id: $id) { status } }", import_id, status="COMPLETED")
    return import_id


def settle(vpp_id: str) -> None:
    """Settle the month."""
    report = graphql(
        "mutation ($input: GenerateRevenueReportInput!) { generateRevenueReport(input: $input) { id } }",
        input={"vppId": vpp_id, "month": MONTH},
    )
    wait_for("query ($id: ID!) { getRevenueReport(id: $id) { status } }", str(report["id"]), status="READY")


def wait_for(query: str, id: str, *, status: str) -> None:
    while graphql(query, id=id)["status"] != status:
        time.sleep(POLL_INTERVAL_S)


async def take(page: Page, name: str, *, height: int) -> None:
    """Take a picture of the upper part of the page."""
    await page.set_viewport_size({"width": WIDTH, "height": height})
    await expect(page.locator(".skeleton")).to_have_count(0)
    await page.mouse.move(0, 0)
    await page.screenshot(path=IMAGES / name, animations="disabled")


async def take_all(vpp_id: str, faulty_import_id: str) -> None:
    async with running_chromium(font_folders=["/usr/share/fonts"]) as browser:
        page = await browser.new_page(device_scale_factor=1.5, locale="en-AU", timezone_id="Australia/Sydney")
        await page.goto(f"{URL}/reports/{vpp_id}/{MONTH}")
        await page.get_by_role("table", name="Lines by site").wait_for()
        await take(page, "report.png", height=1110)
        await page.get_by_role("button", name=f"{nmi_of(1)}: explain its figures").click()
        await page.get_by_role("dialog").get_by_text("Daily fee due").wait_for()
        await take(page, "explanation.png", height=940)
        await page.goto(f"{URL}/imports/{faulty_import_id}")
        await page.get_by_text("NMI matches no site").wait_for()
        await take(page, "import.png", height=860)


def main() -> None:
    """Prepare the data, and take all pictures."""
    vpp_id = create_fleet()
    import_events(month_of_events(), "events_2025-09.csv")
    settle(vpp_id)
    faulty_import_id = import_events(faulty_file(), "events_2025-10.csv")
    asyncio.run(take_all(vpp_id, faulty_import_id))


if __name__ == "__main__":
    main()
