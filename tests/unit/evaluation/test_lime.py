"""The second opinion: right where the truth is known, and in agreement with SHAP values where it is not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.bundle.calibration import sigmoid
from assets.evaluation.explain import Explanation, explain
from assets.evaluation.lime import Lime, agreement
from tests.unit.evaluation.conftest import Trained

SOURCES = ("a", "b", "c", "d", "noise", "none", "kind", "kind")
BETA = np.array([1.3, -0.9, 0.5, 0.25, 0.0, 0.0, 0.8, -0.3])


def _linear() -> tuple[NDArray[np.float32], Explanation]:
    """Rows, and the true contributions of a linear model: coefficient times distance from the mean."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(2_000, 8)).astype(np.float32)
    matrix[:, 6] = random.integers(0, 2, len(matrix))
    matrix[:, 7] = 1 - matrix[:, 6]
    truth = (matrix - matrix.mean(axis=0)) * BETA
    by_feature = np.column_stack([truth[:, :6], truth[:, 6:].sum(axis=1)])
    features = tuple(dict.fromkeys(SOURCES))
    return matrix, Explanation(features, by_feature, matrix[:, :7].astype(np.float64), -1.0, np.arange(len(matrix)))


def _predict(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    return sigmoid(matrix.astype(np.float64) @ BETA - 1.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_finds_the_truth_of_a_linear_model(seed: int) -> None:
    matrix, truth = _linear()
    found = agreement(_predict, matrix, truth, SOURCES, seed=seed)
    assert found.rank is not None
    assert found.sign is not None
    assert found.rank > 0.9
    assert found.sign > 0.97
    assert found.rows == 40


def test_it_disagrees_with_a_wrong_explanation() -> None:
    """The figure can fail: with the signs of all contributions turned, nothing agrees."""
    matrix, truth = _linear()
    wrong = Explanation(truth.features, -truth.contributions, truth.values, truth.base, truth.rows)
    found = agreement(_predict, matrix, wrong, SOURCES, seed=1)
    assert found.rank is not None
    assert found.sign is not None
    assert found.rank < -0.9
    assert found.sign < 0.03


def test_features_without_influence_get_none() -> None:
    matrix, _ = _linear()
    places = {name: slice(at, at + 1) for at, name in enumerate("abcdef")} | {"kind": slice(6, 8)}
    surrogate = Lime(_predict, matrix, places, seed=4).surrogate(matrix[0], samples=4_000)
    sizes = np.abs(surrogate.contributions)
    assert max(sizes[4], sizes[5]) < 0.1 < sizes[0]


def test_it_agrees_with_shap_on_the_trained_model(trained: Trained) -> None:
    """Trees are not linear, and a feature of little weight has no certain rank: the floor is honest, not high."""
    rows, model = trained.rows, trained.candidates.boosted
    explanation = explain(model.booster, rows.matrix[:1_500], rows.columns, rows.sources, seed=1)
    found = agreement(model.predict, rows.matrix[:1_500], explanation, rows.sources, seed=1)
    assert found.rank is not None
    assert found.sign is not None
    assert found.rank > 0.7
    assert found.sign > 0.85
    assert found == agreement(model.predict, rows.matrix[:1_500], explanation, rows.sources, seed=1)
