"""Faults of whole rows: a feed that is gone, rows that are repeated, a clock that is shifted.

Belongs here: comparing numbers of rows, repetitions and hours of a day with those of the days before. Does not belong
here: columns (`presence.py`, `numbers.py`, `categories.py`).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from assets.monitoring.faults.cells import HALF_HOURS
from assets.monitoring.faults.finding import Recognised
from assets.monitoring.faults.fingerprint import ColumnPrint, Fingerprint

_FEW = 0.3
"""A day with more than this part of the fewest rows of such a day is a quiet one."""
_SURPRISE = 14.0
_WEEKDAYS = 3
"""So many earlier days of the same day of the week speak for it alone."""
_LEAST_REPEATED, _MORE_REPEATED = 5, 0.02
_CLOCK_ROWS, _CLOCK_SURPRISE, _CLOCK_WIDER, _CLOCK_LEAST = 50, 11.0, 2.0, 0.01
"""Of 30 simulated years of a quiet source, of 60 to 3,000 events a day, one had a day beyond these; an hour's shift of
1,000 events a day is within them on its first day, of 300 events in every second case by its second day."""
_SMOOTH = (1, 2, 3, 2, 1)
"""Weights of half hours beside each other: chance differences between them are no pattern of the day."""
_HALF_BETTER = 3.0
_SUMMER_TIMES = ("Europe/Berlin", "America/New_York", "Australia/Sydney")
"""A zone for each of the days on which summer time begins and ends in most countries that have it."""
_LEAST_TURN = 2
"""Half hours: clocks are wrong by an hour at least, and the usual hours of a day vary by less."""
_EVEN = 0.1
"""So much of the usual shares is even over the day: a few events at odd hours are no other clock."""


def missing_feed(day: date, rows: int, before: Mapping[date, int]) -> Recognised | None:
    """No rows, or far fewer than on any such day before; `None` otherwise.

    A feed with few rows a day is judged by its days without rows in a row, together.

    Args:
        before: The rows of each day before on which rows were due.
    """
    same = [count for earlier, count in before.items() if earlier.weekday() == day.weekday()]
    usual = min(same) if len(same) >= _WEEKDAYS else min(before.values())
    if rows < _FEW * usual:
        surprise = usual - rows + (rows * math.log(rows / usual) if rows else 0.0)
        if surprise >= _SURPRISE:
            return Recognised("", "feed_missing", {"rows": rows, "usual": usual})
    if rows:
        return None
    runs = _runs_without([before[earlier] for earlier in sorted(before)])
    mean = sum(before.values()) / len(before)
    now = 1 + (runs[-1] if runs else 0)
    if now > max(runs[:-1], default=0) and mean * now >= _SURPRISE:
        return Recognised("", "feed_missing", {"rows": 0, "usual": round(mean), "days": now})
    return None


def missing_days(day: date, known: Sequence[date]) -> date | None:
    """The first of the days directly before this one that were never made, though earlier ones were; else `None`."""
    earlier = [one for one in known if one < day]
    if not earlier or max(earlier) == day - timedelta(days=1):
        return None
    return max(earlier) + timedelta(days=1)


def repeated_rows(today: Fingerprint, before: Sequence[Fingerprint]) -> Recognised | None:
    """More rows than ever that repeat a key, or another row in all but the key; `None` otherwise."""
    for repeated, shares in (
        (today.repeated_keys, [day.repeated_keys / day.rows for day in before if day.rows]),
        (today.copies, [day.copies / day.rows for day in before if day.rows]),
    ):
        most = max(shares, default=0.0)
        if repeated >= _LEAST_REPEATED and repeated / today.rows >= max(2 * most, most + _MORE_REPEATED):
            return Recognised("", "duplicated", {"repeated": repeated, "rows": today.rows, "usual": most})
    return None


def shifted_clock(name: str, day: date, today: ColumnPrint, before: Mapping[date, ColumnPrint]) -> Recognised | None:
    """Times of the day that fit the usual ones only once they are turned by some half hours; `None` otherwise.

    The counts of the day's half hours are correlated, round the clock, with the logarithm of the usual shares: the gain
    of a turn is how much more likely it makes the day. Days before have such gains too, as weekends do beside weekdays;
    the day's must be twice as large, a row, as any of theirs.

    A turn that a day with few events leaves open is told once the day before it has the same one: both together.
    """
    counts = {earlier: _dense(column) for earlier, column in before.items()}
    own, last = _dense(today), day - timedelta(days=1)
    if own.sum() < _CLOCK_ROWS:
        return None
    gains = _gains(own, _reference(day, counts))
    turn = _turned(gains, int(own.sum()), counts)
    if turn is None and last in counts and counts[last].sum() >= _CLOCK_ROWS and len(counts) > 1:
        others = {earlier: found for earlier, found in counts.items() if earlier != last}
        both = [_gains(own, _reference(day, others)), _gains(counts[last], _reference(last, others))]
        turn = _turned(both[0] + both[1], int(own.sum() + counts[last].sum()), others)
        if turn is None or any(alone[turn] < _CLOCK_SURPRISE / 3 for alone in both):
            return None
    if turn is None:
        return None
    hours = (turn if turn <= HALF_HOURS // 2 else turn - HALF_HOURS) / 2
    if _is_summer_time(day, sorted(before), hours):
        return None
    return Recognised(name, "clock_shifted", {"hours": hours, "rows": int(own.sum())})


def _is_summer_time(day: date, before: Sequence[date], hours: float) -> bool:
    """Whether people live by another clock than on most days before: in UTC their hours turn, and no clock is wrong."""
    for zone in map(ZoneInfo, _SUMMER_TIMES):
        now, *usual = (datetime.combine(one, time(12), zone).utcoffset() for one in (day, *before))
        if now is not None and Counter(usual).most_common(1)[0][0] == now + timedelta(hours=hours) != now:
            return True
    return False


def _turned(gains: NDArray[np.float64], rows: int, counts: Mapping[date, NDArray[np.int64]]) -> int | None:
    """The turn that makes the rows so much likelier that no usual day could; `None` without one."""
    gain, turn = _best(gains)
    if gain < _CLOCK_SURPRISE or gain < _CLOCK_LEAST * rows:
        return None
    usual = [
        _best(_gains(other, _reference(earlier, {one: found for one, found in counts.items() if one != earlier})))[0]
        / other.sum()
        for earlier, other in counts.items()
        if other.sum() >= _CLOCK_ROWS and len(counts) > 1
    ]
    return turn if gain / rows >= _CLOCK_WIDER * max(usual, default=0.0) else None


def _reference(day: date, counts: Mapping[date, NDArray[np.int64]]) -> NDArray[np.int64]:
    """The usual counts of such a day: of the same day of the week if there are enough, else of all."""
    same = [found for earlier, found in counts.items() if earlier.weekday() == day.weekday()]
    pooled = np.sum(same if len(same) >= _WEEKDAYS else list(counts.values()), axis=0)
    return np.asarray(sum(weight * np.roll(pooled, at) for at, weight in enumerate(_SMOOTH, start=-2)), dtype=np.int64)


def _gains(own: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.float64]:
    """The gain in log likelihood of each turn, in half hours: float64 [48], the first 0."""
    logs = np.log((1 - _EVEN) * reference / reference.sum() + _EVEN / HALF_HOURS)
    spectrum = np.conj(np.fft.rfft(logs)) * np.fft.rfft(own.astype(np.float64))
    likelihood = np.fft.irfft(spectrum, HALF_HOURS)
    return np.asarray(likelihood - likelihood[0], dtype=np.float64)


def _best(gains: NDArray[np.float64]) -> tuple[float, int]:
    """The largest gain of a turn of an hour at least, and the turn: of whole hours unless half an hour fits better."""
    allowed = np.arange(_LEAST_TURN, HALF_HOURS - _LEAST_TURN + 1)
    whole = allowed[::2]
    hour, half = whole[np.argmax(gains[whole])], allowed[np.argmax(gains[allowed])]
    turn = int(half if gains[half] > gains[hour] + _HALF_BETTER else hour)
    return float(gains[turn]), turn


def _dense(column: ColumnPrint) -> NDArray[np.int64]:
    counts = np.zeros(HALF_HOURS, dtype=np.int64)
    counts[list(column.cells)] = list(column.cells.values())
    return counts


def _runs_without(rows: Sequence[int]) -> list[int]:
    """The lengths of the runs of days without rows; the last one ends with the last day, and may be 0."""
    runs, length = [], 0
    for count in rows:
        if count:
            runs.append(length)
            length = 0
        else:
            length += 1
    return [*runs, length]
