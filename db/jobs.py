"""Work for the workers: a job is a row, enqueued by the transaction that made it necessary."""

from enum import StrEnum
from uuid import UUID

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncSession


class Job(StrEnum):
    """What a worker can be asked to do with the thing an id names."""

    IMPORT = "import"
    SWEEP_IMPORT = "sweep_import"
    SETTLE = "settle"


async def enqueue(session: AsyncSession, job: Job, *, id: UUID) -> None:
    """Ask for a job; it is there for the workers once the session's transaction is kept."""
    await Queries(AsyncpgDriver(await driver_connection(session))).enqueue(job, str(id).encode())


async def driver_connection(session: AsyncSession) -> asyncpg.Connection:
    """Return asyncpg's own connection, inside the session's transaction."""
    connection = await (await session.connection()).get_raw_connection()
    assert isinstance(connection.driver_connection, asyncpg.Connection)  # noqa: S101
    return connection.driver_connection
