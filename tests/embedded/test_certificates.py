"""The certificates of `vpp serve --tls`: creation, renewal, names, and errors of unusable files."""

import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from typer.testing import CliRunner

from graph.commands.main import app
from graph.commands.script.file_import import CREATE_IMPORT, GET_IMPORT, ON_IMPORT_PROGRESS
from graph.commands.script.run import open_client
from graph.embedded.certificates import InvalidCertificateName, ensure_certificate
from graph.embedded.infrastructure import Certificate, Infrastructure, own_certificate
from graph.embedded.servers import EmbeddedServers
from graph.settings import StartupError
from graph.web.server import serving
from tests.fixtures.api import API_KEY

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())


def names(folder: Path) -> list[str]:
    extension = certificate(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


def file_contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("host", "host_names"),
    [
        ("127.0.0.1", []),
        ("0:0:0:0:0:0:0:1", []),
        ("192.0.2.7", ["192.0.2.7"]),
        ("fe80::1%eth0", ["fe80::1"]),
        ("Battery.Local", ["battery.local"]),
        ("bücher.example", ["xn--bcher-kva.example"]),
    ],
)
def test_certificate_has_the_names_of_loopback_and_the_host_and_is_reused(
    tmp_path: Path, host: str, host_names: list[str]
) -> None:
    first = ensure_certificate(tmp_path / "tls", host=host, now=NOW)
    before = file_contents(tmp_path / "tls")
    second = ensure_certificate(tmp_path / "tls", host=host, now=NOW)

    assert (first, second) == (True, False)
    assert names(tmp_path / "tls") == ["localhost", "127.0.0.1", "::1", *host_names]
    assert file_contents(tmp_path / "tls") == before


def test_only_the_server_key_is_stored_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    ensure_certificate(tmp_path / "tls", host="localhost", now=NOW)

    assert {name: content.count(b"PRIVATE KEY-----") for name, content in file_contents(tmp_path / "tls").items()} == {
        "ca.pem": 0,
        "server.pem": 2,  # The BEGIN and the END line.
    }
    assert stat.S_IMODE((tmp_path / "tls" / "server.pem").stat().st_mode) == 0o600


def test_certificate_is_renewed_thirty_days_before_it_expires(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, host="localhost", now=NOW)
    end = NOW + timedelta(days=800)

    early = ensure_certificate(tmp_path, host="localhost", now=end - timedelta(days=30, seconds=1))
    due = ensure_certificate(tmp_path, host="localhost", now=end - timedelta(days=30))

    assert (early, due) == (False, True)
    assert certificate(tmp_path).not_valid_after_utc == end - timedelta(days=30) + timedelta(days=800)


def test_certificate_is_replaced_for_a_host_that_it_does_not_name(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, host="battery.local", now=NOW)

    back_on_loopback = ensure_certificate(tmp_path, host="127.0.0.1", now=NOW)
    elsewhere = ensure_certificate(tmp_path, host="meter.local", now=NOW)

    assert (back_on_loopback, elsewhere) == (False, True)
    assert names(tmp_path) == ["localhost", "127.0.0.1", "::1", "meter.local"]


@pytest.mark.parametrize("file", ["ca.pem", "server.pem"])
def test_missing_damaged_or_mismatched_files_are_replaced(tmp_path: Path, file: str) -> None:
    ensure_certificate(tmp_path / "another", host="localhost", now=NOW)
    folder = tmp_path / "tls"
    is_new = [ensure_certificate(folder, host="localhost", now=NOW)]

    (folder / file).unlink()
    is_new.append(ensure_certificate(folder, host="localhost", now=NOW))
    (folder / file).write_bytes(b"-----BEGIN CERT")
    is_new.append(ensure_certificate(folder, host="localhost", now=NOW))
    (tmp_path / "another" / file).replace(folder / file)
    is_new.append(ensure_certificate(folder, host="localhost", now=NOW))

    assert is_new == [True, True, True, True]
    assert not ensure_certificate(folder, host="localhost", now=NOW)


@pytest.mark.parametrize("host", ["my_battery", "a..b", "x" * 64])
def test_invalid_host_name_is_rejected_and_nothing_is_written(tmp_path: Path, host: str) -> None:
    with pytest.raises(InvalidCertificateName):
        ensure_certificate(tmp_path / "tls", host=host, now=NOW)
    with pytest.raises(StartupError, match=f"{host} is not a valid name for a certificate"):
        own_certificate(tmp_path, host=host)

    assert list(tmp_path.iterdir()) == []


def test_missing_extra_is_reported_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "graph.embedded.certificates", None)

    with pytest.raises(StartupError, match=r"pip install 'vpp\[embedded\]', or give --tls-certificate and --tls-key"):
        own_certificate(tmp_path, host="localhost")


async def test_unusable_certificate_files_are_reported_in_a_sentence(tmp_path: Path, servers: EmbeddedServers) -> None:
    for name in ("one", "another"):
        ensure_certificate(tmp_path / name, host="localhost", now=NOW)
    one, another = (tmp_path / name / "server.pem" for name in ("one", "another"))
    locked, missing, folder = tmp_path / "locked.key", tmp_path / "missing.pem", tmp_path
    key = load_pem_private_key(one.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))

    messages = []
    for certificate in (
        Certificate(missing, one),
        Certificate(one, missing),
        Certificate(folder, one),
        Certificate(one, another),
        Certificate(one, locked),
        Certificate(locked, one),
    ):
        infrastructure = Infrastructure(
            servers.database_url, servers.object_store, bootstrap_api_key=None, embedded=False
        )
        with pytest.raises(StartupError) as refused:
            async with serving(
                infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, certificate=certificate
            ):
                pass
        messages.append(str(refused.value))

    expected = "expected PEM files, the key without a passphrase."
    assert messages == [
        f"{missing} cannot be read: No such file or directory.",
        f"{missing} cannot be read: No such file or directory.",
        f"{folder} cannot be read: Is a directory.",
        f"{one} and {another} are not a certificate and its private key: {expected}",
        f"{one} and {locked} are not a certificate and its private key: {expected}",
        f"{locked} and {one} are not a certificate and its private key: {expected}",
    ]


@pytest.mark.parametrize("variable", ["VPP_TLS_CERTIFICATE", "VPP_TLS_KEY"])
def test_certificate_without_its_key_is_rejected_before_servers_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("VPP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(variable, "vpp.pem")

    result = CliRunner().invoke(app, ["serve", "--tls"])

    assert (result.exit_code, result.stderr) == (
        1,
        "Only one of a certificate and its key is given: give both, or neither to serve http.\n",
    )
    assert not (tmp_path / "data").exists()


async def test_script_client_subscribes_to_an_import_over_tls(
    tmp_path: Path, servers: EmbeddedServers, database_url: str
) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    certificate = own_certificate(tmp_path, host="127.0.0.1")
    async with (
        serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, certificate=certificate) as ours,
        open_client(f"{ours.url}/graphql", API_KEY, ours.tls) as client,
        httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as failing_http,
    ):
        upload = await client.execute(CREATE_IMPORT, input={"kind": "BATTERY_EVENTS", "fileName": "events.csv"})
        # HTTP requests fail, so the state must come from the WebSocket.
        websocket_only = replace(client, http=failing_http, retry_pause_s=0)
        state = await websocket_only.follow(
            ON_IMPORT_PROGRESS, GET_IMPORT, upload["import"]["id"], until=lambda _: True
        )

    assert state["status"] == "AWAITING_UPLOAD"
