"""Import Events, Import Parks, Import Readings: a file up to S3, and followed until it is in."""

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
  rowsRead rowsImported rowsDuplicated rowsRejected
}
"""
ON_IMPORT_PROGRESS = "subscription ($id: ID!) { onImportProgress(id: $id) { ...Progress } }" + PROGRESS
GET_IMPORT = "query ($id: ID!) { getImport(id: $id) { ...Progress } }" + PROGRESS
GET_REJECTIONS = """
query ($id: ID!, $limit: Int!) {
  getImport(id: $id) { rejections(limit: $limit) { items { lineNumber column message } } }
}
"""


async def import_file(path: Path, client: Client, output: Console, **told: str) -> str:
    """
    Bring a file in, show it on its way, and say what came of it; the import is `told` its kind, and whose it is.

    Raises Refused where it is not taken or fails; the same file a second time is neither.
    """
    upload = await client.ask(CREATE_IMPORT, input={"fileName": path.name, **told})
    id = upload["import"]["id"]
    with ImportProgress(output) as progress:
        with progress.open(path) as file:
            await client.upload(upload["uploadUrl"], file)
        try:
            await client.ask(START_IMPORT, input={"id": id})
        except Refused as refusal:
            # A script can be run again, and its files are then in already.
            if refusal.error_type == "Conflict" and "importId" in refusal.error_info:
                return f"{path.name} was already imported."
            raise
        imported = await client.follow(
            ON_IMPORT_PROGRESS,
            GET_IMPORT,
            id,
            until=lambda state: state["status"] in ("COMPLETED", "FAILED", "CANCELLED", "REVERTED"),
            seen=progress.show,
        )

    if imported["status"] != "COMPLETED":
        raise Refused(imported["failureReason"] or f"The import was {imported['status'].lower()}.")
    return (
        f"Imported {path.name}: {imported['rowsRead']:,} {'row' if imported['rowsRead'] == 1 else 'rows'} read, "
        f"{imported['rowsImported']:,} imported, "
        f"{imported['rowsDuplicated']:,} duplicated, {imported['rowsRejected']:,} rejected."
        + await rejections(id, imported["rowsRejected"], client)
    )


async def rejections(import_id: str, rows_rejected: int, client: Client) -> str:
    """
    Say why the first of an import's rows were rejected, a line each.
    """
    if rows_rejected == 0:
        return ""
    found = await client.ask(GET_REJECTIONS, id=import_id, limit=REJECTIONS_SHOWN)
    told = ""
    for rejection in found["rejections"]["items"]:
        column = f", {rejection['column']}" if rejection["column"] else ""
        told += f"\n  line {rejection['lineNumber']}{column}: {rejection['message']}"
    if rows_rejected > REJECTIONS_SHOWN:
        told += f"\n  and {rows_rejected - REJECTIONS_SHOWN:,} more"
    return told
