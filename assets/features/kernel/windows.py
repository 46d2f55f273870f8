"""Which events are in which window of which row.

Belongs here: events ordered by (entity, time), windows as positions in that order, rows with events that were not known
yet. Does not belong here: finding the positions (`edges.py`), aggregates over a window (`aggregates`), Arrow
(`assets.features.columns.columns`).

Times are int64 microseconds. An event has a time on the windows' axis and another time (`known_at` where windows are
over `event_time`, and the reverse). A row may use the event from the later of the two times on; where the source sends
revisions, only until a later revision of the same record is known (`revisions.py`).
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
"""How many (row, event) pairs are held at a time where every event of every window is listed."""


@dataclass(frozen=True)
class EventArrays:
    """n events of the entities 0 … entities - 1; `ordered` sorts them by entity and time.

    Attributes:
        entity: int64 [n].
        time, other: int64 [n], microseconds.
        sequence: int64 [n], order within a microsecond; None where ties do not matter.
        replaced_at: int64 [n], when a later revision of the same record became known, NEVER where none did; None where
            no event is replaced.
    """

    entity: np.ndarray
    time: np.ndarray
    other: np.ndarray
    sequence: np.ndarray | None
    columns: Columns
    replaced_at: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.time)

    def take(self, index: np.ndarray) -> "EventArrays":
        """The events at these positions."""
        return EventArrays(
            self.entity[index],
            self.time[index],
            self.other[index],
            None if self.sequence is None else self.sequence[index],
            self.columns.take(index),
            None if self.replaced_at is None else self.replaced_at[index],
        )


@dataclass(frozen=True)
class RowArrays:
    """m rows to be decided.

    Attributes:
        entity: int64 [m]; -1 for an unknown entity, which has no events.
        as_of: int64 [m], microseconds.
        sequence: int64 [m], where the source's events have one.
        columns: The columns of the requests, where requests count as events; else None.
    """

    entity: np.ndarray
    as_of: np.ndarray
    sequence: np.ndarray | None
    columns: Columns | None

    def __len__(self) -> int:
        return len(self.as_of)

    def take(self, index: np.ndarray) -> "RowArrays":
        """The rows at these positions."""
        return RowArrays(
            self.entity[index],
            self.as_of[index],
            None if self.sequence is None else self.sequence[index],
            None if self.columns is None else self.columns.take(index),
        )


@dataclass(frozen=True)
class Edges:
    """Windows as positions: window w of row r holds the events lo[w, r] … hi[r] - 1. int64 [windows, m] and [m].

    Attributes:
        last_n: For each window its number of events, 0 for windows of time; None where every window is of time. The
            start of a window of a number of events depends on conditions (`last_n_start`); here its lo is that of all
            history.
    """

    lo: np.ndarray
    hi: np.ndarray
    last_n: tuple[int, ...] | None = None


def ordered(events: EventArrays, rows: RowArrays, lookback: int | None, orders_ties: bool) -> EventArrays:
    """The events that some row can use, sorted by entity and time; all revisions of a record among them.

    Args:
        lookback: The longest window in microseconds; None for all history.
        orders_ties: Whether simultaneous events are sorted by sequence and then by their other time.
    """
    keep = events.entity >= 0
    if len(rows):
        keep &= events.time <= rows.as_of.max()
        if lookback is not None:
            keep &= events.time > rows.as_of.min() - lookback
    if events.replaced_at is not None:
        keep &= events.replaced_at > np.maximum(events.time, events.other)
        keep &= events.replaced_at > rows.as_of.min(initial=NEVER)
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
    return _with_ordered_ties(events, tied) if orders_ties and tied.any() else events


def _position(entity: np.ndarray, time: np.ndarray) -> np.ndarray | None:
    """Entity and time as one integer; None where they do not fit."""
    if not len(time):
        return time
    first, last = int(time.min()), int(time.max())
    span = last - first + 1
    if span * (int(entity.max()) + 1) >= WHOLE_LIMIT:
        return None
    return entity * span + (time - first)


def _with_ordered_ties(events: EventArrays, tied: np.ndarray) -> EventArrays:
    """Sorts the events of the same entity and time among themselves; `tied` is bool [n - 1]."""
    places = np.flatnonzero(in_runs(tied))
    keys = [events.other[places], events.time[places], events.entity[places]]
    if events.sequence is not None:
        keys.insert(1, events.sequence[places])
    order = np.arange(len(events))
    order[places] = places[np.lexsort(keys)]
    return events.take(order)


def tie_starts(events: EventArrays) -> np.ndarray | None:
    """For each event, ties ordered, the first event with the same entity, times and sequence; int64 [n].

    None where no two events are tied.
    """
    same = np.ones(max(len(events) - 1, 0), bool)
    for values in (events.time, events.other, events.entity, events.sequence):
        if values is not None:
            same &= values[1:] == values[:-1]
    return run_starts(same) if same.any() else None


def rows_with_unknown_events(events: EventArrays, rows: RowArrays, edge: Edges) -> np.ndarray:
    """Positions of rows whose longest window holds an event that was not known yet (its other time is later)."""
    late = np.flatnonzero(events.other > events.time)
    if not late.size or not len(rows):
        return np.empty(0, np.int64)
    before = np.searchsorted(late, np.concatenate([edge.lo.min(axis=0), edge.hi])).reshape(2, -1)
    latest = range_pick(events.other[late], before[0], before[1], np.maximum, np.iinfo(np.int64).min)
    return np.flatnonzero(latest > rows.as_of)


def rows_with_later_revisions(events: EventArrays, rows: RowArrays, edge: Edges) -> np.ndarray:
    """Positions of rows whose longest window holds an event that a revision replaced after the row."""
    if events.replaced_at is None or not len(rows):
        return np.empty(0, np.int64)
    replaced = np.flatnonzero(events.replaced_at != NEVER)
    before = np.searchsorted(replaced, np.concatenate([edge.lo.min(axis=0), edge.hi])).reshape(2, -1)
    latest = range_pick(events.replaced_at[replaced], before[0], before[1], np.maximum, np.iinfo(np.int64).min)
    return np.flatnonzero(latest > rows.as_of)


def recompute_per_row(
    events: EventArrays, rows: RowArrays, edge: Edges, chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, EventArrays, RowArrays]]:
    """The chosen rows in chunks, each row as an entity of its own with exactly the events that it may use.

    Yields:
        Positions of a chunk's rows, the events copied for each of them, the rows; entities are numbers in the chunk.
    """
    low, high = edge.lo.min(axis=0)[chosen], edge.hi[chosen]
    for first, last in chunks(high - low):
        chunk = chosen[first:last]
        owner, index = ragged(low[first:last], high[first:last])
        as_of = rows.as_of[chunk][owner]
        usable = events.other[index] <= as_of
        if events.replaced_at is not None:
            usable &= events.replaced_at[index] > as_of
        usable_events, chunk_rows = events.take(index[usable]), rows.take(chunk)
        yield chunk, replace(usable_events, entity=owner[usable]), replace(chunk_rows, entity=np.arange(len(chunk)))


def ranges(times: np.ndarray, as_of: np.ndarray, lookback: int, most: int) -> Iterator[tuple[np.ndarray, int, int]]:
    """Rows in ranges of their as-of times, each with the times (first, last] of the events that its rows may use.

    A range has at most `most` events. If the window of its first row alone holds over half as many, the range may hold
    up to twice that window: it goes forward by at least as many events as it looks back, so that every event is in
    about two ranges, whatever `most` is. Rows of the same as-of time are in one range, whatever its number of events.

    Args:
        times: Times of all events, sorted.
        most: Upper bound of the events of a range.
    """
    order = np.argsort(as_of, kind="stable")
    sorted_as_of = as_of[order]
    start = 0
    while start < len(order):
        first = int(sorted_as_of[start]) - lookback
        low, high = np.searchsorted(times, [first, sorted_as_of[start]], "right").tolist()
        end = low + max(most, 2 * (high - low))
        stop = len(order) if end >= len(times) else int(np.searchsorted(sorted_as_of, times[end], "left"))
        stop = max(stop, int(np.searchsorted(sorted_as_of, sorted_as_of[start], "right")))
        yield order[start:stop], first, int(sorted_as_of[stop - 1])
        start = stop


def chunks(sizes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Chunks [first, last) of consecutive rows with at most _PAIRS events together, or a single row with more.

    Args:
        sizes: int64 [m], the number of events of each row.
    """
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _PAIRS, "right")))
        yield first, last
        first = last


