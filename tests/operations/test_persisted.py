"""Persisted operations: the manifest, and requests that send an id."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from graph.commands.main import app
from graph.embedded.servers import EmbeddedServers
from graph.operations.documents import Documents
from graph.operations.persisted import APOLLO_FORMAT, InvalidManifest, Manifest, read_manifest
from graph.schema import schema
from graph.web.server import Serving
from tests.conftest import open_api
from tests.fixtures.api import API_KEY, Api
from tests.fixtures.appsync_realtime import open_realtime_socket
from tests.fixtures.graphql_transport_ws import Socket

CALLER = "query Caller { getCaller { name } }"
VPPS = "query Vpps { listVpps { items { id } } }"
REPORTS = "subscription Reports { onRevenueReport { id } }"
BOOTSTRAP = {"getCaller": {"name": "bootstrap"}}
NOT_SUPPORTED = ("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
UNKNOWN = "No persisted operation has the id {}; this server runs only the operations in its manifest."
NOT_LISTED = (
    "This operation is not in the manifest of persisted operations, and this server runs no others.",
    "QUERY_NOT_IN_SAFELIST",
)
WRONG_HASH = ("The operation's text does not match its sha256Hash.", "PERSISTED_QUERY_HASH_MISMATCH")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_id(id: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id}}}


def apollo_manifest(*documents: str) -> dict[str, Any]:
    operations = [{"id": sha256(each), "name": "A", "type": "query", "body": each} for each in documents]
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}


def write_manifest(folder: Path, content: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(path: Path) -> Manifest:
    return read_manifest(path, Documents(), schema._schema)


@pytest_asyncio.fixture(scope="module")
async def api_with_manifest(
    servers: EmbeddedServers, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """An API with a manifest of two operations."""
    manifest = read(write_manifest(tmp_path_factory.mktemp("manifest"), apollo_manifest(CALLER, REPORTS)))
    async with open_api(servers, database_url, Documents(manifest=manifest)) as api:
        yield api


async def send(api: Api, **request: Any) -> Any:
    response = await api.client.post("/graphql", json=request, headers={"x-api-key": API_KEY})
    assert response.status_code == 200, response.text
    return response.json()


def refusal(response: Any) -> tuple[str, str]:
    """Return the message and the code of a response's only error."""
    (error,) = response["errors"]
    assert (response["data"], error["errorType"]) == (None, "ValidationFailed")
    return error["message"], error["extensions"]["code"]


# Without a manifest


async def test_id_without_a_manifest_is_rejected_as_not_supported(api: Api) -> None:
    assert refusal(await send(api, **by_id(sha256(CALLER)))) == NOT_SUPPORTED


async def test_text_with_its_hash_is_run(api: Api) -> None:
    right = await send(api, query=CALLER, **by_id(sha256(CALLER)))
    wrong = await send(api, query=CALLER, **by_id(sha256(VPPS)))

    assert right["data"] == BOOTSTRAP
    assert refusal(wrong) == WRONG_HASH


@pytest.mark.parametrize("extensions", [None, 5, {}, {"persistedQuery": None}, {"persistedQuery": {"sha256Hash": 5}}])
async def test_other_extensions_are_ignored(api: Api, extensions: Any) -> None:
    assert (await send(api, query=CALLER, extensions=extensions))["data"] == BOOTSTRAP


async def test_id_without_a_manifest_over_a_websocket_is_rejected_as_not_supported(socket: Socket) -> None:
    await socket.send({"id": "1", "type": "subscribe", "payload": by_id(sha256(CALLER))})

    response = await socket.receive()
    assert (response["type"], response["id"]) == ("error", "1")
    assert refusal({"data": None, "errors": response["payload"]}) == NOT_SUPPORTED


