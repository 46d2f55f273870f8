"""The recipe of a model: what it follows from beside its rows.

Belongs here: the libraries, the machine and the declarations of the product by which a model is trained, as a record
that travels in the pins of its bundle. Does not belong here: the rows and their tables (`assets.py`), training again by
a recipe (`assets.reproduction`).

Features, contract, rules and words are not repeated here: the bundle itself holds them.
"""

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from typing import Any

from assets.product import BINARY, Product, Scale

LIBRARIES = (
    "numpy", "scipy", "pyarrow", "scikit-learn", "xgboost", "optuna", "onnx", "onnxmltools", "skl2onnx", "onnxruntime",
)  # fmt: skip
"""The libraries in whose arithmetic, drawing of settings or file formats a bundle's bytes have their origin."""
_LATER: Mapping[str, Any] = {"model.target": BINARY, "model.scale": Scale()}
"""Declarations that a recipe leaves out at these values, so that it is the one of before they could be made."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where a function lies in the memory of one process is no part of its declaration."""


@dataclass(frozen=True)
class Recipe:
    """What a model follows from beside its rows.

    Attributes:
        python: The version of Python.
        machine: The kind of processor.
        libraries: The version of each of `LIBRARIES`.
        declared: The declarations of the product about label, split, training and decision, as text: `model.seed`.
    """

    python: str
    machine: str
    libraries: Mapping[str, str]
    declared: Mapping[str, str]

    @property
    def environment(self) -> str:
        """The digest of Python, processor and libraries: SHA-256, 64 hexadecimal digits."""
        text = json.dumps([self.python, self.machine, dict(self.libraries)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The recipe as a JSON value, for `from_dict`; with the digest of the environment, for people."""
        return {**asdict(self), "environment": self.environment}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Recipe":
        """The recipe that `to_dict` wrote."""
        return cls(**{field.name: record[field.name] for field in fields(cls)})


def recipe_of(product: Product) -> Recipe:
    """The recipe by which this process trains a model of the product."""
    parts: dict[str, Any] = {
        "label": product.label,
        "spine": product.spine,
        "model": product.model,
        "decision": product.decision,
    }
    declared = {
        f"{part}.{field.name}": _ADDRESS.sub("", repr(getattr(value, field.name)))
        for part, value in parts.items()
        for field in fields(value)
        if _LATER.get(f"{part}.{field.name}", ...) != getattr(value, field.name)
    }
    declared["protected"] = repr([attribute.column for attribute in product.protected])
    return Recipe(
        python=platform.python_version(),
        machine=platform.machine(),
        libraries={name: metadata.version(name) for name in LIBRARIES},
        declared=declared,
    )


def differences(then: Recipe, now: Recipe) -> tuple[str, ...]:
    """What differs between two recipes, a sentence each; none where they are the same."""
    found = [
        f"{name} was {before}, and is {after}"
        for name, before, after in (("Python", then.python, now.python), ("the processor", then.machine, now.machine))
        if before != after
    ]
    found += _changed("library ", then.libraries, now.libraries)
    return (*found, *_changed("", then.declared, now.declared))


def _changed(kind: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{kind}{name} was {then.get(name, 'not there')}, and is {now.get(name, 'not there')}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