def ragged(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every position of every range [low, high): the number of its range, and the position. int64 [sum of sizes]."""
    sizes = high - low
    owner = np.repeat(np.arange(len(low)), sizes)
    starts = np.cumsum(sizes) - sizes
    return owner, np.arange(len(owner)) - starts[owner] + low[owner]


def run_starts(same: np.ndarray) -> np.ndarray:
    """For each of n values the start of its run of equal values, int64 [n].

    Args:
        same: bool [n - 1], whether a value equals the one before; empty for n of 0 or 1.
    """
    first = np.arange(len(same) + 1)
    first[1:][same] = 0
    return np.maximum.accumulate(first)


def in_runs(same: np.ndarray) -> np.ndarray:
    """bool [n]: which values equal a neighbour; `same` as in `run_starts`."""
    inside = np.zeros(len(same) + 1, bool)
    inside[1:] |= same
    inside[:-1] |= same
    return inside


def range_pick(values: np.ndarray, low: np.ndarray, high: np.ndarray, pick: np.ufunc, neutral: float) -> np.ndarray:
    """minimum or maximum over each range [low, high), `neutral` for an empty one; ranges of any shape.

    A range of length 2^k … 2^(k+1) - 1 is covered by two overlapping blocks of 2^k (a sparse table, one level at a
    time): the cost is (values + ranges) x log(longest range), however much the ranges overlap.
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
