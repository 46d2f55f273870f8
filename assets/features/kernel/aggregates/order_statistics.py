"""Order statistics of windows: quantiles and modes.

Belongs here: selection by rank in any window, and the most frequent value. Does not belong here: extremes, which have a
faster algorithm (`compute.py`).
"""

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.aggregates.exact import quotient
from assets.features.kernel.scope import Measure, Scope, among, both
from assets.features.kernel.windows import chunks, ragged


def quantiles(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The quantiles of a measure, float64 [m] each, interpolated between whole steps and rounded once."""
    name = str(measure.column)
    exact, resolution = scope.events.columns.exact[name], scope.resolutions[name]
    requests = scope.rows.columns.exact[name] if scope.rows.columns else None
    request_counts = scope.request_counts(measure.filters, requests.valid if requests else None)
    steps, lo, hi = _selected(exact.steps, both(scope.mask(measure.filters), exact.valid), *scope.window(measure))
    n = hi - lo if request_counts is None else hi - lo + request_counts
    window = np.array([member.window for member in measure.members])
    up = np.array([[_level(m.level)[0]] for m in measure.members])
    down = np.array([[_level(m.level)[1]] for m in measure.members])
    at = np.maximum(n[window] - 1, 0) * up
    rank, part = at // down, at % down
    ranks = np.stack([rank, np.minimum(rank + 1, np.maximum(n[window] - 1, 0))])
    request_steps = None if requests is None else requests.steps
    low, high = _ranked(steps, lo[window], np.broadcast_to(hi, rank.shape), ranks, request_counts, request_steps)
    out = []
    for number, member in enumerate(measure.members):
        above, whole = part[number].astype(object), int(down[number, 0])
        weighted = low[number].astype(object) * (whole - above) + high[number].astype(object) * above
        scale = np.full(len(weighted), whole * resolution.denominator, object)
        out.append(quotient(weighted * resolution.numerator, scale, n[member.window] > 0, member.empty))
    return out


def _level(level: object) -> tuple[int, int]:
    return level.numerator, level.denominator  # type: ignore[attr-defined]


def _selected(
    values: np.ndarray, keep: np.ndarray | None, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values that `keep` selects (None: all), and the windows as positions among them."""
    if keep is None or keep.all():
        return values, lo, hi
    return values[keep], *among(keep, lo, hi)


def _ranked(
    values: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    rank: np.ndarray,
    request_counts: np.ndarray | None,
    request_steps: np.ndarray | None,
) -> np.ndarray:
    """int64: the value of each rank in each window, the request's value included where it counts."""
    size = hi - lo
    at_rank = _at_rank(values, lo, hi, rank)
    if request_counts is None or request_steps is None:
        return at_rank
    # The request's value raises the rank of the values above it by one, so the value at a rank lies between the values
    # that this rank and the rank below have without the request.
    above = np.where(rank < size, at_rank, WHOLE_LIMIT)
    below = np.where(rank > 0, _at_rank(values, lo, hi, rank - 1), -WHOLE_LIMIT)
    return np.where(request_counts, np.maximum(below, np.minimum(request_steps, above)), at_rank)


def _at_rank(values: np.ndarray, lo: np.ndarray, hi: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """int64: the value of each rank (from 0) in each window; undefined where the window has no such rank.

    A wavelet matrix (Claude, Navarro and Ordóñez, Information Systems 47, 2015), one level at a time: the numbers of
    the values are divided by one bit after another, the highest first, and each window follows the half of its rank.
    The cost is (values + windows) x log(different values), however much the windows overlap.
    """
    if not len(values):
        return np.zeros(rank.shape, np.int64)
    known, codes = np.unique(values, return_inverse=True)
    low, high = (np.broadcast_to(edge, rank.shape) for edge in (lo, hi))
    rank = np.clip(rank, 0, np.maximum(high - low - 1, 0))
    selected = np.zeros(rank.shape, np.int64)
    zeros = np.zeros(len(codes) + 1, np.int64)
    for bit in reversed(range((len(known) - 1).bit_length())):
        clear = (codes >> bit) & 1 == 0
        np.cumsum(clear, out=zeros[1:])
        left, right = zeros[low], zeros[high]
        ones = rank >= right - left
        rank = np.where(ones, rank - (right - left), rank)
        low, high = np.where(ones, zeros[-1] + low - left, left), np.where(ones, zeros[-1] + high - right, right)
        selected |= ones.astype(np.int64) << bit
        codes = np.concatenate([codes[clear], codes[~clear]])
    return known[np.minimum(selected, len(known) - 1)]


def modes(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The modes of a measure: float64 [m] each, or object [m] of texts with None for missing."""
    name = str(measure.column)
    values = scope.events.columns.numbers[name]
    requests = scope.rows.columns.numbers[name] if scope.rows.columns else None
    request_counts = scope.request_counts(measure.filters, None if requests is None else ~np.isnan(requests))
    kept, lo, hi = _selected(values, both(scope.mask(measure.filters), ~np.isnan(values)), *scope.window(measure))
    known = np.unique(kept if requests is None else np.concatenate([kept, requests[~np.isnan(requests)]]))
    codes = np.searchsorted(known, kept)
    request_codes = None if requests is None else np.searchsorted(known, requests)
    words = scope.events.columns.words.get(name)
    out = []
    for member in measure.members:
        mode = _most_frequent(codes, len(known), lo[member.window], hi, request_counts, request_codes)
        exists = mode >= 0
        if member.is_text and words is not None:
            texts = np.full(len(mode), None, object)
            texts[exists] = words[known[mode[exists]].astype(np.int64)]
            out.append(texts)
        else:
            value = np.full(len(mode), member.empty)
            value[exists] = known[mode[exists]]
            out.append(value)
    return out


def _most_frequent(
    codes: np.ndarray,
    width: int,
    lo: np.ndarray,
    hi: np.ndarray,
    request_counts: np.ndarray | None,
    request_codes: np.ndarray | None,
) -> np.ndarray:
    """int64 [m]: the smallest of the most frequent codes of each window, -1 where there is none; codes are < width."""
    best = np.full(len(lo), -1, np.int64)
    for first, last in chunks(hi - lo + 1):
        owner, index = ragged(lo[first:last], hi[first:last])
        keys = owner * width + codes[index]
        if request_counts is not None and request_codes is not None:
            counting = np.flatnonzero(request_counts[first:last])
            keys = np.append(keys, counting * width + request_codes[first:last][counting])
        if not len(keys):
            continue
        keys.sort()
        starts = np.flatnonzero(np.append(True, np.diff(keys) != 0))
        counts = np.diff(np.append(starts, len(keys)))
        owner, code = np.divmod(keys[starts], width)
        # One number orders by the larger count, then by the smaller code.
        weight = counts * width + (width - 1 - code)
        rows = np.flatnonzero(np.append(True, np.diff(owner) != 0))
        best[first + owner[rows]] = width - 1 - np.maximum.reduceat(weight, rows) % width
    return best
