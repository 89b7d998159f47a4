"""The migrations of the database schema, by Alembic."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def config(url: str) -> Config:
    """Return the Alembic configuration for a database URL."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["url"] = url
    return settings


def upgrade(url: str) -> None:
    """Upgrade a database to the latest revision. It blocks, so call it in a thread; concurrent upgrades wait."""
    command.upgrade(config(url), "head")


@cache  # Alembic executes every migration file to find it.
def latest_revision() -> str:
    """Return the latest revision: the one that this code requires."""
    head = ScriptDirectory.from_config(config("")).get_current_head()
    assert head is not None  # noqa: S101
    return head
