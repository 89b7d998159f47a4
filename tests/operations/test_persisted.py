"""Operations that are known beforehand, and requests that name one."""

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


def named(id: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id}}}


def apollos(*documents: str) -> dict[str, Any]:
    operations = [{"id": sha256(each), "name": "A", "type": "query", "body": each} for each in documents]
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}


def written(folder: Path, content: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(path: Path) -> Manifest:
    return read_manifest(path, Documents(), schema._schema)


@pytest_asyncio.fixture(scope="module")
async def listed(
    servers: EmbeddedServers, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """The API that runs two operations and no other."""
    manifest = read(written(tmp_path_factory.mktemp("manifest"), apollos(CALLER, REPORTS)))
    async with open_api(servers, database_url, Documents(manifest=manifest)) as api:
        yield api


async def sent(api: Api, **request: Any) -> Any:
    response = await api.client.post("/graphql", json=request, headers={"x-api-key": API_KEY})
    assert response.status_code == 200, response.text
    return response.json()


def refusal(answer: Any) -> tuple[str, str]:
    (error,) = answer["errors"]
    assert (answer["data"], error["errorType"]) == (None, "ValidationFailed")
    return error["message"], error["extensions"]["code"]


# Without a list


async def test_a_client_is_told_to_send_the_text(api: Api) -> None:
    assert refusal(await sent(api, **named(sha256(CALLER)))) == NOT_SUPPORTED


async def test_a_text_may_come_with_its_hash(api: Api) -> None:
    right = await sent(api, query=CALLER, **named(sha256(CALLER)))
    wrong = await sent(api, query=CALLER, **named(sha256(VPPS)))

    assert right["data"] == BOOTSTRAP
    assert refusal(wrong) == WRONG_HASH


@pytest.mark.parametrize("extensions", [None, 5, {}, {"persistedQuery": None}, {"persistedQuery": {"sha256Hash": 5}}])
async def test_other_extensions_are_not_looked_at(api: Api, extensions: Any) -> None:
    assert (await sent(api, query=CALLER, extensions=extensions))["data"] == BOOTSTRAP


async def test_a_client_is_told_to_send_the_text_over_a_socket_too(socket: Socket) -> None:
    await socket.send({"id": "1", "type": "subscribe", "payload": named(sha256(CALLER))})

    answer = await socket.receive()
    assert (answer["type"], answer["id"]) == ("error", "1")
    assert refusal({"data": None, "errors": answer["payload"]}) == NOT_SUPPORTED


async def test_and_over_appsyncs(api_server: Serving) -> None:
    async with open_realtime_socket(api_server.url) as socket:
        payload = {"data": json.dumps(named(sha256(REPORTS))), "extensions": {"authorization": {"x-api-key": API_KEY}}}
        await socket.send({"id": "1", "type": "start", "payload": payload})
        answer = await socket.receive()

    assert (answer["type"], answer["id"]) == ("error", "1")
    assert refusal({"data": None, **answer["payload"]}) == NOT_SUPPORTED


# With one


@pytest.mark.parametrize(
    "request_sent", [{"query": CALLER}, named(sha256(CALLER)), {"query": CALLER, **named(sha256(CALLER))}]
)
async def test_an_operation_that_is_listed_is_run(listed: Api, request_sent: dict[str, Any]) -> None:
    assert (await sent(listed, **request_sent))["data"] == BOOTSTRAP


@pytest.mark.parametrize(
    ("request_sent", "told"),
    [
        ({"query": VPPS}, NOT_LISTED),
        ({"query": f"{CALLER} "}, NOT_LISTED),
        (named(sha256(VPPS)), (UNKNOWN.format(sha256(VPPS)), "PERSISTED_QUERY_NOT_IN_LIST")),
        ({"query": VPPS, **named(sha256(CALLER))}, WRONG_HASH),
    ],
)
async def test_no_other_is(listed: Api, request_sent: dict[str, Any], told: tuple[str, str]) -> None:
    assert refusal(await sent(listed, **request_sent)) == told


async def test_no_other_is_however_it_is_sent(listed: Api) -> None:
    response = await listed.client.post(
        "/graphql", content=VPPS, headers={"x-api-key": API_KEY, "content-type": "application/graphql"}
    )

    assert refusal(response.json()) == NOT_LISTED


# The file


@pytest.mark.parametrize("id", ["sha256:5a1d", sha256(CALLER), "5a1d"])
def test_a_list_may_be_of_documents_by_their_hashes(tmp_path: Path, id: str) -> None:
    manifest = read(written(tmp_path, {id: CALLER}))

    assert manifest[id] == manifest[sha256(CALLER)] == CALLER


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", " is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ([], " is neither an apollo-persisted-query-manifest nor a JSON object of documents by their hashes."),
        (
            apollos() | {"version": 2},
            f" has the format {APOLLO_FORMAT}, version 2; expected {APOLLO_FORMAT}, version 1.",
        ),
        (
            apollos(CALLER, "{ getCaller { nme } }"),
            ", operation 2 (A): Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?",
        ),
        (apollos("{"), ", operation 1 (A): Syntax Error: Expected Name, found <EOF>."),
        (
            {"5a1d": "{ listVpps(limit: 200) { items { sites(limit: 200) { items { id } } } } }"},
            ", operation 5a1d: The operation would cost 40401; at most 12000 is run."
            " Ask for smaller pages, or for fewer in each.",
        ),
        ({"5a1d": 5}, ", operation 5a1d: an operation needs an id and the text of a document, both strings."),
        (
            apollos() | {"operations": [5]},
            ", operation 1 (None): an operation needs an id and the text of a document, both strings.",
        ),
    ],
)
def test_a_list_that_cannot_be_used_is_told_at_the_start(tmp_path: Path, content: Any, why: str) -> None:
    path = written(tmp_path, content)

    with pytest.raises(InvalidManifest) as refused:
        read(path)

    assert str(refused.value) == f"{path}{why}"


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest) as refused:
        read(tmp_path / "none.json")

    assert str(refused.value) == f"{tmp_path / 'none.json'} cannot be read: No such file or directory."


def test_what_is_wrong_with_a_list_keeps_us_from_serving(tmp_path: Path) -> None:
    path = written(tmp_path, {"5a1d": "{ getCaller { nme } }"})

    result = CliRunner().invoke(app, ["serve", "--persisted", str(path)])

    told = f"{path}, operation 5a1d: Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?"
    assert (result.exit_code, result.stderr.strip()) == (1, told)
