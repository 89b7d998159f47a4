"""The instants that local times mean, for a whole column of them at once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from graph.imports.csv.arrays import Flags, Integers
from graph.imports.csv.fields import FIRST_YEAR, LAST_YEAR

DAY_S = 86_400


class LocalTimes:
    """
    What the clocks of a zone have shown and will show, in all the years of fields.py.

    Local times and instants are in seconds: of the clock, and of UTC, since 1970 began there.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        starts, offsets = _periods(zone)
        self._offsets: Integers = np.array(offsets)
        # By the clocks of each period: when it began, and when it ended, which the last does not.
        self._local_starts = np.array(starts) + self._offsets
        self._local_ends = np.array(starts[1:], np.int64) + self._offsets[:-1]

    def instants(self, local: Integers) -> tuple[Integers, Integers, Flags]:
        """
        Find the earlier and the later instant that each means, mostly the same, and tell which exist.
        """
        period = np.searchsorted(self._local_ends, local, side="right")
        next_period = np.minimum(period + 1, len(self._offsets) - 1)
        earlier = local - self._offsets[period]
        later = np.where(local >= self._local_starts[next_period], local - self._offsets[next_period], earlier)
        return earlier, later, local >= self._local_starts[period]


def _periods(zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """Find the instants from which on a zone's offset is another, the first before all, and the offsets."""

    def offset_at(instant: int) -> int:
        offset = datetime.fromtimestamp(instant, zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds())

    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (FIRST_YEAR, LAST_YEAR + 1))
    starts, offsets = [first - 2 * DAY_S], [offset_at(first - 2 * DAY_S)]
    for day in range(first - DAY_S, last + 2 * DAY_S, DAY_S):
        if (offset := offset_at(day)) != offsets[-1]:
            before, after = day - DAY_S, day
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset_at(middle) == offsets[-1] else (before, middle)
            starts.append(after)
            offsets.append(offset)
    return starts, offsets
