"""`vpp serve`, started and stopped by a person, and killed as by a power cut."""

import asyncio
import json
import os
import signal
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import trustme
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graph.web.server import Serving
from tests.fixtures.api import WAIT_S

EXAMPLE = Path(__file__).parents[2] / "examples" / "first_month.txt"
START_S = 120
REPORT = [
    "Total revenue 1.75",
    "Ad valorem fee, to the VPP 0.35",
    "Daily fees, to the VPP 1.40",
    "Cost-only, borne by the VPP 0.00",
    "VPP total 1.75",
    "Site total, after fees 0.00",
]


@asynccontextmanager
async def serving(data_dir: Path, *options: str) -> AsyncIterator[tuple[Process, list[str]]]:
    """Run `vpp serve`; yield its process, which the block must end, and the lines it printed until it was ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve", "--first", str(EXAMPLE), *options),
        env=os.environ | {"VPP_DATA_DIR": str(data_dir)},
        stdout=PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(START_S):
        while not lines or not lines[-1].startswith("Press Ctrl-C"):
            line = await process.stdout.readline()
            assert line, lines
            lines.append(" ".join(line.decode().split()))
    yield process, lines
    await process.wait()


def printed_value(lines: list[str], name: str) -> str:
    """Return the last word of the printed line that starts with a name."""
    return next(line.split()[-1] for line in lines if line.startswith(name))


def report(lines: list[str]) -> list[str]:
    start = lines.index("Test VPP One, 2025-09, revision 1, in Australian dollars")
    return lines[start + 1 : start + 7]


def servers_in(data_dir: Path) -> list[str]:
    """Return the names of the processes whose working directory is a data folder or below it."""
    running = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(data_dir):
                running.append(process.name())
        except (psutil.Error, OSError):
            continue
    return running


async def test_second_start_prints_the_same_report_and_imports_nothing_twice(tmp_path: Path) -> None:
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        async with serving(tmp_path) as (process, lines):
            async with httpx.AsyncClient(timeout=WAIT_S) as client:
                response = await client.post(
                    printed_value(lines, "Endpoint"),
                    json={
                        "query": """{
                            listImports { items { status rowsImported } }
                            listRevenueReports(filter: {latestOnly: false}) { items { revision } }
                        }"""
                    },
                    headers={"x-api-key": printed_value(lines, "API key")},
                )
            process.send_signal(signal_)

        assert process.returncode == 0
        assert report(lines) == REPORT
        assert response.json()["data"] == {
            "listImports": {
                "items": [{"status": "COMPLETED", "rowsImported": rows_imported} for rows_imported in (196, 1, 8)]
            },
            "listRevenueReports": {"items": [{"revision": 1}]},
        }
        assert servers_in(tmp_path) == []


async def test_start_after_sigkill_recovers_without_intervention(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, before):
        process.kill()

    async with serving(tmp_path) as (process, after):
        process.terminate()

    assert process.returncode == 0
    assert report(after) == report(before) == REPORT
    assert servers_in(tmp_path) == []


async def test_two_instances_with_separate_data_folders_run_side_by_side(tmp_path: Path) -> None:
    async with serving(tmp_path / "a") as (one, lines_of_one), serving(tmp_path / "b") as (other, lines_of_other):
        one.terminate()
        other.terminate()

    assert report(lines_of_one) == report(lines_of_other) == REPORT
    assert printed_value(lines_of_one, "Endpoint") != printed_value(lines_of_other, "Endpoint")


async def test_second_instance_with_the_same_data_folder_exits_with_a_message(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, _):
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph", "serve"),
            env=os.environ | {"VPP_DATA_DIR": str(tmp_path)},
            stdout=PIPE,
            stderr=PIPE,
        )
        _, errors = await second.communicate()
        process.terminate()

    assert second.returncode == 1
    assert str(tmp_path) in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_clients_that_trust_the_tls_authority_connect_after_every_start(tmp_path: Path) -> None:
    file, authorities = tmp_path / "tls" / "ca.pem", []
    for _ in range(2):
        async with serving(tmp_path, "--tls") as (process, lines):
            endpoint = printed_value(lines, "Endpoint")
            authorities.append(file.read_bytes())
            context = ssl.create_default_context(cafile=file)
            async with (
                httpx.AsyncClient(verify=context, timeout=WAIT_S) as client,
                connect(
                    endpoint.replace("https", "wss"),
                    ssl=context,
                    subprotocols=[Subprotocol("graphql-transport-ws")],
                    open_timeout=WAIT_S,
                ) as socket,
            ):
                outputs = await client.get(endpoint.replace("graphql", "amplify_outputs.json"))
                payload = {"x-api-key": printed_value(lines, "API key")}
                await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                acknowledged = json.loads(await socket.recv())
            process.terminate()

        assert report(lines) == REPORT
        assert outputs.json()["data"]["url"] == endpoint
        assert endpoint.startswith("https://127.0.0.1:")
        assert printed_value(lines, "Authority") == str(file)
        assert acknowledged["type"] == "connection_ack"

    assert authorities[0] == authorities[1]


async def test_given_certificate_is_used_regardless_of_its_host_names(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("vpp.example")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "vpp.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "vpp.key"))
    context = ssl.create_default_context()
    authority.configure_trust(context)

    files = ("--tls-certificate", str(tmp_path / "vpp.pem"), "--tls-key", str(tmp_path / "vpp.key"))
    async with serving(tmp_path / "data", *files) as (process, lines):
        async with httpx.AsyncClient(verify=context, timeout=WAIT_S) as client:
            response = await client.get(
                printed_value(lines, "Endpoint").replace("graphql", "livez"),
                headers={"host": "vpp.example"},
                extensions={"sni_hostname": "vpp.example"},
            )
        process.terminate()

    assert response.json()["status"] == "alive"
    assert report(lines) == REPORT
    assert not any(line.startswith("Authority") for line in lines)
    assert not (tmp_path / "data" / "tls").exists()


async def test_websocket_header_may_contain_a_token_of_sixteen_kilobytes(api_server: Serving) -> None:
    host, port = api_server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws, header-" + b"e" * 16 * 1024 + b"\r\n\r\n"
    )
    try:
        async with asyncio.timeout(WAIT_S):
            status = await reader.readline()
    finally:
        writer.close()
    await writer.wait_closed()

    assert status == b"HTTP/1.1 101 Switching Protocols\r\n"
