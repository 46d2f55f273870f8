"""What the aggregates of a group share.

Belongs here: the measures of a compiled plan, and the masks, counts and prefix sums that several of them read.
Does not belong here: the aggregates themselves (`aggregates.py`, `distinct.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from assets.features.kernel.edges import newest
from assets.features.kernel.windows import Edges, Events, Rows, moments
from assets.vocabulary import Predicate

Filters = tuple[Predicate, ...]

_EARLIER = ("latest", "earliest")
"""Families that ask of the events before the request alone."""


@dataclass(frozen=True)
class Member:
    """One feature of a measure.

    Attributes:
        slot: Its position in the group.
        column: The column whose first or last value it is; None for every other kind.
        window: Which of the measure's windows it takes.
        span: The same window, by its number in the group.
        part: For a share, the number of the filters of the events that count for it.
        empty: Its value over no events (NaN: missing).
        level: Which quantile it is.
        half_life: In how many microseconds the weight of an event halves.
        is_text: Whether its value is a text.
    """

    slot: int
    kind: str
    column: str | None
    window: int
    span: int
    part: int
    empty: float
    level: Fraction | None = None
    half_life: int | None = None
    is_text: bool = False


@dataclass(frozen=True)
class Measure:
    """Features that are computed together: the same family, filters and column, over some windows of the group.

    Attributes:
        filters: Number of the filters, in the group's list of them.
        windows: Numbers of the windows, likewise.
        all_history: Which of them have no end.
        sliced: Whether one row's values are found from its windows as slices (`assets.features.online.one_row`).
    """

    family: str
    filters: int
    column: str | None
    windows: tuple[int, ...]
    all_history: tuple[bool, ...]
    sliced: bool
    members: tuple[Member, ...]


class Scope:
    """Ordered events, rows and edges, with the masks and counts that measures share."""

    def __init__(
        self,
        events: Events,
        rows: Rows,
        edge: Edges,
        resolutions: Mapping[str, Fraction],
        filters: tuple[Filters, ...],
    ) -> None:
        self.events, self.rows, self.edge, self.resolutions = events, rows, edge, resolutions
        self._filters = filters
        self._masks: dict[tuple[int, bool], np.ndarray | None] = {}
        self._counts: dict[tuple[int, int, tuple[int, ...]], np.ndarray] = {}

    @cached_property
    def moments(self) -> np.ndarray | None:
        """For each event the first of the same moment; None where no two share one."""
        return moments(self.events)

    @cached_property
    def moment_ends(self) -> np.ndarray:
        """int64 [n]: for each event the last of the same moment."""
        if self.moments is None:
            return np.arange(len(self.events))
        last = len(self.events) - 1
        follows = np.append(self.moments[1:] == np.arange(1, last + 1), True)  # whether the next one begins a moment
        return np.minimum.accumulate(np.where(follows, np.arange(last + 1), last)[::-1])[::-1]

    def mask(self, filters: int, request: bool = False) -> np.ndarray | None:
        """bool [n]: which events meet the filters (None: all); with `request`, which rows do, bool [m]."""
        key = (filters, request)
        if key not in self._masks:
            columns = self.rows.columns if request else self.events.columns
            masks = [columns.masks[predicate] for predicate in self._filters[filters]] if columns else []
            self._masks[key] = np.logical_and.reduce(masks) if len(masks) > 1 else masks[0] if masks else None
        return self._masks[key]

    def own(self, filters: int, valid: np.ndarray | None) -> np.ndarray | None:
        """bool [m]: the rows whose request counts as one more event with a value; None when no request does."""
        if self.rows.columns is None:
            return None
        own = both(self.mask(filters, request=True), valid)
        return np.ones(len(self.rows), bool) if own is None else own

    def counts(self, filters: int, measure: Measure) -> np.ndarray:
        """int64 [windows, m]: how many events meet the filters, the request among them where it counts."""
        key = (filters, measure.filters, measure.windows)
        if key not in self._counts:
            self._counts[key] = counted(self.mask(filters), self.own(filters, None), *self.window(measure))
        return self._counts[key]

    def window(self, measure: Measure) -> tuple[np.ndarray, np.ndarray]:
        """lo [windows, m] and hi [m] of the measure's windows."""
        if self.edge.newest is not None:
            return self._newest(measure), self.edge.hi
        if len(measure.windows) == len(self.edge.lo):
            return self.edge.lo, self.edge.hi
        return self.edge.lo[list(measure.windows)], self.edge.hi

    def _newest(self, measure: Measure) -> np.ndarray:
        """lo of the measure's windows, where a window of n events begins at the nth last that meets the filters.

        A request that counts is one of the n, except for what is asked of earlier events alone.
        """
        mask, hi, lo = self.mask(measure.filters), self.edge.hi, self.edge.lo[list(measure.windows)]
        own = None if measure.family in _EARLIER else self.own(measure.filters, None)
        places = None if mask is None else np.flatnonzero(mask)
        for number, window in enumerate(measure.windows):
            n = self.edge.newest[window] if self.edge.newest is not None else 0
            if n:
                lo[number] = newest(hi, lo[number], n if own is None else n - own, places, self.moments)
        return lo


def both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """Both masks; None is a mask of all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def totals(values: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Sum over each window as a difference of prefix sums; int64 may wrap around in between, differences do not."""
    prefix = np.zeros(len(values) + 1, values.dtype)
    np.cumsum(values, out=prefix[1:])
    return prefix[hi] - prefix[lo]


def counted(mask: np.ndarray | None, own: np.ndarray | None, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """int64: how many events of the mask stand in each window, and the request itself where `own`."""
    count = hi - lo if mask is None else totals(mask.astype(np.int64), lo, hi)
    return count if own is None else count + own
