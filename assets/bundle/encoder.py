"""Features encoded as the matrix of a model.

Belongs here: the order of the matrix's columns, one-hot columns of categories, learned categories, hashing, float32.
Does not belong here: computing features (`assets.features.kernel.kernel`), scaling and imputing (done in the model).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.arrow import filled, one_column, read_numbers, text_codes
from assets.vocabulary import FeatureError, FeatureSet, HashedCategory, LearnedCategory
from resources.errors import listed

_LARGEST = np.finfo(np.float32).max
_OTHER = "(other)"


@dataclass(frozen=True)
class Encoder:
    """The layout of the matrix; build it with `from_features`.

    Attributes:
        features: Names of the features, in the order of the feature table.
        categories: For each category that is not hashed, its declared or learned values.
        learned: The categories with learned values; any other value has a common column, `merchant=(other)`.
        hashed: For each hashed category, the number of its buckets.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    learned: frozenset[str] = frozenset()
    hashed: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_features(cls, features: FeatureSet, training: pa.Table | None = None) -> "Encoder":
        """The layout of a feature set.

        Args:
            training: The feature table of the rows that the model is fitted on, and of no others; categories are
                learned from it. Needed only where a category is learned.

        Raises:
            FeatureError: A category is to be learned, but no rows are given.
        """
        categories = features.categories
        learned = [feature for feature in features.request if isinstance(feature, LearnedCategory)]
        for feature in learned:
            if training is None:
                raise FeatureError(f"category '{feature.name}' is learned: give the rows that the model is trained on")
            categories[feature.name] = _most_frequent(training, feature)
        hashed = {feature.name: feature.buckets for feature in features.request if isinstance(feature, HashedCategory)}
        for name in hashed:
            del categories[name]
        return cls(features.names, categories, frozenset(feature.name for feature in learned), hashed)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns: `amount` (a number), `purpose=car` (a value), `merchant#7` (a bucket)."""
        return tuple(column for name in self.features for column in self._columns_of(name))

    @property
    def sources(self) -> tuple[str, ...]:
        """For each column of the matrix, the feature that it encodes."""
        return tuple(name for name in self.features for _ in self._columns_of(name))

    def encode(self, table: pa.Table) -> np.ndarray:
        """The matrix of a feature table: float32 [rows, columns], row-major.

        A missing number is NaN; a missing category is NaN in all its columns; a value that is not declared for its
        category is 0 in all of them. Numbers beyond the range of float32 are clipped, since a model cannot take an
        infinity.

        Raises:
            FeatureError: A feature's column is absent or of a wrong type.
        """
        widths = self._widths
        matrix = np.empty((table.num_rows, sum(widths.values())), np.float32)
        with np.errstate(over="ignore"):  # a number that overflows float32 is clipped below
            first = 0
            for name in self.features:
                if name in self.categories or name in self.hashed:
                    matrix[:, first : first + widths[name]] = self._one_hot(one_column(table, name, "features"), name)
                else:
                    matrix[:, first] = read_numbers(table, name, "features")
                first += widths[name]
        return np.clip(matrix, -_LARGEST, _LARGEST, out=matrix)

    def encode_row(self, row: Mapping[str, float | str | None]) -> np.ndarray:
        """The matrix of one row of features, the same as `encode` gives for a table: float32 [1, columns].

        Args:
            row: The value of each feature, None where missing.

        Raises:
            FeatureError: A feature is absent or infinite, or is a text instead of a number or the reverse.
        """
        cells: list[float] = []
        for name in self.features:
            if name not in row:
                raise FeatureError(f"features: there is no '{name}'; the row has {listed(sorted(row))}")
            cells += self._cells(row[name], name)
        numbers = np.array([cells], np.float64) + 0.0
        if np.isinf(numbers).any():
            raise FeatureError(f"features.{self.sources[np.isinf(numbers)[0].argmax()]} is infinite")
        return np.clip(numbers, -_LARGEST, _LARGEST).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """The encoder as a JSON value, for `from_dict`."""
        record: dict[str, Any] = {
            "features": list(self.features),
            "categories": {name: list(values) for name, values in self.categories.items()},
        }
        # Empty fields are left out: older code reads an encoder without them, and refuses one with them.
        if self.learned:
            record["learned"] = sorted(self.learned)
        if self.hashed:
            record["hashed"] = dict(self.hashed)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Encoder":
        """The encoder that `to_dict` wrote.

        Raises:
            FeatureError: The record is not one of an encoder.
        """
        categories = {name: tuple(values) for name, values in record.get("categories", {}).items()}
        learned, hashed = frozenset(record.get("learned", ())), dict(record.get("hashed", {}))
        fits = {*categories, *hashed} <= set(record.get("features", ())) and learned <= set(categories)
        if not {"features", "categories"} <= set(record) <= {"features", "categories", "learned", "hashed"} or not fits:
            raise FeatureError(
                "an encoder has features and categories, each category a feature; this record has "
                f"{listed(sorted(record))}"
            )
        return cls(tuple(record["features"]), categories, learned, hashed)

    @cached_property
    def places(self) -> Mapping[str, slice]:
        """For each feature the places of its columns in the matrix."""
        ends = np.cumsum([self._widths[name] for name in self.features]).tolist()
        return {name: slice(end - self._widths[name], end) for name, end in zip(self.features, ends, strict=True)}

    @cached_property
    def _widths(self) -> Mapping[str, int]:
        """For each feature the number of its columns."""
        return {name: len(self._columns_of(name)) for name in self.features}

    @cached_property
    def _places(self) -> Mapping[str, Mapping[str, int]]:
        """For each category that is not hashed, the place of each value among the category's columns."""
        return {name: {value: n for n, value in enumerate(values)} for name, values in self.categories.items()}

    def _place(self, value: str, name: str) -> int:
        """The place of a value among its category's columns; -1 for a value that has none."""
        if name in self.hashed:
            return bucket(value, self.hashed[name])
        return self._places[name].get(value, len(self.categories[name]) if name in self.learned else -1)

    def _cells(self, value: float | str | None, name: str) -> Sequence[float]:
        """A value encoded in the columns of its feature."""
        if value is None:
            return [np.nan] * self._widths[name]
        if isinstance(value, str) != (name in self.categories or name in self.hashed):
            kind = "text" if isinstance(value, str) else type(value).__name__
            raise FeatureError(f"features.{name} is a {kind}; write a text for a category, else a number")
        if not isinstance(value, str):
            return [value]
        place = self._place(value, name)
        return [float(number == place) for number in range(self._widths[name])]

    def _columns_of(self, name: str) -> Sequence[str]:
        if name in self.hashed:
            return [f"{name}#{number}" for number in range(self.hashed[name])]
        if name not in self.categories:
            return (name,)
        others = (_OTHER,) if name in self.learned else ()
        return [f"{name}={value}" for value in (*self.categories[name], *others)]

    def _one_hot(self, column: pa.Array, name: str) -> np.ndarray:
        """The category's columns, one-hot: float32 [rows, columns of the category]."""
        coded = text_codes(column, f"features.{name}")
        value_places = [self._place(value, name) for value in coded.dictionary.to_pylist()]
        # The code of a missing value is -1, which indexes the last entry.
        places = np.array([*value_places, -1])[filled(coded.indices)]
        one_hot = np.zeros((len(column), self._widths[name]), np.float32)
        known = np.flatnonzero(places >= 0)
        one_hot[known, places[known]] = 1.0
        if column.null_count:
            one_hot[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
        return one_hot


def bucket(value: str, buckets: int) -> int:
    """The bucket of a text: its 8-byte BLAKE2b hash (RFC 7693) as a big-endian number, modulo `buckets`."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big") % buckets


def _most_frequent(rows: pa.Table, category: LearnedCategory) -> tuple[str, ...]:
    """The values of a learned category, the most frequent first; equally frequent ones in the order of their texts."""
    column = text_codes(one_column(rows, category.name, "training rows"), f"training rows.{category.name}")
    counted = pc.value_counts(column.cast(pa.string()).drop_null()).to_pylist()
    ordered = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
    return tuple(entry["values"] for entry in ordered if entry["counts"] >= (category.at_least or 1))[: category.top]
