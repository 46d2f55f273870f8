"""Smaller variants of a model, and what each saves and costs.

Belongs here: rounding a model's numbers to half precision or to 255 steps, and measuring the result on rows. Does not
belong here: the graph around the model (`graph.py`), writing files (`export.py`).

ONNX keeps the numbers of a tree ensemble as float32 attributes, and ONNX Runtime has neither a half-precision nor an
int8 kernel for it: its quantiser refuses a graph of trees alone. The variants here round the numbers where they stand.
A file of trees does not get smaller so, only its compressed form does; and a rounded threshold sends rows down another
branch. The table of measurements says so of each model.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from assets.bundle.answers import answers_by_score
from assets.bundle.bundle import BundleParts

Variant = Literal["float32", "float16", "int8"]
VARIANTS: tuple[Variant, ...] = ("float32", "float16", "int8")
_THRESHOLDS, _FEATURES, _BRANCHES = "nodes_values", "nodes_featureids", "nodes_modes"
_WEIGHTS = ("class_weights", "target_weights", "base_values")
_HALF = float(np.finfo(np.float16).max)
_LARGEST = float(np.finfo(np.float32).max)
_STEPS = 254.0
_TIMED_ROWS = 200
_SMALLER, _LIKE = 0.9, 0.001
"""A variant pays if its file is at most this part of the model's, and at most this share of the answers changes."""
_Round = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Measured:
    """A variant beside the bundle's own model.

    Attributes:
        bytes, zipped: The size of the model's file, and of its compressed form.
        largest_difference: The largest difference of a score.
        answers_changed: The rows whose answer by their score differs.
        rows: The rows that were scored.
        microseconds: Processor time of one row alone.
        pays: Whether the file is smaller by a tenth and no more than a thousandth of the answers changes.
    """

    variant: Variant
    bytes: int
    zipped: int
    largest_difference: float
    answers_changed: int
    rows: int
    microseconds: float
    pays: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def variant_of(model: bytes, variant: Variant) -> bytes:
    """The model in a variant; `float32` is the model itself, byte for byte."""
    if variant == "float32":
        return model
    rounded: _Round = _to_half if variant == "float16" else _to_steps
    graph = onnx.load_model_from_string(model)
    for node in graph.graph.node:
        _round_trees(node, rounded)
    for tensor in graph.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(rounded(numpy_helper.to_array(tensor)), tensor.name))
    return bytes(graph.SerializeToString(deterministic=True))


def measured(parts: BundleParts, matrix: NDArray[np.float32]) -> tuple[Measured, ...]:
    """Every variant of a bundle's model on encoded rows, the model itself first.

    Args:
        matrix: float32 [n, encoded columns], at least one row.
    """
    found: list[Measured] = []
    own: NDArray[np.float64] | None = None
    for variant in VARIANTS:
        model = variant_of(parts.model, variant)
        scores, seconds = _scored(parts, model, matrix)
        own = scores if own is None else own
        refer, refuse = parts.policy.refer_from, parts.policy.threshold
        changed = int((answers_by_score(scores, refer, refuse) != answers_by_score(own, refer, refuse)).sum())
        pays = variant == "float32" or (
            len(model) <= _SMALLER * len(parts.model) and changed <= _LIKE * len(matrix)
        )  # fmt: skip
        found.append(
            Measured(
                variant, len(model), len(zlib.compress(model, 9)), float(np.abs(scores - own).max()), changed,
                len(matrix), 1e6 * seconds, pays,
            )
        )  # fmt: skip
    return tuple(found)


def _round_trees(node: onnx.NodeProto, rounded: _Round) -> None:
    """Rounds thresholds, those of each feature by themselves, and the weights of leaves."""
    attributes = {one.name: one for one in node.attribute}
    if _THRESHOLDS in attributes:
        values = np.array(attributes[_THRESHOLDS].floats, np.float32)
        features = np.array(attributes[_FEATURES].ints)
        # The largest number stands for a split of known values from missing ones, and is on no scale.
        inner = np.array([mode != b"LEAF" for mode in attributes[_BRANCHES].strings]) & (np.abs(values) < _LARGEST)
        for feature in np.unique(features[inner]):
            own = inner & (features == feature)
            values[own] = rounded(values[own])
        _set(attributes[_THRESHOLDS], values)
    for name in _WEIGHTS:
        if name in attributes and len(attributes[name].floats):
            _set(attributes[name], rounded(np.array(attributes[name].floats, np.float32)))


def _set(attribute: onnx.AttributeProto, values: NDArray[np.float32]) -> None:
    del attribute.floats[:]
    attribute.floats.extend(values.tolist())


def _to_half(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(values, -_HALF, _HALF).astype(np.float16).astype(np.float32)


def _to_steps(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values on 255 equal steps between the smallest and the largest."""
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    step = (high - low) / _STEPS
    return values if step == 0.0 else (low + np.rint((values - low) / step) * step).astype(np.float32)


def _scored(parts: BundleParts, model: bytes, matrix: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """The calibrated scores, and the processor time of one row alone in seconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given, wanted = session.get_inputs()[0].name, [session.get_outputs()[-1].name]
    raw = np.asarray(session.run(wanted, {given: matrix})[0], np.float64)
    raw = raw if raw.ndim == 1 else raw[:, -1]
    rows = [matrix[n : n + 1] for n in range(min(_TIMED_ROWS, len(matrix)))]
    started = time.process_time()
    for row in rows:
        session.run(wanted, {given: row})
    raw = raw if parts.calibration.method == "none" else np.clip(raw, 0.0, 1.0)
    return parts.calibration.apply(raw), (time.process_time() - started) / len(rows)
