"""The values of one request from tiles and events.

Belongs here: which tiles a window contains or cuts, and combining the statistics of tiles and events. Does
not belong here: building tiles (`tiles.py`), statistics of events and the request (`one_row.py`), the formulas
(`formulas.py`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import one_column
from assets.features.columns.column_reader import ColumnReader
from assets.features.columns.columns import Columns
from assets.features.kernel.group_events import read_events, read_spine_times
from assets.features.kernel.plan import Group
from assets.features.kernel.scope import Measure
from assets.features.kernel.windows import RowArrays, Span
from assets.features.online.formulas import values_of
from assets.features.online.nested import EXTREMES, NO_TIME, SUM, TIME_EXTREMES, Nested, Reduction
from assets.features.online.one_row import OneRow

TileColumns = Mapping[tuple[str, int, str | None], str]
"""For each (statistic, filters, column) the name of the tiles' column with that statistic."""
_HALF = 32
_LOW = 2**_HALF - 1


class Cover:
    """The tiles that a decision uses `whole`, and those that it uses in part (`cut`), bool [tiles] each.

    Args:
        windows: Lengths of all windows in microseconds; None for all history.
        before_only: Only events strictly before the request count.
    """

    def __init__(self, tiles: pa.Table, windows: Sequence[int | None], as_of: int, *, before_only: bool) -> None:
        self._tiles = tiles
        first, last, latest = (self.column(name) for name in ("first", "last", "latest"))
        cut = (last >= as_of if before_only else last > as_of) | (latest > as_of)
        used = first <= as_of
        if None not in windows:
            used &= last > as_of - max(window for window in windows if window is not None)
        for window in windows:
            if window is not None:
                cut |= (first <= as_of - window) & (last > as_of - window)
        self.first, self.cut, self.whole = first, cut & used, ~cut & used

    def column(self, name: str) -> np.ndarray:
        """A column of the tiles, [tiles]."""
        values: np.ndarray = one_column(self._tiles, name, "tiles").to_numpy()
        return values


class TileValues:
    """The statistics of one request's windows from tiles and events: an `Evidence`.

    Args:
        tile_columns: For each (statistic, filters, column) the tiles' column.
        events: The events of the cut tiles, and those outside all tiles.
        spine: The request, one row.
    """

    def __init__(
        self, group: Group, tile_columns: TileColumns, cover: Cover, events: pa.Table, spine: pa.Table
    ) -> None:
        self._group, self._tile_columns, self._cover = group, tile_columns, cover
        request, entity = ColumnReader(spine, "spine"), np.zeros(events.num_rows, np.int64)
        times = read_spine_times(request)
        arrays, columns = read_events(group, ColumnReader(events, group.source), request, entity, times)
        self._row = OneRow(group, arrays, RowArrays(np.zeros(1, np.int64), times.as_of, times.sequence, columns))
        self._index, self._windows = self._whole()

    def of(self, measure: Measure) -> Sequence[float]:
        """The features of a measure, in the order of its members, NaN for missing."""
        return values_of(self, measure, self._group.needs.exact, self._row.as_of)

    def counts(self, filters: int, column: str | None) -> Sequence[int]:
        """Number of events that meet the filters and have a value."""
        return _combined(SUM, self._reduced("n", filters, column, SUM), self._row.counts(filters, column))

    def totals(self, filters: int, column: str, power: int) -> Sequence[int]:
        """Exact sums of the column's steps to the power, added in two halves that do not overflow."""
        sums = self._column("s" if power == 1 else "q", filters, column)
        high, low = (self._windows.reduced(half, SUM) for half in (sums >> _HALF, sums & _LOW))
        tiles = [(one << _HALF) + other for one, other in zip(high, low, strict=True)]
        return _combined(SUM, tiles, self._row.totals(filters, column, power))

    def extremes(self, family: str, filters: int, column: str) -> Sequence[float]:
        """Smallest (`min`) or largest (`max`) values; infinite over none."""
        extreme = EXTREMES[family]
        return _combined(
            extreme, self._reduced(family, filters, column, extreme), self._row.extremes(family, filters, column)
        )

    def times(self, family: str, filters: int) -> Sequence[int | None]:
        """Times of the latest or the earliest event, the request not considered; None over none."""
        extreme = TIME_EXTREMES[family]
        events = [extreme.nothing if time is None else time for time in self._row.times(family, filters)]
        times = _combined(extreme, self._reduced(family, filters, None, extreme), events)
        return [None if time == extreme.nothing else time for time in times]

    def _reduced(self, statistic: str, filters: int, column: str | None, reduction: Reduction) -> list[Any]:
        """For each window the reduced statistic of the tiles that it holds whole."""
        return self._windows.reduced(self._column(statistic, filters, column), reduction)

    def _column(self, statistic: str, filters: int, column: str | None) -> np.ndarray:
        """A statistic of the tiles that some window holds whole, in the order of time."""
        return self._cover.column(self._tile_columns[statistic, filters, column])[self._index]

    def _whole(self) -> tuple[np.ndarray | slice, Nested]:
        """Positions of the tiles that some window holds whole, in the order of time, and the windows over them."""
        first, index = self._cover.first, self._cover.whole.nonzero()[0]
        index = index[first[index].argsort()]
        lengths = [length_of(window) for window in self._group.windows]
        bounds = [-NO_TIME if length is None else self._row.as_of - length for length in lengths]
        windows = Nested(first[index].searchsorted(np.array(bounds), "right").tolist(), len(index))
        # Neighbouring tiles, the usual case, are taken by a slice, which copies nothing.
        return (slice(index[0], index[-1] + 1) if len(index) and (np.diff(index) == 1).all() else index), windows


def tile_columns_of(group: Group) -> dict[tuple[str, int, str | None], str]:
    """The tile columns that a group reads; a statistic has the same column name in every feature set.

    Statistics are `n` (number of events), `s` and `q` (sums of steps and of their squares), `min`, `max`, `earliest`
    and `latest`.
    """
    columns: dict[tuple[str, int, str | None], str] = {}
    for measure in group.measures:
        read: list[tuple[str, int, str | None]]
        if measure.family == "count":
            read = [("n", filters, None) for filters in counted_filters(measure)]
        elif measure.family == "sum":
            read = [(statistic, measure.filters, measure.column) for statistic in "nsq"]
        else:
            read = [(measure.family, measure.filters, measure.column)]
        for statistic, filters, column in read:
            resolution = group.needs.exact.get(str(column)) if statistic in "nsq" else None
            text = f"{group.time} {group.filters[filters]!r} {column} {resolution}"
            digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
            columns[statistic, filters, column] = f"{statistic}_{digest}"
    return columns


def length_of(window: Span) -> int | None:
    """The window's length in microseconds, None for all history; tiles support no other windows."""
    if window is None or isinstance(window, int):
        return window
    raise TypeError(f"tiles do not support a window {window!r}; `tile_support.tiling_of` returns None for its source")


def counted_filters(measure: Measure) -> Sequence[int]:
    """The filters whose events a measure of the family `count` counts."""
    shares = [member.share_filters for member in measure.members if member.kind == "share"]
    return list(dict.fromkeys([measure.filters, *shares]))


def filter_mask(group: Group, columns: Columns, filters: int, n: int) -> np.ndarray:
    """bool [n]: which events meet all conditions of the filters."""
    mask = np.ones(n, bool)
    for predicate in group.filters[filters]:
        mask &= columns.masks[predicate]
    return mask


def _combined(reduction: Reduction, tiles: Sequence[Any], events: Sequence[Any]) -> list[Any]:
    return [reduction.of_two(one, other) for one, other in zip(tiles, events, strict=True)]
