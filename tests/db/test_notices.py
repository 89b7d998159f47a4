import asyncio

from sqlalchemy import text

from db.engine import Database
from db.notices import Notices
from tests.api import Api

WAIT_S = 30


async def test_a_change_wakes_who_waits_for_it_and_nobody_else(api: Api) -> None:
    one, other = await api.uploaded("x"), await api.uploaded("y")

    async with api.notices.of("imports", one) as changed, api.notices.of("imports", other) as unchanged:
        await api.ask("mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }", id=one)
        await asyncio.wait_for(changed.wait(), WAIT_S)

        assert not unchanged.is_set()


async def test_a_lost_connection_is_made_again_and_wakes_everybody(database: Database, database_url: str) -> None:
    notices = Notices(database_url)
    async with notices.listening(), notices.of("imports", "some import") as changed:
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
