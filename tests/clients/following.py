"""An import followed from before its start to its end, by whatever client."""

from typing import Any

from tests.api import Api
from tests.clients.node import Run

ON_IMPORT_PROGRESS = """subscription OnImportProgress($id: ID!) {
    onImportProgress(id: $id) { status percentComplete rowsRead rowsImported }
}"""
BEFORE = {"status": "AWAITING_UPLOAD", "percentComplete": None, "rowsRead": 0, "rowsImported": 0}
AFTER = {"status": "COMPLETED", "percentComplete": 100.0, "rowsRead": 1, "rowsImported": 1}


async def follow(run: Run, api: Api, import_id: str) -> None:
    """Start an import of one row once the app has seen that it isn't, and see to it that the app sees its end."""
    assert progress(await run.told()) == BEFORE
    await api.ask("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
    await see_its_end(run)


async def see_its_end(run: Run) -> None:
    """See to it that the app sees an import of one row completed."""
    while (seen := progress(await run.told()))["status"] in ("AWAITING_UPLOAD", "QUEUED", "RUNNING"):
        pass
    assert seen == AFTER


def progress(told: Any) -> Any:
    """Return what an app tells of an import: nothing but its progress."""
    assert list(told) == ["data"], told
    assert list(told["data"]) == ["onImportProgress"], told
    return {name: value for name, value in told["data"]["onImportProgress"].items() if name != "__typename"}
