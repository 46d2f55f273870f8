"""How well scores are probabilities.

Belongs here: the reliability of one set of probabilities against labels. Does not belong here: how well they rank
(`ranking.py`), the map that makes them probabilities (`assets.bundle.calibration`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """The calibration curve: for each bin its rows, mean probability and share of positives (arrays [bins])."""

    rows: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]


def reliability(y: NDArray[np.int8], probability: NDArray[np.float64], bins: int = BINS) -> Reliability:
    """Bins of about equal count, cut at quantiles; equal scores share a bin, so there may be fewer bins."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    member = np.searchsorted(edges, probability, side="left")
    rows = np.bincount(member, minlength=len(edges) + 1)
    used = rows > 0
    predicted = np.bincount(member, weights=probability, minlength=len(edges) + 1)[used] / rows[used]
    observed = np.bincount(member, weights=y, minlength=len(edges) + 1)[used] / rows[used]
    return Reliability(rows[used].astype(np.int64), predicted, observed)


def calibration_error(y: NDArray[np.int8], probability: NDArray[np.float64], bins: int = BINS) -> float:
    """Expected calibration error (Naeini 2015), over bins of equal count: mean of |predicted - observed| by rows."""
    curve = reliability(y, probability, bins)
    return float(np.average(np.abs(curve.predicted - curve.observed), weights=curve.rows))
