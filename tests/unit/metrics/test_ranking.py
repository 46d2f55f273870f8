"""Figures against scikit-learn, against plain arithmetic and against their definitions."""

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from assets.metrics.ranking import EvaluationError, Ranking, best_single_feature, ks_distance, measure
from tests.unit.metrics.conftest import scored


def test_weighted_auc_equals_scikit_learn_with_ties() -> None:
    y, scores = scored()
    scores = np.round(scores, 2)
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    wanted = roc_auc_score(y, scores, sample_weight=weights)
    ranking = Ranking.of(y, scores)
    assert ranking.weighted_auc(weights[y == 1], weights[y == 0]) == pytest.approx(wanted, abs=1e-12)
    assert ranking.auc == pytest.approx(roc_auc_score(y, scores), abs=1e-12)


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    truth = roc_auc_score(*scored(400_000, seed=99))
    inside = 0
    for seed in range(60):
        metrics = measure(*scored(600, seed=seed), seed=seed)
        inside += metrics.auc_low <= truth <= metrics.auc_high
    assert inside >= 51


def test_the_same_seed_gives_the_same_interval() -> None:
    first, again, other = (measure(*scored(), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert (first.auc_low, first.auc_high) != (other.auc_low, other.auc_high)


def test_ks_equals_scipy() -> None:
    y, probability = scored()
    assert ks_distance(y, probability) == pytest.approx(ks_2samp(probability[y == 0], probability[y == 1]).statistic)


def test_one_class_or_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(EvaluationError, match="0 of 3 rows are positive"):
        measure(np.zeros(3, dtype=np.int8), np.array([0.1, 0.2, 0.3]), seed=1)
    with pytest.raises(EvaluationError, match="1 of 2 scores"):
        measure(np.array([0, 1], dtype=np.int8), np.array([0.1, np.nan]), seed=1)
    with pytest.raises(EvaluationError, match="shape"):
        measure(np.array([0, 1], dtype=np.int8), np.array([0.1]), seed=1)


@pytest.mark.parametrize(
    ("columns", "leaking"),
    [
        pytest.param(lambda y: {"up": y.astype(float)}, "up", id="the label itself"),
        pytest.param(lambda y: {"down": 5.0 - 2 * y}, "down", id="the label turned round"),
        pytest.param(lambda y: {"gap": np.where(y == 1, np.nan, 0.5)}, "gap", id="missing only where positive"),
        pytest.param(lambda y: {"gap": np.where(y == 0, np.nan, 0.5)}, "gap", id="missing only where negative"),
    ],
)
def test_the_label_in_disguise_is_found(columns: object, leaking: str) -> None:
    y, _ = scored()
    noise = np.random.default_rng(5).normal(size=len(y))
    table = {"noise": noise, **columns(y)}  # type: ignore[operator]
    matrix = np.column_stack(list(table.values())).astype(np.float32)
    best = best_single_feature(matrix, list(table), list(table), y)
    assert (best.feature, best.auc) == (leaking, 1.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_missing_value_may_stand_for_either_end(sign: float) -> None:
    value = np.random.default_rng(7).normal(size=2000)
    y = (value > 0).astype(np.int8)
    seen = np.where((y == 1) & (np.arange(2000) % 2 == 0), np.nan, sign * value)
    assert best_single_feature(seen[:, None].astype(np.float32), ["gap"], ["gap"], y).auc == 1.0


def test_a_category_is_ranked_by_all_its_columns_together() -> None:
    generator = np.random.default_rng(6)
    y = generator.integers(0, 2, 2000).astype(np.int8)
    value = generator.integers(0, 4, 2000) * 2 + y
    matrix = np.eye(8, dtype=np.float32)[value]
    names = [f"branch={number}" for number in range(8)]
    assert best_single_feature(matrix, names, ["branch"] * 8, y).auc == 1.0
    assert best_single_feature(matrix, names, names, y).auc < 0.7
