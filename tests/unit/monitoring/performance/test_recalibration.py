"""The recalibration beside scipy's optimum, its errors beside resampling, and the test of two of them."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from assets.bundle.calibration import log_odds, sigmoid
from assets.monitoring.performance.recalibration import Recalibration, RecalibrationError, moved, recalibrate


def drawn(rows: int, intercept: float, slope: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.beta(1.5, 8, rows)
    return score, (rng.random(rows) < sigmoid(intercept + slope * log_odds(score))).astype(np.int8)


def test_it_is_the_weighted_maximum_of_the_likelihood() -> None:
    score, label = drawn(3000, -0.4, 0.8, 1)
    weight = np.random.default_rng(2).gamma(2.0, 0.5, 3000)
    z = log_odds(score)

    def loss(terms: np.ndarray) -> float:
        odds = terms[0] + terms[1] * z
        return float((weight * (np.logaddexp(0.0, odds) - label * odds)).sum())

    best = minimize(loss, np.array([0.0, 1.0]), method="BFGS", options={"gtol": 1e-9})
    found = recalibrate(score, label, weight)
    assert (found.intercept, found.slope) == pytest.approx(best.x, abs=1e-5)
    assert loss(np.array([found.intercept, found.slope])) <= best.fun + 1e-9
    assert found.apply(score) == pytest.approx(sigmoid(found.intercept + found.slope * z), abs=1e-15)


def test_its_errors_are_those_of_fresh_rows() -> None:
    fits = [recalibrate(*drawn(1500, 0.3, 1.2, seed)) for seed in range(200)]
    terms = np.array([[one.intercept, one.slope] for one in fits])
    assert fits[0].covariance == pytest.approx(np.cov(terms.T), rel=0.35)


def test_rows_that_are_alike_leave_more_uncertain() -> None:
    score, label = drawn(400, 0.0, 1.0, 3)
    entity = np.arange(400)
    once = recalibrate(score, label, None, (entity,))
    fivefold = recalibrate(*(np.repeat(one, 5) for one in (score, label)), None, (np.repeat(entity, 5),))
    assert fivefold.covariance == pytest.approx(once.covariance, rel=1e-6)
    assert fivefold.inflation == pytest.approx(5.0, rel=0.02)


def test_two_maps_are_told_apart_as_often_as_chance_allows() -> None:
    same = [
        moved(recalibrate(*drawn(1500, 0, 1, seed)), recalibrate(*drawn(700, 0, 1, seed + 500))) for seed in range(200)
    ]
    assert 0.02 <= np.mean(np.array(same) < 0.05) <= 0.09
    assert moved(recalibrate(*drawn(1500, 0, 1, 1)), recalibrate(*drawn(700, 0.8, 1, 2))) < 1e-4


def test_the_p_value_is_that_of_scipy() -> None:
    before = Recalibration(0.1, 1.0, np.array([[0.02, 0.01], [0.01, 0.03]]), 900, 90)
    after = Recalibration(0.5, 0.7, np.array([[0.04, -0.01], [-0.01, 0.02]]), 500, 50)
    step = np.array([0.4, -0.3])
    distance = step @ np.linalg.inv(before.covariance + after.covariance) @ step
    assert moved(before, after) == pytest.approx(chi2.sf(distance, 2), abs=1e-12)


def test_few_rows_of_a_class_give_none() -> None:
    with pytest.raises(RecalibrationError, match="12 of 500 rows are positive"):
        recalibrate(np.full(500, 0.1), (np.arange(500) < 12).astype(np.int8))
