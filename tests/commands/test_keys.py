"""The commands of `vpp key`, run beside an API on the same database."""

import asyncio
import fcntl
import json
import os
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graph.commands.main import app
from graph.embedded.servers import EmbeddedServers, embedded_servers
from tests.fixtures.api import WAIT_S, Api

UNKNOWN_ID = "3f2b6c1e-8d4a-4b7e-9c55-0a1d2e3f4a5b"
RUNNER = CliRunner()
LIST_AUDIT_ENTRIES = """query ($filter: AuditEntryFilterInput) { listAuditEntries(filter: $filter, limit: 200) { items {
    authType callerName action objectType objectId old new
} } }"""


@pytest.fixture(autouse=True)
def environment(servers: EmbeddedServers, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands use this module's database."""
    monkeypatch.setenv("VPP_DATABASE_URL", database_url)
    monkeypatch.setenv("VPP_S3_BUCKET", servers.object_store.bucket)


@pytest.fixture
async def vpp_ids(api: Api) -> list[str]:
    return [await api.create_vpp(), await api.create_vpp()]


@pytest.fixture
async def site_id(api: Api) -> str:
    return await api.create_site(await api.create_vpp())


async def vpp(*arguments: str) -> str:
    """Run a command in a process of its own, since this process runs the API, and return its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", *arguments), env=os.environ, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == 0
    return out.decode()


def use_embedded_servers(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VPP_DATABASE_URL")
    monkeypatch.delenv("VPP_S3_BUCKET")
    monkeypatch.setenv("VPP_DATA_DIR", str(data_dir))


async def audit_entries(api: Api, **filter: str) -> list[Any]:
    """Return the audit entries that match a filter, the oldest first."""
    return list(reversed((await api.execute(LIST_AUDIT_ENTRIES, filter=filter))["items"]))


async def status_and_caller(api: Api, secret: str) -> tuple[int, Any]:
    body = {"query": "{ getCaller { name role vppIds siteIds } }"}
    answer = await api.client.post("/graphql", json=body, headers={"x-api-key": secret})
    return answer.status_code, answer.json().get("data", {}).get("getCaller")


async def test_created_key_is_valid_until_it_is_revoked(api: Api, vpp_ids: list[str]) -> None:
    vpp_options = [argument for id in vpp_ids for argument in ("--vpp", id)]

    created = await vpp("key", "create", "a [bold]dashboard", "--role", "READER", *vpp_options)
    before = await status_and_caller(api, created.removesuffix("\n"))
    (id,) = [key["id"] for key in (await api.execute("{ listApiKeys { items { id } } }"))["items"]]
    revoked = await vpp("key", "revoke", id)

    caller = {"name": "a [bold]dashboard", "role": "READER", "vppIds": vpp_ids, "siteIds": None}
    assert before == (200, caller)
    assert revoked == f"Revoked the API key {created[:12]}, a [bold]dashboard.\n"
    # The API has cached the key until the notice of its revocation arrives.
    async with asyncio.timeout(WAIT_S):
        while (await status_and_caller(api, created.strip()))[0] == 200:
            pass


def test_keys_are_listed_newest_first_with_their_state(site_id: str) -> None:
    create = ["key", "create"]
    valid = RUNNER.invoke(app, [*create, "valid", "--role", "ADMIN"]).stdout
    ending = RUNNER.invoke(
        app,
        [*create, "ending", "--role", "MEMBER", "--site", site_id, "--expires", "9000-01-01T10:00:00+10:00"],
    ).stdout
    newest = RUNNER.invoke(app, ["key", "list"]).stdout.splitlines()[0]

    RUNNER.invoke(app, ["key", "revoke", newest.split()[0]])

    first, second = RUNNER.invoke(app, ["key", "list"]).stdout.splitlines()[:2]
    assert newest == f"{newest.split()[0]}  {ending[:12]}  MEMBER    expires 9000-01-01T00:00Z  ending"
    assert re.fullmatch(rf"\S{{36}}  {ending[:12]}  MEMBER    revoked \d{{4}}-\d\d-\d\dT\d\d:\d\dZ  ending", first)
    assert re.fullmatch(rf"\S{{36}}  {valid[:12]}  ADMIN     valid  valid", second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "x", "--role", "MEMBER"), "A MEMBER key needs siteIds: at least one site that it may see.\n"),
        (
            ("create", "x", "--role", "ADMIN", "--vpp", UNKNOWN_ID),
            "Only a READER or OPERATOR key can be limited to VPPs; this key has the role ADMIN.\n",
        ),
        (("create", "x", "--role", "READER", "--vpp", UNKNOWN_ID), f"There is no VPP with the id {UNKNOWN_ID}.\n"),
        (
            ("create", "x", "--role", "READER", "--expires", "2025-09-01T00:00Z"),
            "An API key must expire in the future; 2025-09-01T00:00:00+00:00 has passed.\n",
        ),
        (
            ("create", "x", "--role", "READER", "--expires", "9000-01-01T00:00"),
            "9000-01-01T00:00 is not a timestamp with a UTC offset; write one such as 2030-06-30T18:00:00+10:00.\n",
        ),
        (("revoke", UNKNOWN_ID), f"There is no API key with the id {UNKNOWN_ID}.\n"),
    ],
)
def test_commands_reject_invalid_keys_with_the_same_messages_as_the_api(
    arguments: tuple[str, ...], message: str
) -> None:
    result = RUNNER.invoke(app, ["key", *arguments])

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


async def test_newest_signing_key_is_published_first(api: Api) -> None:
    first, second = [await vpp("key", "rotate") for _ in range(2)]

    published = (await api.client.get("/.well-known/jwks.json")).json()["keys"]
    assert [second, first] == [f"The new signing key is {key['kid']}.\n" for key in published]


async def test_access_key_is_listed_and_audited_with_its_api_key(api: Api) -> None:
    created = await vpp("key", "create", "signs requests", "--role", "OPERATOR", "--iam")

    secret, access_key_id, secret_access_key = [line.rpartition("=")[2] for line in created.splitlines()]
    api_key, access_key, *_ = (await vpp("key", "list")).splitlines()
    id = api_key.split()[0]
    (entry,) = await audit_entries(api, objectId=id)
    assert api_key == f"{id}  {secret[:12]}  OPERATOR  valid  signs requests"
    assert access_key == f"  access key {access_key_id}"
    assert (entry["authType"], entry["callerName"], entry["action"]) == ("COMMAND", "vpp key create", "createApiKey")
    assert json.loads(entry["new"])["accessKeyIds"] == [access_key_id]
    assert not any(text in entry["new"] for text in (secret, secret_access_key))

    await vpp("key", "revoke", id)

    (_, revoked) = await audit_entries(api, objectId=id)
    assert (revoked["authType"], revoked["callerName"], revoked["action"]) == (
        *("COMMAND", "vpp key revoke", "revokeApiKey"),
    )


async def test_rotation_is_audited_for_the_new_and_the_previous_signing_key(api: Api) -> None:
    first, second = [(await vpp("key", "rotate")).split()[-1].removesuffix(".") for _ in range(2)]

    created, ended = await audit_entries(api, objectType="SigningKey", objectId=first)
    (current,) = await audit_entries(api, objectType="SigningKey", objectId=second)
    assert {(entry["authType"], entry["callerName"], entry["action"]) for entry in (created, ended, current)} == {
        ("COMMAND", "vpp key rotate", "rotateSigningKey")
    }
    old, new = json.loads(ended["old"]), json.loads(ended["new"])
    assert (created["old"], json.loads(created["new"])) == (None, old)
    assert (old["validUntil"], new) == (None, old | {"validUntil": new["validUntil"]})
    lifetime = datetime.fromisoformat(new["validUntil"]) - datetime.fromisoformat(
        json.loads(current["new"])["createdAt"]
    )
    assert lifetime == timedelta(seconds=900)
    assert set(json.loads(current["new"])) == {"createdAt", "validUntil"}


async def test_keys_are_managed_while_an_embedded_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_embedded_servers(tmp_path, monkeypatch)
    async with embedded_servers(tmp_path):
        created = await vpp("key", "create", "beside the server", "--role", "ADMIN")
        listed = await vpp("key", "list")

        assert listed.split()[1:] == [created[:12], "ADMIN", "valid", "beside", "the", "server"]

    assert await vpp("key", "list") == listed


def test_command_beside_an_embedded_server_that_is_starting_says_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_embedded_servers(tmp_path, monkeypatch)
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        result = RUNNER.invoke(app, ["key", "list"])

    message = (
        f"Another process uses the data folder {tmp_path} and its servers are not running yet: try again in a moment, "
        "or stop that process.\n"
    )
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


def test_unreachable_database_is_reported_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPP_DATABASE_URL", "postgresql://vpp@127.0.0.1:1/vpp")

    result = RUNNER.invoke(app, ["key", "list"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("The database does not answer: ")


def test_invalid_token_lifetime_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPP_TOKEN_LIFETIME_S", "0")

    result = RUNNER.invoke(app, ["key", "rotate"])

    message = "VPP_TOKEN_LIFETIME_S: Input should be greater than or equal to 1.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)
