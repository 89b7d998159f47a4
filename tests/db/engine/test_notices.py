import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

import db.engine.notices
from db.engine.database import Database
from db.engine.notices import Notices
from tests.fixtures.api import WAIT_S, Api


async def test_a_change_wakes_only_the_subscribers_of_its_row(api: Api) -> None:
    one, other = await api.upload("x"), await api.upload("y")

    async with api.notices.subscribe("imports", one) as changed, api.notices.subscribe("imports", other) as unchanged:
        await api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=one)
        await asyncio.wait_for(changed.wait(), WAIT_S)

        assert not unchanged.is_set()


async def test_a_lost_connection_is_restored_and_wakes_all_subscribers(database: Database, database_url: str) -> None:
    notices = Notices(database_url)
    async with notices.listening(), notices.subscribe("imports", "some import") as changed:
        await asyncio.wait_for(changed.wait(), WAIT_S)
        changed.clear()

        async with database.transaction() as session:
            await session.execute(
                text("""
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and query like 'LISTEN%' and pid <> pg_backend_pid()
                """)
            )

        await asyncio.wait_for(changed.wait(), WAIT_S)


class SilentProxy:
    """A TCP proxy before the database that can stop forwarding without closing its connections."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._is_forwarding = asyncio.Event()
        self._is_forwarding.set()
        self._tasks: list[asyncio.Task[None]] = []

    def stop_forwarding(self) -> None:
        self._is_forwarding.clear()

    async def close(self) -> None:
        self._is_forwarding.set()
        await asyncio.gather(*self._tasks)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._tasks.append(asyncio.create_task(self._forward(reader, server_writer)))
        self._tasks.append(asyncio.create_task(self._forward(server_reader, writer)))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._is_forwarding.wait()
                writer.write(data)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_connection_whose_packets_are_dropped_is_detected_as_lost(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.engine.notices, "PING_INTERVAL_S", 0.01)
    monkeypatch.setattr(db.engine.notices, "PING_TIMEOUT_S", 1.0)
    address = urlsplit(database_url)
    proxy = SilentProxy(address.hostname or "", address.port or 0)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    notices = Notices(database_url.replace(f":{address.port}/", f":{port}/"))
    async with notices.listening(), notices.subscribe("api_keys") as listening:
        await asyncio.wait_for(listening.wait(), WAIT_S)
        before = notices.version("api_keys")

        proxy.stop_forwarding()

        async with asyncio.timeout(WAIT_S):
            while notices.version("api_keys") is not None:
                await database.row(text("select 1"))
    server.close()
    await proxy.close()
    assert before is not None


async def test_a_notice_changes_the_version_of_its_own_table_only(api: Api) -> None:
    import_id = await api.upload("x")
    async with api.notices.subscribe("imports", import_id) as changed:
        imports, keys = api.notices.version("imports"), api.notices.version("api_keys")

        await api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=import_id)
        await asyncio.wait_for(changed.wait(), WAIT_S)

    assert api.notices.version("imports") != imports
    assert api.notices.version("api_keys") == keys is not None
