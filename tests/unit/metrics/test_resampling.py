"""Figures under resampling: those of scikit-learn with weights, and intervals that cover."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, precision_recall_curve, roc_auc_score
from sklearn.metrics import roc_curve as sk_roc_curve

from assets.metrics.calibration import calibration_error
from assets.metrics.ranking import EvaluationError, ks_distance
from assets.metrics.resampling import (
    FIGURES,
    GRID,
    Sorted,
    bands,
    differences,
    entities_of,
    entity_draws,
    interval_of,
    intervals,
)


def drawn(rows: int = 3_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with ties, and labels of them."""
    generator = np.random.default_rng(seed)
    scores = np.round(generator.beta(1, 5, rows), 2) * 0.98 + 0.01
    return (generator.random(rows) < scores).astype(np.int8), scores


def test_without_weights_every_figure_is_that_of_scikit_learn() -> None:
    y, scores = drawn()
    found = Sorted.of(y, scores).figures(np.ones(len(y)))
    wanted = {
        "auc": roc_auc_score(y, scores), "average_precision": average_precision_score(y, scores),
        "ks": ks_distance(y, scores), "brier": brier_score_loss(y, scores), "log_loss": log_loss(y, scores),
        "calibration_error": calibration_error(y, scores), "observed_over_expected": y.sum() / scores.sum(),
    }  # fmt: skip
    assert set(wanted) == set(FIGURES)
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name  # type: ignore[literal-required]


def test_with_weights_too() -> None:
    y, scores = drawn()
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float)
    found = Sorted.of(y, scores).figures(weight)
    assert found["auc"] == pytest.approx(roc_auc_score(y, scores, sample_weight=weight), abs=1e-12)
    assert found["average_precision"] == pytest.approx(
        average_precision_score(y, scores, sample_weight=weight), abs=1e-12
    )
    assert found["brier"] == pytest.approx(brier_score_loss(y, scores, sample_weight=weight), abs=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(y, scores, sample_weight=weight), abs=1e-12)


def test_curves_are_those_of_scikit_learn() -> None:
    y, scores = drawn()
    found = bands(Sorted.of(y, scores), [])
    false, true, _ = sk_roc_curve(y, scores, drop_intermediate=False)
    assert found["roc"].value == pytest.approx(np.interp(GRID, false, true), abs=1e-12)
    precision, recall, _ = precision_recall_curve(y, scores)
    # Below the recall of the highest score scikit-learn's curve goes to a precision of 1, at no threshold.
    within = (recall[-2] <= GRID) & (GRID > 0)
    assert found["precision"].value[within] == pytest.approx(
        np.interp(GRID, recall[:-1][::-1], precision[:-1][::-1])[within], abs=1e-9
    )


def test_rows_of_an_entity_are_drawn_together() -> None:
    y, _ = drawn(600)
    entity = np.arange(600) // 3
    for weight in entity_draws(entity, y, seed=3, resamples=5):
        assert (weight.reshape(-1, 3) == weight[::3, None]).all()
        assert 300 < weight.sum() < 900


def test_the_interval_covers_where_customers_come_three_times() -> None:
    """95% intervals of the AUC by entity hold the truth about so often; by row they are too narrow."""
    truth, by_entity, by_row = _simulated_auc(40_000, 99), 0, 0
    for seed in range(120):
        y, scores, entity = _customers(250, seed)
        scored = Sorted.of(y, scores)
        for kind, members in (("entity", entity), ("row", np.arange(len(y)))):
            found = intervals(scored, entity_draws(members, y, seed=seed, resamples=120))["auc"]
            assert found.low is not None
            assert found.high is not None
            if found.low <= truth <= found.high:
                by_entity, by_row = by_entity + (kind == "entity"), by_row + (kind == "row")
    assert by_entity >= 105, f"{by_entity} of 120 cover"
    assert by_row < by_entity - 10, f"{by_row} by row, {by_entity} by entity"


def _customers(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customers with three rows of one label and nearly one score each."""
    generator = np.random.default_rng(seed)
    risk = generator.normal(size=count)
    bad = generator.random(count) < 1 / (1 + np.exp(-(1.2 * risk - 1.0)))
    entity = np.repeat(np.arange(count), 3)
    scores = 1 / (1 + np.exp(-(risk[entity] + generator.normal(scale=0.05, size=len(entity)))))
    return bad[entity].astype(np.int8), scores, entity


def _simulated_auc(count: int, seed: int) -> float:
    y, scores, _ = _customers(count, seed)
    return float(roc_auc_score(y, scores))


def test_a_difference_is_paired() -> None:
    """The same model twice has no difference and no width, however wide its own interval is."""
    y, scores = drawn(500)
    scored, draws = Sorted.of(y, scores), entity_draws(np.arange(500), y, seed=1)
    found = differences(scored, scored, draws)
    assert {(one.value, one.low, one.high) for one in found.values()} == {(0.0, 0.0, 0.0)}
    alone = intervals(scored, draws)["auc"]
    assert alone.high is not None
    assert alone.low is not None
    assert alone.high - alone.low > 0.03


def test_too_few_rows_have_no_interval() -> None:
    y, scores = drawn(60)
    y[:] = 0
    y[:4] = 1
    assert entity_draws(np.arange(60), y, seed=1) == []
    assert interval_of(0.5, []).low is None
    assert intervals(Sorted.of(y, scores), [])["auc"].high is None
    curve = bands(Sorted.of(y, scores), [])["roc"].to_dict()
    assert set(curve["low"]) == {None}
    assert curve["value"][-1] == 1.0


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(EvaluationError, match="both classes"):
        Sorted.of(np.zeros(5, np.int8), np.full(5, 0.5))


def test_keys_become_numbers() -> None:
    assert entities_of(np.array(["b", "a", "b"], dtype=object)).tolist() == [1, 0, 1]
