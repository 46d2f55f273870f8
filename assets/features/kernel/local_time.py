"""Moments in the local time of a zone.

Belongs here: what has to be added to UTC, summer time right. Does not belong here: what is read off a clock
(`derived.py`).
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    return (ahead or timedelta(0)) // timedelta(microseconds=1)
