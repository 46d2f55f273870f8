"""The values of one request from tiles and events.

Belongs here: which tiles a window takes whole and which it cuts, and adding up what tiles and what events say. Does not
belong here: making tiles (`tiles.py`), what events and the request say (`one_row.py`), the formulas (`row_values.py`).
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from assets.features.columns import Columns
from assets.features.group_events import read_events, read_moments
from assets.features.one_row import OneRow
from assets.features.plan import Group
from assets.features.reader import Reader
from assets.features.row_values import value_of
from assets.features.scope import Measure, Member
from assets.features.windows import Rows, Span

NOWHERE = 2**62
"""A moment that no event has."""
Names = Mapping[tuple[str, int, str | None], str]
"""For each (kind, filters, column) the name of the tiles' column."""
_HALF = 32
_LOW = 2**_HALF - 1


class Cover:
    """Which tiles a decision takes whole and which it cuts, bool [tiles] each; the others it leaves.

    Args:
        windows: Lengths of all windows in microseconds; None for all history.
        before_only: Only events strictly before the request count.
    """

    def __init__(self, tiles: pa.Table, windows: Sequence[int | None], as_of: int, *, before_only: bool) -> None:
        first, last, latest = (tiles[name].to_numpy() for name in ("first", "last", "latest"))
        cut = (last >= as_of if before_only else last > as_of) | (latest > as_of)
        seen = first <= as_of
        if None not in windows:
            seen &= last > as_of - max(window for window in windows if window is not None)
        for window in windows:
            if window is not None:
                cut |= (first <= as_of - window) & (last > as_of - window)
        self.first, self.cut, self.whole = first, cut & seen, ~cut & seen


class Values:
    """What tiles and events together know of one request's windows: an `Evidence`.

    Args:
        names: For each (kind, filters, column) the tiles' column.
        events: What the cut tiles hold, and the single events.
        spine: The request, one row.
    """

    def __init__(
        self, group: Group, names: Names, tiles: pa.Table, cover: Cover, events: pa.Table, spine: pa.Table
    ) -> None:
        self._group, self._names, self._tiles, self._cover = group, names, tiles, cover
        requests, entity = Reader(spine, "spine"), np.zeros(events.num_rows, np.int64)
        moments = read_moments(requests)
        read, own = read_events(group, Reader(events, group.source), requests, entity, moments)
        self._row = OneRow(group, read, Rows(np.zeros(1, np.int64), moments.as_of, moments.sequence, own))
        self._whole: dict[int, np.ndarray] = {}

    def value(self, measure: Measure, member: Member) -> float:
        """One feature, NaN for missing."""
        return value_of(self, self._group, measure, member, self._row.as_of)

    def count(self, filters: int, column: str | None, window: int) -> int:
        """How many events meet the filters and have a value."""
        return int(self._said("n", filters, column, window).sum()) + self._row.count(filters, column, window)

    def total(self, filters: int, column: str, window: int, power: int) -> int:
        """The exact sum of the power of their steps."""
        said = self._said("s" if power == 1 else "q", filters, column, window)
        return _total(said) + self._row.total(filters, column, window, power)

    def extreme(self, family: str, filters: int, column: str, window: int) -> float:
        """The smallest or the largest value; infinite over none."""
        pick, _ = extreme(family)
        best = self._row.extreme(family, filters, column, window)
        return float(pick.reduce(self._said(family, filters, column, window), initial=best))

    def moment(self, family: str, filters: int, window: int) -> int | None:
        """The time of the latest or of the earliest event, the request apart; None over none."""
        pick, nowhere = moment(family)
        own = self._row.moment(family, filters, window)
        found = int(pick.reduce(self._said(family, filters, None, window), initial=nowhere if own is None else own))
        return None if found == nowhere else found

    def _said(self, kind: str, filters: int, column: str | None, window: int) -> np.ndarray:
        """What the tiles say that the window takes whole."""
        said: np.ndarray = self._tiles[self._names[kind, filters, column]].to_numpy()
        if window not in self._whole:
            length = length_of(self._group.windows[window])
            whole = self._cover.whole
            self._whole[window] = whole if length is None else whole & (self._cover.first > self._row.as_of - length)
        return said[self._whole[window]]


def names_of(group: Group) -> dict[tuple[str, int, str | None], str]:
    """For each (kind, filters, column) that a group asks of tiles, their column: the same in every feature set."""
    found: dict[tuple[str, int, str | None], str] = {}
    for measure in group.measures:
        kinds: list[tuple[str, int, str | None]]
        if measure.family == "count":
            kinds = [("n", part, None) for part in parts(measure)]
        elif measure.family == "sum":
            kinds = [(kind, measure.filters, measure.column) for kind in "nsq"]
        else:
            kinds = [(measure.family, measure.filters, measure.column)]
        for kind, filters, column in kinds:
            resolution = group.needs.exact.get(str(column)) if kind in "nsq" else None
            text = f"{group.time} {group.filters[filters]!r} {column} {resolution}"
            found[kind, filters, column] = f"{kind}_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
    return found


def length_of(window: Span) -> int | None:
    """The window's length in microseconds, None for all history; tiles serve no other windows."""
    if window is None or isinstance(window, int):
        return window
    raise TypeError(f"a window {window!r} is not served from tiles; `tiling_of` should have left its source out")


def parts(measure: Measure) -> Sequence[int]:
    """The filters that a measure counts by."""
    shares = [member.part for member in measure.members if member.kind == "share"]
    return list(dict.fromkeys([measure.filters, *shares]))


def met(group: Group, columns: Columns, filters: int, rows: int) -> np.ndarray:
    """bool [rows]: which meet all conditions."""
    found = np.ones(rows, bool)
    for predicate in group.filters[filters]:
        found &= columns.masks[predicate]
    return found


def extreme(family: str) -> tuple[np.ufunc, float]:
    """How extremes are picked, and what changes none."""
    return (np.minimum, math.inf) if family == "min" else (np.maximum, -math.inf)


def moment(family: str) -> tuple[np.ufunc, int]:
    """How the latest or the earliest moment is picked, and what changes none."""
    return (np.maximum, -NOWHERE) if family == "latest" else (np.minimum, NOWHERE)


def _total(values: np.ndarray) -> int:
    """The exact sum of int64 values, in two halves that do not overflow."""
    return (int((values >> _HALF).sum()) << _HALF) + int((values & _LOW).sum())
