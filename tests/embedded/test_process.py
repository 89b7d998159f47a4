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


async def test_program_runs_until_its_block_ends(program: Program) -> None:
    async with program.serving(lambda _: WAITS, port_count=0, is_ready=lambda _: is_waiting(program)):
        assert len(waiting()) == 1

    assert waiting() == []


async def test_start_without_output_is_aborted_after_a_timeout(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SILENCE_TIMEOUT_S", 0.5)

    with pytest.raises(ServerFailed, match=r"did not start and logged nothing for 0\.5 s"):
        async with program.serving(lambda _: WAITS, port_count=0, is_ready=lambda _: False):
            pass

    assert waiting() == []


async def test_program_that_exits_during_startup_is_not_started_again(program: Program) -> None:
    with pytest.raises(ServerFailed, match="no room for me"):
        async with program.serving(lambda _: FAILS, port_count=1, is_ready=lambda _: False):
            pass

    assert program.log.read_text() == "no room for me\n"


async def test_program_whose_port_was_taken_is_started_again_on_another(program: Program) -> None:
    def arguments(ports: Sequence[int]) -> Sequence[str]:
        chosen.extend(ports)
        if len(chosen) > 1:
            return WAITS
        port_holder.bind(("127.0.0.1", ports[0]))
        port_holder.listen()
        return FAILS

    chosen: list[int] = []
    with socket.socket() as port_holder:
        async with program.serving(arguments, port_count=1, is_ready=lambda _: is_waiting(program)) as ports:
            assert [*ports] == chosen[1:]

    assert len(chosen) == 2


async def test_program_that_ignores_sigint_is_killed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_TIMEOUT_S", 0.1)
    ignoring = [WAITS[0], "-c", WAITS[2].replace("print", f"signal.signal({signal.SIGINT:d}, signal.SIG_IGN); print")]

    async with program.serving(lambda _: ignoring, port_count=0, is_ready=lambda _: is_waiting(program)):
        pass

    assert waiting() == []
