"""The imports that are allowed between modules, and the files that are allowed at the top of the repository."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From top to bottom: a module imports modules of its own layer and of the layers below it, never of one above.
LAYERS = (
    "graph.__main__",
    "graph.commands",
    "graph.web",
    "graph.protocols",
    "graph.plans",
    "graph.schema",
    "graph.resolvers",
    "graph.worker",
    "graph.verification",
    "graph.imports",
    "graph.settlement_run",
    "graph.report_files",
    "graph.operations",
    "graph.auth",
    "graph.embedded",
    "graph.object_store",
    "graph.settings",
    "graph.logs",
    "graph.health",
    "graph.settlement",
    "db",
    "db.engine",
)
TOP = {
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"),
    *("Makefile", "pyproject.toml", "requirements.txt", "hatch_build.py", "Dockerfile", "schema.graphql"),
    *("graph", "db", "console", "tests", "bench", "examples", "docs", "deploy"),
    *(".ci", ".github", ".editorconfig", ".gitignore", ".dockerignore"),
}


def imported(path: Path) -> Iterator[str]:
    """List the modules that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from package import name` may import a module of the package.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            assert node.level == 0, f"{path} has a relative import"


def imports_of(folder: str) -> dict[str, set[str]]:
    """Return the modules that each file below a folder imports."""
    return {str(path.relative_to(ROOT)): set(imported(path)) for path in sorted((ROOT / folder).rglob("*.py"))}


def within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def crossing(folder: str, *, packages: Iterable[str], except_for: Iterable[str] = ()) -> set[tuple[str, str]]:
    """Return the imports below a folder of the given packages, except for those that are allowed."""
    return {
        (file, module)
        for file, modules in imports_of(folder).items()
        for module in modules
        if within(module, packages) and not within(module, except_for)
    }


def layer_of(module: str) -> int:
    """Return the position in LAYERS of the most specific layer that a module belongs to."""
    layers = [layer for layer in LAYERS if within(module, [layer])]
    assert layers, f"{module} belongs to no layer: add it to LAYERS"
    return LAYERS.index(max(layers, key=len))


def test_no_module_imports_one_of_a_layer_above_it() -> None:
    upward = {
        f"{file} imports {module}"
        for folder in ("graph", "db")
        for file, modules in imports_of(folder).items()
        if file != "graph/__init__.py"
        for module in modules
        if within(module, ["graph", "db"])
        and layer_of(module) < layer_of(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    }

    assert upward == set()


def test_settlement_imports_only_the_standard_library_and_itself() -> None:
    others = {
        (file, module)
        for file, modules in imports_of("graph/settlement").items()
        for module in modules
        if module.split(".")[0] not in sys.stdlib_module_names and not within(module, ["graph.settlement"])
    }

    assert others == set()


def test_vpp_script_uses_the_api_and_never_the_database() -> None:
    allowed = ["graph.commands.script", "graph.settlement.nmi", "graph.settlement.month"]

    assert crossing("graph/commands/script", packages=["db", "graph"], except_for=allowed) == set()


def test_only_object_store_imports_an_s3_client() -> None:
    # botocore's signer also verifies AWS signatures of requests to the API.
    signing = ["botocore.auth", "botocore.awsrequest", "botocore.credentials"]
    s3 = ["aioboto3", "aiobotocore", "botocore", "boto3"]
    importers = {file for file, _ in crossing("graph", packages=s3, except_for=signing)}

    assert importers == {"graph/object_store.py"}
    assert crossing("db", packages=s3) == set()


def test_only_infrastructure_imports_the_embedded_servers() -> None:
    # An image is installed without the extra `embedded`, so importing them anywhere else would fail there.
    allowed = ["graph.embedded.infrastructure"]
    importers = {file for file, _ in crossing("graph", packages=["graph.embedded"], except_for=allowed)}

    assert {file for file in importers if not file.startswith("graph/embedded/")} == set()


def test_the_top_of_the_repository_holds_only_known_names() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")

    assert {name.split("/")[0] for name in listed.stdout.split("\0") if name} <= TOP
