"""Where windows begin and end among ordered events.

Belongs here: binary searches for the edges of windows of every kind. Does not belong here: the order of events, which
events a row may use (`windows.py`), aggregates over a window (`aggregates`).
"""

from typing import Literal

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.calendars import period_start
from assets.features.kernel.windows import Edges, EventArrays, RowArrays, Span
from assets.vocabulary import Calendar, LastEvents
from assets.vocabulary.windows import MICROSECOND


class Finder:
    """Binary search for (entity, time) among ordered events, on one composite integer.

    Where (entities x span of time) exceeds 63 bits, slabs of entities that fit are searched one by one.
    """

    def __init__(self, events: EventArrays, rows: RowArrays, lookback: int) -> None:
        self.first = int(rows.as_of.min()) - lookback - 1
        self.span = int(rows.as_of.max()) - self.first + 2
        # No query is at `first`, at the end or outside, so times are clipped into [first, first + span).
        time = np.clip(events.time, self.first, self.first + self.span - 1)
        self.slab = max(1, WHOLE_LIMIT // self.span)
        self.entity, self.time = events.entity, time
        self.fits = max(int(events.entity[-1]), int(rows.entity.max())) < self.slab
        self.composite = events.entity * self.span + (time - self.first) if self.fits else None

    def __call__(self, entity: np.ndarray, time: np.ndarray, side: Literal["left", "right"]) -> np.ndarray:
        """For each (entity, time) the number of events before it (`left`), or before and at it (`right`)."""
        offset = time - self.first
        if self.composite is not None:
            return np.searchsorted(self.composite, entity * self.span + offset, side)
        positions = np.empty(len(entity), np.int64)
        for number in np.unique(entity // self.slab):
            chosen = np.flatnonzero(entity // self.slab == number)
            low, high = np.searchsorted(self.entity, [number * self.slab, (number + 1) * self.slab])
            base = number * self.slab
            slab = (self.entity[low:high] - base) * self.span + (self.time[low:high] - self.first)
            query = (entity[chosen] - base) * self.span + offset[chosen]
            positions[chosen] = low + np.searchsorted(slab, query, side)
        return positions


def edges(
    events: EventArrays, rows: RowArrays, windows: tuple[Span, ...], before_only: bool, end: int | Calendar = 0
) -> Edges:
    """Positions of every window of every row among ordered events.

    Args:
        windows: A window of length w is (at - w, at], where `at` is the time at which the row's windows end.
        before_only: Only events strictly before the row count, by (time, sequence); for windows that end at the row.
        end: Microseconds between the end of the windows and the row, or a calendar: windows end where the calendar
            period that contains the row begins.
    """
    shape = (len(windows), len(rows))
    counts = tuple(w.count if isinstance(w, LastEvents) else 0 for w in windows)
    last_n = counts if any(counts) else None
    if not len(events) or not len(rows):
        return Edges(np.zeros(shape, np.int64), np.zeros(len(rows), np.int64), last_n)
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
    return Edges(lo, hi, last_n)  # entity -1 sorts before all others: its windows are [0, 0)


def _longest(spans: tuple[Span, ...]) -> int:
    """Upper bound of the time before a row at which edges are searched; the last span is the end of the windows."""
    lengths = [span.longest // MICROSECOND if isinstance(span, Calendar) else span for span in spans]
    *windows, end = [length if isinstance(length, int) else 0 for length in lengths]
    return end + max(windows)


def last_n_start(
    hi: np.ndarray, lo: np.ndarray, n: np.ndarray | int, places: np.ndarray | None, ties: np.ndarray | None
) -> np.ndarray:
    """Where the last n events of each window [lo, hi) begin; int64 [m].

    Args:
        n: The number of events, at least 0; one for each row, or one for all.
        places: Positions of the events that meet the conditions; None for all.
        ties: `tie_starts` of the events: tied events are all in a window, or none of them is.
    """
    if places is None:
        start = hi - n
    else:
        rank = np.searchsorted(places, hi) - n
        start = np.append(places, 0)[np.maximum(rank, 0)]
        start = np.where(rank < 0, lo, start)
    start = np.where(n == 0, hi, np.maximum(start, lo))
    if ties is None or not len(ties):
        return start
    inside = start < hi
    return np.where(inside, ties[np.where(inside, start, 0)], start)


def _within_tie(sequence: np.ndarray, wanted: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """First position in [low, high) whose sequence is not below the wanted one; binary search for all rows at once."""
    low, high = low.copy(), high.copy()
    while True:
        open_ = np.flatnonzero(low < high)
        if not open_.size:
            return low
        middle = (low[open_] + high[open_]) // 2
        below = sequence[middle] < wanted[open_]
        low[open_[below]] = middle[below] + 1
        high[open_[~below]] = middle[~below]
