"""Files of events, and what should come of them, known from how they were made and from nothing else."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

HEADER = b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
BAD = 0.02
SPOILT = ("2025-09-31,CHARGE,1,1", "2025-09-01,CHARGED,1,1", "2025-09-01,CHARGE,1e3,1", "2025-09-01,CHARGE,1")


class Event(NamedTuple):
    """An event that should count."""

    line_number: int
    nmi: str
    settlement_date: date
    event_type: str
    energy_kwh: Decimal
    tariff_cents_per_kwh: Decimal


@dataclass(frozen=True)
class EventFile:
    """A file, and what should come of it."""

    content: bytes
    events: Sequence[Event]
    rows_rejected: int

    @property
    def rows_read(self) -> int:
        return len(self.events) + self.rows_rejected


def event_file(nmis: Sequence[str], *, rows: int, seed: int) -> EventFile:
    """Make a file of so many rows over two months, some of them bad and some empty lines in between."""
    chance = random.Random(seed)
    lines: list[str] = []
    events: list[Event] = []
    rows_rejected = 0
    while len(events) + rows_rejected < rows:
        line_number = len(lines) + 2
        nmi = chance.choice(nmis)
        if chance.random() < BAD:
            rows_rejected += 1
            lines.append(f"{nmi},{chance.choice(SPOILT)}")
        elif chance.random() < BAD:
            lines.append("")
        else:
            day = date(2025, chance.choice((9, 10)), chance.randint(1, 30))
            event_type = chance.choice(("CHARGE", "DISCHARGE"))
            energy = Decimal(chance.randrange(14_000)) / 1000
            tariff = Decimal(chance.randrange(-500, 6_000)) / 100
            events.append(Event(line_number, nmi, day, event_type, energy, tariff))
            lines.append(f"{nmi},{day},{event_type},{energy},{tariff}")
    return EventFile(HEADER + "".join(f"{line}\n" for line in lines).encode(), events, rows_rejected)


def chunk_ends(content: bytes, chunk_bytes: int) -> list[int]:
    """Tell where the chunks of a file end that has no line as long as a chunk."""
    ends = [len(HEADER)]
    while ends[-1] < len(content):
        ends.append(content.rindex(b"\n", 0, ends[-1] + chunk_bytes) + 1)
    return ends[1:]
