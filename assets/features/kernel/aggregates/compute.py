"""Aggregates over windows.

Belongs here: counts, sums, extremes, first and latest events, each over all windows of all rows at once; the function
of each family. Does not belong here: which events are in a window (`windows.py`), shared inputs (`scope.py`),
declarations.

A value depends only on the set of events in its window: sums are exact integers (steps of the resolution), rounded once
at the end. Training and serving therefore agree to the last bit, however the history is divided into batches.
"""

from collections.abc import Callable, Mapping

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.aggregates.decay import decayed
from assets.features.kernel.aggregates.distinct import distinct
from assets.features.kernel.aggregates.exact import largest
from assets.features.kernel.aggregates.order_statistics import modes, quantiles
from assets.features.kernel.aggregates.successions import slopes, streaks, times_between
from assets.features.kernel.scope import Measure, Scope, both, counted, totals
from assets.features.kernel.windows import range_pick
from assets.vocabulary.aggregates import BETWEEN
from resources.moments import DAY_US

_DAY = float(DAY_US)


def _counts(scope: Scope, measure: Measure) -> list[np.ndarray]:
    every, out = scope.counts(measure.filters, measure), []
    for member in measure.members:
        n = every[member.window]
        if member.kind == "share":
            met = scope.counts(member.share_filters, measure)[member.window]
            out.append(_divided(met.astype(np.float64), n, 1.0, member.empty))
        else:
            out.append(np.where(n > 0, n, member.empty))
    return out


def _divided(value: np.ndarray, n: np.ndarray, by: float, empty: float) -> np.ndarray:
    """value / (n * by), `empty` where n is 0."""
    out = np.full(len(n), empty)
    return np.divide(value, n * by, out=out, where=n > 0)


def _sums(scope: Scope, measure: Measure) -> list[np.ndarray]:
    name = str(measure.column)
    exact, resolution = scope.events.columns.exact[name], scope.resolutions[name]
    requests = scope.rows.columns.exact[name] if scope.rows.columns else None
    keep = both(scope.mask(measure.filters), exact.valid)
    request_counts = scope.request_counts(measure.filters, requests.valid if requests else None)
    lo, hi = scope.window(measure)
    if exact.valid is None and request_counts is None:
        n = scope.counts(measure.filters, measure)
    else:
        n = counted(keep, request_counts, lo, hi)
    steps = exact.steps if keep is None else np.where(keep, exact.steps, 0)
    request_steps = requests.steps * request_counts if requests is not None and request_counts is not None else None
    size = max(largest(steps), 0 if request_steps is None else largest(request_steps))
    longest = int(n.max(initial=0))
    total = _power_sum(steps, request_steps, 1, size * longest, lo, hi)
    up, down = float(resolution.numerator), float(resolution.denominator)
    out = []
    for member in measure.members:
        count, sums = n[member.window], total[member.window].astype(np.float64)
        if member.kind == "sum":
            out.append(np.where(count > 0, sums * up / down, member.empty))
        elif member.kind == "mean":
            out.append(_divided(sums * up, count, down, member.empty))
        else:
            squares = _power_sum(steps, request_steps, 2, size * size * longest, lo[[member.window]], hi)[0]
            spread = _spread(count, total[member.window], squares, size * longest)
            out.append(np.where(count > 1, spread * up / down, member.empty))
    return out


