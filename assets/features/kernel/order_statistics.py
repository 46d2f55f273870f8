"""What stands where when the values of a window are put in order: quantiles and modes.

Belongs here: selection by rank in any window, and the most frequent value. Does not belong here: extremes, which are
quicker to find (`aggregates.py`).
"""

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.exact import quotient
from assets.features.kernel.scope import Measure, Scope, both
from assets.features.kernel.windows import chunks, ragged


def quantiles(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The quantiles of a measure, float64 [m] each, interpolated between whole steps and rounded once."""
    name = str(measure.column)
    exact, resolution = scope.events.columns.exact[name], scope.resolutions[name]
    extra = scope.rows.columns.exact[name] if scope.rows.columns else None
    own = scope.own(measure.filters, extra.valid if extra else None)
    steps, lo, hi = _kept(exact.steps, both(scope.mask(measure.filters), exact.valid), *scope.window(measure))
    n = hi - lo if own is None else hi - lo + own
    window = np.array([member.window for member in measure.members])
    up = np.array([[_level(m.level)[0]] for m in measure.members])
    down = np.array([[_level(m.level)[1]] for m in measure.members])
    at = np.maximum(n[window] - 1, 0) * up
    rank, part = at // down, at % down
    ranks = np.stack([rank, np.minimum(rank + 1, np.maximum(n[window] - 1, 0))])
    mine = None if extra is None else extra.steps
    low, high = _ranked(steps, lo[window], np.broadcast_to(hi, rank.shape), ranks, own, mine)
    out = []
    for number, member in enumerate(measure.members):
        above, whole = part[number].astype(object), int(down[number, 0])
        found = low[number].astype(object) * (whole - above) + high[number].astype(object) * above
        scale = np.full(len(found), whole * resolution.denominator, object)
        out.append(quotient(found * resolution.numerator, scale, n[member.window] > 0, member.empty))
    return out


def _level(level: object) -> tuple[int, int]:
    return level.numerator, level.denominator  # type: ignore[attr-defined]


def _kept(
    values: np.ndarray, keep: np.ndarray | None, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values that count, and the windows as positions among them."""
    if keep is None or keep.all():
        return values, lo, hi
    before = np.zeros(len(keep) + 1, np.int64)
    np.cumsum(keep, out=before[1:])
    return values[keep], before[lo], before[hi]


def _ranked(
    values: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    rank: np.ndarray,
    own: np.ndarray | None,
    mine: np.ndarray | None,
) -> np.ndarray:
    """int64: the value of each rank in each window, the request's own value among them where `own`."""
    size = hi - lo
    there = _selected(values, lo, hi, rank)
    if own is None or mine is None:
        return there
    # One more value moves those above it up by one rank: it stands between its neighbours without it.
    above = np.where(rank < size, there, WHOLE_LIMIT)
    below = np.where(rank > 0, _selected(values, lo, hi, rank - 1), -WHOLE_LIMIT)
    return np.where(own, np.maximum(below, np.minimum(mine, above)), there)


def _selected(values: np.ndarray, lo: np.ndarray, hi: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """int64: the value of each rank (from 0) in each window; anything where the window has no such rank.

    A wavelet matrix (Claude, Navarro and Ordóñez, Information Systems 47, 2015), one level of it at a time: the values'
    numbers are parted by one bit after another, the highest first, and each window follows its rank's half. The cost is
    (values + windows) x log(different values), however much the windows overlap.
    """
    if not len(values):
        return np.zeros(rank.shape, np.int64)
    known, codes = np.unique(values, return_inverse=True)
    low, high = (np.broadcast_to(edge, rank.shape) for edge in (lo, hi))
    rank = np.clip(rank, 0, np.maximum(high - low - 1, 0))
    found = np.zeros(rank.shape, np.int64)
    zeros = np.zeros(len(codes) + 1, np.int64)
    for bit in reversed(range((len(known) - 1).bit_length())):
        clear = (codes >> bit) & 1 == 0
        np.cumsum(clear, out=zeros[1:])
        left, right = zeros[low], zeros[high]
        ones = rank >= right - left
        rank = np.where(ones, rank - (right - left), rank)
        low, high = np.where(ones, zeros[-1] + low - left, left), np.where(ones, zeros[-1] + high - right, right)
        found |= ones.astype(np.int64) << bit
        codes = np.concatenate([codes[clear], codes[~clear]])
    return known[np.minimum(found, len(known) - 1)]


def modes(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The modes of a measure: float64 [m] each, or object [m] of texts with None for missing."""
    name = str(measure.column)
    values = scope.events.columns.numbers[name]
    mine = scope.rows.columns.numbers[name] if scope.rows.columns else None
    own = scope.own(measure.filters, None if mine is None else ~np.isnan(mine))
    kept, lo, hi = _kept(values, both(scope.mask(measure.filters), ~np.isnan(values)), *scope.window(measure))
    known = np.unique(kept if mine is None else np.concatenate([kept, mine[~np.isnan(mine)]]))
    codes = np.searchsorted(known, kept)
    extra = None if mine is None else np.searchsorted(known, mine)
    words = scope.events.columns.words.get(name)
    out = []
    for member in measure.members:
        place = _most_frequent(codes, len(known), lo[member.window], hi, own, extra)
        there = place >= 0
        if member.is_text and words is not None:
            texts = np.full(len(place), None, object)
            texts[there] = words[known[place[there]].astype(np.int64)]
            out.append(texts)
        else:
            value = np.full(len(place), member.empty)
            value[there] = known[place[there]]
            out.append(value)
    return out


def _most_frequent(
    codes: np.ndarray, width: int, lo: np.ndarray, hi: np.ndarray, own: np.ndarray | None, extra: np.ndarray | None
) -> np.ndarray:
    """int64 [m]: the smallest of the most frequent codes of each window, -1 where there is none; codes are < width."""
    best = np.full(len(lo), -1, np.int64)
    for first, last in chunks(hi - lo + 1):
        owner, index = ragged(lo[first:last], hi[first:last])
        keys = owner * width + codes[index]
        if own is not None and extra is not None:
            mine = np.flatnonzero(own[first:last])
            keys = np.append(keys, mine * width + extra[first:last][mine])
        if not len(keys):
            continue
        keys.sort()
        starts = np.flatnonzero(np.append(True, np.diff(keys) != 0))
        counts = np.diff(np.append(starts, len(keys)))
        owner, code = np.divmod(keys[starts], width)
        # The larger count wins, then the smaller code: both in one number.
        weight = counts * width + (width - 1 - code)
        rows = np.flatnonzero(np.append(True, np.diff(owner) != 0))
        best[first + owner[rows]] = width - 1 - np.maximum.reduceat(weight, rows) % width
    return best
