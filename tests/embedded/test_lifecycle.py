"""The servers outlive no orderly end of their owner, and their data outlives every end."""

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
from graph.embedded.servers import DataFolderInUse, EmbeddedServers, embedded_servers
from graph.object_store import ObjectStoreAddress, open_object_store

OWNER = Path(__file__).parents[1] / "fixtures" / "embedded_owner.py"


class Owners:
    """Processes that hold embedded servers, ended with the test whatever becomes of it."""

    def __init__(self) -> None:
        self._started: list[tuple[Process, Path]] = []

    async def start(self, data_dir: Path, *, within: Path) -> tuple[Process, EmbeddedServers]:
        owner = await asyncio.create_subprocess_exec(sys.executable, OWNER, data_dir, stdout=PIPE, cwd=within)
        self._started.append((owner, within / data_dir))
        assert owner.stdout
        told = json.loads(await owner.stdout.readline())
        return owner, EmbeddedServers(told["database_url"], ObjectStoreAddress(**told["object_store"]))

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


async def end(owner: Process, sent: signal.Signals) -> int:
    owner.send_signal(sent)
    await owner.communicate()
    assert owner.returncode is not None
    return owner.returncode


def server_processes(data_dir: Path) -> Sequence[psutil.Process]:
    mark = data_dir_tag(data_dir)
    return [process for process in psutil.process_iter(["cmdline"]) if mark in " ".join(process.info["cmdline"] or [])]


async def keep(servers: EmbeddedServers, text: str) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("create table if not exists kept (text text)")
    await connection.execute("insert into kept values ($1)", text)
    await connection.close()
    async with open_object_store(servers.object_store) as store:
        await store.write(f"kept/{text}", text.encode(), content_type="text/plain")


async def is_kept(servers: EmbeddedServers, text: str) -> bool:
    connection = await asyncpg.connect(servers.database_url)
    row = await connection.fetchrow("select text from kept where text = $1", text)
    await connection.close()
    async with open_object_store(servers.object_store) as store:
        found = await store.find(f"kept/{text}")
        stored = await store.read(f"kept/{text}", etag=found.etag) if found else None
    return row is not None and stored == text.encode()


async def test_data_outlives_an_owner_killed_alone_and_its_servers_are_stopped_first(
    owners: Owners, tmp_path: Path
) -> None:
    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)
    await keep(servers, "first")
    await end(owner, signal.SIGKILL)
    left_over = server_processes(tmp_path / "data")
    assert {"postgres", "weed"} <= {Path(process.cmdline()[0].split(":")[0]).name for process in left_over}

    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)

    assert set(server_processes(tmp_path / "data")).isdisjoint(left_over)
    assert await is_kept(servers, "first")
    assert await end(owner, signal.SIGTERM) == 0
    assert server_processes(tmp_path / "data") == []


async def test_data_outlives_the_killing_of_everything(owners: Owners, tmp_path: Path) -> None:
    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)
    await keep(servers, "first")
    for process in (psutil.Process(owner.pid), *server_processes(tmp_path / "data")):
        process.kill()
    await owner.communicate()

    owner, servers = await owners.start(tmp_path / "data", within=tmp_path)

    assert await is_kept(servers, "first")
    assert await end(owner, signal.SIGINT) == 0
    assert server_processes(tmp_path / "data") == []
    assert "database system is shut down" in (tmp_path / "data/logs/postgres.log").read_text()


async def test_a_deep_folder_named_in_any_script_is_served_beside_another(
    servers: EmbeddedServers, owners: Owners, tmp_path: Path
) -> None:
    deep = Path("Zähler & Söhne", "d" * 60, "e" * 60, "電池")
    (tmp_path / deep.parent).mkdir(parents=True)

    owner, others = await owners.start(deep, within=tmp_path)
    with pytest.raises(DataFolderInUse, match="電池"):
        async with embedded_servers(tmp_path / deep):
            pass
    await keep(others, "ours")
    await keep(servers, "theirs")

    assert await is_kept(others, "ours")
    assert not await is_kept(others, "theirs")
    for secret in ("postgres/password", "seaweedfs/s3.json"):
        assert (tmp_path / deep / secret).stat().st_mode & 0o777 == 0o600
    assert await end(owner, signal.SIGINT) == 0
    async with embedded_servers(tmp_path / deep) as again:
        assert await is_kept(again, "ours")
