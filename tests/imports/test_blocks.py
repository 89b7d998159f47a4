from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from graph.imports.battery_events import CHUNK_LIMIT_BYTES
from graph.imports.blocks import Block, Blocks, EventColumns

SITE_IDS = [UUID(int=number) for number in (7, 8, 9)]
LARGEST = 10**12


@dataclass(frozen=True)
class Event:
    site: int
    months: int
    day: int
    is_discharge: bool
    energy: int
    tariff: int


def blocks_of(events: list[Event], *, first_line_number: int) -> list[Block]:
    columns = EventColumns(
        sites=np.array([event.site for event in events], np.int32),
        months=np.array([event.months for event in events], np.int16),
        days=np.array([event.day for event in events], np.int16),
        discharges=np.array([event.is_discharge for event in events], np.bool_),
        energies=np.array([event.energy for event in events], np.int64),
        tariffs=np.array([event.tariff for event in events], np.int64),
        line_numbers=np.arange(first_line_number, first_line_number + len(events), dtype=np.int32),
    )
    return list(Blocks.of(columns).one_by_one(np.frombuffer(b"".join(site_id.bytes for site_id in SITE_IDS), "V16")))


def added_up(events: list[Event], *, first_line_number: int) -> list[Block]:
    """Gather events with Python's own numbers, which have no end."""
    gathered = defaultdict(list)
    for line_number, event in enumerate(events, start=first_line_number):
        gathered[event.months, event.site].append((line_number, event))
    return [
        Block(
            site_id=SITE_IDS[site],
            month=date(2000 + months // 12, months % 12 + 1, 1),
            event_count=len(found),
            revenue_aud=Decimal(f"{sum(e.energy * e.tariff for _, e in found if not is_cost_only(e))}E-14"),
            cost_only_aud=Decimal(f"{sum(e.energy * e.tariff for _, e in found if is_cost_only(e))}E-14"),
            charged_kwh=Decimal(f"{sum(e.energy for _, e in found if not e.is_discharge)}E-6"),
            discharged_kwh=Decimal(f"{sum(e.energy for _, e in found if e.is_discharge)}E-6"),
            days=[e.day for _, e in found],
            discharges=[e.is_discharge for _, e in found],
            energies=[e.energy for _, e in found],
            tariffs=[e.tariff for _, e in found],
            line_numbers=[line_number for line_number, _ in found],
        )
        for (months, site), found in sorted(gathered.items())
    ]


def is_cost_only(event: Event) -> bool:
    return event.is_discharge and event.energy * event.tariff < 0


magnitudes = st.one_of(
    st.integers(0, LARGEST),
    st.sampled_from([0, 1, 999_999, 10**6, 10**6 + 1, LARGEST - 10**6, LARGEST - 1, LARGEST]),
)
events = st.builds(
    Event,
    site=st.integers(0, 2),
    months=st.sampled_from([0, 308, 309, 1199]),
    day=st.integers(1, 31),
    is_discharge=st.booleans(),
    energy=magnitudes,
    tariff=st.builds(lambda magnitude, sign: magnitude * sign, magnitudes, st.sampled_from([1, -1])),
)


@given(st.lists(events, max_size=40))
@example([Event(0, 0, 1, is_discharge=True, energy=1, tariff=-1)])
@example([Event(0, 0, 1, is_discharge=False, energy=1, tariff=-1)])
@example([Event(0, 0, 1, is_discharge=False, energy=10**6, tariff=-(10**6))])
def test_blocks_hold_every_event_in_order_and_their_sums_exactly(events: list[Event]) -> None:
    blocks = blocks_of(events, first_line_number=2)

    assert blocks == added_up(events, first_line_number=2)


def test_sums_are_exact_for_as_many_events_as_a_chunk_can_hold_at_their_largest() -> None:
    shortest_row = len(b"9876543210,2025-09-01,CHARGE,0,0\n")
    largest_parts = LARGEST - 1
    count = CHUNK_LIMIT_BYTES // shortest_row
    columns = EventColumns(
        sites=np.zeros(count, np.int64),
        months=np.zeros(count, np.int64),
        days=np.ones(count, np.int64),
        discharges=np.zeros(count, np.bool_),
        energies=np.full(count, largest_parts),
        tariffs=np.full(count, -largest_parts),
        line_numbers=np.arange(count, dtype=np.int32),
    )

    blocks = Blocks.of(columns)

    assert blocks.revenues.in_aud(0) == Decimal(f"{-count * largest_parts**2}E-14")
    assert int(blocks.charged[0]) == count * largest_parts
