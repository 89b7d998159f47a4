"""The interface between the intake and each kind of import: check a chunk, encode it, keep it, complete the import."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import Rejection


@dataclass(frozen=True)
class KeepResult:
    """Duplicates and rejections that were detected only when a chunk's rows were written to the database."""

    rows_duplicated: int = 0
    rejections: Sequence[Rejection] = field(default_factory=list)


class CheckedChunk(Protocol):
    """The rows and rejections of one chunk; `lines_read` includes empty lines, `rows_read` does not."""

    @property
    def lines_read(self) -> int: ...

    @property
    def rows_read(self) -> int: ...

    @property
    def rejections(self) -> Sequence[Rejection]: ...

    def encode(self) -> None:
        """Do the slow work that needs no database; the intake calls it in a thread."""
        ...

    async def keep(self, session: AsyncSession) -> KeepResult:
        """Write the rows in the chunk's transaction, which has locked the import; chunks are kept in file order."""
        ...


class KindIntake(Protocol):
    """The intake of one file of one kind, created from the file's header."""

    @property
    def header(self) -> Header: ...

    async def check(self, lines: bytearray, *, number: int, first_line_number: int) -> CheckedChunk:
        """Check a chunk's rows; chunks arrive in file order."""
        ...

    async def complete(self, session: AsyncSession) -> None:
        """Complete the import after all its chunks have been kept."""
        ...
