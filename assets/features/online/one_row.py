"""The features of one row over the events of its entity, in few NumPy calls.

Belongs here: windows as slices of sorted events, and their statistics. Does not belong here: reducing slices
(`nested.py`), the formulas (`formulas.py`), many rows (`assets.features.kernel.aggregates`, which also compute the
measures that are not sliced). All windows of a row end together, so a shorter window is the tail of a longer one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assets.features.columns.columns import Columns
from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.aggregates.compute import FAMILIES
from assets.features.kernel.calendars import period_start
from assets.features.kernel.edges import edges
from assets.features.kernel.plan import Group
from assets.features.kernel.scope import Measure, Member, Scope
from assets.features.kernel.windows import EventArrays, RowArrays, tie_starts
from assets.features.online.formulas import values_of
from assets.features.online.nested import EXTREMES, SUM, Nested
from assets.vocabulary import Calendar

_EVER = -(2**63)


@dataclass(frozen=True)
class _Kept:
    """The events that meet some filters and have a value in some column.

    Attributes:
        index: Their positions among the events up to the end of the windows; None where every such event is kept.
        starts: For each window the number of kept events before it.
        size: The number of kept events.
    """

    index: np.ndarray | None
    starts: list[int]
    size: int

    @cached_property
    def windows(self) -> Nested:
        """The windows over the kept events."""
        return Nested(self.starts, self.size)

    def of(self, values: np.ndarray) -> np.ndarray:
        """The kept events' values of a column."""
        return values[: self.size] if self.index is None else values[self.index]


def one_row(group: Group, events: EventArrays, rows: RowArrays) -> dict[str, float | str | None]:
    """The features of a group for one row, NaN for a missing number, None for a missing text.

    Args:
        events: The events of the row's entity, in any order; no record has two revisions among them.
        rows: One row.
    """
    row, features = OneRow(group, events, rows), {}
    for measure in group.measures:
        values = row.values(measure) if measure.sliced else row.others(measure)
        for member, value in zip(measure.members, values, strict=True):
            features[group.names[member.slot]] = value
    return features


