"""Alembic's environment: it migrates over one asyncpg connection, under an advisory lock."""

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


def is_compared(_object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Return whether `alembic check` compares an object with the models; it leaves out pgqueuer's tables."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Render SQLModel's AutoString type as sa.String in generated migrations."""
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


def migrate(connection: Connection) -> None:
    """Run the migrations in one transaction; concurrent processes wait for each other."""
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        include_object=is_compared,
        render_item=render_item,
    )
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(hashtext('migrations'))"))
        context.run_migrations()


async def run() -> None:
    """Connect to the database of the configuration and migrate it."""
    url = context.config.attributes["url"]

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
