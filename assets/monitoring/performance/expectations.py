"""The interval in which a business figure of a day is expected: a count, a mean of rows, a sum over drawn labels.

Belongs here: the three expectations, each as an interval that a process that goes on as before leaves with a stated
chance. Does not belong here: the figures (`kpis.py`), how the chance follows from the policy.

Sums of few rows are lopsided, and a chance of one day in thousands lies far out: an interval has the quantiles of a
gamma distribution that is shifted, or mirrored, to have the sum's mean, variance and skewness (Pearson's type III).
Days differ by more than the chance of their rows (bursts, campaigns): how much more is measured over other days, and as
these are few, the interval is wider by Student's quantile over that of Gauss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammainccinv, gammaincinv, ndtri, stdtrit

from assets.monitoring.performance.recalibration import Floats

Basis = Literal["days before", "approval", "scores", "target"]

LEAST_DAYS = 7
"""Fewer days than these say nothing of how days differ."""
_WEEKDAY_ROWS = 20.0
"""A weekday's own share counts as much as that of all days once so many rows came on such days."""
_LEAST_SKEWNESS = 1e-3


@dataclass(frozen=True)
class Expectation:
    """What is expected of a figure, and the interval of usual values."""

    value: float
    low: float
    high: float
    basis: Basis


def expected_count(counts: Sequence[int], weekdays: Sequence[int], weekday: int, chance: float) -> Expectation | None:
    """The rows of a day, from those of earlier days; `None` with fewer than LEAST_DAYS of these.

    Args:
        counts: Rows of earlier days; days without any are left out, as a feed that is gone is none of its days.
        weekdays: Of these days, 0 to 6.
        weekday: Of the day.
        chance: Of leaving the interval on one day.
    """
    known, of = np.array(counts, dtype=np.float64), np.array(weekdays)
    known, of = known[known > 0], of[known > 0]
    if len(known) < LEAST_DAYS:
        return None
    level = known.mean()
    sums, sizes = np.bincount(of, known, 7), np.bincount(of, minlength=7)
    means = level * (sums + _WEEKDAY_ROWS) / (sizes * level + _WEEKDAY_ROWS)
    mean, usual = float(means[weekday]), means[of]
    freedom = max(len(known) - int((sizes > 0).sum()), LEAST_DAYS - 1)
    dispersion = max(1.0, float(((known - usual) ** 2 / usual).sum()) / freedom)
    error = float(np.sqrt(dispersion * mean * (1.0 + 1.0 / max(int(sizes[weekday]), 1)))) * _wider(chance, freedom)
    low, high = _lopsided(mean, error, error / mean, chance)
    return Expectation(mean, max(0.0, low), high, "days before")


def expected_share(shares: Floats, day: NDArray[np.int64], rows: int, chance: float) -> Expectation | None:
    """The share of a day's rows that are something, from rows of other days; `None` without any.

    Args:
        shares: 1 or 0 for each of these rows, float64 [n].
        day: Of each of them.
        rows: Of the day.
        chance: As for `expected_count`.
    """
    found = _mean(shares, day, rows)
    if found is None:
        return None
    mean, error, freedom = found
    error *= _wider(chance, freedom)
    spread = mean * (1.0 - mean)
    size = spread / error**2 - 1.0 if error > 0.0 else np.inf
    if spread == 0.0 or not np.isfinite(size):
        return Expectation(mean, mean, mean, "approval")
    if size <= 0.0:
        return Expectation(mean, 0.0, 1.0, "approval")
    low, high = (float(betaincinv(mean * size, (1.0 - mean) * size, one)) for one in (chance / 2, 1 - chance / 2))
    return Expectation(mean, max(0.0, low - 0.5 / rows), min(1.0, high + 0.5 / rows), "approval")  # rows are whole


def expected_sum(values: Floats, day: NDArray[np.int64], rows: int, chance: float) -> Expectation | None:
    """The sum over so many rows of a day, from rows of other days; arguments as for `expected_share`."""
    found = _mean(values, day, rows)
    if found is None:
        return None
    mean, error, freedom = found
    spread = float(values.std())
    skewness = float(((values - values.mean()) ** 3).mean()) / spread**3 / np.sqrt(rows) if spread > 0.0 else 0.0
    low, high = _lopsided(mean * rows, error * rows * _wider(chance, freedom), skewness, chance)
    return Expectation(mean * rows, low, high, "approval")


def expected_draw(mean: float, error: float, third: float, residuals: Floats, chance: float) -> Expectation:
    """A sum over labels that are drawn by their scores.

    Args:
        mean, error, third: Its mean, standard error and third central moment, were labels drawn one by one.
        residuals: Of other days, how many such standard errors their sum lay from its mean, float64 [days]: bad rows
            come in bursts. That all of them lie on one side makes nothing usual: then the scores are wrong.
        chance: As for `expected_count`.
    """
    freedom = len(residuals) - 1 if len(residuals) >= LEAST_DAYS else None
    dispersion = 1.0 if freedom is None else max(1.0, float(residuals.var(ddof=1)))
    skewness = third / error**3 if error > 0.0 else 0.0
    # A burst of bad rows is one drawn label of several rows: it makes the sum more lopsided too.
    wider = float(np.sqrt(dispersion))
    low, high = _lopsided(mean, error * wider * _wider(chance, freedom), skewness * wider, chance)
    return Expectation(mean, low, high, "scores")


def _mean(values: Floats, day: NDArray[np.int64], rows: int) -> tuple[float, float, int | None] | None:
    """The mean, its standard error over so many rows of another day, and the days that tell how days differ."""
    if not len(values) or not rows:
        return None
    mean, spread = float(values.mean()), float(values.var())
    _, member = np.unique(day, return_inverse=True)
    sizes = np.bincount(member)
    dispersion, freedom = 1.0, None
    if len(sizes) >= LEAST_DAYS and spread > 0.0:
        sums, freedom = np.bincount(member, values - mean), len(sizes) - 1
        dispersion = max(1.0, float((sums**2 / (sizes * spread)).sum() / freedom))
    return mean, float(np.sqrt(dispersion * spread * (1.0 / rows + 1.0 / len(values)))), freedom


def _wider(chance: float, freedom: int | None) -> float:
    """How much wider an interval is whose variance was measured over few days: Student's quantile over Gauss's."""
    return 1.0 if freedom is None else float(stdtrit(freedom, chance / 2) / ndtri(chance / 2))


def _lopsided(mean: float, error: float, skewness: float, chance: float) -> tuple[float, float]:
    """The interval of a sum with this mean, standard error and skewness."""
    if abs(skewness) < _LEAST_SKEWNESS:
        reach = -float(ndtri(chance / 2))
        return mean - reach * error, mean + reach * error
    shape = 4.0 / skewness**2
    short = (float(gammaincinv(shape, chance / 2)) - shape) / np.sqrt(shape)
    long = (float(gammainccinv(shape, chance / 2)) - shape) / np.sqrt(shape)
    ends = (short, long) if skewness > 0.0 else (-long, -short)
    return float(mean + error * ends[0]), float(mean + error * ends[1])
