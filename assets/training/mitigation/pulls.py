"""What pulls a fit towards less disparity: weights of rows, and a penalty in the loss.

Belongs here: the weights of reweighing, the gradient of the penalty. Does not belong here: fitting with them
(`fit.py`), Fairlearn's reductions (`reduction.py`), how strong the pull should be (`frontier.py`).
"""

from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.bundle.calibration import sigmoid
from assets.product.policies.fairness import MitigatedMeasure


def reweighing(member: NDArray[np.int64], y: NDArray[np.int8], strength: float) -> NDArray[np.float64]:
    """Weights [n] under which group and label are independent (Kamiran and Calders 2012), to the power of a strength.

    Args:
        member: The group of each row [n].
        y: int8 [n].
        strength: 0 for equal weights, 1 for independence, above it for more than that.
    """
    cell = member * 2 + y
    groups, labels, cells = np.bincount(member), np.bincount(y, minlength=2), np.bincount(cell)
    weights = groups[member] * labels[y] / (len(y) * cells[cell])
    return np.asarray(weights**strength, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class CovariancePenalty:
    """The log loss with a penalty on the covariance of the log odds with membership of each group.

    With c_k the covariance of the log odds and of membership of group k, over the rows that count, and v_k the variance
    of membership, the loss of n rows is increased by n/2 times the strength times the sum of c_k squared over v_k.

    Attributes:
        y: float64 [n].
        centred: float64 [n, k]: membership of each group, 1 or 0, less its mean; 0 in rows that do not count.
        strength: Of the penalty; 0 is the log loss alone.
    """

    y: NDArray[np.float64]
    centred: NDArray[np.float64]
    strength: float

    @classmethod
    def of(
        cls, member: NDArray[np.int64], y: NDArray[np.int8], measure: MitigatedMeasure, strength: float
    ) -> "CovariancePenalty":
        """The penalty on these rows: on all of them, or for a gap of a rate on those of its class."""
        counted = np.ones(len(y), dtype=np.bool_)
        if measure != "selection_gap":
            counted = y == (1 if measure == "true_positive_gap" else 0)
        groups = member[:, None] == np.arange(int(member.max()) + 1)
        centred = np.where(counted[:, None], groups - groups[counted].mean(axis=0), 0.0)
        spread = np.sqrt(np.maximum(np.square(centred).sum(axis=0) / counted.sum(), 1e-9))
        return cls(y.astype(np.float64), centred / spread, strength)

    def __call__(
        self, log_odds: NDArray[np.float32], _: xgb.DMatrix
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gradient and curvature [n] of the loss.

        The penalty's own curvature is between rows and not of each row. Its bound by row keeps every step from
        overshooting: a leaf that holds a whole group moves by no more than its gradient allows.
        """
        probability = sigmoid(log_odds.astype(np.float64))
        # Not by the library's matrix product: it shares the sum among threads, whose number changes the last digits.
        covariance = np.einsum("nk,n->k", self.centred, log_odds) / len(self.y)
        gradient = probability - self.y + self.strength * np.einsum("nk,k->n", self.centred, covariance)
        curvature = probability * (1.0 - probability) + self.strength * np.square(self.centred).sum(axis=1)
        return gradient, curvature
