"""
Which cores who may run on, and for how long each did.

The server has one of its own, Postgres and whoever asks have the others.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

ALL = os.sched_getaffinity(0)
SERVERS = {min(ALL)}
OTHERS = ALL - SERVERS or ALL


@contextmanager
def pinned_to(cores: set[int]) -> Iterator[None]:
    """Hold this thread, and what it starts meanwhile for good, to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def hold_postgres(connection: asyncpg.Connection, cores: set[int]) -> None:
    """Hold Postgres to some cores, and what it starts from now on."""
    postmaster = _postmaster(connection)
    for process in (postmaster, *postmaster.children()):
        process.cpu_affinity(list(cores))


def cpu_of_s(processes: Iterable[psutil.Process]) -> float:
    """Return for how many seconds of a core some processes have run."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def cpu_of_postgres_s(connection: asyncpg.Connection) -> float:
    """Return for how many seconds of a core Postgres has run, with those of its processes that have ended."""
    postmaster = _postmaster(connection)
    ended = postmaster.cpu_times()
    seconds = ended.children_user + ended.children_system
    for process in postmaster.children():
        # To the nanosecond: a hundredth of a second, as elsewhere, is much where there are twenty of them.
        with suppress(FileNotFoundError, ProcessLookupError):
            seconds += int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
    return seconds


def _postmaster(connection: asyncpg.Connection) -> psutil.Process:
    postmaster = psutil.Process(connection.get_server_pid()).parent()
    assert postmaster  # noqa: S101
    return postmaster
