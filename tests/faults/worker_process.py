"""A worker as a process of its own, to be killed, stopped and listened to."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from graph.object_store import ObjectStoreAddress

WAIT_S = 30
# Fast enough for tests, and an import of a few hundred kilobytes has many checkpoints.
LEASE_S = 1
CHUNK_BYTES = 16_384
PACE = {"LEASE_S": LEASE_S, "PAUSE_S": 0.02, "S3_READ_TIMEOUT_S": 0.5, "CHUNK_BYTES": CHUNK_BYTES}


class WorkerProcess:
    """A running worker and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said: list[str] = []
        self._heard = asyncio.Condition()
        self._hearing = asyncio.create_task(self._hear())

    async def says(self, event: str) -> None:
        """Wait until the worker has logged this."""
        async with asyncio.timeout(WAIT_S), self._heard:
            await self._heard.wait_for(lambda: event in self._said)

    async def kill(self) -> None:
        """Kill it as `kill -9` does."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask it to stop, and return its exit status when it has."""
        return await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it in its tracks, knowing nothing of it."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was stopped."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    @property
    def peak_mib(self) -> float:
        """The most memory it has held."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    async def _end(self, how: signal.Signals) -> int:
        self._process.send_signal(how)
        async with asyncio.timeout(WAIT_S):
            status = await self._process.wait()
            await self._hearing
        return status

    async def _hear(self) -> None:
        assert self._process.stderr
        async for line in self._process.stderr:
            async with self._heard:
                self._said.append(json.loads(line)["event"])
                self._heard.notify_all()


class Workers:
    """Starts workers on one database."""

    def __init__(self, database_url: str, object_store: ObjectStoreAddress) -> None:
        self._database_url = database_url
        self._object_store = object_store
        self._started: list[WorkerProcess] = []

    async def start(self, *, s3_port: int | None = None, **pace: float) -> WorkerProcess:
        """Start a worker that reaches S3 through this port, at the tests' pace or another: `lease_s=60`."""
        store = self._object_store
        hurried: Mapping[str, float] = PACE | {name.upper(): value for name, value in pace.items()}
        given = {
            "VPP_DATABASE_URL": self._database_url,
            "VPP_S3_BUCKET": store.bucket,
            "VPP_S3_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}" if s3_port else store.endpoint_url or "",
            "AWS_ACCESS_KEY_ID": store.access_key_id or "",
            "AWS_SECRET_ACCESS_KEY": store.secret_access_key or "",
            "AWS_REGION": store.region or "",
            **{f"VPP_WORKER_{name}": str(value) for name, value in hurried.items()},
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph", "work"), env=os.environ | given, stderr=asyncio.subprocess.PIPE
        )
        worker = WorkerProcess(process)
        self._started.append(worker)
        return worker

    async def kill_all(self) -> None:
        for worker in self._started:
            if worker.is_running:
                await worker.kill()


@asynccontextmanager
async def workers_on(database_url: str, object_store: ObjectStoreAddress) -> AsyncIterator[Workers]:
    """Give a starter of workers, none of which outlives the block."""
    workers = Workers(database_url, object_store)
    try:
        yield workers
    finally:
        await workers.kill_all()
