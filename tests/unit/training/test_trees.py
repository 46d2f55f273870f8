"""Scorecards and histogram boosting as boosters: the same scores and reasons, also of values never seen."""

import numpy as np
import pytest
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from assets.bundle.scorecard import Scorecard
from assets.training.fitting.export import export_onnx
from assets.training.fitting.scorecards import fit_scorecard
from assets.training.fitting.trees import TreesError, histogram_booster, scorecard_booster
from assets.training.rows.learning import TrainingRows


@pytest.fixture
def odd(rows: TrainingRows) -> NDArray[np.float32]:
    """Rows of training, and rows with missing values everywhere, huge values and values next to each other."""
    matrix = rows.matrix[:400].copy()
    matrix[::3] = np.nan
    matrix[1::7] *= np.float32(1e30)
    matrix[2::7] = np.nextafter(matrix[2::7], np.float32(np.inf))
    return np.vstack([rows.matrix[:400], matrix])


def test_a_scorecard_scores_and_explains_alike_as_trees(rows: TrainingRows, odd: NDArray[np.float32]) -> None:
    card = fit_scorecard(rows, 0.3, (1, 0, 0, 0, 0, 0))
    booster = scorecard_booster(card, rows.matrix)
    np.testing.assert_allclose(booster.inplace_predict(odd), card.apply(odd), atol=1e-6, rtol=0)
    pushes = booster.predict(xgb.DMatrix(odd), pred_contribs=True)[:, :-1]
    np.testing.assert_allclose(pushes, card.contributions(odd), atol=1e-5, rtol=0)
    export_onnx(booster, odd)


def test_a_value_on_an_edge_is_in_the_bin_above_it(rows: TrainingRows) -> None:
    edge = 0.1  # between two values of float32
    card = Scorecard(("a",), ((edge,),), ((-1.0, 1.0, 0.25),), (0.0,), 0.5)
    below, above = np.nextafter(np.float32(edge), np.float32(0)), np.float32(edge)
    matrix = np.array([[below], [above], [np.nan]], dtype=np.float32)
    margins = scorecard_booster(card, matrix).predict(xgb.DMatrix(matrix), output_margin=True)
    np.testing.assert_allclose(margins, [-0.5, 1.5, 0.75], atol=1e-7)


def test_a_scorecard_without_any_points_is_constant() -> None:
    card = Scorecard(("a", "b"), ((), ()), ((0.0, 0.0), (0.5, 0.5)), (0.0, 0.5), -2.0)
    matrix = np.array([[1.0, np.nan], [np.nan, 3.0]], dtype=np.float32)
    booster = scorecard_booster(card, matrix)
    np.testing.assert_allclose(booster.inplace_predict(matrix), card.apply(matrix), atol=1e-7)
    export_onnx(booster, matrix)


@pytest.mark.parametrize("missing", [True, False])
def test_histogram_boosting_scores_alike_as_trees(rows: TrainingRows, odd: NDArray[np.float32], missing: bool) -> None:
    known = rows.matrix if missing else np.nan_to_num(rows.matrix)
    model = HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=5, random_state=1).fit(known, rows.y)
    booster = histogram_booster(model, known)
    np.testing.assert_allclose(booster.inplace_predict(odd), model.predict_proba(odd)[:, 1], atol=1e-6, rtol=0)
    pushes = booster.predict(xgb.DMatrix(odd), pred_contribs=True)
    np.testing.assert_allclose(pushes.sum(axis=1), booster.predict(xgb.DMatrix(odd), output_margin=True), atol=1e-4)
    export_onnx(booster, odd)


def test_trees_that_do_not_score_alike_are_refused(rows: TrainingRows) -> None:
    """Splits by sets of categories are no thresholds."""
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=[2]).fit(rows.matrix, rows.y)
    with pytest.raises(TreesError, match="the histogram boosting as a booster differs by"):
        histogram_booster(model, rows.matrix)
