"""The models that compete on the published card transactions.

Belongs here: a function a model, from training rows and a matrix to scores. Does not belong here: which of them is
taken (`choice.py`), the product's own training (`assets.training`), whose parameters and scorecard are used here.

A training week has about 600 frauds among 67,000 rows. Trees of one booster are then largely luck, so several boosters
with different seeds are averaged; the forest sees all frauds and few of the other rows, drawn anew for each part.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from assets.product import ModelSpec
from assets.training.fitting.boosting import THREADS, fixed_parameters, monotone_signs
from assets.training.fitting.scorecards import STRENGTHS, fit_scorecard
from assets.training.rows.learning import TrainingRows

Scores = NDArray[np.float64]
FitAndScore = Callable[[TrainingRows, NDArray[np.float32], ModelSpec], Scores]
"""From training rows, the matrix to score and the product's model: float64, a score a row."""

_BOOSTERS = 5
_PARTS, _TREES = 10, 10
_GOOD_PER_FRAUD = 10
_ABSENT = np.float32(-1.0)
"""Stands for a missing value in forests, which take none; every feature that can be missing is above it or far off."""


def _boosted(depth: int, rounds: int) -> FitAndScore:
    def scores(train: TrainingRows, matrix: NDArray[np.float32], spec: ModelSpec) -> Scores:
        learn, total = xgb.QuantileDMatrix(train.matrix, train.y, nthread=THREADS), np.zeros(len(matrix))
        for number in range(_BOOSTERS):
            settings = {
                **fixed_parameters(train, spec), "max_depth": depth, "learning_rate": 0.12,
                "subsample": 0.7, "colsample_bytree": 0.5, "seed": spec.seed + number,
            }  # fmt: skip
            total += xgb.train(settings, learn, num_boost_round=rounds).inplace_predict(matrix)
        return np.asarray(total / _BOOSTERS, np.float64)

    return scores


def _balanced_forest(train: TrainingRows, matrix: NDArray[np.float32], spec: ModelSpec) -> Scores:
    random = np.random.default_rng(spec.seed)
    bad, good = np.flatnonzero(train.y == 1), np.flatnonzero(train.y == 0)
    learn, score = (np.where(np.isnan(part), _ABSENT, part) for part in (train.matrix, matrix))
    total = np.zeros(len(matrix))
    for part in range(_PARTS):
        drawn = np.concatenate([random.choice(bad, len(bad)), random.choice(good, _GOOD_PER_FRAUD * len(bad))])
        forest = RandomForestClassifier(_TREES, random_state=spec.seed + part, n_jobs=THREADS)
        total += forest.fit(learn[drawn], train.y[drawn]).predict_proba(score)[:, 1]
    return total / _PARTS


def _histogram_boosting(train: TrainingRows, matrix: NDArray[np.float32], spec: ModelSpec) -> Scores:
    model = HistGradientBoostingClassifier(
        max_iter=70, max_depth=4, learning_rate=0.1, l2_regularization=5.0, random_state=spec.seed
    )
    return np.asarray(model.fit(train.matrix, train.y).predict_proba(matrix)[:, 1], np.float64)


def _scorecard(train: TrainingRows, matrix: NDArray[np.float32], spec: ModelSpec) -> Scores:
    card = fit_scorecard(train, STRENGTHS[0], monotone_signs(train, spec.monotone))
    return np.asarray(card.apply(matrix), np.float64)


MODELS: Mapping[str, FitAndScore] = MappingProxyType(
    {
        "scorecard": _scorecard,
        "histogram boosting": _histogram_boosting,
        "XGBoost, depth 4": _boosted(4, 70),
        "XGBoost, depth 6": _boosted(6, 50),
        "balanced forest": _balanced_forest,
    }
)
"""By name; means of two of them compete too."""
