"""From a booster to the files that the decision process reads.

Belongs here: the conversion to ONNX, the comparison of its scores with the booster's, and the booster's own bytes. Does
not belong here: the bundle's folder and signature (`assets.bundle.files`).
"""

import numpy as np
import onnxruntime
import xgboost as xgb
from numpy.typing import NDArray
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from resources.errors import LooplineError

INPUT = "input"
# The newest opset to which onnxmltools converts boosters.
OPSET = 15
TOLERANCE = 1e-6
# Of amounts, as a share: ONNX multiplies by the base what XGBoost adds as a logarithm, both in single precision.
_AMOUNT_TOLERANCE = 1e-5


class ModelExportError(LooplineError):
    """The ONNX form of a booster does not give the booster's scores; the message has the figures."""


def export_onnx(booster: xgb.Booster, sample: NDArray[np.float32]) -> bytes:
    """The booster as an ONNX model, checked against it on the sample.

    The model has one input `input` (float32 [n, m], NaN = missing) and two outputs: `label`, and `probabilities`
    (float32 [n, 2]), whose second column is the raw score; or, of an amount, one output `variable` (float32 [n, 1]).

    Args:
        booster: Cut after its best round; it is not changed.
        sample: float32 [n, m], rows to compare on (with missing values, if the model may see some).

    Raises:
        ModelExportError: The sample is empty, or a score differs by more than 1e-6 (an amount by a share of 1e-5).
    """
    if len(sample) == 0:
        raise ModelExportError("the ONNX export has no sample rows to compare on: give at least one")
    named = booster.copy()
    named.feature_names = [f"f{column}" for column in range(booster.num_features())]
    shape = FloatTensorType([None, booster.num_features()])
    # A graph without a name gets a random one, and equal models would then differ in their bytes.
    graph = convert_xgboost(named, name="booster", initial_types=[(INPUT, shape)], target_opset=OPSET)
    if len(graph.graph.output) == 1:
        # Of an amount the converter names the oldest version that has Exp and Mul, which are the same until this one.
        for entry in graph.opset_import:
            entry.version = OPSET if entry.domain == "" else entry.version
    model = bytes(graph.SerializeToString())
    check_onnx(model, booster, sample)
    return model


def check_onnx(model: bytes, booster: xgb.Booster, sample: NDArray[np.float32]) -> float:
    """The largest difference between the scores of model and booster over the sample.

    Raises:
        ModelExportError: The difference is above 1e-6 (of an amount above a share of 1e-5), or is not a number.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {INPUT: sample})
    # Of a probability the last output is that of either class; of an amount the only one is the amount.
    onnx_scores = np.asarray(outputs[-1], dtype=np.float64)[:, -1]
    allowed = TOLERANCE if len(outputs) > 1 else _AMOUNT_TOLERANCE
    booster_scores = np.asarray(booster.inplace_predict(sample), dtype=np.float64)
    # Of amounts above 1 the difference is a share of them.
    gap = np.abs(onnx_scores - booster_scores) / np.maximum(1.0, np.abs(booster_scores))
    if not np.all(gap <= allowed):
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        raise ModelExportError(
            f"ONNX and booster differ on {int(np.sum(~(gap <= allowed)))} of {len(sample)} sample rows; row {worst}: "
            f"{onnx_scores[worst]} and {booster_scores[worst]} (at most {allowed} is allowed)"
        )
    return float(gap.max())


def booster_bytes(booster: xgb.Booster) -> bytes:
    """The booster in XGBoost's own UBJSON form: `xgb.Booster(model_file=bytearray(...))` reads it back."""
    return bytes(booster.save_raw("ubj"))
