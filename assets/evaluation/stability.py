"""The stability of a model's scores, explanations and decisions.

Belongs here: the population stability index of scores, the agreement of explanations between halves of the rows, the
share of decisions that a little noise changes. Does not belong here: drift of live data (`assets.monitoring`).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from assets.metrics.psi import psi
from assets.metrics.ranking import EvaluationError

# Standard deviation of the noise, as a share of the column's standard deviation.
_NOISE = 0.01
_FEW_VALUES = 20


def population_stability(expected: NDArray[np.float64], actual: NDArray[np.float64], bins: int = 10) -> float:
    """The population stability index (`assets.metrics.psi`) over bins cut at the quantiles of `expected`.

    Raises:
        EvaluationError: A side is empty or has a value that is not finite.
    """
    for name, values in (("expected", expected), ("actual", actual)):
        if len(values) == 0 or not np.all(np.isfinite(values)):
            raise EvaluationError(f"the stability index needs {name} values, all of them finite; it got {len(values)}")
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, bins + 1)[1:-1]))
    before, after = (
        np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) for values in (expected, actual)
    )
    return float(psi(before, after[None, :])[0])


def explanation_agreement(contributions: NDArray[np.float64]) -> float | None:
    """Spearman's rank correlation of feature importances between the first and the second half of the rows.

    Args:
        contributions: float64 [n, k], of k features for n rows in time order.

    Returns:
        -1 to 1; `None` where there are fewer than 3 features or 2 rows, or every importance is the same.
    """
    if contributions.shape[0] < 2 or contributions.shape[1] < 3:
        return None
    half = len(contributions) // 2
    first, second = (np.abs(rows).mean(axis=0) for rows in (contributions[:half], contributions[half:]))
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return None
    return float(spearmanr(first, second).statistic)


def flipped_share(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    matrix: NDArray[np.float32],
    *,
    thresholds: Sequence[float],
    seed: int,
) -> float:
    """The share of decisions that change when each number gets noise of 1% of its column's standard deviation.

    Columns with few different values (flags, one-hot categories, small counts) get no noise: it would give them
    impossible values.

    Args:
        predict: Returns the scores of a matrix.
        matrix: float32 [n, m], NaN = missing.
        thresholds: Rising; a score at or above one of them has another answer than one below.
        seed: Seed of the noise.
    """
    if len(matrix) == 0:
        raise EvaluationError("the noise test needs some rows")
    spread = np.zeros(matrix.shape[1])
    for column in range(matrix.shape[1]):
        present = matrix[~np.isnan(matrix[:, column]), column].astype(np.float64)
        if len(np.unique(present)) > _FEW_VALUES:
            spread[column] = present.std()
    noise = np.random.default_rng(seed).normal(size=matrix.shape) * spread * _NOISE
    noisy = (matrix.astype(np.float64) + noise).astype(np.float32)
    before, after = (np.searchsorted(thresholds, predict(rows), side="right") for rows in (matrix, noisy))
    return float(np.mean(before != after))
