"""Fairlearn's reductions with our booster as the learner.

Belongs here: the grid search over Lagrange multipliers (Agarwal 2018, section 3.4), whose models are one booster each.
Does not belong here: the exponentiated gradient, which answers with a model drawn at random for each decision: such
answers can be neither explained nor replayed. The choice among the models is not made here (`frontier.py`).
"""

import numpy as np
from numpy.typing import NDArray

from assets.product.policies.fairness import MitigatedMeasure
from assets.training.candidates import BoostedModel
from assets.training.mitigation.fit import Fitter

# Multipliers far from 0 relabel most rows; the grid lies where a disparity of some tenths is traded for profit.
_LARGEST = 0.5


class _Learner:
    """A booster behind the two methods that Fairlearn calls."""

    def __init__(self, fitter: Fitter) -> None:
        self.fitter = fitter
        self.model: BoostedModel | None = None

    def __deepcopy__(self, _: dict[int, object]) -> "_Learner":
        """Fairlearn copies the learner for each point of its grid; the rows are shared."""
        return _Learner(self.fitter)

    def fit(self, _: object, y: object, sample_weight: object) -> None:
        targets, weights = np.asarray(y, dtype=np.int8), np.asarray(sample_weight, dtype=np.float64)
        self.model = self.fitter.fit(y=targets, weights=weights)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.int8]:
        if self.model is None:
            raise RuntimeError("the learner has to be fitted before it predicts")
        return (self.model.raw(np.asarray(matrix, dtype=np.float32)) >= 0.5).astype(np.int8)


def reduced_models(
    fitter: Fitter, member: NDArray[np.int64], measure: MitigatedMeasure, strengths: int
) -> list[BoostedModel]:
    """The models of the grid, one for each multiplier under which both answers are asked for."""
    from fairlearn.reductions import DemographicParity, FalsePositiveRateParity, GridSearch, TruePositiveRateParity

    constraint = {
        "selection_gap": DemographicParity,
        "true_positive_gap": TruePositiveRateParity,
        "false_positive_gap": FalsePositiveRateParity,
    }[measure]
    search = GridSearch(_Learner(fitter), constraint(), grid_size=strengths, grid_limit=_LARGEST)
    search.fit(fitter.train.matrix, fitter.train.y, sensitive_features=member)
    models = [one.model for one in search.predictors_ if isinstance(one, _Learner)]
    return [model for model in models if model is not None]
