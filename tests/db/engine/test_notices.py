import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

import db.engine.notices
from db.engine.database import Database
from db.engine.notices import Notices
from tests.fixtures.api import Api

WAIT_S = 30


async def test_a_change_wakes_who_waits_for_it_and_nobody_else(api: Api) -> None:
    one, other = await api.uploaded("x"), await api.uploaded("y")

    async with api.notices.subscribe("imports", one) as changed, api.notices.subscribe("imports", other) as unchanged:
        await api.ask("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=one)
        await asyncio.wait_for(changed.wait(), WAIT_S)

        assert not unchanged.is_set()


async def test_a_lost_connection_is_made_again_and_wakes_everybody(database: Database, database_url: str) -> None:
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


class Wire:
    """What stands between us and the database, and can be cut without either being told."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._is_whole = asyncio.Event()
        self._is_whole.set()
        self._carrying: list[asyncio.Task[None]] = []

    def cut(self) -> None:
        self._is_whole.clear()

    async def end(self) -> None:
        self._is_whole.set()
        await asyncio.gather(*self._carrying)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._to)
        for each in ((reader, there_writer), (there_reader, writer)):
            self._carrying.append(asyncio.create_task(self._pump(*each)))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                await self._is_whole.wait()
                writer.write(piece)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_connection_that_is_cut_without_a_word_is_known_to_be_lost(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.engine.notices, "PING_INTERVAL_S", 0.01)
    monkeypatch.setattr(db.engine.notices, "PING_TIMEOUT_S", 1.0)
    address = urlsplit(database_url)
    wire = Wire(address.hostname or "", address.port or 0)
    server = await asyncio.start_server(wire.carry, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    notices = Notices(database_url.replace(f":{address.port}/", f":{port}/"))
    async with notices.listening(), notices.subscribe("api_keys") as listening:
        await asyncio.wait_for(listening.wait(), WAIT_S)
        before = notices.version("api_keys")

        wire.cut()

        async with asyncio.timeout(WAIT_S):
            while notices.version("api_keys") is not None:
                await database.row(text("select 1"))
    server.close()
    await wire.end()
    assert before is not None


async def test_a_notice_makes_another_mark_of_its_own_table_alone(api: Api) -> None:
    import_id = await api.uploaded("x")
    async with api.notices.subscribe("imports", import_id) as changed:
        imports, keys = api.notices.version("imports"), api.notices.version("api_keys")

        await api.ask("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=import_id)
        await asyncio.wait_for(changed.wait(), WAIT_S)

    assert api.notices.version("imports") != imports
    assert api.notices.version("api_keys") == keys is not None
