"""The output of `vpp serve` contains no secret and no forged log line, even after bad requests and failures."""

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
from tests.fixtures.api import WAIT_S

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
class ServerProcess:
    """A client of a server process; `output` is everything that the process wrote, once it has ended."""

    url: str
    http: httpx.AsyncClient
    output: bytes = b""

    async def ask(self, document: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        headers = {"x-api-key": KEY} | (headers or {})
        response = await self.http.post(f"{self.url}/graphql", json=body, headers=headers)
        return response.json()


@asynccontextmanager
async def serving(servers: EmbeddedServers, database_url: str) -> AsyncIterator[ServerProcess]:
    """Run `vpp serve` on the given servers until the block ends, and capture its standard output and error."""
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
    stdout = b""
    async with asyncio.timeout(WAIT_S), httpx.AsyncClient(timeout=WAIT_S) as http:
        while b"Press Ctrl-C" not in stdout:
            line = await process.stdout.readline()
            assert line, stdout
            stdout += line
        url = next(line.split()[-1] for line in stdout.decode().splitlines() if line.startswith("Endpoint"))
        server = ServerProcess(url.removesuffix("/graphql"), http)
        try:
            yield server
        finally:
            process.terminate()
            rest, stderr = await process.communicate()
    server.output = stdout + rest + stderr
    # Each line of the log is one JSON object, and none was forged by a client.
    events = [json.loads(line)["event"] for line in stderr.split(b"\n") if line]
    assert "forged" not in events


async def send_keys_to_sockets(url: str) -> list[str]:
    """Connect WebSockets in every way in which a client sends a key, and return the encoded keys."""
    sent = []
    address = url.replace("http", "ws", 1)
    for key in (KEY, WRONG_KEY):
        header = base64.b64encode(json.dumps({"host": "localhost", "x-api-key": key}).encode()).decode()
        sent += [header, header[8:]]
        attempts = [
            (f"{address}/graphql/realtime?header={quote(header)}&payload=e30=", ["graphql-ws"]),
            (f"{address}/graphql/realtime?header=_{header[8:]}&payload=e30=", ["graphql-ws"]),
            (f"{address}/graphql/realtime", ["graphql-ws", f"header-{header.rstrip('=')}"]),
            (f"{address}/graphql/realtime?header={quote(header)}", ["nothing-known"]),
        ]
        for socket_url, subprotocols in attempts:
            async with connect(
                socket_url, subprotocols=[Subprotocol(name) for name in subprotocols], open_timeout=WAIT_S
            ) as socket:
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


async def test_requests_cause_no_secret_and_no_forged_line_in_the_output(
    servers: EmbeddedServers, database_url: str
) -> None:
    secrets = [KEY, WRONG_KEY, TOKEN, servers.object_store.secret_access_key or "", password_of(database_url)]

    async with serving(servers, database_url) as api:
        created = await api.ask(CREATE_KEY, name=f"for{FORGED}")
        secrets.append(created["data"]["createApiKey"]["secret"])
        upload = (await api.ask(CREATE_IMPORT, name=f"of{FORGED}"))["data"]["createImport"]
        secrets += parse_qs(urlsplit(upload["uploadUrl"]).query)["X-Amz-Signature"]
        await api.http.put(upload["uploadUrl"] + "0", content=b"refused")
        await api.http.put(upload["uploadUrl"], content=f"NMI,DATE{FORGED}".encode())
        await api.ask(START, id=upload["import"]["id"])
        for headers in ({"x-api-key": WRONG_KEY}, {"x-api-key": "", "authorization": f"Bearer {TOKEN}"}):
            assert (await api.ask("{ getCaller { name } }", headers))["errors"][0]["errorType"].startswith("Unauth")
        secrets += await send_keys_to_sockets(api.url)
        await api.http.get(f"{api.url}/{quote(FORGED)}?key={KEY}")
        key = KEY.encode()
        await write_raw(api.url, b"POST /graphql HTTP/1.1\r\nx-api-key: %b\r\nno header\r\n\r\n" % key)
        await write_raw(api.url, b"GET /graphql?%b\x1b[2J HTTP/1.1\r\n\r\n" % key)

    assert [secret for secret in secrets if secret.encode() in api.output] == []


async def test_failing_database_causes_no_secret_in_the_output(servers: EmbeddedServers, template: str) -> None:
    name = "vpp_of_secrets"
    await execute(servers, f"create database {name} template {template}")
    database_url = f"{servers.database_url.rsplit('/', 1)[0]}/{name}"
    secrets = [KEY, WRONG_KEY, TOKEN, password_of(database_url), "a name none should read"]

    async with serving(servers, database_url) as api:
        await execute(replace(servers, database_url=database_url), "alter table api_keys rename to keys_of_apis")
        responses = [
            await api.ask(CREATE_KEY, name=f"a name none should read{FORGED}"),
            await api.ask("{ getCaller { name } }", {"x-api-key": WRONG_KEY}),
        ]
        await execute(servers, f"drop database {name} with (force)")
        responses.append(await api.ask("{ getCaller { name } }", {"x-api-key": WRONG_KEY, "authorization": TOKEN}))
        ready = await api.http.get(f"{api.url}/readyz")

    assert [response["errors"][0]["errorType"] for response in responses] == ["InternalFailure"] * 3
    assert ready.json()["database"] == "no answer"
    assert b"A request failed" in api.output
    assert [secret for secret in secrets if secret.encode() in api.output] == []


async def test_wrong_s3_secret_is_not_in_the_output(servers: EmbeddedServers, database_url: str) -> None:
    wrong = replace(servers, object_store=replace(servers.object_store, secret_access_key=WRONG_S3_SECRET))

    async with serving(wrong, database_url) as api:
        upload = (await api.ask(CREATE_IMPORT, name="a.csv"))["data"]["createImport"]
        started = await api.ask(START, id=upload["import"]["id"])
        ready = await api.http.get(f"{api.url}/readyz")

    signature = parse_qs(urlsplit(upload["uploadUrl"]).query)["X-Amz-Signature"][0]
    assert started["errors"][0]["errorType"] == "InternalFailure"
    assert ready.json()["object_store"] == "no answer"
    assert b"The object store does not answer" in api.output
    assert [secret for secret in (KEY, WRONG_S3_SECRET, signature) if secret.encode() in api.output] == []


@pytest.mark.parametrize(
    ("database_url", "message"),
    [
        ("postgresql://vpp:hush-hush@127.0.0.1:1/vpp", "The database does not answer: "),
        ("postgresql://vpp:hush-/hush@127.0.0.1:1/vpp", "VPP_DATABASE_URL is not a valid URL; expected one such as "),
        ("mysql://vpp:hush-hush@127.0.0.1/vpp", "VPP_DATABASE_URL is not a valid URL; expected one such as "),
    ],
)
async def test_unreachable_database_is_reported_in_one_line_without_the_password(
    database_url: str, message: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve", "--no-worker"),
        env=os.environ | {"VPP_DATABASE_URL": database_url, "VPP_S3_BUCKET": "bucket"},
        stdout=PIPE,
        stderr=PIPE,
    )
    stdout, stderr = await process.communicate()

    assert process.returncode == 1
    assert stderr.decode().startswith(message)
    assert len(stderr.splitlines()) == 1
    assert b"hush" not in stdout + stderr


def password_of(database_url: str) -> str:
    return urlsplit(database_url).password or ""
