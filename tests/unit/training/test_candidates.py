"""The fitted candidates: the rows that they learn from, their guarantees, the rows that they never see."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb
from sklearn.metrics import roc_auc_score

from assets.bundle.calibration import sigmoid
from assets.training.candidates import (
    Candidates,
    fit_model,
    train_candidates,
)
from assets.training.contest.recipes import BoosterRecipe
from assets.training.fitting.scorecards import (
    bin_edges,
    calibrated_scorecard,
    fit_scorecard,
    scorecard_of,
    scorecard_pipeline,
)
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split
from assets.training.search.space import DEFAULTS
from tests.unit.training.conftest import SPEC


def test_both_candidates_rank_unseen_rows(candidates: Candidates, rows: TrainingRows, split: Split) -> None:
    test = rows.take(split.test)
    assert roc_auc_score(test.y, candidates.boosted.predict(test.matrix)) > 0.78
    assert roc_auc_score(test.y, candidates.scorecard.apply(test.matrix)) > 0.78


def test_probabilities_are_calibrated(candidates: Candidates, rows: TrainingRows, split: Split) -> None:
    test = rows.take(split.test)
    for probability in (candidates.boosted.predict(test.matrix), candidates.scorecard.apply(test.matrix)):
        assert probability.mean() == pytest.approx(test.y.mean(), abs=0.04)


def test_test_rows_change_nothing(candidates: Candidates, rows: TrainingRows, split: Split) -> None:
    matrix, y = rows.matrix.copy(), rows.y.copy()
    matrix[split.test], y[split.test] = 99.0, 1 - y[split.test]
    again = train_candidates(replace(rows, matrix=matrix, y=y), split, SPEC)
    np.testing.assert_array_equal(again.boosted.predict(rows.matrix), candidates.boosted.predict(rows.matrix))
    assert again.scorecard == candidates.scorecard
    assert again.search == candidates.search


def test_calibration_rows_do_not_reach_the_search(candidates: Candidates, rows: TrainingRows, split: Split) -> None:
    y = rows.y.copy()
    y[split.calibrate] = np.roll(y[split.calibrate], 1)
    assert train_candidates(replace(rows, y=y), split, SPEC).search == candidates.search


def test_a_monotone_feature_never_lowers_the_score(candidates: Candidates, rows: TrainingRows) -> None:
    some = np.repeat(rows.matrix[:50], 40, axis=0)
    some[:, 0] = np.tile(np.linspace(-4, 4, 40, dtype=np.float32), 50)
    steps = np.diff(candidates.boosted.predict(some).reshape(50, 40), axis=1)
    assert steps.min() >= 0
    assert steps.max() > 0


def test_contributions_add_up_to_the_score(candidates: Candidates, rows: TrainingRows) -> None:
    # Only true when the rounds after the best one were cut away.
    model = candidates.boosted
    sums = model.booster.predict(xgb.DMatrix(rows.matrix[:500]), pred_contribs=True).astype(np.float64).sum(axis=1)
    assert model.booster.num_boosted_rounds() == model.rounds
    assert sigmoid(sums) == pytest.approx(model.raw(rows.matrix[:500]), abs=1e-5)


def test_the_seed_reaches_the_trees(rows: TrainingRows, split: Split) -> None:
    train, calibrate = rows.take(split.train), rows.take(split.calibrate)
    one, same, other = (
        fit_model(BoosterRecipe(replace(SPEC, seed=seed), DEFAULTS, 20), train, calibrate).raw(rows.matrix)
        for seed in (1, 1, 2)
    )
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_a_matrix_without_rows_has_no_scores(candidates: Candidates, rows: TrainingRows) -> None:
    assert candidates.boosted.predict(rows.matrix[:0]).shape == (0,)
    assert candidates.scorecard.apply(rows.matrix[:0]).shape == (0,)


def test_the_scorecard_equals_the_scikit_learn_pipeline(rows: TrainingRows, split: Split) -> None:
    train, test = rows.take(split.train), rows.take(split.test)
    edges = bin_edges(train.matrix)
    pipeline = scorecard_pipeline(train, edges, 0.3)
    card = scorecard_of(pipeline, train, edges)
    unseen = np.vstack([test.matrix, np.full((1, 6), np.nan, dtype=np.float32), np.full((1, 6), 1e9, dtype=np.float32)])
    np.testing.assert_allclose(card.apply(unseen), pipeline.predict_proba(unseen)[:, 1], atol=1e-9, rtol=0)


def test_scorecard_contributions_are_measured_from_the_mean_training_row(rows: TrainingRows, split: Split) -> None:
    train = rows.take(split.train)
    card = calibrated_scorecard(fit_scorecard(train, 0.03, (1, 0, 0, 0, 0, 0)), rows.take(split.calibrate))
    pushes = card.contributions(train.matrix)
    np.testing.assert_allclose(pushes.mean(axis=0), 0.0, atol=1e-9)
    spread = card.log_odds(train.matrix) - card.log_odds(train.matrix).mean()
    np.testing.assert_allclose(pushes.sum(axis=1), spread, atol=1e-9)


def test_bins_give_the_common_value_and_the_tail_their_own() -> None:
    generator = np.random.default_rng(0)
    skewed = np.where(generator.random(20_000) < 0.9, 0.0, generator.exponential(1.0, 20_000)).astype(np.float32)
    (edges,) = bin_edges(skewed[:, None])
    assert 0 < edges[0] < 0.01
    assert edges[-1] > np.quantile(skewed[skewed > 0], 0.9)
    constant, absent = bin_edges(np.column_stack([np.ones(500), np.full(500, np.nan)]).astype(np.float32))
    assert constant == absent == ()
