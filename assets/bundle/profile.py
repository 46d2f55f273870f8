"""The reference profile: the distribution of features and scores over the rows on which a model was approved.

Belongs here: summarising the approval rows, small enough for the bundle (`reference.json`), and assigning later values
to the same bins. Does not belong here: comparing distributions (`assets.monitoring.distributions`).

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

from resources.errors import LooplineError, listed

BINS = 10
SAMPLE = 256
"""Largest number of order statistics kept of a numeric column; their distribution is within 1 / (2 * SAMPLE) of it."""
KEPT = 50
"""Largest number of values kept of a categorical column: the most frequent suffice to tell distributions apart."""

_FORMAT = 1


class ProfileError(LooplineError):
    """A profile cannot be built or read; the message names the column and its fault."""


@dataclass(frozen=True)
class NumericProfile:
    """One numeric column.

    Attributes:
        edges: Inner bin edges, strictly ascending; bin i holds values in (edges[i-1], edges[i]], the first and the
            last bin are unbounded.
        counts: Reference rows in each bin; one entry more than `edges`.
        missing: Reference rows without a value.
        sample: Sorted order statistics at the ranks (i + 0.5) / n; empty when every value was missing.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    sample: tuple[float, ...]

    @property
    def cells(self) -> int:
        """Number of bins, including the last one for missing values."""
        return len(self.counts) + 1

    def assign(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The bin of each value, int64 [n]; NaN is missing and is in the last bin."""
        bins = np.searchsorted(np.asarray(self.edges), values, side="left")
        return np.where(np.isnan(values), self.cells - 1, bins).astype(np.int64)

    @property
    def expected(self) -> NDArray[np.int64]:
        """Reference rows in each bin, missing values last: int64 [cells]."""
        return np.array([*self.counts, self.missing], dtype=np.int64)


@dataclass(frozen=True)
class CategoryProfile:
    """One categorical column.

    Attributes:
        values: The values kept, in the order of their texts; the `KEPT` most frequent ones.
        counts: Reference rows with each kept value.
        missing: Reference rows without a value.
        other: Reference rows with a value that is not kept.
    """

    values: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int
    other: int = 0

    @property
    def cells(self) -> int:
        """Number of cells: one for each kept value, one for other values, one for missing values."""
        return len(self.values) + 2

    def assign(self, values: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
        """The cell of each value, int64 [n]."""
        kept = pc.index_in(values, value_set=pa.array(self.values, pa.string()))
        cells = pc.fill_null(kept, pa.scalar(len(self.values), pa.int32())).to_numpy().astype(np.int64)
        return np.where(values.is_null().to_numpy(zero_copy_only=False), self.cells - 1, cells).astype(np.int64)

    @property
    def expected(self) -> NDArray[np.int64]:
        """Reference rows in each cell: kept values, other values, missing values: int64 [cells]."""
        return np.array([*self.counts, self.other, self.missing], dtype=np.int64)


@dataclass(frozen=True)
class ReferenceProfile:
    """The rows on which a model was approved.

    Attributes:
        rows: Number of rows.
        positive_rate: Share of positives among the rows.
        auc: Area under the ROC curve on the rows; the realised AUC is compared with it.
        numeric, categories: For each feature its profile.
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
            ProfileError: The format is unknown, or a field is missing or inconsistent.
        """
        if values.get("format") != _FORMAT:
            raise ProfileError(f"reference profile of format {values.get('format')!r}; this code reads {_FORMAT}")
        try:
            return cls(
                rows=int(values["rows"]),
                positive_rate=float(values["positive_rate"]),
                auc=float(values["auc"]),
                numeric={name: _read_numeric(name, record) for name, record in values["numeric"].items()},
                categories={name: _read_category(name, record) for name, record in values["categories"].items()},
                score=_read_numeric("score", values["score"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ProfileError(f"reference profile: a field is missing or of the wrong type: {error!r}") from error


def build_profile(
    features: pa.Table,
    scores: NDArray[np.floating[Any]],
    numeric: Iterable[str],
    categories: Iterable[str],
    *,
    positive_rate: float,
    auc: float,
) -> ReferenceProfile:
    """Summarises the approval rows.

    Args:
        features: One row for each decision, with the named columns; null and NaN are missing.
        scores: Calibrated score of each row, floating [n].
        numeric, categories: Names of the features of each kind.
        positive_rate, auc: Measured on the same rows.

    Raises:
        ProfileError: There are no rows, a column is missing, of another type or infinite, or scores and rows differ.
    """
    if features.num_rows == 0 or features.num_rows != len(scores):
        raise ProfileError(f"{features.num_rows} rows of features and {len(scores)} scores; give one score per row")
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
        ProfileError: The column is missing or not numeric.
    """
    column = _column(table, name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise ProfileError(f"column '{name}' is {column.type}; a numeric feature holds numbers")
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def category_values(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A categorical column as strings.

    Raises:
        ProfileError: The column is missing or does not hold strings.
    """
    column = _column(table, name)
    value_type = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(value_type) or pa.types.is_large_string(value_type)):
        raise ProfileError(f"column '{name}' is {column.type}; a categorical feature holds strings")
    return column.cast(pa.string())


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise ProfileError(f"there is no column '{name}'; the table has {listed(table.column_names)}")
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
    """Deciles; a value that fills more than one decile has a bin of its own, with an edge on both sides.

    Otherwise a feature that is nearly always 1 could fall to 0.5 without leaving its bin.
    """
    deciles = np.quantile(ordered, np.arange(1, BINS) / BINS, method="inverted_cdf")
    edges, repeats = np.unique(deciles, return_counts=True)
    frequent = edges[repeats > 1]
    below = np.where(frequent == 0, -np.finfo(np.float64).tiny, np.nextafter(frequent, -np.inf))  # never a subnormal
    return np.unique(np.concatenate([edges, below]))


def _order_statistics(ordered: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    ranks = np.floor((np.arange(count) + 0.5) / count * len(ordered)).astype(np.int64)
    return ordered[ranks]


def _category(values: pa.ChunkedArray) -> CategoryProfile:
    counted = pc.value_counts(values.drop_null())
    value_counts = sorted((str(entry["values"]), int(entry["counts"])) for entry in counted.to_pylist())
    kept = sorted(sorted(value_counts, key=lambda entry: -entry[1])[:KEPT])
    return CategoryProfile(
        values=tuple(value for value, _ in kept),
        counts=tuple(count for _, count in kept),
        missing=values.null_count,
        other=sum(count for _, count in value_counts) - sum(count for _, count in kept),
    )


def _read_numeric(name: str, record: Mapping[str, Any]) -> NumericProfile:
    profile = NumericProfile(
        edges=_floats(name, record["edges"]),
        counts=_counts(name, record["counts"]),
        missing=int(record["missing"]),
        sample=_floats(name, record["sample"]),
    )
    if len(profile.counts) != len(profile.edges) + 1 or any(a >= b for a, b in pairwise(profile.edges)):
        raise ProfileError(f"profile of '{name}': edges must ascend, and there must be one count more than edges")
    if any(a > b for a, b in pairwise(profile.sample)):
        raise ProfileError(f"profile of '{name}': the sample must be sorted")
    return profile


def _read_category(name: str, record: Mapping[str, Any]) -> CategoryProfile:
    profile = CategoryProfile(
        values=tuple(str(value) for value in record["values"]),
        counts=_counts(name, record["counts"]),
        missing=int(record["missing"]),
        other=int(record.get("other", 0)),
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
