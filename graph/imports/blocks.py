"""
A block holds the events of one chunk of a file for one site and one month, with their sums.

All arithmetic is on integers. Energies are in 10^-6 kWh and tariffs in 10^-6 c/kWh, with the sign of money earned, so
the value of an event (energy times tariff) is in 10^-12 cents and needs 80 bits. Values are therefore computed and
summed in three limbs of base 10^6 (cents, microcents, picocents). Each limb fits 64 bits for up to four million events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Self
from uuid import UUID

import numpy as np

from graph.imports.csv.arrays import BoolArray, Int16Array, Int32Array, Int64Array, StructArray
from graph.imports.csv.fields import BARE_DAY, FIRST_YEAR

MICRO = 10**6


class Block(NamedTuple):
    """A row of the table event_blocks."""

    site_id: UUID
    month: date
    event_count: int
    revenue_aud: Decimal
    cost_only_aud: Decimal
    charged_kwh: Decimal
    discharged_kwh: Decimal
    days: list[int]
    discharges: list[bool]
    energies_microkwh: list[int]
    tariffs_microcents_per_kwh: list[int]
    line_numbers: list[int]
    # None if the rows of the block give only their days.
    times_ms: list[int] | None


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events as columns, with one element per event."""

    # The position of the site's id in SiteLookup.ids.
    site_numbers: Int32Array
    # Months since January of FIRST_YEAR.
    month_numbers: Int16Array
    days: Int16Array
    # Milliseconds of NEM time since the start of the day; BARE_DAY where a row gives only its day.
    times_ms: Int32Array
    discharges: BoolArray
    energies_microkwh: Int64Array
    tariffs_microcents_per_kwh: Int64Array
    line_numbers: Int32Array

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the events of several parts, in the order of the parts."""
        return cls(
            site_numbers=np.concatenate([part.site_numbers for part in parts]),
            month_numbers=np.concatenate([part.month_numbers for part in parts]),
            days=np.concatenate([part.days for part in parts]),
            times_ms=np.concatenate([part.times_ms for part in parts]),
            discharges=np.concatenate([part.discharges for part in parts]),
            energies_microkwh=np.concatenate([part.energies_microkwh for part in parts]),
            tariffs_microcents_per_kwh=np.concatenate([part.tariffs_microcents_per_kwh for part in parts]),
            line_numbers=np.concatenate([part.line_numbers for part in parts]),
        )

    def take(self, indices: Int64Array | slice) -> Self:
        """Return the events at the given indices, in the order of the indices."""
        return type(self)(
            site_numbers=self.site_numbers[indices],
            month_numbers=self.month_numbers[indices],
            days=self.days[indices],
            times_ms=self.times_ms[indices],
            discharges=self.discharges[indices],
            energies_microkwh=self.energies_microkwh[indices],
            tariffs_microcents_per_kwh=self.tariffs_microcents_per_kwh[indices],
            line_numbers=self.line_numbers[indices],
        )


@dataclass(frozen=True, slots=True)
class Amounts:
    """Exact amounts of money: whole cents, rounded down, plus 0 to 10^12 - 1 picocents (10^-12 cents)."""

    cents: Int64Array
    picocents: Int64Array

    @classmethod
    def sum_by_block(
        cls, energies_microkwh: Int64Array, tariffs_microcents_per_kwh: Int64Array, starts: Int64Array
    ) -> Self:
        """Return the sum of each block's event values; `starts` holds the index of each block's first event."""
        whole_kwh, micro_kwh = energies_microkwh // MICRO, energies_microkwh % MICRO
        whole_cents, micro_cents = tariffs_microcents_per_kwh // MICRO, tariffs_microcents_per_kwh % MICRO
        cents = np.add.reduceat(whole_kwh * whole_cents, starts)
        microcents = np.add.reduceat(whole_kwh * micro_cents + micro_kwh * whole_cents, starts)
        picocents = np.add.reduceat(micro_kwh * micro_cents, starts)

        microcents += picocents // MICRO
        return cls(cents + microcents // MICRO, microcents % MICRO * MICRO + picocents % MICRO)

    def take(self, indices: slice) -> Self:
        """Return the amounts at the given indices."""
        return type(self)(self.cents[indices], self.picocents[indices])

    def to_aud(self, index: int) -> Decimal:
        """Return the amount at an index in AUD, exactly."""
        return Decimal(f"{int(self.cents[index]) * 10**12 + int(self.picocents[index])}E-14")


@dataclass(frozen=True, slots=True)
class Blocks:
    """
    The blocks of a chunk as columns, with one element per block, ordered by month and site number.

    `events` holds the events of all blocks, block after block, each block's events in file order.
    """

    # The index in `events` of each block's first event.
    starts: Int64Array
    event_counts: Int64Array
    # Whether any row of the block gives a time of day.
    are_timed: BoolArray
    revenues: Amounts
    cost_only: Amounts
    charged_microkwh: Int64Array
    discharged_microkwh: Int64Array
    events: EventColumns

    @classmethod
    def group(cls, events: EventColumns) -> Self:
        """Group the events of a chunk by month and site."""
        site_months = (
            events.month_numbers.astype(np.int64) * (int(events.site_numbers.max(initial=0)) + 1) + events.site_numbers
        )
        order = _stable_argsort(site_months)
        starts = np.flatnonzero(np.diff(site_months[order], prepend=-1))

        events = events.take(order)
        is_cost_only = events.discharges & (events.tariffs_microcents_per_kwh < 0)
        return cls(
            starts=starts,
            event_counts=np.diff(starts, append=len(order)),
            are_timed=np.logical_or.reduceat(events.times_ms != BARE_DAY, starts)
            if len(starts)
            else np.empty(0, np.bool_),
            revenues=Amounts.sum_by_block(
                events.energies_microkwh, np.where(is_cost_only, 0, events.tariffs_microcents_per_kwh), starts
            ),
            cost_only=Amounts.sum_by_block(
                events.energies_microkwh, np.where(is_cost_only, events.tariffs_microcents_per_kwh, 0), starts
            ),
            charged_microkwh=np.add.reduceat(np.where(events.discharges, 0, events.energies_microkwh), starts),
            discharged_microkwh=np.add.reduceat(np.where(events.discharges, events.energies_microkwh, 0), starts),
            events=events,
        )

    def batches(self, size: int) -> Iterator[Self]:
        """Split the blocks into batches of at most `size` blocks."""
        for first_block in range(0, len(self.event_counts), size):
            blocks = slice(first_block, first_block + size)
            first_event = int(self.starts[first_block])
            events = slice(first_event, first_event + int(self.event_counts[blocks].sum()))
            yield type(self)(
                starts=self.starts[blocks] - first_event,
                event_counts=self.event_counts[blocks],
                are_timed=self.are_timed[blocks],
                revenues=self.revenues.take(blocks),
                cost_only=self.cost_only.take(blocks),
                charged_microkwh=self.charged_microkwh[blocks],
                discharged_microkwh=self.discharged_microkwh[blocks],
                events=self.events.take(events),
            )

    def to_rows(self, site_ids: StructArray) -> Iterator[Block]:
        """Return each block as a row of event_blocks; `site_ids` maps site numbers to ids of 16 bytes."""
        for index, first in enumerate(self.starts.tolist()):
            events = slice(first, first + int(self.event_counts[index]))
            month_number = int(self.events.month_numbers[first])
            yield Block(
                site_id=UUID(bytes=site_ids[self.events.site_numbers[first]].tobytes()),
                month=date(FIRST_YEAR + month_number // 12, month_number % 12 + 1, 1),
                event_count=int(self.event_counts[index]),
                revenue_aud=self.revenues.to_aud(index),
                cost_only_aud=self.cost_only.to_aud(index),
                charged_kwh=Decimal(f"{self.charged_microkwh[index]}E-6"),
                discharged_kwh=Decimal(f"{self.discharged_microkwh[index]}E-6"),
                days=self.events.days[events].tolist(),
                discharges=self.events.discharges[events].tolist(),
                energies_microkwh=self.events.energies_microkwh[events].tolist(),
                tariffs_microcents_per_kwh=self.events.tariffs_microcents_per_kwh[events].tolist(),
                line_numbers=self.events.line_numbers[events].tolist(),
                times_ms=self.events.times_ms[events].tolist() if self.are_timed[index] else None,
            )


def _stable_argsort(keys: Int64Array) -> Int64Array:
    # A radix sort by 16 bits at a time, the lowest first. numpy sorts 16-bit integers by a radix sort, several times
    # faster than the comparison sort that it uses for 64-bit integers.
    order = np.arange(len(keys))
    for shift in range(0, int(keys.max(initial=0)).bit_length(), 16):
        digits = (keys[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digits, kind="stable")]
    return order
