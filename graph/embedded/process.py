"""Programs that serve beside us: starting them, knowing when they are ready, stopping them."""

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

# How a program is told the folder it runs in. Below a folder that its account may not enter, such as /root, any path
# that starts at the root would be refused; this one leads straight there.
OWN_FOLDER = "/proc/self/cwd" if sys.platform == "linux" else "."

# Postgres reports on a long recovery every 10 s; one that says nothing for so long hangs.
SILENCE_LIMIT_S = 180
STOP_LIMIT_S = 30
POLL_S = 0.02


class ServerFailed(Exception):
    """A server did not start."""


@dataclass(frozen=True)
class Account:
    """The user and group that servers run as."""

    uid: int
    gid: int

    def take(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


def servers_account(data_dir: Path) -> Account | None:
    """
    Tell whom servers run as where we are root: the owner of the data folder, or nobody if that is root too.

    None where we are not root: they run as ourselves. (Postgres refuses to be root, and neither server needs to be.)
    """
    if os.geteuid() != 0:
        return None
    owner = data_dir.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def make_folder(folder: Path, account: Account | None) -> None:
    """Make a folder that only the servers' account may enter, unless it is there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        account.take(folder)


def write_secret(path: Path, text: str, account: Account | None) -> None:
    """Write a file, whole or not at all, that only the servers' account, and root, may read."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    if account:
        account.take(new)
    new.replace(path)


def fresh_log(data_dir: Path, name: str) -> Path:
    """Name the log of a run that is about to begin, and put that of the run before beside it."""
    log = data_dir / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    log.touch(mode=0o600)
    return log


@dataclass(frozen=True)
class Program:
    """
    How a program is run: in which folder, where its words go, as whom, with what environment and no other.

    `opened` is the program itself, where it might lie in a folder that the account may not enter.
    """

    name: str
    folder: Path
    log: Path
    account: Account | None
    environment: Mapping[str, str]
    opened: BinaryIO | None = None

    async def run(self, arguments: Sequence[str], *, stdin: str = "") -> None:
        """Run to the end. Raises ServerFailed if that is not a good one."""
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
        Serve on free ports until the block ends; the block begins when `is_ready`, given the process id, says so.

        Raises ServerFailed if the program ends before that, or hangs.
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
                lost_a_port = isinstance(failure, ServerFailed) and not all(is_free(port) for port in ports)
                if not (lost_a_port and tries_left):
                    raise
            else:
                return process, ports

    def _spawn(self, arguments: Sequence[str], stdin: str = "") -> subprocess.Popen[bytes]:
        with tempfile.TemporaryFile() as words, self.log.open("ab") as log:
            words.write(stdin.encode())
            words.seek(0)
            return subprocess.Popen(  # noqa: S603
                arguments,
                executable=f"/proc/self/fd/{self.opened.fileno()}" if self.opened else None,
                stdin=words,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=dict(self.environment),
                pass_fds=[self.opened.fileno()] if self.opened else [],
                # The terminal's Ctrl-C is for us: we stop the servers once we no longer need them.
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )

    async def _until(self, is_done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        log_size, grew_at = -1, time.monotonic()
        while True:
            # Asked first, for it may end well between the two questions.
            ended = process.poll() is not None
            if is_done():
                return
            if ended:
                raise ServerFailed(f"{self.name} did not start. {self._last_words()}")
            if (size := self.log.stat().st_size) != log_size:
                log_size, grew_at = size, time.monotonic()
            elif time.monotonic() - grew_at > SILENCE_LIMIT_S:
                raise ServerFailed(f"{self.name} has not started, nor said why. {self._last_words()}")
            await asyncio.sleep(POLL_S)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-20:]
        return "\n  ".join([f"The end of {self.log}:", *lines])


async def _stop(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STOP_LIMIT_S
    try:
        process.send_signal(signal.SIGINT)
        while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 It has no event to wait for.
            await asyncio.sleep(POLL_S)
    finally:
        # What is still here did not stop in time, or we are told to hurry; both servers recover from this.
        process.kill()
        process.wait()
