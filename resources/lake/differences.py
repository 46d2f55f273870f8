"""The difference between two versions of a day's rows.

Belongs here: counting rows that were added, removed or altered. Does not belong here: which days differ (`origins.py`),
reading them (`lake.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class RowChanges:
    """How many rows of a day differ.

    Attributes:
        altered: Rows of the same key with other values; 0 where rows have no key, and count as removed and added.
    """

    added: int
    removed: int
    altered: int

    @property
    def any(self) -> bool:
        """Whether a row differs."""
        return bool(self.added or self.removed or self.altered)

    def __add__(self, other: "RowChanges") -> "RowChanges":
        """Those of several days together."""
        return RowChanges(self.added + other.added, self.removed + other.removed, self.altered + other.altered)


def row_changes(before: pa.Table, after: pa.Table, key: Sequence[str]) -> RowChanges:
    """The rows that differ, whatever their order; a column that only one side has is missing on the other.

    Args:
        key: Columns that identify a row. Rows are compared as wholes if there are none, or if a key is missing or
            stands twice on one side.
    """
    old, new = _rows(before, after)
    shared = sum((Counter(old) & Counter(new)).values())
    removed, added = len(old) - shared, len(new) - shared
    keys = [_keys(table, key) for table in (before, after)]
    if not (removed and added) or any(found is None for found in keys):
        return RowChanges(added, removed, 0)
    old_rows, new_rows = (
        dict(zip(found or (), rows, strict=True)) for found, rows in zip(keys, (old, new), strict=True)
    )
    both = old_rows.keys() & new_rows.keys()
    altered = sum(old_rows[one] != new_rows[one] for one in both)
    return RowChanges(len(new_rows) - len(both), len(old_rows) - len(both), altered)


def _rows(before: pa.Table, after: pa.Table) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Each row as a tuple of numbers, equal exactly for equal rows."""
    names = list(dict.fromkeys([*before.column_names, *after.column_names]))
    sizes = before.num_rows, after.num_rows
    codes = [_codes(_column(before, after, name)) for name in names]
    rows: list[tuple[int, ...]] = [*zip(*codes, strict=True)] if names else [()] * sum(sizes)
    return rows[: sizes[0]], rows[sizes[0] :]


def _column(before: pa.Table, after: pa.Table, name: str) -> pa.ChunkedArray:
    """The column's values of both sides, one after the other."""
    kind = (before if name in before.column_names else after).schema.field(name).type
    parts = [
        table[name].cast(kind) if name in table.column_names else pa.chunked_array([pa.nulls(table.num_rows, kind)])
        for table in (before, after)
    ]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], type=kind)


def _codes(column: pa.ChunkedArray) -> list[int]:
    """A number for each value, the same for the same value; missing values are alike too."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return list(encoded.indices.to_pylist())


def _keys(table: pa.Table, key: Sequence[str]) -> list[tuple[object, ...]] | None:
    """The key of each row; `None` if rows have no key of their own."""
    if not key or not set(key) <= set(table.column_names):
        return None
    columns = [table[name].to_pylist() for name in key]
    found = list(zip(*columns, strict=True))
    return found if len(set(found)) == len(found) and all(None not in one for one in found) else None
