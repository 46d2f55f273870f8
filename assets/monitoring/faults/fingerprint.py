"""The fingerprint of a day's rows: exact counts of each column, from which later days judge the next ones.

Belongs here: counting the rows, the columns and the repetitions of a day. Does not belong here: the cells
(`cells.py`), the table that keeps fingerprints (`storage.py`), judging them (`recognition.py`).

A fingerprint holds no row and no key: texts are counted by value only where a day has few different ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.faults.cells import HALF_HOURS, NUMBER_CELLS, half_hours, number_cells, step_counts

ColumnKind = Literal["number", "text", "time", "other"]

MOST_VALUES = 100
"""A text with more different values in a day is no category, nor one whose values come less than twice on average: its
values are not kept."""


@dataclass(frozen=True)
class ColumnPrint:
    """One column of a day.

    Attributes:
        rows, missing: Rows of the day, and those without a value; NaN is none.
        distinct: Different values.
        commonest: How many rows have the most frequent value.
        low, high: The smallest and the largest number; `None` for other kinds and without a value.
        cells: Of numbers the count of each cell (`cells.number_cells`), of times of each half hour of the day.
        values: Of texts the count of each value; empty where there are too many.
        steps: Of numbers, how many are exact at each step (`cells.step_counts`).
    """

    kind: ColumnKind
    rows: int
    missing: int
    distinct: int
    commonest: int
    low: float | None = None
    high: float | None = None
    cells: Mapping[int, int] = field(default_factory=dict)
    values: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[int, ...] = ()

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """The share of the rows without a value; 0 without rows."""
        return self.missing / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Fingerprint:
    """The rows of a day of a validated source, or of the feature table.

    Attributes:
        rows: How many there are.
        repeated_keys: Rows whose key an earlier row of the day has.
        copies: Rows that equal an earlier one of the day in every column besides the key.
        columns: By name.
    """

    rows: int
    repeated_keys: int = 0
    copies: int = 0
    columns: Mapping[str, ColumnPrint] = field(default_factory=dict)


def fingerprint(
    rows: pa.Table, columns: Sequence[str], key: Sequence[str], *, plain: Sequence[str] = ()
) -> Fingerprint:
    """The fingerprint of a day's rows.

    Args:
        columns: The columns to count.
        key: The columns that identify a row.
        plain: Columns of personal or identifying texts: only how many differ is kept of them, never a value.
    """
    found = {name: column_print(rows[name], with_values=name not in plain) for name in columns}
    beside = [name for name in rows.column_names if name not in key]
    return Fingerprint(rows.num_rows, _repeated(rows, key), _repeated(rows, beside), found)


def column_print(column: pa.ChunkedArray, *, with_values: bool = True) -> ColumnPrint:
    """The counts of one column."""
    kind = _kind(column.type)
    if kind == "number" and pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    present = column.drop_null()
    counted = pc.value_counts(present) if len(present) else None
    distinct = 0 if counted is None else len(counted)
    commonest = 0 if counted is None else pc.max(counted.field("counts")).as_py()
    found = ColumnPrint(kind, len(column), column.null_count, distinct, commonest)
    if kind == "number":
        values = present.cast(pa.float64()).to_numpy()
        low, high = (float(values.min()), float(values.max())) if len(values) else (None, None)
        cells = _sparse(number_cells(values), NUMBER_CELLS)
        return replace(found, low=low, high=high, cells=cells, steps=tuple(step_counts(values).tolist()))
    if kind == "time":
        moments = present.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return replace(found, cells=_sparse(half_hours(moments), HALF_HOURS))
    is_category = kind == "text" and with_values and distinct <= min(MOST_VALUES, len(present) // 2)
    pairs = counted.to_pylist() if counted is not None and is_category else []
    return replace(found, values=dict(sorted((str(pair["values"]), pair["counts"]) for pair in pairs)))


def _kind(kind: pa.DataType) -> ColumnKind:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        return "text"
    return "time" if pa.types.is_timestamp(kind) else "other"


def _sparse(cells: np.ndarray, size: int) -> dict[int, int]:
    counts = np.bincount(cells, minlength=size)
    return {int(cell): int(counts[cell]) for cell in np.flatnonzero(counts)}


def _repeated(rows: pa.Table, names: Sequence[str]) -> int:
    if not names or not rows.num_rows:
        return 0
    return rows.num_rows - rows.select(names).group_by(list(names)).aggregate([]).num_rows
