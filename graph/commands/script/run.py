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
from graph.commands.script.fleet import GET_VPP, create_battery, create_site, create_vpp, find_vpp
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


async def print_latest_report(instruction: CreateReport, client: Client, output: Console) -> None:
    vpp = await client.execute(GET_VPP, name=instruction.vpp_name)
    report = vpp and await client.execute(GET_LATEST_REPORT, vppId=vpp["id"], month=instruction.month)
    if report and report["status"] == "READY":
        print_report(report, output)
    else:
        output.print(Text(f"There is no report for {instruction.vpp_name} in {instruction.month}."), soft_wrap=True)


async def find_park(name: str, client: Client) -> JsonObject:
    """
    Return a park's id, in an object, by its name.

    Raises Refused if there is no such park.
    """
    park: JsonObject | None = await client.execute(GET_PARK, name=name)
    if park is None:
        raise Refused(f"There is no park named {name!r}; import it on an earlier line.")
    return park
