"""The lake: a day is replaced whole or not at all, and damage is found before anybody computes with it."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from resources.lake import DamagedPartition, Lake, LakeError, MissingTable, SchemaConflict

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]


def rows(days: list[date], each: int = 3, offset: int = 0) -> pa.Table:
    count = len(days) * each
    return pa.table(
        {
            "id": pa.array(np.arange(count) + offset),
            "word": pa.array([f"w{n}" for n in range(count)], pa.string()),
            "day": pa.array([day for day in days for _ in range(each)], pa.date32()),
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    lake.replace("p/t", rows(DAYS), days=DAYS, metadata={"run_id": "r1"})
    return lake


def test_a_range_reads_back_in_the_order_of_days(lake: Lake) -> None:
    assert lake.read("p/t").sort_by("id").equals(rows(DAYS))
    assert lake.read("p/t", days=DAYS[1:3])["day"].to_pylist() == [DAYS[1]] * 3 + [DAYS[2]] * 3
    assert lake.days("p/t") == tuple(DAYS)


def test_a_column_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"table p/t has no column wort; it has \['id', 'word', 'day'\]"):
        lake.read("p/t", columns=["id", "wort"])


def test_replacing_a_day_leaves_the_others_and_the_older_version(lake: Lake) -> None:
    commit = lake.replace("p/t", rows(DAYS[2:3], each=1, offset=100), days=DAYS[2:3])
    assert lake.read("p/t", days=DAYS[2:3])["id"].to_pylist() == [100]
    assert lake.read("p/t").num_rows == 13
    assert lake.read("p/t", version=commit.version - 1).num_rows == 15


def test_a_day_without_rows_becomes_empty(lake: Lake) -> None:
    lake.replace("p/t", rows([]), days=DAYS[1:2])
    assert lake.days("p/t") == (DAYS[0], *DAYS[2:])


def test_rows_of_another_day_are_refused_and_nothing_changes(lake: Lake, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*.parquet"))
    with pytest.raises(LakeError, match="rows of day 2026-01-02 in a write of 2026-01-01"):
        lake.replace("p/t", rows(DAYS[:2]), days=DAYS[:1])
    assert lake.version("p/t") == 0
    assert sorted(tmp_path.rglob("*.parquet")) == before


def test_a_new_column_widens_the_table_and_another_type_is_refused(lake: Lake) -> None:
    wider = rows(DAYS[:1]).append_column("more", pa.array([1.0, 2.0, 3.0]))
    lake.replace("p/t", wider, days=DAYS[:1])
    assert lake.read("p/t", columns=["more"])["more"].null_count == 12
    other = rows(DAYS[:1]).set_column(1, "word", pa.array([1, 2, 3]))
    with pytest.raises(SchemaConflict, match="column word is"):
        lake.replace("p/t", other, days=DAYS[:1])


@pytest.mark.parametrize("harm", ["delete", "truncate", "flip a value", "flip a name"])
def test_damage_names_table_day_and_remedy(lake: Lake, harm: str) -> None:
    (path,) = (Path(p) for p in lake.paths("p/t", days=DAYS[3:4]))
    content = bytearray(path.read_bytes())
    if harm == "delete":
        path.unlink()
    elif harm == "truncate":
        path.write_bytes(content[:50])
    elif harm == "flip a value":
        content[content.index(b"w9")] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(bytes(content).replace(b"word", b"wose"))
    with pytest.raises(DamagedPartition, match="table p/t, day 2026-01-04.*loopline backfill p --from 2026-01-04"):
        lake.read("p/t")
    assert lake.read("p/t", days=DAYS[:3]).num_rows == 9


def test_a_table_without_days_is_replaced_whole(lake: Lake) -> None:
    flat = rows(DAYS).drop_columns(["day"])
    lake.replace("p/flat", flat, days=None)
    lake.replace("p/flat", flat.slice(0, 2), days=None)
    assert lake.read("p/flat").num_rows == 2
    assert lake.read("p/flat", version=0).num_rows == 15


def test_what_does_not_exist_is_named(lake: Lake) -> None:
    with pytest.raises(MissingTable, match="table p/none does not exist"):
        lake.read("p/none")
    with pytest.raises(MissingTable, match="versions 0 to 0, not 7"):
        lake.read("p/t", version=7)
    assert lake.tables() == ("p/t",)


def test_the_commit_keeps_what_its_writer_recorded(lake: Lake) -> None:
    assert lake.history("p/t")[-1]["run_id"] == "r1"
