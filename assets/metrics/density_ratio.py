"""How much more often rows like each one come now than among the reference rows.

Belongs here: the classifier between reference rows and the rows of a window, and the ratio of densities that follows.
Does not belong here: what is made of the ratio (`assets.monitoring`, `assets.evaluation.study`), tests of single
columns, the test whether two sets of rows differ at all (`assets.monitoring.distributions`).

A classifier's odds that a row is of the window, divided by the odds of all rows, are the ratio of the densities there
(Bickel, Brückner and Scheffer, "Discriminative learning under covariate shift", JMLR 2009). Each row's odds come from
the classifier that was fitted to the other half, so that no row is told from another by heart. A classifier that cannot
tell the two sets apart gives a ratio of 1: its noise would only add to the error of what is weighted by it.

XGBoost is imported where it is needed: who only reads figures does not wait for it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.metrics.ranking import Ranking

UNSEEN = 20.0
"""Rows that come so many times more often now than among the reference rows are of a region never seen."""

_FOLDS = 2
_MOST_ROWS = 10_000
"""Of either set, the most rows to which the classifiers are fitted together."""
_ROUNDS = 40
# Bins are so narrow that a twentieth of the rows, beyond all others, does not share its bin with many of them.
_SETTINGS = {
    "objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "min_child_weight": 5.0, "nthread": 1, "seed": 7,
    "tree_method": "hist", "max_bin": 1024, "base_score": 0.5,
}  # fmt: skip
_TOLD_APART = 3.0
"""Standard errors by which the classifier's AUC has to exceed 0.5."""


@dataclass(frozen=True, eq=False)
class DensityRatio:
    """The ratio of densities, window over reference.

    Attributes:
        reference: float64 [reference rows], of mean 1.
        window: float64 [window rows].
        auc: Of the classifiers, each on the rows to which it was not fitted; 0.5 where the sets are alike.
        shifted: Whether the two sets can be told apart.
    """

    reference: NDArray[np.float64]
    window: NDArray[np.float64]
    auc: float
    shifted: bool

    @property
    def unseen_share(self) -> float:
        """The share of the window's rows that lie in regions never seen among the reference rows."""
        return float((self.window > UNSEEN).mean()) if len(self.window) else 0.0


def density_ratio(reference: NDArray[np.float32], window: NDArray[np.float32]) -> DensityRatio:
    """The ratio at each row.

    Args:
        reference, window: float32 [rows, columns], NaN = missing; both with rows.
    """
    import xgboost as xgb

    matrix = np.concatenate([reference, window])
    is_window = np.arange(len(matrix)) >= len(reference)
    fold = np.concatenate([_folds(len(reference)), _folds(len(window))])
    odds = np.empty(len(matrix))
    for number in range(_FOLDS):
        old = _fitted(np.flatnonzero(~is_window & (fold != number)))
        new = _fitted(np.flatnonzero(is_window & (fold != number)))
        rows = np.concatenate([old, new])
        label = np.concatenate([np.zeros(len(old)), np.ones(len(new))])
        # Both sets weigh the same, so that the odds are the ratio.
        weight = np.where(label == 1.0, 0.5 / len(new), 0.5 / len(old)) * len(rows)
        booster = xgb.train(_SETTINGS, xgb.DMatrix(matrix[rows], label, weight=weight, nthread=1), _ROUNDS)
        held = np.flatnonzero(fold == number)
        odds[held] = booster.inplace_predict(matrix[held], predict_type="margin")
    auc = Ranking.of(is_window.astype(np.int8), odds).auc
    old_rows, new_rows = len(reference), len(window)
    chance = float(np.sqrt((old_rows + new_rows + 1) / (12.0 * old_rows * new_rows)))
    shifted = auc - 0.5 > _TOLD_APART * chance
    ratio = np.exp(odds) if shifted else np.ones(len(matrix))
    of_reference = ratio[:old_rows]
    return DensityRatio(of_reference / of_reference.mean(), ratio[old_rows:], auc, shifted)


def _folds(rows: int) -> NDArray[np.int64]:
    return np.arange(rows) % _FOLDS


def _fitted(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of these rows, at most a share of _MOST_ROWS, evenly."""
    most = _MOST_ROWS // _FOLDS
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
