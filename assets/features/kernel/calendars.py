"""Time zones: where calendar windows begin, and what a zone's clock shows, for many moments at once.

Belongs here: the first moment of a zone's days and months, the local time of moments. Does not belong here: what a
product declares (`assets.vocabulary.windows`), what is computed from a local time (`derive.py`).

A zone's clock is read by `zoneinfo`, once a day or month that occurs; the rows are looked up in what it said.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from assets.vocabulary import Calendar, FeatureError
from assets.vocabulary.windows import Unit

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LETTER = {"day": "D", "month": "M"}


def period_start(moments: np.ndarray, calendar: Calendar) -> np.ndarray:
    """First moment of the window's first period (of the current one where `back` is 0); int64 [m] microseconds.

    Raises:
        FeatureError: A period lies outside the years that a calendar has.
    """
    step = f"datetime64[{_LETTER[calendar.unit]}]"
    number = moments.astype("datetime64[us]").astype(step).astype(np.int64)
    if calendar.zone == "UTC":
        return (number - calendar.back).astype(step).astype("datetime64[us]").astype(np.int64)
    # A zone's date is at most one off that of UTC; the current period is the last that has begun.
    number = number + 1
    for _ in range(2):
        number = number - (_starts(number, calendar) > moments)
    return _starts(number - calendar.back, calendar)


def _starts(numbers: np.ndarray, calendar: Calendar) -> np.ndarray:
    found, where = np.unique(numbers, return_inverse=True)
    starts = [_start(calendar.unit, number, calendar.zone) for number in found.tolist()]
    return np.array(starts, np.int64)[where]


@lru_cache(maxsize=65_536)
def _start(unit: Unit, number: int, zone: str) -> int:
    """Microseconds at which the day or month of this number since 1970 begins.

    Where the clock shows that midnight twice it is the first; where it jumps over it, the moment of the jump.
    """
    try:
        if unit == "day":
            first = date(1970, 1, 1) + timedelta(days=number)
        else:
            first = date(1970 + number // 12, number % 12 + 1, 1)
        return (datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)) - _EPOCH) // _MICROSECOND
    except (OverflowError, ValueError) as error:
        raise FeatureError(
            f"a calendar window in {zone} needs {unit} {number} from 1970 on, which is outside the years 1 to 9999; "
            "mend the rows' as_of"
        ) from error


def local(moments: np.ndarray, zone: str) -> np.ndarray:
    """int64 [m]: microseconds that a clock of the zone shows since 1970.

    The zone's offset is looked up once an hour of moments, and once a second in an hour in which it changes.

    Args:
        moments: int64 [m], microseconds since 1970 (UTC).
        zone: IANA name.
    """
    if zone == "UTC":
        return moments
    place = ZoneInfo(zone)
    hours, which = np.unique(moments // _HOUR, return_inverse=True)
    first = np.array([_offset(hour * _HOUR, place) for hour in hours.tolist()], np.int64)
    last = np.array([_offset((hour + 1) * _HOUR - _SECOND, place) for hour in hours.tolist()], np.int64)
    offset = first[which]
    for number in np.flatnonzero((first != last)[which]).tolist():
        offset[number] = _offset(int(moments[number]), place)
    return moments + offset


def _offset(micros: int, place: ZoneInfo) -> int:
    """Microseconds that the zone is ahead of UTC at a moment."""
    ahead = (_EPOCH + timedelta(microseconds=micros)).astimezone(place).utcoffset()
    return (ahead or timedelta(0)) // _MICROSECOND
