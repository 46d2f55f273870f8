"""Time zones: starts of calendar periods and local times, for many moments at once.

Belongs here: the first moment of a zone's days and months, the local time of a moment. Does not belong here:
declarations (`assets.vocabulary.windows`), features of a local time (`derive.py`).

`zoneinfo` is called once for each day or month that occurs, and the rows are mapped to its results.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from assets.vocabulary import Calendar, FeatureError
from assets.vocabulary.windows import MICROSECOND, Unit
from resources.moments import EPOCH, SECOND_US, micros

_HOUR = 3_600 * SECOND_US
_LETTER = {"day": "D", "month": "M"}


def period_start(moments: np.ndarray, calendar: Calendar) -> np.ndarray:
    """First moment of the window's first period (of the current period for `back` 0); int64 [m] microseconds.

    Raises:
        FeatureError: A period is outside the years 1 to 9999.
    """
    step = f"datetime64[{_LETTER[calendar.unit]}]"
    number = moments.astype("datetime64[us]").astype(step).astype(np.int64)
    if calendar.zone == "UTC":
        return (number - calendar.back).astype(step).astype("datetime64[us]").astype(np.int64)
    # A zone's date differs from that of UTC by at most one day; the current period is the last that has begun.
    number = number + 1
    for _ in range(2):
        number = number - (_starts(number, calendar) > moments)
    return _starts(number - calendar.back, calendar)


def _starts(numbers: np.ndarray, calendar: Calendar) -> np.ndarray:
    different, where = np.unique(numbers, return_inverse=True)
    starts = [_start(calendar.unit, number, calendar.zone) for number in different.tolist()]
    return np.array(starts, np.int64)[where]


@lru_cache(maxsize=65_536)
def _start(unit: Unit, number: int, zone: str) -> int:
    """Start of a day or month in microseconds, by its number since 1970.

    Where the clock shows midnight twice, the period starts at the first; where it skips midnight, at the jump.
    """
    try:
        if unit == "day":
            first = date(1970, 1, 1) + timedelta(days=number)
        else:
            first = date(1970 + number // 12, number % 12 + 1, 1)
        return micros(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)))
    except (OverflowError, ValueError) as error:
        raise FeatureError(
            f"a calendar window in {zone} needs {unit} {number} since 1970, which is outside the years 1 to 9999; "
            "fix the rows' as_of"
        ) from error


def local(moments: np.ndarray, zone: str) -> np.ndarray:
    """Local time, int64 [m]: microseconds since 1970 on the zone's clock.

    The zone's offset is looked up once for each hour that occurs; in an hour in which it changes, for each moment.

    Args:
        moments: int64 [m], microseconds since 1970 (UTC).
        zone: IANA name.
    """
    if zone == "UTC":
        return moments
    place = ZoneInfo(zone)
    hours, which = np.unique(moments // _HOUR, return_inverse=True)
    first = np.array([_offset(hour * _HOUR, place) for hour in hours.tolist()], np.int64)
    last = np.array([_offset((hour + 1) * _HOUR - SECOND_US, place) for hour in hours.tolist()], np.int64)
    offset = first[which]
    for number in np.flatnonzero((first != last)[which]).tolist():
        offset[number] = _offset(int(moments[number]), place)
    return moments + offset


def _offset(moment: int, place: ZoneInfo) -> int:
    """Microseconds by which the zone is ahead of UTC at a moment, in microseconds since 1970."""
    ahead = (EPOCH + timedelta(microseconds=moment)).astimezone(place).utcoffset()
    return (ahead or timedelta(0)) // MICROSECOND
