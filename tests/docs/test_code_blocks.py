"""
The code blocks of README.md and docs/quickstart.md, run as a reader runs them.

The blocks of one language on one page are one program: they run in order, in one folder, on a server that `make run`
starts. A block of output (json, text, csv) shows what the block before it prints. In it, `…` stands for any text, and a
line of `…` alone for any lines.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import psutil
import pytest

from tests.docs.conftest import RunningServer
from tests.fixtures.client_apps import CLIENTS, NODE
from tests.fixtures.markdown import ROOT, Block, fenced_blocks

PAGES = ("README.md", "docs/quickstart.md")
BLOCKS = [block for page in PAGES for block in fenced_blocks(page)]
CODE, OUTPUT = ("bash", "graphql", "python", "js"), ("json", "text", "csv")
TIMEOUT_S = 120
# The address and the key in the pages, which the test replaces by those of its server.
SHOWN_URL, SHOWN_KEY = "http://127.0.0.1:8000", "da2-…"

# Blocks that are not run, with the reason. The tests below check the targets and packages in them.
INSTALLS_PACKAGES = {
    "pip install httpx\n": "it would install from a package index",
    "npm install graphql graphql-ws\n": "it would install from a package index",
}


def is_make(block: Block) -> bool:
    """Return whether a block only runs targets of the Makefile; the fixture `server` runs the command of `make run`."""
    return block.language == "bash" and all(line.startswith("make ") for line in block.text.splitlines())


def is_stream(block: Block) -> bool:
    """Return whether a block follows a stream of events, which a reader ends with Ctrl-C."""
    return block.language == "bash" and " -N " in block.text


TO_RUN = [
    block for block in BLOCKS if block.language in CODE and not is_make(block) and block.text not in INSTALLS_PACKAGES
]
EXPECTED = {
    code: output
    for page in PAGES
    for code, output in pairwise(block for block in BLOCKS if block.page == page)
    if output.language in OUTPUT
}


@dataclass(frozen=True)
class Run:
    """The output of a block, and whether it ran to its end; after a block that failed, no other block is run."""

    output: str
    is_complete: bool = True


@dataclass(frozen=True)
class Language:
    """The program made of the blocks of a language. `separator` prints a line that starts with MARKER."""

    file: str
    command: Sequence[str]
    separator: str


MARKER = "--- end of block"
LANGUAGES = {
    # The first command that fails ends the program.
    "bash": Language("quickstart.sh", ["bash", "-e", "-o", "pipefail"], f"printf '\\n{MARKER}\\n'"),
    "python": Language("quickstart.py", [sys.executable], f"print('\\n{MARKER}', flush=True)"),
    "js": Language("quickstart.mjs", [str(NODE)], f"console.log('\\n{MARKER}');"),
}


@pytest.fixture(scope="session")
def runs(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> dict[Block, Run]:
    """Run all blocks of all pages."""
    assert shutil.which("curl"), "The blocks in bash need curl: install it, on Debian by `apt-get install curl`."
    runs: dict[Block, Run] = {}
    for page in PAGES:
        folder = tmp_path_factory.mktemp("blocks")
        (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
        blocks = [block for block in TO_RUN if block.page == page]
        for language in dict.fromkeys(block.language for block in blocks):
            of_language = [block for block in blocks if block.language == language]
            if language == "graphql":
                runs |= {block: run_graphql(block, server) for block in of_language}
            else:
                runs |= zip(of_language, run_program(LANGUAGES[language], of_language, server, folder), strict=True)
    return runs


def run_graphql(block: Block, server: RunningServer) -> Run:
    """Send an operation that GraphiQL would send."""
    headers = {"x-api-key": server.api_key}
    return Run(httpx.post(f"{server.url}/graphql", json={"query": block.text}, headers=headers, timeout=TIMEOUT_S).text)


def run_program(language: Language, blocks: Sequence[Block], server: RunningServer, folder: Path) -> Iterator[Run]:
    """Run blocks as one program, and yield the run of each."""
    # The command of a stream fails, because a signal ends it.
    texts = [f"{block.text.rstrip()} || true\n" if is_stream(block) else block.text for block in blocks]
    program = (
        "".join(f"{text}{language.separator}\n" for text in texts)
        .replace(SHOWN_URL, server.url)
        .replace(SHOWN_KEY, server.api_key)
    )
    (folder / language.file).write_text(program, encoding="utf-8")
    process = subprocess.Popen(
        [*language.command, language.file],
        cwd=folder,
        env=os.environ | {"VPP_URL": server.url, "VPP_API_KEY": server.api_key},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    timeout = Timer(TIMEOUT_S, kill, [process])
    timeout.start()
    with process:
        for block in blocks:
            yield read_run(block, process)
    timeout.cancel()


def read_run(block: Block, process: subprocess.Popen[str]) -> Run:
    """Read what a program prints for a block, up to the marker or its early end."""
    assert process.stdout
    output, has_pressed_ctrl_c = "", False
    for line in process.stdout:
        if line.startswith(MARKER):
            # A newline precedes the marker.
            return Run(output.removesuffix("\n"))
        output += line
        if is_stream(block) and not has_pressed_ctrl_c and shows(EXPECTED[block], output):
            press_ctrl_c(process)
            has_pressed_ctrl_c = True
    return Run(output, is_complete=False)


def press_ctrl_c(shell: subprocess.Popen[str]) -> None:
    """End the commands that a shell is running, by SIGTERM: a process may have inherited that it ignores SIGINT."""
    for command in psutil.Process(shell.pid).children(recursive=True):
        command.send_signal(signal.SIGTERM)


def kill(program: subprocess.Popen[str]) -> None:
    """Kill a program and the commands that it is running, which would otherwise keep its output open."""
    for command in psutil.Process(program.pid).children(recursive=True):
        command.kill()
    program.kill()


def shows(expected: Block, output: str) -> bool:
    """Return whether a block of output shows an output; `extensions` may be left out."""
    if expected.language == "json":
        shown, actual = json.loads(expected.text), json.loads(output)
        if "extensions" not in shown:
            del actual["extensions"]
        return equals(shown, actual)
    lines = [".*" if line == "…" else as_pattern(line) for line in normalised(expected.text)]
    return bool(re.fullmatch("\n".join(lines), "\n".join(normalised(output)), re.DOTALL))


def equals(shown: Any, actual: Any) -> bool:
    if isinstance(shown, dict) and isinstance(actual, dict):
        return list(shown) == list(actual) and all(equals(shown[name], actual[name]) for name in shown)
    if isinstance(shown, list) and isinstance(actual, list):
        return len(shown) == len(actual) and all(map(equals, shown, actual))
    if isinstance(shown, str) and isinstance(actual, str):
        return bool(re.fullmatch(as_pattern(shown), actual))
    return type(shown) is type(actual) and bool(shown == actual)


def as_pattern(text: str) -> str:
    return "[^\n]*".join(map(re.escape, text.split("…")))


def normalised(text: str) -> list[str]:
    """Return the lines that are not empty, with one space in place of several."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("block", TO_RUN, ids=str)
