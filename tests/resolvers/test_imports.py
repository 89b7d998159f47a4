import gzip
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from graph.embedded.servers import EmbeddedServers
from graph.imports.intake import upload_key
from graph.object_store import ObjectStore
from graph.web.app import application
from tests.fixtures.api import API_KEY, Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"
CANCEL = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { status } }"
REVERT = "mutation ($id: ID!) { revertImport(input: {id: $id}) { status } }"
EVENTS = """query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { events { items {
    lineNumber settlementDate eventType energyKwh tariffCentsPerKwh valueAud
} } } }"""


@pytest.fixture
async def nmi(api: Api) -> str:
    """The NMI of a site that belongs to a VPP and has no events."""
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi)
    return nmi


async def event_rows(api: Api, nmi: str) -> list[tuple[Any, ...]]:
    site = await api.execute(EVENTS, nmi=nmi)
    return [tuple(event.values()) for event in site["events"]["items"]]


def status_and_counts(imported: Any) -> tuple[str, int, int, int, int]:
    return (
        imported["status"],
        imported["rowsRead"],
        imported["rowsImported"],
        imported["rowsDuplicated"],
        imported["rowsRejected"],
    )


async def test_created_import_awaits_its_upload(api: Api) -> None:
    upload = await api.execute(
        """mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "september.csv"}) {
            import { kind status fileName percentComplete bytesTotal bytesRead rowsRead rejectionsUrl startedAt }
        } }"""
    )

    assert upload["import"] == {
        "kind": "BATTERY_EVENTS",
        "status": "AWAITING_UPLOAD",
        "fileName": "september.csv",
        "percentComplete": None,
        "bytesTotal": None,
        "bytesRead": 0.0,
        "rowsRead": 0,
        "rejectionsUrl": None,
        "startedAt": None,
    }


async def test_valid_rows_are_imported_and_invalid_rows_rejected(api: Api, worker: None, nmi: str) -> None:
    imported = await api.import_file(
        HEADER
        + f"{nmi},2025-09-03,DISCHARGE,5,35\n"
        + f"{nmi},2025-09-03,CHARGE,2.5,-4\n"
        + f"{nmi},2025-09-31,CHARGE,2.5,20\n"
        + f"{nmi},2025-09-04,CHARGE,2.5\n"
        + "9999999999,2025-09-04,CHARGE,2.5,20\n"
        + f"{nmi},2025-09-05,CHARGE,0.000001,0.5\n"
    )

    assert status_and_counts(imported) == ("COMPLETED", 6, 3, 0, 3)
    assert [(row["lineNumber"], row["column"], row["code"]) for row in imported["rejections"]["items"]] == [
        (4, "DATE", "MALFORMED_DATE"),
        (5, None, "WRONG_COLUMN_COUNT"),
        (6, "NMI", "UNKNOWN_NMI"),
    ]
    assert await event_rows(api, nmi) == [
        (2, "2025-09-03", "DISCHARGE", 5.0, 35.0, "1.75"),
        (3, "2025-09-03", "CHARGE", 2.5, -4.0, "0.10"),
        (7, "2025-09-05", "CHARGE", 0.000001, 0.5, "-0.000000005"),
    ]


async def test_charge_tariff_written_as_earning_is_stored_with_the_opposite_sign(
    api: Api, worker: None, nmi: str
) -> None:
    await api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,10,-20\n", chargeTariff="EARNING")

    assert await event_rows(api, nmi) == [(2, "2025-09-03", "CHARGE", 10.0, 20.0, "-2.00")]


async def test_events_are_filtered_by_settlement_date(api: Api, worker: None, nmi: str) -> None:
    await api.import_file(HEADER + "".join(f"{nmi},2025-{month}-15,CHARGE,1,1\n" for month in ("08", "09", "10")))

    site = await api.execute(
        """query ($nmi: String!) { getSiteByNmi(nmi: $nmi) {
            events(from: "2025-08-15", until: "2025-10-15") { items { settlementDate } }
        } }""",
        nmi=nmi,
    )

    assert [event["settlementDate"] for event in site["events"]["items"]] == ["2025-08-15", "2025-09-15"]


async def test_event_has_its_site_and_its_import(api: Api, worker: None, nmi: str) -> None:
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n")

    site = await api.execute(
        "query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { events { items { id site { nmi } import { id } } } } }",
        nmi=nmi,
    )

    assert site["events"]["items"] == [
        {"id": f"{imported['id']}:2", "site": {"nmi": nmi}, "import": {"id": imported["id"]}}
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("NMI,DATE,EVENT_TYPE,ENERGY\n1,2,3,4\n", "The header has no column TARIFF"),
        ("\n", "The file has no header"),
        (b"\xff\xfe\n", "The file is UTF-16"),
        (
            "x" * 70_000,
            "The file has no header: its first 65,536 bytes contain no line end; expected a line of column names.",
        ),
    ],
)
async def test_file_with_an_invalid_header_fails_with_the_reason(
    api: Api, worker: None, content: str | bytes, reason: str
) -> None:
    imported = await api.import_file(content)

    assert imported["status"] == "FAILED"
    assert imported["failureReason"].startswith(reason)


