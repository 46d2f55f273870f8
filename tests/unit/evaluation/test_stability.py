"""Stability of scores, explanations and decisions."""

import numpy as np
import pytest

from assets.evaluation.stability import explanation_agreement, flipped_share, population_stability
from assets.metrics.psi import psi
from assets.metrics.ranking import EvaluationError

GENERATOR = np.random.default_rng(0)


def test_the_index_is_the_sum_over_bins_as_monitoring_computes_it() -> None:
    """The score's index at approval and the one that monitoring compares with the same limit are one formula."""
    expected = np.arange(100) / 100
    actual = np.concatenate([np.full(20, 0.05), np.arange(10, 90) / 90])
    edges = np.quantile(expected, np.linspace(0, 1, 11)[1:-1])
    e, a = (np.histogram(v, bins=[-np.inf, *np.nextafter(edges, 1), np.inf])[0] for v in (expected, actual))
    assert population_stability(expected, actual) == pytest.approx(psi(e, a[None, :])[0], rel=1e-12)


def test_the_same_population_is_stable_and_a_moved_one_is_not() -> None:
    before, same = GENERATOR.normal(size=(2, 5000))
    assert population_stability(before, same) < 0.02
    assert population_stability(before, same + 1.0) > 0.25
    assert np.isfinite(population_stability(before, same + 100))


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(EvaluationError, match="actual"):
        population_stability(np.array([1.0, 2.0]), np.array([1.0, np.nan]))


def test_explanations_agree_when_the_halves_do() -> None:
    steady = GENERATOR.normal(size=(400, 4)) * np.array([4.0, 3.0, 2.0, 1.0])
    assert explanation_agreement(steady) == pytest.approx(1.0)
    turned = np.vstack([steady[:200], steady[200:, ::-1]])
    assert explanation_agreement(turned) == pytest.approx(-1.0)
    assert explanation_agreement(np.zeros((400, 4))) is None
    assert explanation_agreement(steady[:, :2]) is None


def test_noise_turns_only_decisions_near_the_threshold() -> None:
    matrix = GENERATOR.normal(size=(5000, 2)).astype(np.float32)

    def predict(rows: np.ndarray) -> np.ndarray:
        return rows[:, 0].astype(np.float64)

    flipped = flipped_share(predict, matrix, thresholds=(0.0,), seed=1)
    assert 0 < flipped < 0.01
    assert flipped_share(predict, matrix, thresholds=(50.0,), seed=1) == 0.0
    flags = np.rint(np.clip(matrix, 0, 1))
    assert flipped_share(predict, flags, thresholds=(1.0,), seed=1) == 0.0
