"""Which events stand in which window of which row.

Belongs here: events in the order of (entity, time), the edges of windows as positions in that order, and what was not
yet known. Does not belong here: what is computed over a window (`aggregates.py`), Arrow (`columns.py`).

Times are int64 microseconds. An event has a time on the windows' axis and another time (`known_at` where windows are
over `event_time`, and the reverse); it may be used from the later of the two on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assets.features.columns import Columns

_LIMIT = 2**62
_PAIRS = 4_000_000
"""How many (row, event) pairs are held at a time where windows must be spelled out."""


@dataclass(frozen=True)
class Events:
    """n events of the entities 0 … entities - 1, sorted by entity and time once `ordered` made them.

    Attributes:
        entity: int64 [n].
        time, other: int64 [n], microseconds.
        sequence: int64 [n], order within a microsecond; None where ties do not matter.
    """

    entity: np.ndarray
    time: np.ndarray
    other: np.ndarray
    sequence: np.ndarray | None
    columns: Columns

    def __len__(self) -> int:
        return len(self.time)

    def take(self, index: np.ndarray) -> "Events":
        """The events at these positions."""
        return Events(
            self.entity[index],
            self.time[index],
            self.other[index],
            None if self.sequence is None else self.sequence[index],
            self.columns.take(index),
        )


@dataclass(frozen=True)
class Rows:
    """m rows to be decided.

    Attributes:
        entity: int64 [m]; -1 for an entity that is not known, which has no events.
        as_of: int64 [m], microseconds.
        sequence: int64 [m], when the source's events have one.
        columns: The request's own columns, when the request counts as an event; else None.
    """

    entity: np.ndarray
    as_of: np.ndarray
    sequence: np.ndarray | None
    columns: Columns | None

    def __len__(self) -> int:
        return len(self.as_of)

    def take(self, index: np.ndarray) -> "Rows":
        """The rows at these positions."""
        return Rows(
            self.entity[index],
            self.as_of[index],
            None if self.sequence is None else self.sequence[index],
            None if self.columns is None else self.columns.take(index),
        )


@dataclass(frozen=True)
class Edges:
    """Windows as positions: window w of row r holds the events lo[w, r] … hi[r] - 1. int64 [windows, m] and [m]."""

    lo: np.ndarray
    hi: np.ndarray


def ordered(events: Events, rows: Rows, reach: int | None, settled: bool) -> Events:
    """The events that any row can see, in order.

    Args:
        reach: The longest window in microseconds; None for all history.
        settled: Whether simultaneous events are put in order by sequence and then by their other time.
    """
    keep = events.entity >= 0
    if len(rows):
        keep &= events.time <= rows.as_of.max()
        if reach is not None:
            keep &= events.time > rows.as_of.min() - reach
    if not keep.all():
        events = events.take(np.flatnonzero(keep))
    if len(events) < 2:
        return events
    position = _position(events)
    if position is None:
        events = events.take(np.lexsort((events.time, events.entity)))
        tied = (np.diff(events.entity) == 0) & (np.diff(events.time) == 0)
    else:
        if not (position[1:] >= position[:-1]).all():
            order = np.argsort(position)
            position, events = position[order], events.take(order)
        tied = position[1:] == position[:-1]
    return _settled(events, tied) if settled and tied.any() else events


def _position(events: Events) -> np.ndarray | None:
    """Entity and time as one integer; None when they do not fit."""
    first, last = int(events.time.min()), int(events.time.max())
    span = last - first + 1
    if span * (int(events.entity.max()) + 1) >= _LIMIT:
        return None
    return events.entity * span + (events.time - first)


def _settled(events: Events, tied: np.ndarray) -> Events:
    """Orders the events of the same entity and time among themselves."""
    inside = np.zeros(len(events), bool)
    inside[1:] |= tied
    inside[:-1] |= tied
    places = np.flatnonzero(inside)
    keys = [events.other[places], events.time[places], events.entity[places]]
    if events.sequence is not None:
        keys.insert(1, events.sequence[places])
    order = np.arange(len(events))
    order[places] = places[np.lexsort(keys)]
    return events.take(order)


def moments(events: Events) -> np.ndarray | None:
    """For each settled event the position of the first that no time or sequence tells apart from it.

    None when every event is told apart from its neighbours.
    """
    same = np.ones(max(len(events) - 1, 0), bool)
    for values in (events.time, events.other, events.entity, events.sequence):
        if values is not None:
            same &= values[1:] == values[:-1]
    if not same.any():
        return None
    first = np.arange(len(events))
    first[1:][same] = 0
    return np.maximum.accumulate(first)


class Finder:
    """Binary search for (entity, time) among ordered events, on one composite integer.

    Where entity x span of time does not fit into 63 bits, the entities are searched in slabs that do.
    """

    def __init__(self, events: Events, rows: Rows, reach: int) -> None:
        self.first = int(rows.as_of.min()) - reach - 1
        self.span = int(rows.as_of.max()) - self.first + 2
        # Nothing is asked at first, at its end or outside, so times are clipped into [first, first + span).
        time = np.clip(events.time, self.first, self.first + self.span - 1)
        self.slab = max(1, _LIMIT // self.span)
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


def edges(events: Events, rows: Rows, windows: tuple[int | None, ...], before_only: bool) -> Edges:
    """Positions of every window of every row among ordered events.

    Args:
        windows: Lengths in microseconds; None for all history. Window w of a row is (as_of - w, as_of].
        before_only: Only events strictly before the row count, by (time, sequence).
    """
    shape = (len(windows), len(rows))
    if not len(events) or not len(rows):
        return Edges(np.zeros(shape, np.int64), np.zeros(len(rows), np.int64))
    find = Finder(events, rows, max((w for w in windows if w is not None), default=0))
    hi = find(rows.entity, rows.as_of, "left" if before_only else "right")
    if before_only and events.sequence is not None and rows.sequence is not None:
        hi = _within_tie(events.sequence, rows.sequence, hi, find(rows.entity, rows.as_of, "right"))
    lo = np.empty(shape, np.int64)
    for number, window in enumerate(windows):
        if window is None:
            lo[number] = np.searchsorted(events.entity, rows.entity)
        else:
            lo[number] = find(rows.entity, rows.as_of - window, "right")
    return Edges(lo, hi)  # of entity -1, which stands before all others, everything is at 0


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


def unknown_yet(events: Events, rows: Rows, edge: Edges) -> np.ndarray:
    """Positions of rows whose longest window holds an event that may not be used yet (its other time is later)."""
    late = np.flatnonzero(events.other > events.time)
    if not late.size or not len(rows):
        return np.empty(0, np.int64)
    before = np.searchsorted(late, np.concatenate([edge.lo.min(axis=0), edge.hi])).reshape(2, -1)
    newest = range_pick(events.other[late], before[0], before[1], np.maximum, np.iinfo(np.int64).min)
    return np.flatnonzero(newest > rows.as_of)


def spelled_out(
    events: Events, rows: Rows, edge: Edges, chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, Events, Rows]]:
    """The chosen rows, some at a time, each as an entity of its own with just the events that it may use."""
    low, high = edge.lo.min(axis=0)[chosen], edge.hi[chosen]
    for first, last in chunks(high - low):
        part = chosen[first:last]
        owner, index = ragged(low[first:last], high[first:last])
        usable = events.other[index] <= rows.as_of[part][owner]
        own = events.take(index[usable])
        mine = rows.take(part)
        yield part, replace(own, entity=owner[usable]), replace(mine, entity=np.arange(len(part)))


def chunks(sizes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of rows whose sizes add up to at most _PAIRS (or a single row)."""
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _PAIRS, "right")))
        yield first, last
        first = last


def ragged(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every position of every range [low, high): which range it belongs to, and the position. int64 [sum of sizes]."""
    sizes = high - low
    owner = np.repeat(np.arange(len(low)), sizes)
    starts = np.cumsum(sizes) - sizes
    return owner, np.arange(len(owner)) - starts[owner] + low[owner]


def range_pick(values: np.ndarray, low: np.ndarray, high: np.ndarray, pick: np.ufunc, neutral: float) -> np.ndarray:
    """minimum or maximum over each range [low, high), `neutral` for an empty one; ranges of any shape.

    A range of length 2^k … 2^(k+1) - 1 is two overlapping blocks of 2^k (a sparse table, one level of it at a time):
    the cost is (values + ranges) x log(longest range), however much the ranges overlap.
    """
    length = high - low
    out = np.full(length.shape, neutral, values.dtype)
    level = np.frexp(length.astype(np.float64))[1] - 1
    width, table = 1, values
    for k in range(int(level.max(initial=-1)) + 1):
        if k:
            table, width = pick(table[:-width], table[width:]), width * 2
        chosen = np.nonzero(level == k)
        if chosen[0].size:
            out[chosen] = pick(table[low[chosen]], table[high[chosen] - width])
    return out
