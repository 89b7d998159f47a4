"""Execution of a script's instructions."""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

from graph.commands.script.client import TIMEOUT, Client, JsonObject, Refused
from graph.commands.script.file_import import import_file
from graph.commands.script.instructions import (
    CreateBattery,
    CreateReport,
    CreateSite,
    CreateVpp,
    Import,
    ImportEvents,
    ImportParks,
    ImportReadings,
    Instruction,
    Line,
    LineRefused,
    parse,
)
from graph.commands.script.reports import GET_LATEST_REPORT, create_report, print_report

GET_VPP = "query ($name: String!) { getVppByName(name: $name) { id } }"
CREATE_VPP = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"

GET_SITE = """
query ($nmi: String!) {
  getSiteByNmi(nmi: $nmi) { id vpp { id } batteries { id manufacturer serial } }
}
"""
CREATE_SITE = "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }"
UPDATE_SITE = "mutation ($input: UpdateSiteInput!) { updateSite(input: $input) { id } }"
ASSIGN_SITE = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"

ADD_BATTERY = "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }"
UPDATE_BATTERY = "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { id } }"

GET_PARK = "query ($name: String!) { getParkByName(name: $name) { id } }"


async def run_script(
    lines: Iterable[str],
    *,
    url: str,
    api_key: str,
    folder: Path,
    output: Console,
    report_path: Path = Path("vpp_report.json"),
    tls: ssl.SSLContext | None = None,
) -> None:
    """
    Run a script against the API at `url`, with files from `folder`. `tls` verifies the API's certificate.

    Raises LineRefused for the first line that is rejected; lines before it stay executed. If any line is invalid or
    names a missing file, no line is executed.
    """
    script = parse(lines)
    check_files(script, folder)

    async with open_client(url, api_key, tls) as client:
        for line in script:
            with translate_errors(line):
                summary = await execute(line.instruction, client, folder, output, report_path)
                # A Text, since rich would interpret square brackets in a plain string as markup.
                output.print(Text(summary), soft_wrap=True)


async def print_reports(
    lines: Iterable[str], *, url: str, api_key: str, output: Console, tls: ssl.SSLContext | None = None
) -> None:
    """
    Print the latest report for each Create Report line without settling.

    Raises LineRefused for the first line that is rejected.
    """
    async with open_client(url, api_key, tls) as client:
        for line in parse(lines):
            if isinstance(line.instruction, CreateReport):
                with translate_errors(line):
                    await print_latest_report(line.instruction, client, output)


@asynccontextmanager
async def open_client(url: str, api_key: str, tls: ssl.SSLContext | None) -> AsyncIterator[Client]:
    # `tls` trusts the API's own certificate only, so it is not used for the object store.
    mounts = {url: httpx.AsyncHTTPTransport(verify=tls)} if tls else None
    async with httpx.AsyncClient(timeout=TIMEOUT, mounts=mounts) as http:
        yield Client(url, api_key, http, tls)


def check_files(script: Iterable[Line], folder: Path) -> None:
    """
    Check that all files that a script names exist.

    Raises LineRefused for the first missing file.
    """
    for line in script:
        if isinstance(line.instruction, Import):
            path = folder / line.instruction.file
            if not path.is_file():
                raise LineRefused(line.number, line.text, f"There is no file {path.absolute()}.")


@contextmanager
def translate_errors(line: Line) -> Iterator[None]:
    """Raise LineRefused for a line in place of Refused and OSError."""
    try:
        yield
    except (Refused, OSError) as error:
        raise LineRefused(line.number, line.text, str(error)) from error


