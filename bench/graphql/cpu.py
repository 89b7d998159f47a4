"""
CPU affinity and CPU time of the processes that are measured.

The server under test has one core to itself; Postgres and the load generator share the others.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

ALL_CORES = os.sched_getaffinity(0)
SERVER_CORES = {min(ALL_CORES)}
# With a single core, everything shares it.
OTHER_CORES = ALL_CORES - SERVER_CORES or ALL_CORES


@contextmanager
def pinned_to(cores: set[int]) -> Iterator[None]:
    """Pin this thread to some cores until the block ends; processes started within it stay pinned after it."""
    previous = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, previous)


def pin_postgres(connection: asyncpg.Connection, cores: set[int]) -> None:
    """Pin Postgres to some cores, with all processes that it has started or will start."""
    postmaster = _postmaster(connection)
    for process in (postmaster, *postmaster.children()):
        process.cpu_affinity(list(cores))


def cpu_time_s(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU time that some processes have used, user and system."""
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def postgres_cpu_time_s(connection: asyncpg.Connection) -> float:
    """Return the CPU time that all processes of Postgres have used, including those that have ended."""
    postmaster = _postmaster(connection)
    times = postmaster.cpu_times()
    seconds = times.children_user + times.children_system
    for process in postmaster.children():
        # /proc/PID/schedstat counts nanoseconds. cpu_times() counts hundredths of a second, too coarse a unit for the
        # sum of some twenty processes.
        with suppress(FileNotFoundError, ProcessLookupError):
            seconds += int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
    return seconds


def _postmaster(connection: asyncpg.Connection) -> psutil.Process:
    postmaster = psutil.Process(connection.get_server_pid()).parent()
    assert postmaster  # noqa: S101
    return postmaster
