"""Counts the rejections of an import by their code and column."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from db.import_runs import RejectionCount
from graph.imports.csv.rejection import Rejection


class RejectionCounts:
    """
    The numbers of an import's rejections with the same code and column, each with the first of them as an example.

    `counts` are those of the chunks that were stored before this worker resumed the import.
    """

    def __init__(self, counts: Sequence[RejectionCount]) -> None:
        self._counts = {(count.code, count.column): count for count in counts}

    def add(self, rejections: Iterable[Rejection]) -> dict[int, int]:
        """Count the rejections of a chunk; return how many they are for each line number of an example."""
        row_counts: dict[tuple[str, str | None], int] = {}
        for rejection in rejections:
            cause = (rejection.code.value, rejection.column)
            row_counts[cause] = row_counts.get(cause, 0) + 1
            if cause not in self._counts:
                self._counts[cause] = RejectionCount(*cause, 0, rejection.line_number, rejection.message)
        for cause, row_count in row_counts.items():
            self._counts[cause] = replace(self._counts[cause], row_count=self._counts[cause].row_count + row_count)
        return {self._counts[cause].line_number: row_count for cause, row_count in row_counts.items()}

    def describe_most_frequent(self, rows_read: int, *, is_whole_file: bool) -> str:
        """
        Return a sentence with the most frequent cause, its share of the rows that were read, and its example.

        For example: "DATE: all 150,001 rows: '13/09/2025' is not a date; expected YYYY-MM-DD: write 2025-09-13."
        """
        cause = max(self._counts.values(), key=lambda count: count.row_count)
        rows = describe_rows(rows_read, is_whole_file=is_whole_file)
        if cause.row_count < rows_read:
            share = f"{cause.row_count:,} of {rows}, such as line {cause.line_number}"
        elif rows_read == 1:
            share = "the only row"
        else:
            share = f"all {rows}" if is_whole_file else f"all of {rows}"
        column = f"{cause.column}: {share}" if cause.column else f"{share[0].upper()}{share[1:]}"
        return f"{column}: {cause.message}"


def describe_rows(rows_read: int, *, is_whole_file: bool) -> str:
    """Return "5 rows" if the whole file was read, otherwise "the first 5 rows"."""
    return f"{rows_read:,} rows" if is_whole_file else f"the first {rows_read:,} rows"
