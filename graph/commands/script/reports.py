"""The instruction Create Report: settles a month, prints the report and writes it to a file."""

import asyncio
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from graph.commands.script.client import Client, JsonObject, Refused

GENERATE_REPORT = """
mutation ($input: GenerateRevenueReportInput!) {
  generateRevenueReport(input: $input) { id }
}
"""
ON_REPORT = "subscription ($id: ID!) { onRevenueReport(id: $id) { status failureReason } }"
GET_REPORT_STATUS = "query ($id: ID!) { getRevenueReport(id: $id) { status failureReason } }"
REPORT = """
fragment Report on RevenueReport {
  month revision isStale status
  vpp { name }
  totals { totalRevenueAud adValoremFeeAud dailyFeesAud costOnlyAud vppTotalAud siteTotalAud }
  lineItems {
    items { nmi address capacityKwh beforeFeesAud dailyFeeAud afterFeesAud }
    nextToken
  }
}
"""
GET_REPORT = "query ($id: ID!) { getRevenueReport(id: $id) { ...Report downloadUrl(format: JSON) } }" + REPORT
GET_LATEST_REPORT = (
    "query ($vppId: ID!, $month: String!) { getLatestRevenueReport(vppId: $vppId, month: $month) { ...Report } }"
    + REPORT
)


async def create_report(vpp_id: str, month: str, client: Client, output: Console, report_path: Path) -> None:
    """
    Settle a month, print its report, and write it to a file as JSON.

    Raises Refused if the month cannot be settled.
    """
    generated = await client.execute(GENERATE_REPORT, input={"vppId": vpp_id, "month": month})
    settled = await client.follow(
        ON_REPORT, GET_REPORT_STATUS, generated["id"], until=lambda state: state["status"] in ("READY", "FAILED")
    )
    if settled["status"] == "FAILED":
        raise Refused(f"The month could not be settled: {settled['failureReason']}")

    report = await client.execute(GET_REPORT, id=generated["id"])
    print_report(report, output)
    await asyncio.to_thread(report_path.write_bytes, await client.download(report["downloadUrl"]))


def print_report(report: JsonObject, output: Console) -> None:
    """Print the totals and the line items of a READY report that has the fields of REPORT."""
    output.print()
    title = f"{report['vpp']['name']}, {report['month']}, revision {report['revision']}, in Australian dollars"
    output.print(Text(title, style="bold"), soft_wrap=True)

    totals = Table.grid(padding=(0, 2))
    totals.add_column()
    totals.add_column(justify="right")
    totals.add_row("Total revenue", report["totals"]["totalRevenueAud"])
    totals.add_row("Ad valorem fee, to the VPP", report["totals"]["adValoremFeeAud"])
    totals.add_row("Daily fees, to the VPP", report["totals"]["dailyFeesAud"])
    totals.add_row("Cost-only, borne by the VPP", report["totals"]["costOnlyAud"])
    totals.add_row("VPP total", report["totals"]["vppTotalAud"])
    totals.add_row("Site total, after fees", report["totals"]["siteTotalAud"])
    output.print(totals)

    line_items = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    line_items.add_column("NMI", no_wrap=True)
    line_items.add_column("Address")
    for name in ("kWh", "Before fees", "Daily fee", "After fees"):
        line_items.add_column(name, justify="right", no_wrap=True)
    for line_item in report["lineItems"]["items"]:
        line_items.add_row(
            line_item["nmi"],
            # A Text, since rich would interpret square brackets in a plain string as markup.
            Text(line_item["address"]),
            f"{line_item['capacityKwh']:g}",
            line_item["beforeFeesAud"],
            line_item["dailyFeeAud"],
            line_item["afterFeesAud"],
        )
    output.print()
    output.print(line_items)
    output.print()
    if report["lineItems"]["nextToken"] is not None:
        output.print("The file of the report has further sites.")
    if report["isStale"]:
        output.print("The data behind this report has changed since: settle the month again for a new revision.")
