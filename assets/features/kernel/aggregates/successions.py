"""Aggregates over the order of events: times between events, streaks, slopes.

Belongs here: aggregates of several events in their order. Does not belong here: the first or the latest event
(`compute.py`), the derived trend of two windows (`assets.features.kernel.derive`).
"""

import numpy as np

from assets.features.kernel.aggregates.exact import exact_totals, quotient
from assets.features.kernel.scope import Measure, Scope, among, both, counted, totals
from assets.features.kernel.windows import NEVER, range_pick
from resources.moments import DAY_US

_DAY = float(DAY_US)


def times_between(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Statistics of the days between consecutive events; the request is the last of them where it counts."""
    time, (lo, hi) = scope.events.time, scope.window(measure)
    entity, mask = scope.events.entity, scope.mask(measure.filters)
    if mask is not None:
        time, entity, (lo, hi) = time[mask], entity[mask], among(mask, lo, hi)
    # Gap i is between events i - 1 and i; a gap between two entities is in no window.
    gaps = np.zeros(len(time), np.int64)
    gaps[1:] = np.where(entity[1:] == entity[:-1], np.diff(time), 0)
    start = np.minimum(lo + 1, hi)
    request_counts = scope.request_counts(measure.filters, None)
    closes = None  # bool [windows, m]: whether the request ends one more gap
    if request_counts is not None and len(time):
        closes = request_counts & (hi > lo)
        last_gap = scope.rows.as_of - time[np.maximum(hi - 1, 0)]
    n = hi - start if closes is None else hi - start + closes
    total = totals(gaps, start, hi)
    if closes is not None:
        total = total + np.where(closes, last_gap, 0)
    out = []
    for member in measure.members:
        count, low = n[member.window], start[member.window]
        if member.kind == "mean_time_between":
            span = total[member.window].astype(np.float64)
            out.append(np.divide(span, count * _DAY, out=np.full(len(count), member.empty), where=count > 0))
        elif member.kind == "std_time_between":
            squares = exact_totals([gaps, gaps], low, hi)
            if closes is not None:
                squares = squares + np.where(closes[member.window], last_gap, 0).astype(object) ** 2
            spread = _spread(count, total[member.window], squares) / _DAY
            out.append(np.where(count > 1, spread, member.empty))
        else:
            pick, neutral = (np.minimum, NEVER) if member.kind == "min_time_between" else (np.maximum, -1)
            extreme = range_pick(gaps, low, hi, pick, neutral)
            if closes is not None:
                extreme = np.where(closes[member.window], pick(extreme, last_gap), extreme)
            out.append(np.where(count > 0, extreme / _DAY, member.empty))
    return out


def _spread(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Sample standard deviation in microseconds: sqrt((n Σx² - (Σx)²) / (n (n - 1))), all but the root exact."""
    numerator = n.astype(object) * squares - total.astype(object) ** 2
    variance = np.zeros(len(n))
    many = n > 1
    variance[many] = (numerator[many] / (n * (n - 1)).astype(object)[many]).astype(np.float64)
    return np.sqrt(variance)


def streaks(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Number of latest consecutive events that meet the conditions."""
    lo, hi = scope.window(measure)
    mask, request_counts = scope.mask(measure.filters), scope.request_counts(measure.filters, None)
    n = scope.counts(measure.filters, measure)
    out = []
    for member in measure.members:
        low, meets = lo[member.window], scope.mask(member.share_filters)
        start = low
        if meets is not None and len(meets):
            breaks = ~meets if mask is None else mask & ~meets
            # Of tied events, those that break the streak count as the last.
            broken = np.maximum.accumulate(np.where(breaks, scope.tie_ends, -1))
            start = np.where(hi > low, np.maximum(low, broken[np.maximum(hi - 1, 0)] + 1), low)
        length = counted(mask, None, start, hi)
        if request_counts is not None:
            request_meets = scope.mask(member.share_filters, request=True)
            continued = (length + 1) * (True if request_meets is None else request_meets)
            length = np.where(request_counts, continued, length)
        out.append(np.where(n[member.window] > 0, length, member.empty))
    return out


def slopes(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Daily slope of the column's least-squares line: (n Σty - Σt Σy) / (n Σt² - (Σt)²).

    All sums are exact and the quotient is rounded once, so the origin of time does not matter.
    """
    name = str(measure.column)
    exact, resolution = scope.events.columns.exact[name], scope.resolutions[name]
    requests = scope.rows.columns.exact[name] if scope.rows.columns else None
    keep = both(scope.mask(measure.filters), exact.valid)
    request_counts = scope.request_counts(measure.filters, requests.valid if requests else None)
    lo, hi = scope.window(measure)
    origin = int(scope.events.time.min()) if len(scope.events) else 0
    ones = np.ones(len(scope.events), np.int64) if keep is None else keep.astype(np.int64)
    time, steps = (scope.events.time - origin) * ones, exact.steps * ones
    n, t, y, tt, ty = (
        exact_totals(factors, lo, hi) for factors in ([ones], [time], [steps], [time, time], [time, steps])
    )
    if requests is not None and request_counts is not None:
        one = request_counts.astype(object)
        at, value = (scope.rows.as_of - origin).astype(object) * one, requests.steps.astype(object) * one
        n, t, y, tt, ty = n + one, t + at, y + value, tt + at * at, ty + at * value
    rise = (n * ty - t * y) * (resolution.numerator * DAY_US)
    run = (n * tt - t * t) * resolution.denominator
    return [quotient(rise[m.window], run[m.window], (run[m.window] > 0).astype(bool), m.empty) for m in measure.members]
