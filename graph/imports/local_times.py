"""Converts a whole column of local times of a timezone to instants."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from graph.imports.csv.arrays import BoolArray, Int64Array
from graph.imports.csv.fields import FIRST_YEAR, LAST_YEAR

DAY_S = 86_400


class LocalTimes:
    """
    The UTC offsets of a timezone in the years FIRST_YEAR to LAST_YEAR.

    Instants are in seconds since 1970-01-01 00:00 UTC; local times are in seconds since 1970-01-01 00:00 local time.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        starts_s, offsets_s = _offset_periods(zone)
        self._offsets_s: Int64Array = np.array(offsets_s)
        # The start and the end of each period, in its own local time; the last period has no end.
        self._local_starts_s = np.array(starts_s) + self._offsets_s
        self._local_ends_s = np.array(starts_s[1:], np.int64) + self._offsets_s[:-1]

    def to_instants(self, local_s: Int64Array) -> tuple[Int64Array, Int64Array, BoolArray]:
        """
        Return the earlier and the later instant of each local time, and a mask of the local times that exist.

        The two instants differ only for an ambiguous local time, which occurs twice because clocks are put back. A
        local time that clocks skip when they are put forward does not exist.
        """
        period = np.searchsorted(self._local_ends_s, local_s, side="right")
        next_period = np.minimum(period + 1, len(self._offsets_s) - 1)
        earlier_s = local_s - self._offsets_s[period]
        is_ambiguous = local_s >= self._local_starts_s[next_period]
        later_s = np.where(is_ambiguous, local_s - self._offsets_s[next_period], earlier_s)
        return earlier_s, later_s, local_s >= self._local_starts_s[period]


def _offset_periods(zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """Return the start of each period with one UTC offset, and the offsets; a binary search finds each start."""

    def offset_at(instant_s: int) -> int:
        offset = datetime.fromtimestamp(instant_s, zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds())

    first_s, last_s = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (FIRST_YEAR, LAST_YEAR + 1))
    starts_s, offsets_s = [first_s - 2 * DAY_S], [offset_at(first_s - 2 * DAY_S)]
    for day_s in range(first_s - DAY_S, last_s + 2 * DAY_S, DAY_S):
        if (offset_s := offset_at(day_s)) != offsets_s[-1]:
            before_s, after_s = day_s - DAY_S, day_s
            while after_s - before_s > 1:
                middle_s = (before_s + after_s) // 2
                if offset_at(middle_s) == offsets_s[-1]:
                    before_s = middle_s
                else:
                    after_s = middle_s
            starts_s.append(after_s)
            offsets_s.append(offset_s)
    return starts_s, offsets_s
