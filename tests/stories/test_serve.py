"""`vpp serve` as a person starts and stops it, and as a power cut does."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

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
async def serving(data_dir: Path) -> AsyncIterator[tuple[Process, list[str]]]:
    """Start `vpp serve` and yield it with the lines it printed until it was ready; the block must end it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve", "--first", str(EXAMPLE)),
        env=os.environ | {"VPP_DATA_DIR": str(data_dir)},
        stdout=PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(START_S):
        while not lines or not lines[-1].startswith("Serving until"):
            line = await process.stdout.readline()
            assert line, lines
            lines.append(" ".join(line.decode().split()))
    yield process, lines
    await process.wait()


def said(lines: list[str], name: str) -> str:
    """What stands behind a name in what was printed."""
    return next(line.split()[-1] for line in lines if line.startswith(name))


def report(lines: list[str]) -> list[str]:
    start = lines.index("Test VPP One, 2025-09, revision 1, in Australian dollars")
    return lines[start + 1 : start + 7]


def servers_in(data_dir: Path) -> list[str]:
    """The processes whose folder is, or is below, a data folder."""
    running = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(data_dir):
                running.append(process.name())
        except (psutil.Error, OSError):
            continue
    return running


async def test_a_second_start_shows_the_same_report_and_doubles_nothing(tmp_path: Path) -> None:
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        async with serving(tmp_path) as (process, lines):
            async with httpx.AsyncClient() as client:
                answer = await client.post(
                    said(lines, "Endpoint"),
                    json={
                        "query": """{
                            listImports { items { status rowsImported } }
                            listRevenueReports(filter: {latestOnly: false}) { items { revision } }
                        }"""
                    },
                    headers={"x-api-key": said(lines, "API key")},
                )
            process.send_signal(signal_)

        assert process.returncode == 0
        assert report(lines) == REPORT
        assert answer.json()["data"] == {
            "listImports": {"items": [{"status": "COMPLETED", "rowsImported": 8}]},
            "listRevenueReports": {"items": [{"revision": 1}]},
        }
        assert servers_in(tmp_path) == []


async def test_a_start_after_kill_9_recovers_by_itself(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, before):
        process.kill()

    async with serving(tmp_path) as (process, after):
        process.terminate()

    assert process.returncode == 0
    assert report(after) == report(before) == REPORT
    assert servers_in(tmp_path) == []


async def test_two_instances_with_folders_of_their_own_stand_side_by_side(tmp_path: Path) -> None:
    async with serving(tmp_path / "a") as (one, lines_of_one), serving(tmp_path / "b") as (other, lines_of_other):
        one.terminate()
        other.terminate()

    assert report(lines_of_one) == report(lines_of_other) == REPORT
    assert said(lines_of_one, "Endpoint") != said(lines_of_other, "Endpoint")


async def test_a_second_instance_on_one_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, _):
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph", "serve"),
            env=os.environ | {"VPP_DATA_DIR": str(tmp_path)},
            stdout=PIPE,
            stderr=PIPE,
        )
        _, told = await second.communicate()
        process.terminate()

    assert second.returncode == 1
    assert str(tmp_path) in told.decode()
    assert "Traceback" not in told.decode()
