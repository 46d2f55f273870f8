"""Data files: reading them from folders and buckets."""

from collections.abc import Mapping
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import LocalFileSystem

from assets.features.table import data_files
from resources.lake import DamagedPartition
from resources.lake.parquet import write_parquet
from resources.sources.object_stores import open_place


def _table(columns: Mapping[str, pa.DataType]) -> data_files.TableVersion:
    return data_files.TableVersion("bank/events", pa.schema(columns))


def test_small_tables_are_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "_ROWS", 10)
    tables = [pa.table({"a": pa.array(range(size))}) for size in (4, 4, 4, 0, 25, 3)]
    assert [len(table) for table in data_files.gathered(iter(tables))] == [12, 25, 3]


def test_a_column_that_the_file_lacks_is_null_and_columns_are_renamed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"old": [1, 2], "unread": [3, 4]}), tmp_path / "x.parquet")
    columns = {
        "new": pa.field("old", pa.int64()),
        "absent": pa.field("absent", pa.string()),
        "again": pa.field("old", pa.int64()),
    }
    table = data_files.read_table(
        str(tmp_path / "x.parquet"), _table({"old": pa.int64(), "unread": pa.int64(), "absent": pa.string()}), columns
    )
    assert table.to_pydict() == {"new": [1, 2], "absent": [None, None], "again": [1, 2]}
    assert table.schema.types == [pa.int64(), pa.string(), pa.int64()]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_files_in_a_bucket_are_read_without_a_jar(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either variable names the endpoint; the one of S3 alone precedes the general one."""
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
        assert data_files.size_of([address]) == files.get_file_info(path).size > 0
        table = _table({"a": pa.int64()})
        assert data_files.read_table(address, table, {"a": table.schema.field("a")}).to_pydict() == {"a": [1, 2, 3]}
    finally:
        server.stop()


@pytest.mark.parametrize("alone", [False, True])
def test_files_are_read_in_order_for_the_wanted_entities_only(tmp_path: Path, alone: bool) -> None:
    for number in range(20):
        table = pa.table({"entity": ["a", "b", None, "c"], "place": [4 * number + step for step in range(4)]})
        pq.write_table(table, tmp_path / f"{number:02d}.parquet")
    events = _table({"entity": pa.string(), "place": pa.int64()})
    columns = {field.name: field for field in events.schema}

    paths, wanted = sorted(map(str, tmp_path.iterdir())), pa.array(["c", "a", "z"])
    found = pa.concat_tables(data_files.read_entities(paths, events, columns, "entity", wanted, alone=alone))
    assert found["place"].to_pylist() == [4 * number + step for number in range(20) for step in (0, 3)]


@pytest.mark.parametrize("harm", ["gone", "cut short", "empty", "of another type", "of another name"])
def test_a_damaged_file_is_named_with_its_table_its_day_and_the_remedy(tmp_path: Path, harm: str) -> None:
    """The remedy for any damage is to recompute the day."""
    path = tmp_path / "day=2026-01-05" / "part.parquet"
    path.parent.mkdir()
    values = ["x"] * 100 if harm == "of another type" else list(range(100))
    pq.write_table(pa.table({"i" if harm == "of another name" else "a": values}), path)
    if harm == "gone":
        path.unlink()
    elif harm in ("cut short", "empty"):
        path.write_bytes(path.read_bytes()[: 0 if harm == "empty" else 200])
    told = (
        f"table bank/events, day 2026-01-05: data file {path} cannot be read .* "
        "loopline backfill bank --from 2026-01-05 --to 2026-01-05 --select events"
    )
    with pytest.raises(DamagedPartition, match=told):
        data_files.read_table(str(path), _table({"a": pa.int64()}), {"a": pa.field("a", pa.int64())})


@pytest.mark.parametrize("alone", [False, True])
def test_of_many_files_the_damaged_one_is_named(tmp_path: Path, alone: bool) -> None:
    paths = [tmp_path / f"day=2026-01-{number:02d}" / "part.parquet" for number in range(1, 21)]
    for path in paths:
        path.parent.mkdir()
        write_parquet(pa.table({"a": np.random.default_rng(0).random(1000)}), str(path), LocalFileSystem())
    content = bytearray(paths[12].read_bytes())
    content[2000] ^= 1
    paths[12].write_bytes(content)
    columns = {"a": pa.field("a", pa.float64())}
    with pytest.raises(DamagedPartition, match=f"day 2026-01-13: data file {paths[12]} cannot be read .*CRC"):
        list(data_files.read_batches([str(path) for path in paths], _table({"a": pa.float64()}), columns, alone=alone))


def test_a_file_that_cannot_be_reached_is_not_called_damaged(tmp_path: Path) -> None:
    """Recomputing its day would not help."""
    (tmp_path / "disk").write_text("not a folder")
    with pytest.raises(NotADirectoryError):
        data_files.read_table(str(tmp_path / "disk" / "day=2026-01-05" / "part.parquet"), _table({}), {})
