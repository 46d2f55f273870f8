"""Shared inputs of the aggregates of a group.

Belongs here: the measures of a compiled plan; masks, counts and prefix sums that several of them read. Does not belong
here: the aggregates themselves (`aggregates`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from assets.features.kernel.edges import last_n_start
from assets.features.kernel.windows import Edges, EventArrays, RowArrays, tie_starts
from assets.vocabulary import Predicate

Filters = tuple[Predicate, ...]

_WITHOUT_REQUEST = ("latest", "earliest")
"""Families that never count the request."""


@dataclass(frozen=True)
class Member:
    """One feature of a measure.

    Attributes:
        slot: Its position in the group.
        column: The column of kinds first and last; None for every other kind.
        window: Its window, as a position in the measure's windows.
        span: The same window, as a position in the group's windows.
        share_filters: The filters and the conditions of a share or streak, as a position in the group's filters.
        empty: Its value over too few events (NaN: missing).
        level: The level of a quantile.
        half_life: In microseconds.
        is_text: Whether its value is a text.
    """

    slot: int
    kind: str
    column: str | None
    window: int
    span: int
    share_filters: int
    empty: float
    level: Fraction | None = None
    half_life: int | None = None
    is_text: bool = False


@dataclass(frozen=True)
class Measure:
    """Features that are computed together: the same family, filters and column, over some windows of the group.

    Attributes:
        filters: Position in the group's filters.
        windows: Positions in the group's windows.
        all_history: Which of the windows are all history.
        sliced: Whether `assets.features.online.one_row` computes a single row from slices, not by the code for many.
    """

    family: str
    filters: int
    column: str | None
    windows: tuple[int, ...]
    all_history: tuple[bool, ...]
    sliced: bool
    members: tuple[Member, ...]


class Scope:
    """Ordered events, rows and edges, with masks and counts that are computed once for all measures."""

    def __init__(
        self,
        events: EventArrays,
        rows: RowArrays,
        edge: Edges,
        resolutions: Mapping[str, Fraction],
        filters: tuple[Filters, ...],
    ) -> None:
        self.events, self.rows, self.edge, self.resolutions = events, rows, edge, resolutions
        self._filters = filters
        self._masks: dict[tuple[int, bool], np.ndarray | None] = {}
        self._counts: dict[tuple[int, int, tuple[int, ...]], np.ndarray] = {}

    @cached_property
    def tie_starts(self) -> np.ndarray | None:
        """int64 [n]: for each event the first event tied with it; None where no two events are tied."""
        return tie_starts(self.events)

    @cached_property
    def tie_ends(self) -> np.ndarray:
        """int64 [n]: for each event the last event tied with it."""
        if self.tie_starts is None:
            return np.arange(len(self.events))
        last = len(self.events) - 1
        ends = np.append(self.tie_starts[1:] == np.arange(1, last + 1), True)  # whether the next event starts a tie
        return np.minimum.accumulate(np.where(ends, np.arange(last + 1), last)[::-1])[::-1]

    def mask(self, filters: int, request: bool = False) -> np.ndarray | None:
        """bool [n]: which events meet the filters (None: all); with `request`, which requests do, bool [m]."""
        key = (filters, request)
        if key not in self._masks:
            columns = self.rows.columns if request else self.events.columns
            masks = [columns.masks[predicate] for predicate in self._filters[filters]] if columns else []
            self._masks[key] = np.logical_and.reduce(masks) if len(masks) > 1 else masks[0] if masks else None
        return self._masks[key]

    def request_counts(self, filters: int, valid: np.ndarray | None) -> np.ndarray | None:
        """bool [m]: the rows whose request counts as one more event; None where requests are no events.

        Args:
            valid: bool [m], which requests have a value in the aggregated column; None for all.
        """
        if self.rows.columns is None:
            return None
        counts = both(self.mask(filters, request=True), valid)
        return np.ones(len(self.rows), bool) if counts is None else counts

    def counts(self, filters: int, measure: Measure) -> np.ndarray:
        """int64 [windows, m]: number of events that meet the filters, the request included where it counts."""
        key = (filters, measure.filters, measure.windows)
        if key not in self._counts:
            self._counts[key] = counted(self.mask(filters), self.request_counts(filters, None), *self.window(measure))
        return self._counts[key]

    def window(self, measure: Measure) -> tuple[np.ndarray, np.ndarray]:
        """lo [windows, m] and hi [m] of the measure's windows."""
        if self.edge.last_n is not None:
            return self._last_n(measure, self.edge.last_n), self.edge.hi
        if len(measure.windows) == len(self.edge.lo):
            return self.edge.lo, self.edge.hi
        return self.edge.lo[list(measure.windows)], self.edge.hi

    def _last_n(self, measure: Measure, last_n: tuple[int, ...]) -> np.ndarray:
        """lo of the measure's windows; a window of n events begins at the nth last event that meets the filters.

        A request that counts is one of the n, except in families without the request.
        """
        mask, hi, lo = self.mask(measure.filters), self.edge.hi, self.edge.lo[list(measure.windows)]
        request = None if measure.family in _WITHOUT_REQUEST else self.request_counts(measure.filters, None)
        places = None if mask is None else np.flatnonzero(mask)
        for number, window in enumerate(measure.windows):
            n = last_n[window]
            if n:
                lo[number] = last_n_start(
                    hi, lo[number], n if request is None else n - request, places, self.tie_starts
                )
        return lo


def both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """The conjunction of two masks; None is a mask of all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def totals(values: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Sum over each window as a difference of prefix sums; these may wrap around in int64, their differences do not."""
    prefix = np.zeros(len(values) + 1, values.dtype)
    np.cumsum(values, out=prefix[1:])
    return prefix[hi] - prefix[lo]


def among(keep: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows as positions among the events that `keep` (bool [n]) selects."""
    before = np.zeros(len(keep) + 1, np.int64)
    np.cumsum(keep, out=before[1:])
    return before[lo], before[hi]


def counted(mask: np.ndarray | None, request: np.ndarray | None, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """int64: number of events of the mask in each window, and one more where `request` counts."""
    count = hi - lo if mask is None else totals(mask.astype(np.int64), lo, hi)
    return count if request is None else count + request
