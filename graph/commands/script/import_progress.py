"""What a person sees while a file is on its way in."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from graph.commands.script.client import Object

WINDOW_S = 5.0
LINE_EVERY_S = 5.0


class ImportProgress:
    """Shows a file on its way in: as a bar on a terminal, and elsewhere as a line every few seconds."""

    def __init__(self, output: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.output = output
        self.clock = clock
        self.line_due_s = clock() + LINE_EVERY_S
        # When it was, bytes read by then, rows read by then.
        self.readings: deque[tuple[float, float, int]] = deque()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[pace]}"),
            console=output,
            transient=True,
            disable=not output.is_interactive,
        )
        self.task = self.bar.add_task("Uploading", pace="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def open(self, path: Path) -> BinaryIO:
        """
        Open the file to upload, so that the bar moves as it is read.
        """
        return self.bar.open(path, "rb", task_id=self.task)

    def show(self, state: Object) -> None:
        """
        Show an Import as it stands now.
        """
        now_s = self.clock()
        pace = self._pace(now_s, state)
        self.bar.update(
            self.task,
            description="Importing",
            completed=state["bytesRead"],
            total=state["bytesTotal"],
            pace=pace,
        )
        if not self.output.is_interactive and now_s >= self.line_due_s:
            self.line_due_s = now_s + LINE_EVERY_S
            percent = f"{state['percentComplete']:.0f} %, " if state["percentComplete"] is not None else ""
            self.output.print(Text(f"  {percent}{pace}"), soft_wrap=True)

    def _pace(self, now_s: float, state: Object) -> str:
        """
        Say how far it is, and, from the last few seconds, how fast it goes and how long it will take.
        """
        if state["status"] == "QUEUED":
            return "waiting for a worker"
        self.readings.append((now_s, state["bytesRead"], state["rowsRead"]))
        while len(self.readings) > 2 and now_s - self.readings[1][0] >= WINDOW_S:
            self.readings.popleft()

        then_s, bytes_then, rows_then = self.readings[0]
        seconds = now_s - then_s
        bytes_lately = state["bytesRead"] - bytes_then
        pace = f"{state['rowsRead']:,} rows"
        if seconds <= 0 or bytes_lately <= 0:
            return pace
        pace += f", {(state['rowsRead'] - rows_then) / seconds:,.0f} rows/s"
        if state["bytesTotal"] is not None:
            seconds_left = round((state["bytesTotal"] - state["bytesRead"]) * seconds / bytes_lately)
            pace += f", {seconds_left // 60}:{seconds_left % 60:02} left"
        return pace
