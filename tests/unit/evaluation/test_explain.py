"""SHAP values: equal to the booster's own contributions, added up by feature."""

import numpy as np
import pytest
import xgboost as xgb

from assets.evaluation.explain import explain
from assets.metrics.ranking import EvaluationError
from tests.unit.evaluation.conftest import Trained


def test_shap_equals_the_boosters_own_contributions(trained: Trained) -> None:
    rows, model = trained.rows, trained.candidates.boosted
    explanation = explain(model.booster, rows.matrix[:300], rows.columns, rows.columns, seed=1)
    contributions = model.booster.predict(xgb.DMatrix(rows.matrix[:300]), pred_contribs=True)
    for slot, column in enumerate(explanation.features):
        wanted = contributions[:, rows.columns.index(column)].astype(np.float64)
        np.testing.assert_array_equal(explanation.contributions[:, slot], wanted)
    assert explanation.base == contributions[0, -1]


def test_columns_of_one_feature_are_added_up(trained: Trained) -> None:
    rows, model = trained.rows, trained.candidates.boosted
    by_column = explain(model.booster, rows.matrix[:300], rows.columns, rows.columns, seed=1)
    by_feature = explain(model.booster, rows.matrix[:300], rows.columns, rows.sources, seed=1)
    assert set(by_feature.features) == set(rows.sources)
    both = [by_column.features.index(name) for name in ("purpose=car", "purpose=home")]
    slot = by_feature.features.index("purpose")
    np.testing.assert_allclose(by_feature.contributions[:, slot], by_column.contributions[:, both].sum(axis=1))
    assert np.isnan(by_feature.values[:, slot]).all()


def test_the_table_falls_and_its_shares_add_up_to_one(trained: Trained) -> None:
    rows = trained.rows
    table = explain(trained.candidates.boosted.booster, rows.matrix, rows.columns, rows.sources, seed=1).table()
    assert table.column("feature").to_pylist()[:2] == ["amount", "income"]
    assert table.column("feature").to_pylist()[-1] == "noise"
    assert np.all(np.diff(table.column("importance").to_numpy()) <= 0)
    assert table.column("share").to_numpy().sum() == pytest.approx(1.0)


def test_the_sample_is_bounded_seeded_and_keeps_the_order(trained: Trained) -> None:
    rows, booster = trained.rows, trained.candidates.boosted.booster
    one, same, other = (
        explain(booster, rows.matrix, rows.columns, rows.sources, seed=seed, most_rows=50) for seed in (1, 1, 2)
    )
    assert one.contributions.shape == (50, 5)
    np.testing.assert_array_equal(one.contributions, same.contributions)
    assert not np.array_equal(one.contributions, other.contributions)
    amounts = one.values[:, one.features.index("amount")].astype(np.float32)
    places = [int(np.flatnonzero(rows.matrix[:, 0] == amount)[0]) for amount in amounts]
    assert places == sorted(places)


def test_no_rows_are_refused(trained: Trained) -> None:
    rows = trained.rows
    with pytest.raises(EvaluationError, match="some rows"):
        explain(trained.candidates.boosted.booster, rows.matrix[:0], rows.columns, rows.sources, seed=1)
