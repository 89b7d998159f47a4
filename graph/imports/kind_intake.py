"""What the intake asks of each kind of import: to check a chunk, to make it ready, to keep it, and to complete."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from graph.imports.csv.rejection import Rejection


@dataclass(frozen=True)
class Found:
    """What came out about a chunk's rows while they were kept, and not before."""

    rows_duplicated: int = 0
    rejections: Sequence[Rejection] = field(default_factory=list)


class ReadyChunk(Protocol):
    """A chunk that only has to be kept."""

    async def keep(self, session: AsyncSession) -> Found:
        """Keep its rows in the chunk's transaction, which holds the import; chunks are kept in file order."""
        ...


class CheckedChunk(Protocol):
    """What a chunk brought; lines_read counts empty lines too, rows_read does not."""

    @property
    def lines_read(self) -> int: ...

    @property
    def rows_read(self) -> int: ...

    @property
    def rejections(self) -> list[Rejection]: ...

    def ready(self) -> ReadyChunk:
        """Do what takes long and needs no database, in a thread."""
        ...


class KindIntake(Protocol):
    """One import's way in, from its header on."""

    async def check(self, lines: bytearray, *, number: int, first_line_number: int) -> CheckedChunk:
        """Check a chunk's rows; chunks come in file order."""
        ...

    async def complete(self, session: AsyncSession) -> None:
        """Complete the import, all of whose chunks are kept."""
        ...
