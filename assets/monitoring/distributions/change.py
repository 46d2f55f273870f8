"""Since which day a figure is what it is: the last change of its level.

Belongs here: the change points of a daily series. Does not belong here: which series are searched (`assets.py`).

The split of a series into two levels is the one with the largest CUSUM statistic |mean after - mean before|
sqrt(k (n - k) / n) (Hinkley, 1970). Series are split again on either side while the statistic is beyond chance (binary
segmentation: Scott and Knott, 1974; Vostrikova, 1981).
"""

import math

import numpy as np
from numpy.typing import NDArray

_LEAST = 5
"""Days that must be known before anything is called a change."""


def last_change(series: NDArray[np.float64]) -> int | None:
    """The place at which the last level begins; `None` while there is one level alone.

    Args:
        series: By day, in ascending order; NaN for a day without a figure.
    """
    known = np.flatnonzero(~np.isnan(series))
    if len(known) < _LEAST:
        return None
    values = series[known]
    # Steps from day to day tell the noise apart from changes of level, of which there are few.
    noise = float(np.median(np.abs(np.diff(values)))) / (0.6745 * math.sqrt(2))
    changes = _changes(values, 0, len(values), max(noise, 1e-9 + 1e-6 * float(np.abs(values).max())))
    return int(known[changes[-1]]) if changes else None


def _changes(values: NDArray[np.float64], first: int, after: int, noise: float) -> list[int]:
    n = after - first
    if n < 2:
        return []
    part = values[first:after]
    sums, k = np.cumsum(part)[:-1], np.arange(1, n)
    cusum = np.abs((part.sum() - sums) / (n - k) - sums / k) * np.sqrt(k * (n - k) / n)
    best = int(np.argmax(cusum))
    # Of n - 1 standardised splits the largest is below this by chance, but once in thousands of series.
    if cusum[best] <= noise * (math.sqrt(2 * math.log(len(values))) + 3.0):
        return []
    split = first + best + 1
    return [*_changes(values, first, split, noise), split, *_changes(values, split, after, noise)]
