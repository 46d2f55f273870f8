"""One ONNX graph from features to an answer: the encoder before the model, calibration and thresholds behind it.

Belongs here: building the graph from a bundle's parts. Does not belong here: the model itself, which is taken as it is
(`assets.training.fitting.export`), smaller variants of it (`variants.py`), running the graph (`score.py`).

Inputs are a column for each feature, [n, 1]: float32 for a number (NaN is missing), text for a category, int64 for the
bucket of a hashed one. Outputs are `raw`, the model's probability; `score`, calibrated; and `answer`: 0 accept,
1 refer, 2 refuse. ONNX has no `log1p`, so `score` may differ from the bundle's in the last digits; the runner takes
`raw`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from assets.bundle.bundle import BundleParts, Policy
from assets.bundle.calibration import Calibration, Method
from assets.bundle.encoder import Encoder
from assets.edge.score import MISSING

_ML = "ai.onnx.ml"
_MATRIX = "matrix"


def whole_graph(parts: BundleParts, model: bytes) -> bytes:
    """The graph of a bundle around a form of its model.

    Args:
        model: The ONNX form of the model: one float input, the bundle's encoded columns; its last output of one or two
            columns is the probability.
    """
    inner = onnx.load_model_from_string(model)
    before = _model(_encoding(parts.encoder), inner)
    after = _model(_deciding(parts.calibration, parts.policy), inner)
    probability = _probability(inner)
    joined = compose.merge_models(before, inner, io_map=[(_MATRIX, inner.graph.input[0].name)])
    whole = compose.merge_models(
        joined, after, io_map=[(probability, "probabilities_of_model")], outputs=["raw", "score", "answer"]
    )
    whole.graph.name = "decision"
    onnx.checker.check_model(whole)
    return bytes(whole.SerializeToString(deterministic=True))


def kind_of(encoder: Encoder, name: str) -> str:
    """How a feature enters the graph: `number`, `text` or `hashed`."""
    return "hashed" if name in encoder.hashed else "text" if name in encoder.categories else "number"


def _model(graph: onnx.GraphProto, like: onnx.ModelProto) -> onnx.ModelProto:
    opsets = {entry.domain: entry.version for entry in like.opset_import}
    versions = {"": 15, _ML: 1, **opsets}
    imports = [helper.make_opsetid(domain, version) for domain, version in sorted(versions.items())]
    made = helper.make_model(graph, opset_imports=imports, ir_version=like.ir_version)
    if _ML not in opsets or "" not in opsets:
        del like.opset_import[:]
        like.opset_import.extend(imports)
    return made


def _probability(model: onnx.ModelProto) -> str:
    """The model's output with the probabilities, chosen as the scorer of bundles does."""
    outputs = [
        one.name for one in model.graph.output if one.type.tensor_type.elem_type == TensorProto.FLOAT
    ]  # fmt: skip
    return str(outputs[-1])


# ---------------------------------------------------------------------- before the model


def _encoding(encoder: Encoder) -> onnx.GraphProto:
    inputs, nodes, columns = [], [], []
    for name in encoder.features:
        kind = kind_of(encoder, name)
        element = {"number": TensorProto.FLOAT, "text": TensorProto.STRING, "hashed": TensorProto.INT64}[kind]
        inputs.append(helper.make_tensor_value_info(name, element, [None, 1]))
        if kind == "number":
            columns.append(name)
        else:
            nodes += _one_hot(encoder, name)
            columns.append(f"{name}/columns")
    nodes.append(helper.make_node("Concat", columns, [_MATRIX], name=_MATRIX, axis=1))
    output = helper.make_tensor_value_info(_MATRIX, TensorProto.FLOAT, [None, len(encoder.columns)])
    constants = [
        numpy_helper.from_array(np.array(value, dtype), name)
        for name, value, dtype in (
            ("one", [1.0], np.float32), ("nan", [np.nan], np.float32), ("axis", [1], np.int64), ("zero", [0], np.int64),
        )
    ]  # fmt: skip
    sizes = [numpy_helper.from_array(np.array([_known(encoder, n)], np.int64), f"{n}/size") for n in encoder.features
             if kind_of(encoder, n) != "number"]  # fmt: skip
    return helper.make_graph(nodes, "encoding", inputs, [output], [*constants, *sizes])