class OneRow:
    """One row and the events that it may use: the `Evidence` of its windows. Arguments as for `one_row`."""

    def __init__(self, group: Group, events: EventArrays, rows: RowArrays) -> None:
        self.as_of = int(rows.as_of[0])
        self._group, self._rows = group, rows
        self._events = _usable_events(group, events, rows)
        self._starts, self._stop = self._edges()
        self._kept: dict[tuple[int, str | None], _Kept] = {}
        self._valid: dict[str, tuple[np.ndarray | None, bool]] = {}

    def values(self, measure: Measure) -> Sequence[float]:
        """The features of a sliced measure, in the order of its members, NaN for missing."""
        if measure.family == "distinct":
            return self._distinct(measure)
        if measure.family == "latest" and any(member.kind == "last" for member in measure.members):
            return self._latest(measure)
        return values_of(self, measure, self._group.needs.exact, self.as_of)

    def others(self, measure: Measure) -> Sequence[float | str | None]:
        """The features of any other measure, by the code for many rows."""
        values = FAMILIES[measure.family](self._scope, measure)
        return [value[0] if value.dtype == object else float(value[0]) for value in values]

    @cached_property
    def _scope(self) -> Scope:
        group = self._group
        edge = edges(self._events, self._rows, group.windows, group.includes_request, group.end)
        return Scope(self._events, self._rows, edge, group.needs.exact, group.filters)

    # ------------------------------------------------------------------ evidence

    def counts(self, filters: int, column: str | None) -> Sequence[int]:
        """Number of events that meet the filters and have a value."""
        kept = self._keep(filters, column)
        end = kept.size + self._request_counts(filters, column)
        return [end - start for start in kept.starts]

    def totals(self, filters: int, column: str, power: int) -> Sequence[int]:
        """Exact sums of the column's steps to the power."""
        kept, exact = self._keep(filters, column), self._events.columns.exact[column]
        small = exact.largest**power * len(exact.steps) < WHOLE_LIMIT
        steps = kept.of(exact.steps).astype(np.int64 if small else object, copy=False)
        totals = kept.windows.reduced(steps if power == 1 else steps * steps, SUM)
        if not self._request_counts(filters, column):
            return totals
        request = int(self._request.exact[column].steps[0]) ** power
        return [total + request for total in totals]

    def extremes(self, family: str, filters: int, column: str) -> Sequence[float]:
        """Smallest (`min`) or largest (`max`) values; infinite over none."""
        extreme, kept = EXTREMES[family], self._keep(filters, column)
        values = kept.windows.reduced(kept.of(self._events.columns.numbers[column]), extreme)
        if not self._request_counts(filters, column):
            return values
        request = float(self._request.numbers[column][0])
        return [extreme.of_two(value, request) for value in values]

    def times(self, family: str, filters: int) -> Sequence[int | None]:
        """Times of the latest or the earliest event, the request not considered; None over none."""
        kept = self._keep(filters, None)
        times = kept.of(self._events.time)
        places = [kept.size - 1 if family == "latest" else start for start in kept.starts]
        return [
            int(times[place]) if start < kept.size else None for place, start in zip(places, kept.starts, strict=True)
        ]

    # ------------------------------------------------------------------ measures without tiles

    def _latest(self, measure: Measure) -> Sequence[float]:
        """The age of the last event of each window, or its value of a column."""
        ages = values_of(self, measure, self._group.needs.exact, self.as_of)
        return [
            self._last(measure.filters, member) if member.kind == "last" else age
            for member, age in zip(measure.members, ages, strict=True)
        ]

    def _last(self, filters: int, member: Member) -> float:
        """The largest value among the last event and those tied with it."""
        # `aggregates` computes the same for many rows; this short form saves 257 microseconds per request.
        kept = self._keep(filters, None)
        if kept.starts[member.span] == kept.size:
            return member.empty
        values = kept.of(self._events.columns.numbers[str(member.column)])
        if self._tie_starts is None:
            return float(values[-1])
        ties = kept.of(self._tie_starts)
        return float(np.fmax.reduce(values[ties == ties[-1]]))

    def _distinct(self, measure: Measure) -> Sequence[float]:
        """Number of different values of each window, counted by their last occurrence; the request included."""
        # `distinct.distinct` computes the same for many rows; this short form saves 265 microseconds per request.
        filters, column = measure.filters, str(measure.column)
        kept, codes = self._keep(filters, column), self._events.columns.codes[column]
        request = int(self._request.codes[column][0]) if self._request_counts(filters, column) else -1
        latest = np.full(max(int(codes.max(initial=-1)), request) + 1, -1)
        latest[kept.of(codes)] = np.arange(kept.size)
        out = []
        for member in measure.members:
            start = kept.starts[member.span]
            # A code below -1 is a value that no event has.
            is_new = request < -1 or (request >= 0 and bool(latest[request] < start))
            n = int(np.count_nonzero(latest >= start)) + is_new
            out.append(float(n) if n else member.empty)
        return out

    @cached_property
    def _tie_starts(self) -> np.ndarray | None:
        return tie_starts(self._events)

    # ------------------------------------------------------------------ which events

    def _edges(self) -> tuple[np.ndarray, int]:
        """Where each window begins, int64 [windows], and where all end; windows of a number of events begin at 0."""
        # `edges.edges` computes the same for many rows; this short form saves 84 microseconds per request.
        end, windows = self._group.end, self._group.windows
        at = self._period(end) - 1 if isinstance(end, Calendar) else self.as_of - end
        bounds = [at] * (len(windows) + 1)
        for number, window in enumerate(windows):
            if isinstance(window, int):
                bounds[number] = at - window
            else:
                bounds[number] = self._period(window) - 1 if isinstance(window, Calendar) else _EVER
        positions = self._events.time.searchsorted(np.array(bounds), "right")
        return positions[:-1], int(positions[-1])

    def _period(self, calendar: Calendar) -> int:
        return int(period_start(self._rows.as_of, calendar)[0])

    def _keep(self, filters: int, column: str | None) -> _Kept:
        valid = None if column is None else self._validity(column)[0]
        key = (filters, None if valid is None else column)
        if key not in self._kept:
            masks = [self._events.columns.masks[predicate] for predicate in self._group.filters[filters]]
            self._kept[key] = self._chosen(masks if valid is None else [*masks, valid])
        return self._kept[key]

    def _chosen(self, masks: list[np.ndarray]) -> _Kept:
        if not masks:
            return _Kept(None, self._starts.tolist(), self._stop)
        mask = masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)
        index = mask[: self._stop].nonzero()[0]
        return _Kept(index, index.searchsorted(self._starts).tolist(), len(index))

    def _validity(self, column: str) -> tuple[np.ndarray | None, bool]:
        """bool [n]: which events have a value in a column (None: all); and whether the request has one."""
        if column not in self._valid:
            events = _valid(self._events.columns, column)
            request = None if self._rows.columns is None else _valid(self._rows.columns, column)
            self._valid[column] = events, request is None or bool(request[0])
        return self._valid[column]

    def _request_counts(self, filters: int, column: str | None) -> bool:
        """Whether the request counts as one more event."""
        columns = self._rows.columns
        if columns is None or not all(columns.masks[predicate][0] for predicate in self._group.filters[filters]):
            return False
        return column is None or self._validity(column)[1]

    @property
    def _request(self) -> Columns:
        if self._rows.columns is None:
            raise TypeError("requests are not events of this group")
        return self._rows.columns


def _usable_events(group: Group, events: EventArrays, rows: RowArrays) -> EventArrays:
    """The events that the row may use, in order."""
    as_of, known = rows.as_of[0], np.maximum(events.time, events.other)
    usable = known <= as_of
    if group.includes_request:
        before = events.time < as_of
        if events.sequence is not None and rows.sequence is not None:
            before |= (events.time == as_of) & (events.sequence < rows.sequence[0])
        usable &= before
    if not usable.all():
        events = events.take(usable.nonzero()[0])
    gap = int((events.time[1:] - events.time[:-1]).min(initial=1))
    if gap > 0 or (gap == 0 and not group.orders_ties):
        return events
    keys = (events.other, events.time) if events.sequence is None else (events.other, events.sequence, events.time)
    return events.take(np.lexsort(keys))


def _valid(columns: Columns, name: str) -> np.ndarray | None:
    if name in columns.exact:
        return columns.exact[name].valid
    if name in columns.codes:
        codes = columns.codes[name]
        return codes != -1 if codes.min(initial=0) < 0 else None
    values = columns.numbers[name]
    return ~np.isnan(values) if np.isnan(values.min(initial=0.0)) else None  # a minimum propagates NaN
