"""Which cores who may run on: the server has one of its own, Postgres and whoever asks have the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import psutil

ALL = os.sched_getaffinity(0)
SERVERS = {min(ALL)}
OTHERS = ALL - SERVERS or ALL


@contextmanager
def held_to(cores: set[int]) -> Iterator[None]:
    """Hold this thread, and what it starts meanwhile for good, to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def hold_postgres(connection: asyncpg.Connection, cores: set[int]) -> None:
    """Hold Postgres to some cores, and what it starts from now on."""
    postmaster = psutil.Process(connection.get_server_pid()).parent()
    assert postmaster  # noqa: S101
    for process in (postmaster, *postmaster.children()):
        process.cpu_affinity(list(cores))
