"""Windows as a product declares them, and their JSON records.

Belongs here: lengths of time, calendar days and months, numbers of events. Does not belong here: aggregates over a
window (`history.py`), where a window begins for a given decision (`assets.features.kernel.calendars`,
`assets.features.kernel.edges`), anything outside the standard library.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assets.vocabulary.conditions import FeatureError

Unit = Literal["day", "month"]

MICROSECOND = timedelta(microseconds=1)
_LONGEST = {"day": 1, "month": 31}
_MOST = 1200
LONGEST = timedelta(days=365_000)
"""A thousand years: Python's calendar begins earlier than that before any present decision."""


@dataclass(frozen=True)
class Calendar:
    """Calendar days or months of a time zone, as `today`, `this_month` and `last_months` return them.

    Attributes:
        back: 0 for the period of the decision, from its first moment up to the decision; n for the n whole periods
            before it.
        zone: An IANA time zone. A day begins at midnight of the zone's clock (in a spring night without midnight, when
            the clock skips it), so it may last 23 or 25 hours.
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
        """The period of the decision."""
        return Calendar(self.unit, 0, self.zone)

    @property
    def longest(self) -> timedelta:
        """Upper bound of the time from the window's first moment to the decision.

        Two days are added for zones that moved across the date line, where a date lasted 47 hours.
        """
        return timedelta(days=_LONGEST[self.unit] * (self.back + 1) + 2)


@dataclass(frozen=True)
class LastEvents:
    """The last events up to the decision, however long ago, as `last_events` returns them."""

    count: int

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or not 1 <= self.count < 2**31:
            raise FeatureError(f"window of the last {self.count!r} events; write last_events(10)")


Window = timedelta | Calendar | LastEvents
"""A length of time, a period of the calendar, or a number of events."""


def today(zone: str = "UTC") -> Calendar:
    """The calendar day of the decision, from its midnight up to the decision."""
    return Calendar("day", 0, zone)


def this_month(zone: str = "UTC") -> Calendar:
    """The calendar month of the decision, from its first moment up to the decision."""
    return Calendar("month", 0, zone)


def last_months(n: int, zone: str = "UTC") -> Calendar:
    """The n whole calendar months before the month of the decision."""
    if n == 0:
        raise FeatureError("last_months(0) is empty; write this_month() or last_months(1)")
    return Calendar("month", n, zone)


def last_events(n: int) -> LastEvents:
    """The last n events that meet the conditions, by the time of the windows; the request is one of them if it counts.

    Simultaneous events are ordered by sequence, then by their other time. Events that are still tied are all in the
    window, which then holds more than n.
    """
    return LastEvents(n)


def checked_window(window: object, label: str) -> None:
    """Raises FeatureError unless the value is a window, or None for all history."""
    if isinstance(window, timedelta):
        fits = window > timedelta(0)
    else:
        fits = window is None or isinstance(window, (Calendar, LastEvents))
    if not fits:
        raise FeatureError(
            f"{label}: window {window!r}; write days(30), this_month(), last_events(10), or None for all history"
        )
    if isinstance(window, timedelta) and window > LONGEST:
        raise FeatureError(
            f"{label}: window of {window.days} days; write at most {LONGEST.days}, or None for all history"
        )


def checked_lag(lag: object, window: Window | None, label: str) -> None:
    """Raises FeatureError unless the lag is valid together with the window."""
    if lag is None:
        return
    if not isinstance(lag, timedelta) or lag <= timedelta(0):
        raise FeatureError(f"{label}: lag={lag!r}; write lag=days(7), or leave it out for none")
    if isinstance(window, (Calendar, LastEvents)):
        raise FeatureError(f"{label}: a lag goes with a length of time or all history; write days(30) for its window")
    if lag > LONGEST - (window or timedelta(0)):
        raise FeatureError(
            f"{label}: a lag of {lag.days} days; write one that is at most {LONGEST.days} days together with its window"
        )


def lookback_of(window: Window | None, lag: timedelta | None) -> timedelta | None:
    """The longest time before the decision at which an event of the window can be; None where it is unbounded."""
    if window is None or isinstance(window, LastEvents):
        return None
    length = window.longest if isinstance(window, Calendar) else window
    return length + (lag or timedelta(0))


def window_record(window: Window | None) -> Any:
    """The window as a JSON value: microseconds, `{unit, back, zone}`, `{events}` or None."""
    if isinstance(window, timedelta):
        return window // MICROSECOND
    if isinstance(window, Calendar):
        return {"unit": window.unit, "back": window.back, "zone": window.zone}
    return None if window is None else {"events": window.count}


def window_from(record: Any) -> Window | None:
    """The window that `window_record` wrote.

    Raises:
        FeatureError: The record is not of a window.
    """
    if record is None:
        return None
    if isinstance(record, int) and not isinstance(record, bool) and abs(record) <= timedelta.max // MICROSECOND:
        return record * MICROSECOND
    if isinstance(record, dict) and set(record) == {"events"}:
        return LastEvents(record["events"])
    if isinstance(record, dict) and set(record) == {"unit", "back", "zone"}:
        return Calendar(**record)
    raise FeatureError(f"{record!r} is not a window; write microseconds, {{events}} or {{unit, back, zone}}")
