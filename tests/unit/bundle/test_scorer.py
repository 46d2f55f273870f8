"""A bundle's model, run: scores, contributions, and models that are refused."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb

from assets.bundle.bundle import BundleError, BundleParts
from assets.bundle.scorer import Scorer
from tests.support.models.serving_samples import broken_model, bundle_of, sample_features, sample_parts


def test_contributions_and_bias_add_up_to_the_log_odds(parts: BundleParts) -> None:
    scorer = Scorer(bundle_of(parts))
    matrix = scorer.encode(sample_features(rows=5))
    contributions = scorer.contributions(matrix)
    assert contributions.shape == (5, len(parts.encoder.columns))
    raw = np.asarray(scorer._raw(matrix))
    booster = xgb.Booster()
    booster.load_model(bytearray(parts.booster))
    bias = booster.predict(xgb.DMatrix(matrix), pred_contribs=True)[:, -1]
    assert np.allclose(1 / (1 + np.exp(-(contributions.sum(axis=1) + bias))), raw, atol=1e-5)


def test_a_bundle_whose_model_does_not_run_is_refused(parts: BundleParts) -> None:
    with pytest.raises(BundleError, match="does not run"):
        Scorer(bundle_of(replace(parts, model=broken_model(parts.model))))
    with pytest.raises(BundleError, match=r"model\.onnx is no model"):
        Scorer(bundle_of(replace(parts, model=b"garbage")))
    with pytest.raises(BundleError, match=r"booster\.ubj is no model"):
        Scorer(bundle_of(replace(parts, booster=b"garbage")))


def test_a_booster_of_another_model_is_refused(parts: BundleParts) -> None:
    other = sample_parts("2", seed=2)
    with pytest.raises(BundleError, match=r"booster\.ubj is not the model"):
        Scorer(bundle_of(replace(parts, booster=other.booster)))


def test_no_rows_have_no_scores(parts: BundleParts) -> None:
    scorer = Scorer(bundle_of(parts))
    matrix = scorer.encode(sample_features(rows=5).slice(0, 0))
    assert scorer.score(matrix).shape == (0,)
    assert scorer.contributions(matrix).shape == (0, len(parts.encoder.columns))
