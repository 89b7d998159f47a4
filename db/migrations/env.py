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
import db.events
import db.imports
import db.reports
import db.site_months
import db.sites
import db.vpps  # noqa: F401
