"""How a command is run, and what a person at the command line is told of it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from db.engine.refusals import Refusal
from graph import logs
from graph.commands.script.instructions import LineRefused
from graph.settings import StartupError, describe_invalid_settings

output = Console(highlight=False)


def run_command(command: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end, or until a signal stops it; what keeps it from its work is told in a sentence."""
    logs.configure()

    async def until_signalled() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101

        def stop() -> None:
            # Once: a second signal finds no handler, and ends us as it would anyone.
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)
            task.cancel()

        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop)
        await command

    try:
        _run_loop(until_signalled())
    except asyncio.CancelledError:
        raise typer.Exit(130) from None
    except (StartupError, LineRefused, Refusal) as fault:
        fail(str(fault))
    except ValidationError as fault:
        fail(describe_invalid_settings(fault))


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # It is not made for every platform.
        asyncio.run(main)
    else:
        uvloop.run(main)


async def upgrade_database(url: str) -> None:
    """Migrate the database to this code's revision. Raises StartupError if the database does not answer."""
    import db.migrations

    try:
        await asyncio.to_thread(db.migrations.upgrade, url)
    except OSError as error:
        raise StartupError(f"The database does not answer: {error}.") from None


def fail(message: str) -> NoReturn:
    """End the command, and say why."""
    Console(stderr=True, highlight=False).print(Text(message), soft_wrap=True)
    raise typer.Exit(1)
