"""Windows as a product declares them, and their way to JSON and back.

Belongs here: lengths of time, calendar days and months, numbers of events. Does not belong here: what is computed over
a window (`history.py`), where it begins for a given moment (`assets.features.kernel.calendars`,
`assets.features.kernel.windows`), anything outside the standard library.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assets.vocabulary.conditions import FeatureError

Unit = Literal["day", "month"]

_MICROSECOND = timedelta(microseconds=1)
_LONGEST = {"day": 1, "month": 31}
_MOST = 1200
LONGEST = timedelta(days=365_000)
"""A thousand years: the calendar has days so long before any decision, to which events are read."""


@dataclass(frozen=True)
class Calendar:
    """Days or months of the calendar of a time zone; made by `today`, `this_month` and `last_months`.

    Attributes:
        back: 0 for the period that the decision falls into, from its first moment up to the decision; n for the n
            whole periods before that one.
        zone: An IANA time zone. A day begins where the zone's clock shows its midnight (in a spring night that has
            none, where the clock jumps over it), so it may last 23 or 25 hours.
    """

    unit: Unit
    back: int
    zone: str

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise FeatureError(f"calendar window of {self.unit!r}; write today(), this_month() or last_months(3)")
        if isinstance(self.back, bool) or not isinstance(self.back, int) or not 0 <= self.back <= _MOST:
            raise FeatureError(f"calendar window of {self.back!r} {self.unit}s; write last_months(3), at most {_MOST}")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise FeatureError(
                f"calendar window in time zone {self.zone!r}, which is not known; write an IANA name: 'Europe/Berlin'"
            ) from error

    @property
    def current(self) -> "Calendar":
        """The period that the decision falls into."""
        return Calendar(self.unit, 0, self.zone)

    @property
    def longest(self) -> timedelta:
        """At least as long as the time from the window's first moment to the decision ever is.

        Two days are added for zones that changed over the date line, where a date lasted 47 hours.
        """
        return timedelta(days=_LONGEST[self.unit] * (self.back + 1) + 2)


@dataclass(frozen=True)
class LastEvents:
    """The last events up to the decision, whenever they were; made by `last_events`."""

    count: int

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or not 1 <= self.count < 2**31:
            raise FeatureError(f"window of the last {self.count!r} events; write last_events(10)")


Window = timedelta | Calendar | LastEvents
"""How far back events count: a length of time, a period of the calendar, or a number of events."""


def today(zone: str = "UTC") -> Calendar:
    """The calendar day of the decision, from its midnight up to the decision."""
    return Calendar("day", 0, zone)


def this_month(zone: str = "UTC") -> Calendar:
    """The calendar month of the decision, from its first moment up to the decision."""
    return Calendar("month", 0, zone)


def last_months(n: int, zone: str = "UTC") -> Calendar:
    """The n whole calendar months before that of the decision."""
    if n == 0:
        raise FeatureError("last_months(0) holds nothing; write this_month() or last_months(1)")
    return Calendar("month", n, zone)


def last_events(n: int) -> LastEvents:
    """The last n events that meet the conditions, by the windows' time; the request is one of them where it counts.

    Simultaneous events are ordered by sequence and then by their other time. Those that are still alike stand in the
    window together, so that it then holds more than n.
    """
    return LastEvents(n)


def checked_window(window: object, what: str) -> None:
    """Raises FeatureError unless it is a window, or None for all history."""
    if isinstance(window, timedelta):
        fits = window > timedelta(0)
    else:
        fits = window is None or isinstance(window, (Calendar, LastEvents))
    if not fits:
        raise FeatureError(
            f"{what}: window {window!r}; write days(30), this_month(), last_events(10), or None for all history"
        )
    if isinstance(window, timedelta) and window > LONGEST:
        raise FeatureError(
            f"{what}: window of {window.days} days; write at most {LONGEST.days}, or None for all history"
        )


def checked_lag(lag: object, window: Window | None, what: str) -> None:
    """Raises FeatureError unless the window may end that long before the decision."""
    if lag is None:
        return
    if not isinstance(lag, timedelta) or lag <= timedelta(0):
        raise FeatureError(f"{what}: lag={lag!r}; write lag=days(7), or leave it out for none")
    if isinstance(window, (Calendar, LastEvents)):
        raise FeatureError(f"{what}: a lag goes with a length of time or all history; write days(30) for its window")
    if lag > LONGEST - (window or timedelta(0)):
        raise FeatureError(
            f"{what}: a lag of {lag.days} days; write one that is at most {LONGEST.days} days together with its window"
        )


def reach_of(window: Window | None, lag: timedelta | None) -> timedelta | None:
    """How long before the decision the window's first event can be; None where nothing bounds it."""
    if window is None or isinstance(window, LastEvents):
        return None
    length = window.longest if isinstance(window, Calendar) else window
    return length + (lag or timedelta(0))


def window_record(window: Window | None) -> Any:
    """The window as a JSON value: microseconds, or an object that names what it is."""
    if isinstance(window, timedelta):
        return window // _MICROSECOND
    if isinstance(window, Calendar):
        return {"unit": window.unit, "back": window.back, "zone": window.zone}
    return None if window is None else {"events": window.count}


def window_from(record: Any) -> Window | None:
    """The window that `window_record` wrote.

    Raises:
        FeatureError: The record is none.
    """
    if record is None:
        return None
    if isinstance(record, int) and not isinstance(record, bool) and abs(record) <= timedelta.max // _MICROSECOND:
        return record * _MICROSECOND
    if isinstance(record, dict) and set(record) == {"events"}:
        return LastEvents(record["events"])
    if isinstance(record, dict) and set(record) == {"unit", "back", "zone"}:
        return Calendar(**record)
    raise FeatureError(f"window {record!r} is none; it is microseconds, {{events}} or {{unit, back, zone}}")
