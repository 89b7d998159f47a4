"""The uploaded file of an import: its link is dead once the import has started, and the stored file cannot change."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from graph.imports.intake import imported_key, upload_key
from graph.object_store import ObjectMissing, ObjectStore
from tests.fixtures.api import Api, new_nmi

CREATE = """mutation ($input: CreateImportInput!) {
    createImport(input: $input) { import { id status } uploadUrl }
}"""
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"
CANCEL = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { status } }"
REVERT = "mutation ($id: ID!) { revertImport(input: {id: $id}) { status } }"
HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"


@dataclass
class Upload:
    """An import with an id of the caller's, whose upload link the caller keeps."""

    api: Api
    object_store: ObjectStore
    nmi: str
    input: dict[str, str]
    url: str

    @property
    def id(self) -> str:
        return self.input["id"]

    def row(self, energy_kwh: int) -> str:
        return HEADER + f"{self.nmi},2025-09-02,DISCHARGE,{energy_kwh},22\n"

    async def put(self, content: str) -> str:
        """PUT a file to the link, and return its ETag."""
        response = await self.api.s3.put(self.url, content=content.encode())
        assert response.status_code == 200, response.text
        return response.headers["ETag"]

    async def run(self, content: str) -> tuple[Any, str]:
        """PUT a file and import it; return the import and the file's ETag."""
        etag = await self.put(content)
        await self.api.execute(START, id=self.id)
        return await self.api.wait_for_import(self.id), etag

    async def imported_file(self, etag: str) -> str:
        """Read the stored file of an import whose upload had an ETag."""
        key = imported_key(UUID(self.id), etag)
        stored = await self.object_store.find(key)
        if stored is None:
            raise ObjectMissing
        return (await self.object_store.read(key, etag=stored.etag)).decode()

    async def energies_kwh(self) -> list[float]:
        site = await self.api.execute(
            "query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { events { items { energyKwh } } } }", nmi=self.nmi
        )
        return [event["energyKwh"] for event in site["events"]["items"]]


@pytest.fixture
async def upload(api: Api, object_store: ObjectStore) -> Upload:
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi)
    fields = {"id": str(uuid4()), "kind": "BATTERY_EVENTS", "fileName": "september.csv"}
    created = await api.execute(CREATE, input=fields)
    return Upload(api, object_store, nmi, fields, created["uploadUrl"])


REFUSED = (
    "Conflict",
    ["input", "id"],
    "This import is COMPLETED with an earlier file; create another import for the file that was uploaded since.",
)


async def test_file_uploaded_to_a_completed_import_is_refused_and_the_stored_file_is_unchanged(
    api: Api, worker: None, upload: Upload
) -> None:
    imported, etag = await upload.run(upload.row(100))
    await upload.put(upload.row(90))

    assert imported["status"] == "COMPLETED"
    assert await api.refusal(START, id=upload.id) == REFUSED
    assert await upload.imported_file(etag) == upload.row(100)
    assert await upload.energies_kwh() == [100.0]


async def test_file_of_a_completed_import_is_no_longer_stored_under_the_key_of_its_link(
    api: Api, worker: None, object_store: ObjectStore, upload: Upload
) -> None:
    await upload.run(upload.row(100))

    assert await object_store.find(upload_key(UUID(upload.id))) is None
    assert await api.execute(START, id=upload.id) == {"status": "COMPLETED"}


async def test_same_file_uploaded_to_a_completed_import_changes_nothing(api: Api, worker: None, upload: Upload) -> None:
    await upload.run(upload.row(100))
    await upload.put(upload.row(100))

    assert await api.execute(START, id=upload.id) == {"status": "COMPLETED"}
    assert await upload.energies_kwh() == [100.0]


@pytest.mark.parametrize("status", ["COMPLETED", "REVERTED", "CANCELLED"])
async def test_create_of_an_import_that_takes_no_file_returns_no_link(
    api: Api, worker: None, upload: Upload, status: str
) -> None:
    if status == "CANCELLED":
        await api.execute(CANCEL, id=upload.id)
    else:
        await upload.run(upload.row(100))
    if status == "REVERTED":
        await api.execute(REVERT, id=upload.id)

    assert await api.refusal(CREATE, input=upload.input) == (
        "Conflict",
        ["input", "id"],
        f"The import {upload.id} is {status} and takes no other file; create another import, with another id or none.",
    )


async def test_import_that_failed_before_its_first_row_takes_another_file(
    api: Api, worker: None, upload: Upload
) -> None:
    failed, _ = await upload.run("NMI,DATE\n1,2\n")
    again = await api.execute(CREATE, input=upload.input)
    completed, etag = await upload.run(upload.row(90))

    assert failed["status"] == "FAILED"
    assert again["import"] == {"id": upload.id, "status": "FAILED"}
    assert completed["status"] == "COMPLETED"
    assert await upload.imported_file(etag) == upload.row(90)
    assert await upload.energies_kwh() == [90.0]


async def test_failed_import_that_is_started_again_needs_no_other_upload(
    api: Api, worker: None, upload: Upload
) -> None:
    failed, _ = await upload.run("NMI,DATE\n1,2\n")
    await api.execute(START, id=upload.id)
    again = await api.wait_for_import(upload.id)

    assert (again["status"], again["failureReason"]) == ("FAILED", failed["failureReason"])


async def test_file_of_a_cancelled_import_is_deleted(
    api: Api, worker: None, object_store: ObjectStore, upload: Upload
) -> None:
    failed, etag = await upload.run("NMI,DATE\n1,2\n")
    await upload.put(upload.row(90))

    await api.execute(CANCEL, id=upload.id)

    assert failed["status"] == "FAILED"
    while await object_store.find(imported_key(UUID(upload.id), etag)) is not None:
        pass
    assert await object_store.find(upload_key(UUID(upload.id))) is None


async def test_file_of_a_reverted_import_stays(api: Api, worker: None, upload: Upload) -> None:
    _, etag = await upload.run(upload.row(100))

    await api.execute(REVERT, id=upload.id)

    assert await upload.imported_file(etag) == upload.row(100)
