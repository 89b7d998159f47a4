"""Certificates of our own: when they are made, what they bear, and who may serve with them."""

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
from graph.commands.script.run import client_of
from graph.embedded.certificates import UnfitName, keep_certificate
from graph.embedded.infrastructure import Certificate, Infrastructure, own_certificate
from graph.embedded.servers import EmbeddedServers
from graph.settings import StartupError
from graph.web.server import serving
from tests.fixtures.api import API_KEY

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())


def names(folder: Path) -> list[str]:
    borne = certificate(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in borne]


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("host", "own_name"),
    [
        ("127.0.0.1", []),
        ("0:0:0:0:0:0:0:1", []),
        ("192.0.2.7", ["192.0.2.7"]),
        ("fe80::1%eth0", ["fe80::1"]),
        ("Battery.Local", ["battery.local"]),
        ("bücher.example", ["xn--bcher-kva.example"]),
    ],
)
def test_a_certificate_bears_the_names_of_the_machine_and_is_kept(
    tmp_path: Path, host: str, own_name: list[str]
) -> None:
    first = keep_certificate(tmp_path / "tls", host=host, now=NOW)
    before = kept(tmp_path / "tls")
    second = keep_certificate(tmp_path / "tls", host=host, now=NOW)

    assert (first, second) == (True, False)
    assert names(tmp_path / "tls") == ["localhost", "127.0.0.1", "::1", *own_name]
    assert kept(tmp_path / "tls") == before


def test_only_the_key_of_the_certificate_is_kept_and_only_for_its_owner(tmp_path: Path) -> None:
    keep_certificate(tmp_path / "tls", host="localhost", now=NOW)

    assert {name: content.count(b"PRIVATE KEY-----") for name, content in kept(tmp_path / "tls").items()} == {
        "ca.pem": 0,
        "server.pem": 2,  # The line it begins with, and the line it ends with.
    }
    assert stat.S_IMODE((tmp_path / "tls" / "server.pem").stat().st_mode) == 0o600


def test_a_certificate_is_made_again_when_thirty_days_are_left(tmp_path: Path) -> None:
    keep_certificate(tmp_path, host="localhost", now=NOW)
    end = NOW + timedelta(days=800)

    early = keep_certificate(tmp_path, host="localhost", now=end - timedelta(days=30, seconds=1))
    due = keep_certificate(tmp_path, host="localhost", now=end - timedelta(days=30))

    assert (early, due) == (False, True)
    assert certificate(tmp_path).not_valid_after_utc == end - timedelta(days=30) + timedelta(days=800)


def test_a_certificate_is_made_again_for_another_host(tmp_path: Path) -> None:
    keep_certificate(tmp_path, host="battery.local", now=NOW)

    back_on_loopback = keep_certificate(tmp_path, host="127.0.0.1", now=NOW)
    elsewhere = keep_certificate(tmp_path, host="meter.local", now=NOW)

    assert (back_on_loopback, elsewhere) == (False, True)
    assert names(tmp_path) == ["localhost", "127.0.0.1", "::1", "meter.local"]


@pytest.mark.parametrize("file", ["ca.pem", "server.pem"])
def test_a_pair_of_which_a_part_is_missing_broken_or_anothers_is_made_again(tmp_path: Path, file: str) -> None:
    keep_certificate(tmp_path / "another", host="localhost", now=NOW)
    folder = tmp_path / "tls"
    made = [keep_certificate(folder, host="localhost", now=NOW)]

    (folder / file).unlink()
    made.append(keep_certificate(folder, host="localhost", now=NOW))
    (folder / file).write_bytes(b"-----BEGIN CERT")
    made.append(keep_certificate(folder, host="localhost", now=NOW))
    (tmp_path / "another" / file).replace(folder / file)
    made.append(keep_certificate(folder, host="localhost", now=NOW))

    assert made == [True, True, True, True]
    assert not keep_certificate(folder, host="localhost", now=NOW)


@pytest.mark.parametrize("host", ["my_battery", "a..b", "x" * 64])
def test_a_name_no_certificate_can_bear_is_refused_and_nothing_is_kept(tmp_path: Path, host: str) -> None:
    with pytest.raises(UnfitName):
        keep_certificate(tmp_path / "tls", host=host, now=NOW)
    with pytest.raises(StartupError, match=f"No certificate can bear the name {host}"):
        own_certificate(tmp_path, host=host)

    assert list(tmp_path.iterdir()) == []


def test_without_what_makes_certificates_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "graph.embedded.certificates", None)

    with pytest.raises(StartupError, match=r"pip install 'vpp\[embedded\]', or give --tls-certificate"):
        own_certificate(tmp_path, host="localhost")


async def test_a_pair_that_cannot_be_served_with_is_refused_in_a_sentence(
    tmp_path: Path, servers: EmbeddedServers
) -> None:
    for name in ("one", "another"):
        keep_certificate(tmp_path / name, host="localhost", now=NOW)
    one, another = (tmp_path / name / "server.pem" for name in ("one", "another"))
    locked, missing, folder = tmp_path / "locked.key", tmp_path / "missing.pem", tmp_path
    key = load_pem_private_key(one.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))

    told = []
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
        told.append(str(refused.value))

    assert told == [
        f"{missing} cannot be read: No such file or directory.",
        f"{missing} cannot be read: No such file or directory.",
        f"{folder} cannot be read: Is a directory.",
        f"{one} and {another} are not a certificate and its unlocked key, in PEM.",
        f"{one} and {locked} are not a certificate and its unlocked key, in PEM.",
        f"{locked} and {one} are not a certificate and its unlocked key, in PEM.",
    ]


@pytest.mark.parametrize("given", ["VPP_TLS_CERTIFICATE", "VPP_TLS_KEY"])
def test_a_certificate_without_its_key_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("VPP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(given, "vpp.pem")

    result = CliRunner().invoke(app, ["serve", "--tls"])

    assert (result.exit_code, result.stderr) == (
        1,
        "A certificate and its key go together: give both, or neither to do without.\n",
    )
    assert not (tmp_path / "data").exists()


async def test_a_script_follows_an_import_over_tls(tmp_path: Path, servers: EmbeddedServers, database_url: str) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    certificate = own_certificate(tmp_path, host="127.0.0.1")
    async with (
        serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, certificate=certificate) as ours,
        client_of(f"{ours.url}/graphql", API_KEY, ours.tls) as client,
        httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as nobody,
    ):
        upload = await client.ask(CREATE_IMPORT, input={"kind": "BATTERY_EVENTS", "fileName": "events.csv"})
        # Only the socket can tell.
        by_socket = replace(client, http=nobody, pause_s=0)
        state = await by_socket.follow(ON_IMPORT_PROGRESS, GET_IMPORT, upload["import"]["id"], until=lambda _: True)

    assert state["status"] == "AWAITING_UPLOAD"
