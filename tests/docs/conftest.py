"""A server as `make run` starts it, on which the code blocks of the documentation run."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Timer

import pytest

from tests.fixtures.markdown import ROOT

START_TIMEOUT_S = 120


@dataclass(frozen=True)
class RunningServer:
    """The server's URL and API key, and what it printed until it was ready."""

    url: str
    api_key: str
    output: str


def command_of_target(target: str) -> list[str]:
    """Return the `vpp` command of a target of the Makefile, with this Python in place of the one in .venv."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(rf"^{target}:.*\n\t\$\(BIN\)/vpp (.+)$", makefile, re.MULTILINE)
    assert recipe, f"The target {target} does not run vpp."
    return [sys.executable, "-m", "graph", *shlex.split(recipe[1])]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Run the command of `make run`, with a data folder of its own."""
    process = subprocess.Popen(
        command_of_target("run"),
        cwd=ROOT,
        # Wide enough for the table of the report.
        env=os.environ | {"VPP_DATA_DIR": str(tmp_path_factory.mktemp("make_run")), "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    # SIGTERM, so that the server stops Postgres and S3.
    timeout = Timer(START_TIMEOUT_S, process.terminate)
    timeout.start()
    with process:
        try:
            output = "".join(lines_until_ready(process))
            printed = dict(re.findall(r"^(Console|API key)\s+(\S+)$", output, re.MULTILINE))
            timeout.cancel()
            yield RunningServer(printed["Console"].rstrip("/"), printed["API key"], output)
        finally:
            process.terminate()


def lines_until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield the lines that a server prints, up to the last one before it waits for Ctrl-C."""
    assert process.stdout
    for line in process.stdout:
        yield line
        if "Ctrl-C" in line:
            return
    raise AssertionError("The server ended before it was ready.")