@pytest.mark.parametrize(
    "content",
    [
        HEADER.strip(),
        HEADER,
        HEADER + "\n \r\n,,,,\n" * 1_000,
        "sep=;\r\n" + HEADER.replace(",", ";"),
        HEADER.replace("\n", "\r"),
        gzip.compress(HEADER.encode() + b"\n" * 100_000, mtime=0),
    ],
)
async def test_file_with_only_a_header_is_refused(api: Api, content: str | bytes) -> None:
    import_id = await api.upload(content)

    assert await api.refusal(START, id=import_id) == (
        "ValidationFailed",
        ["input", "id"],
        "The uploaded file has a header and no rows; a header and rows below it were expected.",
    )
    assert (await api.wait_for_import(import_id))["status"] == "AWAITING_UPLOAD"


async def test_import_cannot_be_started_before_its_upload(api: Api) -> None:
    upload = await api.execute(
        """mutation { createImport(input: {kind: BATTERY_EVENTS, fileName: "a.csv"}) { import { id } } }"""
    )

    error_type, field, message = await api.refusal(START, id=upload["import"]["id"])

    assert (error_type, field) == ("ValidationFailed", ["input", "id"])
    assert message == "The file is not uploaded yet: PUT it to the import's uploadUrl first."
    assert (await api.wait_for_import(upload["import"]["id"]))["status"] == "AWAITING_UPLOAD"


async def test_too_large_file_is_refused_and_deleted(
    api: Api, servers: EmbeddedServers, database_url: str, object_store: ObjectStore
) -> None:
    small_app = application(
        database_url=database_url,
        object_store=replace(servers.object_store, max_upload_bytes=40),
        bootstrap_api_key=API_KEY,
        embedded=True,
    )
    largest_allowed, too_large = await api.upload((HEADER + "x").ljust(40)), await api.upload((HEADER + "x").ljust(41))
    async with (
        small_app.router.lifespan_context(small_app),
        httpx.AsyncClient(transport=httpx.ASGITransport(small_app), base_url="http://127.0.0.1") as client,
    ):
        small_api = Api(client, api.s3, api.notices)
        started = await small_api.execute(START, id=largest_allowed)
        refusal = await small_api.refusal(START, id=too_large)

    message = "The file has 41 bytes; at most 40 are accepted. It was deleted; split the file and import its parts."
    assert started["status"] in ("QUEUED", "RUNNING", "COMPLETED")
    assert refusal == ("LimitExceeded", ["input", "id"], message)
    assert await object_store.find(upload_key(UUID(too_large))) is None
    assert (await api.wait_for_import(too_large))["status"] == "AWAITING_UPLOAD"


async def test_an_empty_file_is_refused(api: Api) -> None:
    import_id = await api.upload("")

    error_type, _, message = await api.refusal(START, id=import_id)

    assert (error_type, message) == (
        "ValidationFailed",
        "The uploaded file is empty; a header and rows below it were expected.",
    )


async def test_second_start_of_an_import_changes_nothing(api: Api, worker: None, nmi: str) -> None:
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n")

    again = await api.execute(START, id=imported["id"])

    assert again == {"status": "COMPLETED"}
    assert len(await event_rows(api, nmi)) == 1


async def test_file_with_the_bytes_of_an_imported_file_is_refused_with_the_id_of_its_import(
    api: Api, worker: None, nmi: str
) -> None:
    content = HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n"
    first = await api.import_file(content)
    import_id = await api.upload(content)

    answer = await api.response(START, id=import_id)

    (error,) = answer["errors"]
    assert error["errorType"] == "Conflict"
    assert error["errorInfo"] == {"field": ["input", "id"], "importId": first["id"]}
    assert first["id"] in error["message"]
    assert (await api.wait_for_import(import_id))["status"] == "AWAITING_UPLOAD"
    assert len(await event_rows(api, nmi)) == 1


async def test_file_of_a_reverted_import_can_be_imported_again(api: Api, worker: None, nmi: str) -> None:
    content = HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n"
    first = await api.import_file(content)

    assert await api.execute(REVERT, id=first["id"]) == {"status": "REVERTED"}

    assert await event_rows(api, nmi) == []
    assert status_and_counts(await api.import_file(content)) == ("COMPLETED", 1, 1, 0, 0)
    assert len(await event_rows(api, nmi)) == 1


