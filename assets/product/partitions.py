"""How a product's time is divided into partitions: what one run makes whole is an hour, a day, a week or a month.

Belongs here: which slots (UTC days; of a product by the hour UTC hours) a partition has, which partitions hold given
ones, and which are over. All are UTC, so no clock change moves them. Does not belong here: Dagster's definition of them
(`assets.materialising`), the days of a product in an environment (`pipelines.partitions`), storage: the lake keeps the
hours of a product by the hour, and UTC days of any other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args

from resources.slots import Hour, Slot, day_of, first_hour, hours_of, last_hour, slots_between

Partition = Literal["hour", "day", "week", "month"]

PARTITIONS: tuple[Partition, ...] = get_args(Partition)
"""From the shortest to the longest."""
_LONGEST: dict[Partition, timedelta] = {
    "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31),
}  # fmt: skip
_ONE = timedelta(days=1)


@dataclass(frozen=True)
class Partitions:
    """The partitions of a product, each named by its first slot in the calendar, also where the product begins later.

    Attributes:
        length: A UTC hour, a UTC day, an ISO week (from Monday) or a month of the calendar.
        first: The product's first day: the first partition has nothing before it.
        last: The product's last day, after which the last partition has nothing; `None` where new days arrive.
    """

    length: Partition
    first: date
    last: date | None = None

    @property
    def first_slot(self) -> Slot:
        """The product's first day or, by the hour, its first hour."""
        return first_hour(self.first) if self.length == "hour" else self.first

    @property
    def last_slot(self) -> Slot | None:
        """The product's last day or, by the hour, its last hour; `None` where new ones arrive."""
        return last_hour(self.last) if self.last is not None and self.length == "hour" else self.last

    def start(self, slot: Slot) -> Slot:
        """The first slot, in the calendar, of the partition that holds the slot."""
        if self.length == "month":
            return slot.replace(day=1)
        return slot - timedelta(days=slot.weekday()) if self.length == "week" else slot

    def end(self, slot: Slot) -> Slot:
        """The last slot, in the calendar, of the partition that holds the slot."""
        if self.length in ("hour", "day"):
            return slot
        return self.start(self.start(slot) + _LONGEST[self.length]) - _ONE

    def key(self, slot: Slot) -> str:
        """Dagster's key of the partition that holds the slot."""
        return str(self.start(slot))

    def whole(self, days: Iterable[Slot]) -> tuple[Slot, ...]:
        """Every slot that the product has of the partitions that hold these, in order; by the hour a day is its hours.

        A day or an hour is given back also where the product lacks it: a table may have it all the same.
        """
        if self.length == "hour":
            return tuple(sorted({hour for slot in days for hour in hours_of(slot)}))
        if self.length == "day":
            return tuple(sorted(set(days)))
        found: list[Slot] = []
        for start in sorted({self.start(day_of(slot)) for slot in days}):
            day, end = max(start, self.first), self._last_of(start)
            while day <= end:
                found.append(day)
                day += _ONE
        return tuple(found)

    def rounded(self, days: tuple[Slot, Slot]) -> tuple[Slot, Slot]:
        """The first and the last slot, rounded outwards to whole partitions; one that the product lacks stays.

        By the hour, a day stands for its first hour where it is the first, and for its last one where it is the last.
        """
        first, last = days
        if self.length == "hour":
            return hours_of(first)[0], hours_of(last)[-1]
        return (
            first if first < self.first else max(self.start(first), self.first),
            last if self.last is not None and last > self.last else self._last_of(last),
        )

    def starts(self, days: tuple[Slot, Slot]) -> tuple[Slot, ...]:
        """The starts of the partitions from that of the first slot to that of the last one."""
        if self.length in ("hour", "day"):
            return slots_between(*days)
        found, start = [], self.start(days[0])
        while start <= days[1]:
            found.append(start)
            start = self.end(start) + _ONE
        return tuple(found)

    def slots_in(self, slot: Slot) -> tuple[Slot, ...]:
        """The product's slots in a slot of one of its tables: the hours of a day, if it is made by the hour."""
        return hours_of(slot) if self.length == "hour" else (slot,)

    def ended(self, now: datetime) -> Slot:
        """The slot that was the last to end at a moment: yesterday or, by the hour, the hour before."""
        if self.length == "hour":
            return Hour.holding(now) - timedelta(hours=1)
        return now.astimezone(UTC).date() - _ONE

    def last_over(self, slot: Slot) -> Slot | None:
        """The last slot of the newest partition that is over at the end of the slot; `None` if none is over.

        By the hour, a day is over with its last hour.
        """
        if self.length == "hour":
            slot = hours_of(slot)[-1]
        end = self._last_of(slot)
        if end > slot:
            end = self.start(slot) - _ONE
        return end if end >= self.first_slot else None

    def name(self, slot: Slot) -> str:
        """The partition that holds the slot, for people: 2026-03-02-13:00, 2026-03-02, 2026-W10, 2026-03."""
        if self.length == "month":
            return f"{slot:%Y-%m}"
        return f"{slot:%G-W%V}" if self.length == "week" else str(slot)

    def _last_of(self, slot: Slot) -> Slot:
        end, last = self.end(slot), self.last_slot
        return end if last is None else min(end, last)


def longest(length: Partition) -> timedelta:
    """The time of the longest partition of a length."""
    return _LONGEST[length]


def fits(period: Partition, length: Partition) -> bool:
    """Whether a file of a period ends within one partition: it is not longer."""
    return PARTITIONS.index(period) <= PARTITIONS.index(length)
