"""The facts about tables, and a table as a file."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.operations.data.tables import TableExportError, export_table, product_tables
from resources.lake import Lake

DAYS = [date(2026, 1, 1), date(2026, 1, 2)]


def rows(*ids: int) -> pa.Table:
    return pa.table({"id": ids, "day": pa.array([DAYS[0]] * (len(ids) - 1) + [DAYS[1]], pa.date32())})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(str(tmp_path / "lake"))
    found.replace("loans/features", rows(1, 2, 3), days=DAYS)
    found.replace("loans/training_set", pa.table({"id": [1]}), days=None)
    return found


def test_a_table_is_described_by_its_content(lake: Lake) -> None:
    before, _ = product_tables(lake, "loans")
    assert (before.name, before.version, before.partitions, before.last_partition) == ("features", 0, 2, "2026-01-02")
    lake.replace("loans/features", rows(2, 1, 3), days=DAYS)
    after, whole = product_tables(lake, "loans")
    assert (after.version, after.content_hash, after.hashes) == (1, before.content_hash, before.hashes)
    assert (whole.partitions, whole.last_partition, list(whole.hashes)) == (0, None, ["all"])
    assert "hashes" in before.to_dict(by_partition=True)
    assert "hashes" not in before.to_dict(by_partition=False)


def test_a_version_is_exported_as_it_was(lake: Lake, tmp_path: Path) -> None:
    lake.replace("loans/features", rows(4, 5), days=DAYS)
    assert export_table(lake, "loans", "features", tmp_path / "old.parquet", 0) == 3
    assert sorted(pq.read_table(tmp_path / "old.parquet")["id"].to_pylist()) == [1, 2, 3]
    assert export_table(lake, "loans", "features", tmp_path / "new.parquet", None) == 2


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(TableExportError, match="there is no folder .*; create it first"):
        export_table(lake, "loans", "features", tmp_path / "none" / "x.parquet", None)
    with pytest.raises(TableExportError, match="is a folder; name a file in it"):
        export_table(lake, "loans", "features", tmp_path, None)
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
