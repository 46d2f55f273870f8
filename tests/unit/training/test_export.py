"""The exported files give the booster's scores, or are refused."""

import numpy as np
import onnxruntime
import pytest
import xgboost as xgb

from assets.training.candidates import Candidates
from assets.training.fitting.boosting import fit_booster
from assets.training.fitting.export import ModelExportError, booster_bytes, check_onnx, export_onnx
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split
from assets.training.search.space import DEFAULTS
from tests.unit.training.conftest import SPEC


def test_onnx_scores_equal_the_booster_with_missing_values(candidates: Candidates, rows: TrainingRows) -> None:
    model = export_onnx(candidates.boosted.booster, rows.matrix[:50])
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert np.isnan(rows.matrix).any()
    given = session.run(["probabilities"], {"input": rows.matrix})[0][:, 1]
    np.testing.assert_allclose(given, candidates.boosted.raw(rows.matrix), atol=1e-6, rtol=0)


def test_the_export_leaves_the_booster_as_it_was(candidates: Candidates, rows: TrainingRows) -> None:
    export_onnx(candidates.boosted.booster, rows.matrix[:50])
    assert candidates.boosted.booster.feature_names is None


def test_another_boosters_onnx_is_refused(candidates: Candidates, rows: TrainingRows, split: Split) -> None:
    other = fit_booster(rows.take(split.train), SPEC, {**DEFAULTS, "max_depth": 1}, 20)
    model = export_onnx(other, rows.matrix[:50])
    with pytest.raises(ModelExportError, match="differ on"):
        check_onnx(model, candidates.boosted.booster, rows.matrix[:50])
    with pytest.raises(ModelExportError, match="no sample rows"):
        export_onnx(other, rows.matrix[:0])


def test_the_boosters_own_bytes_give_the_same_bits(candidates: Candidates, rows: TrainingRows) -> None:
    again = xgb.Booster(model_file=bytearray(booster_bytes(candidates.boosted.booster)))
    wanted = candidates.boosted.booster.inplace_predict(rows.matrix)
    np.testing.assert_array_equal(again.inplace_predict(rows.matrix), wanted)
