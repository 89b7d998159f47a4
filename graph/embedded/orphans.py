"""Servers that still run though whoever started them was killed."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from graph.embedded.process import POLL_S, STOP_LIMIT_S


def data_dir_tag(data_dir: Path) -> str:
    """Name a data folder by what it is on the disk; its servers bear the name in their arguments."""
    found = data_dir.stat()
    return f"vpp-{found.st_dev:x}-{found.st_ino:x}-data"  # No mark is part of another.


async def stop_orphans(mark: str) -> None:
    """Stop the servers that bear this mark, of which nobody has charge any more."""
    asked = False
    deadline = time.monotonic() + STOP_LIMIT_S
    while leftovers := list(_bearing(mark)):
        for pid, arguments in leftovers:
            with suppress(ProcessLookupError):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                # Postgres's children bear the mark amid their titles, their parent at the end of an argument, and
                # none but the parent can stop them in order.
                elif not asked and any(argument.endswith(mark) for argument in arguments):
                    os.kill(pid, signal.SIGINT)
        asked = True
        await asyncio.sleep(POLL_S)


def _bearing(mark: str) -> Iterator[tuple[int, Sequence[str]]]:
    # The arguments of another user's process are for everyone to read. Its folder and its files are not, not even
    # for root where a container leaves it few capabilities.
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or []
        if any(mark in argument for argument in arguments):
            yield process.pid, arguments
