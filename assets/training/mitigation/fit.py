"""A booster fitted under a pull.

Belongs here: the fit with weights, changed targets or a loss of its own, stopped early and calibrated like any
candidate. Does not belong here: the pulls (`pulls.py`, `reduction.py`), the fit of the candidates
(`assets.training.candidates`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.bundle.calibration import Calibration
from assets.product import ModelSpec
from assets.training.calibrate import fit_calibration
from assets.training.candidates import BoostedModel
from assets.training.fitting.boosting import MOST_ROUNDS, PATIENCE, fixed_parameters
from assets.training.rows.learning import TrainingRows
from assets.training.search.space import DEFAULTS

Loss = Callable[[NDArray[np.float32], xgb.DMatrix], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Gradient and curvature of a loss, from the log odds of the rows."""


@dataclass(frozen=True, eq=False)
class Fitter:
    """What every fit of a mitigation shares.

    Attributes:
        train, calibrate: The rows to learn from, and those that stop the fit early and calibrate it.
        spec: The product's, for seed and monotone constraints.
        settings: Those of the candidate; a setting that boosters do not have is left out.
    """

    train: TrainingRows
    calibrate: TrainingRows
    spec: ModelSpec
    settings: Mapping[str, float | int | str]

    def fit(
        self,
        *,
        y: NDArray[np.int8] | None = None,
        weights: NDArray[np.float64] | None = None,
        loss: Loss | None = None,
    ) -> BoostedModel:
        """A calibrated booster.

        Args:
            y: Targets of the training rows in place of their labels.
            weights: Of the training rows.
            loss: In place of the log loss.
        """
        learn = xgb.QuantileDMatrix(self.train.matrix, self.train.y if y is None else y, weight=weights, nthread=1)
        watch = xgb.QuantileDMatrix(self.calibrate.matrix, self.calibrate.y, ref=learn, nthread=1)
        chosen = {name: self.settings.get(name, value) for name, value in DEFAULTS.items()}
        parameters = {**fixed_parameters(self.train, self.spec), **chosen}
        booster = xgb.train(
            parameters, learn, num_boost_round=MOST_ROUNDS, evals=[(watch, "calibrate")], obj=loss,
            early_stopping_rounds=PATIENCE, verbose_eval=False,
        )  # fmt: skip
        rounds = int(booster.best_iteration) + 1
        plain = BoostedModel(
            booster=booster[:rounds], calibration=Calibration(), columns=self.train.columns,
            sources=self.train.sources, settings=chosen, rounds=rounds,
        )  # fmt: skip
        raw = plain.raw(self.calibrate.matrix)
        return BoostedModel(**{**vars(plain), "calibration": fit_calibration(raw, self.calibrate.y)})
