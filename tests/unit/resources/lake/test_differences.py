"""How many rows differ between two versions of a day."""

import math
from typing import Any

import pyarrow as pa

from resources.lake.differences import RowChanges, row_changes


def rows(*given: tuple[Any, ...]) -> pa.Table:
    columns = list(zip(*given, strict=True)) if given else [(), ()]
    return pa.table({"id": pa.array(columns[0], pa.string()), "amount": pa.array(columns[1], pa.float64())})


BEFORE = rows(("a", 1.0), ("b", None), ("c", 3.0))


def test_the_order_of_rows_and_equal_missing_values_are_no_change() -> None:
    assert not row_changes(BEFORE, rows(("c", 3.0), ("a", 1.0), ("b", None)), ["id"]).any
    assert not row_changes(rows(("a", math.nan)), rows(("a", math.nan)), ["id"]).any
    assert not row_changes(rows(), rows(), ["id"]).any


def test_rows_with_a_key_are_added_removed_or_altered() -> None:
    after = rows(("a", 1.5), ("b", None), ("d", 4.0), ("e", 5.0))
    assert row_changes(BEFORE, after, ["id"]) == RowChanges(added=2, removed=1, altered=1)
    assert row_changes(BEFORE, rows(("a", 1.0), ("b", 0.0), ("c", 3.0)), ["id"]) == RowChanges(0, 0, 1)


def test_rows_without_a_key_of_their_own_are_compared_as_wholes() -> None:
    after = rows(("a", 1.5), ("b", None), ("c", 3.0))
    assert row_changes(BEFORE, after, []) == RowChanges(1, 1, 0)
    assert row_changes(BEFORE, after, ["unknown"]) == RowChanges(1, 1, 0)
    twice = rows(("a", 1.0), ("a", 1.0), ("b", None))
    assert row_changes(rows(("a", 1.0), ("b", None)), twice, ["id"]) == RowChanges(1, 0, 0)
    assert row_changes(twice, rows(("a", 2.0), ("b", None)), ["id"]) == RowChanges(1, 2, 0)


def test_a_new_column_alters_the_rows_that_have_a_value_in_it() -> None:
    after = BEFORE.append_column("note", pa.array(["x", None, None], pa.string()))
    assert row_changes(BEFORE, after, ["id"]) == RowChanges(0, 0, 1)
    assert row_changes(BEFORE.slice(0, 0), BEFORE, ["id"]) == RowChanges(3, 0, 0)
    assert row_changes(BEFORE, BEFORE.slice(0, 0), ["id"]) == RowChanges(0, 3, 0)
