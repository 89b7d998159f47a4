"""Embedded servers stop when their owner exits; their data survives also when it is killed."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import psutil
import pytest
import pytest_asyncio

from graph.embedded.orphans import data_dir_tag
from graph.embedded.servers import DataDirLocked, EmbeddedServers, embedded_servers
from graph.object_store import ObjectStoreAddress, open_object_store

OWNER = Path(__file__).parents[1] / "fixtures" / "embedded_owner.py"


class Owners:
    """Processes that run embedded servers. They are killed at the end of the test."""

    def __init__(self) -> None:
        self._started: list[tuple[Process, Path]] = []

    async def start(self, data_dir: Path, *, within: Path) -> tuple[Process, EmbeddedServers]:
        owner = await asyncio.create_subprocess_exec(sys.executable, OWNER, data_dir, stdout=PIPE, cwd=within)
        self._started.append((owner, within / data_dir))
        assert owner.stdout
        servers = json.loads(await owner.stdout.readline())
        return owner, EmbeddedServers(servers["database_url"], ObjectStoreAddress(**servers["object_store"]))

    async def end(self) -> None:
        for owner, data_dir in self._started:
            if owner.returncode is None:
                await end(owner, signal.SIGKILL)
            for process in server_processes(data_dir):
                process.kill()


@pytest_asyncio.fixture
async def owners() -> AsyncIterator[Owners]:
    owners = Owners()
    yield owners
    await owners.end()


async def end(owner: Process, signal_number: signal.Signals) -> int:
    owner.send_signal(signal_number)
    await owner.communicate()
    assert owner.returncode is not None
    return owner.returncode


def server_processes(data_dir: Path) -> Sequence[psutil.Process]:
    tag = data_dir_tag(data_dir)
    return [process for process in psutil.process_iter(["cmdline"]) if tag in " ".join(process.info["cmdline"] or [])]


async def store_text(servers: EmbeddedServers, text: str) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("create table if not exists kept (text text)")
    await connection.execute("insert into kept values ($1)", text)
    await connection.close()
    async with open_object_store(servers.object_store) as store:
        await store.write(f"kept/{text}", text.encode(), content_type="text/plain")


async def is_stored(servers: EmbeddedServers, text: str) -> bool:
    connection = await asyncpg.connect(servers.database_url)
    row = await connection.fetchrow("select text from kept where text = $1", text)
    await connection.close()
    async with open_object_store(servers.object_store) as store:
        found = await store.find(f"kept/{text}")
        stored = await store.read(f"kept/{text}", etag=found.etag) if found else None
    return row is not None and stored == text.encode()


async def test_next_start_stops_the_servers_of_a_killed_owner_and_keeps_the_data(
    owners: Owners, tmp_path: Path
) -> None:
    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)
    await store_text(servers, "first")
    await end(owner, signal.SIGKILL)
    orphans = server_processes(tmp_path / "data")
    assert {"postgres", "weed"} <= {Path(process.cmdline()[0].split(":")[0]).name for process in orphans}

    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)

    assert set(server_processes(tmp_path / "data")).isdisjoint(orphans)
    assert await is_stored(servers, "first")
    assert await end(owner, signal.SIGTERM) == 0
    assert server_processes(tmp_path / "data") == []


async def test_data_survives_when_owner_and_servers_are_killed(owners: Owners, tmp_path: Path) -> None:
    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)
    await store_text(servers, "first")
    for process in (psutil.Process(owner.pid), *server_processes(tmp_path / "data")):
        process.kill()
    await owner.communicate()

    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)

    assert await is_stored(servers, "first")
    assert await end(owner, signal.SIGINT) == 0
    assert server_processes(tmp_path / "data") == []
    assert "database system is shut down" in (tmp_path / "data/logs/postgres.log").read_text()


async def test_deep_folder_with_a_unicode_name_is_served_beside_another_and_locked(
    servers: EmbeddedServers, owners: Owners, tmp_path: Path
) -> None:
    deep = Path("Zähler & Söhne", "d" * 60, "e" * 60, "電池")
    (tmp_path / deep.parent).mkdir(parents=True)

    owner, others = await owners.start(deep, within=tmp_path)
    with pytest.raises(DataDirLocked, match="電池"):
        async with embedded_servers(tmp_path / deep):
            pass
    await store_text(others, "ours")
    await store_text(servers, "theirs")

    assert await is_stored(others, "ours")
    assert not await is_stored(others, "theirs")
    for secret in ("postgres/password", "seaweedfs/s3.json"):
        assert (tmp_path / deep / secret).stat().st_mode & 0o777 == 0o600
    assert await end(owner, signal.SIGINT) == 0
    async with embedded_servers(tmp_path / deep) as again:
        assert await is_stored(again, "ours")
