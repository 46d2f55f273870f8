"""The days on which a source delivers nothing.

Belongs here: which days these are. Does not belong here: what a day without a delivery means to a reader or a contract
(`files/reader.py`, `assets.validation`), which days are partitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, get_args

from resources.errors import LooplineError

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEKDAYS = get_args(Weekday)


class BadCalendar(LooplineError, ValueError):
    """A calendar names no day of the week, or no date; the message names it and what to write."""


@dataclass(frozen=True)
class DeliveryCalendar:
    """The days on which a source delivers nothing: such a day is empty, and no file of it is missing.

    What arrives on such a day all the same is read and judged as ever.

    Attributes:
        closed: Days of the week, as `saturday`.
        holidays: Other days.
    """

    closed: Sequence[Weekday] = ()
    holidays: Sequence[date] = ()

    def __post_init__(self) -> None:
        names = (self.closed,) if isinstance(self.closed, str) else self.closed
        wrong = [name for name in names if name not in _WEEKDAYS]
        if wrong or isinstance(self.closed, str):
            raise BadCalendar(f"calendar: closed is {self.closed!r}; write a tuple of {', '.join(_WEEKDAYS)}")
        if len(set(self.closed)) == len(_WEEKDAYS):
            raise BadCalendar("calendar: closed has every day of the week; leave one out")
        for holiday in self.holidays:
            if not isinstance(holiday, date) or isinstance(holiday, datetime):
                raise BadCalendar(f"calendar: holidays has {holiday!r}; write dates, as date(2026, 12, 25)")

    def delivers(self, day: date) -> bool:
        """Whether something is to be expected of a day."""
        return _WEEKDAYS[day.weekday()] not in self.closed and day not in self.holidays

    def delivers_between(self, first: date, last: date) -> bool:
        """Whether something is to be expected of one of these days."""
        return any(self.delivers(first + timedelta(days=n)) for n in range((last - first).days + 1))


EVERY_DAY = DeliveryCalendar()
"""The calendar of a source that says nothing."""
