"""Statistics of two vectors of counts: the reference and the rows of a day or a window.

Belongs here: each statistic as a pure function, for many subjects and many windows at once, with its formula. Does not
belong here: which counts are compared (`figures.py`), how large is too large (`limits.py`, `verdict.py`).

Counts of all subjects lie one after the other on the last axis, and `starts` says where each subject begins (at least
one cell each); every function returns one number a subject, float64 [..., subjects]. A subject whose reference or
current counts are all zero has NaN.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, kolmogorov

Counts = NDArray[np.int64]
Figures = NDArray[np.float64]


def psi(reference: Counts, current: Counts, starts: Counts) -> Figures:
    """Population stability index: sum of (q - p) ln(q / p), half a row added to every bin, as `assets.metrics.psi`."""
    bins = _of(starts, reference.shape[-1])
    p = (reference + 0.5) / (_total(reference, starts) + 0.5 * bins).repeat(bins, axis=-1)
    q = (current + 0.5) / (_total(current, starts) + 0.5 * bins).repeat(bins, axis=-1)
    return _known(np.add.reduceat((q - p) * np.log(q / p), starts, axis=-1), reference, current, starts)


def jensen_shannon(reference: Counts, current: Counts, starts: Counts) -> Figures:
    """Jensen-Shannon distance: the root of the divergence in bits, 0 to 1 (Endres and Schindelin, 2003)."""
    p, q = _shares(reference, starts), _shares(current, starts)
    m = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / m), 0.0)
        right = np.where(q > 0, q * np.log2(q / m), 0.0)
    divergence = np.add.reduceat(left + right, starts, axis=-1) / 2
    return _known(np.sqrt(np.maximum(divergence, 0.0)), reference, current, starts)


def chi_squared(reference: Counts, current: Counts, starts: Counts) -> tuple[Figures, Figures]:
    """Pearson's chi-squared of the 2 x bins table, without bins that are empty on both sides, and its p-value.

    The p-value is that of the chi-squared distribution with (bins - 1) degrees of freedom; of one bin it is 1.
    """
    bins = _of(starts, reference.shape[-1])
    n, m = _total(reference, starts), _total(current, starts)
    both = reference + current
    share = both / np.maximum(n + m, 1).repeat(bins, axis=-1)
    deviations = np.zeros(np.broadcast_shapes(reference.shape, current.shape))
    for counts, total in ((reference, n), (current, m)):
        expected = share * total.repeat(bins, axis=-1)
        deviations += np.where(expected > 0, (counts - expected) ** 2 / np.where(expected > 0, expected, 1.0), 0.0)
    statistic = np.add.reduceat(deviations, starts, axis=-1)
    freedom = np.add.reduceat((both > 0).astype(np.int64), starts, axis=-1) - 1
    p_value = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return _known(statistic, reference, current, starts), _known(p_value, reference, current, starts)


def distribution_gaps(reference: Counts, current: Counts, starts: Counts) -> Figures:
    """The distance of two distribution functions at the end of each of their ordered cells, float64 [..., cells]."""
    gaps = np.abs(_running(current, starts) - _running(reference, starts))
    nothing = (_total(reference, starts) == 0) | (_total(current, starts) == 0)
    if nothing.any():
        gaps[nothing.repeat(_of(starts, gaps.shape[-1]), axis=-1)] = np.nan
    return np.asarray(gaps, dtype=np.float64)


def kolmogorov_smirnov(gaps: Figures, starts: Counts) -> Figures:
    """The largest distance between the distribution functions of two samples, from their gaps."""
    return np.asarray(np.maximum.reduceat(gaps, starts, axis=-1), dtype=np.float64)


def kolmogorov_smirnov_p(distance: Figures, n: Counts, m: Counts) -> Figures:
    """The two-sided p-value of that distance between samples of n and m rows; ties make it conservative.

    Kolmogorov's limit at sqrt(n m / (n + m)) times the distance (Smirnov, 1939), `scipy.stats.kstwobign`.
    """
    rows = n * m / np.maximum(n + m, 1)
    return np.where(rows > 0, kolmogorov(np.sqrt(rows) * distance), np.nan)


def wasserstein(gaps: Figures, starts: Counts, points: Figures) -> Figures:
    """The first Wasserstein distance, in the unit of the points: the area between the two distribution functions."""
    widths = np.diff(points, append=points[-1:])
    widths[np.append(starts[1:], len(points)) - 1] = 0.0
    return np.asarray(np.add.reduceat(gaps * widths, starts, axis=-1), dtype=np.float64)


def share(counts: Counts, rows: Counts) -> Figures:
    """The share of the rows; NaN of no rows."""
    return np.where(rows > 0, counts / np.maximum(rows, 1), np.nan)


def _of(starts: Counts, cells: int) -> Counts:
    return np.diff(starts, append=cells)


def _total(counts: Counts, starts: Counts) -> Counts:
    return np.asarray(np.add.reduceat(counts, starts, axis=-1))


def _shares(counts: Counts, starts: Counts) -> Figures:
    total = np.maximum(_total(counts, starts), 1).repeat(_of(starts, counts.shape[-1]), axis=-1)
    return np.asarray(counts / total, dtype=np.float64)


def _running(counts: Counts, starts: Counts) -> Figures:
    """The distribution function at the end of each cell. Running counts are integers, so they are exact."""
    running = np.empty(counts.shape)
    for first, after in zip(starts.tolist(), [*starts[1:].tolist(), counts.shape[-1]], strict=True):
        own = running[..., first:after]
        np.cumsum(counts[..., first:after], axis=-1, out=own)
        own /= np.maximum(own[..., -1:], 1.0)
    return running


def _known(values: Figures, reference: Counts, current: Counts, starts: Counts) -> Figures:
    nothing = (_total(reference, starts) == 0) | (_total(current, starts) == 0)
    return np.where(nothing, np.nan, values)
