"""Child processes that run the embedded servers: start, readiness and stop."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from graph.embedded.ports import free_ports, is_free

# The path of a program's own working directory. An absolute path fails with a permission error if the program's account
# may not enter a parent folder, such as /root; this path does not pass through the parents.
OWN_FOLDER = "/proc/self/cwd" if sys.platform == "linux" else "."

# The longest time without output during startup. During a long recovery Postgres logs its progress every 10 s.
SILENCE_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30
POLL_INTERVAL_S = 0.02


class ServerFailed(Exception):
    """An embedded server did not start; the message has the end of its log."""


@dataclass(frozen=True)
class Account:
    """The user and group that servers run as."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make this account the owner of a file or folder."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


def servers_account(data_dir: Path) -> Account | None:
    """
    Return the account that servers run as if this process is root: the data folder's owner, or nobody if that is root.

    Returns None if this process is not root; then servers run as the same user. Postgres refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    owner = data_dir.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def make_folder(folder: Path, account: Account | None) -> None:
    """Create a folder that only the servers' account may enter, unless it exists."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        account.own(folder)


def write_secret(path: Path, text: str, account: Account | None) -> None:
    """Write a file atomically that only the servers' account and root may read."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    if account:
        account.own(new)
    new.replace(path)


def rotate_log(data_dir: Path, name: str) -> Path:
    """Create the empty log file of the next run, and rename the log file of the previous run to `*.previous.log`."""
    log = data_dir / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    log.touch(mode=0o600)
    return log


@dataclass(frozen=True)
class Program:
    """
    The configuration of a program: its working directory, log file, account, and complete environment.

    `executable` is the program's open file. It is needed if the account may not enter the program's folder.
    """

    name: str
    folder: Path
    log: Path
    account: Account | None
    environment: Mapping[str, str]
    executable: BinaryIO | None = None

    async def run(self, arguments: Sequence[str], *, stdin: str = "") -> None:
        """Run the program to its end. Raises ServerFailed if it exits with an error."""
        process = self._spawn(arguments, stdin)
        try:
            await self._until(lambda: process.poll() == 0, process)
        finally:
            await _stop(process)

    @asynccontextmanager
    async def serving(
        self,
        arguments: Callable[[Sequence[int]], Sequence[str]],
        *,
        port_count: int,
        is_ready: Callable[[int], bool],
    ) -> AsyncIterator[Sequence[int]]:
        """
        Run the program on free ports until the block ends, and yield the ports once it is ready.

        `is_ready` is called with the process id. Raises ServerFailed if the program ends before it is ready, or if its
        log does not grow for SILENCE_TIMEOUT_S.
        """
        process, ports = await self._start(arguments, port_count, is_ready)
        try:
            yield ports
        finally:
            await _stop(process)

    async def _start(
        self, arguments: Callable[[Sequence[int]], Sequence[str]], port_count: int, is_ready: Callable[[int], bool]
    ) -> tuple[subprocess.Popen[bytes], Sequence[int]]:
        tries_left = 3
        while True:
            tries_left -= 1
            ports = free_ports(port_count)
            process = self._spawn(arguments(ports))
            try:
                await self._until(partial(is_ready, process.pid), process)
            except BaseException as failure:
                await _stop(process)
                # Another program may have taken a port after it was chosen; then new ports are chosen.
                port_is_taken = isinstance(failure, ServerFailed) and not all(is_free(port) for port in ports)
                if not (port_is_taken and tries_left):
                    raise
            else:
                return process, ports

    def _spawn(self, arguments: Sequence[str], stdin: str = "") -> subprocess.Popen[bytes]:
        with tempfile.TemporaryFile() as input_file, self.log.open("ab") as log:
            input_file.write(stdin.encode())
            input_file.seek(0)
            return subprocess.Popen(  # noqa: S603
                arguments,
                executable=f"/proc/self/fd/{self.executable.fileno()}" if self.executable else None,
                stdin=input_file,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=dict(self.environment),
                pass_fds=[self.executable.fileno()] if self.executable else [],
                # The server runs in a separate session, so that Ctrl-C in the terminal does not reach it: this process
                # stops the server when it is no longer needed.
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )

    async def _until(self, is_done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        log_size, grew_at = -1, time.monotonic()
        while True:
            # Polled before is_done: a program that succeeds between the two calls must not count as failed.
            ended = process.poll() is not None
            if is_done():
                return
            if ended:
                raise ServerFailed(f"{self.name} did not start. {self._end_of_log()}")
            if (size := self.log.stat().st_size) != log_size:
                log_size, grew_at = size, time.monotonic()
            elif time.monotonic() - grew_at > SILENCE_TIMEOUT_S:
                message = (
                    f"{self.name} did not start and logged nothing for {SILENCE_TIMEOUT_S} s. {self._end_of_log()}"
                )
                raise ServerFailed(message)
            await asyncio.sleep(POLL_INTERVAL_S)

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-20:]
        return "\n  ".join([f"The end of {self.log}:", *lines])


async def _stop(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    try:
        process.send_signal(signal.SIGINT)
        while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 Popen has no event.
            await asyncio.sleep(POLL_INTERVAL_S)
    finally:
        # The server did not stop in time, or this coroutine was cancelled. Postgres and SeaweedFS recover from SIGKILL.
        process.kill()
        process.wait()
