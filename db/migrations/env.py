"""How Alembic reaches the database: one connection of the driver the application uses, under a lock."""

import asyncio
from typing import Any, Literal

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import AutoString, SQLModel

import db.access_keys
import db.api_keys
import db.audit_entries
import db.batteries
import db.energy_type_days
import db.events
import db.imports
import db.parks
import db.readings
import db.reports
import db.signing_keys
import db.site_months
import db.sites
import db.vpps  # noqa: F401


def ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Say whether a thing is ours to compare: pgqueuer looks after its own tables."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def plain(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Write SQLModel's own kind of text as what it is to Postgres."""
    return "sa.String()" if kind == "type" and isinstance(thing, AutoString) else False


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, include_object=ours, render_item=plain)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(hashtext('migrations'))"))
        context.run_migrations()


async def run() -> None:
    url = context.config.attributes["url"]

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
