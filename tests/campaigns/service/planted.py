"""Bundles that are worse than the champion, and bundles that are damaged.

Belongs here: planting a fault in a model, damaging a published bundle. Does not belong here: publishing (`home.py`),
the judgement.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from assets.bundle.bundle import BundleParts
from tests.support.serving_samples import broken_model


def failing(parts: BundleParts) -> BundleParts:
    """The model gives no probability: each of its decisions is a fallback."""
    return replace(parts, model=broken_model(parts.model))


def slow(parts: BundleParts, width: int) -> BundleParts:
    """The same probabilities, after the product of two empty square matrices of that width."""
    graph = onnx.load_model_from_string(parts.model)
    source, result = graph.graph.input[0].name, graph.graph.output[-1].name
    for node in graph.graph.node:
        for at, name in enumerate(node.output):
            if name == result:
                node.output[at] = "fast"
    for name, value in (("first", [0]), ("size", [width, width])):
        graph.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    graph.graph.node.extend(
        [
            # The count of rows is known when it runs alone, so that nothing is computed in advance.
            helper.make_node("Shape", [source], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["rows"]),
            helper.make_node("Mul", ["rows", "size"], ["square"]),
            helper.make_node("ConstantOfShape", ["square"], ["matrix"], value=zero),
            helper.make_node("MatMul", ["matrix", "matrix"], ["product"]),
            helper.make_node("ReduceSum", ["product"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["fast", "nothing"], [result]),
        ]
    )
    return replace(parts, model=graph.SerializeToString())


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
