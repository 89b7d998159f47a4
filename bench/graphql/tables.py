"""Tables that a person reads at a terminal, and that are Markdown."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

# As wide as it takes: a row that is broken is none of Markdown's.
console = Console(width=240)
Each = TypeVar("Each")


def new_table(*columns: str, names: int) -> Table:
    """Make a table whose first so many columns are names, and the others numbers."""
    table = Table(box=box.MARKDOWN)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < names else "right")
    return table


def tell(sentences: str) -> None:
    """Print a paragraph, which the terminal may break."""
    console.print(f"\n{sentences}\n", soft_wrap=True)


def told(each: Sequence[Each], what: str) -> Iterable[Each]:
    """Go through some steps and tell how far it is, in between them only: nothing else is to run meanwhile."""
    return track(each, what, console=Console(stderr=True), transient=True, auto_refresh=False)