async def test_id_without_a_manifest_over_appsync_realtime_is_rejected_as_not_supported(api_server: Serving) -> None:
    async with open_realtime_socket(api_server.url) as socket:
        payload = {"data": json.dumps(by_id(sha256(REPORTS))), "extensions": {"authorization": {"x-api-key": API_KEY}}}
        await socket.send({"id": "1", "type": "start", "payload": payload})
        response = await socket.receive()

    assert (response["type"], response["id"]) == ("error", "1")
    assert refusal({"data": None, **response["payload"]}) == NOT_SUPPORTED


# With a manifest


@pytest.mark.parametrize(
    "request_sent", [{"query": CALLER}, by_id(sha256(CALLER)), {"query": CALLER, **by_id(sha256(CALLER))}]
)
async def test_operation_in_the_manifest_is_run(api_with_manifest: Api, request_sent: dict[str, Any]) -> None:
    assert (await send(api_with_manifest, **request_sent))["data"] == BOOTSTRAP


@pytest.mark.parametrize(
    ("request_sent", "expected"),
    [
        ({"query": VPPS}, NOT_LISTED),
        ({"query": f"{CALLER} "}, NOT_LISTED),
        (by_id(sha256(VPPS)), (UNKNOWN.format(sha256(VPPS)), "PERSISTED_QUERY_NOT_IN_LIST")),
        ({"query": VPPS, **by_id(sha256(CALLER))}, WRONG_HASH),
    ],
)
async def test_operation_outside_the_manifest_is_refused(
    api_with_manifest: Api, request_sent: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(await send(api_with_manifest, **request_sent)) == expected


async def test_operation_outside_the_manifest_is_refused_as_application_graphql(api_with_manifest: Api) -> None:
    response = await api_with_manifest.client.post(
        "/graphql", content=VPPS, headers={"x-api-key": API_KEY, "content-type": "application/graphql"}
    )

    assert refusal(response.json()) == NOT_LISTED


# The manifest file


@pytest.mark.parametrize("id", ["sha256:5a1d", sha256(CALLER), "5a1d"])
def test_manifest_may_map_ids_to_documents(tmp_path: Path, id: str) -> None:
    manifest = read(write_manifest(tmp_path, {id: CALLER}))

    assert manifest[id] == manifest[sha256(CALLER)] == CALLER


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", " is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ([], " is neither an apollo-persisted-query-manifest nor a JSON object of documents by their hashes."),
        (
            apollo_manifest() | {"version": 2},
            f" has the format {APOLLO_FORMAT}, version 2; expected {APOLLO_FORMAT}, version 1.",
        ),
        (
            apollo_manifest(CALLER, "{ getCaller { nme } }"),
            ", operation 2 (A): Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?",
        ),
        (apollo_manifest("{"), ", operation 1 (A): Syntax Error: Expected Name, found <EOF>."),
        (
            {"5a1d": "{ listVpps(limit: 200) { items { sites(limit: 200) { items { id } } } } }"},
            ", operation 5a1d: The operation costs 40401; the limit is 12000."
            " Request smaller pages, or fewer nested lists.",
        ),
        ({"5a1d": 5}, ", operation 5a1d: an operation needs an id and the text of a document, both strings."),
        (
            apollo_manifest() | {"operations": [5]},
            ", operation 1 (None): an operation needs an id and the text of a document, both strings.",
        ),
    ],
)
def test_invalid_manifest_is_reported_with_the_position(tmp_path: Path, content: Any, message: str) -> None:
    path = write_manifest(tmp_path, content)

    with pytest.raises(InvalidManifest) as refused:
        read(path)

    assert str(refused.value) == f"{path}{message}"


def test_missing_manifest_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest) as refused:
        read(tmp_path / "none.json")

    assert str(refused.value) == f"{tmp_path / 'none.json'} cannot be read: No such file or directory."


def test_serve_exits_with_status_1_for_an_invalid_manifest(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, {"5a1d": "{ getCaller { nme } }"})

    result = CliRunner().invoke(app, ["serve", "--persisted", str(path)])

    message = f"{path}, operation 5a1d: Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?"
    assert (result.exit_code, result.stderr.strip()) == (1, message)
