"""The health check of a container: `python -m graph.health`, for the API with and without TLS, and for a worker."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from graph.embedded.infrastructure import Infrastructure, own_certificate
from graph.embedded.servers import EmbeddedServers
from graph.health import HEARTBEAT_TIMEOUT_S, problem, reporting_health
from graph.web.server import serving
from tests.fixtures.api import API_KEY

NOBODY_LISTENS = "http://127.0.0.1:1"


@pytest.fixture
def health_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VPP_HEALTH_FILE", str(tmp_path / "health"))
    return tmp_path / "health"


async def check() -> tuple[int | None, str]:
    """Run the health check as Docker does, and return its exit status and what it prints."""
    command = (sys.executable, "-m", "graph.health")
    process = await asyncio.create_subprocess_exec(*command, env=os.environ, stderr=asyncio.subprocess.PIPE)
    _, stderr = await process.communicate()
    return process.returncode, stderr.decode().strip()


@pytest.mark.parametrize("with_tls", [False, True])
async def test_an_api_is_healthy_while_it_answers(
    servers: EmbeddedServers, database_url: str, health_file: Path, tmp_path: Path, with_tls: bool
) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    certificate = own_certificate(tmp_path, host="127.0.0.1") if with_tls else None
    async with serving(
        infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, certificate=certificate
    ) as server:
        async with reporting_health(server.url):
            await until_written(health_file)
            while_serving = await check()
        after_the_end = await check()

    assert while_serving == (0, "")
    assert after_the_end == (1, f"{health_file} is missing: the process has not started yet.")


async def test_a_worker_is_healthy_while_its_event_loop_runs(health_file: Path) -> None:
    async with reporting_health():
        await until_written(health_file)
        assert await check() == (0, "")


def test_a_worker_whose_heartbeat_is_late_is_unhealthy(tmp_path: Path) -> None:
    file = tmp_path / "health"
    file.touch()
    written_at = file.stat().st_mtime

    assert problem(file, now=written_at + HEARTBEAT_TIMEOUT_S) is None
    assert problem(file, now=written_at + 90) == "The last heartbeat is 90 s old; expected at most 60 s."


def test_an_api_that_does_not_answer_is_unhealthy(tmp_path: Path) -> None:
    file = tmp_path / "health"
    file.write_text(NOBODY_LISTENS)

    found = problem(file, now=file.stat().st_mtime)

    assert found is not None
    assert found.startswith(f"{NOBODY_LISTENS}/livez does not answer: ")


async def until_written(file: Path) -> None:
    """Wait for the first heartbeat."""
    while not await asyncio.to_thread(file.exists):
        pass
