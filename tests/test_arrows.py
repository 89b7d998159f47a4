"""Which way the arrows point: who may import whom, and what stands at the top of the repository."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = {
    *("README.md", "Makefile", "pyproject.toml", "requirements.txt", "Dockerfile", "CHANGELOG.md", "LICENSE"),
    *("schema.graphql", "graph", "db", "console", "examples", "tests", "bench", "docs", "hatch_build.py"),
    *(".ci", ".gitignore", ".dockerignore"),
}


def imported(path: Path) -> Iterator[str]:
    """List the modules a file imports, at its top or anywhere below."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # What is imported from a package may be a module of it.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            assert node.level == 0, f"{path} imports by a relative name"


def arrows(folder: str) -> dict[str, set[str]]:
    """Return what each file below a folder imports."""
    return {str(path.relative_to(ROOT)): set(imported(path)) for path in sorted((ROOT / folder).rglob("*.py"))}


def within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def crossing(folder: str, *, packages: Iterable[str], but: Iterable[str] = ()) -> set[tuple[str, str]]:
    """Return the imports below a folder of any of some packages, but for those that are allowed."""
    return {
        (file, module)
        for file, modules in arrows(folder).items()
        for module in modules
        if within(module, packages) and not within(module, but)
    }


def test_what_remembers_knows_nothing_of_what_speaks() -> None:
    assert crossing("db", packages=["graph"]) == set()


def test_settlement_is_made_of_the_standard_library_and_itself() -> None:
    others = {
        (file, module)
        for file, modules in arrows("graph/settlement").items()
        for module in modules
        if module.split(".")[0] not in sys.stdlib_module_names and not within(module, ["graph.settlement"])
    }

    assert others == set()


def test_a_script_goes_through_the_api_like_anyone() -> None:
    allowed = ["graph.script", "graph.nmi", "graph.settlement.month"]

    assert crossing("graph/script", packages=["db", "graph"], but=allowed) == set()


def test_one_file_knows_of_s3() -> None:
    # What signs requests to S3 also tells whether those to us are signed.
    signing = ["botocore.auth", "botocore.awsrequest", "botocore.credentials"]
    s3 = ["aioboto3", "aiobotocore", "botocore", "boto3"]
    know = {file for file, _ in crossing("graph", packages=s3, but=signing)}

    assert know == {"graph/object_store.py"}
    assert crossing("db", packages=["aioboto3", "aiobotocore", "botocore", "boto3"]) == set()


def test_resolvers_know_nothing_of_what_serves_them() -> None:
    above = ["graph.schema", "graph.app", "graph.endpoint", "graph.serving", "graph.cli", "graph.worker"]

    assert crossing("graph/resolvers", packages=above) == set()


def test_what_one_machine_needs_is_imported_only_where_it_is_started() -> None:
    start = {
        file for file, _ in crossing("graph", packages=["graph.embedded"]) if not file.startswith("graph/embedded/")
    }

    assert start == {"graph/backing.py"}


def test_nothing_stands_at_the_top_that_the_design_does_not_name() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout of git's")

    assert {name.split("/")[0] for name in listed.stdout.split("\0") if name} <= TOP
