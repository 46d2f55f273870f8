"""From features to a calibrated probability or an amount, and to the contribution of each column.

Belongs here: running ONNX Runtime and XGBoost, and the check that a bundle's parts belong to one model. The decision
service, batch scoring and replay all score here. Does not belong here: computing features, outcomes and fallbacks
(`assets.serving.engine`), reasons in words (`assets.serving.reasons`).

XGBoost and the scikit-learn that it imports take a second: they wait for the first model, since the code servers of
Dagster and the commands that materialise data have none.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
import pyarrow as pa
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.calibration import CalibrationError, sigmoid
from assets.features.kernel.rows import Value
from resources.errors import LooplineError

if TYPE_CHECKING:
    import xgboost as xgb

_ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.EPFail,
    ort_errors.EngineError,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
_AGREEMENT = 1e-4


class ModelError(LooplineError):
    """The model failed or gave no probability; the message has the error or the value."""


class Scorer:
    """A bundle's model, ready to run. Safe to use from several threads; each call computes in one thread.

    Raises:
        BundleError: A file is no model, does not fit the encoder, or belongs to another model than the other files.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._parts = bundle.parts
        self._session = _session(bundle)
        self._input = self._session.get_inputs()[0].name
        self._output = _probability_output(self._session, bundle)
        self._booster = _booster(bundle)
        self._check()

    def encode(self, features: pa.Table) -> NDArray[np.float32]:
        """The matrix [n, m] of a feature table, NaN where missing."""
        return np.asarray(self._parts.encoder.encode(features), dtype=np.float32)

    def encode_row(self, row: Mapping[str, Value]) -> NDArray[np.float32]:
        """The matrix [1, m] of one row of features, NaN where missing."""
        return np.asarray(self._parts.encoder.encode_row(row), dtype=np.float32)

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability of the bad outcome, or the amount, of each row: float64 [n].

        A row has the same score, to the last bit, alone and in a batch; no rows have no scores.

        Raises:
            ModelError: The model failed, or gave no probability.
        """
        try:
            return self._parts.calibration.apply(self._raw(matrix))
        except CalibrationError as error:
            raise ModelError(str(error)) from error

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far each encoded column moved the log odds of each row before calibration: float64 [n, m].

        SHAP values of the trees (Lundberg et al. 2020), as XGBoost computes them.

        Raises:
            ModelError: XGBoost failed.
        """
        import xgboost as xgb

        try:
            contributions = self._booster.predict(xgb.DMatrix(matrix, nthread=1), pred_contribs=True)
        except xgb.core.XGBoostError as error:
            raise ModelError(f"the model's contributions failed: {error}") from error
        # XGBoost gives no rows as one dimension. The last column is the bias.
        return np.asarray(contributions, dtype=np.float64).reshape(len(matrix), matrix.shape[1] + 1)[:, :-1]

    def _raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        try:
            output = self._session.run([self._output], {self._input: matrix})[0]
        except _ORT_ERRORS as error:
            raise ModelError(f"the model failed: {error}") from error
        values = np.asarray(output, dtype=np.float64)
        raw = values if values.ndim == 1 else values[:, -1]  # either form, also of no rows
        if not np.isfinite(raw).all():
            wanted = "an amount" if self._parts.calibration.method == "none" else "a probability"
            raise ModelError(f"the model gave {raw[~np.isfinite(raw)][0]} instead of {wanted}")
        return raw

    def _check(self) -> None:
        """Runs all parts on a row of zeros and a row of missing values; this also warms them up."""
        import xgboost as xgb

        width = len(self._parts.encoder.columns)
        matrix = np.zeros((2, width), dtype=np.float32)
        matrix[1] = np.nan
        try:
            raw = self._raw(matrix)
            self.score(matrix)
            expected = self._expected(matrix)
        except (ModelError, xgb.core.XGBoostError) as error:
            raise BundleError(f"{self.bundle.full_name} does not run: {error}") from error
        if (np.abs(expected - raw) / np.maximum(1.0, np.abs(expected))).max() > _AGREEMENT:
            raise BundleError(
                f"{self.bundle.full_name}: booster.ubj is not the model of model.onnx; export both from one model"
            )
        self._parts.scorecard.apply(matrix)

    def _expected(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The raw scores by the booster: of a probability by its contributions, which explain it."""
        import xgboost as xgb

        rows = xgb.DMatrix(matrix, nthread=1)
        if self._parts.calibration.method == "none":
            return np.asarray(self._booster.predict(rows), dtype=np.float64)
        log_odds = self._booster.predict(rows, pred_contribs=True).sum(axis=1)
        return sigmoid(log_odds.astype(np.float64))


def _session(bundle: Bundle) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(bundle.parts.model, options, providers=["CPUExecutionProvider"])
    except _ORT_ERRORS as error:
        raise BundleError(f"{bundle.full_name}: model.onnx is no model: {error}") from error
    inputs = session.get_inputs()
    width = len(bundle.parts.encoder.columns)
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or inputs[0].shape[1:] != [width]:
        described = [(entry.name, entry.type, entry.shape) for entry in inputs]
        raise BundleError(
            f"{bundle.full_name}: model.onnx takes {described}; it must take one float tensor "
            f"[n, {width}], the encoder's columns"
        )
    return session


def _probability_output(session: ort.InferenceSession, bundle: Bundle) -> str:
    names: list[str] = [
        entry.name
        for entry in session.get_outputs()
        if entry.type == "tensor(float)" and (len(entry.shape) == 1 or entry.shape[1] in (1, 2))
    ]
    if not names:
        raise BundleError(
            f"{bundle.full_name}: model.onnx has no output with probabilities [n, 2]; export it without ZipMap"
        )
    return names[-1]


def _booster(bundle: Bundle) -> "xgb.Booster":
    import xgboost as xgb

    booster = xgb.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(bundle.parts.booster))
        booster.set_param({"nthread": 1})
        width = booster.num_features()
    except (xgb.core.XGBoostError, ValueError) as error:
        raise BundleError(f"{bundle.full_name}: booster.ubj is no model: {error}") from error
    if width != len(bundle.parts.encoder.columns):
        raise BundleError(
            f"{bundle.full_name}: booster.ubj has {width} columns, the encoder {len(bundle.parts.encoder.columns)}"
        )
    booster.feature_names = None
    return booster
