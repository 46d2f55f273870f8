"""The reference profile: what rows looked like when a model was approved.

Belongs here: summarising the features and scores of the approval rows, small enough to travel in the bundle
(`reference.json`), and the grouping of later values into the same bins. Does not belong here: comparing
(`assets.monitoring.drift`).

A numeric column is kept twice: counts in bins of about equal size (for the population stability index) and a sorted
sample of its order statistics (for Kolmogorov-Smirnov). Missing values have a bin of their own.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from resources.errors import LooplineError

BINS = 10
SAMPLE = 256
"""Order statistics kept of a numeric column; the sample's distribution is within 1 / (2 * SAMPLE) of the whole's."""
KEPT = 50
"""Values kept of a categorical column: one of many values is told from another by its most frequent ones."""

_FORMAT = 1


class ProfileError(LooplineError):
    """A profile cannot be made or read; the message names the column and what is wrong with it."""


@dataclass(frozen=True)
class NumericProfile:
    """One numeric column.

    Attributes:
        edges: Inner bin edges, strictly ascending; bin i holds values in (edges[i-1], edges[i]], open at both ends.
        counts: Reference rows a bin; one more than the edges.
        missing: Reference rows without a value.
        sample: Sorted order statistics at the ranks (i + 0.5) / n; empty when every value was missing.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    sample: tuple[float, ...]

    @property
    def cells(self) -> int:
        """Bins with the last one, for missing values."""
        return len(self.counts) + 1

    def assign(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The bin of each value, int64 [n]; NaN is missing and falls in the last."""
        bins = np.searchsorted(np.asarray(self.edges), values, side="left")
        return np.where(np.isnan(values), self.cells - 1, bins).astype(np.int64)

    @property
    def expected(self) -> NDArray[np.int64]:
        """Reference rows a cell, missing values last."""
        return np.array([*self.counts, self.missing], dtype=np.int64)


@dataclass(frozen=True)
class CategoryProfile:
    """One categorical column.

    Attributes:
        values: The values seen, in order; of more than `KEPT` the most frequent ones.
        counts: Reference rows a value.
        missing: Reference rows without a value.
        other: Reference rows with a value that is not kept.
    """

    values: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int
    other: int = 0

    @property
    def cells(self) -> int:
        """A cell a kept value, then one for all others, then one for missing ones."""
        return len(self.values) + 2

    def assign(self, values: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
        """The cell of each value, int64 [n]."""
        known = pc.index_in(values, value_set=pa.array(self.values, pa.string()))
        cells = pc.fill_null(known, pa.scalar(len(self.values), pa.int32())).to_numpy().astype(np.int64)
        return np.where(values.is_null().to_numpy(zero_copy_only=False), self.cells - 1, cells).astype(np.int64)

    @property
    def expected(self) -> NDArray[np.int64]:
        """Reference rows a cell: the kept values, other ones, missing ones."""
        return np.array([*self.counts, self.other, self.missing], dtype=np.int64)


@dataclass(frozen=True)
class ReferenceProfile:
    """The rows that a model was approved on.

    Attributes:
        rows: How many they were.
        positive_rate: Share of positives among them.
        auc: Area under the ROC curve on them; what the realised one is compared with.
        numeric, categories: Profile a feature name.
        score: Profile of the calibrated score.
    """

    rows: int
    positive_rate: float
    auc: float
    numeric: Mapping[str, NumericProfile]
    categories: Mapping[str, CategoryProfile]
    score: NumericProfile

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON values."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ReferenceProfile":
        """The profile that `to_dict` wrote.

        Raises:
            ProfileError: A part is absent, is of another format, or contradicts itself.
        """
        if values.get("format") != _FORMAT:
            raise ProfileError(f"reference profile of format {values.get('format')!r}; this code reads {_FORMAT}")
        try:
            return cls(
                rows=int(values["rows"]),
                positive_rate=float(values["positive_rate"]),
                auc=float(values["auc"]),
                numeric={name: _read_numeric(name, part) for name, part in values["numeric"].items()},
                categories={name: _read_category(name, part) for name, part in values["categories"].items()},
                score=_read_numeric("score", values["score"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ProfileError(f"reference profile lacks a part or has one of the wrong type: {error!r}") from error


def build_profile(
    features: pa.Table,
    scores: NDArray[np.floating[Any]],
    numeric: Iterable[str],
    categories: Iterable[str],
    *,
    positive_rate: float,
    auc: float,
) -> ReferenceProfile:
    """Summarise the approval rows.

    Args:
        features: One row a decision, with the named columns; null and NaN are missing.
        scores: Calibrated score a row, floating [n].
        numeric, categories: Names of the features of each kind.
        positive_rate, auc: Measured on the same rows.

    Raises:
        ProfileError: There are no rows, a column is absent, of another type or infinite, or scores and rows differ.
    """
    if features.num_rows == 0 or features.num_rows != len(scores):
        raise ProfileError(f"{features.num_rows} rows of features and {len(scores)} scores; give as many, not 0")
    if not (0 <= positive_rate <= 1 and 0 <= auc <= 1):
        raise ProfileError(f"positive rate {positive_rate} and AUC {auc} must both be measured, from 0 to 1")
    return ReferenceProfile(
        rows=features.num_rows,
        positive_rate=float(positive_rate),
        auc=float(auc),
        numeric={name: _numeric(name, numeric_values(features, name)) for name in numeric},
        categories={name: _category(category_values(features, name)) for name in categories},
        score=_numeric("score", np.asarray(scores, dtype=np.float64)),
    )


def numeric_values(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A numeric column as float64 [n], missing values as NaN.

    Raises:
        ProfileError: The column is absent or not numeric.
    """
    column = _column(table, name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise ProfileError(f"column '{name}' is {column.type}; a numeric feature holds numbers")
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def category_values(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A categorical column as strings.

    Raises:
        ProfileError: The column is absent or does not hold strings.
    """
    column = _column(table, name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ProfileError(f"column '{name}' is {column.type}; a categorical feature holds strings")
    return column.cast(pa.string())


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise ProfileError(f"there is no column '{name}'; the table has {', '.join(table.column_names)}")
    return table[name]


def _numeric(name: str, values: NDArray[np.float64]) -> NumericProfile:
    present = np.sort(values[~np.isnan(values)])
    missing = len(values) - len(present)
    if not len(present):
        return NumericProfile(edges=(), counts=(0,), missing=missing, sample=())
    if not np.isfinite(present[[0, -1]]).all():
        raise ProfileError(f"column '{name}' holds an infinite value; make it missing in the feature's declaration")
    edges = _edges(present)
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return NumericProfile(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        missing=missing,
        sample=tuple(_order_statistics(present, min(SAMPLE, len(present))).tolist()),
    )


def _edges(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deciles; a value that fills more than one of them has a bin of its own, edges on both its sides.

    Without that, a feature that is nearly always 1 could fall to 0.5 inside its one bin, unseen.
    """
    deciles = np.quantile(ordered, np.arange(1, BINS) / BINS, method="inverted_cdf")
    edges, repeats = np.unique(deciles, return_counts=True)
    own = edges[repeats > 1]
    below = np.where(own == 0, -np.finfo(np.float64).tiny, np.nextafter(own, -np.inf))  # no subnormal: some flush them
    return np.unique(np.concatenate([edges, below]))


def _order_statistics(ordered: NDArray[np.float64], wanted: int) -> NDArray[np.float64]:
    ranks = np.floor((np.arange(wanted) + 0.5) / wanted * len(ordered)).astype(np.int64)
    return ordered[ranks]


def _category(values: pa.ChunkedArray) -> CategoryProfile:
    counted = pc.value_counts(values.drop_null())
    found = sorted((str(entry["values"]), int(entry["counts"])) for entry in counted.to_pylist())
    seen = sorted(sorted(found, key=lambda entry: -entry[1])[:KEPT])
    return CategoryProfile(
        values=tuple(value for value, _ in seen),
        counts=tuple(count for _, count in seen),
        missing=values.null_count,
        other=sum(count for _, count in found) - sum(count for _, count in seen),
    )


def _read_numeric(name: str, part: Mapping[str, Any]) -> NumericProfile:
    profile = NumericProfile(
        edges=_floats(name, part["edges"]),
        counts=_counts(name, part["counts"]),
        missing=int(part["missing"]),
        sample=_floats(name, part["sample"]),
    )
    if len(profile.counts) != len(profile.edges) + 1 or any(a >= b for a, b in pairwise(profile.edges)):
        raise ProfileError(f"profile of '{name}': edges must ascend and counts be one more than the edges")
    if any(a > b for a, b in pairwise(profile.sample)):
        raise ProfileError(f"profile of '{name}': the sample must be sorted")
    return profile


def _read_category(name: str, part: Mapping[str, Any]) -> CategoryProfile:
    profile = CategoryProfile(
        values=tuple(str(value) for value in part["values"]),
        counts=_counts(name, part["counts"]),
        missing=int(part["missing"]),
        other=int(part.get("other", 0)),
    )
    if len(profile.values) != len(profile.counts):
        raise ProfileError(f"profile of '{name}': {len(profile.values)} values and {len(profile.counts)} counts")
    return profile


def _floats(name: str, values: Sequence[Any]) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if not all(math.isfinite(number) for number in numbers):
        raise ProfileError(f"profile of '{name}' holds a number that is not finite")
    return numbers


def _counts(name: str, values: Sequence[Any]) -> tuple[int, ...]:
    numbers = tuple(int(value) for value in values)
    if any(number < 0 for number in numbers):
        raise ProfileError(f"profile of '{name}' holds a negative count")
    return numbers
