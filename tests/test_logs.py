"""The log lines of a process, as JSON and on a terminal."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Text from a client, used as an event, as a value and as the message of an error.
HOSTILE = "a\n2026-01-01T00:00:00Z [critical ] forged\r\x1b[2Jb\x9b2Jc\u2028d"
LOGGING = f"""
import structlog
from graph import logs
logs.configure()
log = structlog.get_logger()

def fail(secret):
    raise ValueError({HOSTILE!r})

log.warning({HOSTILE!r}, reason={HOSTILE!r}, short="\\x1b[2J")
try:
    fail("the " + "secret")
except ValueError:
    log.exception("It failed", reason="it must")
"""


def run_logging(stderr: int) -> None:
    subprocess.run(
        [sys.executable, "-c", LOGGING], stderr=stderr, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def test_json_log_line_is_one_object_for_any_text(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        run_logging(log.fileno())

    written = (tmp_path / "log").read_bytes()
    lines = [json.loads(line) for line in written.split(b"\n") if line]
    assert [(line["event"], line["reason"]) for line in lines] == [(HOSTILE, HOSTILE), ("It failed", "it must")]
    assert lines[1]["exception"].startswith("Traceback")
    assert not set(written) & {*range(10), *range(11, 32), *range(127, 256)}
    assert b"the secret" not in written


def test_client_text_cannot_forge_a_line_or_clear_the_screen_on_a_terminal(tmp_path: Path) -> None:
    terminal, process_end = pty.openpty()
    run_logging(process_end)
    written = os.read(terminal, 2**20).decode()
    for descriptor in (terminal, process_end):
        os.close(descriptor)

    lines = written.splitlines()
    assert "It failed" in written
    assert [line for line in lines if line.startswith(("2026-01-01", "forged", "b", "c", "d"))] == []
    assert [line for line in lines if not line.startswith(("\x1b[2m20", "    "))] == []
    assert "\x1b[2J" not in written
    assert "\x9b" not in written
    assert "the secret" not in written
