"""The instructions Import Events, Import Parks and Import Readings."""

from pathlib import Path

from rich.console import Console

from graph.commands.script.client import Client, Refused
from graph.commands.script.import_progress import ImportProgress

REJECTIONS_SHOWN = 10

CREATE_IMPORT = """
mutation ($input: CreateImportInput!) {
  createImport(input: $input) { import { id } uploadUrl }
}
"""
START_IMPORT = "mutation ($input: StartImportInput!) { startImport(input: $input) { id } }"
PROGRESS = """
fragment Progress on Import {
  status percentComplete bytesTotal bytesRead failureReason
  rowsRead rowsImported rowsDuplicated rowsUndecided rowsRejected
}
"""
ON_IMPORT_PROGRESS = "subscription ($id: ID!) { onImportProgress(id: $id) { ...Progress } }" + PROGRESS
GET_IMPORT = "query ($id: ID!) { getImport(id: $id) { ...Progress } }" + PROGRESS
GET_REJECTIONS = """
query ($id: ID!, $limit: Int!) {
  getImport(id: $id) { rejections(limit: $limit) { items { lineNumber column message } } }
}
"""


GET_WARNINGS = """
query ($id: ID!) { getImport(id: $id) { warnings { code month rowCount valueAud lineNumber } } }
"""
WARNINGS = {
    "NO_VPP_ON_DAY": "of days on which their site was in no VPP, so they are in no report",
    "FUTURE_DAY": "of days that have not come yet",
    "CONFLICTING_VALUES": "of the same site, time and event type as another row, but with other values",
    "DIFFERS_FROM_ANOTHER_IMPORT": "of the same site, time and event type as a row of an earlier import, but with other"
    " values",
    "NEGATIVE_DISCHARGES": "discharges that lose money, as nearly all do in this file: check the sign of the tariff",
}
GET_OVERLAPS = """
query ($id: ID!) { getImport(id: $id) { overlaps { otherImportId rowsUndecided undecidedValueAud } } }
"""


async def import_file(path: Path, client: Client, output: Console, **import_input: str) -> str:
    """
    Upload and import a file, print the progress, and return a summary. `import_input` has the kind and the park.

    A file that was imported before is not an error. Raises Refused if the import is rejected or fails.
    """
    upload = await client.execute(CREATE_IMPORT, input={"fileName": path.name, **import_input})
    id = upload["import"]["id"]
    with ImportProgress(output) as progress:
        with progress.open(path) as file:
            await client.upload(upload["uploadUrl"], file)
        try:
            await client.execute(START_IMPORT, input={"id": id})
        except Refused as refusal:
            # When a script is run again, its files have been imported already.
            if refusal.error_type == "Conflict" and "importId" in refusal.error_info:
                return f"{path.name} was already imported."
            raise
        imported = await client.follow(
            ON_IMPORT_PROGRESS,
            GET_IMPORT,
            id,
            until=lambda state: state["status"] in ("COMPLETED", "FAILED", "CANCELLED", "REVERTED"),
            on_state=progress.show,
        )

    if imported["status"] != "COMPLETED":
        raise Refused(imported["failureReason"] or f"The import was {imported['status'].lower()}.")
    return (
        f"Imported {path.name}: {imported['rowsRead']:,} {'row' if imported['rowsRead'] == 1 else 'rows'} read, "
        f"{imported['rowsImported']:,} imported, "
        f"{imported['rowsDuplicated']:,} duplicated, {imported['rowsRejected']:,} rejected."
        + await describe_rejections(id, imported["rowsRejected"], client)
        + await describe_undecided(id, imported.get("rowsUndecided", 0), client)
        + (await describe_warnings(id, client) if import_input["kind"] == "BATTERY_EVENTS" else "")
    )


async def describe_rejections(import_id: str, rows_rejected: int, client: Client) -> str:
    """Return a line for each of the first rejected rows, with its position and the reason."""
    if rows_rejected == 0:
        return ""
    response = await client.execute(GET_REJECTIONS, id=import_id, limit=REJECTIONS_SHOWN)
    lines = ""
    for rejection in response["rejections"]["items"]:
        column = f", {rejection['column']}" if rejection["column"] else ""
        lines += f"\n  line {rejection['lineNumber']}{column}: {rejection['message']}"
    if rows_rejected > REJECTIONS_SHOWN:
        lines += f"\n  and {rows_rejected - REJECTIONS_SHOWN:,} more"
    return lines


async def describe_undecided(import_id: str, rows_undecided: int, client: Client) -> str:
    """Return a question for each other import that may have rows of this one, with what each answer would pay."""
    if rows_undecided == 0:
        return ""
    response = await client.execute(GET_OVERLAPS, id=import_id)
    lines = ""
    for overlap in response["overlaps"]:
        rows, value_aud = overlap["rowsUndecided"], overlap["undecidedValueAud"]
        if rows:
            are = "row is" if rows == 1 else "rows are"
            lines += (
                f"\n  {rows:,} {are} undecided: equal rows are in the import {overlap['otherImportId']}, and not all of"
                f" them give a time of day. If they are the same events, nothing is missing (SKIP); if they are others,"
                f" {value_aud} AUD are (COUNT)."
            )
    decision = f'mutation {{ updateImport(input: {{id: "{import_id}", duplicates: COUNT}}) {{ rowsImported }} }}'
    return f"{lines}\n  Until you decide, they do not count. To decide: {decision}"


async def describe_warnings(import_id: str, client: Client) -> str:
    """Return a line for each warning about rows that were imported but may not be meant."""
    lines = ""
    for warning in (await client.execute(GET_WARNINGS, id=import_id))["warnings"]:
        rows = "1 row" if warning["rowCount"] == 1 else f"{warning['rowCount']:,} rows"
        meaning = WARNINGS.get(warning["code"], warning["code"])
        lines += (
            f"\n  warning: {rows} of {warning['month']}, worth {warning['valueAud']} AUD, from line"
            f" {warning['lineNumber']}: {meaning}."
        )
    return lines
