"""How many different values stand in windows.

Belongs here: counting values whose previous occurrence is before the window. Does not belong here: any other aggregate
(`aggregates.py`).
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
    extra = None
    if scope.rows.columns is not None:
        mine = scope.rows.columns.codes[name]
        wanted = scope.mask(measure.filters, request=True)
        own = mine != -1 if wanted is None else wanted & (mine != -1)
        near = _last_occurrence(scope.events.entity[places], codes[places], order, scope.rows.entity, mine, hi)
        extra = own & (near < lo)
    out = []
    for member in measure.members:
        low = lo[member.window]
        if measure.all_history[member.window]:
            n = totals((previous < 0).astype(np.int64), low, hi)
        else:
            n = _fresh(previous, low, hi)
        if extra is not None:
            n = n + extra[member.window]
        out.append(np.where(n > 0, n, member.empty))
    return out


def _occurrences(entity: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions sorted by (entity, code), and for each position the previous one of the same pair, or -1."""
    order = np.lexsort((codes, entity))
    same = (np.diff(entity[order]) == 0) & (np.diff(codes[order]) == 0)
    previous = np.full(len(codes), -1, np.int64)
    previous[order[1:]] = np.where(same, order[:-1], -1)
    return order, previous


def _fresh(previous: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """How many positions of each window have their previous occurrence before the window: its distinct values."""
    out = np.zeros(len(lo), np.int64)
    for first, last in chunks(hi - lo):
        owner, index = ragged(lo[first:last], hi[first:last])
        fresh = previous[index] < lo[first:last][owner]
        out[first:last] = np.bincount(owner[fresh], minlength=last - first)
    return out


def _last_occurrence(
    entity: np.ndarray, codes: np.ndarray, order: np.ndarray, own_entity: np.ndarray, own: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """For each row the last position before hi of its entity with its own code, or -1."""
    if not len(codes):
        return np.full(len(own), -1, np.int64)
    starts = np.flatnonzero(np.append(True, (np.diff(entity[order]) != 0) | (np.diff(codes[order]) != 0)))
    width = int(max(codes.max(), own.max())) + 1
    pairs = entity[order][starts] * width + codes[order][starts]
    wanted = own_entity * width + own
    known = (own >= 0) & (own_entity >= 0)
    pair = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    known &= pairs[pair] == wanted
    # Within a pair the order is by position: one composite of pair and position finds the last one before hi.
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    size = len(order) + 1
    at = np.searchsorted(number * size + order, pair * size + hi) - 1
    found = known & (at >= starts[pair])
    return np.where(found, order[np.maximum(at, 0)], -1)
