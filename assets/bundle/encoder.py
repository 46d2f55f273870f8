"""Features as the matrix that a model takes.

Belongs here: the order of the matrix's columns, one-hot columns of categories, vocabularies that are learned, hashes,
float32. Does not belong here: computing features (`assets.features.kernel.kernel`), scaling or imputing (a model's own
matter).
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

_LARGEST = np.finfo(np.float32).max
_OTHER = "(other)"


@dataclass(frozen=True)
class Encoder:
    """The layout of the matrix; made by `from_features`.

    Attributes:
        features: Names in the order of the feature table.
        categories: For each of them that is a category, its values, declared or learned; none for hashed ones.
        learned: Those whose values were learned: any other value is in a column of its own, `merchant=(other)`.
        hashed: For each of them that is hashed, the number of its buckets.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    learned: frozenset[str] = frozenset()
    hashed: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_features(cls, features: FeatureSet, training: pa.Table | None = None) -> "Encoder":
        """The layout of a feature set.

        Args:
            training: The feature table of the rows that the model is fitted on, and of no others; values are learned
                from it. None is enough where no category is learned.

        Raises:
            FeatureError: A category is learned, and there are no rows to learn it from.
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
        """Names of the matrix's columns: the feature's, `purpose=car` for a value, `merchant#7` for a bucket."""
        return tuple(column for name in self.features for column in self._columns_of(name))

    @property
    def sources(self) -> tuple[str, ...]:
        """For each column of the matrix the feature that it comes from."""
        return tuple(name for name in self.features for _ in self._columns_of(name))

    def encode(self, table: pa.Table) -> np.ndarray:
        """The matrix of a feature table: float32 [rows, columns], row by row in memory.

        A missing number is NaN, a missing category NaN in all its columns, and a value that a declared category does
        not name 0 in all of them. Numbers beyond float32 become its largest, since a model cannot take an infinity.

        Raises:
            FeatureError: A feature's column is absent or of a wrong type.
        """
        width = self._widths
        matrix = np.empty((table.num_rows, sum(width.values())), np.float32)
        with np.errstate(over="ignore"):  # an infinity that the narrower type makes is taken back below
            at = 0
            for name in self.features:
                if name in self.categories or name in self.hashed:
                    matrix[:, at : at + width[name]] = self._one_hot(one_column(table, name, "features"), name)
                else:
                    matrix[:, at] = read_numbers(table, name, "features")
                at += width[name]
        return np.clip(matrix, -_LARGEST, _LARGEST, out=matrix)

    def encode_row(self, row: Mapping[str, float | str | None]) -> np.ndarray:
        """The matrix of one row of features, as `encode` makes it of a table: float32 [1, columns].

        Args:
            row: For each feature its value, None where missing.

        Raises:
            FeatureError: A feature is absent, infinite, or a text in the place of a number or the reverse.
        """
        found: list[float] = []
        for name in self.features:
            if name not in row:
                raise FeatureError(f"features: there is no '{name}'; the row has {sorted(row)}")
            found += self._cells(row[name], name)
        numbers = np.array([found], np.float64) + 0.0
        if np.isinf(numbers).any():
            raise FeatureError(f"features.{self.sources[np.isinf(numbers)[0].argmax()]} is infinite")
        return np.clip(numbers, -_LARGEST, _LARGEST).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """A JSON value from which `from_dict` makes the same encoder."""
        record: dict[str, Any] = {
            "features": list(self.features),
            "categories": {name: list(values) for name, values in self.categories.items()},
        }
        # What is not used is left out, and what is used is refused by code that does not know it.
        if self.learned:
            record["learned"] = sorted(self.learned)
        if self.hashed:
            record["hashed"] = dict(self.hashed)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Encoder":
        """The encoder that `to_dict` wrote.

        Raises:
            FeatureError: The record is none.
        """
        categories = {name: tuple(values) for name, values in record.get("categories", {}).items()}
        learned, hashed = frozenset(record.get("learned", ())), dict(record.get("hashed", {}))
        fits = {*categories, *hashed} <= set(record.get("features", ())) and learned <= set(categories)
        if not {"features", "categories"} <= set(record) <= {"features", "categories", "learned", "hashed"} or not fits:
            raise FeatureError(f"an encoder has features and categories among them; this record has {sorted(record)}")
        return cls(tuple(record["features"]), categories, learned, hashed)

    @cached_property
    def _widths(self) -> Mapping[str, int]:
        """For each feature the number of its columns."""
        return {name: len(self._columns_of(name)) for name in self.features}

    @cached_property
    def _places(self) -> Mapping[str, Mapping[str, int]]:
        """For each category with known values the column of each among its own."""
        return {name: {value: n for n, value in enumerate(values)} for name, values in self.categories.items()}

    def _place(self, value: str, name: str) -> int:
        """The column of a category's value among its own; -1 for a value that is none of them."""
        if name in self.hashed:
            return bucket(value, self.hashed[name])
        return self._places[name].get(value, len(self.categories[name]) if name in self.learned else -1)

    def _cells(self, value: float | str | None, name: str) -> Sequence[float]:
        """What a value is in the columns of its feature."""
        if value is None:
            return [np.nan] * self._widths[name]
        if isinstance(value, str) != (name in self.categories or name in self.hashed):
            raise FeatureError(f"features.{name} is {value!r}; write a text for a category, else a number")
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
        """float32 [rows, columns of the category]."""
        coded = text_codes(column, f"features.{name}")
        chosen = [self._place(word, name) for word in coded.dictionary.to_pylist()]
        # The code of a missing value is -1, the last of these.
        places = np.array([*chosen, -1])[filled(coded.indices)]
        hot = np.zeros((len(column), self._widths[name]), np.float32)
        known = np.flatnonzero(places >= 0)
        hot[known, places[known]] = 1.0
        if column.null_count:
            hot[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
        return hot


def bucket(value: str, buckets: int) -> int:
    """The bucket of a text: its BLAKE2b hash of 8 bytes (RFC 7693), as a big-endian number, modulo `buckets`."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big") % buckets


def _most_frequent(rows: pa.Table, category: LearnedCategory) -> tuple[str, ...]:
    """The values that a learned category keeps, the most frequent first, of equally frequent ones the smaller text."""
    column = text_codes(one_column(rows, category.name, "training rows"), f"training rows.{category.name}")
    counted = pc.value_counts(column.cast(pa.string()).drop_null()).to_pylist()
    ordered = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
    return tuple(entry["values"] for entry in ordered if entry["counts"] >= (category.at_least or 1))[: category.top]
