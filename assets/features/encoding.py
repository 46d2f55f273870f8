"""Features as the matrix that a model takes.

Belongs here: the order of the matrix's columns, one-hot columns of categories, float32. Does not belong here: computing
features (`kernel.py`), scaling or imputing (a model's own matter).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.arrow import filled, one_column, read_numbers, text_codes
from assets.features.conditions import FeatureError
from assets.features.vocabulary import FeatureSet

_LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True)
class Encoder:
    """The layout of the matrix; made by `from_features`.

    Attributes:
        features: Names in the order of the feature table.
        categories: For each of them that is a category, its values.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def from_features(cls, features: FeatureSet) -> "Encoder":
        """The layout of a feature set."""
        return cls(features.names, features.categories)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns: the feature's, or `purpose=car` for a value of a category."""
        return tuple(column for name in self.features for column in self._columns_of(name))

    @property
    def sources(self) -> tuple[str, ...]:
        """For each column of the matrix the feature that it comes from."""
        return tuple(name for name in self.features for _ in self._columns_of(name))

    def encode(self, table: pa.Table) -> np.ndarray:
        """The matrix of a feature table: float32 [rows, columns], row by row in memory.

        A missing number is NaN, a missing category NaN in all its columns, and a value that the category does not
        name 0 in all of them. Numbers beyond float32 become its largest, since a model cannot take an infinity.

        Raises:
            FeatureError: A feature's column is absent or of a wrong type.
        """
        width = len(self.features) + sum(len(values) - 1 for values in self.categories.values())
        matrix = np.empty((table.num_rows, width), np.float32)
        with np.errstate(over="ignore"):  # an infinity that the narrower type makes is taken back below
            at = 0
            for name in self.features:
                if name in self.categories:
                    values = self.categories[name]
                    matrix[:, at : at + len(values)] = _one_hot(one_column(table, name, "features"), values, name)
                    at += len(values)
                else:
                    matrix[:, at] = read_numbers(table, name, "features")
                    at += 1
        return np.clip(matrix, -_LARGEST, _LARGEST, out=matrix)

    def to_dict(self) -> dict[str, Any]:
        """A JSON value from which `from_dict` makes the same encoder."""
        return {"features": list(self.features), "categories": {name: list(v) for name, v in self.categories.items()}}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Encoder":
        """The encoder that `to_dict` wrote.

        Raises:
            FeatureError: The record is none.
        """
        if set(record) != {"features", "categories"} or not set(record["categories"]) <= set(record["features"]):
            raise FeatureError(f"an encoder has features and categories among them; this record has {sorted(record)}")
        categories = {name: tuple(values) for name, values in record["categories"].items()}
        return cls(tuple(record["features"]), categories)

    def _columns_of(self, name: str) -> Sequence[str]:
        if name not in self.categories:
            return (name,)
        return [f"{name}={value}" for value in self.categories[name]]


def _one_hot(column: pa.Array, values: tuple[str, ...], name: str) -> np.ndarray:
    coded = text_codes(column, f"features.{name}")
    place = {value: number for number, value in enumerate(values)}
    # The code of a missing value is -1, the last of these.
    places = np.array([*(place.get(value, -1) for value in coded.dictionary.to_pylist()), -1])[filled(coded.indices)]
    hot = np.zeros((len(column), len(values)), np.float32)
    known = np.flatnonzero(places >= 0)
    hot[known, places[known]] = 1.0
    if column.null_count:
        hot[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return hot
