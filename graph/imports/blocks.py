"""
Blocks: what one chunk of a file brought for one site and one month, as sums and as events.

All of it is integers. Energies are in 10^-6 kWh and tariffs in 10^-6 c/kWh with the sign of money earned, so an event's
value, their product, is in 10^-14 AUD and takes 80 bits. Values are made and added up in three parts of 10^6, each of
which fits 64 bits for up to four million events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Self
from uuid import UUID

import numpy as np

from graph.imports.csv.arrays import Flags, Integers, Ints, Records, Shorts
from graph.imports.csv.fields import FIRST_YEAR

PART = 10**6


class Block(NamedTuple):
    """One block with its events, as the table event_blocks keeps it."""

    site_id: UUID
    month: date
    event_count: int
    revenue_aud: Decimal
    cost_only_aud: Decimal
    charged_kwh: Decimal
    discharged_kwh: Decimal
    days: list[int]
    discharges: list[bool]
    energies: list[int]
    tariffs: list[int]
    line_numbers: list[int]


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events, an element each: sites by number, months counted from the first of FIRST_YEAR."""

    sites: Ints
    months: Shorts
    days: Shorts
    discharges: Flags
    energies: Integers
    tariffs: Integers
    line_numbers: Ints

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """
        Put events behind each other.
        """
        return cls(
            sites=np.concatenate([part.sites for part in parts]),
            months=np.concatenate([part.months for part in parts]),
            days=np.concatenate([part.days for part in parts]),
            discharges=np.concatenate([part.discharges for part in parts]),
            energies=np.concatenate([part.energies for part in parts]),
            tariffs=np.concatenate([part.tariffs for part in parts]),
            line_numbers=np.concatenate([part.line_numbers for part in parts]),
        )

    def taken(self, indices: Integers | slice) -> Self:
        """
        Take the events at the given indices, in their order.
        """
        return type(self)(
            sites=self.sites[indices],
            months=self.months[indices],
            days=self.days[indices],
            discharges=self.discharges[indices],
            energies=self.energies[indices],
            tariffs=self.tariffs[indices],
            line_numbers=self.line_numbers[indices],
        )


@dataclass(frozen=True, slots=True)
class Amounts:
    """Exact amounts of money: cents, rounded down, and 0 to 10^12 - 1 of 10^-12 cents above them."""

    cents: Integers
    trillionths: Integers

    @classmethod
    def of(cls, energies: Integers, tariffs: Integers, firsts: Integers) -> Self:
        """
        Add up the values of each block's events; a block begins at each of `firsts`.
        """
        energy_whole, energy_part = energies // PART, energies % PART
        tariff_whole, tariff_part = tariffs // PART, tariffs % PART
        cents = np.add.reduceat(energy_whole * tariff_whole, firsts)
        millionths = np.add.reduceat(energy_whole * tariff_part + energy_part * tariff_whole, firsts)
        trillionths = np.add.reduceat(energy_part * tariff_part, firsts)

        millionths += trillionths // PART
        return cls(cents + millionths // PART, millionths % PART * PART + trillionths % PART)

    def taken(self, indices: slice) -> Self:
        """
        Take the amounts at the given indices.
        """
        return type(self)(self.cents[indices], self.trillionths[indices])

    def in_aud(self, index: int) -> Decimal:
        """
        Return one amount in AUD.
        """
        return Decimal(f"{int(self.cents[index]) * 10**12 + int(self.trillionths[index])}E-14")


@dataclass(frozen=True, slots=True)
class Blocks:
    """
    The blocks of a chunk by month and site, an element each; their events one block after the other, in file order.
    """

    firsts: Integers
    counts: Integers
    revenues: Amounts
    cost_only: Amounts
    charged: Integers
    discharged: Integers
    events: EventColumns

    @classmethod
    def of(cls, events: EventColumns) -> Self:
        """
        Gather the events of a chunk into blocks.
        """
        site_months = events.months.astype(np.int64) * (int(events.sites.max(initial=0)) + 1) + events.sites
        order = _stable_order(site_months)
        firsts = np.flatnonzero(np.diff(site_months[order], prepend=-1))

        events = events.taken(order)
        is_cost_only = events.discharges & (events.tariffs < 0)
        return cls(
            firsts=firsts,
            counts=np.diff(firsts, append=len(order)),
            revenues=Amounts.of(events.energies, np.where(is_cost_only, 0, events.tariffs), firsts),
            cost_only=Amounts.of(events.energies, np.where(is_cost_only, events.tariffs, 0), firsts),
            charged=np.add.reduceat(np.where(events.discharges, 0, events.energies), firsts),
            discharged=np.add.reduceat(np.where(events.discharges, events.energies, 0), firsts),
            events=events,
        )

    def batches(self, size: int) -> Iterator[Self]:
        """
        Cut the blocks into batches of at most `size`.
        """
        for start in range(0, len(self.counts), size):
            blocks = slice(start, start + size)
            first_event = int(self.firsts[start])
            events = slice(first_event, first_event + int(self.counts[blocks].sum()))
            yield type(self)(
                firsts=self.firsts[blocks] - first_event,
                counts=self.counts[blocks],
                revenues=self.revenues.taken(blocks),
                cost_only=self.cost_only.taken(blocks),
                charged=self.charged[blocks],
                discharged=self.discharged[blocks],
                events=self.events.taken(events),
            )

    def one_by_one(self, site_ids: Records) -> Iterator[Block]:
        """
        Show each block as a row of the table; a site's id is found at its number.
        """
        for index, first in enumerate(self.firsts.tolist()):
            events = slice(first, first + int(self.counts[index]))
            months = int(self.events.months[first])
            yield Block(
                site_id=UUID(bytes=site_ids[self.events.sites[first]].tobytes()),
                month=date(FIRST_YEAR + months // 12, months % 12 + 1, 1),
                event_count=int(self.counts[index]),
                revenue_aud=self.revenues.in_aud(index),
                cost_only_aud=self.cost_only.in_aud(index),
                charged_kwh=Decimal(f"{self.charged[index]}E-6"),
                discharged_kwh=Decimal(f"{self.discharged[index]}E-6"),
                days=self.events.days[events].tolist(),
                discharges=self.events.discharges[events].tolist(),
                energies=self.events.energies[events].tolist(),
                tariffs=self.events.tariffs[events].tolist(),
                line_numbers=self.events.line_numbers[events].tolist(),
            )


def _stable_order(keys: Integers) -> Integers:
    order = np.arange(len(keys))
    # By 16 bits at a time, the lowest first: numpy sorts these by counting, several times faster than by comparing.
    for shift in range(0, int(keys.max(initial=0)).bit_length(), 16):
        digits = (keys[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digits, kind="stable")]
    return order
