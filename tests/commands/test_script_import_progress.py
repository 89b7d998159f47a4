from io import StringIO

from rich.console import Console

from graph.commands.script.client import JsonObject
from graph.commands.script.import_progress import ImportProgress

MIB = 1024 * 1024


def running(mib_read: int, rows_read: int) -> JsonObject:
    return {
        "status": "RUNNING",
        "percentComplete": float(mib_read),
        "bytesTotal": 100.0 * MIB,
        "bytesRead": float(mib_read * MIB),
        "rowsRead": rows_read,
    }


def printed(states: list[tuple[float, JsonObject]]) -> str:
    """Return the output, without a terminal, for states at given times in seconds."""
    output = Console(file=StringIO(), width=80, force_terminal=False)
    now_s = 0.0
    with ImportProgress(output, clock=lambda: now_s) as progress:
        for now_s, state in states:  # noqa: B007 The clock reads now_s.
            progress.show(state)
    assert isinstance(output.file, StringIO)
    return output.file.getvalue()


def test_speed_and_time_left_are_measured_over_the_last_seconds() -> None:
    states = [
        (0.0, running(0, 0)),
        # A slow start: 1 MiB a second.
        (5.0, running(5, 50_000)),
        # Then 9 MiB a second, which leaves 50 MiB for 5.6 seconds.
        (10.0, running(50, 500_000)),
    ]

    assert (
        printed(states)
        == "  5 %, 50,000 rows, 10,000 rows/s, 1:35 left\n  50 %, 500,000 rows, 90,000 rows/s, 0:06 left\n"
    )


def test_line_is_printed_every_five_seconds_without_a_terminal() -> None:
    states = [(second / 2, running(second, second * 1_000)) for second in range(20)]

    assert printed(states) == "  10 %, 10,000 rows, 2,000 rows/s, 0:45 left\n"


def test_queued_import_is_printed_as_waiting_for_a_worker() -> None:
    queued: JsonObject = {
        "status": "QUEUED",
        "percentComplete": None,
        "bytesTotal": None,
        "bytesRead": 0.0,
        "rowsRead": 0,
    }

    assert printed([(0.0, queued), (5.0, queued)]) == "  waiting for a worker\n"


def test_import_without_progress_has_no_time_left() -> None:
    assert printed([(0.0, running(5, 50_000)), (5.0, running(5, 50_000))]) == "  5 %, 50,000 rows\n"


def test_terminal_shows_a_progress_bar() -> None:
    output = Console(file=StringIO(), width=80, force_terminal=True, color_system=None, _environ={})

    with ImportProgress(output, clock=lambda: 0.0) as progress:
        progress.show(running(42, 420_000))

    assert isinstance(output.file, StringIO)
    assert "Importing" in output.file.getvalue()
    assert " 42% 420,000 rows" in output.file.getvalue()
