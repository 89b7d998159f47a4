"""Output on a terminal: paragraphs, progress, and tables that are also valid Markdown."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

# Wide enough for every row: rich would wrap a longer one, and Markdown has no wrapped rows.
console = Console(width=240)
Step = TypeVar("Step")


def new_table(*columns: str, names: int) -> Table:
    """Return a table whose first `names` columns hold names, aligned left; the others hold numbers, aligned right."""
    table = Table(box=box.MARKDOWN)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < names else "right")
    return table


def print_paragraph(text: str) -> None:
    """Print a paragraph that the terminal may wrap."""
    console.print(f"\n{text}\n", soft_wrap=True)


def with_progress(steps: Sequence[Step], description: str) -> Iterable[Step]:
    """Yield the steps and show a progress bar, which is redrawn only between steps, so as not to disturb them."""
    return track(steps, description, console=Console(stderr=True), transient=True, auto_refresh=False)
