"""A lake that holds what it has read: the same rows, each file read once, other writers' commits seen at once."""

from pathlib import Path

import pyarrow as pa
import pytest

from resources.lake import Lake
from resources.lake.errors import DamagedLog, DamagedPartition
from resources.lake.kept_files import KeptFiles
from tests.unit.resources.lake.samples import DAYS, rows

PLENTY = 1 << 20


def spoil(tmp_path: Path) -> None:
    """Changes every data file in its place; its size is as before."""
    for path in (tmp_path / "p" / "t").rglob("*.parquet"):
        if "_delta_log" not in path.parts:
            path.write_bytes(bytes(path.stat().st_size))


def test_rows_are_those_of_a_lake_that_holds_nothing(lake: Lake, tmp_path: Path) -> None:
    keeping = Lake(str(tmp_path), KeptFiles(PLENTY))
    for _ in range(2):
        assert keeping.read("p/t").equals(lake.read("p/t"))
        assert keeping.read("p/t", days=DAYS[1:3], columns=["word"]).equals(
            lake.read("p/t", days=DAYS[1:3], columns=["word"])
        )
        assert keeping.read("p/t", days=[]).equals(lake.read("p/t", days=[]))


def test_a_file_is_read_once_and_a_new_one_is_read(tmp_path: Path, lake: Lake) -> None:
    keeping = Lake(str(tmp_path), KeptFiles(PLENTY))
    before = keeping.read("p/t")
    spoil(tmp_path)
    assert keeping.read("p/t").equals(before)
    lake.replace("p/t", rows(DAYS[:1], offset=100), days=DAYS[:1])
    assert keeping.read("p/t")["id"].to_pylist() == [100, 101, 102, *before["id"].to_pylist()[3:]]
    with pytest.raises(DamagedPartition):
        Lake(str(tmp_path), KeptFiles(PLENTY)).read("p/t")


def test_what_was_read_least_recently_is_given_up(tmp_path: Path, lake: Lake) -> None:
    one_day = lake.read("p/t", days=DAYS[:1]).nbytes
    keeping = Lake(str(tmp_path), KeptFiles(2 * one_day + 8))
    for day in DAYS[:3]:
        keeping.read("p/t", days=[day])
    spoil(tmp_path)
    assert keeping.read("p/t", days=DAYS[1:3]).num_rows == 6
    with pytest.raises(DamagedPartition):
        keeping.read("p/t", days=DAYS[:1])


def test_a_column_that_the_table_has_since_is_there(tmp_path: Path, lake: Lake) -> None:
    keeping = Lake(str(tmp_path), KeptFiles(PLENTY))
    keeping.read("p/t")
    more = rows(DAYS[:1])
    lake.replace("p/t", more.append_column("new", pa.array([1.0] * more.num_rows)), days=DAYS[:1])
    assert keeping.read("p/t")["new"].to_pylist() == [1.0] * 3 + [None] * 12


def test_commits_of_another_writer_are_seen_at_once(tmp_path: Path, lake: Lake) -> None:
    """Also those of the same moment, of which the time of the log's folder does not tell."""
    keeping = Lake(str(tmp_path), KeptFiles(PLENTY))
    for number in range(1, 25):
        lake.replace("p/t", rows(DAYS[:1], offset=number), days=DAYS[:1])
        assert keeping.version("p/t") == number
        assert keeping.read("p/t", days=DAYS[:1])["id"].to_pylist()[0] == number


def test_an_entry_that_is_gone_is_told_by_a_lake_that_holds_its_log(tmp_path: Path, lake: Lake) -> None:
    lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    keeping = Lake(str(tmp_path), KeptFiles(PLENTY))
    keeping.read("p/t")
    (tmp_path / "p" / "t" / "_delta_log" / f"{1:020}.json").unlink()
    with pytest.raises(DamagedLog, match="is missing"):
        keeping.read("p/t")
