"""How close probabilities are to observed rates.

Belongs here: the calibration curve of one set of probabilities, its error, the interval of an observed rate. Does not
belong here: how well they rank (`ranking.py`), the map from scores to probabilities (`assets.bundle.calibration`).
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
    """Expected calibration error (Naeini 2015): mean of |predicted - observed| over bins of equal count, by rows."""
    curve = reliability(y, probability, bins)
    return float(np.average(np.abs(curve.predicted - curve.observed), weights=curve.rows))


def wilson_interval(
    share: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper ends of the 95% score interval (Wilson 1927) of shares, each observed on `rows` rows."""
    z = 1.959964
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return centre - half, centre + half