async def execute(instruction: Instruction, client: Client, folder: Path, output: Console, report_path: Path) -> str:
    """
    Execute one instruction, and return a summary.

    Raises Refused if the API rejects it.
    """
    match instruction:
        case CreateVpp():
            return await create_vpp(instruction, client)
        case CreateSite():
            return await create_site(instruction, client)
        case CreateBattery():
            return await create_battery(instruction, client)
        case ImportEvents(file):
            return await import_file(folder / file, client, output, kind="BATTERY_EVENTS")
        case ImportParks(file):
            return await import_file(folder / file, client, output, kind="PARKS")
        case ImportReadings(park_name, file):
            park = await find_park(park_name, client)
            return await import_file(folder / file, client, output, kind="PARK_READINGS", parkId=park["id"])
        case CreateReport(vpp_name, month):
            vpp = await find_vpp(vpp_name, client)
            await create_report(vpp["id"], month, client, output, report_path)
            return f"Wrote {report_path}."


async def create_vpp(vpp: CreateVpp, client: Client) -> str:
    terms = {"revenuePercentage": vpp.revenue_percentage, "dailyFeeAud": vpp.daily_fee_aud}
    existing = await client.execute(GET_VPP, name=vpp.name)
    if existing is None:
        await client.execute(CREATE_VPP, input={"name": vpp.name, **terms})
        return f"Created VPP {vpp.name}."
    await client.execute(UPDATE_VPP, input={"id": existing["id"], **terms})
    return f"Updated VPP {vpp.name}."


async def create_site(site: CreateSite, client: Client) -> str:
    vpp = await find_vpp(site.vpp_name, client)
    existing = await client.execute(GET_SITE, nmi=site.nmi)
    if existing is None:
        await client.execute(CREATE_SITE, input={"vppId": vpp["id"], "nmi": site.nmi, "address": site.address})
        return f"Created site {site.nmi} in {site.vpp_name}."
    await client.execute(UPDATE_SITE, input={"id": existing["id"], "address": site.address})
    if existing["vpp"] != vpp:
        await client.execute(ASSIGN_SITE, input={"siteId": existing["id"], "vppId": vpp["id"]})
        return f"Updated site {site.nmi}, and moved it to {site.vpp_name}."
    return f"Updated site {site.nmi}."


async def create_battery(battery: CreateBattery, client: Client) -> str:
    site = await client.execute(GET_SITE, nmi=battery.nmi)
    if site is None:
        raise Refused(f"There is no site with the NMI {battery.nmi}; create it on an earlier line.")
    key = {"manufacturer": battery.manufacturer, "serial": battery.serial}
    for existing in site["batteries"]:
        if existing == {"id": existing["id"], **key}:
            await client.execute(UPDATE_BATTERY, input={"id": existing["id"], "capacityKwh": battery.capacity_kwh})
            return f"Updated battery {battery.manufacturer} {battery.serial} at {battery.nmi}."
    await client.execute(ADD_BATTERY, input={"siteId": site["id"], **key, "capacityKwh": battery.capacity_kwh})
    return f"Added battery {battery.manufacturer} {battery.serial} at {battery.nmi}."


async def print_latest_report(instruction: CreateReport, client: Client, output: Console) -> None:
    vpp = await client.execute(GET_VPP, name=instruction.vpp_name)
    report = vpp and await client.execute(GET_LATEST_REPORT, vppId=vpp["id"], month=instruction.month)
    if report and report["status"] == "READY":
        print_report(report, output)
    else:
        output.print(Text(f"There is no report for {instruction.vpp_name} in {instruction.month}."), soft_wrap=True)


async def find_vpp(name: str, client: Client) -> JsonObject:
    """
    Return a VPP's id, in an object, by its name.

    Raises Refused if there is no such VPP.
    """
    vpp: JsonObject | None = await client.execute(GET_VPP, name=name)
    if vpp is None:
        raise Refused(f"There is no VPP named {name!r}; create it on an earlier line.")
    return vpp


async def find_park(name: str, client: Client) -> JsonObject:
    """
    Return a park's id, in an object, by its name.

    Raises Refused if there is no such park.
    """
    park: JsonObject | None = await client.execute(GET_PARK, name=name)
    if park is None:
        raise Refused(f"There is no park named {name!r}; import it on an earlier line.")
    return park
