"""Carrying a script out."""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

from graph.commands.script.client import TIMEOUT, Client, Object, Refused
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
    Carry out a script against the API at `url`, known by `tls`, reading its files from `folder`.

    Raises LineRefused at the first line refused; what was done before it stays done. Nothing is done
    where a line cannot be read, or names a file that is not there.
    """
    script = parse(lines)
    check_files(script, folder)

    async with client_of(url, api_key, tls) as client:
        for line in script:
            with refusals_of(line):
                done = await carry_out(line.instruction, client, folder, output, report_path)
                # As a Text, so that square brackets in names mean nothing.
                output.print(Text(done), soft_wrap=True)


async def print_reports(
    lines: Iterable[str], *, url: str, api_key: str, output: Console, tls: ssl.SSLContext | None = None
) -> None:
    """
    Print the latest report of each Create Report line, where there is one; this settles nothing.

    Raises LineRefused as run_script does.
    """
    async with client_of(url, api_key, tls) as client:
        for line in parse(lines):
            if isinstance(line.instruction, CreateReport):
                with refusals_of(line):
                    await print_latest_report(line.instruction, client, output)


@asynccontextmanager
async def client_of(url: str, api_key: str, tls: ssl.SSLContext | None) -> AsyncIterator[Client]:
    # What knows the API says nothing of the object store.
    known = {url: httpx.AsyncHTTPTransport(verify=tls)} if tls else None
    async with httpx.AsyncClient(timeout=TIMEOUT, mounts=known) as http:
        yield Client(url, api_key, http, tls)


def check_files(script: Iterable[Line], folder: Path) -> None:
    """
    Find the files a script names.

    Raises LineRefused for one that is not there.
    """
    for line in script:
        if isinstance(line.instruction, Import):
            path = folder / line.instruction.file
            if not path.is_file():
                raise LineRefused(line.number, line.text, f"There is no file {path.absolute()}.")


@contextmanager
def refusals_of(line: Line) -> Iterator[None]:
    try:
        yield
    except (Refused, OSError) as refusal:
        raise LineRefused(line.number, line.text, str(refusal)) from refusal


async def carry_out(instruction: Instruction, client: Client, folder: Path, output: Console, report_path: Path) -> str:
    """
    Carry out one instruction, and say what was done.

    Raises Refused where the API refuses it.
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
            park = await park_named(park_name, client)
            return await import_file(folder / file, client, output, kind="PARK_READINGS", parkId=park["id"])
        case CreateReport(vpp_name, month):
            vpp = await vpp_named(vpp_name, client)
            await create_report(vpp["id"], month, client, output, report_path)
            return f"Wrote {report_path}."


async def create_vpp(vpp: CreateVpp, client: Client) -> str:
    terms = {"revenuePercentage": vpp.revenue_percentage, "dailyFeeAud": vpp.daily_fee_aud}
    found = await client.ask(GET_VPP, name=vpp.name)
    if found is None:
        await client.ask(CREATE_VPP, input={"name": vpp.name, **terms})
        return f"Created VPP {vpp.name}."
    await client.ask(UPDATE_VPP, input={"id": found["id"], **terms})
    return f"Updated VPP {vpp.name}."


async def create_site(site: CreateSite, client: Client) -> str:
    vpp = await vpp_named(site.vpp_name, client)
    found = await client.ask(GET_SITE, nmi=site.nmi)
    if found is None:
        await client.ask(CREATE_SITE, input={"vppId": vpp["id"], "nmi": site.nmi, "address": site.address})
        return f"Created site {site.nmi} in {site.vpp_name}."
    await client.ask(UPDATE_SITE, input={"id": found["id"], "address": site.address})
    if found["vpp"] != vpp:
        await client.ask(ASSIGN_SITE, input={"siteId": found["id"], "vppId": vpp["id"]})
        return f"Updated site {site.nmi}, and moved it to {site.vpp_name}."
    return f"Updated site {site.nmi}."


async def create_battery(battery: CreateBattery, client: Client) -> str:
    site = await client.ask(GET_SITE, nmi=battery.nmi)
    if site is None:
        raise Refused(f"There is no site with the NMI {battery.nmi}; create it on a line above.")
    named = {"manufacturer": battery.manufacturer, "serial": battery.serial}
    for found in site["batteries"]:
        if found == {"id": found["id"], **named}:
            await client.ask(UPDATE_BATTERY, input={"id": found["id"], "capacityKwh": battery.capacity_kwh})
            return f"Updated battery {battery.manufacturer} {battery.serial} at {battery.nmi}."
    await client.ask(ADD_BATTERY, input={"siteId": site["id"], **named, "capacityKwh": battery.capacity_kwh})
    return f"Added battery {battery.manufacturer} {battery.serial} at {battery.nmi}."


async def print_latest_report(asked: CreateReport, client: Client, output: Console) -> None:
    vpp = await client.ask(GET_VPP, name=asked.vpp_name)
    report = vpp and await client.ask(GET_LATEST_REPORT, vppId=vpp["id"], month=asked.month)
    if report and report["status"] == "READY":
        print_report(report, output)
    else:
        output.print(Text(f"There is no report of {asked.vpp_name} for {asked.month}."), soft_wrap=True)


async def vpp_named(name: str, client: Client) -> Object:
    """
    Find a VPP, of which only the id is told.

    Raises Refused if there is none.
    """
    vpp: Object | None = await client.ask(GET_VPP, name=name)
    if vpp is None:
        raise Refused(f"There is no VPP named {name!r}; create it on a line above.")
    return vpp


async def park_named(name: str, client: Client) -> Object:
    """
    Find a park, of which only the id is told.

    Raises Refused if there is none.
    """
    park: Object | None = await client.ask(GET_PARK, name=name)
    if park is None:
        raise Refused(f"There is no park named {name!r}; import it on a line above.")
    return park
