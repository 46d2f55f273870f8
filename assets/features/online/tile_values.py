"""The values of one request from tiles and events.

Belongs here: which tiles a window takes whole and which it cuts, and adding up what tiles and what events say. Does not
belong here: making tiles (`tiles.py`), what events and the request say (`one_row.py`), the formulas (`formulas.py`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import one_column
from assets.features.columns.columns import Columns
from assets.features.columns.reader import Reader
from assets.features.kernel.group_events import read_events, read_moments
from assets.features.kernel.plan import Group
from assets.features.kernel.scope import Measure
from assets.features.kernel.windows import Rows, Span
from assets.features.online.formulas import values_of
from assets.features.online.nested import EXTREMES, MOMENTS, NOWHERE, SUM, Nested, Reduction
from assets.features.online.one_row import OneRow

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
        self._tiles = tiles
        first, last, latest = (self.column(name) for name in ("first", "last", "latest"))
        cut = (last >= as_of if before_only else last > as_of) | (latest > as_of)
        seen = first <= as_of
        if None not in windows:
            seen &= last > as_of - max(window for window in windows if window is not None)
        for window in windows:
            if window is not None:
                cut |= (first <= as_of - window) & (last > as_of - window)
        self.first, self.cut, self.whole = first, cut & seen, ~cut & seen

    def column(self, name: str) -> np.ndarray:
        """What the tiles say in a column."""
        values: np.ndarray = one_column(self._tiles, name, "tiles").to_numpy()
        return values


class Values:
    """What tiles and events together know of one request's windows: an `Evidence`.

    Args:
        names: For each (kind, filters, column) the tiles' column.
        events: What the cut tiles hold, and the single events.
        spine: The request, one row.
    """

    def __init__(self, group: Group, names: Names, cover: Cover, events: pa.Table, spine: pa.Table) -> None:
        self._group, self._names, self._cover = group, names, cover
        requests, entity = Reader(spine, "spine"), np.zeros(events.num_rows, np.int64)
        moments = read_moments(requests)
        read, own = read_events(group, Reader(events, group.source), requests, entity, moments)
        self._row = OneRow(group, read, Rows(np.zeros(1, np.int64), moments.as_of, moments.sequence, own))
        self._index, self._windows = self._whole()

    def of(self, measure: Measure) -> Sequence[float]:
        """The features of a measure, in the order of its members, NaN for missing."""
        return values_of(self, measure, self._group.needs.exact, self._row.as_of)

    def counts(self, filters: int, column: str | None) -> Sequence[int]:
        """How many events meet the filters and have a value."""
        return _joined(SUM, self._said("n", filters, column, SUM), self._row.counts(filters, column))

    def totals(self, filters: int, column: str, power: int) -> Sequence[int]:
        """The exact sums of the power of their steps, in two halves that do not overflow."""
        said = self._column("s" if power == 1 else "q", filters, column)
        high, low = (self._windows.reduced(half, SUM) for half in (said >> _HALF, said & _LOW))
        tiles = [(one << _HALF) + other for one, other in zip(high, low, strict=True)]
        return _joined(SUM, tiles, self._row.totals(filters, column, power))

    def extremes(self, family: str, filters: int, column: str) -> Sequence[float]:
        """The smallest or the largest values; infinite over none."""
        extreme = EXTREMES[family]
        return _joined(
            extreme, self._said(family, filters, column, extreme), self._row.extremes(family, filters, column)
        )

    def moments(self, family: str, filters: int) -> Sequence[int | None]:
        """The times of the latest or of the earliest event, the request apart; None over none."""
        pick = MOMENTS[family]
        own = [pick.nothing if found is None else found for found in self._row.moments(family, filters)]
        every = _joined(pick, self._said(family, filters, None, pick), own)
        return [None if found == pick.nothing else found for found in every]

    def _said(self, kind: str, filters: int, column: str | None, reduction: Reduction) -> list[Any]:
        """What the tiles say together that each window takes whole."""
        return self._windows.reduced(self._column(kind, filters, column), reduction)

    def _column(self, kind: str, filters: int, column: str | None) -> np.ndarray:
        """What the tiles say of which some window is made, in the order of time."""
        return self._cover.column(self._names[kind, filters, column])[self._index]

    def _whole(self) -> tuple[np.ndarray | slice, Nested]:
        """The tiles that some window takes whole, in the order of time, and the windows over them."""
        first, index = self._cover.first, self._cover.whole.nonzero()[0]
        index = index[first[index].argsort()]
        lengths = [length_of(window) for window in self._group.windows]
        bounds = [-NOWHERE if length is None else self._row.as_of - length for length in lengths]
        windows = Nested(first[index].searchsorted(np.array(bounds), "right").tolist(), len(index))
        # Neighbours in order, as most are, need not be copied.
        return (slice(index[0], index[-1] + 1) if len(index) and (np.diff(index) == 1).all() else index), windows


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


def _joined(reduction: Reduction, tiles: Sequence[Any], events: Sequence[Any]) -> list[Any]:
    return [reduction.of_two(one, other) for one, other in zip(tiles, events, strict=True)]
