"""Blocks: the same entity in the same bucket, and nothing lost on the way."""

from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from assets.features import blocks
from assets.features.conditions import FeatureError
from resources.object_stores import open_place


def _column(values: list[object], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values).cast(kind)])


def test_a_key_has_one_bucket_whatever_its_column_is_like() -> None:
    numbers = list(range(-500, 500))
    wide, narrow = (blocks.entity_buckets(_column(numbers, kind), 7) for kind in (pa.int64(), pa.int16()))
    np.testing.assert_array_equal(wide, narrow)
    texts = [f"C{number:07d}" for number in range(1_000)]
    kinds = (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
    first, *others = (blocks.entity_buckets(_column(texts, kind), 7) for kind in kinds)
    for other in others:
        np.testing.assert_array_equal(first, other)
    for found in (wide, first):
        assert np.bincount(found, minlength=7).min() > 90


def test_a_missing_key_has_a_bucket_too() -> None:
    assert 0 <= blocks.entity_buckets(_column([None, 3], pa.int64()), 5)[0] < 5
    assert 0 <= blocks.entity_buckets(_column([None, "a"], pa.string()), 5)[0] < 5
    assert blocks.entity_buckets(_column([None], pa.null()), 5).tolist() == [0]


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(FeatureError, match="an entity key is double"):
        blocks.entity_buckets(_column([1.5], pa.float64()), 5)


def test_packing_and_unpacking_lose_nothing() -> None:
    table = pa.table({"key": pa.array(range(100)), "text": pa.array([f"t{n}" if n % 3 else None for n in range(100)])})
    bucket = blocks.entity_buckets(table["key"], 4)
    packed = list(blocks.packed(table, "tx", bucket, 4)) + list(blocks.packed(table.slice(0, 5), "rows", bucket[:5], 4))
    assert {batch.schema for batch in packed} == {blocks.BLOCKS}
    for batch in packed:
        numbers = blocks.unpacked(iter([batch]))[batch["kind"][0].as_py()]["key"]
        assert set(blocks.entity_buckets(numbers, 4)) == {batch["bucket"][0].as_py()}
    joined = blocks.unpacked(iter(packed))
    assert joined["tx"].sort_by("key").equals(table)
    assert joined["rows"].sort_by("key").equals(table.slice(0, 5))


def test_small_tables_are_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ROWS", 10)
    parts = [pa.table({"a": pa.array(range(size))}) for size in (4, 4, 4, 0, 25, 3)]
    assert [len(table) for table in blocks.gathered(iter(parts))] == [12, 25, 3]


def test_a_column_that_the_file_lacks_is_null_and_another_name_is_taken(tmp_path: Path) -> None:
    pq.write_table(pa.table({"old": [1, 2], "unread": [3, 4]}), tmp_path / "x.parquet")
    table = blocks.read_table(str(tmp_path / "x.parquet"), {"new": "old", "absent": "absent", "again": "old"})
    assert table.to_pydict() == {"new": [1, 2], "absent": [None, None], "again": [1, 2]}


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_files_in_a_bucket_are_read_without_a_jar(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either variable names the S3; that of S3 alone goes before the general one."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        for name, value in {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            variable: f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="lake")
        files, path = open_place("s3://lake/events/day=2026-01-01/part.parquet")
        pq.write_table(pa.table({"a": [1, 2, 3]}), path, filesystem=files)
        address = "s3://lake/events/day=2026-01-01/part.parquet"
        assert blocks.read_schema(address).names == ["a"]
        assert blocks.size_of([address]) == files.get_file_info(path).size > 0
        assert blocks.read_table(address, {"a": "a"}).to_pydict() == {"a": [1, 2, 3]}
    finally:
        server.stop()


def test_days_are_those_of_utc() -> None:
    moments = pa.chunked_array([pa.array([-1, 0, 86_400_000_000 - 1, 86_400_000_000], pa.timestamp("us", tz="UTC"))])
    assert blocks.day_numbers(moments).tolist() == [-1, 0, 0, 1]


@pytest.mark.parametrize(
    "keys", [pa.array(range(20_000)), pa.array([f"C{number:07}" for number in range(20_000)])], ids=["numbers", "texts"]
)
def test_the_fullest_of_many_buckets_has_little_more_than_its_share(keys: pa.Array) -> None:
    sizes = np.bincount(blocks.entity_buckets(pa.chunked_array([keys]), 16), minlength=16)
    assert sizes.max() < 1.2 * len(keys) / 16


@pytest.mark.parametrize("alone", [False, True])
def test_files_are_read_in_their_order_and_only_the_wanted_entities_kept(tmp_path: Path, alone: bool) -> None:
    for number in range(20):
        table = pa.table({"entity": ["a", "b", None, "c"], "place": [4 * number + step for step in range(4)]})
        pq.write_table(table, tmp_path / f"{number:02d}.parquet")

    def read(address: str) -> pa.Table:
        return blocks.read_entities(
            address, {"entity": "entity", "place": "place"}, "entity", pa.array(["c", "a", "z"])
        )

    found = pa.concat_tables(blocks.read_each(read, sorted(map(str, tmp_path.iterdir())), alone=alone))
    assert found["place"].to_pylist() == [4 * number + step for number in range(20) for step in (0, 3)]
