"""Moments and lengths of time as whole microseconds.

Belongs here: the conversion of moments to microseconds since 1970 (UTC), and the lengths of a second and a day. Does
not belong here: what time it is (`clock.py`).
"""

from datetime import UTC, date, datetime, time, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US = 1_000_000
"""Microseconds of a second."""
DAY_US = 86_400 * SECOND_US
"""Microseconds of a day of 24 hours."""
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """A moment with a time zone as microseconds since 1970 (UTC)."""
    return (moment - EPOCH) // _MICROSECOND


def midnight_us(day: date) -> int:
    """The start of a UTC day as microseconds since 1970."""
    return micros(datetime.combine(day, time(), UTC))
