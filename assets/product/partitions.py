"""How a product's days are divided into partitions: what one run makes whole is a day, a week or a month.

Belongs here: which days a partition has, which partitions hold given days, and which are over. All days are UTC days,
so no clock change moves them. Does not belong here: Dagster's definition of them (`assets.materialising`), the days of
a product in an environment (`pipelines.partitions`), storage: the lake keeps UTC days whatever the partition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

Partition = Literal["day", "week", "month"]

PARTITIONS: tuple[Partition, ...] = get_args(Partition)
"""From the shortest to the longest."""
_LONGEST: dict[Partition, int] = {"day": 1, "week": 7, "month": 31}
_ONE = timedelta(days=1)


@dataclass(frozen=True)
class Partitions:
    """The partitions of a product. Each is named by its first day in the calendar, also where the product begins later.

    Attributes:
        length: A UTC day, an ISO week (from Monday) or a month of the calendar.
        first: The product's first day: the first partition has no days before it.
        last: The product's last day, after which the last partition has none; `None` where new days arrive.
    """

    length: Partition
    first: date
    last: date | None = None

    def start(self, day: date) -> date:
        """The first day, in the calendar, of the partition that holds the day."""
        if self.length == "month":
            return day.replace(day=1)
        return day - timedelta(days=day.weekday()) if self.length == "week" else day

    def end(self, day: date) -> date:
        """The last day, in the calendar, of the partition that holds the day."""
        return self.start(self.start(day) + _LONGEST[self.length] * _ONE) - _ONE

    def whole(self, days: Iterable[date]) -> tuple[date, ...]:
        """Every day that the product has of the partitions that hold these days, in order."""
        if self.length == "day":
            return tuple(sorted(set(days)))
        found: list[date] = []
        for start in sorted({self.start(day) for day in days}):
            day, end = max(start, self.first), self._last_of(start)
            while day <= end:
                found.append(day)
                day += _ONE
        return tuple(found)

    def rounded(self, days: tuple[date, date]) -> tuple[date, date]:
        """The first and the last day, rounded outwards to whole partitions; a day that the product lacks stays."""
        first, last = days
        return (
            first if first < self.first else max(self.start(first), self.first),
            last if self.last is not None and last > self.last else self._last_of(last),
        )

    def starts(self, days: tuple[date, date]) -> tuple[date, ...]:
        """The starts of the partitions from that of the first day to that of the last one."""
        found, start = [], self.start(days[0])
        while start <= days[1]:
            found.append(start)
            start = self.end(start) + _ONE
        return tuple(found)

    def last_over(self, day: date) -> date | None:
        """The last day of the newest partition that is over at the end of the day; `None` if none is over."""
        end = self._last_of(day)
        if end > day:
            end = self.start(day) - _ONE
        return end if end >= self.first else None

    def name(self, day: date) -> str:
        """The partition that holds the day, for people: 2026-03-02, 2026-W10, 2026-03."""
        if self.length == "month":
            return f"{day:%Y-%m}"
        return f"{day:%G-W%V}" if self.length == "week" else day.isoformat()

    def _last_of(self, day: date) -> date:
        return self.end(day) if self.last is None else min(self.end(day), self.last)


def longest(length: Partition) -> timedelta:
    """The time of the longest partition of a length."""
    return timedelta(days=_LONGEST[length])


def fits(period: Partition, length: Partition) -> bool:
    """Whether a file of a period ends within one partition: it is not longer."""
    return PARTITIONS.index(period) <= PARTITIONS.index(length)
