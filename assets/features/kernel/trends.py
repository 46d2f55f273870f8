"""How a column moves over the events of a window.

Belongs here: the least-squares slope. Does not belong here: the derived trend of two windows (`derived.py`).
"""

import numpy as np

from assets.features.kernel.exact import exact_totals, quotient
from assets.features.kernel.scope import Measure, Scope, both
from resources.moments import DAY_US


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
