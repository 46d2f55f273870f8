"""The weights make group and label independent; the penalty's gradient is that of its loss."""

from typing import get_args

import numpy as np
import pytest
import xgboost as xgb

from assets.bundle.calibration import sigmoid
from assets.product.policies.fairness import MitigatedMeasure
from assets.training.mitigation.pulls import CovariancePenalty, reweighing

GENERATOR = np.random.default_rng(2)
MEMBER = GENERATOR.integers(0, 3, 900)
Y = (GENERATOR.random(900) < 0.1 + 0.2 * MEMBER).astype(np.int8)


def test_reweighing_makes_group_and_label_independent() -> None:
    weights = reweighing(MEMBER, Y, 1.0)
    assert weights.sum() == pytest.approx(len(Y))
    for group in range(3):
        own = group == MEMBER
        assert np.average(Y[own], weights=weights[own]) == pytest.approx(Y.mean())
        assert weights[own].sum() == pytest.approx(own.sum())


def test_without_strength_all_rows_weigh_alike() -> None:
    assert np.all(reweighing(MEMBER, Y, 0.0) == 1.0)


@pytest.mark.parametrize("measure", get_args(MitigatedMeasure))
def test_the_gradient_is_that_of_the_penalised_loss(measure: MitigatedMeasure) -> None:
    log_odds = GENERATOR.normal(size=len(Y)).astype(np.float32)
    penalty = CovariancePenalty.of(MEMBER, Y, measure, strength=3.0)
    matrix = xgb.DMatrix(np.zeros((len(Y), 1)))

    def loss(odds: np.ndarray) -> float:
        chance = sigmoid(odds)
        covariance = penalty.centred.T @ odds / len(Y)
        fit = -np.sum(Y * np.log(chance) + (1 - Y) * np.log(1 - chance))
        return float(fit + len(Y) / 2 * 3.0 * np.square(covariance).sum())

    gradient, curvature = penalty(log_odds, matrix)
    for row in range(0, len(Y), 90):
        step = np.zeros(len(Y))
        step[row] = 1e-4
        slope = (loss(log_odds + step) - loss(log_odds - step)) / 2e-4
        assert gradient[row] == pytest.approx(slope, rel=1e-3, abs=1e-4)
    assert np.all(curvature > 0)


def test_a_gap_of_a_rate_is_pulled_by_the_rows_of_its_class_alone() -> None:
    penalty = CovariancePenalty.of(MEMBER, Y, "true_positive_gap", strength=1.0)
    assert np.all(penalty.centred[Y == 0] == 0.0)
    assert np.any(penalty.centred[Y == 1] != 0.0)
