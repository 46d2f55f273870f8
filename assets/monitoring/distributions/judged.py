"""The figures that are judged: of every subject and of the number of rows, for many days or windows at once.

Belongs here: which statistics are judged of which subject, and their values from counts. Does not belong here: a
statistic (`statistics.py`), the limits (`limits.py`).

Jensen-Shannon and chi-squared are recorded and not judged: they compare the same bins as PSI, and each further test
would make every limit wider.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrik

from assets.bundle.answers import REFUSE
from assets.monitoring.distributions.cells import OUTCOME, Layout, Part
from assets.monitoring.distributions.counting import score_rows
from assets.monitoring.distributions.statistics import (
    distribution_gaps,
    kolmogorov_smirnov,
    psi,
    share,
    wasserstein,
)

Statistic = Literal["psi", "ks", "wasserstein", "missing", "unseen", "out_of_range", "refused", "volume"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
"""What is judged: three distances, four shares of rows, and the logarithm of the rows over the usual ones."""
TWO_SIDED = np.array([name in ("refused", "volume") for name in STATISTICS])
"""Too few refusals or rows are as odd as too many."""
_WEEKS = 8
"""Rows are compared with those of so many weeks before, on the same weekdays."""
LOOKBACK = 7 * (_WEEKS + 1)
"""How many days before a window its usual rows are read from, at most."""


def judged_values(layout: Layout, counts: NDArray[np.int64], volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """The judged figures, float64 [n, subjects + 1, statistics]; NaN where one does not apply or there are no rows.

    Args:
        counts: int64 [n, cells], of days or of windows.
        volume: As `volume_of`, float64 [n].
    """
    subjects = layout.subjects
    values = np.full((len(counts), len(subjects) + 1, len(STATISTICS)), np.nan)
    rows = score_rows(layout, counts)[:, None]
    values[:, :-1, 0] = psi(*binned(layout, counts))
    numbers = list(layout.numbers())
    sample, current, starts, points = ordered_cells(layout, counts)
    gaps = distribution_gaps(sample, current, starts)
    values[:, numbers, 1] = kolmogorov_smirnov(gaps, starts)
    values[:, numbers, 2] = wasserstein(gaps, starts, points)
    features = [n for n, subject in enumerate(subjects) if subject.kind != "outcome"]
    categories = [n for n, subject in enumerate(subjects) if subject.kind == "category"]
    values[:, features, 3] = share(in_parts(layout, counts, "missing")[:, features], rows)
    values[:, categories, 4] = share(in_parts(layout, counts, "unseen")[:, categories], rows)
    values[:, numbers, 5] = share(in_parts(layout, counts, "below", "above")[:, numbers], rows)
    values[:, layout.place(OUTCOME), 6] = refused_share(layout, counts)
    values[:, -1, 7] = volume
    return values


def binned(layout: Layout, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Reference [bins] and counts [n, bins] over the bins of all subjects, and where each subject's begin."""
    firsts, sizes = [], []
    for start, subject in zip(layout.starts.tolist(), layout.subjects, strict=True):
        first = np.searchsorted(subject.bins, np.arange(len(subject.expected)))
        firsts.append(start + first)
        sizes.append(len(first))
    reference = np.concatenate([subject.expected for subject in layout.subjects])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return reference, np.add.reduceat(counts, np.concatenate(firsts), axis=-1), starts


def ordered_cells(
    layout: Layout, counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Sample [cells] and counts [n, cells] of the numeric subjects without missing values, their starts and points."""
    subjects = [layout.subjects[n] for n in layout.numbers()]
    places = [np.arange(layout.starts[n], layout.starts[n] + layout.subjects[n].cells - 1) for n in layout.numbers()]
    starts = np.concatenate([[0], np.cumsum([len(place) for place in places])[:-1]]).astype(np.int64)
    return (
        np.concatenate([subject.sample for subject in subjects]),
        counts[:, np.concatenate(places)],
        starts,
        np.concatenate([subject.points for subject in subjects]),
    )


def in_parts(layout: Layout, counts: NDArray[np.int64], *parts: Part) -> NDArray[np.int64]:
    """The rows of each subject in these parts of its column, int64 [n, subjects]."""
    chosen = np.isin(layout.parts, parts)
    return np.asarray(np.add.reduceat(np.where(chosen, counts, 0), layout.starts, axis=-1), dtype=np.int64)


def refused_share(layout: Layout, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of the rows that were refused, float64 [n]; NaN of no rows."""
    start = int(layout.starts[layout.place(OUTCOME)])
    decided = counts[:, start : start + REFUSE + 1]
    return share(decided[:, REFUSE], decided.sum(axis=-1))


def usual_rows(rows: NDArray[np.int64], window: int) -> NDArray[np.float64]:
    """The usual rows of the window that ends on each day: the median over those of up to 8 weeks before; float64 [n].

    The weeks are whole ones that end before the window begins, so the weekdays are the same. NaN with fewer than two.
    Days before the first row are no quiet days, and weeks without a row are none either: a service that has begun to
    answer does not answer too much, nor does a feed that comes back.

    Args:
        rows: Rows of consecutive days, int64 [n]; 0 where there were none.
    """
    sums = window_sums(rows[:, None], window)[:, 0]
    first, begun = math.ceil(window / 7), int(np.argmax(rows > 0))
    earlier = np.full((len(rows), _WEEKS), np.nan)
    for place in range(_WEEKS):
        lag = 7 * (first + place)
        complete = max(len(rows) - lag, 0)
        earlier[len(rows) - complete :, place] = sums[:complete]
        earlier[: min(begun + lag + window - 1, len(rows)), place] = np.nan  # the window began before the first row
    earlier[earlier == 0] = np.nan
    enough = (~np.isnan(earlier)).sum(axis=1) >= 2
    usual = np.full(len(rows), np.nan)
    usual[enough] = np.nanmedian(earlier[enough], axis=1)
    return usual


def volume_of(rows: NDArray[np.int64], window: int) -> NDArray[np.float64]:
    """The logarithm of the rows of each window over the usual ones, float64 [n]; NaN where these are not known."""
    sums = window_sums(rows[:, None], window)[:, 0]
    return np.asarray(np.log((sums + 1) / (usual_rows(rows, window) + 1)), dtype=np.float64)


def rows_by_chance(usual: NDArray[np.float64], chance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The fewest and the most rows that independent events make of so many usual ones, float64 [n] each; NaN for NaN.

    The logarithm of a small number of rows is lopsided, so limits of it are too narrow below. Poisson's limits, for
    usual rows that are a median of few weeks.

    Args:
        chance: Of more extreme rows on either side.
    """
    uncertain = 1.0 + math.pi / 2 / _WEEKS  # the variance of a median of so many, beside that of the rows
    mean = np.maximum(usual, 0.5) / uncertain
    low, high = uncertain * pdtrik(chance, mean), uncertain * (pdtrik(1 - chance, mean) + 1)
    return np.where(chance < np.exp(-mean), 0.0 * usual, low), high


def window_sums(counts: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """The sums over the window that ends on each of consecutive days, int64 [n, cells]; earlier days count nothing."""
    running = np.cumsum(counts, axis=0, dtype=np.int64)
    sums = running.copy()
    sums[window:] -= running[: max(len(counts) - window, 0)]
    return sums