async def test_repeated_rows_of_two_imports_count_as_often_as_in_the_import_with_most_of_them(
    api: Api, worker: None, nmi: str
) -> None:
    row, other = f"{nmi},2025-09-03,DISCHARGE,5,35\n", f"{nmi},2025-09-04,DISCHARGE,5,35\n"
    await api.import_file(HEADER + row * 2)

    second = await api.import_file(HEADER + other + row * 3, duplicates="SKIP")

    assert status_and_counts(second) == ("COMPLETED", 4, 2, 2, 0)
    assert [event[:2] for event in await event_rows(api, nmi)].count((2, "2025-09-03")) == 1
    assert sorted(event[1] for event in await event_rows(api, nmi)) == ["2025-09-03"] * 3 + ["2025-09-04"]


async def test_identical_rows_of_one_file_are_separate_events(api: Api, worker: None, nmi: str) -> None:
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,DISCHARGE,5,35\n" * 3)

    assert status_and_counts(imported) == ("COMPLETED", 3, 3, 0, 0)
    assert len(await event_rows(api, nmi)) == 3


async def test_rows_with_equal_values_in_another_notation_are_duplicates(api: Api, worker: None, nmi: str) -> None:
    await api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,5,35\n")

    second = await api.import_file(
        HEADER + f'"{nmi}",2025-09-03,charge,5.0,-35.000\n', chargeTariff="EARNING", duplicates="SKIP"
    )

    assert status_and_counts(second) == ("COMPLETED", 1, 0, 1, 0)


async def test_duplicate_counts_after_the_original_import_is_reverted(api: Api, worker: None, nmi: str) -> None:
    row = f"{nmi},2025-09-03,DISCHARGE,5,35\n"
    first = await api.import_file(HEADER + row)
    second = await api.import_file(HEADER + row + "\n", duplicates="SKIP")
    third = await api.import_file(HEADER + row + "\n\n", duplicates="SKIP")
    assert status_and_counts(second) == ("COMPLETED", 1, 0, 1, 0)

    await api.execute(REVERT, id=first["id"])

    assert status_and_counts(await api.wait_for_import(second["id"])) == ("COMPLETED", 1, 1, 0, 0)
    assert status_and_counts(await api.wait_for_import(third["id"])) == ("COMPLETED", 1, 0, 1, 0)
    assert len(await event_rows(api, nmi)) == 1


async def test_cancelled_import_can_be_neither_started_nor_reverted(api: Api, nmi: str) -> None:
    import_id = await api.upload(HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n")

    assert await api.execute(CANCEL, id=import_id) == {"status": "CANCELLED"}
    assert await api.execute(CANCEL, id=import_id) == {"status": "CANCELLED"}

    assert await api.refusal(START, id=import_id) == (
        "Conflict",
        ["input", "id"],
        "This import is CANCELLED; create another to import the file.",
    )
    assert (await api.refusal(REVERT, id=import_id))[0] == "Conflict"


async def test_completed_import_cannot_be_cancelled(api: Api, worker: None, nmi: str) -> None:
    imported = await api.import_file(HEADER + f"{nmi},2025-09-03,CHARGE,1,1\n")

    error_type, _, message = await api.refusal(CANCEL, id=imported["id"])

    assert (error_type, message) == (
        "Conflict",
        "This import is COMPLETED, and can no longer be cancelled; a completed one can be reverted.",
    )
    assert len(await event_rows(api, nmi)) == 1


@pytest.mark.parametrize("mutation", [START, CANCEL, REVERT])
async def test_unknown_import_is_not_found(api: Api, mutation: str) -> None:
    unknown_id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"

    assert await api.refusal(mutation, id=unknown_id) == (
        "NotFound",
        ["input", "id"],
        f"There is no import with the id {unknown_id}.",
    )
    assert (await api.refusal(mutation, id="nonsense"))[:2] == ("ValidationFailed", ["input", "id"])


async def test_same_create_sent_again_returns_the_same_import(api: Api) -> None:
    create = """mutation ($name: String!) { createImport(input: {
        id: "0d0bd4a6-3d0c-4e39-9f26-8a1d58f2e4b1", kind: BATTERY_EVENTS, fileName: $name
    }) { import { id } } }"""
    first = await api.execute(create, name="a.csv")

    assert await api.execute(create, name="a.csv") == first
    assert (await api.refusal(create, name="b.csv"))[:2] == ("Conflict", ["input", "id"])


async def test_imports_are_filtered_by_kind_and_status_and_listed_newest_first(api: Api) -> None:
    first, second = await api.upload("x"), await api.upload("x")
    await api.execute(CANCEL, id=second)

    listed = await api.execute("{ listImports(filter: {status: CANCELLED}, limit: 1) { items { id status } } }")
    waiting = await api.execute("{ listImports(filter: {status: AWAITING_UPLOAD}, limit: 1) { items { id } } }")
    parks = await api.execute("{ listImports(filter: {kind: PARKS}) { items { id } nextToken } }")

    assert listed == {"items": [{"id": second, "status": "CANCELLED"}]}
    assert waiting == {"items": [{"id": first}]}
    assert parks == {"items": [], "nextToken": None}