def test_block_runs_and_prints_what_the_page_shows(block: Block, runs: dict[Block, Run]) -> None:
    run = runs[block]

    assert run.is_complete, f"{block} failed, or a block before it:\n{run.output}"
    if block in EXPECTED:
        assert shows(EXPECTED[block], run.output), f"{EXPECTED[block]} shows another output than\n{run.output}"
    else:
        assert run.output == ""


def test_every_block_is_run_or_is_the_output_of_one() -> None:
    outputs = set(EXPECTED.values())
    others = [block for block in BLOCKS if block not in TO_RUN and block not in outputs]

    assert {block.language for block in BLOCKS} <= {*CODE, *OUTPUT}
    assert [block for block in others if not is_make(block) and block.text not in INSTALLS_PACKAGES] == []
    assert {block.text for block in others if not is_make(block)} == set(INSTALLS_PACKAGES)
    # The output of a block that is not run would not be compared; `make run` is, in the test below.
    assert [code for code in EXPECTED if code not in TO_RUN and not is_make(code)] == []


def test_make_targets_of_the_pages_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    targets = {line.split()[1] for block in BLOCKS if is_make(block) for line in block.text.splitlines()}

    assert phony
    assert {"run"} <= targets <= set(phony[1].split())


@pytest.mark.parametrize("block", [block for block in EXPECTED if is_make(block)], ids=str)
def test_make_run_prints_what_the_page_shows(block: Block, server: RunningServer) -> None:
    output = server.output.replace(server.url, SHOWN_URL)

    assert shows(EXPECTED[block], output), f"{EXPECTED[block]} shows another output than\n{output}"


def test_packages_of_the_pages_are_those_that_the_tests_use() -> None:
    pip, npm = (set(text.split()[2:]) for text in INSTALLS_PACKAGES)

    assert pip <= set(re.findall(r'"([a-z]+)>=', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    assert npm <= set(json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))["dependencies"])
