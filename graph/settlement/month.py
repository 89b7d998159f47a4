"""Settlement months and settlement dates, in NEM time: UTC+10 all year, without daylight saving."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Self

NEM_TIME = timezone(timedelta(hours=10))


def nem_time(instant: datetime) -> datetime:
    """Convert an instant to NEM time; an instant without a UTC offset is taken to be in NEM time."""
    return instant.replace(tzinfo=NEM_TIME) if instant.utcoffset() is None else instant.astimezone(NEM_TIME)


def settlement_date(instant: datetime) -> date:
    """Return the date of an instant in NEM time; an instant without a UTC offset is taken to be in NEM time."""
    return nem_time(instant).date()


@dataclass(frozen=True, order=True)
class Month:
    """A settlement month, written YYYY-MM."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a month written YYYY-MM, from 1900-01 to 9998-12. The message of a ValueError states the format."""
        match = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
        # Python's dates end with the year 9999, and `until` is the first day of the next month.
        if match is None or not 1900 <= int(match[1]) <= 9998:
            raise ValueError("Expected a month written YYYY-MM, such as 2025-09, from 1900-01 to 9998-12.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def containing(cls, day: date) -> Self:
        """Return the month that contains a settlement date."""
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def until(self) -> date:
        """The first day of the next month."""
        if self.month == 12:
            return date(self.year + 1, 1, 1)
        return date(self.year, self.month + 1, 1)

    @property
    def days(self) -> int:
        return (self.until - self.first_day).days

    def __contains__(self, day: date) -> bool:
        return self.first_day <= day < self.until

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"
