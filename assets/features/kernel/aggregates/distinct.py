"""Number of different values in windows.

Belongs here: counting the values whose previous occurrence is before the window. Does not belong here: any other
aggregate (`compute.py`).
"""

import numpy as np

from assets.features.kernel.scope import Measure, Scope, totals
from assets.features.kernel.windows import chunks, ragged


def distinct(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The distinct features of a measure, float64 [m] each."""
    name = str(measure.column)
    codes = scope.events.columns.codes[name]
    mask = scope.mask(measure.filters)
    places = np.flatnonzero(codes >= 0 if mask is None else mask & (codes >= 0))
    order, previous = _occurrences(scope.events.entity[places], codes[places])
    lo, hi = scope.window(measure)
    # From here on positions count only the events that have a value and meet the filters.
    lo, hi = np.searchsorted(places, lo), np.searchsorted(places, hi)
    is_new = None  # bool [windows, m]: whether the request has a value that the window lacks
    if scope.rows.columns is not None:
        request_codes = scope.rows.columns.codes[name]
        meets = scope.mask(measure.filters, request=True)
        counts = request_codes != -1 if meets is None else meets & (request_codes != -1)
        last = _last_occurrence(scope.events.entity[places], codes[places], order, scope.rows.entity, request_codes, hi)
        is_new = counts & (last < lo)
    out = []
    for member in measure.members:
        low = lo[member.window]
        if measure.all_history[member.window]:
            n = totals((previous < 0).astype(np.int64), low, hi)
        else:
            n = _different(previous, low, hi)
        if is_new is not None:
            n = n + is_new[member.window]
        out.append(np.where(n > 0, n, member.empty))
    return out


def _occurrences(entity: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions sorted by (entity, code), and for each position the previous one of the same pair, or -1."""
    order = np.lexsort((codes, entity))
    same = (np.diff(entity[order]) == 0) & (np.diff(codes[order]) == 0)
    previous = np.full(len(codes), -1, np.int64)
    previous[order[1:]] = np.where(same, order[:-1], -1)
    return order, previous


def _different(previous: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Number of different values of each window: of positions whose previous occurrence is before the window."""
    out = np.zeros(len(lo), np.int64)
    for first, last in chunks(hi - lo):
        owner, index = ragged(lo[first:last], hi[first:last])
        is_first = previous[index] < lo[first:last][owner]
        out[first:last] = np.bincount(owner[is_first], minlength=last - first)
    return out


def _last_occurrence(
    entity: np.ndarray,
    codes: np.ndarray,
    order: np.ndarray,
    row_entity: np.ndarray,
    request_codes: np.ndarray,
    hi: np.ndarray,
) -> np.ndarray:
    """For each row the last position before hi with the row's entity and its request's code, or -1."""
    if not len(codes):
        return np.full(len(request_codes), -1, np.int64)
    starts = np.flatnonzero(np.append(True, (np.diff(entity[order]) != 0) | (np.diff(codes[order]) != 0)))
    width = int(max(codes.max(), request_codes.max())) + 1
    pairs = entity[order][starts] * width + codes[order][starts]
    row_pairs = row_entity * width + request_codes
    known = (request_codes >= 0) & (row_entity >= 0)
    pair = np.minimum(np.searchsorted(pairs, row_pairs), len(pairs) - 1)
    known &= pairs[pair] == row_pairs
    # Within a pair `order` is by position: a composite of pair and position finds the last position before hi.
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    size = len(order) + 1
    at = np.searchsorted(number * size + order, pair * size + hi) - 1
    exists = known & (at >= starts[pair])
    return np.where(exists, order[np.maximum(at, 0)], -1)
