"""The values of one request from tiles and events, by the kernel's formulas.

Belongs here: which tiles a window takes whole and which it cuts, and adding up what tiles say, what events say and the
request itself. Does not belong here: making tiles (`tiles.py`). Whoever changes a formula of `aggregates.py` changes it
here; the tests compare the two to the last bit.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from assets.features.arrow import read_micros, read_sequence
from assets.features.columns import Columns, read_columns
from assets.features.kernel import AS_OF, SEQUENCE
from assets.features.plan import Group
from assets.features.reader import Reader
from assets.features.scope import Measure, Member
from assets.features.windows import Span

NOWHERE = 2**62
"""A moment that no event has."""
Names = Mapping[tuple[str, int, str | None], str]
"""For each (kind, filters, column) the name of the tiles' column."""
_DAY = 86_400_000_000.0
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
    """The values of one group of features for one request.

    Args:
        names: For each (kind, filters, column) the tiles' column.
        time, other: Names of the time over which windows go, and of the other one.
        events: What the cut tiles hold, and the single events.
    """

    def __init__(
        self,
        group: Group,
        names: Names,
        times: tuple[str, str],
        tiles: pa.Table,
        cover: Cover,
        events: pa.Table,
        spine: pa.Table,
    ) -> None:
        self._group, self._names, self._tiles, self._cover = group, names, tiles, cover
        self._as_of = int(read_micros(spine, AS_OF, "spine")[0])
        own = Reader(spine, "spine") if group.includes_request else None
        self._columns, self._own = read_columns(Reader(events, group.source), group.needs, own)
        self._time, other = (read_micros(events, name, group.source) for name in times)
        self._usable = (other <= self._as_of) & (self._time <= self._as_of)
        if group.includes_request:
            self._usable &= self._time < self._as_of
            ours, theirs = read_sequence(spine, SEQUENCE, "spine"), read_sequence(events, SEQUENCE, group.source)
            if ours is not None and theirs is not None:
                self._usable |= (other <= self._as_of) & (self._time == self._as_of) & (theirs < ours[0])
        self._in_window: dict[int | None, tuple[np.ndarray, np.ndarray]] = {}
        self._met: dict[int, tuple[np.ndarray, bool]] = {}

    def value(self, measure: Measure, member: Member) -> float:
        """One feature, by the formulas of `aggregates.py`."""
        window = length_of(self._group.windows[measure.windows[member.window]])
        if measure.family == "count":
            n = self._count(measure.filters, window)
            if member.kind != "share":
                return float(n) if n else member.empty
            return float(self._count(member.part, window)) / (n * 1.0) if n else member.empty
        if measure.family == "sum":
            return self._sum(measure, member, window)
        if measure.family in ("min", "max"):
            return self._extreme(measure, member, window)
        return self._age(measure, member, window)

    def _count(self, filters: int, window: int | None) -> int:
        kept, own = self._kept(filters, window)
        return int(self._of_tiles("n", filters, None, window).sum()) + int(np.count_nonzero(kept)) + own

    def _sum(self, measure: Measure, member: Member, window: int | None) -> float:
        name, filters = str(measure.column), measure.filters
        exact, resolution = self._columns.exact[name], self._group.needs.exact[name]
        kept, own = self._kept(filters, window)
        steps = exact.steps[kept if exact.valid is None else kept & exact.valid].tolist()
        if self._own is not None and own:
            mine = self._own.exact[name]
            if mine.valid is None or mine.valid[0]:
                steps.append(int(mine.steps[0]))
        n = int(self._of_tiles("n", filters, name, window).sum()) + len(steps)
        total = _total(self._of_tiles("s", filters, name, window)) + sum(steps)
        up, down = float(resolution.numerator), float(resolution.denominator)
        if member.kind == "sum":
            return float(total) * up / down if n else member.empty
        if member.kind == "mean":
            return float(total) * up / (n * down) if n else member.empty
        if n < 2:
            return member.empty
        squares = _total(self._of_tiles("q", filters, name, window)) + sum(step * step for step in steps)
        return math.sqrt(float(n * squares - total * total) / float(n * (n - 1))) * up / down

    def _extreme(self, measure: Measure, member: Member, window: int | None) -> float:
        pick, neutral = extreme(measure.family)
        kept, own = self._kept(measure.filters, window)
        values = self._columns.numbers[str(measure.column)][kept]
        if self._own is not None and own:
            values = np.append(values, self._own.numbers[str(measure.column)])
        best = pick.reduce(self._of_tiles(measure.family, measure.filters, measure.column, window), initial=neutral)
        best = float(pick.reduce(values[~np.isnan(values)], initial=best))
        return member.empty if math.isinf(best) else best

    def _age(self, measure: Measure, member: Member, window: int | None) -> float:
        pick, neutral = moment(measure.family)
        kept, _ = self._kept(measure.filters, window)
        found = pick.reduce(self._of_tiles(measure.family, measure.filters, None, window), initial=neutral)
        found = int(pick.reduce(self._time[kept], initial=found))
        return member.empty if found == neutral else (self._as_of - found) / _DAY

    def _kept(self, filters: int, window: int | None) -> tuple[np.ndarray, bool]:
        """bool [events]: those of the window that meet the filters; and whether the request is one more."""
        if filters not in self._met:
            mine = met(self._group, self._columns, filters, len(self._time)) & self._usable
            own = self._own is not None and bool(met(self._group, self._own, filters, 1)[0])
            self._met[filters] = mine, own
        mine, own = self._met[filters]
        return (mine if window is None else mine & self._window(window)[0]), own

    def _of_tiles(self, kind: str, filters: int, column: str | None, window: int | None) -> np.ndarray:
        """What the tiles say that the window takes whole."""
        said: np.ndarray = self._tiles[self._names[kind, filters, column]].to_numpy()
        return said[self._cover.whole if window is None else self._window(window)[1]]

    def _window(self, window: int) -> tuple[np.ndarray, np.ndarray]:
        """bool [events] and bool [tiles]: those in the window."""
        if window not in self._in_window:
            edge = self._as_of - window
            self._in_window[window] = self._time > edge, self._cover.whole & (self._cover.first > edge)
        return self._in_window[window]


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
