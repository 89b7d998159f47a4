"""Embedded Postgres and SeaweedFS: child processes of this process, with their data in one folder."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from graph.embedded.orphans import data_dir_tag, stop_orphans
from graph.embedded.postgres import running_postgres
from graph.embedded.process import servers_account
from graph.embedded.seaweedfs import running_seaweedfs
from graph.object_store import ObjectStoreAddress


class DataDirLocked(Exception):
    """Another process has locked the data folder."""


@dataclass(frozen=True)
class EmbeddedServers:
    database_url: str = field(repr=False)
    object_store: ObjectStoreAddress


@asynccontextmanager
async def embedded_servers(data_dir: Path) -> AsyncIterator[EmbeddedServers]:
    """
    Run Postgres and SeaweedFS on 127.0.0.1 until the block ends, with their data in `data_dir`.

    Raises DataDirLocked, and ServerFailed with the end of the server's log.
    """
    with _locked(data_dir) as folder:
        account = servers_account(folder)
        await stop_orphans(data_dir_tag(folder))
        async with AsyncExitStack() as running:
            try:
                async with asyncio.TaskGroup() as starting:
                    postgres = starting.create_task(running.enter_async_context(running_postgres(folder, account)))
                    seaweedfs = starting.create_task(running.enter_async_context(running_seaweedfs(folder, account)))
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None
            yield EmbeddedServers(database_url=postgres.result(), object_store=seaweedfs.result())


@contextmanager
def _locked(data_dir: Path) -> Iterator[Path]:
    """Create and lock the data folder, and yield its absolute path. The kernel unlocks it when this process ends."""
    data_dir = data_dir.absolute()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = (
                f"Another process uses the data folder {data_dir}: stop it, or set VPP_DATA_DIR to another folder."
            )
            raise DataDirLocked(message) from None
        yield data_dir
