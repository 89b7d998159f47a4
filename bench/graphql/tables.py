"""Tables that a person reads at a terminal, and that are Markdown."""

from rich import box
from rich.console import Console
from rich.table import Table

# As wide as it takes: a row that is broken is none of Markdown's.
console = Console(width=240)
# Where it is told how far a measurement is, out of the way of what it comes to.
progress_console = Console(stderr=True)


def new_table(*columns: str, names: int) -> Table:
    """Make a table whose first so many columns are names, and the others numbers."""
    table = Table(box=box.MARKDOWN)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < names else "right")
    return table


def tell(sentences: str) -> None:
    """Print a paragraph, which the terminal may break."""
    console.print(f"\n{sentences}\n", soft_wrap=True)
