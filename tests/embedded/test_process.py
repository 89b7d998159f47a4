import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from graph.embedded import process
from graph.embedded.process import Program, ServerFailed

WAITS = [sys.executable, "-c", "import signal; print('waiting', flush=True); signal.pause()"]
FAILS = [sys.executable, "-c", "print('no room for me'); raise SystemExit(1)"]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    log = tmp_path / "log"
    log.touch()
    return Program(name="Server", folder=tmp_path, log=log, account=None, environment={})


def waiting() -> Sequence[psutil.Process]:
    return [child for child in psutil.Process().children() if "waiting" in " ".join(child.cmdline())]


def is_waiting(program: Program) -> bool:
    return "waiting" in program.log.read_text()


async def test_a_server_runs_until_its_block_ends(program: Program) -> None:
    async with program.serving(lambda _: WAITS, port_count=0, is_ready=lambda _: is_waiting(program)):
        assert len(waiting()) == 1

    assert waiting() == []


async def test_a_start_that_says_nothing_is_given_up(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SILENCE_LIMIT_S", 0.5)

    with pytest.raises(ServerFailed, match="has not started, nor said why"):
        async with program.serving(lambda _: WAITS, port_count=0, is_ready=lambda _: False):
            pass

    assert waiting() == []


async def test_a_server_that_ends_as_it_starts_is_not_tried_twice(program: Program) -> None:
    with pytest.raises(ServerFailed, match="no room for me"):
        async with program.serving(lambda _: FAILS, port_count=1, is_ready=lambda _: False):
            pass

    assert program.log.read_text() == "no room for me\n"


async def test_a_server_that_lost_a_port_to_another_is_given_a_new_one(program: Program) -> None:
    def arguments(ports: Sequence[int]) -> Sequence[str]:
        given.extend(ports)
        if len(given) > 1:
            return WAITS
        thief.bind(("127.0.0.1", ports[0]))
        thief.listen()
        return FAILS

    given: list[int] = []
    with socket.socket() as thief:
        async with program.serving(arguments, port_count=1, is_ready=lambda _: is_waiting(program)) as ports:
            assert [*ports] == given[1:]

    assert len(given) == 2


async def test_a_server_deaf_to_the_signal_is_killed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_LIMIT_S", 0.1)
    deaf = [WAITS[0], "-c", WAITS[2].replace("print", f"signal.signal({signal.SIGINT:d}, signal.SIG_IGN); print")]

    async with program.serving(lambda _: deaf, port_count=0, is_ready=lambda _: is_waiting(program)):
        pass

    assert waiting() == []
