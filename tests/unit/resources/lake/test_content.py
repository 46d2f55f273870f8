"""The canonical hash: the same rows, the same hash; one bit more, another."""

import numpy as np
import pyarrow as pa
import pytest

from resources.lake.content import content_hash, content_hashes, ordered_hash, streamed_hash

TABLE = pa.table(
    {
        "id": [3, 1, 2, None],
        "word": ["c", None, "", "a"],
        "value": [0.5, float("nan"), -0.0, None],
        "at": pa.array([3, 2, 1, None], pa.timestamp("us", tz="UTC")),
        "ok": [True, None, False, True],
    }
)


def test_the_order_of_rows_columns_and_chunks_does_not_matter() -> None:
    other = TABLE.take([3, 1, 0, 2]).select(["ok", "at", "value", "word", "id"])
    chunked = pa.concat_tables([other.slice(0, 1), other.slice(1)])
    assert content_hash(chunked) == content_hash(TABLE)


def test_the_hash_of_rows_in_their_order_knows_the_order_and_not_the_chunks() -> None:
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]).select(["ok", "at", "value", "word", "id"])
    assert ordered_hash(chunked) == ordered_hash(TABLE)
    assert ordered_hash(TABLE.take([1, 0, 2, 3])) != ordered_hash(TABLE)
    nothing = pa.table({"a": pa.nulls(3)})
    assert ordered_hash(nothing) != ordered_hash(nothing.slice(1))


@pytest.mark.parametrize("column", TABLE.column_names)
def test_a_changed_value_changes_the_hash(column: str) -> None:
    values = TABLE[column].to_pylist()
    values[0] = None
    changed = TABLE.set_column(TABLE.column_names.index(column), column, pa.array(values, TABLE[column].type))
    assert content_hash(changed) != content_hash(TABLE)


def test_missing_is_not_empty_and_repeated_rows_count() -> None:
    assert content_hash(pa.table({"a": [""]})) != content_hash(pa.table({"a": pa.array([None], pa.string())}))
    assert content_hash(pa.concat_tables([TABLE, TABLE])) != content_hash(TABLE)
    assert content_hash(pa.table({"a": ["ab", "c"]})) != content_hash(pa.table({"a": ["a", "bc"]}))


def test_negative_zero_and_every_nan_are_one_value() -> None:
    odd = np.array([np.frombuffer(np.uint64(0x7FF8000000000001).tobytes(), np.float64)[0], 0.0])
    assert content_hash(pa.table({"a": odd})) == content_hash(pa.table({"a": [float("nan"), -0.0]}))


def test_each_partition_has_the_hash_of_its_rows() -> None:
    parts = pa.concat_tables([TABLE, TABLE.slice(1, 2), TABLE.slice(0, 1)])
    days = pa.array([1, 1, 1, 1, 2, 2, 0], pa.date32())
    table = parts.append_column("day", days).take([6, 0, 4, 3, 1, 5, 2])
    found = content_hashes(table, "day")
    assert list(found) == ["1970-01-01", "1970-01-02", "1970-01-03"]
    for day, found_hash in zip((0, 1, 2), found.values(), strict=True):
        rows = table.filter(
            pa.array([value == pa.scalar(day, pa.date32()).as_py() for value in table["day"].to_pylist()])
        )
        assert found_hash == content_hash(rows)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_rows_in_pieces_have_the_hash_of_all_at_once(size: int) -> None:
    def pieces(name: str) -> list[pa.Array]:
        column = TABLE[name].combine_chunks()
        return [column.slice(first, size) for first in range(0, len(column), size)]

    assert streamed_hash(TABLE.schema, TABLE.num_rows, pieces) == ordered_hash(TABLE)
    none = TABLE.slice(0, 0)
    assert streamed_hash(none.schema, 0, lambda name: []) == ordered_hash(none)
