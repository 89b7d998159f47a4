"""The history of the database's schema, and how it is brought up to date."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def config(url: str) -> Config:
    """Return Alembic's settings for a database."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["url"] = url
    return settings


def upgrade(url: str) -> None:
    """Bring a database up to date; several at once wait for each other. Blocks: call it in a thread."""
    command.upgrade(config(url), "head")


@cache  # Alembic executes every migration file to find it.
def latest_revision() -> str:
    """Return the revision this code works with."""
    head = ScriptDirectory.from_config(config("")).get_current_head()
    assert head is not None  # noqa: S101
    return head
