"""
The wheel and the image's build context.

No Docker daemon runs here: the test copies the files that the Dockerfile's first stage would receive, without
those that .dockerignore excludes, and builds the wheel from these files only.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def test_the_wheel_runs_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    where = subprocess.run(
        [sys.executable, "-c", "import graph; print(graph.__path__[0])"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    version = subprocess.run(
        [sys.executable, "-m", "graph", "--version"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert where.stdout.strip() == str(tmp_path / "graph")
    assert re.fullmatch(r"vpp \d+\.\d+\.\d+\n", version.stdout)