def _power_sum(
    steps: np.ndarray, request_steps: np.ndarray | None, power: int, bound: int, lo: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """Exact sums of steps ** power; in Python's integers where a window's sum might not fit into 64 bits."""
    kind = np.int64 if bound < WHOLE_LIMIT else object
    total = totals(steps.astype(kind) ** power, lo, hi)
    return total if request_steps is None else total + request_steps.astype(kind) ** power


def _spread(n: np.ndarray, total: np.ndarray, squares: np.ndarray, bound: int) -> np.ndarray:
    """Sample standard deviation in steps: sqrt((n Σx² - (Σx)²) / (n (n - 1))), the numerator exact."""
    kind = np.int64 if bound * bound < WHOLE_LIMIT else object
    numerator = n.astype(kind) * squares.astype(kind) - total.astype(kind) ** 2
    divisor = (n * (n - 1)).astype(np.float64)
    variance = np.divide(numerator.astype(np.float64), divisor, out=np.zeros(len(n)), where=n > 1)
    return np.sqrt(variance)


def _extremes(scope: Scope, measure: Measure) -> list[np.ndarray]:
    name = str(measure.column)
    pick, neutral = (np.minimum, np.inf) if measure.family == "min" else (np.maximum, -np.inf)
    lo, hi = scope.window(measure)
    values = _neutralised(scope.events.columns.numbers[name], scope.mask(measure.filters), neutral)
    extreme = range_pick(values, lo, np.broadcast_to(hi, lo.shape), pick, neutral)
    if scope.rows.columns is not None:
        requests = scope.rows.columns.numbers[name]
        extreme = pick(extreme, _neutralised(requests, scope.mask(measure.filters, request=True), neutral))
    return [np.where(np.isinf(extreme[m.window]), m.empty, extreme[m.window]) for m in measure.members]


def _neutralised(values: np.ndarray, mask: np.ndarray | None, neutral: float) -> np.ndarray:
    """The values of the mask; `neutral` elsewhere and where missing."""
    present = ~np.isnan(values)
    return np.where(present if mask is None else present & mask, values, neutral)


def _latest(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Value or age of the last event of each window, the request not considered."""
    mask, (lo, hi) = scope.mask(measure.filters), scope.window(measure)
    at = hi - 1
    if mask is not None:
        last = np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1))
        at = np.where(at >= 0, last[at], -1) if len(last) else at
    out = []
    for member in measure.members:
        exists = at >= lo[member.window]
        index = np.where(exists, at, 0)
        if member.kind == "last":
            values = _neutralised(scope.events.columns.numbers[str(member.column)], mask, -np.inf)
            out.append(_last_value(values, scope.tie_starts, index, exists, member.empty))
        else:
            out.append(_age(scope, index, exists, member.empty))
    return out


def _last_value(
    values: np.ndarray, ties: np.ndarray | None, index: np.ndarray, exists: np.ndarray, empty: float
) -> np.ndarray:
    """The largest value among each event and those tied with it; -inf is a missing value."""
    if not len(values):
        return np.full(len(index), empty)
    first = index if ties is None else ties[index]
    value = range_pick(values, first, index + 1, np.maximum, -np.inf)
    return np.where(exists, np.where(np.isinf(value), np.nan, value), empty)


def _earliest(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """Value or age of the first event of each window."""
    mask, (lo, hi) = scope.mask(measure.filters), scope.window(measure)
    size = len(scope.events)
    if mask is not None:
        after = np.where(mask, np.arange(size), size)[::-1]
        following = np.append(np.minimum.accumulate(after)[::-1], size)
        lo = following[lo]
    out = []
    for member in measure.members:
        exists = lo[member.window] < hi
        index = np.where(exists, lo[member.window], 0)
        if member.kind == "first":
            out.append(_first_value(scope, str(member.column), mask, index, exists, member.empty))
        else:
            out.append(_age(scope, index, exists, member.empty))
    return out


def _first_value(
    scope: Scope, column: str, mask: np.ndarray | None, index: np.ndarray, exists: np.ndarray, empty: float
) -> np.ndarray:
    """The smallest value among each event and those tied with it."""
    values = _neutralised(scope.events.columns.numbers[column], mask, np.inf)
    if not len(values):
        return np.full(len(index), empty)
    value = range_pick(values, index, scope.tie_ends[index] + 1, np.minimum, np.inf)
    return np.where(exists, np.where(np.isinf(value), np.nan, value), empty)


def _age(scope: Scope, index: np.ndarray, exists: np.ndarray, empty: float) -> np.ndarray:
    """Days from an event to the row's decision."""
    if not len(scope.events):
        return np.full(len(index), empty)
    return np.where(exists, (scope.rows.as_of - scope.events.time[index]) / _DAY, empty)


FAMILIES: Mapping[str, Callable[[Scope, Measure], list[np.ndarray]]] = {
    "count": _counts,
    "sum": _sums,
    "min": _extremes,
    "max": _extremes,
    "latest": _latest,
    "earliest": _earliest,
    "distinct": distinct,
    "quantile": quantiles,
    "mode": modes,
    "time_between": times_between,
    "streak": streaks,
    "slope": slopes,
    "decay": decayed,
}
FAMILY_OF: Mapping[str, str] = {
    "count": "count",
    "share": "count",
    "sum": "sum",
    "mean": "sum",
    "std": "sum",
    "min": "min",
    "max": "max",
    "last": "latest",
    "time_since_last": "latest",
    "time_since_first": "earliest",
    "distinct": "distinct",
    "first": "earliest",
    "quantile": "quantile",
    "mode": "mode",
    "streak": "streak",
    "slope": "slope",
    "decayed_sum": "decay",
    "decayed_count": "decay",
} | dict.fromkeys(BETWEEN, "time_between")
