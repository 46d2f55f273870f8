"""Which events stand in which window of which row.

Belongs here: events in the order of (entity, time), windows as positions in that order, and what was not yet known.
Does not belong here: finding the positions (`edges.py`), what is computed over a window (`aggregates.py`), Arrow
(`assets.features.columns.columns`).

Times are int64 microseconds. An event has a time on the windows' axis and another time (`known_at` where windows are
over `event_time`, and the reverse); it may be used from the later of the two on, and where facts are corrected until a
later version of the same fact is known (`revisions.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from assets.features.columns.columns import Columns
from assets.features.columns.limits import WHOLE_LIMIT
from assets.vocabulary import Calendar, LastEvents

Span = int | Calendar | LastEvents | None
"""A window: its length in microseconds, days or months of a calendar, a number of events; None for all history."""

NEVER = np.iinfo(np.int64).max
_PAIRS = 4_000_000
"""How many (row, event) pairs are held at a time where windows must be spelled out."""


@dataclass(frozen=True)
class Events:
    """n events of the entities 0 … entities - 1, sorted by entity and time once `ordered` made them.

    Attributes:
        entity: int64 [n].
        time, other: int64 [n], microseconds.
        sequence: int64 [n], order within a microsecond; None where ties do not matter.
        until: int64 [n], when a later version took the event's place, NEVER if none did; None where none did at all.
    """

    entity: np.ndarray
    time: np.ndarray
    other: np.ndarray
    sequence: np.ndarray | None
    columns: Columns
    until: np.ndarray | None = None

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
            None if self.until is None else self.until[index],
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
    """Windows as positions: window w of row r holds the events lo[w, r] … hi[r] - 1. int64 [windows, m] and [m].

    Attributes:
        newest: For each window the number of events that it holds at most, 0 for any number; their lo is that of all
            history, since it depends on the events that are asked for (`newest`). None where no window counts events.
    """

    lo: np.ndarray
    hi: np.ndarray
    newest: tuple[int, ...] | None = None


def ordered(events: Events, rows: Rows, reach: int | None, settled: bool) -> Events:
    """The events that any row can see, in order; other versions of a fact among them.

    Args:
        reach: The longest window in microseconds; None for all history.
        settled: Whether simultaneous events are put in order by sequence and then by their other time.
    """
    keep = events.entity >= 0
    if len(rows):
        keep &= events.time <= rows.as_of.max()
        if reach is not None:
            keep &= events.time > rows.as_of.min() - reach
    if events.until is not None:
        keep &= events.until > np.maximum(events.time, events.other)
        keep &= events.until > rows.as_of.min(initial=NEVER)
    order = np.flatnonzero(keep)
    entity, time = events.entity[order], events.time[order]
    position = _position(entity, time)
    if position is None:
        order = order[np.lexsort((time, entity))]
        events = events.take(order)
        tied = (np.diff(events.entity) == 0) & (np.diff(events.time) == 0)
    else:
        if not (position[1:] >= position[:-1]).all():
            sorting = np.argsort(position)
            order, position = order[sorting], position[sorting]
        events = events.take(order)
        tied = position[1:] == position[:-1]
    return _settled(events, tied) if settled and tied.any() else events


def _position(entity: np.ndarray, time: np.ndarray) -> np.ndarray | None:
    """Entity and time as one integer; None when they do not fit."""
    if not len(time):
        return time
    first, last = int(time.min()), int(time.max())
    span = last - first + 1
    if span * (int(entity.max()) + 1) >= WHOLE_LIMIT:
        return None
    return entity * span + (time - first)


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


def unknown_yet(events: Events, rows: Rows, edge: Edges) -> np.ndarray:
    """Positions of rows whose longest window holds an event that may not be used yet (its other time is later)."""
    late = np.flatnonzero(events.other > events.time)
    if not late.size or not len(rows):
        return np.empty(0, np.int64)
    before = np.searchsorted(late, np.concatenate([edge.lo.min(axis=0), edge.hi])).reshape(2, -1)
    latest = range_pick(events.other[late], before[0], before[1], np.maximum, np.iinfo(np.int64).min)
    return np.flatnonzero(latest > rows.as_of)


def replaced_later(events: Events, rows: Rows, edge: Edges) -> np.ndarray:
    """Positions of rows whose longest window holds an event that a later version took the place of after the row."""
    if events.until is None or not len(rows):
        return np.empty(0, np.int64)
    replaced = np.flatnonzero(events.until != NEVER)
    before = np.searchsorted(replaced, np.concatenate([edge.lo.min(axis=0), edge.hi])).reshape(2, -1)
    latest = range_pick(events.until[replaced], before[0], before[1], np.maximum, np.iinfo(np.int64).min)
    return np.flatnonzero(latest > rows.as_of)


def spelled_out(
    events: Events, rows: Rows, edge: Edges, chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, Events, Rows]]:
    """The chosen rows, some at a time, each as an entity of its own with just the events that it may use."""
    low, high = edge.lo.min(axis=0)[chosen], edge.hi[chosen]
    for first, last in chunks(high - low):
        part = chosen[first:last]
        owner, index = ragged(low[first:last], high[first:last])
        moment = rows.as_of[part][owner]
        usable = events.other[index] <= moment
        if events.until is not None:
            usable &= events.until[index] > moment
        own = events.take(index[usable])
        mine = rows.take(part)
        yield part, replace(own, entity=owner[usable]), replace(mine, entity=np.arange(len(part)))


def ranges(times: np.ndarray, as_of: np.ndarray, reach: int, most: int) -> Iterator[tuple[np.ndarray, int, int]]:
    """Rows in ranges of their moments, each with the times (first, last] that it can see: at most so many events.

    Where the first row of a range sees more than half of that alone, the range sees up to twice as many as that row: it
    goes on by at least as many events as it looks back on, so an event is seen about twice, whatever `most` is. Rows of
    the same moment stay together, however many events they see.

    Args:
        times: Of all events, sorted.
        most: How many events a range may see.
    """
    order = np.argsort(as_of, kind="stable")
    moments = as_of[order]
    start = 0
    while start < len(order):
        first = int(moments[start]) - reach
        low, high = np.searchsorted(times, [first, moments[start]], "right").tolist()
        end = low + max(most, 2 * (high - low))
        stop = len(order) if end >= len(times) else int(np.searchsorted(moments, times[end], "left"))
        stop = max(stop, int(np.searchsorted(moments, moments[start], "right")))
        yield order[start:stop], first, int(moments[stop - 1])
        start = stop


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
