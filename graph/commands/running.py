"""Running a command: event loop, signals, and errors as sentences on standard error."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

output = Console(highlight=False)


def run_command(command: Coroutine[Any, Any, None]) -> None:
    """
    Run a command to its end, or cancel it on SIGINT or SIGTERM.

    Expected errors end the process with status 1 and a sentence on standard error.
    """
    # Imported here, so that `vpp --help` starts quickly.
    from pydantic import ValidationError

    from db.engine.refusals import Refusal
    from graph import logs
    from graph.commands.script.instructions import LineRefused
    from graph.settings import StartupError, describe_invalid_settings

    logs.configure()

    async def run_until_signal() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101

        def stop() -> None:
            # A second signal has the default effect and ends the process immediately.
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(signal_number)
            task.cancel()

        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, stop)
        await command

    try:
        _run_loop(run_until_signal())
    except asyncio.CancelledError:
        raise typer.Exit(130) from None
    except (StartupError, LineRefused, Refusal) as error:
        fail(str(error))
    except ValidationError as error:
        fail(describe_invalid_settings(error))


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # uvloop is not available on every platform.
        asyncio.run(main)
    else:
        uvloop.run(main)


def fail(message: str) -> NoReturn:
    """Print a message to standard error and end the command with status 1."""
    Console(stderr=True, highlight=False).print(Text(message), soft_wrap=True)
    raise typer.Exit(1)
