"""How much each feature alone reveals of the label and of its time.

Belongs here: figures of one feature against the label and its time. Does not belong here: which figure is too high
(`verdict.py`), the ranking by a feature alone (`assets.metrics.ranking`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from assets.metrics.ranking import columns_by_feature

LEAST_TIMED_ROWS = 30
"""With fewer rows a high rank correlation is too often due to chance."""
_CELLS = 32
_RAREST = 500
"""A value with at least one row in 500 has a cell of its own: the bad outcome may be as rare."""


def label_information(matrix: NDArray[np.float32], sources: Sequence[str], y: NDArray[np.int8]) -> dict[str, float]:
    """For each feature the share of the label's entropy that it explains: 0 nothing, 1 everything.

    The uncertainty coefficient I(X; Y) / H(Y) (Theil 1970) over the feature's values where they are few, else over
    about 32 cells of equal count, with cells of their own for common values and for missing ones. The value expected by
    chance with as many cells is subtracted (Miller 1955). Unlike a ranking, the coefficient finds a middle value that
    only bad rows have.

    Args:
        matrix: float32 [n, m], NaN = missing.
        sources: For each column its feature.
        y: int8 [n], both classes present.
    """
    return {
        feature: _uncertainty(_cells(matrix[:, positions]), y)
        for feature, positions in columns_by_feature(sources).items()
    }


def label_timing(
    matrix: NDArray[np.float32], sources: Sequence[str], days: NDArray[np.float64]
) -> dict[str, float | None]:
    """For each feature its rank correlation (Spearman) with the days from the decision to the bad outcome.

    Args:
        days: float64 [n], NaN for rows without a bad outcome.

    Returns:
        -1 to 1; `None` where it cannot be computed: a category, too few rows, or a constant on either side.
    """
    return {
        feature: _rank_correlation(matrix[:, positions[0]], days) if len(positions) == 1 else None
        for feature, positions in columns_by_feature(sources).items()
    }


def _cells(columns: NDArray[np.float32]) -> NDArray[np.int64]:
    """The cell of each row of a feature's columns [n, k], int64 [n]."""
    if columns.shape[1] > 1:
        return np.unique(np.nan_to_num(columns, nan=-1.0), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    values = columns[:, 0]
    missing = np.isnan(values)
    edges, counts = np.unique(values[~missing], return_counts=True)
    if len(edges) > _CELLS:
        common = edges[counts * _RAREST >= len(values)]
        below = np.where(common == 0, -np.finfo(np.float32).tiny, np.nextafter(common, np.float32(-np.inf)))
        quantiles = np.quantile(values[~missing], np.arange(1, _CELLS) / _CELLS, method="inverted_cdf")
        edges = np.unique(np.concatenate([quantiles, common, below]))
    cells = np.searchsorted(edges, values, side="left")
    return np.where(missing, len(edges) + 1, cells).astype(np.int64)


def _uncertainty(cells: NDArray[np.int64], y: NDArray[np.int8]) -> float:
    counts = np.zeros((int(cells.max()) + 1, 2))
    np.add.at(counts, (cells, y.astype(np.int64)), 1.0)
    counts = counts[counts.sum(axis=1) > 0]
    entropy = _entropy(counts.sum(axis=0))
    unexplained = float(np.sum(counts.sum(axis=1) / len(y) * np.array([_entropy(cell) for cell in counts])))
    chance = (len(counts) - 1) / (2.0 * len(y))
    return max(0.0, (entropy - unexplained - chance) / entropy)


def _entropy(counts: NDArray[np.float64]) -> float:
    """In nats."""
    share = counts[counts > 0] / counts.sum()
    return float(-np.sum(share * np.log(share)))


def _rank_correlation(values: NDArray[np.float32], days: NDArray[np.float64]) -> float | None:
    complete = ~np.isnan(values) & ~np.isnan(days)
    if complete.sum() < LEAST_TIMED_ROWS:
        return None
    value_ranks, day_ranks = rankdata(values[complete]), rankdata(days[complete])
    if np.ptp(value_ranks) == 0 or np.ptp(day_ranks) == 0:
        return None
    return float(np.corrcoef(value_ranks, day_ranks)[0, 1])
