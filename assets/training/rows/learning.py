"""The rows that a model learns from, and their labels.

Belongs here: the frozen training rows, and the join of features with labels. Does not belong here: the rule of a label
(`labels.py`), reading tables (`assets.training.assets`), encoding features (`assets.bundle.encoder`), splitting by time
(`split.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.training.rows.tables import RowsError, micros_of, numbers_of

LABEL = "label"
"""The column of the training set with the label."""


class SupportsEncode(Protocol):
    """Turns a feature table into a matrix; `assets.bundle.encoder.Encoder` does."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def sources(self) -> tuple[str, ...]: ...

    def encode(self, table: pa.Table) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Labelled rows, ready for a model; every array has one entry per row, in the same order.

    Attributes:
        matrix: float32 [n, m], NaN = missing.
        columns: The m encoded columns ("amount", "purpose=car").
        sources: For each column, the feature that it encodes ("amount", "purpose").
        y: int8 [n]; 1 is the bad outcome.
        as_of: datetime64[us] [n], UTC; the time of the decision.
        row_ids: Row ids [n], from the spine.
        protected: For each protected attribute, its values [n]; never given to a model.
        stake: float64 [n], the amount of which the row's profit is a share; `None` where profit is an amount.
        amount: float64 [n], what the model learns where its target is an amount; `y` is then whether it is above the
            median. `None` where the target is binary.
        ruled: int8 [n], what the product's rules would answer of the row today: 0 nothing, 1 a referral, 2 a refusal;
            `None` where the product has no rules.
    """

    matrix: NDArray[np.float32]
    columns: tuple[str, ...]
    sources: tuple[str, ...]
    y: NDArray[np.int8]
    as_of: NDArray[np.datetime64]
    row_ids: NDArray[np.generic]
    protected: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    stake: NDArray[np.float64] | None = None
    ruled: NDArray[np.int8] | None = None
    amount: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.matrix.dtype != np.float32:
            raise RowsError(f"matrix is {self.matrix.dtype} {self.matrix.shape}; it must be float32 with two axes")
        if not self.matrix.shape[1] == len(self.columns) == len(self.sources):
            raise RowsError(
                f"matrix has {self.matrix.shape[1]} columns, {len(self.columns)} names and {len(self.sources)} sources"
            )
        arrays = {"y": self.y, "as_of": self.as_of, "row_ids": self.row_ids, **self.protected}
        if self.stake is not None:
            arrays["stake"] = self.stake
        if self.ruled is not None:
            arrays["ruled"] = self.ruled
        if self.amount is not None:
            arrays["amount"] = self.amount
        for name, values in arrays.items():
            if values.shape != (len(self.matrix),):
                raise RowsError(f"{name} has the shape {values.shape}; the matrix has {len(self.matrix)} rows")
        if self.y.dtype != np.int8 or not np.all((self.y == 0) | (self.y == 1)):
            raise RowsError(f"y must be int8 of 0 and 1; it is {self.y.dtype} with {np.unique(self.y)[:5]}")
        if self.as_of.dtype != np.dtype("datetime64[us]") or bool(np.isnat(self.as_of).any()):
            raise RowsError(f"as_of must be datetime64[us] without gaps; it is {self.as_of.dtype}")

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, indices: NDArray[np.int64]) -> "TrainingRows":
        """The rows at these positions, in this order."""
        return TrainingRows(
            matrix=self.matrix[indices],
            columns=self.columns,
            sources=self.sources,
            y=self.y[indices],
            as_of=self.as_of[indices],
            row_ids=self.row_ids[indices],
            protected={name: values[indices] for name, values in self.protected.items()},
            stake=None if self.stake is None else self.stake[indices],
            ruled=None if self.ruled is None else self.ruled[indices],
            amount=None if self.amount is None else self.amount[indices],
        )

    @property
    def learned(self) -> NDArray[np.int8] | NDArray[np.float64]:
        """What a model is fitted to: the amounts where there are any, else the labels."""
        return self.y if self.amount is None else self.amount

    @property
    def amounts(self) -> NDArray[np.float64]:
        """The amounts of rows whose target is an amount.

        Raises:
            RowsError: The target is binary.
        """
        if self.amount is None:
            raise RowsError("the rows have labels and no amounts: their target is binary")
        return self.amount

    @property
    def span_days(self) -> float:
        """The time from the first to the last decision, in days, at least one."""
        return max(float((self.as_of.max() - self.as_of.min()) / np.timedelta64(1, "D")), 1.0)


def assemble(
    features: pa.Table,
    labels: pa.Table,
    *,
    encoder: SupportsEncode,
    row_id: str,
    as_of: str = "as_of",
    protected: Sequence[str] = (),
    stake: str | None = None,
) -> TrainingRows:
    """The rows that have a label, in the order of (as_of, position in the feature table).

    Args:
        features: The feature table, with its row id, `as_of` and passthrough columns.
        labels: The result of `mature_labels`, under the same row id; rows without a label are left out.
        encoder: Builds the matrix, from the kept rows only.
        row_id, as_of: Names of these columns in the feature table.
        protected: Passthrough columns with protected attributes.
        stake: Passthrough column with the amount at stake.

    Raises:
        RowsError: A column is missing, or a stake or an as_of is null.
    """
    wanted = [row_id, as_of, *protected, *([stake] if stake else [])]
    missing = [name for name in wanted if name not in features.column_names]
    if missing:
        raise RowsError(f"the feature table has no {missing}: list them in the product's Spine(passthrough=...)")
    table, y, decided_at = labelled(features, labels, row_id=row_id, as_of=as_of)
    return TrainingRows(
        matrix=encoder.encode(table),
        columns=tuple(encoder.columns),
        sources=tuple(encoder.sources),
        y=y,
        as_of=decided_at,
        row_ids=table.column(row_id).to_numpy(),
        protected={name: table.column(name).to_numpy() for name in protected},
        stake=None if stake is None else numbers_of(table, stake, "the feature table"),
    )


def labelled(
    features: pa.Table, labels: pa.Table, *, row_id: str, as_of: str = "as_of"
) -> tuple[pa.Table, NDArray[np.int8], NDArray[np.datetime64]]:
    """The rows that have a label, in the order of (as_of, position in the feature table), before they are encoded.

    Returns:
        Their features, their labels (int8 [n]) and their as-of times (datetime64[us] [n], UTC).

    Raises:
        RowsError: An as_of is absent or null.
    """
    known = labels.filter(pc.is_valid(labels.column("label")))
    ids = features.column(row_id).combine_chunks()
    known_ids = known.column(row_id).combine_chunks().cast(ids.type)
    label_positions = pc.index_in(ids, value_set=known_ids, skip_nulls=True)
    kept = np.flatnonzero(pc.is_valid(label_positions).to_numpy(zero_copy_only=False))
    decided_at = micros_of(features, as_of, "the feature table")
    kept = kept[np.argsort(decided_at[kept], kind="stable")]
    y = known.column("label").take(label_positions.take(pa.array(kept))).to_numpy().astype(np.int8)
    return features.take(pa.array(kept)), y, decided_at[kept].astype("datetime64[us]")
