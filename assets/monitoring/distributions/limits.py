"""The limits of the judged figures, from quiet history: so wide that false alarms are as many a year as allowed.

Belongs here: which days are quiet, the bootstrap, the limits and the sentence that says where they are from. Does not
belong here: the figures (`judged.py`), what follows from one beyond its limit (`verdict.py`).

The policy states one number, the false alarms a year of all judges together; days and windows have each a share of it
(`assets.monitoring.false_alarms`). A false alarm is an episode: one day or more, one after the other, on which any
figure of any subject is beyond its limit.

Each figure is measured from its median on quiet days in units of its own spread, so that one level serves all figures
of a family; the largest of them decides a day (Westfall and Young's maximum, 1993), which corrects for the number of
subjects and statistics as they really depend on each other. The level is the one that the largest figure passes at the
allowed rate; as that is rarer than any day of the history, its tail is taken as exponential (peaks over a threshold,
Coles 2001), with the level widened for the uncertainty of a mean from so few excesses. Days are measured by the medians
and spreads of other weeks. For windows, years are drawn by the moving-block bootstrap (Kuensch, 1989): blocks of whole
weeks, so that weekdays stay together, as long as a window, so that a window's own movement stays whole.

Figures of few rows are wider: PSI as 1 / rows, the others as 1 / sqrt(rows). A day with fewer rows than usual is judged
by limits that are as much wider.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from assets.monitoring.distributions.cells import Layout
from assets.monitoring.distributions.counting import score_rows
from assets.monitoring.distributions.judged import (
    STATISTICS,
    TWO_SIDED,
    judged_values,
    volume_of,
    window_sums,
)
from assets.monitoring.false_alarms import allowed
from assets.product import MonitoringPolicy

Values = NDArray[np.float64]

LEAST_DAYS = 56
"""With fewer quiet days than this nothing is known of a usual week; the limits are fixed ones."""
FAMILIES = (("psi", "ks", "wasserstein"), ("missing", "unseen", "out_of_range"), ("refused", "volume"))
"""Statistics whose tails are alike share a level, and each family a third of the false alarms."""
_YEARS = 12
_FOLDS = 5
_YEAR = 364
_SEED = 20_251
_TAIL = 0.1
"""The share of the days whose excesses say how the tail falls."""
_LEAST_TAIL = 8
_ODD = 12.0
"""A day of the history with a figure so many spreads beyond its median is not quiet."""
_MOST_ODD = 0.2
"""If more days than this are odd, odd is usual."""
_BY_ROWS = np.array([1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0])
"""How fast each statistic's spread falls with the rows: as rows to this power."""
_MEDIAN_FALLS = np.array([1.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
"""The same for its median; a share of rows has the same median for any number of rows."""


@dataclass(frozen=True)
class Horizon:
    """The limits of days, or of windows.

    Attributes:
        median, spread: Of each subject and statistic on quiet days, float64 [subjects + 1, statistics]; NaN where
            a statistic does not apply.
        level: How many spreads from its median a figure may be, float64 [statistics].
        rows: The usual number of rows.
    """

    median: Values
    spread: Values
    level: Values
    rows: float

    def bounds(self, rows: NDArray[np.int64]) -> tuple[Values, Values]:
        """The lowest and the highest allowed figure for so many rows, float64 [n, subjects + 1, statistics]."""
        median, spread = self._at(rows)
        low = np.where(TWO_SIDED, median - self.level * spread, -np.inf)
        return np.where(np.isnan(median), np.nan, low), median + self.level * spread

    def distances(self, values: Values, rows: NDArray[np.int64]) -> Values:
        """How many spreads each figure is from its median, float64 as the figures; NaN where there is none."""
        median, spread = self._at(rows)
        distance = (values - median) / spread
        return np.where(TWO_SIDED, np.abs(distance), distance)

    def _at(self, rows: NDArray[np.int64]) -> tuple[Values, Values]:
        fewer = np.maximum(self.rows / np.maximum(rows, 1), 1.0)[:, None, None]
        return self.median * fewer**_MEDIAN_FALLS, self.spread * fewer**_BY_ROWS


@dataclass(frozen=True)
class Limits:
    """The limits of a bundle's figures.

    Attributes:
        day, window: Those of a day's figures and of a window's; `None` with too little history.
        basis: Where they are from, for people.
        quiet: The days that they are from.
    """

    day: Horizon | None
    window: Horizon | None
    basis: str
    quiet: tuple[date, ...] = ()


def limits_of(layout: Layout, days: Sequence[date], counts: NDArray[np.int64], policy: MonitoringPolicy) -> Limits:
    """The limits that keep false alarms to the policy's number a year.

    Args:
        days: Consecutive days that end before the model was approved.
        counts: Theirs, int64 [days, cells].
    """
    rows = score_rows(layout, counts)
    known = np.flatnonzero(rows > 0)
    if len(known) < LEAST_DAYS:
        return Limits(None, None, f"fixed limits: {len(known)} days before the approval have rows, {LEAST_DAYS} needed")
    first, last = known[0], known[-1] + 1
    history, is_odd = _quiet(layout, counts[first:last], rows[first:last])
    chosen = ~is_odd & (score_rows(layout, history) > 0)
    day = _of_days(layout, history, chosen, allowed(policy, "days"))
    window = _of_windows(layout, history, policy.window_days, allowed(policy, "windows"))
    quiet = tuple(day for day, odd in zip(days[first:last], is_odd.tolist(), strict=True) if not odd)
    basis = (
        f"{len(quiet)} quiet days to {quiet[-1].isoformat()}, for {policy.false_alarms_a_year:g} false alarms a year"
    )
    return Limits(day, window, basis, quiet)


def _quiet(
    layout: Layout, counts: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The history with each odd day replaced by the nearest day of its weekday that is not, and which days were odd."""
    values = _values(layout, counts, volume_of(rows, 1))
    horizon = _horizon(layout, values, rows)
    farthest = np.nan_to_num(_largest(horizon.distances(values, rows)), nan=0.0)
    odd = (farthest > _ODD) | (rows == 0)
    if odd.mean() > _MOST_ODD:
        odd = rows == 0
    replaced, places = counts.copy(), np.arange(len(counts))
    for place in np.flatnonzero(odd).tolist():
        same = places[(places % 7 == place % 7) & ~odd]
        if len(same):
            replaced[place] = counts[same[np.argmin(np.abs(same - place))]]
    return replaced, odd


def _of_days(layout: Layout, counts: NDArray[np.int64], chosen: NDArray[np.bool_], a_year: float) -> Horizon:
    every = score_rows(layout, counts)
    values, rows = _values(layout, counts, volume_of(every, 1))[chosen], every[chosen]
    distances = np.empty(values.shape)
    folds = np.arange(len(rows)) * _FOLDS // len(rows)
    for fold in range(_FOLDS):
        # A day is measured by the medians and spreads of other weeks: by its own it would look too usual.
        held = folds == fold
        others = _horizon(layout, values[~held], rows[~held])
        distances[held] = others.distances(values[held], rows[held])
    level = _levels(distances, stretch=1, independent=len(rows), rate=a_year / 365)
    return replace(_horizon(layout, values, rows), level=level)


def _values(layout: Layout, counts: NDArray[np.int64], volume: Values) -> Values:
    """The judged figures of days or windows; none of a subject whose value the date gives."""
    values = judged_values(layout, counts, volume)
    values[:, layout.of_the_date()] = np.nan
    return values


def _of_windows(layout: Layout, counts: NDArray[np.int64], window: int, a_year: float) -> Horizon:
    """The limits of windows, from years that are drawn from the history by blocks."""
    drawn = [_figures_of_year(layout, counts[places], window) for places in _years(len(counts), window)]
    values, rows = np.concatenate([value for value, _ in drawn]), np.concatenate([row for _, row in drawn])
    horizon = _horizon(layout, values, rows)
    # One maximum for each stretch as long as a window: those are nearly independent, and so are episodes.
    stretch = max(window, 7)
    distances = horizon.distances(values, rows).reshape(len(drawn), _YEAR, *values.shape[1:])
    whole = distances[:, : _YEAR // stretch * stretch].reshape(-1, *values.shape[1:])
    independent = max(len(counts) // stretch, 1)
    level = _levels(whole, stretch=stretch, independent=independent, rate=a_year * stretch / 365)
    return replace(horizon, level=level)


def _levels(distances: Values, *, stretch: int, independent: int, rate: float) -> Values:
    """The level of each statistic: that which the largest distance of its family in a stretch passes at its rate."""
    levels = np.ones(len(STATISTICS))
    for family in FAMILIES:
        among = [STATISTICS.index(name) for name in family]
        largest = _largest(distances[:, :, among])
        stretches = np.fmax.reduceat(largest, np.arange(0, len(largest), stretch))
        known = np.sort(stretches[~np.isnan(stretches)])
        if len(known):
            levels[among] = max(_rare_level(known, independent, rate / len(FAMILIES)), 1.0)
    return levels


def _figures_of_year(layout: Layout, counts: NDArray[np.int64], window: int) -> tuple[Values, NDArray[np.int64]]:
    sums, rows = window_sums(counts, window), score_rows(layout, counts)
    whole = slice(len(counts) - _YEAR, None)
    return _values(layout, sums[whole], volume_of(rows, window)[whole]), score_rows(layout, sums[whole])


def _years(days: int, window: int) -> list[NDArray[np.int64]]:
    """For each drawn year the places of its days in the history, by blocks of whole weeks."""
    random = np.random.default_rng(_SEED)
    block = 7 * math.ceil(window / 7)
    block = min(block, days // 7 * 7)
    before = 7 * math.ceil(window / 7) * 2 + 7 * 8  # for the usual rows of the first window
    blocks = math.ceil((_YEAR + before) / block)
    years = []
    for _ in range(_YEARS):
        starts = np.arange(int(random.integers(7)), days - block + 1, 7)
        starts = starts if len(starts) else np.zeros(1, dtype=np.int64)
        drawn = random.choice(starts, blocks)
        years.append((drawn[:, None] + np.arange(block)).ravel())
    return years


def _horizon(layout: Layout, values: Values, rows: NDArray[np.int64]) -> Horizon:
    """Medians and spreads of the figures, as they would be with the usual number of rows."""
    usual = float(np.median(rows[rows > 0]))
    fewer = np.maximum(usual / np.maximum(rows, 1), 1.0)[:, None, None]
    with np.errstate(invalid="ignore"):
        applies = ~np.isnan(values).all(axis=0)
        median, high = np.full(applies.shape, np.nan), np.full(applies.shape, np.nan)
        low = np.full(applies.shape, np.nan)
        found = (values / fewer**_MEDIAN_FALLS)[:, applies]
        median[applies] = np.nanmedian(found, axis=0)
        high[applies] = np.nanquantile(found, 0.9, axis=0)
        low[applies] = np.nanquantile(found, 0.1, axis=0)
    spread = np.where(TWO_SIDED, np.fmax(high - median, median - low), high - median)
    spread = np.fmax(spread, np.where(applies, _least_spread(layout, median, usual), np.nan))
    return Horizon(median, spread, np.zeros(len(STATISTICS)), usual)


def _least_spread(layout: Layout, median: Values, rows: float) -> Values:
    """The least spread of a figure over so many rows by chance alone; so a figure that is always 0 has one too.

    Of a share, about a row in a thousand of those usual and one row at least; of a distance, its own noise.
    """
    least = np.zeros(median.shape)
    bins = np.array([len(subject.expected) for subject in layout.subjects])
    reference = np.array([max(subject.reference_rows, 1) for subject in layout.subjects])
    noise = 1 / rows + 1 / reference
    least[:-1, 0] = np.sqrt(2 * bins) * noise
    least[:-1, 1] = 0.3 * np.sqrt(noise)
    for place in layout.numbers():
        points = layout.subjects[place].points
        within = points[[part == "within" for part in layout.subjects[place].parts[:-1]]]
        least[place, 2] = 0.1 * np.sqrt(noise[place]) * max(float(np.ptp(within)) / 4, 1e-12)
    shares = np.clip(np.nan_to_num(median), 1 / rows, 1.0)
    least[:, 3:7] = (1.3 * np.sqrt(shares * np.maximum(1 - shares, 1 / rows) / rows) + 0.5 / rows)[:, 3:7]
    least[:, 7] = 1.3 / math.sqrt(rows) + 0.01
    return least


def _largest(distances: Values) -> Values:
    """The largest distance of each day or window, float64 [n]; NaN without any figure."""
    flat = distances.reshape(len(distances), -1)
    return np.asarray(np.where(np.isnan(flat).all(axis=1), np.nan, np.nanmax(np.nan_to_num(flat, nan=-np.inf), axis=1)))


def _rare_level(ordered: Values, independent: int, rate: float) -> float:
    """The level that a value passes at the rate, from ascending values of which so many are independent.

    Excesses over a high threshold are taken as exponential. With k of them, the predictive tail is
    (1 + x / (k mean))^-k: a little heavier, because the mean is estimated.
    """
    tail = max(_TAIL, min(_LEAST_TAIL / max(independent, 1), 0.5))
    threshold = float(np.quantile(ordered, 1 - tail))
    excesses = ordered[ordered > threshold] - threshold
    mean = float(excesses.mean()) if len(excesses) else 0.0
    k = max(tail * independent, 2.0)
    return threshold + k * mean * (max(tail / rate, 1.0) ** (1 / k) - 1)