def _known(encoder: Encoder, name: str) -> int:
    """The columns of a category's own values or buckets."""
    return encoder.hashed[name] if name in encoder.hashed else len(encoder.categories[name])


def _one_hot(encoder: Encoder, name: str) -> list[onnx.NodeProto]:
    """The columns of a category: NaN in all where it is missing, 0 in all where the value has none."""

    def node(kind: str, inputs: Sequence[str], output: str, **terms: Any) -> onnx.NodeProto:
        return helper.make_node(kind, list(inputs), [f"{name}/{output}"], name=f"{name}/{output}", **terms)

    values: dict[str, Any] = {"cats_int64s": [*range(encoder.hashed[name] + 1)]} if name in encoder.hashed else {
        "cats_strings": [*encoder.categories[name], MISSING]
    }  # fmt: skip
    found = [
        node("OneHotEncoder", [name], "deep", domain=_ML, zeros=1, **values),
        node("Squeeze", [f"{name}/deep", "axis"], "flat"),
        node("Slice", [f"{name}/flat", "zero", f"{name}/size", "axis"], "known"),
        node("ReduceSum", [f"{name}/flat", "axis"], "any", keepdims=1),
        node("ReduceSum", [f"{name}/known", "axis"], "some", keepdims=1),
        node("Sub", [f"{name}/any", f"{name}/some"], "missing"),
        node("Cast", [f"{name}/missing"], "is_missing", to=TensorProto.BOOL),
    ]
    own = f"{name}/known"
    if name in encoder.learned:
        found += [
            node("Sub", ["one", f"{name}/any"], "other"),
            node("Concat", [f"{name}/known", f"{name}/other"], "all", axis=1),
        ]
        own = f"{name}/all"
    return [*found, node("Where", [f"{name}/is_missing", "nan", own], "columns")]


# ---------------------------------------------------------------------- behind the model


def _deciding(calibration: Calibration, policy: Policy) -> onnx.GraphProto:
    given, double = "probabilities_of_model", TensorProto.DOUBLE
    nodes = [
        helper.make_node("Gather", [given, "last"], ["raw"], name="raw", axis=1),
        helper.make_node("Cast", ["raw"], ["probability"], name="probability", to=double),
    ]
    constants: dict[str, np.ndarray] = {
        "last": np.array(-1, np.int64), "refuse_from": np.array(policy.threshold),
        "refer_from": np.array(policy.refer_from),
    }  # fmt: skip
    more, numbers = _STEPS[calibration.method](calibration)
    nodes += [
        *more,
        helper.make_node("GreaterOrEqual", ["score", "refer_from"], ["referred"], name="referred"),
        helper.make_node("GreaterOrEqual", ["score", "refuse_from"], ["refused"], name="refused"),
        helper.make_node("Cast", ["referred"], ["refers"], name="refers", to=TensorProto.INT64),
        helper.make_node("Cast", ["refused"], ["refuses"], name="refuses", to=TensorProto.INT64),
        helper.make_node("Add", ["refers", "refuses"], ["answer"], name="answer"),
    ]
    return helper.make_graph(
        nodes, "deciding",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, [None, None])],
        [
            helper.make_tensor_value_info("raw", TensorProto.FLOAT, [None]),
            helper.make_tensor_value_info("score", double, [None]),
            helper.make_tensor_value_info("answer", TensorProto.INT64, [None]),
        ],
        [numpy_helper.from_array(value, name) for name, value in (constants | numbers).items()],
    )  # fmt: skip


_Steps = tuple[list[onnx.NodeProto], dict[str, np.ndarray]]


