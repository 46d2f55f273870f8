"""Slots: what a table with days replaces as a whole, a UTC day or a UTC hour.

Belongs here: an hour as a value, and what days and hours have in common: their names, their order, the next one. Does
not belong here: which of the two a product has (`assets.product.partitions`), storage (`resources.lake`).

A day is a `date`. An hour is the moment at which it starts. All are UTC, so no clock change makes one longer, and none
comes twice.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from resources.naming import BadName, checked_day, is_day

_HOUR = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d{2}):00")
_HOURS = 24


class Hour(datetime):
    """A UTC hour, as the moment at which it starts; as text it is Dagster's key of it, `2026-03-01-13:00`."""

    @classmethod
    def holding(cls, moment: datetime) -> "Hour":
        """The hour that holds a moment, which has a time zone."""
        at = moment.astimezone(UTC)
        return cls(at.year, at.month, at.day, at.hour, tzinfo=UTC)

    def __str__(self) -> str:
        return self.strftime("%Y-%m-%d-%H:00")


Slot = date
"""A UTC day, or an `Hour`, which is a date with a time. The two do not compare: they are never slots of one table."""


def is_slot(value: object) -> bool:
    """Whether the value is written as a slot: YYYY-MM-DD or YYYY-MM-DD-HH:00."""
    return is_day(value) or (isinstance(value, str) and _HOUR.fullmatch(value) is not None)


def checked_slot(value: str) -> Slot:
    """The UTC day or hour that a text names.

    Raises:
        BadName: The value has neither form, or names none of the calendar.
    """
    if is_day(value):
        return checked_day(value)
    found = _HOUR.fullmatch(value)
    if found is None:
        raise BadName(f"day {value!r} is not a date: write YYYY-MM-DD or, of an hour, YYYY-MM-DD-HH:00")
    if int(found[2]) >= _HOURS:
        raise BadName(f"hour {value!r} is not in the day: the last one is {found[1]}-23:00")
    return first_hour(checked_day(found[1])) + int(found[2]) * timedelta(hours=1)


def day_of(slot: Slot) -> date:
    """The UTC day of a slot."""
    return slot.date() if isinstance(slot, datetime) else slot


def slot_holding(moment: datetime, like: Slot) -> Slot:
    """The slot that holds a moment, which has a time zone; of the length of a given one."""
    return Hour.holding(moment) if isinstance(like, Hour) else moment.astimezone(UTC).date()


def days_of(slots: Iterable[Slot]) -> tuple[date, ...]:
    """The days of slots, each once, in order."""
    return tuple(sorted({day_of(slot) for slot in slots}))


def length_of(slot: Slot) -> timedelta:
    """The time from the start of a slot to that of the next one."""
    return timedelta(hours=1) if isinstance(slot, Hour) else timedelta(days=1)


def next_slot(slot: Slot) -> Slot:
    """The slot that follows."""
    return slot + length_of(slot)


def start_of(slot: Slot) -> datetime:
    """The moment at which a slot starts."""
    return slot if isinstance(slot, datetime) else datetime.combine(slot, time(), UTC)


def end_of(slot: Slot) -> datetime:
    """The moment at which a slot is over."""
    return start_of(slot) + length_of(slot)


def named(slot: Slot) -> str:
    """A slot in a sentence: `day 2026-03-01`, `hour 2026-03-01-13:00`."""
    return f"{length_name(slot)} {slot}"


def length_name(slot: Slot) -> Literal["hour", "day"]:
    """The word for slots of this length."""
    return "hour" if isinstance(slot, Hour) else "day"


def first_hour(day: date) -> Hour:
    """The hour with which a day begins."""
    return Hour(day.year, day.month, day.day, tzinfo=UTC)


def first_of(day: date, like: Slot) -> Slot:
    """The slot with which a day begins, of the length of a given one: the day itself, or its first hour."""
    return first_hour(day) if isinstance(like, Hour) else day


def last_hour(day: date) -> Hour:
    """The hour with which a day ends."""
    return Hour(day.year, day.month, day.day, _HOURS - 1, tzinfo=UTC)


def hours_of(slot: Slot) -> tuple[Slot, ...]:
    """The hours of a day; an hour is its own."""
    return (slot,) if isinstance(slot, Hour) else slots_between(first_hour(slot), last_hour(slot))


def slot_before(slot: Slot, time_before: timedelta) -> Slot:
    """The slot so long before another: the hour that holds that moment, or the day so many whole days before."""
    found = slot - time_before
    return Hour.holding(found) if isinstance(found, Hour) else found


def stretches(slots: Iterable[Slot]) -> Iterator[tuple[Slot, ...]]:
    """Slots of one length, in order and each once, as stretches in which each is followed by the next one."""
    found: list[Slot] = []
    for slot in sorted(set(slots)):
        if found and slot != next_slot(found[-1]):
            yield tuple(found)
            found = []
        found.append(slot)
    if found:
        yield tuple(found)


def slots_between(first: Slot, last: Slot) -> tuple[Slot, ...]:
    """Every slot from first to last, both included; empty when last is before first."""
    step = length_of(first)
    return tuple(first + n * step for n in range((last - first) // step + 1))
