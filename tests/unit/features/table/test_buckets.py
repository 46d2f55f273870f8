"""Blocks: an entity is in one bucket, and no row is lost."""

import numpy as np
import pyarrow as pa
import pytest

from assets.features.table.buckets import entity_buckets
from assets.vocabulary import FeatureError
from resources.spark import blocks


def _column(values: list[object], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values).cast(kind)])


def test_a_key_has_one_bucket_whatever_the_type_of_its_column() -> None:
    numbers = list(range(-500, 500))
    wide, narrow = (entity_buckets(_column(numbers, kind), 7) for kind in (pa.int64(), pa.int16()))
    np.testing.assert_array_equal(wide, narrow)
    texts = [f"C{number:07d}" for number in range(1_000)]
    kinds = (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
    first, *others = (entity_buckets(_column(texts, kind), 7) for kind in kinds)
    for other in others:
        np.testing.assert_array_equal(first, other)
    for found in (wide, first):
        assert np.bincount(found, minlength=7).min() > 90


def test_a_missing_key_has_a_bucket() -> None:
    assert 0 <= entity_buckets(_column([None, 3], pa.int64()), 5)[0] < 5
    assert 0 <= entity_buckets(_column([None, "a"], pa.string()), 5)[0] < 5
    assert entity_buckets(_column([None], pa.null()), 5).tolist() == [0]


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(FeatureError, match="an entity key is double"):
        entity_buckets(_column([1.5], pa.float64()), 5)


def test_unpacked_blocks_have_the_packed_rows() -> None:
    table = pa.table({"key": pa.array(range(100)), "text": pa.array([f"t{n}" if n % 3 else None for n in range(100)])})
    bucket = entity_buckets(table["key"], 4)
    packed = list(blocks.packed(table, "tx", bucket, 4)) + list(blocks.packed(table.slice(0, 5), "rows", bucket[:5], 4))
    assert {batch.schema for batch in packed} == {blocks.BLOCKS}
    for batch in packed:
        numbers = blocks.unpacked(iter([batch]))[batch["kind"][0].as_py()]["key"]
        assert set(entity_buckets(numbers, 4)) == {batch["bucket"][0].as_py()}
    joined = blocks.unpacked(iter(packed))
    assert joined["tx"].sort_by("key").equals(table)
    assert joined["rows"].sort_by("key").equals(table.slice(0, 5))


@pytest.mark.parametrize(
    "keys", [pa.array(range(20_000)), pa.array([f"C{number:07}" for number in range(20_000)])], ids=["numbers", "texts"]
)
def test_buckets_are_of_similar_size(keys: pa.Array) -> None:
    sizes = np.bincount(entity_buckets(pa.chunked_array([keys]), 16), minlength=16)
    assert sizes.max() < 1.2 * len(keys) / 16