def _platt(calibration: Calibration) -> _Steps:
    nodes = [
        helper.make_node("Clip", ["probability", "lowest", "highest"], ["bounded"], name="bounded"),
        helper.make_node("Log", ["bounded"], ["log_bad"], name="log_bad"),
        helper.make_node("Sub", ["unit", "bounded"], ["good"], name="good"),
        helper.make_node("Log", ["good"], ["log_good"], name="log_good"),
        helper.make_node("Sub", ["log_bad", "log_good"], ["log_odds"], name="log_odds"),
        helper.make_node("Mul", ["log_odds", "slope"], ["sloped"], name="sloped"),
        helper.make_node("Add", ["sloped", "intercept"], ["shifted"], name="shifted"),
        helper.make_node("Sigmoid", ["shifted"], ["score"], name="score"),
    ]
    numbers = {"lowest": 1e-7, "highest": 1.0 - 1e-7, "unit": 1.0, "slope": calibration.slope}
    numbers |= {"intercept": calibration.intercept}
    return nodes, {name: np.array(value, np.float64) for name, value in numbers.items()}


def _beta(calibration: Calibration) -> _Steps:
    """Each side of the probability has a slope of its own."""
    nodes = [
        helper.make_node("Clip", ["probability", "lowest", "highest"], ["bounded"], name="bounded"),
        helper.make_node("Log", ["bounded"], ["log_bad"], name="log_bad"),
        helper.make_node("Sub", ["unit", "bounded"], ["good"], name="good"),
        helper.make_node("Log", ["good"], ["log_good"], name="log_good"),
        helper.make_node("Mul", ["log_bad", "slope"], ["rising"], name="rising"),
        helper.make_node("Mul", ["log_good", "fall"], ["falling"], name="falling"),
        helper.make_node("Sub", ["rising", "falling"], ["sloped"], name="sloped"),
        helper.make_node("Add", ["sloped", "intercept"], ["shifted"], name="shifted"),
        helper.make_node("Sigmoid", ["shifted"], ["score"], name="score"),
    ]
    numbers = {"lowest": 1e-7, "highest": 1.0 - 1e-7, "unit": 1.0, "slope": calibration.slope}
    numbers |= {"fall": calibration.fall, "intercept": calibration.intercept}
    return nodes, {name: np.array(value, np.float64) for name, value in numbers.items()}


def _none(calibration: Calibration) -> _Steps:
    """An amount is its own score."""
    return [helper.make_node("Identity", ["probability"], ["score"], name="score")], {}


def _piecewise(calibration: Calibration) -> _Steps:
    """Straight lines between knots: the number of inner knots at or below a raw score says which line."""
    knots = np.asarray(calibration.knots, np.float64)
    slopes = np.diff(knots[:, 1]) / np.diff(knots[:, 0])
    nodes = [
        helper.make_node("Unsqueeze", ["probability", "behind"], ["column"], name="column"),
        helper.make_node("GreaterOrEqual", ["column", "inner"], ["beyond"], name="beyond"),
        helper.make_node("Cast", ["beyond"], ["counted"], name="counted", to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["counted", "behind"], ["line"], name="line", keepdims=0),
        helper.make_node("Gather", ["starts", "line"], ["start"], name="start"),
        helper.make_node("Gather", ["slopes", "line"], ["slope"], name="slope"),
        helper.make_node("Gather", ["lows", "line"], ["low"], name="low"),
        helper.make_node("Sub", ["probability", "start"], ["along"], name="along"),
        helper.make_node("Mul", ["slope", "along"], ["risen"], name="risen"),
        helper.make_node("Add", ["risen", "low"], ["score"], name="score"),
    ]
    return nodes, {
        "behind": np.array([1], np.int64), "inner": knots[1:-1, 0][None, :], "starts": knots[:-1, 0],
        "slopes": slopes, "lows": knots[:-1, 1],
    }  # fmt: skip


_STEPS: Mapping[Method, Callable[[Calibration], _Steps]] = {
    "platt": _platt, "beta": _beta, "piecewise": _piecewise, "none": _none,
}  # fmt: skip
"""The nodes of each form of calibration."""
