"""Bundles that are worse than the champion, and bundles that are damaged.

Belongs here: planting a fault in a model, damaging a published bundle. Does not belong here: publishing (`home.py`),
the judgement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from assets.bundle.bundle import BundleParts


def failing(parts: BundleParts, above: float = 100.0) -> BundleParts:
    """No probability for an amount above that: each such decision is a fallback, and the bundle is loaded all the same.

    A process refuses a bundle whose model gives nothing for the invented row with which it is warmed up.
    """
    column = list(parts.encoder.columns).index("amount")
    return _changed(
        parts,
        {
            "column": np.array([column], np.int64), "bound": np.array([above], np.float32),
            "none": np.array([np.nan], np.float32), "zero": np.array([0.0], np.float32),
        },
        [
            helper.make_node("Gather", [_SOURCE, "column"], ["amount"], axis=1),
            helper.make_node("Greater", ["amount", "bound"], ["is_large"]),
            helper.make_node("Where", ["is_large", "none", "zero"], ["added"]),
        ],
    )  # fmt: skip


def slow(parts: BundleParts, width: int) -> BundleParts:
    """The same probabilities, after the product of two empty square matrices of that width."""
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    return _changed(
        parts,
        {"first": np.array([0], np.int64), "size": np.array([width, width], np.int64)},
        [
            # The count of rows is known when it runs alone, so that nothing is computed in advance.
            helper.make_node("Shape", [_SOURCE], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["rows"]),
            helper.make_node("Mul", ["rows", "size"], ["square"]),
            helper.make_node("ConstantOfShape", ["square"], ["matrix"], value=zero),
            helper.make_node("MatMul", ["matrix", "matrix"], ["product"]),
            helper.make_node("ReduceSum", ["product"], ["added"], keepdims=0),
        ],
    )


_SOURCE = "input"
"""The name of a model's input."""


def _changed(
    parts: BundleParts, values: Mapping[str, NDArray[np.generic]], nodes: Sequence[onnx.NodeProto]
) -> BundleParts:
    """Adds to the probabilities what the nodes compute under the name `added`."""
    model = onnx.load_model_from_string(parts.model)
    assert model.graph.input[0].name == _SOURCE
    result = model.graph.output[-1].name
    for node in model.graph.node:
        for at, name in enumerate(node.output):
            if name == result:
                node.output[at] = "before"
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    model.graph.node.extend([*nodes, helper.make_node("Add", ["before", "added"], [result])])
    return replace(parts, model=model.SerializeToString())


Damage = Callable[[Path, Random], None]


def _flip(name: str) -> Damage:
    def flip(folder: Path, chance: Random) -> None:
        data = bytearray((folder / name).read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(bytes(data))

    return flip


def _cut(folder: Path, chance: Random) -> None:
    file = folder / "model.onnx"
    file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size)])


def _remove(folder: Path, chance: Random) -> None:
    chance.choice([file for file in sorted(folder.iterdir()) if file.name != "manifest.json"]).unlink()


def _exchange(folder: Path, chance: Random) -> None:
    """A file of another version that is whole itself."""
    others = [one for one in sorted(folder.parent.iterdir()) if one.name != folder.name]
    (folder / "model.onnx").write_bytes((chance.choice(others) / "model.onnx").read_bytes() + b"\0")


DAMAGES: Mapping[str, Damage] = {
    "a flipped bit of the model": _flip("model.onnx"),
    "a flipped bit of the policy": _flip("policy.json"),
    "a flipped bit of the features": _flip("kernel.json"),
    "a model that was cut": _cut,
    "a file that is gone": _remove,
    "a model of another version": _exchange,
}
