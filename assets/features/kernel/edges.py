"""Where windows begin and end among ordered events.

Belongs here: binary searches for the edges of windows of any kind. Does not belong here: the order of events, which of
them may be used (`windows.py`), what is computed over a window (`aggregates.py`).
"""

from datetime import timedelta
from typing import Literal

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.calendars import period_start
from assets.features.kernel.windows import Edges, Events, Rows, Span
from assets.vocabulary import Calendar, LastEvents

_MICROSECOND = timedelta(microseconds=1)


class Finder:
    """Binary search for (entity, time) among ordered events, on one composite integer.

    Where entity x span of time does not fit into 63 bits, the entities are searched in slabs that do.
    """

    def __init__(self, events: Events, rows: Rows, reach: int) -> None:
        self.first = int(rows.as_of.min()) - reach - 1
        self.span = int(rows.as_of.max()) - self.first + 2
        # Nothing is asked at first, at its end or outside, so times are clipped into [first, first + span).
        time = np.clip(events.time, self.first, self.first + self.span - 1)
        self.slab = max(1, WHOLE_LIMIT // self.span)
        self.entity, self.time = events.entity, time
        self.fits = max(int(events.entity[-1]), int(rows.entity.max())) < self.slab
        self.composite = events.entity * self.span + (time - self.first) if self.fits else None

    def __call__(self, entity: np.ndarray, time: np.ndarray, side: Literal["left", "right"]) -> np.ndarray:
        """For each (entity, time) how many events are before it (`left`), or at most at it (`right`)."""
        wanted = time - self.first
        if self.composite is not None:
            return np.searchsorted(self.composite, entity * self.span + wanted, side)
        found = np.empty(len(entity), np.int64)
        for number in np.unique(entity // self.slab):
            chosen = np.flatnonzero(entity // self.slab == number)
            low, high = np.searchsorted(self.entity, [number * self.slab, (number + 1) * self.slab])
            base = number * self.slab
            part = (self.entity[low:high] - base) * self.span + (self.time[low:high] - self.first)
            query = (entity[chosen] - base) * self.span + wanted[chosen]
            found[chosen] = low + np.searchsorted(part, query, side)
        return found


def edges(events: Events, rows: Rows, windows: tuple[Span, ...], before_only: bool, end: int | Calendar = 0) -> Edges:
    """Positions of every window of every row among ordered events.

    Args:
        windows: A window of length w is (at - w, at], where `at` is the moment at which the row's windows end.
        before_only: Only events strictly before the row count, by (time, sequence); for windows that end at the row.
        end: How long before the row its windows end, or the calendar before whose current period they do.
    """
    shape = (len(windows), len(rows))
    counted = tuple(w.count if isinstance(w, LastEvents) else 0 for w in windows)
    most = counted if any(counted) else None
    if not len(events) or not len(rows):
        return Edges(np.zeros(shape, np.int64), np.zeros(len(rows), np.int64), most)
    at = rows.as_of
    if isinstance(end, Calendar):
        at = period_start(at, end) - 1
    elif end:
        at = at - end
    find = Finder(events, rows, _longest((*windows, end)))
    hi = find(rows.entity, at, "left" if before_only else "right")
    if before_only and events.sequence is not None and rows.sequence is not None:
        hi = _within_tie(events.sequence, rows.sequence, hi, find(rows.entity, rows.as_of, "right"))
    lo = np.empty(shape, np.int64)
    for number, window in enumerate(windows):
        if isinstance(window, int):
            lo[number] = find(rows.entity, at - window, "right")
        elif isinstance(window, Calendar):
            lo[number] = find(rows.entity, period_start(rows.as_of, window) - 1, "right")
        else:
            lo[number] = np.searchsorted(events.entity, rows.entity)
    return Edges(lo, hi, most)  # of entity -1, which stands before all others, everything is at 0


def _longest(spans: tuple[Span, ...]) -> int:
    """At least how far before a row anything is looked up; the last span is where the windows end."""
    lengths = [span.longest // _MICROSECOND if isinstance(span, Calendar) else span for span in spans]
    *windows, end = [length if isinstance(length, int) else 0 for length in lengths]
    return end + max(windows)


def newest(
    hi: np.ndarray, lo: np.ndarray, n: np.ndarray | int, places: np.ndarray | None, first: np.ndarray | None
) -> np.ndarray:
    """Where the last n events before hi begin, for windows that hold all of lo … hi - 1; int64 [m].

    Args:
        n: How many, at least 0; of each row, or of all.
        places: Positions of the events that are counted; None for all.
        first: `moments` of the events: what no time or sequence tells apart stands in a window together.
    """
    if places is None:
        found = hi - n
    else:
        rank = np.searchsorted(places, hi) - n
        found = np.append(places, 0)[np.maximum(rank, 0)]
        found = np.where(rank < 0, lo, found)
    found = np.where(n == 0, hi, np.maximum(found, lo))
    if first is None or not len(first):
        return found
    inside = found < hi
    return np.where(inside, first[np.where(inside, found, 0)], found)


def _within_tie(sequence: np.ndarray, wanted: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """First position in [low, high) whose sequence is not below the wanted one, for all rows at once."""
    low, high = low.copy(), high.copy()
    while True:
        open_ = np.flatnonzero(low < high)
        if not open_.size:
            return low
        middle = (low[open_] + high[open_]) // 2
        below = sequence[middle] < wanted[open_]
        low[open_[below]] = middle[below] + 1
        high[open_[~below]] = middle[~below]
