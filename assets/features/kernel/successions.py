"""How events follow one another: the times between them, streaks, and the slope of a column over time.

Belongs here: aggregates over the order of events. Does not belong here: single events, first or last (`aggregates.py`),
the derived trend of two windows (`derive.py`).
"""

import numpy as np

from assets.features.kernel.exact import exact_totals, quotient
from assets.features.kernel.scope import Measure, Scope, both, counted
from assets.features.kernel.windows import range_pick
from resources.moments import DAY_US

_DAY = float(DAY_US)
_NEVER = np.iinfo(np.int64).max


def times_between(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Statistics of the days between consecutive events, the request the last of them where it counts."""
    time, (lo, hi) = scope.events.time, scope.window(measure)
    entity, mask = scope.events.entity, scope.mask(measure.filters)
    if mask is not None:
        before = np.zeros(len(mask) + 1, np.int64)
        np.cumsum(mask, out=before[1:])
        time, entity, lo, hi = time[mask], entity[mask], before[lo], before[hi]
    # Gap i lies between events i - 1 and i; that between two entities is in no window.
    gaps = np.zeros(len(time), np.int64)
    gaps[1:] = np.where(entity[1:] == entity[:-1], np.diff(time), 0)
    start = np.minimum(lo + 1, hi)
    own = scope.own(measure.filters, None)
    also = None
    if own is not None and len(time):
        also = own & (hi > lo)
        mine = scope.rows.as_of - time[np.maximum(hi - 1, 0)]
    n = hi - start if also is None else hi - start + also
    total = _sum(gaps, start, hi)
    if also is not None:
        total = total + np.where(also, mine, 0)
    out = []
    for member in measure.members:
        count, low = n[member.window], start[member.window]
        if member.kind == "mean_time_between":
            span = total[member.window].astype(np.float64)
            out.append(np.divide(span, count * _DAY, out=np.full(len(count), member.empty), where=count > 0))
        elif member.kind == "std_time_between":
            squares = exact_totals([gaps, gaps], low, hi)
            if also is not None:
                squares = squares + np.where(also[member.window], mine, 0).astype(object) ** 2
            spread = _spread(count, total[member.window], squares) / _DAY
            out.append(np.where(count > 1, spread, member.empty))
        else:
            pick, neutral = (np.minimum, _NEVER) if member.kind == "min_time_between" else (np.maximum, -1)
            found = range_pick(gaps, low, hi, pick, neutral)
            if also is not None:
                found = np.where(also[member.window], pick(found, mine), found)
            out.append(np.where(count > 0, found / _DAY, member.empty))
    return out


def _sum(gaps: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    prefix = np.zeros(len(gaps) + 1, np.int64)
    np.cumsum(gaps, out=prefix[1:])
    return prefix[hi] - prefix[lo]


def _spread(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Sample standard deviation in microseconds: sqrt((n Σx² - (Σx)²) / (n (n - 1))), all but the root exact."""
    numerator = n.astype(object) * squares - total.astype(object) ** 2
    variance = np.zeros(len(n))
    many = n > 1
    variance[many] = (numerator[many] / (n * (n - 1)).astype(object)[many]).astype(np.float64)
    return np.sqrt(variance)


def streaks(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """How many of the latest events in a row meet the conditions."""
    lo, hi = scope.window(measure)
    mask, own = scope.mask(measure.filters), scope.own(measure.filters, None)
    every = scope.counts(measure.filters, measure)
    out = []
    for member in measure.members:
        low, meets = lo[member.window], scope.mask(member.part)
        start = low
        if meets is not None and len(meets):
            breaks = ~meets if mask is None else mask & ~meets
            # An event that breaks the streak counts as the last of its moment.
            broken = np.maximum.accumulate(np.where(breaks, scope.moment_ends, -1))
            start = np.where(hi > low, np.maximum(low, broken[np.maximum(hi - 1, 0)] + 1), low)
        length = counted(mask, None, start, hi)
        if own is not None:
            goes_on = scope.mask(member.part, request=True)
            length = np.where(own, (length + 1) * (True if goes_on is None else goes_on), length)
        out.append(np.where(every[member.window] > 0, length, member.empty))
    return out


def slopes(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Slope of the least-squares line of the column over time, a day: (n Σty - Σt Σy) / (n Σt² - (Σt)²).

    All sums are exact and the quotient is rounded once, so it does not matter from where time is counted.
    """
    name = str(measure.column)
    exact, resolution = scope.events.columns.exact[name], scope.resolutions[name]
    extra = scope.rows.columns.exact[name] if scope.rows.columns else None
    keep, own = (
        both(scope.mask(measure.filters), exact.valid),
        scope.own(measure.filters, extra.valid if extra else None),
    )
    lo, hi = scope.window(measure)
    origin = int(scope.events.time.min()) if len(scope.events) else 0
    there = np.ones(len(scope.events), np.int64) if keep is None else keep.astype(np.int64)
    time, steps = (scope.events.time - origin) * there, exact.steps * there
    n, t, y, tt, ty = (
        exact_totals(factors, lo, hi) for factors in ([there], [time], [steps], [time, time], [time, steps])
    )
    if extra is not None and own is not None:
        one = own.astype(object)
        moment, value = (scope.rows.as_of - origin).astype(object) * one, extra.steps.astype(object) * one
        n, t, y, tt, ty = n + one, t + moment, y + value, tt + moment * moment, ty + moment * value
    rise = (n * ty - t * y) * (resolution.numerator * DAY_US)
    run = (n * tt - t * t) * resolution.denominator
    return [quotient(rise[m.window], run[m.window], (run[m.window] > 0).astype(bool), m.empty) for m in measure.members]
