"""
The wheel, its installation, and the image's build context.

No Docker daemon runs here: the test copies the files that the Dockerfile's first stage would receive, without
those that .dockerignore excludes, and builds the wheel from these files only.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest

from tests.fixtures.api import WAIT_S

ROOT = Path(__file__).parents[2]
START_S = 120
NOT_COPIED = {".venv", ".vpp", ".git", "node_modules", "__pycache__"}


def docker_pattern(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of .dockerignore: ** matches any number of folders, * matches within one name."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    translated = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(translated.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")


def is_admitted(path: str) -> bool:
    """Return whether a file is in the build context: the last line of .dockerignore that matches it decides."""
    admitted = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#") and docker_pattern(line.removeprefix("!")).fullmatch(path):
            admitted = line.startswith("!")
    return admitted


def copied() -> list[str]:
    """Return the files and folders that the Dockerfile's first stage copies, in its order."""
    _, first_stage, _ = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", first_stage, flags=re.MULTILINE)
    return [source for line in lines for source in line.split()]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /src of the image's first stage, with the console's packages in place of a download."""
    folder = tmp_path_factory.mktemp("context")
    for source in copied():
        for file in [ROOT / source] if (ROOT / source).is_file() else sorted((ROOT / source).rglob("*")):
            path = file.relative_to(ROOT).as_posix()
            if file.is_file() and not NOT_COPIED & set(file.parts) and is_admitted(path):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, folder / path)
    # A copy, not a link to the folder: `npm ci`, should it run, deletes its content.
    shutil.copytree(
        ROOT / "console" / "node_modules", folder / "console" / "node_modules", symlinks=True, copy_function=_hard_link
    )
    return folder


def _hard_link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system.
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def wheel(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the image's context, with the console."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--no-build-isolation"]
    subprocess.run([*command, "--python", sys.executable, "--out-dir", str(folder), str(context)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment outside the checkout, in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("installation")
    uv, python = (sys.executable, "-m", "uv"), folder / "bin" / "python"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = (*uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--compile-bytecode")
    subprocess.run([*install, "--python", python, wheel], check=True)
    # The dependencies are those of the tests' environment. Python does not read the .pth files of a folder that a .pth
    # file names, so the checkout, which is installed there by such a file, cannot be imported.
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python.parent


def test_the_context_holds_every_file_that_the_dockerfile_copies() -> None:
    assert "schema.graphql" in copied()
    assert {source for source in copied() if not is_admitted(source)} == set()


def test_the_context_leaves_out_what_is_built_or_installed() -> None:
    left_out = ("graph/static/index.html", "console/node_modules/react/index.js", ".venv/bin/python", ".vpp/api_key")

    assert [path for path in left_out if is_admitted(path)] == []


def test_the_wheel_holds_the_console_the_example_and_type_information(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    expected = {"graph/static/index.html", "graph/examples/first_month.txt", "graph/py.typed", "db/py.typed"}
    assert expected - names == set()
    assert {name for name in names if name.startswith(("tests/", "console/", "graph/static-"))} == set()


def test_the_installed_wheel_runs_without_a_checkout(installation: Path, tmp_path: Path) -> None:
    def output(command: str, *arguments: str) -> str:
        return subprocess.check_output([installation / command, *arguments], cwd=tmp_path, text=True)

    folders = output("python", "-c", "import db, graph; print(*db.__path__, *graph.__path__)").split()

    assert [Path(folder).is_relative_to(installation.parent) for folder in folders] == [True, True]
    assert re.fullmatch(r"vpp \d+\.\d+\.\d+\n", output("vpp", "--version"))


@pytest.mark.servers
async def test_the_installed_wheel_serves_the_console_and_settles_the_example(
    installation: Path, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(installation / "vpp", "serve", "--example"),
        cwd=tmp_path,
        # The embedded servers' programs are among the dependencies.
        env=os.environ | {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"},
        stdout=PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(START_S):
            while not lines or not lines[-1].startswith("Press Ctrl-C"):
                line = await process.stdout.readline()
                assert line, lines
                lines.append(" ".join(line.decode().split()))
        (address,) = (line.removeprefix("Console ") for line in lines if line.startswith("Console "))
        async with httpx.AsyncClient(base_url=address, timeout=WAIT_S) as client:
            page = await client.get("/")
            files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
            statuses = {file: (await client.get(file)).status_code for file in files}
    finally:
        process.terminate()
        await process.wait()

    assert process.returncode == 0
    assert (page.status_code, set(statuses.values())) == (200, {200})
    assert {Path(file).suffix for file in files} == {".css", ".js", ".svg"}
    report = lines.index("Test VPP One, 2025-09, revision 1, in Australian dollars")
    assert lines[report + 1 : report + 7] == [
        "Total revenue 1.75",
        "Ad valorem fee, to the VPP 0.35",
        "Daily fees, to the VPP 1.40",
        "Cost-only, borne by the VPP 0.00",
        "VPP total 1.75",
        "Site total, after fees 0.00",
    ]
