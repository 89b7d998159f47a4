"""What a served process writes, whatever it is told and whatever fails: no secret, and no line that others wrote."""

import asyncio
import base64
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from graph.embedded.servers import EmbeddedServers
from tests.conftest import execute

START_S = 60
KEY = "da2-the-bootstrap-key-of-this-story"
WRONG_KEY = "da2-a-key-that-opens-nothing-today"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIHN0cmFuZ2VyIn0.c2lnbmF0dXJl"
WRONG_S3_SECRET = "an-s3-secret-that-signs-nothing"
FORGED = '\r\n{"event": "forged"}\n\x1b[2J\x9b2J'
CREATE_KEY = """mutation ($name: String!) { createApiKey(input: {name: $name, role: READER}) { secret } }"""
CREATE_IMPORT = """mutation ($name: String!) {
    createImport(input: {kind: BATTERY_EVENTS, fileName: $name}) { import { id } uploadUrl }
}"""
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"


@dataclass
class Served:
    url: str
    http: httpx.AsyncClient
    written: bytes = b""

    async def ask(self, document: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        answer = await self.http.post(f"{self.url}/graphql", json=body, headers={"x-api-key": KEY} | (headers or {}))
        return answer.json()


@asynccontextmanager
async def served(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Served]:
    """Serve on given servers, and keep every byte that is written."""
    store = servers.object_store
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve"),
        env=os.environ
        | {
            "VPP_DATABASE_URL": database_url,
            "VPP_S3_BUCKET": store.bucket,
            "VPP_S3_ENDPOINT_URL": store.endpoint_url or "",
            "AWS_ACCESS_KEY_ID": store.access_key_id or "",
            "AWS_SECRET_ACCESS_KEY": store.secret_access_key or "",
            "AWS_REGION": "us-east-1",
            "VPP_BOOTSTRAP_API_KEY": KEY,
        },
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(START_S), httpx.AsyncClient() as http:
        while b"Serving until" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line
        url = next(line.split()[-1] for line in said.decode().splitlines() if line.startswith("Endpoint"))
        served = Served(url.removesuffix("/graphql"), http)
        try:
            yield served
        finally:
            process.terminate()
            rest, errors = await process.communicate()
    served.written = said + rest + errors
    # Whoever reads the log finds one object a line, and none that a client wrote.
    events = [json.loads(line)["event"] for line in errors.split(b"\n") if line]
    assert "forged" not in events


async def speak_to_sockets(url: str) -> list[str]:
    """Connect in each way in which a key is given, and return what was sent."""
    sent = []
    address = url.replace("http", "ws", 1)
    for key in (KEY, WRONG_KEY):
        header = base64.b64encode(json.dumps({"host": "localhost", "x-api-key": key}).encode()).decode()
        sent += [header, header[8:]]
        ways = [
            (f"{address}/graphql/realtime?header={quote(header)}&payload=e30=", ["graphql-ws"]),
            (f"{address}/graphql/realtime?header=_{header[8:]}&payload=e30=", ["graphql-ws"]),
            (f"{address}/graphql/realtime", ["graphql-ws", f"header-{header.rstrip('=')}"]),
            (f"{address}/graphql/realtime?header={quote(header)}", ["nothing-known"]),
        ]
        for at, subprotocols in ways:
            async with connect(at, subprotocols=[Subprotocol(each) for each in subprotocols]) as socket:
                with suppress(ConnectionClosed):
                    await socket.send(json.dumps({"type": "connection_init", "payload": {"x-api-key": key}}))
                    await socket.send("no JSON")
        with pytest.raises(InvalidStatus):
            await connect(f"{address}/graphql?header={quote(header)}", additional_headers={"origin": f"http://{key}"})
    return sent


async def write_raw(url: str, request: bytes) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    await reader.read()
    writer.close()


async def test_no_secret_is_written_and_no_line_forged_by_what_callers_send(
    servers: EmbeddedServers, database_url: str
) -> None:
    secrets = [KEY, WRONG_KEY, TOKEN, servers.object_store.secret_access_key or "", password_of(database_url)]

    async with served(servers, database_url) as api:
        created = await api.ask(CREATE_KEY, name=f"for{FORGED}")
        secrets.append(created["data"]["createApiKey"]["secret"])
        upload = (await api.ask(CREATE_IMPORT, name=f"of{FORGED}"))["data"]["createImport"]
        secrets += parse_qs(urlsplit(upload["uploadUrl"]).query)["X-Amz-Signature"]
        await api.http.put(upload["uploadUrl"] + "0", content=b"refused")
        await api.http.put(upload["uploadUrl"], content=f"NMI,DATE{FORGED}".encode())
        await api.ask(START, id=upload["import"]["id"])
        for headers in ({"x-api-key": WRONG_KEY}, {"x-api-key": "", "authorization": f"Bearer {TOKEN}"}):
            assert (await api.ask("{ getCaller { name } }", headers))["errors"][0]["errorType"].startswith("Unauth")
        secrets += await speak_to_sockets(api.url)
        await api.http.get(f"{api.url}/{quote(FORGED)}?key={KEY}")
        key = KEY.encode()
        await write_raw(api.url, b"POST /graphql HTTP/1.1\r\nx-api-key: %b\r\nno header\r\n\r\n" % key)
        await write_raw(api.url, b"GET /graphql?%b\x1b[2J HTTP/1.1\r\n\r\n" % key)

    assert [secret for secret in secrets if secret.encode() in api.written] == []


async def test_no_secret_is_written_when_the_database_fails(servers: EmbeddedServers, template: str) -> None:
    name = "vpp_of_secrets"
    await execute(servers, f"create database {name} template {template}")
    database_url = f"{servers.database_url.rsplit('/', 1)[0]}/{name}"
    secrets = [KEY, WRONG_KEY, TOKEN, password_of(database_url), "a name none should read"]

    async with served(servers, database_url) as api:
        await execute(replace(servers, database_url=database_url), "alter table api_keys rename to keys_of_apis")
        answers = [
            await api.ask(CREATE_KEY, name=f"a name none should read{FORGED}"),
            await api.ask("{ getCaller { name } }", {"x-api-key": WRONG_KEY}),
        ]
        await execute(servers, f"drop database {name} with (force)")
        answers.append(await api.ask("{ getCaller { name } }", {"x-api-key": WRONG_KEY, "authorization": TOKEN}))
        ready = await api.http.get(f"{api.url}/readyz")

    assert [answer["errors"][0]["errorType"] for answer in answers] == ["InternalFailure"] * 3
    assert ready.json()["database"] == "no answer"
    assert b"A request failed" in api.written
    assert [secret for secret in secrets if secret.encode() in api.written] == []


async def test_no_secret_is_written_when_the_object_store_refuses_it(
    servers: EmbeddedServers, database_url: str
) -> None:
    wrong = replace(servers, object_store=replace(servers.object_store, secret_access_key=WRONG_S3_SECRET))

    async with served(wrong, database_url) as api:
        upload = (await api.ask(CREATE_IMPORT, name="a.csv"))["data"]["createImport"]
        started = await api.ask(START, id=upload["import"]["id"])
        ready = await api.http.get(f"{api.url}/readyz")

    signature = parse_qs(urlsplit(upload["uploadUrl"]).query)["X-Amz-Signature"][0]
    assert started["errors"][0]["errorType"] == "InternalFailure"
    assert ready.json()["object_store"] == "no answer"
    assert b"The object store does not answer" in api.written
    assert [secret for secret in (KEY, WRONG_S3_SECRET, signature) if secret.encode() in api.written] == []


@pytest.mark.parametrize(
    ("database_url", "told"),
    [
        ("postgresql://vpp:hush-hush@127.0.0.1:1/vpp", "The database does not answer: "),
        ("postgresql://vpp:hush-/hush@127.0.0.1:1/vpp", "VPP_DATABASE_URL is no address such as "),
        ("mysql://vpp:hush-hush@127.0.0.1/vpp", "VPP_DATABASE_URL is no address such as "),
    ],
)
async def test_a_database_that_cannot_be_reached_is_told_of_in_a_sentence(database_url: str, told: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve", "--no-worker"),
        env=os.environ | {"VPP_DATABASE_URL": database_url, "VPP_S3_BUCKET": "bucket"},
        stdout=PIPE,
        stderr=PIPE,
    )
    said, errors = await process.communicate()

    assert process.returncode == 1
    assert errors.decode().startswith(told)
    assert len(errors.splitlines()) == 1
    assert b"hush" not in said + errors


def password_of(database_url: str) -> str:
    return urlsplit(database_url).password or ""
