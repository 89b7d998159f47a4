from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from graph.imports.battery_events import MAX_CHUNK_BYTES
from graph.imports.blocks import Block, Blocks, EventColumns
from graph.imports.csv.fields import BARE_DAY

SITE_IDS = [UUID(int=number) for number in (7, 8, 9)]
LARGEST = 10**12


@dataclass(frozen=True)
class Event:
    site_number: int
    month_number: int
    day: int
    time_ms: int
    is_discharge: bool
    energy_microkwh: int
    tariff_microcents_per_kwh: int

    @property
    def value_picocents(self) -> int:
        return self.energy_microkwh * self.tariff_microcents_per_kwh


def blocks_of(events: list[Event], *, first_line_number: int) -> list[Block]:
    columns = EventColumns(
        site_numbers=np.array([event.site_number for event in events], np.int32),
        month_numbers=np.array([event.month_number for event in events], np.int16),
        days=np.array([event.day for event in events], np.int16),
        times_ms=np.array([event.time_ms for event in events], np.int32),
        discharges=np.array([event.is_discharge for event in events], np.bool_),
        energies_microkwh=np.array([event.energy_microkwh for event in events], np.int64),
        tariffs_microcents_per_kwh=np.array([event.tariff_microcents_per_kwh for event in events], np.int64),
        line_numbers=np.arange(first_line_number, first_line_number + len(events), dtype=np.int32),
    )
    return list(Blocks.group(columns).to_rows(np.frombuffer(b"".join(site_id.bytes for site_id in SITE_IDS), "V16")))


def expected_blocks(events: list[Event], *, first_line_number: int) -> list[Block]:
    """Group and sum events with Python's integers, which do not overflow."""
    groups = defaultdict(list)
    for line_number, event in enumerate(events, start=first_line_number):
        groups[event.month_number, event.site_number].append((line_number, event))
    return [
        Block(
            site_id=SITE_IDS[site_number],
            month=date(2000 + month_number // 12, month_number % 12 + 1, 1),
            event_count=len(group),
            revenue_aud=Decimal(f"{sum(e.value_picocents for _, e in group if not is_cost_only(e))}E-14"),
            cost_only_aud=Decimal(f"{sum(e.value_picocents for _, e in group if is_cost_only(e))}E-14"),
            charged_kwh=Decimal(f"{sum(e.energy_microkwh for _, e in group if not e.is_discharge)}E-6"),
            discharged_kwh=Decimal(f"{sum(e.energy_microkwh for _, e in group if e.is_discharge)}E-6"),
            days=[e.day for _, e in group],
            discharges=[e.is_discharge for _, e in group],
            energies_microkwh=[e.energy_microkwh for _, e in group],
            tariffs_microcents_per_kwh=[e.tariff_microcents_per_kwh for _, e in group],
            line_numbers=[line_number for line_number, _ in group],
            times_ms=[e.time_ms for _, e in group] if any(e.time_ms != BARE_DAY for _, e in group) else None,
        )
        for (month_number, site_number), group in sorted(groups.items())
    ]


def is_cost_only(event: Event) -> bool:
    return event.is_discharge and event.value_picocents < 0


magnitudes = st.one_of(
    st.integers(0, LARGEST),
    st.sampled_from([0, 1, 999_999, 10**6, 10**6 + 1, LARGEST - 10**6, LARGEST - 1, LARGEST]),
)
events = st.builds(
    Event,
    site_number=st.integers(0, 2),
    month_number=st.sampled_from([0, 308, 309, 1199]),
    day=st.integers(1, 31),
    time_ms=st.sampled_from([BARE_DAY, 0, 86_400_000]),
    is_discharge=st.booleans(),
    energy_microkwh=magnitudes,
    tariff_microcents_per_kwh=st.builds(lambda magnitude, sign: magnitude * sign, magnitudes, st.sampled_from([1, -1])),
)


@given(st.lists(events, max_size=40))
@example([Event(0, 0, 1, BARE_DAY, is_discharge=True, energy_microkwh=1, tariff_microcents_per_kwh=-1)])
@example([Event(0, 0, 1, BARE_DAY, is_discharge=False, energy_microkwh=1, tariff_microcents_per_kwh=-1)])
@example([Event(0, 0, 1, BARE_DAY, is_discharge=False, energy_microkwh=10**6, tariff_microcents_per_kwh=-(10**6))])
def test_blocks_contain_every_event_in_file_order_and_exact_sums(events: list[Event]) -> None:
    blocks = blocks_of(events, first_line_number=2)

    assert blocks == expected_blocks(events, first_line_number=2)


def test_sums_are_exact_for_the_largest_chunk_of_the_largest_events() -> None:
    shortest_row = len(b"9876543210,2025-09-01,CHARGE,0,0\n")
    largest = LARGEST - 1
    count = MAX_CHUNK_BYTES // shortest_row
    columns = EventColumns(
        site_numbers=np.zeros(count, np.int64),
        month_numbers=np.zeros(count, np.int64),
        days=np.ones(count, np.int64),
        times_ms=np.full(count, BARE_DAY),
        discharges=np.zeros(count, np.bool_),
        energies_microkwh=np.full(count, largest),
        tariffs_microcents_per_kwh=np.full(count, -largest),
        line_numbers=np.arange(count, dtype=np.int32),
    )

    blocks = Blocks.group(columns)

    assert blocks.revenues.to_aud(0) == Decimal(f"{-count * largest**2}E-14")
    assert int(blocks.charged_microkwh[0]) == count * largest
