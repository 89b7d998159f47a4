"""Orphans: embedded servers that still run after the process that started them was killed."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from graph.embedded.process import POLL_INTERVAL_S, STOP_TIMEOUT_S


def data_dir_tag(data_dir: Path) -> str:
    """
    Return the tag in the arguments of a data folder's servers: the folder's device and inode numbers.

    Unlike the path, the tag stays the same when the folder is renamed.
    """
    status = data_dir.stat()
    return f"vpp-{status.st_dev:x}-{status.st_ino:x}-data"  # The suffix keeps a tag from being a prefix of another.


async def stop_orphans(tag: str) -> None:
    """Stop all processes with a data folder's tag: gracefully at first, and with SIGKILL after STOP_TIMEOUT_S."""
    is_signalled = False
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while orphans := list(_processes_with(tag)):
        for pid, arguments in orphans:
            with suppress(ProcessLookupError):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                # Only parent processes are signalled: they stop their children in order. A parent has the tag at the
                # end of an argument; Postgres's children have it in the middle of their process titles.
                elif not is_signalled and any(argument.endswith(tag) for argument in arguments):
                    os.kill(pid, signal.SIGINT)
        is_signalled = True
        await asyncio.sleep(POLL_INTERVAL_S)


def _processes_with(tag: str) -> Iterator[tuple[int, Sequence[str]]]:
    # Every user may read the arguments of another user's process. Its working directory and open files are readable
    # for root alone, and not even for root in a container with few capabilities.
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or []
        if any(tag in argument for argument in arguments):
            yield process.pid, arguments
