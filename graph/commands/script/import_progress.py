"""Progress output of an import: a bar on a terminal, lines elsewhere."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from graph.commands.script.client import JsonObject

# The speed is measured over this window.
WINDOW_S = 5.0
LINE_INTERVAL_S = 5.0


class ImportProgress:
    """Prints the progress of an import: a bar on a terminal, otherwise a line every LINE_INTERVAL_S."""

    def __init__(self, output: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.output = output
        self.clock = clock
        self.next_line_at_s = clock() + LINE_INTERVAL_S
        # Samples: the time in seconds, and the bytes and rows read by then.
        self.samples: deque[tuple[float, float, int]] = deque()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            console=output,
            transient=True,
            disable=not output.is_interactive,
        )
        self.task = self.bar.add_task("Uploading", speed="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def open(self, path: Path) -> BinaryIO:
        """Open the file to upload. Reading it advances the bar."""
        return self.bar.open(path, "rb", task_id=self.task)

    def show(self, state: JsonObject) -> None:
        """Print the current state of an Import."""
        now_s = self.clock()
        speed = self._describe_speed(now_s, state)
        self.bar.update(
            self.task,
            description="Importing",
            completed=state["bytesRead"],
            total=state["bytesTotal"],
            speed=speed,
        )
        if not self.output.is_interactive and now_s >= self.next_line_at_s:
            self.next_line_at_s = now_s + LINE_INTERVAL_S
            percent = f"{state['percentComplete']:.0f} %, " if state["percentComplete"] is not None else ""
            self.output.print(Text(f"  {percent}{speed}"), soft_wrap=True)

    def _describe_speed(self, now_s: float, state: JsonObject) -> str:
        """Return the rows read and, from the last WINDOW_S, the rows per second and the time left."""
        if state["status"] == "QUEUED":
            return "waiting for a worker"
        self.samples.append((now_s, state["bytesRead"], state["rowsRead"]))
        while len(self.samples) > 2 and now_s - self.samples[1][0] >= WINDOW_S:
            self.samples.popleft()

        window_start_s, bytes_before, rows_before = self.samples[0]
        seconds = now_s - window_start_s
        bytes_in_window = state["bytesRead"] - bytes_before
        speed = f"{state['rowsRead']:,} rows"
        if seconds <= 0 or bytes_in_window <= 0:
            return speed
        speed += f", {(state['rowsRead'] - rows_before) / seconds:,.0f} rows/s"
        if state["bytesTotal"] is not None:
            seconds_left = round((state["bytesTotal"] - state["bytesRead"]) * seconds / bytes_in_window)
            speed += f", {seconds_left // 60}:{seconds_left % 60:02} left"
        return speed
